"""The account: wallet, position, fees and funding, moved by fills; all in integers.

The wallet moves only in :func:`_book`, with a ledger row for each movement, so that
``initial + gross - fees + funding == wallet`` holds after every event.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.codes import EventKind, LedgerKind, Liquidity, OrderState, Reason
from engine.exchange.events import note
from engine.exchange.layout import (
    FillRow,
    LedgerRow,
    OrderRow,
    Param,
    State,
    Table,
    TradeRow,
)
from engine.exchange.margin import (
    E7,
    E8,
    bankruptcy_price,
    free_balance,
    initial_margin,
    reserve_for_close,
    set_liquidation,
)
from engine.exchange.rounding import ceil_to, floor_to, mul_div_ceil, mul_div_floor
from engine.kernel import inlined, kernel
from engine.timeframe import DAY_MS


@kernel
def slipped(P: Cells, price: int, side: int, slippage_e7: int) -> int:
    """``price`` moved against an order of ``side`` (1 buy, -1 sell), rounded against it to the
    tick: fills happen at prices that can be traded."""
    tick = P[Param.TICK_UNITS]
    if side > 0:
        return ceil_to(mul_div_ceil(price, E7 + slippage_e7, E7), tick)
    return max(floor_to(mul_div_floor(price, E7 - slippage_e7, E7), tick), tick)


@kernel
def _book(
    S: Cells,
    rows: Cells,
    ts: int,
    kind: int,
    amount: int,
    fill_id: int,
    lots: int,
    price: int,
    rate_e8: int,
) -> None:
    """Move the wallet by ``amount`` and write the ledger row."""
    S[State.WALLET_E8] += amount
    at = S[State.ROWS + Table.LEDGER]
    rows[Table.LEDGER, LedgerRow.LEDGER_ID, at] = S[State.NEXT_LEDGER]
    rows[Table.LEDGER, LedgerRow.TS_MS, at] = ts
    rows[Table.LEDGER, LedgerRow.KIND, at] = kind
    rows[Table.LEDGER, LedgerRow.AMOUNT_E8, at] = amount
    rows[Table.LEDGER, LedgerRow.BALANCE_E8, at] = S[State.WALLET_E8]
    rows[Table.LEDGER, LedgerRow.TRADE_ID, at] = S[State.TRADE_ID]
    rows[Table.LEDGER, LedgerRow.FILL_ID, at] = fill_id
    rows[Table.LEDGER, LedgerRow.LOTS, at] = lots
    rows[Table.LEDGER, LedgerRow.PRICE_UNITS, at] = price
    rows[Table.LEDGER, LedgerRow.RATE_E8, at] = rate_e8
    S[State.ROWS + Table.LEDGER] = at + 1
    S[State.NEXT_LEDGER] += 1
    note(S, rows, ts, EventKind.LEDGER, S[State.NEXT_LEDGER] - 1)


@kernel
def grow(S: Cells, cell: int, amount: int) -> None:
    """Add to a sum that may grow beyond one cell: what exceeds 2^60 is carried to the next."""
    S[cell] += amount
    S[cell + 1] += S[cell] >> 60
    S[cell] &= (1 << 60) - 1


@kernel
def _fill(
    S: Cells,
    P: Cells,
    rows: Cells,
    ts: int,
    order: int,
    side: int,
    lots: int,
    price: int,
    reference: int,
    fee: int,
    gross: int,
    liquidity: int,
    reason: int,
    closes: bool,
) -> None:
    """Write a fill and book its profit and fee on account and trade."""
    at = S[State.ROWS + Table.FILLS]
    fill_id = S[State.NEXT_FILL]
    notional = lots * price * P[Param.VALUE_E8]
    grow(S, State.TURNOVER_E8, notional)
    grow(S, State.SLIPPAGE_E8, side * (price - reference) * lots * P[Param.VALUE_E8])
    rows[Table.FILLS, FillRow.FILL_ID, at] = fill_id
    rows[Table.FILLS, FillRow.ORDER_ID, at] = order
    rows[Table.FILLS, FillRow.TRADE_ID, at] = S[State.TRADE_ID]
    rows[Table.FILLS, FillRow.TS_MS, at] = ts
    rows[Table.FILLS, FillRow.SIDE, at] = side
    rows[Table.FILLS, FillRow.LOTS, at] = lots
    rows[Table.FILLS, FillRow.PRICE_UNITS, at] = price
    rows[Table.FILLS, FillRow.REFERENCE_UNITS, at] = reference
    rows[Table.FILLS, FillRow.NOTIONAL_E8, at] = notional
    rows[Table.FILLS, FillRow.FEE_E8, at] = fee
    rows[Table.FILLS, FillRow.GROSS_E8, at] = gross
    rows[Table.FILLS, FillRow.LIQUIDITY, at] = liquidity
    rows[Table.FILLS, FillRow.REASON, at] = reason
    S[State.ROWS + Table.FILLS] = at + 1
    S[State.NEXT_FILL] = fill_id + 1
    note(S, rows, ts, EventKind.FILL, fill_id)
    if closes:
        S[State.GROSS_E8] += gross
        S[State.TRADE_GROSS_E8] += gross
        _book(S, rows, ts, LedgerKind.PNL, gross, fill_id, lots, price, -1)
    S[State.FEES_E8] += fee
    S[State.TRADE_FEES_E8] += fee
    _book(S, rows, ts, LedgerKind.FEE, -fee, fill_id, lots, price, -1)


@kernel
def order_row(
    S: Cells,
    rows: Cells,
    order: int,
    trade: int,
    kind: int,
    side: int,
    lots: int,
    reference: int,
    price: int,
    new: int,
    accepted: int,
    triggered: int,
    done: int,
) -> int:
    """Write an order that has come to its end; the caller sets what differs from a plain filled
    market order. Returns the row's index."""
    at = S[State.ROWS + Table.ORDERS]
    rows[Table.ORDERS, OrderRow.ORDER_ID, at] = order
    rows[Table.ORDERS, OrderRow.TRADE_ID, at] = trade
    rows[Table.ORDERS, OrderRow.KIND, at] = kind
    rows[Table.ORDERS, OrderRow.SIDE, at] = side
    rows[Table.ORDERS, OrderRow.LOTS, at] = lots
    rows[Table.ORDERS, OrderRow.REFERENCE_UNITS, at] = reference
    rows[Table.ORDERS, OrderRow.PRICE_UNITS, at] = price
    rows[Table.ORDERS, OrderRow.NEW_MS, at] = new
    rows[Table.ORDERS, OrderRow.ACCEPTED_MS, at] = accepted
    rows[Table.ORDERS, OrderRow.TRIGGERED_MS, at] = triggered
    rows[Table.ORDERS, OrderRow.DONE_MS, at] = done
    rows[Table.ORDERS, OrderRow.STATE, at] = OrderState.FILLED
    rows[Table.ORDERS, OrderRow.REFUSAL, at] = 0
    rows[Table.ORDERS, OrderRow.CAUSE, at] = -1
    rows[Table.ORDERS, OrderRow.RULE, at] = -1
    rows[Table.ORDERS, OrderRow.FILLED_LOTS, at] = lots
    rows[Table.ORDERS, OrderRow.TYPE, at] = 0
    rows[Table.ORDERS, OrderRow.TIF, at] = 0
    rows[Table.ORDERS, OrderRow.TRIGGER_UNITS, at] = -1
    S[State.ROWS + Table.ORDERS] = at + 1
    return at


@inlined
def _begin_trade(S: Cells, ts: int, rule: int, now: int) -> None:
    """A new round trip begins, the last price at ``now``."""
    S[State.TRADE_ID] = S[State.NEXT_TRADE]
    S[State.NEXT_TRADE] += 1
    S[State.ENTRY_MS] = ts
    S[State.ENTRY_LOTS] = 0
    S[State.ENTRY_NOTIONAL_E8] = 0
    S[State.EXIT_NOTIONAL_E8] = 0
    S[State.TRADE_GROSS_E8] = 0
    S[State.TRADE_FEES_E8] = 0
    S[State.TRADE_FUNDING_E8] = 0
    S[State.TRADE_BARS] = 0
    S[State.LOW_UNITS] = now
    S[State.HIGH_UNITS] = now
    S[State.RISK_UNITS] = -1
    S[State.RISK_E8] = -1
    S[State.ENTRY_RULE] = rule
    if S[State.TRADE_DAY] != ts // DAY_MS:
        S[State.TRADE_DAY] = ts // DAY_MS
        S[State.DAY_TRADES] = 0
    S[State.DAY_TRADES] += 1


@inlined
def open_lots(
    S: Cells,
    P: Cells,
    rows: Cells,
    ts: int,
    order: int,
    side: int,
    lots: int,
    price: int,
    reference: int,
    now: int,
    liquidity: int,
    leverage_e2: int,
    rule: int,
) -> None:
    """Open or add ``lots`` on ``side``: fee, margin set aside; a new trade when flat.

    ``reference`` is the unslipped price of the fill, ``now`` the last price at that moment.
    """
    if S[State.SIDE] == 0:
        _begin_trade(S, ts, rule, now)
        S[State.SIDE] = side
        S[State.LEVERAGE_E2] = leverage_e2
    cost = lots * price * P[Param.VALUE_E8]
    margin = initial_margin(cost, leverage_e2)
    S[State.LOTS] += lots
    S[State.COST_E8] += cost
    S[State.INITIAL_MARGIN_E8] += margin
    S[State.MARGIN_E8] += margin + reserve_for_close(P, side, cost, leverage_e2)
    S[State.ENTRY_LOTS] += lots
    S[State.ENTRY_NOTIONAL_E8] += cost
    fee_e7 = P[Param.MAKER_E7] if liquidity == Liquidity.MAKER else P[Param.TAKER_E7]
    fee = mul_div_ceil(cost, fee_e7, E7)
    _fill(
        S, P, rows, ts, order, side, lots, price, reference, fee, 0, liquidity, Reason.ENTRY, False
    )
    set_liquidation(S, P)


@kernel
def share(total: int, lots: int, held: int) -> int:
    """The part of ``total`` that ``lots`` of ``held`` take, floored; what is left stays."""
    return total if lots == held else mul_div_floor(total, lots, held)


@kernel
def closing_share(S: Cells, P: Cells, lots: int, price: int, fee_e7: int) -> tuple[int, int, bool]:
    """What closing ``lots`` of the position at ``price`` brings: ``(gross, fee, settled)``.

    A loss that with its fee would exceed its share of the position margin takes exactly that
    share, fee 0 (``settled``): the wallet never goes negative.
    """
    held = S[State.LOTS]
    margin = share(S[State.MARGIN_E8], lots, held)
    notional = lots * price * P[Param.VALUE_E8]
    gross = S[State.SIDE] * (notional - share(S[State.COST_E8], lots, held))
    fee = mul_div_ceil(notional, fee_e7, E7)
    if fee - gross > margin:
        return -margin, 0, True
    return gross, fee, False


@kernel
def take_share(S: Cells, lots: int) -> None:
    """Take ``lots`` out of the position with their share of cost, margins and shortfalls."""
    held = S[State.LOTS]
    for cell in (
        State.COST_E8,
        State.INITIAL_MARGIN_E8,
        State.SHORTFALL_E8,
        State.MARGIN_E8,
    ):
        S[cell] -= share(S[cell], lots, held)
    S[State.LOTS] = held - lots


@kernel
def close_lots(
    S: Cells,
    P: Cells,
    rows: Cells,
    ts: int,
    order: int,
    lots: int,
    price: int,
    reference: int,
    liquidity: int,
    reason: int,
    rule: int,
    split: bool,
) -> None:
    """Close ``lots`` of the position at ``price``; ``split``: in pieces of the maximum market
    quantity, full pieces first, each with its own rounded fee. Writes the trade's row when nothing
    is left."""
    side = S[State.SIDE]
    fee_e7 = P[Param.MAKER_E7] if liquidity == Liquidity.MAKER else P[Param.TAKER_E7]
    bankruptcy = bankruptcy_price(P, side, S[State.LOTS], S[State.COST_E8], S[State.LEVERAGE_E2])
    while lots > 0:
        piece = min(lots, P[Param.MAX_LOTS]) if split else lots
        gross, fee, settled = closing_share(S, P, piece, price, fee_e7)
        shown = bankruptcy if settled else price
        _fill(
            S, P, rows, ts, order, -side, piece, shown, reference, fee, gross,
            Liquidity.TAKER if settled else liquidity, reason, True,
        )  # fmt: skip
        take_share(S, piece)
        S[State.EXIT_NOTIONAL_E8] += piece * shown * P[Param.VALUE_E8]
        lots -= piece
    _after_close(S, P, rows, ts, side, reason, rule)


@kernel
def liquidate(S: Cells, P: Cells, rows: Cells, ts: int, order: int, reference: int) -> None:
    """Take what is left of the position margin: no slippage, no fee, shown at the bankruptcy
    price."""
    side, lots = S[State.SIDE], S[State.LOTS]
    price = bankruptcy_price(P, side, lots, S[State.COST_E8], S[State.LEVERAGE_E2])
    _fill(
        S, P, rows, ts, order, -side, lots, price, reference, 0, -S[State.MARGIN_E8],
        Liquidity.TAKER, Reason.LIQUIDATION, True,
    )  # fmt: skip
    take_share(S, lots)
    S[State.EXIT_NOTIONAL_E8] += lots * price * P[Param.VALUE_E8]
    _after_close(S, P, rows, ts, side, Reason.LIQUIDATION, -1)


@kernel
def _after_close(
    S: Cells, P: Cells, rows: Cells, ts: int, side: int, reason: int, rule: int
) -> None:
    if S[State.LOTS] == 0:
        S[State.SIDE] = 0
        S[State.CLOSED_CLOCK] = S[State.CLOCKS]
        _trade(S, rows, side, ts, reason, rule)
    set_liquidation(S, P)


@kernel
def _trade(S: Cells, rows: Cells, side: int, ts: int, reason: int, rule: int) -> None:
    """Write the round trip that has just ended."""
    at = S[State.ROWS + Table.TRADES]
    rows[Table.TRADES, TradeRow.TRADE_ID, at] = S[State.TRADE_ID]
    rows[Table.TRADES, TradeRow.SIDE, at] = side
    rows[Table.TRADES, TradeRow.LOTS, at] = S[State.ENTRY_LOTS]
    rows[Table.TRADES, TradeRow.ENTRY_MS, at] = S[State.ENTRY_MS]
    rows[Table.TRADES, TradeRow.ENTRY_NOTIONAL_E8, at] = S[State.ENTRY_NOTIONAL_E8]
    rows[Table.TRADES, TradeRow.EXIT_MS, at] = ts
    rows[Table.TRADES, TradeRow.EXIT_NOTIONAL_E8, at] = S[State.EXIT_NOTIONAL_E8]
    rows[Table.TRADES, TradeRow.REASON, at] = reason
    rows[Table.TRADES, TradeRow.GROSS_E8, at] = S[State.TRADE_GROSS_E8]
    rows[Table.TRADES, TradeRow.FEES_E8, at] = S[State.TRADE_FEES_E8]
    rows[Table.TRADES, TradeRow.FUNDING_E8, at] = S[State.TRADE_FUNDING_E8]
    rows[Table.TRADES, TradeRow.BARS, at] = S[State.TRADE_BARS]
    rows[Table.TRADES, TradeRow.LOW_UNITS, at] = S[State.LOW_UNITS]
    rows[Table.TRADES, TradeRow.HIGH_UNITS, at] = S[State.HIGH_UNITS]
    rows[Table.TRADES, TradeRow.RISK_UNITS, at] = S[State.RISK_UNITS]
    rows[Table.TRADES, TradeRow.ENTRY_RULE, at] = S[State.ENTRY_RULE]
    rows[Table.TRADES, TradeRow.EXIT_RULE, at] = rule
    rows[Table.TRADES, TradeRow.RISK_E8, at] = S[State.RISK_E8]
    S[State.ROWS + Table.TRADES] = at + 1
    note(S, rows, ts, EventKind.TRADE, S[State.TRADE_ID])


@kernel
def charge_funding(S: Cells, P: Cells, rows: Cells, ts: int, mark: int, rate_e8: int) -> None:
    """One funding event: qty x mark x rate, longs pay a positive rate; paid up, received down.

    A payment beyond the free balance reduces the position margin and so moves the liquidation
    price; what exceeds both is not charged, and the row shows what was paid.
    """
    side, lots = S[State.SIDE], S[State.LOTS]
    notional = lots * mark * P[Param.VALUE_E8]
    pays = side * rate_e8
    if pays > 0:
        due = mul_div_ceil(notional, pays, E8)
        free = max(free_balance(S), 0)
        shortfall = min(max(due - free, 0), S[State.MARGIN_E8])
        amount = -min(due, free + shortfall)
        if shortfall > 0:
            S[State.MARGIN_E8] -= shortfall
            S[State.SHORTFALL_E8] += shortfall
            set_liquidation(S, P)
    else:
        amount = mul_div_floor(notional, -pays, E8)
    S[State.FUNDING_E8] += amount
    S[State.TRADE_FUNDING_E8] += amount
    _book(S, rows, ts, LedgerKind.FUNDING, amount, -1, lots, mark, rate_e8)
