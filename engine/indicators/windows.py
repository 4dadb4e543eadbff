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
from numba.extending import register_jitable

from engine.indicators.spec import Vector

#: Longest window that is summed anew at each bar.
DIRECT_MAX = 64

# Cells before the three block arrays of a long window: begun, reference of the current block and
# of the last one, sum and sum of squares of the current block's differences to its reference.
_BEGUN, _REF, _REF_LAST, _SUM, _SQUARES, _HEAD = 0, 1, 2, 3, 4, 5


@register_jitable
def history_cells(length: float) -> int:
    """State cells of :func:`with_history`."""
    return int(length)


@register_jitable
def moment_cells(length: float) -> int:
    """State cells of :func:`mean` and :func:`mean_deviation`."""
    if length <= DIRECT_MAX:
        return int(length)
    return _HEAD + 3 * int(length)


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
    """Differences to the oldest bar, summed oldest first; four bars of all windows per pass."""
    for i in range(n):
        m[i] = 0.0
    oldest = w[:n]
    j = 1
    while j + 4 <= length:
        a, b, e, f = w[j : j + n], w[j + 1 : j + 1 + n], w[j + 2 : j + 2 + n], w[j + 3 : j + 3 + n]
        for i in range(n):
            about = oldest[i]
            m[i] = (((m[i] + (a[i] - about)) + (b[i] - about)) + (e[i] - about)) + (f[i] - about)
        j += 4
    while j < length:
        a = w[j : j + n]
        for i in range(n):
            m[i] += a[i] - oldest[i]
        j += 1
    for i in range(n):
        m[i] = oldest[i] + m[i] / length


@njit(cache=True, error_model="numpy")
def _direct_moments(w: Vector, n: int, length: int, m: Vector, d: Vector) -> None:
    """m = mean, bit for bit that of :func:`_direct_mean`; d = summed squared differences to it.

    Both are about the oldest bar of the window. It lies within sqrt(length) deviations of the
    mean (Samuelson's inequality), so at most a factor ``length`` of the precision cancels.
    """
    for i in range(n):
        m[i] = 0.0
        d[i] = 0.0
    oldest = w[:n]
    j = 1
    while j + 4 <= length:
        a, b, e, f = w[j : j + n], w[j + 1 : j + 1 + n], w[j + 2 : j + 2 + n], w[j + 3 : j + 3 + n]
        for i in range(n):
            about = oldest[i]
            t, u, v, z = a[i] - about, b[i] - about, e[i] - about, f[i] - about
            m[i] = (((m[i] + t) + u) + v) + z
            d[i] = (((d[i] + t * t) + u * u) + v * v) + z * z
        j += 4
    while j < length:
        a = w[j : j + n]
        for i in range(n):
            off = a[i] - oldest[i]
            m[i] += off
            d[i] += off * off
        j += 1
    for i in range(n):
        total = m[i]
        spread = d[i] - total * total / length
        d[i] = 0.0 if spread < 0.0 else spread  # below 0 only by rounding
        m[i] = oldest[i] + total / length


@njit(cache=True, error_model="numpy")
def _begin_blocks(length: int, s: Vector, k: int) -> None:
    """Everything before history is missing."""
    s[k + _BEGUN] = 1.0
    for cell in range(_REF, _HEAD + 3 * length):
        s[k + cell] = math.nan


@njit(cache=True, error_model="numpy")
def _close_block(length: int, s: Vector, k: int) -> None:
    """Turn the finished block's bars into sums from each of them to the block's end."""
    bars = s[k + _HEAD : k + _HEAD + length]
    sums = s[k + _HEAD + length : k + _HEAD + 2 * length]
    squares = s[k + _HEAD + 2 * length : k + _HEAD + 3 * length]
    reference = bars[length - 1]
    total = 0.0
    square = 0.0
    for i in range(length):
        off = bars[length - 1 - i] - reference
        total += off
        square += off * off
        sums[length - 1 - i] = total
        squares[length - 1 - i] = square
    s[k + _REF_LAST] = reference


@njit(cache=True, error_model="numpy")
def _block_moments(
    x: Vector, n: int, length: int, m: Vector, d: Vector, s: Vector, k: int, i0: int
) -> None:
    """m = mean, d = summed squared differences to it, of long windows.

    A window is the end of the last block and the beginning of the current one; each part is
    summed about a bar that is inside the window, so nothing large cancels.
    """
    if s[k + _BEGUN] == 0.0:
        _begin_blocks(length, s, k)
    place = i0 % length
    i = 0
    while i < n:
        if place == 0:
            _close_block(length, s, k)
            s[k + _REF] = x[i]
            s[k + _SUM] = 0.0
            s[k + _SQUARES] = 0.0
        run = min(n - i, length - place)
        bars = s[k + _HEAD + place : k + _HEAD + place + run]
        reference, total, square = s[k + _REF], s[k + _SUM], s[k + _SQUARES]
        entries, means, spreads = x[i : i + run], m[i : i + run], d[i : i + run]
        for j in range(run):
            bars[j] = entries[j]
            off = entries[j] - reference
            total += off
            square += off * off
            means[j] = total
            spreads[j] = square
        s[k + _SUM], s[k + _SQUARES] = total, square
        shared = min(run, length - 1 - place)  # windows that still reach into the last block
        tails = s[k + _HEAD + length + place + 1 : k + _HEAD + length + place + 1 + shared]
        tail_squares = s[
            k + _HEAD + 2 * length + place + 1 : k + _HEAD + 2 * length + place + 1 + shared
        ]
        shift = s[k + _REF_LAST] - reference
        for j in range(shared):
            reach = (length - 1 - place - j) * shift
            means[j] += tails[j] + reach
            spreads[j] += tail_squares[j] + shift * (2.0 * tails[j] + reach)
        for j in range(run):
            total = means[j]
            spread = spreads[j] - total * total / length
            spreads[j] = 0.0 if spread < 0.0 else spread  # below 0 only by rounding
            means[j] = reference + total / length
        i += run
        place = (place + run) % length


@njit(cache=True, error_model="numpy")
def mean(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int, i0: int) -> None:
    """y = mean of the last ``length`` bars; ``i0`` is the absolute index of ``x[0]``."""
    if length <= DIRECT_MAX:
        _direct_mean(with_history(x, n, length, s, k), n, length, y)
    else:
        _block_moments(x, n, length, y, np.empty(n), s, k, i0)


@njit(cache=True, error_model="numpy")
def mean_deviation(
    x: Vector, n: int, m: Vector, d: Vector, length: int, ddof: int, s: Vector, k: int, i0: int
) -> None:
    """m = mean and d = standard deviation (divisor ``length - ddof``) of the last ``length``."""
    if length <= DIRECT_MAX:
        w = with_history(x, n, length, s, k)
        _direct_moments(w, n, length, m, d)
    else:
        _block_moments(x, n, length, m, d, s, k, i0)
    share = 1.0 / (length - ddof)
    for i in range(n):
        d[i] = math.sqrt(d[i] * share)
