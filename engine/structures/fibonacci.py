"""Fibonacci: levels along the leg between two pivots."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import pairs
from engine.structures.cells import cell, direction, sign
from engine.structures.pairs import HIGH, LOW
from engine.structures.spec import (
    RatiosSpec,
    SourceSpec,
    StructureSpec,
    choice,
    enum,
    floats,
    ints,
    ratio_text,
)

_MODE, _ANCHOR, _COUNT = 0, 1, 2
_RETRACEMENT = 0.0
_PAIR, _TREND = 0.0, 1.0

# State: number of legs taken, the leg in use (high, low, direction), serial number of pairs and
# of the pair in use, last high and low (begun, level); the pending pivot; the last up and down
# pair: serial number (0 none), high, low.
_VERSION, _TOP, _BOTTOM, _UP, _PAIRS, _USED, _HAS_HIGH, _LAST_HIGH, _HAS_LOW, _LAST_LOW = range(10)
_PENDING = 10
_UP_PAIR = _PENDING + pairs.PAIR_CELLS
_DOWN_PAIR = _UP_PAIR + 3
_SERIAL, _PAIR_TOP, _PAIR_BOTTOM = range(3)
_CELLS = _DOWN_PAIR + 3


@njit(cache=True, error_model="numpy")
def fib_level(top: float, bottom: float, leg: float, mode: float, ratio: float) -> float:
    """The level of a ratio along a leg (``leg`` 1 up, -1 down)."""
    step = ratio * (top - bottom)
    from_top = (leg > 0.0) == (mode == _RETRACEMENT)
    return top - step if from_top else bottom + step


@njit(cache=True, error_model="numpy")
def _take_leg(s: Vector, top: float, bottom: float, leg: float) -> None:
    """Anchors at a leg; one without a range is no leg and changes nothing."""
    if not top - bottom > 0.0:
        return
    s[_VERSION] += 1.0
    s[_TOP], s[_BOTTOM], s[_UP] = top, bottom, leg


@njit(cache=True, error_model="numpy")
def _take_pivot(p: Vector, s: Vector, kind: float, level: float) -> None:
    if kind == HIGH:
        s[_HAS_HIGH], s[_LAST_HIGH] = 1.0, level
    else:
        s[_HAS_LOW], s[_LAST_LOW] = 1.0, level
    if pairs.completes(s, _PENDING, kind, level, 0.0):
        start = s[_PENDING + pairs.START_LEVEL]
        k = _UP_PAIR if kind == HIGH else _DOWN_PAIR
        s[_PAIRS] += 1.0
        s[k + _SERIAL] = s[_PAIRS]
        s[k + _PAIR_TOP] = level if kind == HIGH else start
        s[k + _PAIR_BOTTOM] = start if kind == HIGH else level
        if p[_ANCHOR] == _PAIR:
            _take_leg(s, s[k + _PAIR_TOP], s[k + _PAIR_BOTTOM], kind)
    if p[_ANCHOR] > _TREND and s[_HAS_HIGH] == 1.0 and s[_HAS_LOW] == 1.0:
        _take_leg(s, s[_LAST_HIGH], s[_LAST_LOW], kind)


@njit(cache=True, error_model="numpy")
def _follow_trend(s: Vector, trend: float) -> None:
    """Anchors at the last pair in the trend's direction; stays while the trend is none."""
    if trend == 0.0:
        return
    k = _UP_PAIR if trend > 0.0 else _DOWN_PAIR
    if s[k + _SERIAL] != 0.0 and s[k + _SERIAL] != s[_USED]:
        s[_USED] = s[k + _SERIAL]
        _take_leg(s, s[k + _PAIR_TOP], s[k + _PAIR_BOTTOM], trend)


@njit(cache=True, error_model="numpy")
def fibonacci_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: the swing's new_high, new_low, high, low; the trend's direction (or -1)."""
    count = int(p[_COUNT])
    for i in range(lo, hi):
        if F[ins[0], i] == 1.0:
            _take_pivot(p, s, HIGH, cell(F, ins[2], i))
        if F[ins[1], i] == 1.0:
            _take_pivot(p, s, LOW, cell(F, ins[3], i))
        if p[_ANCHOR] == _TREND:
            _follow_trend(s, sign(cell(F, ins[4], i)))
        anchored = s[_VERSION] > 0.0
        for j in range(count):
            level = fib_level(s[_TOP], s[_BOTTOM], s[_UP], p[_MODE], p[_COUNT + 1 + j])
            F[outs[j], i] = level if anchored else math.nan
        F[outs[count], i] = s[_TOP] if anchored else math.nan
        F[outs[count + 1], i] = s[_BOTTOM] if anchored else math.nan
        F[outs[count + 2], i] = s[_TOP] - s[_BOTTOM] if anchored else math.nan
        F[outs[count + 3], i] = direction(s[_UP])
        F[outs[count + 4], i] = s[_VERSION]


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    ratios = p[_COUNT + 1 : _COUNT + 1 + int(p[_COUNT])]
    return (
        *floats(*(f"level[{ratio_text(ratio)}]" for ratio in ratios)),
        *floats("anchor_high", "anchor_low", "range"),
        enum("anchor_direction"),
        *ints("version"),
    )


def _needs_trend(p: Params) -> str | None:
    return "anchor=trend follows it" if p[_ANCHOR] == _TREND else None


def levels(*ratios: str) -> RatiosSpec:
    return RatiosSpec("levels", tuple(Decimal(ratio) for ratio in ratios))


SPEC = StructureSpec(
    name="fibonacci",
    summary="Retracement or extension levels of the leg between two pivots.",
    rules="H and L are the ends of the leg, R = H - L. Retracement, from the leg's end: up leg "
    "H - r R, down leg L + r R. Extension, as charts name it: up leg L + r R, down leg H - r R, so "
    "1.618 lies beyond the leg. anchor=pair: each new pair of the swing; latest: the last high and "
    "the last low pivot, up when the high is the later one (on one bar the low is); trend: the "
    "last pair in the direction of the trend, frozen while the trend is none. A leg with R <= 0 "
    "is not taken and changes nothing. Outputs are missing before the first leg. version counts "
    "the legs taken.",
    source="Fibonacci ratios as charting packages draw them",
    inputs=(),
    arguments=(
        SourceSpec("swing", "swing", ("new_high", "new_low", "high", "low")),
        SourceSpec("trend", "trend", ("direction",), required=False, needed=_needs_trend),
        levels("0.236", "0.382", "0.5", "0.618", "0.786"),
        choice("mode", "retracement", "extension"),
        choice("anchor", "pair", "trend", "latest"),
    ),
    outputs=_outputs,
    kernel=fibonacci_kernel,
    state_size=lambda p: _CELLS,
    first_valid=lambda p: 0,
)
