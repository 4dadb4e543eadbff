"""The account: wallet, position, fees, margin and funding, moved by fills; all in integers.

The wallet moves only in :func:`_book`, with a ledger row for each movement, so that
``initial + gross - fees + funding == wallet`` holds after every event.
"""

from __future__ import annotations

from numba import njit

from engine.exchange.codes import LedgerKind, Liquidity, OrderState, Reason
from engine.exchange.layout import (
    FillRow,
    LedgerRow,
    OrderRow,
    Param,
    State,
    Table,
    TradeRow,
)
from engine.exchange.rounding import mul_div_ceil, mul_div_floor

E7 = 10**7
E8 = 10**8


@njit(cache=True)
def slipped(price: int, side: int, slippage_e7: int) -> int:
    """``price`` moved against an order of ``side`` (1 buy, -1 sell), rounded against it."""
    if side > 0:
        return mul_div_ceil(price, E7 + slippage_e7, E7)
    return mul_div_floor(price, E7 - slippage_e7, E7)


@njit(cache=True)
def initial_margin(P, cost):
    """IM = cost / L, in 1e-8 USDT, rounded up."""
    return mul_div_ceil(cost, 100, P[Param.LEVERAGE_E2])


@njit(cache=True)
def reserve_for_close(P, side, cost):
    """Fee of closing at the bankruptcy price, Q BP f = cost (1 - side/L) f, rounded up."""
    leverage = P[Param.LEVERAGE_E2]
    fee = max(P[Param.TAKER_E7], P[Param.MAKER_E7])
    return mul_div_ceil(cost, fee * (leverage - 100 * side), E7 * leverage)


@njit(cache=True)
def order_cost(P, side, cost):
    """What an opening order ties up: initial margin and the fees of opening and closing."""
    fee = max(P[Param.TAKER_E7], P[Param.MAKER_E7])
    return initial_margin(P, cost) + mul_div_ceil(cost, fee, E7) + reserve_for_close(P, side, cost)


@njit(cache=True)
def unrealised(S, P, mark):
    """Open profit at ``mark`` (price units), 1e-8 USDT; 0 when flat."""
    if S[State.SIDE] == 0:
        return 0
    value = S[State.LOTS] * mark * P[Param.VALUE_E8]
    return S[State.SIDE] * (value - S[State.COST_E8])


@njit(cache=True)
def _book(S, rows, ts, kind, amount, fill_id, lots, price, rate_e8):
    """Move the wallet by ``amount`` and write the ledger row."""
    S[State.WALLET_E8] += amount
    at = S[State.ROWS + Table.LEDGER]
    row = rows[Table.LEDGER]
    row[at, LedgerRow.LEDGER_ID] = S[State.NEXT_LEDGER]
    row[at, LedgerRow.TS_MS] = ts
    row[at, LedgerRow.KIND] = kind
    row[at, LedgerRow.AMOUNT_E8] = amount
    row[at, LedgerRow.BALANCE_E8] = S[State.WALLET_E8]
    row[at, LedgerRow.TRADE_ID] = S[State.TRADE_ID]
    row[at, LedgerRow.FILL_ID] = fill_id
    row[at, LedgerRow.LOTS] = lots
    row[at, LedgerRow.PRICE_UNITS] = price
    row[at, LedgerRow.RATE_E8] = rate_e8
    S[State.ROWS + Table.LEDGER] = at + 1
    S[State.NEXT_LEDGER] += 1


@njit(cache=True)
def _fill(S, P, rows, ts, order, side, lots, price, reference, fee, gross, liquidity, reason):
    """Write a fill and book its profit and fee on account and trade."""
    at = S[State.ROWS + Table.FILLS]
    row = rows[Table.FILLS]
    fill_id = S[State.NEXT_FILL]
    row[at, FillRow.FILL_ID] = fill_id
    row[at, FillRow.ORDER_ID] = order
    row[at, FillRow.TRADE_ID] = S[State.TRADE_ID]
    row[at, FillRow.TS_MS] = ts
    row[at, FillRow.SIDE] = side
    row[at, FillRow.LOTS] = lots
    row[at, FillRow.PRICE_UNITS] = price
    row[at, FillRow.REFERENCE_UNITS] = reference
    row[at, FillRow.NOTIONAL_E8] = lots * price * P[Param.VALUE_E8]
    row[at, FillRow.FEE_E8] = fee
    row[at, FillRow.GROSS_E8] = gross
    row[at, FillRow.LIQUIDITY] = liquidity
    row[at, FillRow.REASON] = reason
    S[State.ROWS + Table.FILLS] = at + 1
    S[State.NEXT_FILL] = fill_id + 1
    if reason != Reason.ENTRY:
        S[State.GROSS_E8] += gross
        S[State.TRADE_GROSS_E8] += gross
        _book(S, rows, ts, LedgerKind.PNL, gross, fill_id, lots, price, -1)
    S[State.FEES_E8] += fee
    S[State.TRADE_FEES_E8] += fee
    _book(S, rows, ts, LedgerKind.FEE, -fee, fill_id, lots, price, -1)


@njit(cache=True)
def order_row(S, rows, order, kind, side, lots, reference, price, new, accepted, triggered, done):
    """Write an order that has come to its end; the caller sets what differs from a plain fill.
    Returns the row's index."""
    at = S[State.ROWS + Table.ORDERS]
    row = rows[Table.ORDERS]
    row[at, OrderRow.ORDER_ID] = order
    row[at, OrderRow.TRADE_ID] = S[State.TRADE_ID]
    row[at, OrderRow.KIND] = kind
    row[at, OrderRow.SIDE] = side
    row[at, OrderRow.LOTS] = lots
    row[at, OrderRow.REFERENCE_UNITS] = reference
    row[at, OrderRow.PRICE_UNITS] = price
    row[at, OrderRow.NEW_MS] = new
    row[at, OrderRow.ACCEPTED_MS] = accepted
    row[at, OrderRow.TRIGGERED_MS] = triggered
    row[at, OrderRow.DONE_MS] = done
    row[at, OrderRow.STATE] = OrderState.FILLED
    row[at, OrderRow.REFUSAL] = 0
    row[at, OrderRow.CAUSE] = -1
    row[at, OrderRow.RULE] = -1
    S[State.ROWS + Table.ORDERS] = at + 1
    return at


@njit(cache=True)
def open_position(S, P, rows, ts, order, side, lots, price, reference, rule):
    """A market entry from flat: taker fee, margin set aside, a new trade begun."""
    cost = lots * price * P[Param.VALUE_E8]
    S[State.SIDE] = side
    S[State.LOTS] = lots
    S[State.COST_E8] = cost
    S[State.MARGIN_E8] = initial_margin(P, cost) + reserve_for_close(P, side, cost)
    S[State.TRADE_ID] = S[State.NEXT_TRADE]
    S[State.NEXT_TRADE] += 1
    S[State.ENTRY_MS] = ts
    S[State.ENTRY_LOTS] = lots
    S[State.ENTRY_NOTIONAL_E8] = cost
    S[State.EXIT_NOTIONAL_E8] = 0
    S[State.TRADE_GROSS_E8] = 0
    S[State.TRADE_FEES_E8] = 0
    S[State.TRADE_FUNDING_E8] = 0
    S[State.TRADE_BARS] = 0
    S[State.LOW_UNITS] = reference
    S[State.HIGH_UNITS] = reference
    S[State.RISK_UNITS] = -1
    S[State.ENTRY_RULE] = rule
    fee = mul_div_ceil(cost, P[Param.TAKER_E7], E7)
    _fill(
        S, P, rows, ts, order, side, lots, price, reference, fee, 0,
        Liquidity.TAKER, Reason.ENTRY,
    )  # fmt: skip


@njit(cache=True)
def _bankruptcy_price(P, side, lots, cost):
    """Price at which the initial margin is gone, rounded to a unit against the account."""
    leverage = P[Param.LEVERAGE_E2]
    size = lots * P[Param.VALUE_E8] * leverage
    if side > 0:
        return mul_div_floor(cost, leverage - 100, size)
    return mul_div_ceil(cost, leverage + 100, size)


@njit(cache=True)
def closing_share(S, P, lots, price, fee_e7):
    """What closing ``lots`` of the position at ``price`` brings, and the share of the position it
    takes: ``(gross, fee, cost, margin, settled)``.

    A loss that with its fee would exceed its share of the position margin takes exactly that
    share, fee 0 (``settled``): the wallet never goes negative.
    """
    held = S[State.LOTS]
    cost = mul_div_floor(S[State.COST_E8], lots, held)
    margin = mul_div_floor(S[State.MARGIN_E8], lots, held)
    notional = lots * price * P[Param.VALUE_E8]
    gross = S[State.SIDE] * (notional - cost)
    fee = mul_div_ceil(notional, fee_e7, E7)
    if fee - gross > margin:
        return -margin, 0, cost, margin, True
    return gross, fee, cost, margin, False


@njit(cache=True)
def close_position(S, P, rows, ts, order, price, reference, liquidity, reason, rule):
    """Close the whole position at ``price``. A target (maker or marketable) fills in one piece;
    every other close is split at the maximum market quantity, full pieces first, each with its
    own rounded fee. Writes the trade's row when nothing is left."""
    side = S[State.SIDE]
    fee_e7 = P[Param.MAKER_E7] if liquidity == Liquidity.MAKER else P[Param.TAKER_E7]
    bankruptcy = _bankruptcy_price(P, side, S[State.LOTS], S[State.COST_E8])
    while S[State.LOTS] > 0:
        lots = S[State.LOTS]
        if reason != Reason.TARGET:
            lots = min(lots, P[Param.MAX_LOTS])
        gross, fee, cost, margin, settled = closing_share(S, P, lots, price, fee_e7)
        shown = bankruptcy if settled else price
        _fill(
            S, P, rows, ts, order, -side, lots, shown, reference, fee, gross,
            Liquidity.TAKER if settled else liquidity, reason,
        )  # fmt: skip
        S[State.LOTS] -= lots
        S[State.COST_E8] -= cost
        S[State.MARGIN_E8] -= margin
        S[State.EXIT_NOTIONAL_E8] += lots * shown * P[Param.VALUE_E8]
    S[State.SIDE] = 0
    _trade(S, rows, side, ts, reason, rule)


@njit(cache=True)
def _trade(S, rows, side, ts, reason, rule):
    """Write the round trip that has just ended."""
    at = S[State.ROWS + Table.TRADES]
    row = rows[Table.TRADES]
    row[at, TradeRow.TRADE_ID] = S[State.TRADE_ID]
    row[at, TradeRow.SIDE] = side
    row[at, TradeRow.LOTS] = S[State.ENTRY_LOTS]
    row[at, TradeRow.ENTRY_MS] = S[State.ENTRY_MS]
    row[at, TradeRow.ENTRY_NOTIONAL_E8] = S[State.ENTRY_NOTIONAL_E8]
    row[at, TradeRow.EXIT_MS] = ts
    row[at, TradeRow.EXIT_NOTIONAL_E8] = S[State.EXIT_NOTIONAL_E8]
    row[at, TradeRow.REASON] = reason
    row[at, TradeRow.GROSS_E8] = S[State.TRADE_GROSS_E8]
    row[at, TradeRow.FEES_E8] = S[State.TRADE_FEES_E8]
    row[at, TradeRow.FUNDING_E8] = S[State.TRADE_FUNDING_E8]
    row[at, TradeRow.BARS] = S[State.TRADE_BARS]
    row[at, TradeRow.LOW_UNITS] = S[State.LOW_UNITS]
    row[at, TradeRow.HIGH_UNITS] = S[State.HIGH_UNITS]
    row[at, TradeRow.RISK_UNITS] = S[State.RISK_UNITS]
    row[at, TradeRow.ENTRY_RULE] = S[State.ENTRY_RULE]
    row[at, TradeRow.EXIT_RULE] = rule
    S[State.ROWS + Table.TRADES] = at + 1


@njit(cache=True)
def charge_funding(S, P, rows, ts, mark, rate_e8):
    """One funding event: qty x mark x rate, longs pay a positive rate; paid up, received down.

    A payment beyond the free balance reduces the position margin, and what exceeds both is not
    charged; the row shows what was paid.
    """
    side, lots = S[State.SIDE], S[State.LOTS]
    notional = lots * mark * P[Param.VALUE_E8]
    pays = side * rate_e8
    if pays > 0:
        due = mul_div_ceil(notional, pays, E8)
        free = max(S[State.WALLET_E8] - S[State.MARGIN_E8], 0)
        shortfall = min(max(due - free, 0), S[State.MARGIN_E8])
        S[State.MARGIN_E8] -= shortfall
        amount = -min(due, free + shortfall)
    else:
        amount = mul_div_floor(notional, -pays, E8)
    S[State.FUNDING_E8] += amount
    S[State.TRADE_FUNDING_E8] += amount
    _book(S, rows, ts, LedgerKind.FUNDING, amount, -1, lots, mark, rate_e8)
