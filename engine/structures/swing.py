"""Swing: confirmed high and low pivots, their filters, and the pairs they form."""

from __future__ import annotations

import math

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import pairs
from engine.structures.cells import cell
from engine.structures.pairs import HIGH, LOW
from engine.structures.spec import (
    SourceSpec,
    StructureSpec,
    bars,
    bools,
    choice,
    enum,
    events,
    floats,
    ints,
    number,
    percent,
    switch,
)

_LEFT, _RIGHT, _MODE, _ATR_MULT, _MIN_ATR, _MIN_PCT, _MAJOR, _ALTERNATE = range(8)
_FRACTAL = 0.0

# State: bars seen, leg of the zigzag (0 none yet), kind of the last pivot, number of pairs, their
# ends and direction; then the pending pivot, two blocks of accepted pivots, two running extremes.
_SEEN, _LEG, _LAST, _PAIRS, _PAIR_HIGH, _PAIR_LOW, _PAIR_HIGH_BAR, _PAIR_LOW_BAR, _PAIR_UP = range(
    9
)
_PENDING = 9
# An accepted pivot: how many so far, level, bar, significance, opposite extreme since its bar.
_COUNT, _LEVEL, _BAR, _SIGNIFICANCE, _SINCE = range(5)
_HIGH = _PENDING + pairs.PAIR_CELLS
_LOW = _HIGH + 5
# A running extreme of the zigzag: begun, level, bar, opposite extreme since its bar.
_BEGUN, _EXTREME, _EXTREME_BAR, _OPPOSITE = range(4)
_TOP = _LOW + 5
_BOTTOM = _TOP + 4
# Before the first leg: the extremes since the running extreme of the other side.
_TOP_AFTER = _BOTTOM + 4
_BOTTOM_AFTER = _TOP_AFTER + 4
_RINGS = _BOTTOM_AFTER + 4


@njit(cache=True, error_model="numpy")
def _is_pivot(s: Vector, ring: int, size: int, oldest: int, left: int, sign: float) -> bool:
    """Whether the bar ``left`` bars after the oldest exceeds all before it and none after it
    exceeds it. A window with a missing bar has no pivot."""
    candidate = sign * s[ring + (oldest + left) % size]
    j = left - 1
    while j >= 0 and candidate > sign * s[ring + (oldest + j) % size]:
        j -= 1
    if j >= 0:
        return False
    j = left + 1
    while j < size and candidate >= sign * s[ring + (oldest + j) % size]:
        j += 1
    return j == size


@njit(cache=True, error_model="numpy")
def _opposite_since(s: Vector, ring: int, size: int, newest: int, back: int, sign: float) -> float:
    """Lowest (``sign`` 1) or highest (-1) of the last ``back + 1`` bars of a ring, all present."""
    extreme = float(s[ring + newest])
    for j in range(1, back + 1):
        value = float(s[ring + (newest - j) % size])
        if sign * value < sign * extreme:
            extreme = value
    return extreme


@njit(cache=True, error_model="numpy")
def _accept(
    p: Vector, s: Vector, k: int, kind: float, level: float, bar: float, since: float, atr: float
) -> bool:
    """Takes the pivot at ``bar`` unless a filter refuses it; ``k`` is the block of its kind."""
    last = s[k + _LEVEL]
    move = abs(level - last)
    significance = math.nan
    if s[k + _COUNT] > 0.0:
        if p[_MIN_ATR] > 0.0 and not move >= p[_MIN_ATR] * atr:
            return False
        if p[_MIN_PCT] > 0.0 and not 100.0 * move >= p[_MIN_PCT] * abs(last):
            return False
        if p[_ALTERNATE] != 0.0 and s[_LAST] == kind and kind * level <= kind * last:
            return False
        if atr > 0.0:
            significance = move / atr
    s[k + _COUNT] += 1.0
    s[k + _LEVEL] = level
    s[k + _BAR] = bar
    s[k + _SIGNIFICANCE] = significance
    s[k + _SINCE] = since
    s[_LAST] = kind
    if pairs.completes(s, _PENDING, kind, level, bar):
        start, start_bar = s[_PENDING + pairs.START_LEVEL], s[_PENDING + pairs.START_BAR]
        up = kind == HIGH
        s[_PAIRS] += 1.0
        s[_PAIR_UP] = 1.0 if up else 0.0
        s[_PAIR_HIGH], s[_PAIR_HIGH_BAR] = (level, bar) if up else (start, start_bar)
        s[_PAIR_LOW], s[_PAIR_LOW_BAR] = (start, start_bar) if up else (level, bar)
    return True


@njit(cache=True, error_model="numpy")
def _extend(s: Vector, k: int, sign: float, value: float, other: float, bar: float) -> bool:
    """Moves a running extreme on by one bar; True when this bar sets it."""
    if s[k + _BEGUN] == 0.0 or sign * value > sign * s[k + _EXTREME]:
        s[k + _BEGUN] = 1.0
        s[k + _EXTREME] = value
        s[k + _EXTREME_BAR] = bar
        s[k + _OPPOSITE] = other
        return True
    if sign * other < sign * s[k + _OPPOSITE]:
        s[k + _OPPOSITE] = other
    return False


@njit(cache=True, error_model="numpy")
def _follow(
    s: Vector, k: int, sign: float, value: float, other: float, bar: float, anew: bool
) -> None:
    """Moves an extreme on that is followed from the bar after another one was set."""
    if anew:
        s[k + _BEGUN] = 0.0
    else:
        _extend(s, k, sign, value, other, bar)


@njit(cache=True, error_model="numpy")
def _turned(s: Vector, high: float, low: float, threshold: float, bar: float) -> float:
    """Advances the zigzag by one bar: HIGH or LOW where that extreme is now a pivot, else 0.

    The first leg needs more than the threshold, a reversal the threshold. In a leg the other
    side's running extreme is followed from the bar after the leg's own was set, so that the next
    leg has its extreme since the pivot.
    """
    if s[_LEG] == 0.0:
        set_top = _extend(s, _TOP, HIGH, high, low, bar)
        set_bottom = _extend(s, _BOTTOM, LOW, low, high, bar)
        _follow(s, _TOP_AFTER, HIGH, high, low, bar, set_bottom)
        _follow(s, _BOTTOM_AFTER, LOW, low, high, bar, set_top)
        up = threshold > 0.0 and not set_bottom and high - s[_BOTTOM + _EXTREME] > threshold
        down = threshold > 0.0 and not set_top and s[_TOP + _EXTREME] - low > threshold
        if up == down:
            return 0.0
        return LOW if up else HIGH
    leg = s[_LEG]
    own, other = (_TOP, _BOTTOM) if leg == HIGH else (_BOTTOM, _TOP)
    ahead, behind = (high, low) if leg == HIGH else (low, high)
    set_own = _extend(s, own, leg, ahead, behind, bar)
    _follow(s, other, -leg, behind, ahead, bar, set_own)
    if set_own:
        return 0.0
    back = leg * (s[own + _EXTREME] - behind)
    return float(leg) if threshold > 0.0 and back >= threshold else 0.0


@njit(cache=True, error_model="numpy")
def _begin_leg(s: Vector, turn: float, high: float, low: float, bar: float) -> None:
    """The leg after the pivot ``turn``: its extreme is the other side's since the pivot."""
    pivot, leg = (_TOP, _BOTTOM) if turn == HIGH else (_BOTTOM, _TOP)
    behind, ahead = (high, low) if turn == HIGH else (low, high)
    if s[_LEG] == 0.0:
        after = _BOTTOM_AFTER if turn == HIGH else _TOP_AFTER
        for j in range(4):
            s[leg + j] = s[after + j]
    s[_LEG] = -turn
    s[pivot + _BEGUN] = 0.0
    if s[leg + _EXTREME_BAR] < bar:
        _extend(s, pivot, turn, behind, ahead, bar)


@njit(cache=True, error_model="numpy")
def _emit_kind(s: Vector, k: int, F: Block, i: int, outs: Rows, first: int, bar: float) -> None:
    """Level, age and opposite extreme of the last pivot of a kind, missing before the first."""
    known = s[k + _COUNT] > 0.0
    F[outs[first], i] = s[k + _LEVEL] if known else math.nan
    F[outs[first + 2], i] = bar - s[k + _BAR] if known else math.nan


@njit(cache=True, error_model="numpy")
def _emit(
    p: Vector, s: Vector, F: Block, i: int, outs: Rows, bar: float, high: bool, low: bool
) -> None:
    _emit_kind(s, _HIGH, F, i, outs, 0, bar)
    _emit_kind(s, _LOW, F, i, outs, 1, bar)
    F[outs[4], i] = 1.0 if high else 0.0
    F[outs[5], i] = 1.0 if low else 0.0
    F[outs[6], i] = s[_HIGH + _COUNT] + s[_LOW + _COUNT]
    F[outs[7], i] = s[_HIGH + _COUNT]
    F[outs[8], i] = s[_LOW + _COUNT]
    for side in range(2):
        k = _HIGH if side == 0 else _LOW
        known = s[k + _COUNT] > 0.0
        significance = s[k + _SIGNIFICANCE] if known else math.nan
        major = math.nan
        if significance == significance:
            major = 1.0 if significance >= p[_MAJOR] else 0.0
        F[outs[9 + side], i] = significance
        F[outs[11 + side], i] = major
        F[outs[20 + side], i] = s[k + _SINCE] if known else math.nan
    F[outs[13], i] = 2.0 if s[_LAST] == 0.0 else (0.0 if s[_LAST] == HIGH else 1.0)
    paired = s[_PAIRS] > 0.0
    F[outs[14], i] = s[_PAIR_HIGH] if paired else math.nan
    F[outs[15], i] = s[_PAIR_LOW] if paired else math.nan
    F[outs[16], i] = bar - s[_PAIR_HIGH_BAR] if paired else math.nan
    F[outs[17], i] = bar - s[_PAIR_LOW_BAR] if paired else math.nan
    F[outs[18], i] = 1.0 - s[_PAIR_UP] if paired else 2.0
    F[outs[19], i] = s[_PAIRS]


@njit(cache=True, error_model="numpy")
def _keep_since(s: Vector, high: float, low: float) -> None:
    """Moves the opposite extremes since the last pivots on by one bar."""
    if low < s[_HIGH + _SINCE]:
        s[_HIGH + _SINCE] = low
    if high > s[_LOW + _SINCE]:
        s[_LOW + _SINCE] = high


@njit(cache=True, error_model="numpy")
def _fractal_bar(
    p: Vector, s: Vector, high: float, low: float, atr: float, bar: float
) -> tuple[bool, bool]:
    """Takes one bar into the window; which kinds of pivot are accepted on it."""
    left, right = int(p[_LEFT]), int(p[_RIGHT])
    size = left + right + 1
    highs, lows = _RINGS, _RINGS + size
    newest = int(s[_SEEN]) % size
    s[highs + newest] = high
    s[lows + newest] = low
    s[_SEEN] += 1.0
    if s[_SEEN] < size:
        return False, False
    oldest = (newest + 1) % size
    at = (oldest + left) % size
    new_high = new_low = False
    if _is_pivot(s, highs, size, oldest, left, HIGH):
        since = _opposite_since(s, lows, size, newest, right, HIGH)
        new_high = _accept(p, s, _HIGH, HIGH, s[highs + at], bar - right, since, atr)
    if _is_pivot(s, lows, size, oldest, left, LOW):
        since = _opposite_since(s, highs, size, newest, right, LOW)
        new_low = _accept(p, s, _LOW, LOW, s[lows + at], bar - right, since, atr)
    return new_high, new_low


@njit(cache=True, error_model="numpy")
def _zigzag_bar(
    p: Vector, s: Vector, high: float, low: float, atr: float, bar: float
) -> tuple[bool, bool]:
    """Takes one bar into the zigzag; which kind of pivot is accepted on it."""
    if not (high == high and low == low):
        return False, False
    turn = _turned(s, high, low, p[_ATR_MULT] * atr, bar)
    if turn == 0.0:
        return False, False
    k = _TOP if turn == HIGH else _BOTTOM
    block = _HIGH if turn == HIGH else _LOW
    taken = _accept(p, s, block, turn, s[k + _EXTREME], s[k + _EXTREME_BAR], s[k + _OPPOSITE], atr)
    _begin_leg(s, turn, high, low, bar)
    return taken and turn == HIGH, taken and turn == LOW


@njit(cache=True, error_model="numpy")
def swing_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, atr (or -1)."""
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, atr = cell(F, ins[0], i), cell(F, ins[1], i), cell(F, ins[2], i)
        if not (high == high and low == low):
            high = low = math.nan
        _keep_since(s, high, low)
        if p[_MODE] == _FRACTAL:
            new_high, new_low = _fractal_bar(p, s, high, low, atr, bar)
        else:
            new_high, new_low = _zigzag_bar(p, s, high, low, atr, bar)
        _emit(p, s, F, i, outs, bar, new_high, new_low)


_OUTPUTS = (
    *floats("high", "low"),
    *ints("high_age", "low_age"),
    *events("new_high", "new_low"),
    *ints("version", "high_version", "low_version"),
    *floats("high_significance", "low_significance"),
    *bools("high_is_major", "low_is_major"),
    enum("last_pivot", ("high", "low", "none")),
    *floats("pair_high", "pair_low"),
    *ints("pair_high_age", "pair_low_age"),
    enum("pair_direction"),
    *ints("pair_version"),
    *floats("low_since_high", "high_since_low"),
)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return _OUTPUTS


def _needs_atr(p: Params) -> str | None:
    if p[_MODE] != _FRACTAL:
        return "mode=zigzag measures reversals in it"
    return "min_move_atr measures moves in it" if p[_MIN_ATR] > 0.0 else None


SPEC = StructureSpec(
    name="swing",
    summary="Confirmed high and low pivots and the legs between them.",
    rules="Fractal: the bar `right` bars ago is a high pivot when its high is greater than every "
    "high of the `left` bars before it and not smaller than any of the `right` bars after it; low "
    "pivots mirror. A window with a missing bar has none. Zigzag: highest high and lowest low "
    "from the start until price is more than atr_mult * ATR away from one of them (from both on "
    "one bar: neither), which is the first pivot; then a leg runs to its extreme and turns on the "
    "bar that lies atr_mult * ATR or more behind it; the next leg has its extreme since that "
    "pivot (where ATR fell after that extreme, the leg after it is followed from the turn on). "
    "The bar that sets an extreme cannot reverse it; the first of equal extremes stands; ATR is "
    "that of the bar, and nothing turns while it is missing or 0. left and right are not read. "
    "Filters: the first pivot of a kind always passes, later ones lie min_move_atr * ATR (of the "
    "confirmation bar) and min_move_pct percent or more from the last one of their kind, and are "
    "refused while that ATR is missing; with alternate, a pivot of the same kind as the last one "
    "is taken only if more extreme. Significance: that same distance in ATR, missing for the "
    "first pivot of a kind or without ATR; major from major_atr on. Pairs: an opposite pivot "
    "completes a pair with the pending one and is then pending itself; low then high is up; a "
    "newcomer of the same kind replaces the pending pivot only if more extreme; on one bar the "
    "high comes first. version counts accepted pivots of both kinds. low_since_high: lowest low "
    "from the bar of the last high pivot to now, both included; high_since_low mirrors.",
    source="B. Williams, Trading Chaos (fractals); pivots with equal bars allowed on the right",
    inputs=("high", "low"),
    arguments=(
        bars("left", 5),
        bars("right", 5),
        choice("mode", "fractal", "zigzag"),
        SourceSpec("atr", required=False, needed=_needs_atr),
        number("atr_mult", "2", "0.01", "100"),
        number("min_move_atr", "0", "0", "100"),
        percent("min_move_pct", "0", "0", "100"),
        number("major_atr", "1.5", "0", "100"),
        switch("alternate", False),
    ),
    outputs=_outputs,
    kernel=swing_kernel,
    state_size=lambda p: _RINGS + 2 * int(p[_LEFT] + p[_RIGHT] + 1),
    first_valid=lambda p: int(p[_LEFT] + p[_RIGHT]) if p[_MODE] == _FRACTAL else 1,
)
