"""An entry arrives: the refusals in their order, then it fills, rests or waits for its trigger."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tests.oracle import events as ev
from tests.oracle.account import Position, liquidation_units
from tests.oracle.brackets import stop_price
from tests.oracle.fills import (
    cost_of,
    fill_entry,
    mismatches_leverage,
    opening_cost,
    opposite_lots,
)
from tests.oracle.instrument import cap_for_leverage_e8
from tests.oracle.numbers import LONG, at_or_beyond, not_beyond, slipped, worse
from tests.oracle.orders import EntryOrder, is_marketable
from tests.oracle.state import State, move_order, refuse


def only_reduces(state: State, order: EntryOrder) -> bool:
    return order.left <= opposite_lots(state, order.side)


def closes_fully(state: State, order: EntryOrder) -> bool:
    """ "Minimums do not apply to full closes"; "a full close includes an opposite entry of exactly
    the position's size" """
    return 0 < opposite_lots(state, order.side) == order.left


def takes_on_arrival(state: State, order: EntryOrder) -> bool:
    """A market order, or a limit that is marketable now."""
    if order.trigger is not None:
        return False
    return order.price is None or is_marketable(order.price, state.now["last"], order.side)


def taker_price(state: State, order: EntryOrder) -> int:
    """ "fills at that open, taker, with slippage but never beyond its limit" """
    tick, rate = state.units.tick, state.scenario.config.slippage
    price = slipped(state.now["last"], order.side, rate, tick)
    return price if order.price is None else not_beyond(price, order.price, order.side)


def stop_loss(order: EntryOrder, state: State, average: Fraction) -> int | None:
    """The order's stop for a position with this average."""
    stop = order.entry.stop
    if stop is None:
        return None
    units = state.units
    return stop_price(stop, order.side, average, order.entry.leverage, units.scale, units.tick)


def below_min_qty(state: State, order: EntryOrder) -> bool:
    return not closes_fully(state, order) and order.lots < state.scenario.instrument.min_lots


def below_min_notional(state: State, order: EntryOrder) -> bool:
    """ "The minimum notional is taken at the unslipped reference" """
    notional = order.lots * order.reference * state.units.value_e8
    return not closes_fully(state, order) and notional < state.scenario.instrument.min_notional_e8


def above_market_max(state: State, order: EntryOrder) -> bool:
    """ "Market and stop entries above the max market quantity are refused" """
    largest = state.scenario.instrument.max_market_lots
    return order.price is None and largest is not None and order.lots > largest


def above_max_leverage(state: State, order: EntryOrder) -> bool:
    """Choice: above the leverage filter, or above what every tier allows."""
    facts = state.scenario.instrument
    highest = max(tier.max_leverage for tier in facts.tiers)
    return order.entry.leverage > min(facts.max_leverage, highest)


def above_tier_limit(state: State, order: EntryOrder) -> bool:
    """ "TIER_LIMIT: same-side position + same-side resting entries + the opening part, x mark's
    open on arrival, above the cap for L; not for orders that only reduce" """
    if only_reduces(state, order):
        return False
    position = state.account.position
    lots = order.lots - opposite_lots(state, order.side)
    if position is not None and position.side == order.side:
        lots += position.lots
    lots += sum(other.left for other in state.resting() if other.side == order.side)
    cap = cap_for_leverage_e8(state.scenario.instrument.tiers, order.entry.leverage)
    return lots * state.now["mark"] * state.units.value_e8 > cap


def trigger_passed(state: State, order: EntryOrder) -> bool:
    """ "trigger not strictly beyond the price on arrival | refused TRIGGER_ALREADY_PASSED" """
    if order.trigger is None:
        return False
    return at_or_beyond(state.now[order.entry.trigger_by], order.trigger, order.side)


def stop_through_market(state: State, order: EntryOrder) -> bool:
    """ "absolute stop-loss not strictly on the losing side of: the arrival open (market, or a limit
    marketable on arrival), the limit price or trigger (resting) | refused STOP_THROUGH_MARKET; a
    distance stop may fire at once" """
    stop = order.entry.stop
    if stop is None or stop.kind != "level":
        return False
    against = state.now["last"] if takes_on_arrival(state, order) else order.resting_price
    level = stop_loss(order, state, Fraction(against))
    assert level is not None
    return level >= against if order.side == LONG else level <= against


def stop_beyond_liquidation(state: State, order: EntryOrder) -> bool:
    """ "STOP_BEYOND_LIQUIDATION (combined position, strictly beyond, at the reference)"; "takes the
    position as if the order filled at its reference, unslipped; skipped with liquidation=off and
    for orders that only reduce" """
    if order.entry.stop is None or state.scenario.config.liquidation == "off":
        return False
    if only_reduces(state, order):
        return False
    combined = position_if_filled(state, order)
    value_e8 = state.units.value_e8
    stop = stop_loss(order, state, combined.average(value_e8))
    level = liquidation_units(combined, value_e8, state.scenario.instrument.tiers)
    if level is None or stop is None:
        return False
    return stop < level if order.side == LONG else stop > level


def position_if_filled(state: State, order: EntryOrder) -> Position:
    """The position after the order filled whole at its reference."""
    reference = order.reference
    lots = order.left - opposite_lots(state, order.side)
    cost = opening_cost(state, order, order.left, reference)
    combined = Position(order.side, order.entry.leverage)
    held = state.account.position
    if held is not None and held.side == order.side:
        combined.lots, combined.cost_e8 = held.lots, held.cost_e8
        combined.initial_e8, combined.shortfall_e8 = held.initial_e8, held.shortfall_e8
        combined.margin_e8 = held.margin_e8
    combined.add(lots, lots * reference * state.units.value_e8, cost)
    return combined


def post_only_would_take(state: State, order: EntryOrder) -> bool:
    is_post_only = order.entry.tif == "PostOnly" and order.trigger is None
    return is_post_only and takes_on_arrival(state, order)


def insufficient_margin(state: State, order: EntryOrder) -> bool:
    """ "A resting entry reserves its order cost at its price; at the fill it is checked again at
    the fill price".

    Choice: what takes on arrival needs its cost at the price it fills at; where the bar's volume
    lets only a part fill, the rest, which goes on resting, needs its own cost at the limit beside
    it: no order is accepted that would leave less than nothing free.
    """
    if not takes_on_arrival(state, order):
        return opening_cost(state, order, order.left, order.resting_price).total_e8 > (
            state.account.free_e8
        )
    price = taker_price(state, order)
    now = fillable(state, order)
    needed = opening_cost(state, order, now, price).total_e8
    if order.price is not None and order.entry.tif == "GTC" and now < order.left:
        rests = min(order.left - now, max(0, order.left - opposite_lots(state, order.side)))
        needed += cost_of(state, order, rests, order.price).total_e8
    return needed > state.account.free_e8


#: "Refusals, checked in this order on arrival"
REFUSALS: tuple[tuple[str, Callable[[State, EntryOrder], bool]], ...] = (
    ("QTY_BELOW_MIN", below_min_qty),
    ("NOTIONAL_BELOW_MIN", below_min_notional),
    ("QTY_ABOVE_MARKET_MAX", above_market_max),
    ("LEVERAGE_ABOVE_MAX", above_max_leverage),
    ("LEVERAGE_MISMATCH", mismatches_leverage),
    ("TIER_LIMIT", above_tier_limit),
    ("TRIGGER_ALREADY_PASSED", trigger_passed),
    ("STOP_THROUGH_MARKET", stop_through_market),
    ("STOP_BEYOND_LIQUIDATION", stop_beyond_liquidation),
    ("POST_ONLY_WOULD_TAKE", post_only_would_take),
    ("INSUFFICIENT_MARGIN", insufficient_margin),
)


def fillable(state: State, order: EntryOrder) -> int:
    """ "participation cap (percent of the fill bar's volume)".

    Choice: one budget of whole lots for all entries of a fill bar; exits, stops, targets and
    liquidation are never held back.
    """
    return order.left if state.budget is None else min(order.left, state.budget)


def arrive(state: State, order: EntryOrder) -> None:
    """An entry reaches the exchange at an open."""
    for code, is_refused in REFUSALS:
        if is_refused(state, order):
            _refuse_on_arrival(state, order, code)
            return
    move_order(state, order, "accepted")
    if takes_on_arrival(state, order):
        take(state, order, taker_price(state, order))
    elif order.trigger is None and order.entry.tif in ("IOC", "FOK"):
        move_order(state, order, "cancelled", order.entry.tif.lower())
    else:
        cost = opening_cost(state, order, order.left, order.resting_price)
        state.account.reserves_e8[order.id] = cost.total_e8
        if order.trigger is not None:
            move_order(state, order, "untriggered")


def _refuse_on_arrival(state: State, order: EntryOrder, code: str) -> None:
    """ "A post-only that would take gives both a cancel event and the refusal"; "post-only is
    acknowledged, then cancelled" """
    if code == "POST_ONLY_WOULD_TAKE":
        cancel_post_only(state, order)
    else:
        refuse(state, order, code)


def cancel_post_only(state: State, order: EntryOrder) -> None:
    code = "POST_ONLY_WOULD_TAKE"
    if order.state == "new":
        move_order(state, order, "accepted")
    move_order(state, order, "cancelled", code)
    state.tell(ev.Refusal(state.ts_ms, str(order.id), code))


def take(state: State, order: EntryOrder, price: int) -> None:
    """An order takes at this price. "GTC keeps the remainder, IOC cancels it, FOK refuses".

    Choice: as on the venue, what a market order or a triggered stop cannot fill is cancelled
    (`ioc`), and a refused FOK is an order cancelled with cause `fok`.
    """
    lots = fillable(state, order)
    if order.entry.tif == "FOK" and lots < order.left:
        move_order(state, order, "cancelled", "fok")
        return
    if lots and not fill_entry(state, order, lots, price, "taker"):
        return
    if order.left == 0:
        return
    if order.price is None or order.entry.tif in ("IOC", "FOK"):
        move_order(state, order, "cancelled", "ioc")
    elif order.id not in state.account.reserves_e8:
        cost = opening_cost(state, order, order.left, order.price)
        state.account.reserves_e8[order.id] = cost.total_e8


def trigger(state: State, order: EntryOrder) -> None:
    """A conditional order's trigger is met.

    "stop, resting from an earlier bar | max(trigger, open) for a buy, min for a sell, with
    slippage_stop; taker"; "stop-limit | at its trigger judged like an arriving limit: marketable
    fills at the trigger with slippage, not beyond the limit, taker; else it rests".

    Choice: a trigger by mark or index fills at the worse of the trigger and the last price of that
    moment; a stop-limit, judged like an arriving limit, is judged and filled at the last price.
    """
    move_order(state, order, "triggered")
    assert order.trigger is not None
    if order.price is None:
        config, tick = state.scenario.config, state.units.tick
        from_price = worse(order.trigger, state.now["last"], order.side)
        take(state, order, slipped(from_price, order.side, config.slippage_stop, tick))
    elif is_marketable(order.price, state.now["last"], order.side):
        if order.entry.tif == "PostOnly":
            cancel_post_only(state, order)
        else:
            take(state, order, taker_price(state, order))
    elif order.entry.tif in ("IOC", "FOK"):
        move_order(state, order, "cancelled", order.entry.tif.lower())
