"""Single cells: what counts as missing, and enum members a kernel writes."""

from __future__ import annotations

import math

from engine.indicators.spec import Block
from engine.jit import njit

#: Places of ``up``, ``down`` and ``none`` in DIRECTIONS.
UP, DOWN, NONE = 0.0, 1.0, 2.0


@njit(cache=True, error_model="numpy")
def cell(F: Block, row: int, i: int) -> float:
    """A value of the block; what is not finite is missing, and so is a row that is not given."""
    if row < 0:
        return math.nan
    value = float(F[row, i])
    return value if value - value == 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def direction(sign: float) -> float:
    """The member of ``up | down | none`` for 1, -1 and 0."""
    if sign == 0.0:
        return NONE
    return UP if sign > 0.0 else DOWN


@njit(cache=True, error_model="numpy")
def sign(member: float) -> float:
    """1, -1 and 0 for a member of ``up | down | none``."""
    if member == UP:
        return 1.0
    return -1.0 if member == DOWN else 0.0


@njit(cache=True, error_model="numpy")
def prices(F: Block, high: int, low: int, close: int, i: int) -> tuple[float, float, float]:
    """High, low and close of a bar, from these rows; all missing when one is."""
    top, bottom, last = cell(F, high, i), cell(F, low, i), cell(F, close, i)
    if top == top and bottom == bottom and last == last:
        return top, bottom, last
    return math.nan, math.nan, math.nan
