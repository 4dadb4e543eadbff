"""Where stops, targets and break-evens lie, exactly, on the tick grid.

The average entry is the rational ``cost / size`` (1e-8 USDT over lots x value), never rounded
itself. A level that lies in ``direction`` of it (-1 below, 1 above) is rounded in that direction,
which is against the account for each of them: long stops and short targets floor, short stops and
long targets ceil. A level is at least one tick.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.codes import StopKind, TargetKind
from engine.exchange.layout import Param, Term
from engine.exchange.margin import E8
from engine.exchange.rounding import ceil_to, floor_to, mul_div_ceil, mul_div_floor
from engine.kernel import kernel


@kernel
def on_grid(P: Cells, price: int, direction: int) -> int:
    """``price`` units rounded to the tick in ``direction``, at least one tick."""
    tick = P[Param.TICK_UNITS]
    return max(floor_to(price, tick) if direction < 0 else ceil_to(price, tick), tick)


@kernel
def ceil_div(a: int, d: int) -> int:
    """ceil(a / d) for d > 0."""
    return -(-a // d)


@kernel
def by_fraction(P: Cells, cost: int, size: int, direction: int, part: int, whole: int) -> int:
    """The average entry moved by ``part / whole`` of itself."""
    if direction < 0:
        return on_grid(P, mul_div_floor(cost, max(whole - part, 0), whole) // size, -1)
    return on_grid(P, ceil_div(mul_div_ceil(cost, whole + part, whole), size), 1)


@kernel
def by_distance(P: Cells, cost: int, size: int, direction: int, distance_e8: int) -> int:
    """The average entry moved by ``distance_e8``, a price distance in 1e-8 USDT."""
    unit = P[Param.UNIT_E8]
    if direction < 0:
        return on_grid(P, (mul_div_floor(cost, unit, size) - distance_e8) // unit, -1)
    return on_grid(P, ceil_div(mul_div_ceil(cost, unit, size) + distance_e8, unit), 1)


@kernel
def by_value(P: Cells, cost: int, size: int, direction: int, value_e8: int) -> int:
    """The price at which the position is worth ``value_e8`` more or less than its cost."""
    if direction < 0:
        return on_grid(P, (cost - value_e8) // size, -1)
    return on_grid(P, ceil_div(cost + value_e8, size), 1)


@kernel
def at_price(P: Cells, price_e8: int, direction: int) -> int:
    """A price stated as such, in 1e-8 USDT."""
    unit = P[Param.UNIT_E8]
    return on_grid(P, price_e8 // unit if direction < 0 else ceil_div(price_e8, unit), direction)


@kernel
def _stated(
    P: Cells,
    kind: int,
    value: int,
    leverage_e2: int,
    cost: int,
    size: int,
    direction: int,
    measure_e8: int,
) -> int:
    if kind == StopKind.PRICE:
        return by_fraction(P, cost, size, direction, value, E8)
    if kind == StopKind.ROI:
        return by_fraction(P, cost, size, direction, value * 100, E8 * leverage_e2)
    if kind == StopKind.DISTANCE:
        return by_distance(P, cost, size, direction, measure_e8)
    if kind == StopKind.POINTS:
        return by_distance(P, cost, size, direction, value)
    return at_price(P, measure_e8, direction)


@kernel
def stop_level(P: Cells, term: int, side: int, cost: int, size: int, measure_e8: int) -> int:
    """The stop of a position of ``side``, price units; 0 without a stop.

    ``term`` is the offset of its entry's terms in ``P``; ``measure_e8`` the distance
    (``DISTANCE``) or the price (``LEVEL``) taken at the decision, 1e-8 USDT.
    """
    kind = P[term + Term.STOP_KIND]
    if kind == StopKind.NONE:
        return 0
    return _stated(
        P, kind, P[term + Term.STOP_VALUE_E8], P[term + Term.LEVERAGE_E2], cost, size, -side,
        measure_e8,
    )  # fmt: skip


@kernel
def target_level(
    P: Cells, term: int, k: int, side: int, cost: int, size: int, risk_e8: int, measure_e8: int
) -> int:
    """Level ``k`` of the ladder; ``risk_e8`` is R of the whole position in 1e-8 USDT."""
    kind, value = P[term + Term.TARGET_KIND + k], P[term + Term.TARGET_VALUE_E8 + k]
    if kind == TargetKind.RR:
        return by_value(P, cost, size, side, mul_div_ceil(risk_e8, value, E8))
    return _stated(P, kind, value, P[term + Term.LEVERAGE_E2], cost, size, side, measure_e8)
