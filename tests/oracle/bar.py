"""One fill bar: the open, the path, the close.

1. **Open**: :func:`open_bar` - funding, liquidation, exits, the gap check, arrivals.
2. **Path**: :func:`run_path` - three legs on which things happen in the order price meets them.
3. **Close**: :func:`tests.oracle.close.close_bar`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor

from tests.oracle import events as ev
from tests.oracle.arrival import arrive, fillable, trigger
from tests.oracle.brackets import TargetOrder
from tests.oracle.fills import (
    after_closing,
    close_chunks,
    close_part,
    fill_entry,
    judge_targets,
    liquidate,
    tell_bracket,
)
from tests.oracle.numbers import (
    E8,
    LONG,
    at_or_beyond,
    funding_e8,
    not_beyond,
    slipped,
    worse,
)
from tests.oracle.orders import EntryOrder, ExitOrder
from tests.oracle.state import Price, State, UnitBar, move_exit

LIQUIDATION, STOP, TARGET, TRIGGER, LIMIT = range(5)


@dataclass(frozen=True)
class Waiting:
    """Something that happens when a series meets a level.

    ``rank`` and ``id`` break ties: "liquidation, stop, target, conditional trigger, limit, then
    lower order id". ``direction``: +1 met at or above the level, -1 at or below; 0 met at once.
    """

    rank: int
    id: int
    series: str
    level: int
    direction: int
    fire: Callable[[State], None]


def waiting(state: State) -> Iterator[Waiting]:
    """All that may be met now, in no order."""
    position = state.account.position
    if position is not None:
        side = position.side
        level = state.liquidation_units()
        if level is not None:
            yield Waiting(LIQUIDATION, 0, "mark", level, -side, liquidate)
        stop = state.active_stop()
        if stop is not None:
            yield Waiting(STOP, 0, position.brackets.stop_by, stop, -side, fire_stop)
        for target in state.active_targets():
            yield _waiting_target(state, target, side)
    for order in state.resting():
        if order.waits_for_trigger:
            assert order.trigger is not None
            by = order.entry.trigger_by
            yield Waiting(TRIGGER, order.id, by, order.trigger, order.side, _triggers(order))
        elif fillable(state, order) > 0:
            assert order.price is not None
            level = met_at(state, order.price, order.side)
            yield Waiting(LIMIT, order.id, "last", level, -order.side, _fills(order))


def met_at(state: State, limit: int, order_side: int) -> int:
    """ "`through` (default): met one tick beyond its price, at an open too; `touch`: at
    equality" """
    return limit - order_side * (state.units.tick if state.scenario.config.fill == "through" else 0)


def _waiting_target(state: State, target: TargetOrder, side: int) -> Waiting:
    """A target limit is met like any resting limit; a market one triggers at equality."""

    def fire(at: State) -> None:
        fire_target(at, target.level)

    if target.takes:
        return Waiting(TARGET, target.level, "last", target.price, 0, fire)
    if target.market:
        return Waiting(TARGET, target.level, target.by, target.price, side, fire)
    return Waiting(TARGET, target.level, "last", met_at(state, target.price, -side), side, fire)


def _triggers(order: EntryOrder) -> Callable[[State], None]:
    return lambda state: trigger(state, order)


def _fills(order: EntryOrder) -> Callable[[State], None]:
    """ "limit ... resting | Fills exactly at its own price, maker, even when an open has jumped
    beyond it" """

    def fire(state: State) -> None:
        assert order.price is not None
        fill_entry(state, order, fillable(state, order), order.price, "maker")

    return fire


def fire_stop(state: State) -> None:
    """ "max(trigger, open) for a buy, min for a sell, with `slippage_stop`; taker"; "A stop created
    mid-leg fills at the worse of its trigger and the price then" """
    position = state.account.position
    assert position is not None
    stop = position.brackets.stop
    assert stop is not None
    price = worse(stop, state.now["last"], -position.side)
    rate = state.scenario.config.slippage_stop
    lots = position.lots
    price = slipped(price, -position.side, rate, state.units.tick)
    close_chunks(state, "stop", lots, price, "stop")
    tell_bracket(state, "stop", "filled", lots=lots, trigger=stop)
    after_closing(state, "stop", "stop")


def fire_target(state: State, level: int) -> None:
    """A target is met: resting, it "fills exactly at its own price, maker"; marketable when it
    became active, "taker, with slippage but never beyond its limit".

    Choice: a `market` target fills like a market order at the price of the moment, with
    `slippage`. "targets and liquidation are not [split]".
    """
    position = state.account.position
    assert position is not None
    target = next(t for t in position.brackets.targets if t.level == level)
    position.brackets.targets.remove(target)
    price, liquidity = target.price, "maker"
    if target.takes or target.market:
        liquidity = "taker"
        rate = state.scenario.config.slippage
        price = slipped(state.now["last"], -position.side, rate, state.units.tick)
        if not target.market:
            price = not_beyond(price, target.price, -position.side)
    close_part(state, target.name, target.lots, price, liquidity, "target")
    tell_bracket(state, target.name, "filled", lots=target.lots, price=target.price)
    after_closing(state, target.name, "target")


# --- the open -------------------------------------------------------------------------------------


def open_bar(state: State, bar: UnitBar, last_mark_close: int) -> None:
    """ "Open: funding due in [this open, the next) to the position held before anything else of
    this bar -> liquidation on the mark's open -> exits queued at the previous clock close ->
    resting stops, targets, triggers and limits passed by the open, in tie order (the gap check) ->
    new orders arrive" """
    state.now = {"last": bar.last[0], "mark": bar.mark[0], "index": bar.index[0]}
    state.budget = volume_budget(state, bar)
    charge_funding(state, last_mark_close)
    if liquidate_if_due(state):
        return
    fill_exits(state)
    if state.drawdown_hit and state.account.position is None:
        state.status = "STOPPED_DRAWDOWN"
        return
    start_delayed_brackets(state)
    check_gap(state)
    for order in [o for o in state.entries if o.state == "new" and o.arrives <= state.bar]:
        if not state.ended:
            arrive(state, order)


def volume_budget(state: State, bar: UnitBar) -> int | None:
    """ "optional participation cap (percent of the fill bar's volume)", in whole lots"""
    part = state.scenario.config.participation
    return None if part is None else floor(bar.volume_lots * part)


def charge_funding(state: State, last_mark_close: int) -> None:
    """ "mark = open of the mark candle that starts at the timestamp"; "An instant inside a bar ...
    is charged at that bar's open to the position held before it, at the last mark close" """
    scenario = state.scenario
    if scenario.config.funding == "off":
        return
    start, end = scenario.open_ms(state.bar), scenario.open_ms(state.bar + 1)
    for event in scenario.funding:
        position = state.account.position
        if position is None or not start <= event.ts_ms < end:
            continue
        mark = state.now["mark"] if event.ts_ms == start else last_mark_close
        assert isinstance(mark, int)
        notional = position.lots * mark * state.units.value_e8
        paid = state.account.pay_funding(funding_e8(position.side, notional, event.rate))
        signed = position.side * position.lots
        state.tell(ev.Funding(event.ts_ms, signed, mark, int(event.rate * E8), paid))
        if paid:
            state.tell(ev.Ledger(event.ts_ms, "funding", paid, state.account.wallet_e8))


def liquidate_if_due(state: State) -> bool:
    """ "liquidation on the mark's open" """
    position, level = state.account.position, state.liquidation_units()
    if position is None or level is None:
        return False
    if not at_or_beyond(state.now["mark"], level, -position.side):
        return False
    liquidate(state)
    return True


def fill_exits(state: State) -> None:
    """ "market | next fill bar's open x (1 +/- slippage); taker fee on the filled notional at the
    slipped price; ... exits are split" """
    for order in [o for o in state.exits if o.arrives <= state.bar]:
        position = state.account.position
        if position is not None and order in state.exits:
            fill_exit(state, order)


def fill_exit(state: State, order: ExitOrder) -> None:
    """Choice: "Minimums do not apply to full closes", so they do to a partial exit, at the price
    it arrives at."""
    position = state.account.position
    assert position is not None
    facts = state.scenario.instrument
    lots = position.lots if order.lots is None else min(order.lots, position.lots)
    notional = lots * state.now["last"] * state.units.value_e8
    code = ""
    if lots < position.lots and lots < max(1, facts.min_lots):
        code = "QTY_BELOW_MIN"
    elif lots < position.lots and notional < facts.min_notional_e8:
        code = "NOTIONAL_BELOW_MIN"
    if code:
        move_exit(state, order, "rejected", lots, code)
        state.tell(ev.Refusal(state.ts_ms, order.name, code))
        return
    rate = state.scenario.config.slippage
    price = slipped(state.now["last"], -position.side, rate, state.units.tick)
    move_exit(state, order, "accepted", lots)
    close_chunks(state, order.name, lots, price, order.reason)
    move_exit(state, order, "filled", lots)
    after_closing(state, order.name, order.reason)


def start_delayed_brackets(state: State) -> None:
    """ "false delays them to the bar after the fill's"; what is marketable then takes"""
    position = state.account.position
    delayed = not state.scenario.config.brackets_on_entry_bar
    if delayed and position is not None and position.brackets.active_from == state.bar:
        judge_targets(state)


def check_gap(state: State) -> None:
    """ "The gap check repeats, liquidation first, until nothing is met" """
    while not state.ended:
        met = [
            item
            for item in waiting(state)
            if item.direction == 0
            or at_or_beyond(state.now[item.series], item.level, item.direction)
        ]
        if not met:
            return
        min(met, key=lambda item: (item.rank, item.id)).fire(state)


# --- the path -------------------------------------------------------------------------------------


#: Positions in (open, high, low, close) of the two paths.
LOW_FIRST = (0, 2, 1, 3)
HIGH_FIRST = (0, 1, 2, 3)


def choose_path(state: State, bar: UnitBar) -> State:
    """The state after the bar's path.

    "`ohlc`: X1 = L, X2 = H when C >= O, else H then L. `pessimistic` (default): if anything can be
    met in this bar, run it from the same state both ways and keep the lower equity at C; tie:
    O-L-H-C"; "`pessimistic` compares equity at mark at C"
    """
    if state.scenario.config.path == "ohlc":
        rises = bar.last[3] >= bar.last[0]
        run_path(state, bar, LOW_FIRST if rises else HIGH_FIRST)
        return state
    if not any(can_be_met(item, bar) for item in waiting(state)):
        run_path(state, bar, LOW_FIRST)
        return state
    told, state.out = state.out, []
    other = deepcopy(state)
    run_path(state, bar, LOW_FIRST)
    run_path(other, bar, HIGH_FIRST)
    mark, value_e8 = bar.mark[3], state.units.value_e8
    if other.account.equity_e8(mark, value_e8) < state.account.equity_e8(mark, value_e8):
        state = other
    told.extend(state.out)
    state.out = told
    return state


def can_be_met(item: Waiting, bar: UnitBar) -> bool:
    """Whether the bar reaches a level; where it reaches none, both ways are one."""
    _, high, low, _ = {"last": bar.last, "mark": bar.mark, "index": bar.index}[item.series]
    extreme = high if item.direction > 0 else low
    return item.direction == 0 or at_or_beyond(extreme, item.level, item.direction)


def run_path(state: State, bar: UnitBar, points: tuple[int, int, int, int]) -> None:
    """ "three continuous legs O > X1 > X2 > C"; "Mark extremes are visited at the same path points
    as the last price's" """
    series = {"last": bar.last, "mark": bar.mark, "index": bar.index}
    corners = [{name: ohlc[point] for name, ohlc in series.items()} for point in points]
    follow_peak(state)
    for start, end in pairwise(corners):
        if not state.ended:
            run_leg(state, start, end)


def run_leg(state: State, start: dict[str, int], end: dict[str, int]) -> None:
    """ "the nearest level ahead fires, the price becomes that level, what it creates is live *for
    the rest of the same leg* and after; repeat. Mark moves linearly over the same leg; compare leg
    fractions ..., the smaller first." """
    at = Fraction(0)
    while not state.ended:
        ahead = []
        for item in waiting(state):
            when = meets(item, start, end, at)
            if when is not None:
                ahead.append((when, item.rank, item.id, item.fire))
        if not ahead:
            break
        at, _, _, fire = min(ahead, key=lambda found: found[:3])
        state.now = prices_at(start, end, at)
        follow_peak(state)
        fire(state)
    if not state.ended:
        state.now = dict(end)
        follow_peak(state)


def prices_at(start: dict[str, int], end: dict[str, int], at: Fraction) -> dict[str, Price]:
    """All series at a fraction of a leg, exact."""
    return {name: start[name] + (end[name] - start[name]) * at for name in start}


def meets(
    item: Waiting, start: dict[str, int], end: dict[str, int], at: Fraction
) -> Fraction | None:
    """The fraction of the leg, not before ``at``, at which the level is met; None if it is not."""
    a, b = start[item.series], end[item.series]
    if item.direction == 0 or at_or_beyond(a + (b - a) * at, item.level, item.direction):
        return at
    if not at_or_beyond(b, item.level, item.direction):
        return None
    return Fraction(item.level - a, b - a)


def follow_peak(state: State) -> None:
    """ "peak = extreme of last over the path *after* the entry event" """
    position = state.account.position
    if position is not None:
        last = Fraction(state.now["last"])
        best = max if position.side == LONG else min
        position.peak = best(position.peak, last)
