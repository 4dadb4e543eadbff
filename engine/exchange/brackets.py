"""The stop and the target ladder of a position: set, tightened, scaled down, fired, cancelled.

Brackets belong to the position: the newest opening fill's whole set replaces the old one. The
cell ``BRACKETS`` says how they stand: NONE; WAITING for the bar after the fill's; FRESH, not yet
judged against the price at which they became active; RESTING.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import close_lots, order_row, slipped
from engine.exchange.book import cancel_exits
from engine.exchange.codes import (
    AmountKind,
    Cause,
    EventKind,
    Liquidity,
    Moved,
    OrderKind,
    OrderState,
    OrderType,
    Reason,
    StopKind,
)
from engine.exchange.events import emit, order_event
from engine.exchange.layout import MAX_TARGETS, OrderRow, Param, Slot, State, Table, Term
from engine.exchange.leg import price_now, slipped_here
from engine.exchange.levels import by_distance, by_fraction, by_value, stop_level, target_level
from engine.exchange.margin import E8
from engine.exchange.rounding import mul_div_ceil, mul_div_floor
from engine.kernel import kernel

NONE, WAITING, FRESH, RESTING = 0, 1, 2, 3


@kernel
def set_brackets(S: Cells, P: Cells, rows: Cells, ts: int, slot: int, now: int) -> None:
    """Give the position, just opened or added to, the brackets of the order in ``slot``; peak, R,
    ladder and original quantity start again from the new average, the last price at ``now``."""
    side, lots, cost = S[State.SIDE], S[State.LOTS], S[State.COST_E8]
    term, size = S[slot + Slot.TERMS], lots * P[Param.VALUE_E8]
    S[State.TERMS] = term
    S[State.ORIGINAL_LOTS] = lots
    S[State.ORIGINAL_COST_E8] = cost
    S[State.EXTREME_UNITS] = now
    S[State.PARTIAL_EXITS] = 0
    S[State.BRACKET_MS] = ts
    S[State.BRACKETS] = NONE
    stop = stop_level(P, term, side, cost, size, S[slot + Slot.STOP_MEASURE_E8])
    S[State.STOP_UNITS] = stop
    S[State.RISK_E8] = -1
    S[State.RISK_UNITS] = -1
    if stop > 0:
        S[State.RISK_E8] = abs(cost - stop * size)
        S[State.RISK_UNITS] = S[State.RISK_E8] // size
        _new_stop(S, ts)
        _bracket_event(S, rows, ts, -1, Moved.ENTRY)
    _set_targets(S, P, rows, ts, slot, side, cost, size)
    if S[State.BRACKETS] == FRESH and P[Param.BRACKETS_ON_ENTRY_BAR] == 0:
        S[State.BRACKETS] = WAITING


@kernel
def _bracket_event(S: Cells, rows: Cells, ts: int, k: int, mover: int) -> None:
    """The stop (``k`` -1) or target ``k`` came to be or was moved."""
    if S[State.EVENTS] == 0:
        return
    if k < 0:
        emit(
            S, rows, ts, EventKind.BRACKET, S[State.STOP_ORDER], OrderKind.STOP, 0, -1,
            S[State.LOTS], S[State.STOP_UNITS], -1, mover, 0,
        )  # fmt: skip
    else:
        emit(
            S, rows, ts, EventKind.BRACKET, S[State.TARGET_ORDER + k], OrderKind.TARGET,
            S[State.TARGET_LEVEL + k], -1, S[State.TARGET_LOTS + k], S[State.TARGET_UNITS + k],
            -1, mover, 0,
        )  # fmt: skip


@kernel
def _new_stop(S: Cells, ts: int) -> None:
    S[State.STOP_MS] = ts
    S[State.STOP_ORDER] = S[State.NEXT_ORDER]
    S[State.NEXT_ORDER] += 1
    if S[State.BRACKETS] == NONE:
        S[State.BRACKETS] = FRESH


@kernel
def _set_targets(
    S: Cells, P: Cells, rows: Cells, ts: int, slot: int, side: int, cost: int, size: int
) -> None:
    """The ladder: percents of the original quantity, each floored to lots; what a level floors
    away goes to the next, and a level without a lot is left out."""
    term, lots = S[State.TERMS], S[State.ORIGINAL_LOTS]
    percent, taken, count = 0, 0, 0
    for k in range(P[term + Term.TARGET_COUNT]):
        percent += P[term + Term.TARGET_CLOSE_E8 + k]
        upto = lots if percent == E8 else mul_div_floor(lots, percent, E8)
        if upto == taken:
            continue
        level = target_level(
            P, term, k, side, cost, size, S[State.RISK_E8], S[slot + Slot.TARGET_MEASURE_E8 + k]
        )
        is_market = P[term + Term.TARGET_IS_MARKET + k]
        beyond = 0 if P[Param.TOUCH] == 1 or is_market == 1 else P[Param.TICK_UNITS]
        S[State.TARGET_UNITS + count] = level
        S[State.TARGET_TRIGGER_UNITS + count] = level + side * beyond
        S[State.TARGET_LOTS + count] = upto - taken
        S[State.TARGET_IS_MARKET + count] = is_market
        S[State.TARGET_ORDER + count] = S[State.NEXT_ORDER]
        S[State.NEXT_ORDER] += 1
        S[State.TARGET_LEVEL + count] = k + 1
        S[State.BRACKETS] = FRESH
        _bracket_event(S, rows, ts, count, Moved.ENTRY)
        taken = upto
        count += 1
    S[State.TARGET_COUNT] = count


@kernel
def _stop_row(
    S: Cells, rows: Cells, ts: int, side: int, lots: int, reference: int, triggered: int
) -> int:
    at = order_row(
        S, rows, S[State.STOP_ORDER], S[State.TRADE_ID], OrderKind.STOP, -side, lots, reference,
        S[State.STOP_UNITS], S[State.STOP_MS], S[State.STOP_MS], triggered, ts,
    )  # fmt: skip
    rows[Table.ORDERS, OrderRow.TYPE, at] = OrderType.STOP
    rows[Table.ORDERS, OrderRow.TRIGGER_UNITS, at] = S[State.STOP_UNITS]
    return at


@kernel
def _target_row(
    S: Cells, rows: Cells, ts: int, k: int, side: int, lots: int, reference: int, triggered: int
) -> int:
    at = order_row(
        S, rows, S[State.TARGET_ORDER + k], S[State.TRADE_ID], OrderKind.TARGET, -side, lots,
        reference, S[State.TARGET_UNITS + k], S[State.BRACKET_MS], S[State.BRACKET_MS], triggered,
        ts,
    )  # fmt: skip
    if S[State.TARGET_IS_MARKET + k] == 1:
        rows[Table.ORDERS, OrderRow.TYPE, at] = OrderType.STOP
        rows[Table.ORDERS, OrderRow.TRIGGER_UNITS, at] = S[State.TARGET_UNITS + k]
    else:
        rows[Table.ORDERS, OrderRow.TYPE, at] = OrderType.LIMIT
    return at


@kernel
def _cancelled(S: Cells, rows: Cells, ts: int, at: int, level: int, cause: int) -> None:
    rows[Table.ORDERS, OrderRow.STATE, at] = OrderState.CANCELLED
    rows[Table.ORDERS, OrderRow.CAUSE, at] = cause
    rows[Table.ORDERS, OrderRow.FILLED_LOTS, at] = 0
    _row_event(S, rows, ts, at, level, OrderState.CANCELLED, cause)


@kernel
def _row_event(S: Cells, rows: Cells, ts: int, at: int, level: int, state: int, cause: int) -> None:
    """The event of the order in row ``at``."""
    if S[State.EVENTS] == 1:
        order_event(
            S, rows, ts,
            rows[Table.ORDERS, OrderRow.ORDER_ID, at], rows[Table.ORDERS, OrderRow.KIND, at],
            level, state, rows[Table.ORDERS, OrderRow.LOTS, at],
            rows[Table.ORDERS, OrderRow.PRICE_UNITS, at],
            rows[Table.ORDERS, OrderRow.TRIGGER_UNITS, at], cause,
        )  # fmt: skip


@kernel
def cancel_brackets(S: Cells, rows: Cells, ts: int, side: int, lots: int, cause: int) -> None:
    """The position of ``side`` has closed ``lots`` and is flat: what is left of its brackets, and
    exits still on their way, are cancelled, the cause being what closed it."""
    if S[State.BRACKETS] != NONE:
        if S[State.STOP_UNITS] > 0:
            at = _stop_row(S, rows, ts, side, lots, S[State.STOP_UNITS], -1)
            _cancelled(S, rows, ts, at, 0, cause)
        for k in range(S[State.TARGET_COUNT]):
            at = _target_row(
                S, rows, ts, k, side, S[State.TARGET_LOTS + k], S[State.TARGET_UNITS + k], -1
            )
            _cancelled(S, rows, ts, at, S[State.TARGET_LEVEL + k], cause)
    S[State.STOP_UNITS] = 0
    S[State.TARGET_COUNT] = 0
    S[State.BRACKETS] = NONE
    if S[State.EXITS_DUE] > 0:
        cancel_exits(S, rows, ts, cause)


@kernel
def scale_down(S: Cells, rows: Cells, ts: int, side: int) -> None:
    """After a partial close: targets never exceed the position, from the last level down."""
    total = 0
    for k in range(S[State.TARGET_COUNT]):
        total += S[State.TARGET_LOTS + k]
    excess = total - S[State.LOTS]
    left, count = S[State.TARGET_COUNT], S[State.TARGET_COUNT]
    while excess > 0:
        lots = S[State.TARGET_LOTS + left - 1]
        if lots > excess:
            S[State.TARGET_LOTS + left - 1] = lots - excess
            break
        left -= 1
        excess -= lots
    for k in range(left, count):
        lots = S[State.TARGET_LOTS + k]
        at = _target_row(S, rows, ts, k, side, lots, S[State.TARGET_UNITS + k], -1)
        _cancelled(S, rows, ts, at, S[State.TARGET_LEVEL + k], Cause.REDUCED)
    S[State.TARGET_COUNT] = left


@kernel
def after_close(S: Cells, rows: Cells, ts: int, side: int, lots: int, reason: int) -> None:
    """``lots`` of a position of ``side`` have just been closed: its brackets follow."""
    if S[State.SIDE] == 0:
        cancel_brackets(S, rows, ts, side, lots, reason)
    elif S[State.TARGET_COUNT] > 0:
        scale_down(S, rows, ts, side)


@kernel
def fire_stop(S: Cells, P: Cells, rows: Cells, W: Cells, ts: int) -> None:
    """The stop fills at the worse of its trigger and the last price, whatever series it watches,
    with ``slippage_stop``, taker."""
    side, lots, stop = S[State.SIDE], S[State.LOTS], S[State.STOP_UNITS]
    worse, fill = stop, slipped(P, stop, -side, P[Param.SLIPPAGE_STOP_E7])
    now = price_now(W, -side)
    if side * (stop - now) > 0:
        worse, fill = now, slipped_here(P, W, -side, P[Param.SLIPPAGE_STOP_E7])
    order_event(
        S,
        rows,
        ts,
        S[State.STOP_ORDER],
        OrderKind.STOP,
        0,
        OrderState.TRIGGERED,
        lots,
        -1,
        stop,
        -1,
    )
    close_lots(
        S, P, rows, ts, S[State.STOP_ORDER], lots, fill, worse, Liquidity.TAKER, Reason.STOP, -1,
        True,
    )  # fmt: skip
    at = _stop_row(S, rows, ts, side, lots, worse, ts)
    _row_event(S, rows, ts, at, 0, OrderState.FILLED, -1)
    S[State.STOP_UNITS] = 0
    cancel_brackets(S, rows, ts, side, lots, Reason.STOP)


@kernel
def fire_target(
    S: Cells, P: Cells, rows: Cells, W: Cells, ts: int, k: int, marketable: bool
) -> None:
    """Level ``k`` fills: resting, at its own price as maker; ``marketable`` when it became active,
    at the last price with slippage but never beyond its limit, taker; as a market order, at the
    last price with slippage, taker."""
    side, target = S[State.SIDE], S[State.TARGET_UNITS + k]
    now = price_now(W, -side)
    lots = min(S[State.TARGET_LOTS + k], S[State.LOTS])
    liquidity, triggered, reference, fill = Liquidity.MAKER, -1, target, target
    if S[State.TARGET_IS_MARKET + k] == 1:
        liquidity, triggered, reference = Liquidity.TAKER, ts, now
        fill = slipped_here(P, W, -side, P[Param.SLIPPAGE_E7])
    elif marketable:
        liquidity, reference = Liquidity.TAKER, now
        fill = slipped_here(P, W, -side, P[Param.SLIPPAGE_E7])
        fill = max(fill, target) if side > 0 else min(fill, target)
    level = S[State.TARGET_LEVEL + k]
    if triggered >= 0:
        order_event(
            S, rows, ts, S[State.TARGET_ORDER + k], OrderKind.TARGET, level, OrderState.TRIGGERED,
            lots, -1, target, -1,
        )  # fmt: skip
    close_lots(
        S, P, rows, ts, S[State.TARGET_ORDER + k], lots, fill, reference, liquidity,
        Reason.TARGET, -1, False,
    )  # fmt: skip
    at = _target_row(S, rows, ts, k, side, lots, reference, triggered)
    _row_event(S, rows, ts, at, level, OrderState.FILLED, -1)
    last = S[State.TARGET_COUNT] - 1
    for i in range(k, last):
        for cell in range(State.TARGET_UNITS, State.TARGET_LEVEL + 1, MAX_TARGETS):
            S[cell + i] = S[cell + i + 1]
    S[State.TARGET_COUNT] = last
    after_close(S, rows, ts, side, lots, Reason.TARGET)


@kernel
def _reached(S: Cells, P: Cells, kind: int, value: int) -> bool:
    """Whether the peak has been ``value`` (R, or a fraction of the average entry) in profit."""
    if kind == AmountKind.NONE:
        return True
    size = S[State.ORIGINAL_LOTS] * P[Param.VALUE_E8]
    profit = S[State.SIDE] * (S[State.EXTREME_UNITS] * size - S[State.ORIGINAL_COST_E8])
    if kind == AmountKind.R:
        return S[State.RISK_E8] >= 0 and profit >= mul_div_ceil(S[State.RISK_E8], value, E8)
    if kind == AmountKind.POINTS:
        return profit >= mul_div_ceil(size, value, P[Param.UNIT_E8])
    if kind == AmountKind.ROI:
        leverage = P[S[State.TERMS] + Term.LEVERAGE_E2]
        return profit >= mul_div_ceil(S[State.ORIGINAL_COST_E8], value * 100, E8 * leverage)
    return profit >= mul_div_ceil(S[State.ORIGINAL_COST_E8], value, E8)


@kernel
def _raise_stop(S: Cells, rows: Cells, ts: int, level: int, mover: int) -> None:
    """Move the stop to ``level`` if that is tighter."""
    stop = S[State.STOP_UNITS]
    if stop > 0 and S[State.SIDE] * (level - stop) <= 0:
        return
    S[State.STOP_UNITS] = level
    if stop == 0:
        alone = S[State.BRACKETS] == NONE
        _new_stop(S, ts)
        if alone:
            S[State.BRACKETS] = RESTING
    _bracket_event(S, rows, ts, -1, mover)


@kernel
def tightens(S: Cells, P: Cells) -> bool:
    """Whether the position's stop can move at a fill bar's close."""
    term = S[State.TERMS]
    return S[State.SIDE] != 0 and (
        P[term + Term.TRAIL_KIND] != StopKind.NONE
        or P[term + Term.BREAK_EVEN_KIND] != AmountKind.NONE
    )


@kernel
def follows_measure(S: Cells, P: Cells) -> bool:
    """Whether the stop trails by a measure that each clock close renews."""
    term = S[State.TERMS]
    return P[term + Term.TRAIL_KIND] == StopKind.DISTANCE and _reached(
        S, P, P[term + Term.AFTER_KIND], P[term + Term.AFTER_VALUE_E8]
    )


@kernel
def tighten(S: Cells, P: Cells, rows: Cells, ts: int, measure_e8: int) -> None:
    """3. At a fill bar's close: the trail, then the break-even; ``measure_e8`` is what
    the trail is a multiple of, at the last clock close, negative while unknown."""
    term, side, peak = S[State.TERMS], S[State.SIDE], S[State.EXTREME_UNITS]
    kind = P[term + Term.TRAIL_KIND]
    if kind != StopKind.NONE and _reached(
        S, P, P[term + Term.AFTER_KIND], P[term + Term.AFTER_VALUE_E8]
    ):
        value = P[term + Term.TRAIL_VALUE_E8]
        if kind == StopKind.PRICE:
            _raise_stop(S, rows, ts, by_fraction(P, peak, 1, -side, value, E8), Moved.TRAIL)
        else:
            distance = value
            if kind == StopKind.DISTANCE:
                distance = -1 if measure_e8 < 0 else mul_div_ceil(measure_e8, value, E8)
            if distance >= 0:
                _raise_stop(S, rows, ts, by_distance(P, peak, 1, -side, distance), Moved.TRAIL)
    kind = P[term + Term.BREAK_EVEN_KIND]
    if kind != AmountKind.NONE and _reached(S, P, kind, P[term + Term.BREAK_EVEN_VALUE_E8]):
        cost = S[State.ORIGINAL_COST_E8]
        size = S[State.ORIGINAL_LOTS] * P[Param.VALUE_E8]
        offset = P[term + Term.OFFSET_VALUE]
        kind = P[term + Term.OFFSET_KIND]
        shift = mul_div_floor(cost, offset, E8) if side > 0 else -mul_div_floor(cost, offset, E8)
        if kind == AmountKind.POINTS:
            shift = side * mul_div_floor(size, offset, P[Param.UNIT_E8])
        elif kind == AmountKind.R:
            shift = side * mul_div_floor(S[State.RISK_E8], offset, E8)
        _raise_stop(S, rows, ts, by_value(P, cost + shift, size, -side, 0), Moved.BREAK_EVEN)
