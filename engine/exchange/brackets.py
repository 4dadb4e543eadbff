"""The stop and target of a position: their levels, their activation, their fills.

A bracket belongs to the position: set at the opening fill, cancelled when the position closes.
``BRACKETS`` is 0 (none), 1 (waiting for the bar after the fill's) or 2 (resting).
"""

from __future__ import annotations

from numba import njit

from engine.exchange.account import E8, close_position, order_row, slipped
from engine.exchange.codes import Liquidity, OrderKind, OrderState, Reason, StopKind, TargetKind
from engine.exchange.layout import OrderRow, Param, State, Table
from engine.exchange.rounding import ceil_to, floor_to, mul_div_ceil, mul_div_floor

NONE, WAITING, RESTING = 0, 1, 2


@njit(cache=True)
def stop_level(P, side, fill, measure):
    """The stop of a position filled at ``fill``, price units on the tick grid; 0 without a stop.

    Rounded against the account: long stops floor, short stops ceil. ``measure`` is the distance
    (``DISTANCE``) or the price (``LEVEL``) taken at the decision, in units.
    """
    kind, tick = P[Param.STOP_KIND], P[Param.TICK_UNITS]
    if kind == StopKind.NONE:
        return 0
    if side > 0:
        if kind == StopKind.PRICE:
            level = mul_div_floor(fill, E8 - P[Param.STOP_VALUE_E8], E8)
        elif kind == StopKind.DISTANCE:
            level = fill - measure
        else:
            level = measure
        return max(floor_to(level, tick), tick)
    if kind == StopKind.PRICE:
        level = mul_div_ceil(fill, E8 + P[Param.STOP_VALUE_E8], E8)
    elif kind == StopKind.DISTANCE:
        level = fill + measure
    else:
        level = measure
    return max(ceil_to(level, tick), tick)


@njit(cache=True)
def target_level(P, side, fill, risk, measure):
    """The target of a position filled at ``fill``; 0 without one. Long targets ceil, short ones
    floor. ``risk`` is R, the distance of the stop from the fill, in units."""
    kind, tick = P[Param.TARGET_KIND], P[Param.TICK_UNITS]
    if kind == TargetKind.NONE:
        return 0
    value = P[Param.TARGET_VALUE_E8]
    if side > 0:
        if kind == TargetKind.PRICE:
            level = mul_div_ceil(fill, E8 + value, E8)
        elif kind == TargetKind.RR:
            level = fill + mul_div_ceil(risk, value, E8)
        else:
            level = fill + measure
        return ceil_to(level, tick)
    if kind == TargetKind.PRICE:
        level = mul_div_floor(fill, E8 - value, E8)
    elif kind == TargetKind.RR:
        level = fill - mul_div_ceil(risk, value, E8)
    else:
        level = fill - measure
    return max(floor_to(level, tick), tick)


@njit(cache=True)
def set_brackets(S, P, ts, fill):
    """Give the position just filled at ``fill`` its stop and target."""
    side = S[State.SIDE]
    stop = stop_level(P, side, fill, S[State.STOP_MEASURE_UNITS])
    risk = abs(fill - stop)
    target = target_level(P, side, fill, risk, S[State.TARGET_MEASURE_UNITS])
    S[State.STOP_UNITS] = stop
    S[State.TARGET_UNITS] = target
    S[State.BRACKET_MS] = ts
    S[State.BRACKETS] = NONE
    if stop > 0:
        S[State.RISK_UNITS] = risk
        S[State.STOP_ORDER] = S[State.NEXT_ORDER]
        S[State.NEXT_ORDER] += 1
        S[State.BRACKETS] = RESTING
    if target > 0:
        beyond = 0
        if P[Param.TOUCH] == 0 and P[Param.TARGET_IS_MARKET] == 0:
            beyond = P[Param.TICK_UNITS]
        S[State.TARGET_TRIGGER_UNITS] = target + side * beyond
        S[State.TARGET_ORDER] = S[State.NEXT_ORDER]
        S[State.NEXT_ORDER] += 1
        S[State.BRACKETS] = RESTING
    if S[State.BRACKETS] == RESTING and P[Param.BRACKETS_ON_ENTRY_BAR] == 0:
        S[State.BRACKETS] = WAITING


@njit(cache=True)
def stop_met(S, price):
    """Whether ``price`` has reached the stop."""
    stop = S[State.STOP_UNITS]
    return stop > 0 and S[State.SIDE] * (price - stop) <= 0


@njit(cache=True)
def target_met(S, price):
    """Whether ``price`` has met the resting target (one tick beyond it with fill=through)."""
    return (
        S[State.TARGET_UNITS] > 0 and S[State.SIDE] * (price - S[State.TARGET_TRIGGER_UNITS]) >= 0
    )


@njit(cache=True)
def cancel_brackets(S, rows, ts, lots, side, cause, filled):
    """Write the brackets that did not fill as cancelled, with the reason the position closed.

    ``filled`` is the order kind that closed it, ``side`` and ``lots`` are the position's.
    """
    if S[State.BRACKETS] == NONE:
        return
    if S[State.STOP_UNITS] > 0 and filled != OrderKind.STOP:
        at = order_row(
            S, rows, S[State.STOP_ORDER], OrderKind.STOP, -side, lots, S[State.STOP_UNITS],
            S[State.STOP_UNITS], S[State.BRACKET_MS], S[State.BRACKET_MS], -1, ts,
        )  # fmt: skip
        rows[Table.ORDERS, at, OrderRow.STATE] = OrderState.CANCELLED
        rows[Table.ORDERS, at, OrderRow.CAUSE] = cause
    if S[State.TARGET_UNITS] > 0 and filled != OrderKind.TARGET:
        at = order_row(
            S, rows, S[State.TARGET_ORDER], OrderKind.TARGET, -side, lots, S[State.TARGET_UNITS],
            S[State.TARGET_UNITS], S[State.BRACKET_MS], S[State.BRACKET_MS], -1, ts,
        )  # fmt: skip
        rows[Table.ORDERS, at, OrderRow.STATE] = OrderState.CANCELLED
        rows[Table.ORDERS, at, OrderRow.CAUSE] = cause
    S[State.BRACKETS] = NONE


@njit(cache=True)
def fire_stop(S, P, rows, ts, price):
    """The stop fills at the worse of its trigger and ``price``, with ``slippage_stop``, taker."""
    side, lots, stop = S[State.SIDE], S[State.LOTS], S[State.STOP_UNITS]
    worse = min(stop, price) if side > 0 else max(stop, price)
    fill = slipped(worse, -side, P[Param.SLIPPAGE_STOP_E7])
    close_position(
        S, P, rows, ts, S[State.STOP_ORDER], fill, worse, Liquidity.TAKER, Reason.STOP, -1
    )
    order_row(
        S, rows, S[State.STOP_ORDER], OrderKind.STOP, -side, lots, worse, stop,
        S[State.BRACKET_MS], S[State.BRACKET_MS], ts, ts,
    )  # fmt: skip
    cancel_brackets(S, rows, ts, lots, side, Reason.STOP, OrderKind.STOP)


@njit(cache=True)
def fire_target(S, P, rows, ts, price, marketable):
    """The target fills: resting, at its own price as maker; ``marketable`` when it became active,
    at ``price`` with slippage but never beyond its limit, taker; as a market order, at ``price``
    with slippage, taker."""
    side, lots, target = S[State.SIDE], S[State.LOTS], S[State.TARGET_UNITS]
    liquidity, triggered, reference, fill = Liquidity.MAKER, -1, target, target
    if P[Param.TARGET_IS_MARKET] == 1:
        liquidity, triggered, reference = Liquidity.TAKER, ts, price
        fill = slipped(price, -side, P[Param.SLIPPAGE_E7])
    elif marketable:
        liquidity, reference = Liquidity.TAKER, price
        fill = slipped(price, -side, P[Param.SLIPPAGE_E7])
        fill = max(fill, target) if side > 0 else min(fill, target)
    close_position(
        S, P, rows, ts, S[State.TARGET_ORDER], fill, reference, liquidity, Reason.TARGET, -1
    )
    order_row(
        S, rows, S[State.TARGET_ORDER], OrderKind.TARGET, -side, lots, reference, target,
        S[State.BRACKET_MS], S[State.BRACKET_MS], triggered, ts,
    )  # fmt: skip
    cancel_brackets(S, rows, ts, lots, side, Reason.TARGET, OrderKind.TARGET)


@njit(cache=True)
def activate_brackets(S, P, rows, ts, price):
    """Brackets that become active at ``price``: what is passed already fires here, the stop
    first, equality counting; the rest rests."""
    S[State.BRACKETS] = RESTING
    if stop_met(S, price):
        fire_stop(S, P, rows, ts, price)
    elif S[State.TARGET_UNITS] > 0 and S[State.SIDE] * (price - S[State.TARGET_UNITS]) >= 0:
        fire_target(S, P, rows, ts, price, True)
