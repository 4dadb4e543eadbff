"""Means and spreads over the last ``length`` bars that depend on those bars alone.

The bits are the same for any chunking and any start of history, and flat input gives an exact
mean and an exact spread of 0. Sums are taken of differences to a bar of the window, never as
running sums. Up to DIRECT_MAX bars every window is summed anew, oldest first, side by side across
bars; longer ones add the suffix of the last whole block to the prefix of the current one, where
blocks of ``length`` bars are anchored to the absolute bar index. Bars before history are missing,
as is any window that holds a missing bar.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from engine.indicators.spec import Vector

#: Longest window that is summed anew at each bar.
DIRECT_MAX = 64

# Cells before the three block arrays of a long window: begun, reference of the current block and
# of the last one, sum and sum of squares of the current block's differences to its reference.
_BEGUN, _REF, _REF_LAST, _SUM, _SQUARES, _HEAD = 0, 1, 2, 3, 4, 5


def history_cells(length: float) -> int:
    """State cells of :func:`with_history`."""
    return int(length)


def moment_cells(length: float) -> int:
    """State cells of :func:`mean` and :func:`mean_deviation`."""
    return history_cells(length) if length <= DIRECT_MAX else _HEAD + 3 * int(length)


@njit(cache=True, error_model="numpy")
def with_history(x: Vector, n: int, length: int, s: Vector, k: int) -> Vector:
    """The last ``length - 1`` bars before the tile, then the tile: float64[length - 1 + n], so
    that ``w[i : i + length]`` is the window of bar ``i``. Keeps the newest ``length - 1`` bars."""
    before = length - 1
    w = np.empty(before + n)
    if s[k] == 0.0:
        s[k] = 1.0
        for i in range(before):
            w[i] = math.nan
    else:
        for i in range(before):
            w[i] = s[k + 1 + i]
    for i in range(n):
        w[before + i] = x[i]
    for i in range(before):
        s[k + 1 + i] = w[n + i]
    return w


@njit(cache=True, error_model="numpy")
def _direct_mean(w: Vector, n: int, length: int, m: Vector) -> None:
    for i in range(n):
        m[i] = 0.0
    for j in range(1, length):
        for i in range(n):
            m[i] += w[i + j] - w[i]
    for i in range(n):
        m[i] = w[i] + m[i] / length


@njit(cache=True, error_model="numpy")
def _direct_deviation(w: Vector, n: int, length: int, ddof: int, m: Vector, d: Vector) -> None:
    for i in range(n):
        d[i] = 0.0
    for j in range(length):
        for i in range(n):
            off = w[i + j] - m[i]
            d[i] += off * off
    for i in range(n):
        d[i] = math.sqrt(d[i] / (length - ddof))


@njit(cache=True, error_model="numpy")
def _begin_blocks(length: int, s: Vector, k: int) -> None:
    """Everything before history is missing."""
    s[k + _BEGUN] = 1.0
    for cell in range(_REF, _HEAD + 3 * length):
        s[k + cell] = math.nan


@njit(cache=True, error_model="numpy")
def _close_block(length: int, s: Vector, k: int) -> None:
    """Turn the finished block's bars into sums from each of them to the block's end."""
    bars, sums, squares = k + _HEAD, k + _HEAD + length, k + _HEAD + 2 * length
    reference = s[bars + length - 1]
    total = 0.0
    square = 0.0
    for i in range(length - 1, -1, -1):
        off = s[bars + i] - reference
        total += off
        square += off * off
        s[sums + i] = total
        s[squares + i] = square
    s[k + _REF_LAST] = reference


@njit(cache=True, error_model="numpy")
def _block_moments(
    x: Vector, n: int, length: int, ddof: int, m: Vector, d: Vector, s: Vector, k: int, i0: int
) -> None:
    """Mean and deviation of long windows; block sums are about a bar inside the window."""
    if s[k + _BEGUN] == 0.0:
        _begin_blocks(length, s, k)
    bars, sums, squares = k + _HEAD, k + _HEAD + length, k + _HEAD + 2 * length
    reference, last = s[k + _REF], s[k + _REF_LAST]
    total, square = s[k + _SUM], s[k + _SQUARES]
    place = i0 % length
    for i in range(n):
        entry = x[i]
        if place == 0:
            _close_block(length, s, k)
            last = s[k + _REF_LAST]
            reference = entry
            total = 0.0
            square = 0.0
        s[bars + place] = entry
        off = entry - reference
        total += off
        square += off * off
        all_sum = total
        all_square = square
        place += 1
        if place < length:
            older = length - place
            shift = last - reference
            tail = s[sums + place]
            all_sum += tail + older * shift
            all_square += s[squares + place] + 2.0 * shift * tail + older * shift * shift
        else:
            place = 0
        m[i] = reference + all_sum / length
        spread = all_square - all_sum * all_sum / length
        if spread < 0.0:  # rounding of a flat window
            spread = 0.0
        d[i] = math.sqrt(spread / (length - ddof))
    s[k + _REF], s[k + _REF_LAST] = reference, last
    s[k + _SUM], s[k + _SQUARES] = total, square


@njit(cache=True, error_model="numpy")
def mean(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int, i0: int) -> None:
    """y = mean of the last ``length`` bars; ``i0`` is the absolute index of ``x[0]``."""
    if length <= DIRECT_MAX:
        _direct_mean(with_history(x, n, length, s, k), n, length, y)
    else:
        _block_moments(x, n, length, 0, y, np.empty(n), s, k, i0)


@njit(cache=True, error_model="numpy")
def mean_deviation(
    x: Vector, n: int, m: Vector, d: Vector, length: int, ddof: int, s: Vector, k: int, i0: int
) -> None:
    """m = mean and d = standard deviation (divisor ``length - ddof``) of the last ``length``."""
    if length <= DIRECT_MAX:
        w = with_history(x, n, length, s, k)
        _direct_mean(w, n, length, m)
        _direct_deviation(w, n, length, ddof, m, d)
    else:
        _block_moments(x, n, length, ddof, m, d, s, k, i0)
