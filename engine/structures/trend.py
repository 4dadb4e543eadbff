"""Trend: what the last two waves say."""

from __future__ import annotations

import math

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import pairs
from engine.structures.cells import cell, direction
from engine.structures.pairs import HIGH, LOW
from engine.structures.spec import SourceSpec, StructureSpec, bools, enum, ints

# State: direction (1, -1, 0), equal classes in a row, bars since it changed, waves, direction of
# the last wave, changes; then the pending pivot and two blocks: how many, last, the one before.
_DIRECTION, _RUN, _BARS, _WAVES, _WAVE, _VERSION = range(6)
_PENDING = 6
_COUNT, _LAST, _BEFORE = range(3)
_HIGHS = _PENDING + pairs.PAIR_CELLS
_LOWS = _HIGHS + 3
_CELLS = _LOWS + 3


@njit(cache=True, error_model="numpy")
def _higher(s: Vector, k: int) -> float:
    """1, -1 or 0 as the last pivot of a kind lies above, below or on the one before; missing
    before there are two."""
    if s[k + _COUNT] < 2.0:
        return math.nan
    if s[k + _LAST] > s[k + _BEFORE]:
        return 1.0
    return -1.0 if s[k + _LAST] < s[k + _BEFORE] else 0.0


@njit(cache=True, error_model="numpy")
def _class_of(highs: float, lows: float) -> float:
    """The class of two waves whose ends compare so; missing and equal count as neither."""
    hh, lh = highs == 1.0, highs == -1.0
    hl, ll = lows == 1.0, lows == -1.0
    if (hh and hl) or (hh and not ll):
        return 1.0
    if (lh and ll) or (lh and not hl):
        return -1.0
    if hl and not lh:
        return 1.0
    return -1.0 if ll and not hh else 0.0


@njit(cache=True, error_model="numpy")
def _take_pivot(s: Vector, kind: float, level: float) -> None:
    """A pivot; when it completes a wave, the wave's ends and the trend's class follow."""
    if not pairs.completes(s, _PENDING, kind, level, 0.0):
        return
    start, end = (_LOWS, _HIGHS) if kind == HIGH else (_HIGHS, _LOWS)
    s[start + _COUNT] = max(1.0, s[start + _COUNT])
    s[start + _LAST] = s[_PENDING + pairs.START_LEVEL]
    s[end + _COUNT] += 1.0
    s[end + _BEFORE] = s[end + _LAST]
    s[end + _LAST] = level
    s[_WAVES] += 1.0
    s[_WAVE] = kind
    trend = _class_of(_higher(s, _HIGHS), _higher(s, _LOWS))
    if trend == s[_DIRECTION]:
        s[_RUN] += 1.0
    else:
        s[_DIRECTION] = trend
        s[_RUN] = 1.0
        s[_BARS] = -1.0
        s[_VERSION] += 1.0


@njit(cache=True, error_model="numpy")
def _is(comparison: float, wanted: float) -> float:
    if comparison != comparison:
        return math.nan
    return 1.0 if comparison == wanted else 0.0


@njit(cache=True, error_model="numpy")
def trend_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: the swing's new_high, new_low, high, low."""
    for i in range(lo, hi):
        s[_BARS] += 1.0
        if F[ins[0], i] == 1.0:
            _take_pivot(s, HIGH, cell(F, ins[2], i))
        if F[ins[1], i] == 1.0:
            _take_pivot(s, LOW, cell(F, ins[3], i))
        if s[_BARS] < 0.0:
            s[_BARS] = 0.0
        trending = s[_DIRECTION] != 0.0
        highs, lows = _higher(s, _HIGHS), _higher(s, _LOWS)
        F[outs[0], i] = direction(s[_DIRECTION])
        F[outs[1], i] = min(2.0, s[_RUN]) if trending else 0.0
        F[outs[2], i] = s[_BARS] if trending else 0.0
        F[outs[3], i] = s[_WAVES]
        F[outs[4], i] = direction(s[_WAVE])
        F[outs[5], i] = _is(highs, 1.0)
        F[outs[6], i] = _is(lows, 1.0)
        F[outs[7], i] = _is(highs, -1.0)
        F[outs[8], i] = _is(lows, -1.0)
        F[outs[9], i] = s[_VERSION]


_OUTPUTS = (
    enum("direction"),
    *ints("strength", "bars_in_trend", "wave_count"),
    enum("last_wave"),
    *bools("last_hh", "last_hl", "last_lh", "last_ll"),
    *ints("version"),
)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return _OUTPUTS


SPEC = StructureSpec(
    name="trend",
    summary="Direction and strength of the trend from the last two waves between pivots.",
    rules="A wave runs between successive opposite pivots of the swing (its pairs). Its end is "
    "compared with the end of the wave before the last, so that the last two waves say how the "
    "last high (HH, LH) and the last low (HL, LL) compare with the ones before: HH and HL up; LH "
    "and LL down; HH without LL up; LH without HL down; HL without LH up; LL without HH down; "
    "else none. Equal levels, and levels with none before them, count as neither. A pivot that "
    "replaced its wave's end counts when the next wave completes. strength: equal classes in a "
    "row, at most 2; 0 while none. bars_in_trend: bars since the direction changed, 0 while none. "
    "wave_count: completed waves. version: changes of direction.",
    source="C. Dow; the classes follow the requirement",
    inputs=(),
    arguments=(SourceSpec("swing", "swing", ("new_high", "new_low", "high", "low")),),
    outputs=_outputs,
    kernel=trend_kernel,
    state_size=lambda p: _CELLS,
    first_valid=lambda p: 0,
)
