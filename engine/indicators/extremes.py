"""Highest, lowest and their ages over the last ``length`` bars, and look-back.

A window with a missing bar, or one that reaches before history, is missing. The highest of a
window is that of the end of the last block of ``length`` bars and of the beginning of the current
one, so each bar costs three comparisons whatever the length.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from engine.indicators.spec import Vector
from engine.indicators.windows import history_cells, with_history
from engine.jit import njit

_BEGUN, _SO_FAR, _HEAD = 0, 1, 2


@register_jitable
def extreme_cells(length: float) -> int:
    """State cells of :func:`highest` and :func:`lowest`."""
    return _HEAD + 2 * int(length)


@register_jitable
def lag_cells(bars: float) -> int:
    """State cells of :func:`lag`."""
    return history_cells(bars + 1)


@njit(cache=True, error_model="numpy")
def _larger(a: float, b: float) -> float:
    """The larger, missing when either is."""
    return a if a > b or a != a else b


@njit(cache=True, error_model="numpy")
def _signed_highest(
    x: Vector, n: int, y: Vector, sign: float, length: int, s: Vector, k: int, i0: int
) -> None:
    bars = s[k + _HEAD : k + _HEAD + length]
    to_end = s[k + _HEAD + length : k + _HEAD + 2 * length]
    if s[k + _BEGUN] == 0.0:
        s[k + _BEGUN] = 1.0
        s[k + _SO_FAR] = math.nan
        for i in range(length):
            bars[i] = math.nan
            to_end[i] = math.nan
    so_far = s[k + _SO_FAR]
    place = i0 % length
    for i in range(n):
        entry = sign * x[i]
        if place == 0:
            best = bars[length - 1]
            for j in range(length):
                best = _larger(bars[length - 1 - j], best)
                to_end[length - 1 - j] = best
            so_far = entry
        bars[place] = entry
        so_far = _larger(entry, so_far)
        place += 1
        if place == length:
            place = 0
            y[i] = sign * so_far
        else:
            y[i] = sign * _larger(so_far, to_end[place])
    s[k + _SO_FAR] = so_far


@njit(cache=True, error_model="numpy")
def highest(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int, i0: int) -> None:
    """y = highest of the last ``length`` bars; ``i0`` is the absolute index of ``x[0]``."""
    _signed_highest(x, n, y, 1.0, length, s, k, i0)


@njit(cache=True, error_model="numpy")
def lowest(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int, i0: int) -> None:
    """y = lowest of the last ``length`` bars; ``i0`` is the absolute index of ``x[0]``."""
    _signed_highest(x, n, y, -1.0, length, s, k, i0)


@njit(cache=True, error_model="numpy")
def age_of_highest(
    x: Vector, n: int, y: Vector, sign: float, length: int, s: Vector, k: int
) -> None:
    """y = bars since the highest (``sign`` -1: lowest) of the last ``length``, newest on ties.

    State cells: ``history_cells(length)``. A window is searched only when its extreme left it.
    """
    w = with_history(x, n, length, s, k)
    hole = -1
    for i in range(length - 1):
        if w[i] != w[i]:
            hole = i
    best = -1
    for i in range(n):
        newest = i + length - 1
        if w[newest] != w[newest]:
            hole = newest
        if hole >= i:
            y[i] = math.nan
            best = -1
            continue
        if best < i:
            best = i
            for j in range(i + 1, newest + 1):
                if sign * w[j] >= sign * w[best]:
                    best = j
        elif sign * w[newest] >= sign * w[best]:
            best = newest
        y[i] = newest - best


@njit(cache=True, error_model="numpy")
def lag(x: Vector, n: int, y: Vector, bars: int, s: Vector, k: int) -> None:
    """y = x ``bars`` bars ago; ``x`` and ``y`` may be one array."""
    w = with_history(x, n, bars + 1, s, k)
    for i in range(n):
        y[i] = w[i]


@njit(cache=True, error_model="numpy")
def middle_of_range(
    high: Vector, low: Vector, n: int, y: Vector, length: int, s: Vector, k: int, i0: int
) -> None:
    """y = (highest high + lowest low) / 2 of the last ``length`` bars.

    State cells: two of :func:`extreme_cells`.
    """
    bottom = np.empty(n)
    highest(high, n, y, length, s, k, i0)
    lowest(low, n, bottom, length, s, k + _HEAD + 2 * length, i0)
    for i in range(n):
        y[i] = (y[i] + bottom[i]) / 2.0
