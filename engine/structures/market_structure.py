"""Market structure: breaks of structure (BOS) and changes of character (CHoCH)."""

from __future__ import annotations

import math

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures.cells import cell, direction, prices
from engine.structures.spec import (
    SourceSpec,
    StructureSpec,
    choice,
    enum,
    events,
    floats,
    ints,
)

_CLOSE = 0.0

# State: bias (1, -1, 0), whether the last swing high and low stand unbroken and their levels, the
# CHoCH level (begun, level), highest high and lowest low since the last BOS, events so far; then
# a block for the last BOS and one for the last CHoCH: direction (0 none yet), level, bar.
(
    _BIAS,
    _HIGH_STANDS,
    _HIGH,
    _LOW_STANDS,
    _LOW,
    _GUARDED,
    _GUARD,
    _TOP,
    _BOTTOM,
    _VERSION,
) = range(10)
_BOS = 10
_CHOCH = 13
_DIRECTION, _LEVEL, _BAR = range(3)
_CELLS = 16

_NO_EVENT, _IS_BOS, _IS_CHOCH = 0, 1, 2


@njit(cache=True, error_model="numpy")
def _record(s: Vector, k: int, side: float, level: float, bar: float) -> None:
    s[k + _DIRECTION] = side
    s[k + _LEVEL] = level
    s[k + _BAR] = bar
    s[_VERSION] += 1.0
    s[_BIAS] = side


@njit(cache=True, error_model="numpy")
def _break_structure(
    s: Vector, side: float, guard: float, high: float, low: float, bar: float
) -> None:
    """A BOS to ``side``; ``guard`` is the CHoCH level it sets."""
    _record(s, _BOS, side, s[_HIGH] if side > 0.0 else s[_LOW], bar)
    s[_GUARDED] = 1.0 if guard == guard else 0.0
    s[_GUARD] = guard if guard == guard else 0.0
    s[_TOP], s[_BOTTOM] = high, low


@njit(cache=True, error_model="numpy")
def _change_character(s: Vector, side: float, bar: float) -> None:
    """A CHoCH to ``side``; the next CHoCH level is provisional, until the next BOS."""
    _record(s, _CHOCH, side, s[_GUARD], bar)
    s[_GUARD] = s[_BOTTOM] if side > 0.0 else s[_TOP]


@njit(cache=True, error_model="numpy")
def _side_of_close(close: float, upper: float, lower: float) -> float:
    """The side of the middle between two levels the close is on; exactly on it counts as up."""
    return 1.0 if close - lower >= upper - close else -1.0


@njit(cache=True, error_model="numpy")
def _advance(
    s: Vector,
    high: float,
    low: float,
    close: float,
    up_from: float,
    down_from: float,
    guard_up: float,
    guard_down: float,
    bar: float,
) -> int:
    """One bar: ``up_from`` and ``down_from`` are the prices that break upward and downward."""
    if high > s[_TOP]:
        s[_TOP] = high
    if low < s[_BOTTOM]:
        s[_BOTTOM] = low
    broke_high = s[_HIGH_STANDS] == 1.0 and up_from > s[_HIGH]
    broke_low = s[_LOW_STANDS] == 1.0 and down_from < s[_LOW]
    if broke_high:
        s[_HIGH_STANDS] = 0.0
    if broke_low:
        s[_LOW_STANDS] = 0.0
    bias = s[_BIAS]
    if s[_GUARDED] == 1.0 and (
        (bias > 0.0 and down_from < s[_GUARD]) or (bias < 0.0 and up_from > s[_GUARD])
    ):
        _change_character(s, -bias, bar)
        return _IS_CHOCH
    up = broke_high and bias >= 0.0
    down = broke_low and bias <= 0.0
    if up and down:
        up = _side_of_close(close, s[_HIGH], s[_LOW]) > 0.0
        down = not up
    if up:
        _break_structure(s, 1.0, guard_up, high, low, bar)
    elif down:
        _break_structure(s, -1.0, guard_down, high, low, bar)
    return _IS_BOS if up or down else _NO_EVENT


@njit(cache=True, error_model="numpy")
def _emit(s: Vector, F: Block, i: int, outs: Rows, event: int, bar: float) -> None:
    F[outs[0], i] = direction(s[_BIAS])
    F[outs[1], i] = 1.0 if event == _IS_BOS else 0.0
    F[outs[2], i] = 1.0 if event == _IS_CHOCH else 0.0
    for j in range(2):
        k = _BOS if j == 0 else _CHOCH
        seen = s[k + _DIRECTION] != 0.0
        F[outs[3 + j], i] = direction(s[k + _DIRECTION])
        F[outs[5 + j], i] = s[k + _LEVEL] if seen else math.nan
        F[outs[7 + j], i] = bar - s[k + _BAR] if seen else math.nan
    above = s[_HIGH] if s[_HIGH_STANDS] == 1.0 else math.nan
    below = s[_LOW] if s[_LOW_STANDS] == 1.0 else math.nan
    guard = s[_GUARD] if s[_GUARDED] == 1.0 else math.nan
    F[outs[9], i] = guard if s[_BIAS] < 0.0 else above
    F[outs[10], i] = guard if s[_BIAS] > 0.0 else below
    F[outs[11], i] = s[_VERSION]


@njit(cache=True, error_model="numpy")
def market_structure_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, close; the swing's new_high, new_low, high, low, low_since_high,
    high_since_low."""
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[0], ins[1], ins[2], i)
        if F[ins[3], i] == 1.0:
            s[_HIGH_STANDS] = 1.0
            s[_HIGH] = F[ins[5], i]
        if F[ins[4], i] == 1.0:
            s[_LOW_STANDS] = 1.0
            s[_LOW] = F[ins[6], i]
        up_from = close if p[0] == _CLOSE else high
        down_from = close if p[0] == _CLOSE else low
        guard_up, guard_down = cell(F, ins[7], i), cell(F, ins[8], i)
        event = _advance(s, high, low, close, up_from, down_from, guard_up, guard_down, bar)
        _emit(s, F, i, outs, event, bar)


_OUTPUTS = (
    enum("bias"),
    *events("bos", "choch"),
    enum("bos_direction"),
    enum("choch_direction"),
    *floats("last_bos_level", "last_choch_level"),
    *ints("last_bos_age", "last_choch_age"),
    *floats("break_high", "break_low"),
    *ints("version"),
)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return _OUTPUTS


SPEC = StructureSpec(
    name="market_structure",
    summary="Breaks of structure with the bias, changes of character against it.",
    rules="A level is broken by a close strictly beyond it (confirm=close) or by a high or low "
    "strictly beyond it (wick). BOS: a break of the last swing level on the side of the bias, if "
    "it stands unbroken; a level that price has broken, with an event or without, needs a new "
    "pivot. With bias none the first break of either level is a BOS and sets the bias; when one "
    "bar breaks both, the side of the middle between them on which it closes decides (the middle "
    "itself is up). At a BOS up the CHoCH level is the lowest low from the broken high's bar to "
    "the BOS bar, both included, fixed until the next BOS; down mirrors. A break of it is a CHoCH: "
    "it flips the bias, goes before a BOS on the same bar, and until the next BOS the CHoCH level "
    "is provisional, the extreme from the bar of the last BOS to the bar of the CHoCH, both "
    "included (after a CHoCH down the highest high). At most one event a bar. break_high and "
    "break_low are the levels whose break would be an event after this bar: the swing level on "
    "the side of the bias, the CHoCH level on the other, missing where there is none. The "
    "direction, level and age are those of the last event of the kind. version counts events.",
    source="the requirement; the terms are those of the smart money concepts",
    inputs=("high", "low", "close"),
    arguments=(
        SourceSpec(
            "swing",
            "swing",
            ("new_high", "new_low", "high", "low", "low_since_high", "high_since_low"),
        ),
        choice("confirm", "close", "wick"),
    ),
    outputs=_outputs,
    kernel=market_structure_kernel,
    state_size=lambda p: _CELLS,
    first_valid=lambda p: 0,
)
