"""The close of a fill bar: expiry, trail and break-even, drawdown, the equity point."""

from __future__ import annotations

from fractions import Fraction

from tests.oracle import events as ev
from tests.oracle.brackets import has_reached, is_tighter, trail_price
from tests.oracle.numbers import stop_units
from tests.oracle.orders import ExitOrder
from tests.oracle.state import State, UnitBar, move_exit, move_order


def close_bar(state: State, bar: UnitBar) -> None:
    """ "Close: trailing / break-even recomputed (live from the next fill bar) -> mark to market ->
    drawdown check -> invariants -> equity point".

    Choice: orders that expire at this close do so before all of that.
    """
    scenario = state.scenario
    state.ts_ms = scenario.open_ms(state.bar + 1)
    state.now = {"last": bar.last[3], "mark": bar.mark[3], "index": bar.index[3]}
    closes_clock = (state.bar + 1) % scenario.clock == 0
    if closes_clock:
        expire(state)
    tighten_stop(state)
    equity = state.account.equity_e8(bar.mark[3], state.units.value_e8)
    check_drawdown(state, equity)
    if closes_clock:
        tell_equity(state, bar.mark[3])


def tell_equity(state: State, mark: int, terminal: bool = False) -> None:
    """ "equity (one point per clock bar plus exactly one terminal point)" """
    account, position = state.account, state.account.position
    lots = 0 if position is None else position.side * position.lots
    equity = account.equity_e8(mark, state.units.value_e8)
    state.tell(ev.Equity(state.ts_ms, equity, account.wallet_e8, lots, terminal))


def expire(state: State) -> None:
    """ "live in the n clock bars after the decision's, expired at the close of the nth" """
    clock_bar = (state.bar + 1) // state.scenario.clock - 1
    for order in list(state.entries):
        if order.last_clock_bar is not None and order.last_clock_bar <= clock_bar:
            move_order(state, order, "expired")


def tighten_stop(state: State) -> None:
    """ "Trail is applied before break-even"; "only tighten"; "live from the next fill bar" """
    position = state.account.position
    if position is None:
        return
    brackets, units, side = position.brackets, state.units, position.side
    average = position.average(units.value_e8)
    leverage = position.leverage

    def reached(reach) -> bool:
        peak = position.peak
        return has_reached(reach, side, peak, average, leverage, units.scale, brackets.risk)

    trail, even = brackets.trail, brackets.break_even
    if trail is not None and reached(trail.after):
        atr = last_atr(state)
        level = trail_price(trail, side, position.peak, atr, units.scale, units.tick)
        if level is not None:
            move_stop(state, level, "trail")
    if even is not None and reached(even.at):
        level = stop_units(average * (1 + side * even.offset), side, units.tick)
        move_stop(state, level, "break_even")


def last_atr(state: State) -> Fraction | None:
    """ "with the last closed clock ATR": of the clock bar closed at or before this close"""
    closed = (state.bar + 1) // state.scenario.clock
    return state.scenario.atr[closed - 1] if 0 < closed <= len(state.scenario.atr) else None


def move_stop(state: State, level: int, cause: str) -> None:
    position = state.account.position
    assert position is not None
    brackets = position.brackets
    if is_tighter(level, brackets.stop, position.side):
        brackets.stop = level
        state.tell(ev.Bracket(state.ts_ms, "stop", level, position.lots, cause))


def check_drawdown(state: State, equity_e8: int) -> None:
    """ "max_drawdown: at fill-bar closes on equity incl. open profit; entries stop, position closed
    at the next open, STOPPED_DRAWDOWN"; "peak includes initial equity".

    Choice: reaching the limit exactly counts, resting entries are cancelled, the closing order
    ignores latency and carries reason `drawdown`, and a flat account stops at once.
    """
    limit = state.scenario.config.max_drawdown
    state.peak_equity_e8 = max(state.peak_equity_e8, equity_e8)
    if limit is None or state.drawdown_hit:
        return
    if state.peak_equity_e8 - equity_e8 < state.peak_equity_e8 * limit:
        return
    state.drawdown_hit = True
    for order in list(state.entries):
        move_order(state, order, "cancelled", "drawdown")
    if state.account.position is None:
        state.status = "STOPPED_DRAWDOWN"
    else:
        for pending in list(state.exits):
            move_exit(state, pending, "cancelled", pending.lots or 0, "drawdown")
        closing = ExitOrder("drawdown", None, state.bar + 1, "drawdown")
        state.exits.append(closing)
        move_exit(state, closing, "new", 0)
