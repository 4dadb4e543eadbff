"""Averages that remember everything: EMA and Wilder's, seeded by a simple average.

Each function advances state cells ``s[k:]`` over one tile. A missing input gives a missing output
and leaves the state as it was, so leading gaps (the warm-up of an inner indicator) only postpone
the seed.
"""

from __future__ import annotations

import math

from engine.indicators.spec import Vector
from engine.jit import njit

#: State cells of :func:`exponential`: inputs seen (up to the length); the average before the
#: current group in two parts, a price near it and the rest (within a group: what the average then
#: was above the group's first input); the group's own part; place in the group; its first input.
EXPONENTIAL_CELLS = 6
#: State cells of :func:`change`: whether a value was seen, the last one.
CHANGE_CELLS = 2


_SEEN, _NEAR, _REST, _PART, _PLACE, _FIRST = 0, 1, 2, 3, 4, 5


@njit(cache=True, error_model="numpy")
def _seed(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int) -> int:
    """The mean of the first ``length`` inputs; returns the number of bars it took of these."""
    seen, near, total = s[k + _SEEN], s[k + _NEAR], s[k + _PART]
    i = 0
    while i < n and seen < length:
        entry = x[i]
        y[i] = math.nan
        if entry == entry:
            near = entry if seen == 0.0 else near
            total += entry - near
            seen += 1.0
            if seen == length:
                near += total / length
                total = 0.0
                y[i] = near
        i += 1
    s[k + _SEEN], s[k + _NEAR], s[k + _PART] = seen, near, total
    return i


@njit(cache=True, error_model="numpy")
def _singly(x: Vector, y: Vector, alpha: float, s: Vector, k: int) -> None:
    """Any inputs after the seed, missing ones among them."""
    near, rest = s[k + _NEAR], s[k + _REST]
    part, place, first = s[k + _PART], s[k + _PLACE], s[k + _FIRST]
    keep = 1.0 - alpha
    for i in range(len(x)):
        entry = x[i]
        if entry != entry:
            y[i] = math.nan
            continue
        power = keep
        if place == 0.0:
            first = entry
            rest = (near - first) + rest
        else:
            part = keep * part + alpha * (entry - first)
            square = keep * keep
            power = square if place == 1.0 else square * keep
            power = power if place < 3.0 else power * keep
        y[i] = (first + part) + power * rest
        place += 1.0
        if place == 4.0:
            near = first + part
            rest = power * rest
            part = place = first = 0.0
    s[k + _NEAR], s[k + _REST] = near, rest
    s[k + _PART], s[k + _PLACE], s[k + _FIRST] = part, place, first


@njit(cache=True, error_model="numpy")
def _by_fours(x: Vector, y: Vector, alpha: float, s: Vector, k: int) -> None:
    """Whole groups without a missing input: bit for bit what :func:`_singly` gives."""
    near, rest = s[k + _NEAR], s[k + _REST]
    keep = 1.0 - alpha
    keep2 = keep * keep
    keep3 = keep2 * keep
    keep4 = keep3 * keep
    for group in range(len(x) // 4):
        i = 4 * group
        first = x[i]
        u1, u2, u3 = x[i + 1] - first, x[i + 2] - first, x[i + 3] - first
        above = (near - first) + rest
        p1 = alpha * u1
        p2 = keep * p1 + alpha * u2
        p3 = keep * p2 + alpha * u3
        y[i] = first + keep * above
        y[i + 1] = (first + p1) + keep2 * above
        y[i + 2] = (first + p2) + keep3 * above
        near = first + p3
        rest = keep4 * above
        y[i + 3] = near + rest
    s[k + _NEAR], s[k + _REST] = near, rest


@njit(cache=True, error_model="numpy")
def _two_by_fours(x: Vector, z: Vector, alpha: float, s: Vector, k: int, j: int) -> None:
    """:func:`_by_fours` of ``x`` with cells ``s[k:]`` and of ``z`` with ``s[j:]``, in place: what
    waits for the group before in one goes on beside what waits in the other."""
    near, rest, near_z, rest_z = s[k + _NEAR], s[k + _REST], s[j + _NEAR], s[j + _REST]
    keep = 1.0 - alpha
    keep2 = keep * keep
    keep3 = keep2 * keep
    keep4 = keep3 * keep
    for group in range(len(x) // 4):
        i = 4 * group
        first, first_z = x[i], z[i]
        above, above_z = (near - first) + rest, (near_z - first_z) + rest_z
        p1, p1_z = alpha * (x[i + 1] - first), alpha * (z[i + 1] - first_z)
        p2 = keep * p1 + alpha * (x[i + 2] - first)
        p2_z = keep * p1_z + alpha * (z[i + 2] - first_z)
        p3 = keep * p2 + alpha * (x[i + 3] - first)
        p3_z = keep * p2_z + alpha * (z[i + 3] - first_z)
        x[i], z[i] = first + keep * above, first_z + keep * above_z
        x[i + 1] = (first + p1) + keep2 * above
        z[i + 1] = (first_z + p1_z) + keep2 * above_z
        x[i + 2] = (first + p2) + keep3 * above
        z[i + 2] = (first_z + p2_z) + keep3 * above_z
        near, near_z = first + p3, first_z + p3_z
        rest, rest_z = keep4 * above, keep4 * above_z
        x[i + 3], z[i + 3] = near + rest, near_z + rest_z
    s[k + _NEAR], s[k + _REST], s[j + _NEAR], s[j + _REST] = near, rest, near_z, rest_z


@njit(cache=True, error_model="numpy")
def exponential(x: Vector, n: int, y: Vector, length: int, alpha: float, s: Vector, k: int) -> None:
    """y = exponential average of x with weight ``alpha`` on the newest input.

    The first output is the mean of the first ``length`` inputs. EMA: alpha = 2 / (length + 1);
    Wilder's: alpha = 1 / length. ``x`` and ``y`` may be one array.

    Inputs after the seed are taken in groups of four, counted from the seed: with r the first of
    the group, y[j] = r + part[j] + (1 - alpha)^(j + 1) * (y before the group - r), where part is
    the recursion over x - r from 0. The groups' parts do not wait for each other, and from group
    to group only what is left of y - r is handed on; flat input stays exactly flat.
    """
    at = _seed(x, n, y, length, s, k)
    gaps = 0
    for i in range(n):
        gaps += 1 if x[i] != x[i] else 0
    to_group = (4 - int(s[k + _PLACE])) % 4 if gaps == 0 else n - at
    begin = min(n, at + to_group)
    end = begin + (n - begin) // 4 * 4
    if begin > at:
        _singly(x[at:begin], y[at:begin], alpha, s, k)
    if end > begin:
        _by_fours(x[begin:end], y[begin:end], alpha, s, k)
    if n > end:
        _singly(x[end:n], y[end:n], alpha, s, k)


@njit(cache=True, error_model="numpy")
def ema(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int) -> None:
    """Exponential moving average of ``length`` bars; see :func:`exponential`."""
    exponential(x, n, y, length, 2.0 / (length + 1.0), s, k)


@njit(cache=True, error_model="numpy")
def rma(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int) -> None:
    """Wilder's average of ``length`` bars; see :func:`exponential`."""
    exponential(x, n, y, length, 1.0 / length, s, k)


@njit(cache=True, error_model="numpy")
def two_rmas(x: Vector, z: Vector, n: int, length: int, s: Vector, k: int, j: int) -> None:
    """:func:`rma` of ``x`` with cells ``s[k:]`` and of ``z`` with ``s[j:]``, each in place and bit
    for bit the same as alone; both miss the same bars, and always have."""
    alpha = 1.0 / length
    gaps = 0
    for i in range(n):
        gaps += 1 if x[i] != x[i] else 0
    begin = end = 0
    if gaps == 0 and s[k + _SEEN] == length:
        begin = min(n, (4 - int(s[k + _PLACE])) % 4)
        end = begin + (n - begin) // 4 * 4
    if end == begin:
        exponential(x, n, x, length, alpha, s, k)
        exponential(z, n, z, length, alpha, s, j)
        return
    if begin > 0:
        _singly(x[:begin], x[:begin], alpha, s, k)
        _singly(z[:begin], z[:begin], alpha, s, j)
    _two_by_fours(x[begin:end], z[begin:end], alpha, s, k, j)
    if n > end:
        _singly(x[end:n], x[end:n], alpha, s, k)
        _singly(z[end:n], z[end:n], alpha, s, j)


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
