"""What a clock close asks for, and its arrival at the next fill bar's open.

Sizes are fixed at the decision close, as the account would be after the decision's own exits at
that close; refusals are checked on arrival, in the order of :class:`engine.exchange.codes.Refusal`.
"""

from __future__ import annotations

import math

from numba import njit

from engine.exchange.account import (
    close_position,
    closing_share,
    open_position,
    order_cost,
    order_row,
    slipped,
    unrealised,
)
from engine.exchange.brackets import (
    NONE,
    RESTING,
    activate_brackets,
    cancel_brackets,
    set_brackets,
    stop_level,
)
from engine.exchange.codes import (
    Liquidity,
    OrderKind,
    OrderState,
    Reason,
    Refusal,
    StopKind,
    TargetKind,
)
from engine.exchange.layout import OrderRow, Param, State, Table
from engine.sizing import size_lots

#: A float within this many units of a whole number is that number (a product's last bits).
_SNAP = 1e-6
#: Largest measure taken over from a float, units.
_FAR = 2.0**31


@njit(cache=True)
def units_up(value: float) -> int:
    """Smallest whole number of units at or above ``value``; -1 when it is missing or absurd."""
    if not (0.0 <= value < _FAR):
        return -1
    nearest = math.floor(value + 0.5)
    return int(nearest) if abs(value - nearest) <= _SNAP else math.ceil(value)


@njit(cache=True)
def request_exit(S, ts, rule):
    """A rule leaves the position at the next fill bar's open."""
    S[State.EXIT_DUE] = 1
    S[State.EXIT_ORDER] = S[State.NEXT_ORDER]
    S[State.NEXT_ORDER] += 1
    S[State.EXIT_RULE] = rule
    S[State.DECIDED_MS] = ts


@njit(cache=True)
def _balance_after_exit(S, P, close, mark):
    """``(equity, free)`` at the decision close, its exits counted as filled at that close."""
    wallet = S[State.WALLET_E8]
    if S[State.EXIT_DUE] == 0:
        return wallet + unrealised(S, P, mark), wallet - S[State.MARGIN_E8]
    price = slipped(close, -S[State.SIDE], P[Param.SLIPPAGE_E7])
    held, cost_held, margin_held = S[State.LOTS], S[State.COST_E8], S[State.MARGIN_E8]
    while S[State.LOTS] > 0:
        lots = min(S[State.LOTS], P[Param.MAX_LOTS])
        gross, fee, cost, margin, _ = closing_share(S, P, lots, price, P[Param.TAKER_E7])
        wallet += gross - fee
        S[State.LOTS] -= lots
        S[State.COST_E8] -= cost
        S[State.MARGIN_E8] -= margin
    S[State.LOTS], S[State.COST_E8], S[State.MARGIN_E8] = held, cost_held, margin_held
    return wallet, wallet


@njit(cache=True)
def request_entry(S, P, ts, side, rule, close, mark, stop_measure, target_measure):
    """A rule enters on ``side`` at the next fill bar's open; the quantity is fixed here.

    ``close`` and ``mark`` in units; the measures are floats in units (a distance or, for
    ``LEVEL``, a price), NaN when missing.
    """
    S[State.ENTRY_DUE] = side
    S[State.ENTRY_ORDER] = S[State.NEXT_ORDER]
    S[State.NEXT_ORDER] += 1
    S[State.ENTRY_DUE_RULE] = rule
    S[State.DECIDED_MS] = ts
    S[State.REFERENCE_UNITS] = close
    S[State.STOP_MEASURE_UNITS] = 0
    S[State.TARGET_MEASURE_UNITS] = 0
    kind = P[Param.STOP_KIND]
    if kind == StopKind.DISTANCE or (kind == StopKind.LEVEL and side < 0):
        S[State.STOP_MEASURE_UNITS] = units_up(stop_measure)
    elif kind == StopKind.LEVEL:
        up = units_up(stop_measure)
        S[State.STOP_MEASURE_UNITS] = up - 1 if up - stop_measure > _SNAP else up
    if P[Param.TARGET_KIND] == TargetKind.DISTANCE:
        S[State.TARGET_MEASURE_UNITS] = units_up(target_measure)
    equity, free = _balance_after_exit(S, P, close, mark)
    price = slipped(close, side, P[Param.SLIPPAGE_E7])
    stop = 0
    if S[State.STOP_MEASURE_UNITS] >= 0:
        stop = stop_level(P, side, price, S[State.STOP_MEASURE_UNITS])
    S[State.ENTRY_DUE_LOTS] = size_lots(
        P[Param.SIZE_KIND], P[Param.SIZE_VALUE], equity, free, price, stop, P[Param.VALUE_E8],
        side, P[Param.LEVERAGE_E2], max(P[Param.TAKER_E7], P[Param.MAKER_E7]),
    )  # fmt: skip


@njit(cache=True)
def exit_arrives(S, P, rows, ts, opened):
    """The exit asked for at the last clock close fills at this open."""
    side, lots, order, rule = S[State.SIDE], S[State.LOTS], S[State.EXIT_ORDER], S[State.EXIT_RULE]
    S[State.EXIT_DUE] = 0
    fill = slipped(opened, -side, P[Param.SLIPPAGE_E7])
    close_position(S, P, rows, ts, order, fill, opened, Liquidity.TAKER, Reason.EXIT_RULE, rule)
    at = order_row(
        S, rows, order, OrderKind.EXIT, -side, lots, opened, -1, S[State.DECIDED_MS], ts, -1, ts
    )
    rows[Table.ORDERS, at, OrderRow.RULE] = rule
    cancel_brackets(S, rows, ts, lots, side, Reason.EXIT_RULE, OrderKind.EXIT)


@njit(cache=True)
def _refusal(S, P, side, lots, opened, fill):
    """The first reason the entry is refused for at this open, or none."""
    if S[State.STOP_MEASURE_UNITS] < 0 or S[State.TARGET_MEASURE_UNITS] < 0:
        return Refusal.DISTANCE_UNKNOWN
    if lots < P[Param.MIN_LOTS] or lots < 1:
        return Refusal.QTY_BELOW_MIN
    if lots > P[Param.MAX_LOTS]:
        # Also the bound below which no product of the ledger overflows.
        value = lots * float(S[State.REFERENCE_UNITS]) * P[Param.VALUE_E8]
        if value < P[Param.MIN_NOTIONAL_E8]:
            return Refusal.NOTIONAL_BELOW_MIN
        return Refusal.QTY_ABOVE_MARKET_MAX
    if lots * S[State.REFERENCE_UNITS] * P[Param.VALUE_E8] < P[Param.MIN_NOTIONAL_E8]:
        return Refusal.NOTIONAL_BELOW_MIN
    if P[Param.STOP_KIND] == StopKind.LEVEL:
        stop = stop_level(P, side, fill, S[State.STOP_MEASURE_UNITS])
        if side * (opened - stop) <= 0:
            return Refusal.STOP_THROUGH_MARKET
    cost = order_cost(P, side, lots * fill * P[Param.VALUE_E8])
    if cost > S[State.WALLET_E8] - S[State.MARGIN_E8]:
        return Refusal.INSUFFICIENT_MARGIN
    return Refusal.NONE


@njit(cache=True)
def entry_arrives(S, P, rows, ts, opened):
    """The entry decided at the last clock close arrives at this open: filled, or refused."""
    side, lots, order = S[State.ENTRY_DUE], S[State.ENTRY_DUE_LOTS], S[State.ENTRY_ORDER]
    rule, reference = S[State.ENTRY_DUE_RULE], S[State.REFERENCE_UNITS]
    S[State.ENTRY_DUE] = 0
    fill = slipped(opened, side, P[Param.SLIPPAGE_E7])
    refusal = _refusal(S, P, side, lots, opened, fill)
    if refusal != Refusal.NONE:
        S[State.TRADE_ID] = -1
        at = order_row(
            S, rows, order, OrderKind.ENTRY, side, lots, reference, -1, S[State.DECIDED_MS], -1,
            -1, ts,
        )  # fmt: skip
        rows[Table.ORDERS, at, OrderRow.STATE] = OrderState.REJECTED
        rows[Table.ORDERS, at, OrderRow.REFUSAL] = refusal
        rows[Table.ORDERS, at, OrderRow.RULE] = rule
        return
    open_position(S, P, rows, ts, order, side, lots, fill, opened, rule)
    at = order_row(
        S, rows, order, OrderKind.ENTRY, side, lots, reference, -1, S[State.DECIDED_MS], ts, -1, ts
    )
    rows[Table.ORDERS, at, OrderRow.RULE] = rule
    set_brackets(S, P, ts, fill)
    if S[State.BRACKETS] == RESTING:
        activate_brackets(S, P, rows, ts, opened)


@njit(cache=True)
def close_at_end(S, P, rows, ts, close):
    """End of data: the open position is closed at the last close, taker, with slippage."""
    side, lots, order = S[State.SIDE], S[State.LOTS], S[State.NEXT_ORDER]
    S[State.NEXT_ORDER] += 1
    fill = slipped(close, -side, P[Param.SLIPPAGE_E7])
    close_position(S, P, rows, ts, order, fill, close, Liquidity.TAKER, Reason.END_OF_DATA, -1)
    order_row(S, rows, order, OrderKind.END_OF_DATA, -side, lots, close, -1, ts, ts, -1, ts)
    if S[State.BRACKETS] != NONE:
        cancel_brackets(S, rows, ts, lots, side, Reason.END_OF_DATA, OrderKind.END_OF_DATA)
