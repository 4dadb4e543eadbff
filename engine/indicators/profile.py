"""Volume by price over a window of bars: volume_profile, anchored_volume_profile.

The range of the window, lowest low to highest high, is cut into equal buckets. Each bar's volume
is spread evenly over the buckets it touches; a bar that only ends on an edge does not touch the
bucket beyond it. Every window is worked out anew, oldest bar first, so the bits depend on nothing
else.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from engine.indicators.columns import TILE, load, store, tile
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    OutputSpec,
    Params,
    ParamSpec,
    Rows,
    Vector,
    length_param,
)
from engine.indicators.vwap import ANCHOR_CELLS, PIVOT_PARAM, PIVOT_VERSIONS, since_anchor
from engine.indicators.windows import history_cells, with_history
from engine.jit import njit
from engine.play.ast import Type

#: Places nearer than this to an edge, in buckets, lie on it.
_ON_EDGE = 1e-9


@njit(cache=True, error_model="numpy")
def _place(price: float, bottom: float, height: float, parts: int) -> float:
    """Where a price lies in the range, in parts from its bottom; whole on an edge."""
    place = (price - bottom) / height * parts
    edge = math.floor(place + 0.5)
    return edge if abs(place - edge) <= _ON_EDGE else place


@njit(cache=True, error_model="numpy")
def _fill(
    high: Vector, low: Vector, volume: Vector, first: int, last: int, profile: Vector
) -> tuple[float, float]:
    """Volume by bucket of bars ``first .. last``; returns the range's bottom and height."""
    buckets = len(profile)
    bottom, top = low[first], high[first]
    for j in range(first + 1, last + 1):
        bottom = min(bottom, low[j])
        top = max(top, high[j])
    height = top - bottom
    for b in range(buckets):
        profile[b] = 0.0
    if height == math.inf:
        return bottom, height
    for j in range(first, last + 1):
        lowest, highest = 0, 0
        if height > 0.0:
            lowest = min(int(_place(low[j], bottom, height, buckets)), buckets - 1)
            above = math.ceil(_place(high[j], bottom, height, buckets))
            highest = max(int(above) - 1, lowest)
        share = volume[j] / (highest - lowest + 1)
        for b in range(lowest, highest + 1):
            profile[b] += share
    return bottom, height


@njit(cache=True, error_model="numpy")
def _value_area(profile: Vector, control: int, share: float) -> tuple[int, int]:
    """Lowest and highest bucket of the value area, grown from ``control`` until it holds
    ``share`` of the volume: each time by the larger neighbour, the upper one of equals."""
    whole = 0.0
    for b in range(len(profile)):
        whole += profile[b]
    wanted = share * whole * (1.0 - 1e-12)  # a sum in another order may fall short by rounding
    below, above = control, control
    held = profile[control]
    while held < wanted and (below > 0 or above < len(profile) - 1):
        up = profile[above + 1] if above < len(profile) - 1 else -1.0
        down = profile[below - 1] if below > 0 else -1.0
        if up >= down:
            above += 1
            held += up
        else:
            below -= 1
            held += down
    return below, above


@njit(cache=True, error_model="numpy")
def _describe(
    high: Vector,
    low: Vector,
    close: float,
    volume: Vector,
    first: int,
    last: int,
    hole: int,
    share: float,
    profile: Vector,
    out: Vector,
) -> None:
    """The six outputs of bars ``first .. last`` into ``out``; missing without any bar or volume
    and where ``hole``, the newest bar with something missing, is among them."""
    for b in range(6):
        out[b] = math.nan
    if first > last or hole >= first:
        return
    bottom, height = _fill(high, low, volume, first, last, profile)
    control = 0
    for b in range(len(profile)):
        if profile[b] > profile[control]:
            control = b
    if not 0.0 < profile[control] < math.inf or close != close:
        return
    below, above = _value_area(profile, control, share)
    size = height / len(profile)
    halves = _place(close, bottom, height, 2 * len(profile)) if height > 0.0 else 1.0
    out[0] = bottom + (control + 0.5) * size
    out[1] = bottom + (above + 1) * size
    out[2] = bottom + below * size
    out[3] = profile[control]
    out[4] = 1.0 if halves > 2 * control + 1 else 0.0
    out[5] = 1.0 if 2 * below <= halves <= 2 * above + 2 else 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def volume_profile_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the histories of high, low and volume."""
    length, share = int(p[0]), p[2] / 100.0
    profile = np.empty(int(p[1]))
    out = np.empty(6)
    x = tile(hi - lo)
    cells = history_cells(length)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        high = with_history(x, n, length, s, 0)
        load(F, ins[1], start, n, x)
        low = with_history(x, n, length, s, cells)
        load(F, ins[3], start, n, x)
        volume = with_history(x, n, length, s, 2 * cells)
        load(F, ins[2], start, n, x)
        hole = -1
        for i in range(length - 1 + n):
            hole = i if high[i] + low[i] + volume[i] != high[i] + low[i] + volume[i] else hole
            at = i - length + 1
            if at < 0:
                continue
            _describe(high, low, x[at], volume, at, i, hole, share, profile, out)
            for b in range(6):
                F[outs[b], start + at] = out[b]


@njit(cache=True, error_model="numpy", nogil=True)
def anchored_volume_profile_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the anchor's cells, the histories of high, low and volume."""
    length, share = int(p[1]), p[3] / 100.0
    profile = np.empty(int(p[2]))
    out = np.empty(6)
    x = tile(hi - lo)
    age = tile(hi - lo)
    cells = history_cells(length)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[4 + int(p[0])], start, n, age)
        since_anchor(age, n, age, s, 0)
        load(F, ins[0], start, n, x)
        high = with_history(x, n, length, s, ANCHOR_CELLS)
        load(F, ins[1], start, n, x)
        low = with_history(x, n, length, s, ANCHOR_CELLS + cells)
        load(F, ins[3], start, n, x)
        volume = with_history(x, n, length, s, ANCHOR_CELLS + 2 * cells)
        load(F, ins[2], start, n, x)
        hole = -1
        for i in range(length - 1 + n):
            hole = i if high[i] + low[i] + volume[i] != high[i] + low[i] + volume[i] else hole
            at = i - length + 1
            if at < 0:
                continue
            first = i - int(min(age[at], length - 1.0)) if age[at] == age[at] else i + 1
            _describe(high, low, x[at], volume, first, i, hole, share, profile, out)
            for b in range(6):
                F[outs[b], start + at] = out[b]
        store(F, outs[6], start, n, age)


_BUCKETS = ParamSpec("buckets", "int", Decimal(24), Decimal(2), Decimal(500))
_VALUE_AREA = ParamSpec("value_area", "percent", Decimal(70), Decimal(1), Decimal(100))
_FORMULA = (
    "buckets of (highest high - lowest low) / buckets; a bar's volume / the number of buckets it "
    "touches to each; poc = middle of the bucket with most volume, the lowest of equals; "
    "val, vah = edges of the value area, grown from the poc by the larger neighbour, the upper of "
    "equals, until it holds value_area of the volume; above_poc = close > poc; "
    "in_value_area = val <= close <= vah"
)


def _profile_outputs(undefined: str) -> tuple[OutputSpec, ...]:
    types = {"above_poc": Type.BOOL, "in_value_area": Type.BOOL}
    names = ("poc", "vah", "val", "poc_volume", "above_poc", "in_value_area")
    return tuple(
        OutputSpec(name, types.get(name, Type.FLOAT), undefined=undefined) for name in names
    )


def _anchored_cells(p: Params) -> int:
    return ANCHOR_CELLS + 3 * history_cells(p[1])


SPECS = (
    IndicatorSpec(
        name="volume_profile",
        summary="Volume by price of the last L bars: point of control and value area; missing "
        "without any volume.",
        formula=_FORMULA,
        source="J. P. Steidlmayer, Market Profile (1985)",
        inputs=("high", "low", "close", "volume"),
        params=(length_param(100), _BUCKETS, _VALUE_AREA),
        outputs=_profile_outputs(""),
        kernel=volume_profile_kernel,
        state_size=lambda p: 3 * history_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="anchored_volume_profile",
        summary="Volume by price since the bar that confirmed the swing's newest high, low, "
        "either, or pair; of the newest L bars when it is longer ago.",
        formula=_FORMULA,
        source="J. P. Steidlmayer, Market Profile (1985)",
        inputs=("high", "low", "close", "volume", *PIVOT_VERSIONS),
        params=(PIVOT_PARAM, length_param(500), _BUCKETS, _VALUE_AREA),
        outputs=(
            *_profile_outputs("before the swing's first anchor"),
            OutputSpec("bars_since_anchor", Type.INT, undefined="before the swing's first anchor"),
        ),
        kernel=anchored_volume_profile_kernel,
        state_size=_anchored_cells,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1,
        history_dependent=True,
    ),
)
