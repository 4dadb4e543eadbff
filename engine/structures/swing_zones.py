"""Zones at pivots and at levels between them: zone and derived_zone."""

from __future__ import annotations

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import pairs, zones
from engine.structures.cells import cell, prices
from engine.structures.fibonacci import fib_level, levels
from engine.structures.pairs import HIGH, LOW
from engine.structures.spec import (
    SourceSpec,
    StructureSpec,
    bars,
    choice,
    number,
    percent,
)
from engine.structures.zones import DOWN_SIDE, UP_SIDE, keep_param, zone_cells

_SWING = ("new_high", "new_low", "high", "low", "version")

_Z_SIDE, _Z_WIDTH, _Z_KEEP = range(3)
_DEMAND = 0.0


@njit(cache=True, error_model="numpy")
def zone_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, close; the swing's new_high, new_low, high, low, version; atr."""
    keep = int(p[_Z_KEEP])
    side = UP_SIDE if p[_Z_SIDE] == _DEMAND else DOWN_SIDE
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[0], ins[1], ins[2], i)
        zones.clear_events(s, 0)
        zones.advance(s, 0, keep, high, low, close, bar, 0.5, 0.0, True)
        if F[ins[4] if side == UP_SIDE else ins[3], i] == 1.0:
            level = cell(F, ins[6] if side == UP_SIDE else ins[5], i)
            width = p[_Z_WIDTH] * cell(F, ins[8], i)
            lower = level - width if side == UP_SIDE else level
            upper = level if side == UP_SIDE else level + width
            zones.give_birth(s, 0, keep, side, lower, upper, p[-1], F[ins[7], i], level, bar)
        row = zones.emit(s, 0, keep, F, i, outs, close, bar)
        zones.emit_one_side(s, 0, keep, side, F, i, outs, row, bar)


def _zone_outputs(p: Params) -> tuple[OutputSpec, ...]:
    return zones.one_side_outputs(p[_Z_KEEP])


ZONE = StructureSpec(
    name="zone",
    summary="A demand zone below each new low pivot, or a supply zone above each new high.",
    rules="At a new pivot, w = width_atr * ATR of the confirmation bar: demand [low - w, low] "
    "(side up), supply [high, high + w] (side down). Touched when a later bar meets the band, "
    "mitigated when entered by half, broken by a close through the far edge. The newest `keep` "
    "stay.",
    source="the requirement",
    inputs=("high", "low", "close"),
    arguments=(
        SourceSpec("swing", "swing", _SWING),
        choice("side", "demand", "supply"),
        number("width_atr", "1", "0", "100"),
        SourceSpec("atr"),
        keep_param(1),
    ),
    outputs=_zone_outputs,
    kernel=zone_kernel,
    state_size=lambda p: zone_cells(p[_Z_KEEP]),
    first_valid=lambda p: 0,
    keyed_by="swing",
)

_D_MODE, _D_KEEP, _D_WIDTH, _D_TOLERANCE, _D_MAX_AGE, _D_COUNT = range(6)
_RETRACEMENT = 0.0


@njit(cache=True, error_model="numpy")
def _take_pair(p: Vector, s: Vector, kind: float, level: float, version: float, bar: float) -> None:
    """A pivot; when it completes a pair with a range, zones around the levels of the leg are
    born, the first declared level last, so that it is the newest."""
    if not pairs.completes(s, 0, kind, level, bar):
        return
    start = s[pairs.START_LEVEL]
    top = level if kind == HIGH else start
    bottom = start if kind == HIGH else level
    if not top - bottom > 0.0:
        return
    keep = int(p[_D_KEEP])
    side = UP_SIDE if (kind == HIGH) == (p[_D_MODE] == _RETRACEMENT) else DOWN_SIDE
    for j in range(int(p[_D_COUNT]) - 1, -1, -1):
        price = fib_level(top, bottom, kind, p[_D_MODE], p[_D_COUNT + 1 + j])
        half = p[_D_WIDTH] / 200.0 * abs(price)
        if zones.give_birth(
            s, pairs.PAIR_CELLS, keep, side, price - half, price + half, p[-1], version, price, bar
        ):
            z = zones.slot_at(pairs.PAIR_CELLS, keep, side, 0)
            s[z + zones.TOLERANCE] = p[_D_TOLERANCE] / 100.0 * abs(price)


@njit(cache=True, error_model="numpy")
def derived_zone_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, close; the swing's new_high, new_low, high, low, version."""
    keep, k = int(p[_D_KEEP]), pairs.PAIR_CELLS
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[0], ins[1], ins[2], i)
        zones.clear_events(s, k)
        zones.advance(s, k, keep, high, low, close, bar, 0.5, p[_D_MAX_AGE], True)
        new_high, new_low = F[ins[3], i], F[ins[4], i]
        if new_high == 1.0:
            # Of two pivots on one bar the low's version is the swing's, the high's the one before.
            _take_pair(p, s, HIGH, cell(F, ins[5], i), F[ins[7], i] - new_low, bar)
        if new_low == 1.0:
            _take_pair(p, s, LOW, cell(F, ins[6], i), F[ins[7], i], bar)
        zones.emit(s, k, keep, F, i, outs, close, bar)


def _derived_outputs(p: Params) -> tuple[OutputSpec, ...]:
    return zones.zone_outputs(p[_D_KEEP])


DERIVED_ZONE = StructureSpec(
    name="derived_zone",
    summary="Zones around the Fibonacci levels of each new leg.",
    rules="At each new pair of the swing with R > 0 a zone is born around every level (as "
    "fibonacci with anchor=pair gives it), `width` percent of the level's price wide in all; of "
    "one pair the level declared first is the newest. The side is the leg's direction, the "
    "opposite for extensions. Touched when a later bar meets the band, mitigated when entered by "
    "half, broken only by a close beyond the far edge by more than `tolerance` percent of the "
    "level's price, expired when more than max_age bars old (0: never). The newest `keep` of a "
    "side stay.",
    source="the requirement",
    inputs=("high", "low", "close"),
    arguments=(
        SourceSpec("swing", "swing", _SWING),
        levels("0.5", "0.618"),
        choice("mode", "retracement", "extension"),
        keep_param(5),
        percent("width", "0.2", "0.001", "50"),
        percent("tolerance", "0.1", "0", "50"),
        bars("max_age", 0, low=0, high=1_000_000),
    ),
    outputs=_derived_outputs,
    kernel=derived_zone_kernel,
    state_size=lambda p: pairs.PAIR_CELLS + zone_cells(p[_D_KEEP]),
    first_valid=lambda p: 0,
    keyed_by="swing",
)
