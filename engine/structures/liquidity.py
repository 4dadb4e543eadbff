"""Liquidity zones: clusters of equal highs and equal lows, and their sweeps."""

from __future__ import annotations

import math

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import zones
from engine.structures.cells import cell, prices
from engine.structures.spec import (
    SourceSpec,
    StructureSpec,
    bars,
    enum,
    events,
    floats,
    ints,
    number,
    switch,
)
from engine.structures.zones import DOWN_SIDE, UP_SIDE, keep_param, zone_cells

_TOLERANCE, _SWEEP, _MIN_TOUCHES, _KEEP, _HISTORY, _REJECT = range(6)

# State: whether this bar swept, side of the last sweep (1 more than its member, 0 none yet), level
# and pivots of the swept cluster; how many candidate clusters each side has; the candidates of the
# up side (lows), then of the down side (highs), oldest first: mean, pivots; the zones.
_SWEPT, _SWEPT_SIDE, _SWEPT_LEVEL, _SWEPT_TOUCHES, _COUNTS, _CANDIDATES = 0, 1, 2, 3, 4, 6

_SIDES = ("highs", "lows", "none")
_HIGHS, _LOWS, _NONE = 0.0, 1.0, 2.0


@njit(cache=True, error_model="numpy")
def _sweep_side(
    p: Vector, s: Vector, k: int, side: int, high: float, low: float, close: float, atr: float
) -> None:
    """Sweeps of the side's clusters; of several on one bar the outermost is the one told."""
    keep = int(p[_KEEP])
    told = math.nan
    for place in range(int(s[k + zones.COUNTS + side])):
        z = zones.slot_at(k, keep, side, place)
        if side == UP_SIDE:
            beyond, back = s[z + zones.LOWER] - low, close >= s[z + zones.LOWER]
        else:
            beyond, back = high - s[z + zones.UPPER], close <= s[z + zones.UPPER]
        if zones.is_mitigated(s, z) or not (beyond > 0.0 and beyond >= p[_SWEEP] * atr):
            continue
        if p[_REJECT] != 0.0 and not back:
            continue
        zones.mitigate(s, k, side, z)
        level = s[z + zones.LEVEL]
        if told == told and ((level > told) if side == UP_SIDE else (level < told)):
            continue
        told = level
        s[_SWEPT] = 1.0
        s[_SWEPT_SIDE] = 1.0 + (_LOWS if side == UP_SIDE else _HIGHS)
        s[_SWEPT_LEVEL] = level
        s[_SWEPT_TOUCHES] = s[z + zones.TOUCHES]


@njit(cache=True, error_model="numpy")
def _join_zone(s: Vector, k: int, keep: int, side: int, level: float, within: float) -> bool:
    """Adds a pivot to the nearest cluster that has not been swept, if one is within reach."""
    best = -1
    least = math.inf
    for place in range(int(s[k + zones.COUNTS + side])):
        z = zones.slot_at(k, keep, side, place)
        away = abs(level - s[z + zones.LEVEL])
        if away <= within and away < least and not zones.is_mitigated(s, z):
            best, least = z, away
    if best < 0:
        return False
    pivots = s[best + zones.TOUCHES] + 1.0
    mean = s[best + zones.LEVEL] + (level - s[best + zones.LEVEL]) / pivots
    s[best + zones.TOUCHES] = pivots
    s[best + zones.LEVEL] = mean
    s[best + zones.LOWER] = mean - s[best + zones.HALF]
    s[best + zones.UPPER] = mean + s[best + zones.HALF]
    return True


@njit(cache=True, error_model="numpy")
def _drop_candidate(s: Vector, first: int, side: int, place: int) -> None:
    for j in range(place, int(s[_COUNTS + side]) - 1):
        s[first + 2 * j] = s[first + 2 * j + 2]
        s[first + 2 * j + 1] = s[first + 2 * j + 3]
    s[_COUNTS + side] -= 1.0


@njit(cache=True, error_model="numpy")
def _join_candidate(p: Vector, s: Vector, side: int, level: float, within: float) -> int:
    """Adds a pivot to the nearest candidate within reach, the newer of equals, or makes it a new
    one, the oldest making room; the place of its cluster."""
    history = int(p[_HISTORY])
    first = _CANDIDATES + 2 * history * side
    best = -1
    least = math.inf
    for place in range(int(s[_COUNTS + side])):
        away = abs(level - s[first + 2 * place])
        if away <= within and away <= least:
            best, least = place, away
    if best >= 0:
        pivots = s[first + 2 * best + 1] + 1.0
        s[first + 2 * best] += (level - s[first + 2 * best]) / pivots
        s[first + 2 * best + 1] = pivots
        return best
    if int(s[_COUNTS + side]) == history:
        _drop_candidate(s, first, side, 0)
    place = int(s[_COUNTS + side])
    s[first + 2 * place] = level
    s[first + 2 * place + 1] = 1.0
    s[_COUNTS + side] += 1.0
    return place


@njit(cache=True, error_model="numpy")
def _take_pivot(
    p: Vector, s: Vector, k: int, side: int, level: float, atr: float, version: float, bar: float
) -> None:
    """A pivot joins a cluster; a candidate with enough pivots becomes a zone."""
    within = p[_TOLERANCE] * atr
    if not within > 0.0 or _join_zone(s, k, int(p[_KEEP]), side, level, within):
        return
    place = _join_candidate(p, s, side, level, within)
    first = _CANDIDATES + 2 * int(p[_HISTORY]) * side
    mean, pivots = s[first + 2 * place], s[first + 2 * place + 1]
    if pivots < p[_MIN_TOUCHES]:
        return
    half = within / 2.0
    if zones.give_birth(
        s, k, int(p[_KEEP]), side, mean - half, mean + half, p[-1], version, mean, bar
    ):
        z = zones.slot_at(k, int(p[_KEEP]), side, 0)
        s[z + zones.TOUCHES] = pivots
        s[z + zones.HALF] = half
        _drop_candidate(s, first, side, place)


@njit(cache=True, error_model="numpy")
def _nearest_level(s: Vector, k: int, keep: int, side: int, close: float) -> float:
    place = zones.nearest(s, k, keep, side, close)
    if place < 0:
        return math.nan
    return float(s[zones.slot_at(k, keep, side, place) + zones.LEVEL])


@njit(cache=True, error_model="numpy")
def liquidity_zones_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, close; the swing's new_high, new_low, high, low, version; atr."""
    keep = int(p[_KEEP])
    k = _CANDIDATES + 4 * int(p[_HISTORY])
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[0], ins[1], ins[2], i)
        atr, version = cell(F, ins[8], i), F[ins[7], i]
        zones.clear_events(s, k)
        s[_SWEPT] = 0.0
        _sweep_side(p, s, k, DOWN_SIDE, high, low, close, atr)
        _sweep_side(p, s, k, UP_SIDE, high, low, close, atr)
        zones.advance(s, k, keep, high, low, close, bar, zones.NEVER, 0.0, False)
        if F[ins[3], i] == 1.0:
            of_high = version - F[ins[4], i]
            _take_pivot(p, s, k, DOWN_SIDE, cell(F, ins[5], i), atr, of_high, bar)
        if F[ins[4], i] == 1.0:
            _take_pivot(p, s, k, UP_SIDE, cell(F, ins[6], i), atr, version, bar)
        row = zones.emit(s, k, keep, F, i, outs, close, bar)
        known = s[_SWEPT_SIDE] > 0.0
        F[outs[row], i] = s[_SWEPT]
        F[outs[row + 1], i] = s[_SWEPT_SIDE] - 1.0 if known else _NONE
        F[outs[row + 2], i] = s[_SWEPT_LEVEL] if known else math.nan
        F[outs[row + 3], i] = _nearest_level(s, k, keep, DOWN_SIDE, close)
        F[outs[row + 4], i] = _nearest_level(s, k, keep, UP_SIDE, close)
        F[outs[row + 5], i] = s[_SWEPT_TOUCHES] if known else math.nan


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return (
        *zones.zone_outputs(p[_KEEP]),
        *events("sweep"),
        enum("sweep_side", _SIDES),
        *floats("swept_level", "nearest_high", "nearest_low"),
        *ints("touches"),
    )


SPEC = StructureSpec(
    name="liquidity_zones",
    summary="Clusters of equal highs and equal lows, and the sweeps of the stops behind them.",
    rules="A new pivot joins the nearest cluster of its kind whose level, the mean of its pivots, "
    "is within tolerance_atr * ATR of the confirmation bar, else it begins one; the `history` "
    "latest clusters of a kind with too few pivots are remembered. A cluster of min_touches "
    "pivots is a zone, level +/- tolerance_atr * ATR / 2 with the ATR at birth: lows on the side "
    "up, highs on the side down; the band follows the mean. While ATR is missing or 0 a pivot is "
    "passed over. Touched when a later bar meets the band. Sweep: the bar goes beyond the far "
    "edge by sweep_atr * ATR of the bar or more, and with reject closes back on the near side of "
    "it; the zone is then mitigated, is swept no more and takes no more pivots. Broken by a close "
    "beyond the far edge, be it swept or not. A zone's touches are its pivots. sweep_side, "
    "swept_level and touches are those of the last sweep: the outermost of several on one bar, "
    "the lows when both sides are swept. nearest_high and nearest_low are the levels of the live "
    "clusters nearest to the close.",
    source="the requirement; the terms are those of the smart money concepts",
    inputs=("high", "low", "close"),
    arguments=(
        SourceSpec("swing", "swing", ("new_high", "new_low", "high", "low", "version")),
        SourceSpec("atr"),
        number("tolerance_atr", "0.3", "0.001", "100"),
        number("sweep_atr", "0.1", "0", "100"),
        bars("min_touches", 2, high=20),
        keep_param(5),
        bars("history", 20, high=200),
        switch("reject", False),
    ),
    outputs=_outputs,
    kernel=liquidity_zones_kernel,
    state_size=lambda p: _CANDIDATES + 4 * int(p[_HISTORY]) + zone_cells(p[_KEEP]),
    first_valid=lambda p: 0,
    keyed_by="swing",
)
