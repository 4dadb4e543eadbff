"""Averages with a weight per place in the window: wma, hma, alma, linreg."""

from __future__ import annotations

import math
from decimal import Decimal

from numba.extending import register_jitable

from engine.indicators import windows
from engine.indicators.columns import TILE, load, store, tile
from engine.indicators.elementary import exp
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Params,
    ParamSpec,
    Rows,
    Vector,
    length_param,
    number_param,
    outputs,
)
from engine.indicators.windows import DIRECT_MAX, with_history
from engine.jit import njit

# Cells before the three block arrays of a long window: begun, reference of the current block and
# of the last one, the current block's sum and its sum weighted by place.
_BEGUN, _REF, _REF_LAST, _SUM, _WEIGHTED, _HEAD = 0, 1, 2, 3, 4, 5


@register_jitable
def linear_cells(length: float) -> int:
    """State cells of :func:`linear_mean`."""
    if length <= DIRECT_MAX:
        return int(length)
    return _HEAD + 3 * int(length)


@njit(cache=True, error_model="numpy")
def _direct_linear(w: Vector, n: int, length: int, y: Vector) -> None:
    oldest = w[:n]
    for i in range(n):
        y[i] = 0.0
    for j in range(1, length):
        bar = w[j : j + n]
        weight = j + 1.0
        for i in range(n):
            y[i] += weight * (bar[i] - oldest[i])
    for i in range(n):
        y[i] = oldest[i] + y[i] / (length * (length + 1.0) / 2.0)


@njit(cache=True, error_model="numpy")
def _close_linear_block(length: int, s: Vector, k: int) -> None:
    bars, sums, weighted = k + _HEAD, k + _HEAD + length, k + _HEAD + 2 * length
    reference = s[bars + length - 1]
    total = 0.0
    places = 0.0
    for j in range(length):
        place = length - 1 - j
        off = s[bars + place] - reference
        total += off
        places += place * off
        s[sums + place] = total
        s[weighted + place] = places
    s[k + _REF_LAST] = reference


@njit(cache=True, error_model="numpy")
def _block_linear(x: Vector, n: int, length: int, y: Vector, s: Vector, k: int, i0: int) -> None:
    """Long windows: with r the place in the current block, bar u of it weighs L - r + u and bar q
    of the last block q - r."""
    sums, weighted = k + _HEAD + length, k + _HEAD + 2 * length
    if s[k + _BEGUN] == 0.0:
        s[k + _BEGUN] = 1.0
        for cell in range(_REF, _HEAD + 3 * length):
            s[k + cell] = math.nan
    whole = length * (length + 1.0) / 2.0
    place = i0 % length
    for i in range(n):
        entry = x[i]
        if place == 0:
            _close_linear_block(length, s, k)
            s[k + _REF] = entry
            s[k + _SUM] = 0.0
            s[k + _WEIGHTED] = 0.0
        reference = s[k + _REF]
        s[k + _HEAD + place] = entry
        off = entry - reference
        s[k + _SUM] += off
        s[k + _WEIGHTED] += place * off
        total = (length - place) * s[k + _SUM] + s[k + _WEIGHTED]
        older = length - 1 - place
        if older > 0:
            shift = s[k + _REF_LAST] - reference
            tail = s[weighted + place + 1] - place * s[sums + place + 1]
            total += tail + shift * (older * (older + 1.0) / 2.0)
        y[i] = reference + total / whole
        place = place + 1 if place + 1 < length else 0


@njit(cache=True, error_model="numpy")
def linear_mean(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int, i0: int) -> None:
    """y = mean of the last ``length`` bars with weights 1, 2, .. length, newest heaviest."""
    if length <= DIRECT_MAX:
        _direct_linear(with_history(x, n, length, s, k), n, length, y)
    else:
        _block_linear(x, n, length, y, s, k, i0)


@njit(cache=True, error_model="numpy", nogil=True)
def wma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        linear_mean(x, n, y, length, s, 0, i0 + start - lo)
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def linreg_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """The line's end is 3 WMA - 2 SMA. State: the mean's cells are the last of the vector."""
    length = int(p[0])
    x = tile(hi - lo)
    y = tile(hi - lo)
    z = tile(hi - lo)
    means = linear_cells(length)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, x)
        linear_mean(x, n, y, length, s, 0, at)
        windows.mean(x, n, z, length, s, means, at)
        for i in range(n):
            y[i] = z[i] + 3.0 * (y[i] - z[i])
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def hma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    half = length // 2
    root = int(math.sqrt(length))
    at_half = linear_cells(length)
    at_root = at_half + linear_cells(half)
    x = tile(hi - lo)
    y = tile(hi - lo)
    z = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, x)
        linear_mean(x, n, y, length, s, 0, at)
        linear_mean(x, n, z, half, s, at_half, at)
        for i in range(n):
            x[i] = z[i] + (z[i] - y[i])
        linear_mean(x, n, y, root, s, at_root, at)
        store(F, outs[0], start, n, y)


def _hma_cells(p: Params) -> int:
    return linear_cells(p[0]) + linear_cells(p[0] // 2) + linear_cells(math.isqrt(int(p[0])))


def _hma_bars(p: Params) -> int:
    return int(p[0]) + math.isqrt(int(p[0])) - 1


@njit(cache=True, error_model="numpy", nogil=True)
def alma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the window's history, then the weights, worked out on a fresh start."""
    length = int(p[0])
    weights = s[length : 2 * length]
    if s[0] == 0.0:
        centre = p[2] * (length - 1.0)
        width = length / p[1]
        for j in range(length):
            weights[j] = exp(-((j - centre) * (j - centre)) / (2.0 * width * width))
    whole = 0.0
    for j in range(length):
        whole += weights[j]
    x = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        w = with_history(x, n, length, s, 0)
        for i in range(n):
            y[i] = 0.0
        for j in range(1, length):
            bar = w[j : j + n]
            weight = weights[j]
            for i in range(n):
                y[i] += weight * (bar[i] - w[i])
        for i in range(n):
            y[i] = w[i] + y[i] / whole
        store(F, outs[0], start, n, y)


SPECS = (
    IndicatorSpec(
        name="wma",
        summary="Linearly weighted moving average, newest heaviest.",
        formula="(L x + (L-1) x[1] + ... + x[L-1]) / (L (L + 1) / 2)",
        source="TA-Lib WMA",
        inputs=("source",),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=wma_kernel,
        state_size=lambda p: linear_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="linreg",
        summary="End point of the least-squares line through the last L values.",
        formula="SMA(x, L) + 3 * (WMA(x, L) - SMA(x, L))",
        source="TA-Lib LINEARREG",
        inputs=("source",),
        params=(length_param(14, low=2),),
        outputs=outputs(),
        kernel=linreg_kernel,
        state_size=lambda p: linear_cells(p[0]) + windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="hma",
        summary="Hull moving average; half and root of the length are rounded down.",
        formula="WMA(2 * WMA(x, L/2) - WMA(x, L), sqrt(L))",
        source="A. Hull, Hull Moving Average (2005)",
        inputs=("source",),
        params=(length_param(20, low=2),),
        outputs=outputs(),
        kernel=hma_kernel,
        state_size=_hma_cells,
        first_valid=lambda p: _hma_bars(p) - 1,
        warmup_bars=lambda p, w: _hma_bars(p),
    ),
    IndicatorSpec(
        name="alma",
        summary="Arnaud Legoux moving average: a Gaussian placed at offset in the window.",
        formula="sum(w_j x_j) / sum(w_j), w_j = exp(-(j - offset (L-1))^2 / (2 (L/sigma)^2)), "
        "j = 0 the oldest",
        source="A. Legoux and D. Kouzis-Loukas (2009)",
        inputs=("source",),
        params=(
            length_param(9, low=2),
            number_param("sigma", "6", "0.1", "30"),
            ParamSpec("offset", "float", Decimal("0.85"), Decimal(0), Decimal(1)),
        ),
        outputs=outputs(),
        kernel=alma_kernel,
        state_size=lambda p: 2 * int(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
)
