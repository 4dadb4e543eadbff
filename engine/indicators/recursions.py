"""Averages that remember everything: EMA and Wilder's, seeded by a simple average.

Each function advances state cells ``s[k:]`` over one tile. A missing input gives a missing output
and leaves the state as it was, so leading gaps (the warm-up of an inner indicator) only postpone
the seed.
"""

from __future__ import annotations

import math

from numba import njit

from engine.indicators.spec import Vector

#: State cells of :func:`exponential`: inputs seen (up to the length); the average before the
#: current group (before the seed: the first input); the group's own part (the seed's sum); place
#: in the group; the group's first input.
EXPONENTIAL_CELLS = 5
#: State cells of :func:`change`: whether a value was seen, the last one.
CHANGE_CELLS = 2


@njit(cache=True, error_model="numpy")
def exponential(x: Vector, n: int, y: Vector, length: int, alpha: float, s: Vector, k: int) -> None:
    """y = exponential average of x with weight ``alpha`` on the newest input.

    The first output is the mean of the first ``length`` inputs. EMA: alpha = 2 / (length + 1);
    Wilder's: alpha = 1 / length. ``x`` and ``y`` may be one array.

    Inputs after the seed are taken in groups of four, counted from the seed: with r the first of
    the group, y[j] = r + part[j] + (1 - alpha)^(j + 1) * (y before the group - r), where part is
    the recursion over x - r from 0. The groups' parts do not wait for each other, and flat input
    stays exactly flat.
    """
    seen, base, part, place, first = s[k], s[k + 1], s[k + 2], s[k + 3], s[k + 4]
    i = 0
    while i < n and seen < length:
        entry = x[i]
        y[i] = math.nan
        if entry == entry:
            base = entry if seen == 0.0 else base
            part += entry - base
            seen += 1.0
            if seen == length:
                base += part / length
                y[i] = base
        i += 1
    keep = 1.0 - alpha
    keep2 = keep * keep
    keep3 = keep2 * keep
    keep4 = keep3 * keep
    while i < n:
        if place == 0.0 and i + 4 <= n:
            first = x[i]
            u1, u2, u3 = x[i + 1] - first, x[i + 2] - first, x[i + 3] - first
            whole = u1 + u2 + u3
            if whole == whole:
                gap = base - first
                p1 = alpha * u1
                p2 = keep * p1 + alpha * u2
                part = keep * p2 + alpha * u3
                y[i] = first + keep * gap
                y[i + 1] = (first + p1) + keep2 * gap
                y[i + 2] = (first + p2) + keep3 * gap
                base = (first + part) + keep4 * gap
                y[i + 3] = base
                i += 4
                continue
        entry = x[i]
        if entry != entry:
            y[i] = math.nan
        else:
            power = keep
            if place == 0.0:
                first = entry
                part = 0.0
            else:
                part = keep * part + alpha * (entry - first)
                power = keep2 if place == 1.0 else keep3 if place == 2.0 else keep4
            y[i] = (first + part) + power * (base - first)
            place += 1.0
            if place == 4.0:
                base = y[i]
                place = 0.0
        i += 1
    s[k], s[k + 1], s[k + 2], s[k + 3], s[k + 4] = seen, base, part, place, first


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
    gaps = 0
    for i in range(n):
        gaps += 1 if x[i] != x[i] else 0
    if gaps == 0 and seen > 0.0:  # the same in a form the compiler spreads across bars
        y[0] = x[0] - last
        for i in range(1, n):
            y[i] = x[i] - x[i - 1]
        s[k + 1] = x[n - 1]
        return
    for i in range(n):
        entry = x[i]
        y[i] = entry - last if seen > 0.0 else math.nan
        if entry == entry:
            seen = 1.0
            last = entry
    s[k] = seen
    s[k + 1] = last
