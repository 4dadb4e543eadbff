"""What executions do to the account: closing, opening, flipping, liquidation."""

from __future__ import annotations

from fractions import Fraction

from tests.oracle import events as ev
from tests.oracle.account import OrderCost, Position, close_lots, order_cost
from tests.oracle.brackets import bracket_set, scale_down
from tests.oracle.numbers import LONG, fee_e8
from tests.oracle.orders import EntryOrder, is_marketable
from tests.oracle.state import State, move_exit, move_order, refuse


def side_name(side: int) -> str:
    return "buy" if side == LONG else "sell"


def _book(state: State, fill: ev.Fill, position: Position) -> None:
    """Move a fill's money and tell it, its ledger rows included."""
    account = state.account
    account.gross_e8 += fill.gross_e8
    account.fees_e8 += fill.fee_e8
    position.gross_e8 += fill.gross_e8
    position.fees_e8 += fill.fee_e8
    position.legs.append(fill)
    state.tell(fill)
    for kind, amount in (("realised", fill.gross_e8), ("fee", -fill.fee_e8)):
        if amount:
            account.wallet_e8 += amount
            state.tell(ev.Ledger(state.ts_ms, kind, amount, account.wallet_e8))


def close_part(
    state: State, order: str, lots: int, price: int, liquidity: str, reason: str
) -> None:
    """One closing fill. "a `settlement` row carries fee 0, gross = minus the margin taken,
    liquidity taker" """
    position = state.account.position
    assert position is not None
    config = state.scenario.config
    rate = config.maker if liquidity == "maker" else config.taker
    done = close_lots(position, lots, price, state.units.value_e8, rate)
    if done.settled:
        liquidity = "taker"
    position.exit_notional_e8 += lots * done.price * state.units.value_e8
    side = side_name(-position.side)
    fill = ev.Fill(
        state.ts_ms, order, side, "close", lots, done.price, liquidity, reason,
        done.fee_e8, done.gross_e8,
    )  # fmt: skip
    _book(state, fill, position)


def close_chunks(state: State, order: str, lots: int, price: int, reason: str) -> None:
    """ "exits, stop-outs and end-of-data are split (full chunks first, fee rounded per chunk)" """
    largest = state.scenario.instrument.max_market_lots
    while lots > 0:
        chunk = lots if largest is None else min(lots, largest)
        close_part(state, order, chunk, price, "taker", reason)
        lots -= chunk


def after_closing(state: State, order: str, reason: str) -> None:
    """What is left of the position after an order closed some of it: nothing, or less to
    target."""
    position = state.account.position
    assert position is not None
    if position.lots == 0:
        end_position(state, order, reason)
        return
    for target in scale_down(position.brackets, position.lots):
        tell_bracket(state, target.name, "cancelled", "scaled_down", price=target.price)


def tell_bracket(
    state: State,
    name: str,
    outcome: str,
    cause: str = "",
    lots: int = 0,
    price: int | None = None,
    trigger: int | None = None,
) -> None:
    """The outcome of a stop or target. Choice: ``lots`` is what it filled, 0 when cancelled."""
    state.tell(ev.Order(state.ts_ms, name, outcome, lots, price, trigger, cause))


def end_position(state: State, order: str, reason: str) -> None:
    """ "position closed | its stop, targets and reduce-only orders are cancelled, each an event
    with its cause; resting entry orders stay" """
    position = state.account.position
    assert position is not None
    state.account.position = None
    cause = "position_closed"
    brackets = position.brackets
    if brackets.stop is not None and order != "stop":
        tell_bracket(state, "stop", "cancelled", cause, trigger=brackets.stop)
    for target in brackets.targets:
        tell_bracket(state, target.name, "cancelled", cause, price=target.price)
    for pending in list(state.exits):
        if pending.name != order:
            move_exit(state, pending, "cancelled", pending.lots or 0, cause)
    _tell_trade(state, position, reason)


def _tell_trade(state: State, position: Position, reason: str) -> None:
    """ "net = gross - fees + funding per trade" """
    state.tell(
        ev.Trade(
            side="long" if position.side == LONG else "short",
            lots=position.opened_lots,
            entry_ms=position.legs[0].ts_ms,
            exit_ms=state.ts_ms,
            entry_notional_e8=position.entry_notional_e8,
            exit_notional_e8=position.exit_notional_e8,
            exit_reason=reason,
            gross_e8=position.gross_e8,
            fees_e8=position.fees_e8,
            funding_e8=position.funding_e8,
            net_e8=position.gross_e8 - position.fees_e8 + position.funding_e8,
            legs=tuple(position.legs),
        )
    )


def opposite_lots(state: State, side: int) -> int:
    """How many lots an order of this side can reduce."""
    position = state.account.position
    return position.lots if position is not None and position.side != side else 0


def opening_cost(state: State, order: EntryOrder, lots: int, price: int) -> OrderCost:
    """ "the part of an order that only reduces needs no margin" """
    return cost_of(state, order, max(0, lots - opposite_lots(state, order.side)), price)


def cost_of(state: State, order: EntryOrder, opening: int, price: int) -> OrderCost:
    """The order cost of ``opening`` lots that all open."""
    notional = opening * price * state.units.value_e8
    fee = state.scenario.config.dearer_fee
    return order_cost(order.side, notional, order.entry.leverage, fee)


def mismatches_leverage(state: State, order: EntryOrder) -> bool:
    """ "Adds average E at the same leverage (another: LEVERAGE_MISMATCH)" """
    position = state.account.position
    adds = position is not None and position.side == order.side
    return adds and position.leverage != order.entry.leverage


def fill_entry(state: State, order: EntryOrder, lots: int, price: int, liquidity: str) -> bool:
    """Fill part of an entry; False if it is refused.

    "At the fill LEVERAGE_MISMATCH and INSUFFICIENT_MARGIN are checked again, nothing else"; "Free
    is taken before a flip's closing part; when short, the whole order is refused"; "netted: average
    by notional, reduce, or flip (two fills: close, then open)".
    """
    account = state.account
    if mismatches_leverage(state, order):
        refuse(state, order, "LEVERAGE_MISMATCH")
        return False
    released = _released(state, order, lots)
    if opening_cost(state, order, lots, price).total_e8 > account.free_e8 + released:
        refuse(state, order, "INSUFFICIENT_MARGIN")
        return False
    if order.id in account.reserves_e8:
        account.reserves_e8[order.id] -= released
    reducing = min(lots, opposite_lots(state, order.side))
    if reducing:
        close_part(state, str(order.id), reducing, price, liquidity, "entry")
        after_closing(state, str(order.id), "entry")
    if lots > reducing:
        open_part(state, order, lots - reducing, price, liquidity)
    order.left -= lots
    if state.budget is not None:
        state.budget -= lots
    move_order(state, order, "filled" if order.left == 0 else "partially_filled")
    return True


def _released(state: State, order: EntryOrder, lots: int) -> int:
    """Choice: a partial fill frees floor(reserve x lots / lots left) of what was reserved; the rest
    stays with what goes on, and does not pay for this fill. All is freed where nothing goes on."""
    reserve = state.account.reserves_e8.get(order.id, 0)
    goes_on = order.price is not None and order.entry.tif != "IOC"
    return reserve * lots // order.left if goes_on else reserve


def open_part(state: State, order: EntryOrder, lots: int, price: int, liquidity: str) -> None:
    """One opening fill: margin is set aside, the fee paid, the brackets replaced."""
    account, units, config = state.account, state.units, state.scenario.config
    notional = lots * price * units.value_e8
    leverage = order.entry.leverage
    if account.position is None:
        account.position = Position(order.side, leverage)
    position = account.position
    position.add(lots, notional, order_cost(order.side, notional, leverage, config.dearer_fee))
    position.opened_lots += lots
    position.entry_notional_e8 += notional
    position.original_lots = position.lots
    position.peak = Fraction(state.now["last"])
    rate = config.maker if liquidity == "maker" else config.taker
    fee = fee_e8(notional, rate)
    side = side_name(order.side)
    fill = ev.Fill(
        state.ts_ms, str(order.id), side, "open", lots, price, liquidity, "entry", fee, 0
    )
    _book(state, fill, position)
    place_brackets(state, order)


def place_brackets(state: State, order: EntryOrder) -> None:
    """ "brackets | active from the entry event on, the same bar included;
    brackets_on_entry_bar=false delays them to the bar after the fill's" """
    position = state.account.position
    assert position is not None
    units = state.units
    average = position.average(units.value_e8)
    position.brackets = bracket_set(
        order.entry, position.side, average, position.lots, units.scale, units.tick
    )
    brackets = position.brackets
    if brackets.stop is not None:
        state.tell(ev.Bracket(state.ts_ms, "stop", brackets.stop, position.lots, "entry"))
    for target in brackets.targets:
        state.tell(ev.Bracket(state.ts_ms, target.name, target.price, target.lots, "entry"))
    if state.scenario.config.brackets_on_entry_bar:
        brackets.active_from = state.bar
        judge_targets(state)
    else:
        brackets.active_from = state.bar + 1


def judge_targets(state: State) -> None:
    """ "limit or target that is marketable when it becomes active (arrival, or a delayed
    bracket) | fills at that open, taker"; "... at the price at that moment, equality counting" """
    position = state.account.position
    assert position is not None
    for target in position.brackets.targets:
        marketable = is_marketable(target.price, state.now["last"], -position.side)
        target.takes = not target.market and marketable


def liquidate(state: State) -> None:
    """ "Liquidation takes exactly what is left of [the position margin]: no slippage, no further
    fee; the shown price is BP"; "Rows of a liquidation ... carry fee 0, gross = minus the margin
    taken, liquidity taker"; "The run ends STOPPED_LIQUIDATED" """
    position = state.account.position
    assert position is not None
    price = position.bankruptcy_units(state.units.value_e8)
    lots, margin = position.lots, position.margin_e8
    position.lots = position.cost_e8 = position.margin_e8 = position.initial_e8 = 0
    position.exit_notional_e8 += lots * price * state.units.value_e8
    side = side_name(-position.side)
    fill = ev.Fill(
        state.ts_ms, "liquidation", side, "close", lots, price, "taker", "liquidation", 0, -margin
    )
    _book(state, fill, position)
    end_position(state, "liquidation", "liquidation")
    state.status = "STOPPED_LIQUIDATED"
