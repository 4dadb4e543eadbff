"""Averages that remember everything: EMA and Wilder's, seeded by a simple average.

Each function advances state cells ``s[k:]`` over one tile. A missing input gives a missing output
and leaves the state as it was, so leading gaps (the warm-up of an inner indicator) only postpone
the seed. The form ``y + a * (x - y)`` keeps a flat input exactly flat.
"""

from __future__ import annotations

import math

from numba import njit

from engine.indicators.spec import Vector

#: State cells of :func:`exponential`: inputs seen (up to the length), the sum or the average.
EXPONENTIAL_CELLS = 2
#: State cells of :func:`change`: whether a value was seen, the last one.
CHANGE_CELLS = 2


@njit(cache=True, error_model="numpy")
def exponential(x: Vector, n: int, y: Vector, length: int, alpha: float, s: Vector, k: int) -> None:
    """y = exponential average of x with weight ``alpha`` on the newest input.

    The first output is the mean of the first ``length`` inputs. EMA: alpha = 2 / (length + 1);
    Wilder's: alpha = 1 / length. ``x`` and ``y`` may be one array.
    """
    seen = s[k]
    value = s[k + 1]
    i = 0
    while i < n and seen < length:
        entry = x[i]
        y[i] = math.nan
        if entry == entry:
            seen += 1.0
            value += entry
            if seen == length:
                value /= length
                y[i] = value
        i += 1
    for j in range(i, n):
        entry = x[j]
        if entry == entry:
            value += alpha * (entry - value)
            y[j] = value
        else:
            y[j] = math.nan
    s[k] = seen
    s[k + 1] = value


@njit(cache=True, error_model="numpy")
def ema(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int) -> None:
    """Exponential moving average of ``length`` bars; see :func:`exponential`."""
    exponential(x, n, y, length, 2.0 / (length + 1.0), s, k)


@njit(cache=True, error_model="numpy")
def rma(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int) -> None:
    """Wilder's average of ``length`` bars; see :func:`exponential`."""
    exponential(x, n, y, length, 1.0 / length, s, k)


@njit(cache=True, error_model="numpy")
def change(x: Vector, n: int, y: Vector, s: Vector, k: int) -> None:
    """y = x less the last defined x before it; missing on the first. Not in place."""
    seen = s[k]
    last = s[k + 1]
    for i in range(n):
        entry = x[i]
        y[i] = entry - last if seen > 0.0 else math.nan
        if entry == entry:
            seen = 1.0
            last = entry
    s[k] = seen
    s[k + 1] = last
