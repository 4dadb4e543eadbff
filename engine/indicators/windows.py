"""Means and spreads over the last ``length`` bars that depend on those bars alone.

The bits are the same for any chunking and any start of history, and flat input gives an exact
mean and an exact spread of 0. Sums are taken of differences to a bar of the window, never as
running sums. Up to DIRECT_MAX bars every window is put together anew of sums of 2, 4, 8 ... bars,
side by side across bars; longer ones add the suffix of the last whole block to the prefix of the
current one, where blocks of ``length`` bars are anchored to the absolute bar index. Bars before
history are missing, as is any window that holds a missing bar.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from engine.indicators.spec import Vector
from engine.jit import njit

#: Longest window that is put together anew at each bar.
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
    return _led_history(x, n, length, length - 1, s, k)


@njit(cache=True, error_model="numpy")
def _led_history(x: Vector, n: int, length: int, lead: int, s: Vector, k: int) -> Vector:
    """:func:`with_history` with the tile at ``w[lead]``; what stands before the history is NaN."""
    before = length - 1
    w = np.empty(lead + n)
    for i in range(lead - before):
        w[i] = math.nan
    earlier, bars, newest = w[lead - before : lead], w[lead:], w[lead + n - before :]
    entries, kept = x[:n], s[k + 1 : k + length]
    if s[k] == 0.0:
        s[k] = 1.0
        for i in range(before):
            earlier[i] = math.nan
    else:
        for i in range(before):
            earlier[i] = kept[i]
    for i in range(n):
        bars[i] = entries[i]
    for i in range(before):
        kept[i] = newest[i]
    return w


@njit(cache=True, error_model="numpy")
def _lead(length: int) -> int:
    """Cells before the tile where sums are doubled: a whole number of groups of four, so that the
    processor reads and writes aligned groups, and one group more than the history needs, so that a
    pass may begin on a group."""
    return (length + 2) // 4 * 4 + 4


@njit(cache=True, error_model="numpy")
def _begin(lead: int, length: int, bars: int) -> int:
    """Where a pass over sums of ``bars`` bars begins: at most three cells early, on a group."""
    return (lead - length + bars) // 4 * 4


@njit(cache=True, error_model="numpy")
def _pairs(w: Vector, begin: int, a: Vector) -> None:
    """a = sum of two bars' differences to the newer one, from cell ``begin``."""
    size = len(w)
    newer, older, out = w[begin:size], w[begin - 1 : size - 1], a[begin:size]
    for i in range(size - begin):
        out[i] = older[i] - newer[i]


@njit(cache=True, error_model="numpy")
def _double(w: Vector, begin: int, part: int, a: Vector, out: Vector) -> None:
    """From sums ``a`` of the last ``part`` bars' differences to the newest those of twice as
    many."""
    size = len(w)
    newest, middle = w[begin:size], w[begin - part : size - part]
    newer, older, sums = a[begin:size], a[begin - part : size - part], out[begin:size]
    bars = float(part)
    for i in range(size - begin):
        sums[i] = newer[i] + (older[i] + bars * (middle[i] - newest[i]))


@njit(cache=True, error_model="numpy")
def _extend(w: Vector, last: int, have: int, part: int, a: Vector, m: Vector) -> None:
    """Add to the sums ``m`` of the newest ``have`` bars those of the ``part`` bars before; from
    none take the sums themselves."""
    n = len(m)
    if have == 0:
        sums = a[last : last + n]
        for i in range(n):
            m[i] = sums[i]
        return
    newest, middle = w[last : last + n], w[last - have : last - have + n]
    older = a[last - have : last - have + n]
    bars = float(part)
    for i in range(n):
        m[i] += older[i] + bars * (middle[i] - newest[i])


@njit(cache=True, error_model="numpy")
def _fours(w: Vector, begin: int, a: Vector) -> None:
    """:func:`_pairs` and :func:`_double` of them in one pass."""
    size = len(w)
    newest, second, out = w[begin:size], w[begin - 1 : size - 1], a[begin:size]
    third, oldest = w[begin - 2 : size - 2], w[begin - 3 : size - 3]
    for i in range(size - begin):
        before = (oldest[i] - third[i]) + 2.0 * (third[i] - newest[i])
        out[i] = (second[i] - newest[i]) + before


@njit(cache=True, error_model="numpy")
def _finish(w: Vector, last: int, have: int, part: int, a: Vector, share: float, m: Vector) -> None:
    """:func:`_double` the sums of ``part`` bars, :func:`_extend` by what that gives, and make means
    of the sums, in one pass."""
    n = len(m)
    newest, middle = w[last : last + n], w[last - have : last - have + n]
    oldest = w[last - have - part : last - have - part + n]
    newer, older = a[last - have : last - have + n], a[last - have - part : last - have - part + n]
    bars = float(part)
    both = 2.0 * bars
    if have == 0:
        for i in range(n):
            total = newer[i] + (older[i] + bars * (oldest[i] - newest[i]))
            m[i] = newest[i] + total * share
        return
    for i in range(n):
        total = newer[i] + (older[i] + bars * (oldest[i] - middle[i]))
        total = m[i] + (total + both * (middle[i] - newest[i]))
        m[i] = newest[i] + total * share


@njit(cache=True, error_model="numpy")
def _direct_mean(w: Vector, n: int, length: int, lead: int, m: Vector) -> None:
    """Sums of 2, 4, 8 ... bars, each of two of the half; the window is put together of those its
    length is made of, the newest smallest. All are of differences to the newest bar."""
    sums = np.empty((2, lead + n))
    have, part, rest, row = length & 1, 4, length >> 2, 0
    share = 1.0 / length
    if have == 1:
        for i in range(n):
            m[i] = 0.0
    if length & 2:
        _pairs(w, _begin(lead, length, 2), sums[1])
        _extend(w, lead, have, 2, sums[1], m[:n])
        have += 2
    if rest > 0:
        _fours(w, _begin(lead, length, 4), sums[0])
    while rest > 1:
        if rest & 1:
            _extend(w, lead, have, part, sums[row], m[:n])
            have += part
        rest >>= 1
        if rest == 1:
            _finish(w, lead, have, part, sums[row], share, m[:n])
            return
        _double(w, _begin(lead, length, 2 * part), part, sums[row], sums[1 - row])
        row = 1 - row
        part *= 2
    if rest > 0:
        _extend(w, lead, have, part, sums[row], m[:n])
    newest = w[lead : lead + n]
    for i in range(n):
        m[i] = newest[i] + m[i] * share


@njit(cache=True, error_model="numpy")
def _pairs_moments(w: Vector, begin: int, a: Vector, q: Vector) -> None:
    """:func:`_pairs`, and q = two bars' summed squared differences to their mean."""
    size = len(w)
    newer, older = w[begin:size], w[begin - 1 : size - 1]
    out, squares = a[begin:size], q[begin:size]
    for i in range(size - begin):
        gap = older[i] - newer[i]
        out[i] = gap
        squares[i] = 0.5 * gap * gap


@njit(cache=True, error_model="numpy")
def _double_moments(
    w: Vector, begin: int, part: int, a: Vector, q: Vector, out: Vector, spread: Vector
) -> None:
    """:func:`_double`, and from the spreads q those of twice as many bars: both halves' own and
    what their means lie apart (Chan, Golub and LeVeque 1979)."""
    size = len(w)
    newest, middle = w[begin:size], w[begin - part : size - part]
    newer, older, sums = a[begin:size], a[begin - part : size - part], out[begin:size]
    own, other, both = q[begin:size], q[begin - part : size - part], spread[begin:size]
    bars, share = float(part), 0.5 / part
    for i in range(size - begin):
        before = older[i] + bars * (middle[i] - newest[i])
        gap = before - newer[i]
        sums[i] = newer[i] + before
        both[i] = (own[i] + other[i]) + gap * gap * share


@njit(cache=True, error_model="numpy")
def _extend_moments(
    w: Vector, last: int, have: int, part: int, a: Vector, q: Vector, m: Vector, d: Vector
) -> None:
    """:func:`_extend`, and the spreads likewise."""
    n = len(m)
    if have == 0:
        sums, spreads = a[last : last + n], q[last : last + n]
        for i in range(n):
            m[i] = sums[i]
            d[i] = spreads[i]
        return
    newest, middle = w[last : last + n], w[last - have : last - have + n]
    older, other = a[last - have : last - have + n], q[last - have : last - have + n]
    bars = float(part)
    back = bars / have
    share = have / (bars * (have + bars))
    for i in range(n):
        before = older[i] + bars * (middle[i] - newest[i])
        gap = before - m[i] * back
        d[i] += other[i] + gap * gap * share
        m[i] += before


@njit(cache=True, error_model="numpy")
def _fours_moments(w: Vector, begin: int, a: Vector, q: Vector) -> None:
    """:func:`_pairs_moments` and :func:`_double_moments` of them in one pass."""
    size = len(w)
    newest, second = w[begin:size], w[begin - 1 : size - 1]
    third, oldest = w[begin - 2 : size - 2], w[begin - 3 : size - 3]
    out, squares = a[begin:size], q[begin:size]
    for i in range(size - begin):
        newer, older = second[i] - newest[i], oldest[i] - third[i]
        before = older + 2.0 * (third[i] - newest[i])
        gap = before - newer
        out[i] = newer + before
        squares[i] = (0.5 * newer * newer + 0.5 * older * older) + gap * gap * 0.25


@njit(cache=True, error_model="numpy")
def _finish_moments(
    w: Vector,
    last: int,
    have: int,
    part: int,
    a: Vector,
    q: Vector,
    share: float,
    m: Vector,
    d: Vector,
) -> None:
    """:func:`_finish`, bit for bit, and the spreads likewise."""
    n = len(m)
    newest, middle = w[last : last + n], w[last - have : last - have + n]
    oldest = w[last - have - part : last - have - part + n]
    newer, older = a[last - have : last - have + n], a[last - have - part : last - have - part + n]
    own, other = q[last - have : last - have + n], q[last - have - part : last - have - part + n]
    bars = float(part)
    half = 0.5 / part
    if have == 0:
        for i in range(n):
            before = older[i] + bars * (oldest[i] - newest[i])
            gap = before - newer[i]
            d[i] = (own[i] + other[i]) + gap * gap * half
            m[i] = newest[i] + (newer[i] + before) * share
        return
    both = 2.0 * bars
    back = both / have
    weight = have / (both * (have + both))
    for i in range(n):
        before = older[i] + bars * (oldest[i] - middle[i])
        gap = before - newer[i]
        spread = (own[i] + other[i]) + gap * gap * half
        before = (newer[i] + before) + both * (middle[i] - newest[i])
        gap = before - m[i] * back
        d[i] += spread + gap * gap * weight
        m[i] = newest[i] + (m[i] + before) * share


@njit(cache=True, error_model="numpy")
def _direct_moments(w: Vector, n: int, length: int, lead: int, m: Vector, d: Vector) -> None:
    """m = mean, bit for bit that of :func:`_direct_mean`; d = summed squared differences to it."""
    sums = np.empty((4, lead + n))
    have, part, rest, row = length & 1, 4, length >> 2, 0
    share = 1.0 / length
    if have == 1:
        for i in range(n):
            m[i] = 0.0
            d[i] = 0.0
    if length & 2:
        _pairs_moments(w, _begin(lead, length, 2), sums[1], sums[3])
        _extend_moments(w, lead, have, 2, sums[1], sums[3], m[:n], d[:n])
        have += 2
    if rest > 0:
        _fours_moments(w, _begin(lead, length, 4), sums[0], sums[2])
    while rest > 1:
        if rest & 1:
            _extend_moments(w, lead, have, part, sums[row], sums[2 + row], m[:n], d[:n])
            have += part
        rest >>= 1
        if rest == 1:
            _finish_moments(w, lead, have, part, sums[row], sums[2 + row], share, m[:n], d[:n])
            return
        begin = _begin(lead, length, 2 * part)
        _double_moments(w, begin, part, sums[row], sums[2 + row], sums[1 - row], sums[3 - row])
        row = 1 - row
        part *= 2
    if rest > 0:
        _extend_moments(w, lead, have, part, sums[row], sums[2 + row], m[:n], d[:n])
    newest = w[lead : lead + n]
    for i in range(n):
        m[i] = newest[i] + m[i] * share


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
        lead = _lead(length)
        _direct_mean(_led_history(x, n, length, lead, s, k), n, length, lead, y)
    else:
        _block_moments(x, n, length, y, np.empty(n), s, k, i0)


@njit(cache=True, error_model="numpy")
def mean_deviation(
    x: Vector, n: int, m: Vector, d: Vector, length: int, ddof: int, s: Vector, k: int, i0: int
) -> None:
    """m = mean and d = standard deviation (divisor ``length - ddof``) of the last ``length``."""
    if length <= DIRECT_MAX:
        lead = _lead(length)
        _direct_moments(_led_history(x, n, length, lead, s, k), n, length, lead, m, d)
    else:
        _block_moments(x, n, length, m, d, s, k, i0)
    share = 1.0 / (length - ddof)
    for i in range(n):
        d[i] = math.sqrt(d[i] * share)
