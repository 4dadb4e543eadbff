"""What a clock close asks for: exits and entries of a play, sized at that close."""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import slipped
from engine.exchange.book import (
    NO_SLOT,
    cancel,
    new_slot,
    send,
)
from engine.exchange.codes import Cause, OrderKind, OrderType, StopKind, TargetKind
from engine.exchange.entries import reference_price
from engine.exchange.exits import balance_after_exits
from engine.exchange.layout import Param, Slot, State, Term
from engine.exchange.levels import at_price, stop_level
from engine.exchange.margin import E8, largest_fee
from engine.exchange.rounding import mul_div_ceil
from engine.kernel import Float64, kernel
from engine.measures import UNKNOWN, Measure, measure_e8
from engine.sizing import size_lots


@kernel
def size_entry(
    S: Cells, P: Cells, slot: int, ts: int, size_kind: int, size_value: int, close: int, mark: int
) -> None:
    """Fix the quantity of the entry in ``slot`` at its decision close: P is the reference moved
    against us by slippage, the stop is the one a fill at P would get."""
    side, term, value = S[slot + Slot.SIDE], S[slot + Slot.TERMS], P[Param.VALUE_E8]
    if S[slot + Slot.UNKNOWN] == 1:
        return
    reference = reference_price(S, slot)
    equity, free = balance_after_exits(S, P, ts, close, mark)
    price = slipped(P, reference, side, P[Param.SLIPPAGE_E7])
    stop = stop_level(P, term, side, price * value, value, S[slot + Slot.STOP_MEASURE_E8])
    S[slot + Slot.LOTS] = size_lots(
        size_kind, size_value, equity, free, price, stop, value, side,
        P[term + Term.LEVERAGE_E2], largest_fee(P),
    )  # fmt: skip


@kernel
def _take_measures(
    S: Cells, P: Cells, slot: int, side: int, measures: Float64, scales: Float64, j: int
) -> None:
    """Stop and target measures of the entry in ``slot``; marks it when one is missing."""
    term = S[slot + Slot.TERMS]
    kind = P[term + Term.STOP_KIND]
    if kind == StopKind.DISTANCE or kind == StopKind.LEVEL:
        row = Measure.STOP_LONG if side > 0 else Measure.STOP_SHORT
        value = measure_e8(measures, scales, row, j)
        if value == UNKNOWN:
            S[slot + Slot.UNKNOWN] = 1
        elif kind == StopKind.DISTANCE:
            value = mul_div_ceil(value, P[term + Term.STOP_VALUE_E8], E8)
        S[slot + Slot.STOP_MEASURE_E8] = value
    first = Measure.TARGET_LONG if side > 0 else Measure.TARGET_SHORT
    for k in range(P[term + Term.TARGET_COUNT]):
        kind = P[term + Term.TARGET_KIND + k]
        if kind == TargetKind.DISTANCE or kind == TargetKind.LEVEL:
            value = measure_e8(measures, scales, first + k, j)
            if value == UNKNOWN:
                S[slot + Slot.UNKNOWN] = 1
            elif kind == TargetKind.DISTANCE:
                value = mul_div_ceil(value, P[term + Term.TARGET_VALUE_E8 + k], E8)
            S[slot + Slot.TARGET_MEASURE_E8 + k] = value


@kernel
def _take_prices(
    S: Cells, P: Cells, slot: int, side: int, measures: Float64, scales: Float64, j: int
) -> None:
    """Limit price and trigger: buy limits and sell triggers floor, the others ceil."""
    kind = S[slot + Slot.TYPE]
    stated = measure_e8(
        measures, scales, Measure.PRICE_LONG if side > 0 else Measure.PRICE_SHORT, j
    )
    limit = stated
    if kind == OrderType.STOP_LIMIT:
        limit = measure_e8(
            measures, scales, Measure.LIMIT_LONG if side > 0 else Measure.LIMIT_SHORT, j
        )
    if stated == UNKNOWN or limit == UNKNOWN:
        S[slot + Slot.UNKNOWN] = 1
        return
    if kind != OrderType.STOP:
        S[slot + Slot.LIMIT_UNITS] = at_price(P, limit, -side)
    if kind >= OrderType.STOP:
        S[slot + Slot.TRIGGER_UNITS] = at_price(P, stated, side)


@kernel
def own_order(S: Cells, side: int) -> int:
    """Slot of the play's entry of ``side`` that is not finished; ``NO_SLOT`` without one."""
    if S[State.OPEN_ORDERS] > 0:
        for slot in range(State.SLOTS, S[State.END], Slot.SIZE):
            if (
                S[slot + Slot.USED] == 1
                and S[slot + Slot.KIND] == OrderKind.ENTRY
                and S[slot + Slot.SIDE] == side
            ):
                return slot
    return NO_SLOT


@kernel
def request_entry(
    S: Cells,
    P: Cells,
    rows: Cells,
    ts: int,
    side: int,
    rule: int,
    close: int,
    mark: int,
    measures: Float64,
    scales: Float64,
    j: int,
) -> bool:
    """A rule enters on ``side``; quantity and prices are fixed here. With its own order still
    resting the rule keeps it, or replaces it. Returns whether the book had room."""
    own = own_order(S, side)
    if own != NO_SLOT:
        if P[Param.REPLACE] == 0:
            return True
        cancel(S, rows, ts, S[own + Slot.ID], Cause.REPLACED)
    slot = new_slot(S)
    if slot == NO_SLOT:
        return False
    S[slot + Slot.KIND] = OrderKind.ENTRY
    S[slot + Slot.TYPE] = P[Param.ENTRY_TYPE]
    S[slot + Slot.SIDE] = side
    S[slot + Slot.TIF] = P[Param.ENTRY_TIF]
    S[slot + Slot.SOURCE] = P[Param.ENTRY_SOURCE]
    S[slot + Slot.TERMS] = Param.TIERS + 4 * P[Param.TIER_COUNT]
    S[slot + Slot.REFERENCE_UNITS] = close
    S[slot + Slot.RULE] = rule
    if P[Param.EXPIRES] > 0:
        S[slot + Slot.EXPIRE_CLOCK] = S[State.CLOCKS] + P[Param.EXPIRES]
    _take_measures(S, P, slot, side, measures, scales, j)
    if P[Param.ENTRY_TYPE] != OrderType.MARKET:
        _take_prices(S, P, slot, side, measures, scales, j)
    size_entry(S, P, slot, ts, P[Param.SIZE_KIND], P[Param.SIZE_VALUE], close, mark)
    send(S, P, rows, ts, slot)
    return True
