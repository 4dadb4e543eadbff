"""Moving bars between the block and a kernel's own tiles, and the few scalar rules all share.

Kernels work on tiles of at most TILE bars held in the processor's first cache. A missing value
is NaN everywhere; an infinity that reaches an indicator is missing too.
"""

from __future__ import annotations

import math

import numpy as np

from engine.indicators.spec import Block, Rows, Vector
from engine.jit import njit

#: Bars a kernel works on at a time.
TILE = 512


@njit(cache=True, error_model="numpy")
def tile(bars: int) -> Vector:
    """Room for one tile of a stretch of ``bars`` bars, float64[min(TILE, bars)]."""
    return np.empty(min(TILE, bars))


@njit(cache=True, error_model="numpy")
def finite(value: float) -> float:
    """The value; NaN when it is an infinity."""
    return value if value - value == 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def load(F: Block, row: int, start: int, n: int, x: Vector) -> None:
    """Bars ``start .. start + n - 1`` of a row into ``x``; what is not finite becomes NaN."""
    column = F[row, start : start + n]
    for i in range(n):
        x[i] = finite(column[i])


@njit(cache=True, error_model="numpy")
def load_three(F: Block, ins: Rows, start: int, n: int, x: Vector, y: Vector, z: Vector) -> None:
    """:func:`load` of the first three inputs, most often high, low and close."""
    load(F, ins[0], start, n, x)
    load(F, ins[1], start, n, y)
    load(F, ins[2], start, n, z)


@njit(cache=True, error_model="numpy")
def store(F: Block, row: int, start: int, n: int, x: Vector) -> None:
    """``x[:n]`` into a row from bar ``start``; what is not finite becomes NaN."""
    column = F[row, start : start + n]
    for i in range(n):
        column[i] = finite(x[i])


@njit(cache=True, error_model="numpy")
def ratio(a: float, b: float) -> float:
    """a / b; missing when b is 0 (0/0 is missing: a halted coin has no RSI)."""
    if b == 0.0:
        return math.nan
    return a / b


@njit(cache=True, error_model="numpy")
def direction_of(new: float, old: float) -> float:
    """1, -1 or 0 as ``new`` lies above, below or on ``old``; missing when either is.

    Sums of prices that are equal in ticks may differ in their last bits: they are equal here.
    The margin of 1e-12 is far below one tick of any price that fits 32-bit ticks (5e-10).
    """
    step = new - old
    if abs(step) <= 1e-12 * (abs(new) + abs(old)):
        return 0.0
    if step > 0.0:
        return 1.0
    return -1.0 if step < 0.0 else math.nan
