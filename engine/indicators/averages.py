"""Simple and exponential averages and what is chained of them: sma, ema, rma, dema, tema, zlma,
trima, vwma, kama."""

from __future__ import annotations

import math

from engine.indicators import recursions, windows
from engine.indicators.columns import TILE, load, ratio, store, tile
from engine.indicators.extremes import lag, lag_cells
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Params,
    Rows,
    Vector,
    decay_bars,
    ema_bars,
    length_param,
    outputs,
    rma_bars,
)
from engine.jit import njit

_SECOND = recursions.EXPONENTIAL_CELLS
_THIRD = 2 * recursions.EXPONENTIAL_CELLS


@njit(cache=True, error_model="numpy", nogil=True)
def sma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        windows.mean(x, n, y, length, s, 0, i0 + start - lo)
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def ema_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.ema(x, n, x, length, s, 0)
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def rma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.rma(x, n, x, length, s, 0)
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def dema_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.ema(x, n, x, length, s, 0)
        recursions.ema(x, n, y, length, s, _SECOND)
        for i in range(n):
            y[i] = 2.0 * x[i] - y[i]
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def tema_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    y = tile(hi - lo)
    z = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.ema(x, n, x, length, s, 0)
        recursions.ema(x, n, y, length, s, _SECOND)
        recursions.ema(y, n, z, length, s, _THIRD)
        for i in range(n):
            z[i] += 3.0 * (x[i] - y[i])
        store(F, outs[0], start, n, z)


@njit(cache=True, error_model="numpy", nogil=True)
def zlma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        lag(x, n, y, (length - 1) // 2, s, _SECOND)
        for i in range(n):
            y[i] = x[i] + (x[i] - y[i])
        recursions.ema(y, n, y, length, s, 0)
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def trima_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    first = length // 2 + 1
    second = (length + 1) // 2
    cells = windows.moment_cells(first)
    x = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, x)
        windows.mean(x, n, y, first, s, 0, at)
        windows.mean(y, n, x, second, s, cells, at)
        store(F, outs[0], start, n, x)


def _trima_cells(p: Params) -> int:
    return windows.moment_cells(p[0] // 2 + 1) + windows.moment_cells((p[0] + 1) // 2)


@njit(cache=True, error_model="numpy", nogil=True)
def vwma_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    cells = windows.moment_cells(length)
    x = tile(hi - lo)
    volume = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, x)
        load(F, ins[1], start, n, volume)
        for i in range(n):
            x[i] *= volume[i]
        windows.mean(x, n, y, length, s, 0, at)
        windows.mean(volume, n, x, length, s, cells, at)
        for i in range(n):
            y[i] = ratio(y[i], x[i])
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def kama_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: whether seeded, the average, then the cells of the look-back and of the changes.

    The seed is the value of the bar before the first efficiency ratio.
    """
    length = int(p[0])
    fast, slow = 2.0 / (p[1] + 1.0), 2.0 / (p[2] + 1.0)
    at_before = 2
    at_path = at_before + lag_cells(1)
    at_mean = at_path + lag_cells(length)
    x = tile(hi - lo)
    before = tile(hi - lo)
    past = tile(hi - lo)
    path = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        lag(x, n, before, 1, s, at_before)
        lag(x, n, past, length, s, at_path)
        for i in range(n):
            y[i] = abs(x[i] - before[i])
        windows.mean(y, n, path, length, s, at_mean, i0 + start - lo)
        seeded, value = s[0], s[1]
        for i in range(n):
            walked = path[i] * length
            moved = abs(x[i] - past[i])
            y[i] = math.nan
            if walked + moved == walked + moved:
                if seeded == 0.0:
                    seeded = 1.0
                    value = before[i]
                efficiency = 1.0 if walked <= moved else moved / walked
                weight = efficiency * (fast - slow) + slow
                value += weight * weight * (x[i] - value)
                y[i] = value
        s[0], s[1] = seeded, value
        store(F, outs[0], start, n, y)


def _kama_bars(p: Params, weight: float) -> int:
    """The slowest it ever follows is a weight of (2 / (slow + 1))^2 a bar."""
    slowest = 2.0 / (p[2] + 1.0)
    return int(p[0]) + 1 + decay_bars(1.0 / (slowest * slowest), weight)


SPECS = (
    IndicatorSpec(
        name="sma",
        summary="Simple moving average.",
        formula="(x[0] + ... + x[L-1]) / L",
        source="TA-Lib SMA",
        inputs=("source",),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=sma_kernel,
        state_size=lambda p: windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="ema",
        summary="Exponential moving average, seeded by the SMA of its first L inputs.",
        formula="y = y[1] + 2 / (L + 1) * (x - y[1])",
        source="TA-Lib EMA",
        inputs=("source",),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=ema_kernel,
        state_size=lambda p: recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: ema_bars(p[0], w),
    ),
    IndicatorSpec(
        name="rma",
        summary="Wilder's moving average, seeded by the SMA of its first L inputs.",
        formula="y = y[1] + (x - y[1]) / L",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems (1978)",
        inputs=("source",),
        params=(length_param(14),),
        outputs=outputs(),
        kernel=rma_kernel,
        state_size=lambda p: recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: rma_bars(p[0], w),
    ),
    IndicatorSpec(
        name="dema",
        summary="Double exponential moving average.",
        formula="2 * EMA(x, L) - EMA(EMA(x, L), L)",
        source="P. Mulloy (1994); TA-Lib DEMA",
        inputs=("source",),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=dema_kernel,
        state_size=lambda p: 2 * recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: 2 * int(p[0]) - 2,
        warmup_bars=lambda p, w: 2 * ema_bars(p[0], w),
    ),
    IndicatorSpec(
        name="tema",
        summary="Triple exponential moving average.",
        formula="3 * EMA1 - 3 * EMA2 + EMA3, each the EMA of the one before",
        source="P. Mulloy (1994); TA-Lib TEMA",
        inputs=("source",),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=tema_kernel,
        state_size=lambda p: 3 * recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: 3 * int(p[0]) - 3,
        warmup_bars=lambda p, w: 3 * ema_bars(p[0], w),
    ),
    IndicatorSpec(
        name="zlma",
        summary="Zero-lag moving average: an EMA of the value carried forward by its own lag.",
        formula="EMA(2 * x - x[lag], L), lag = (L - 1) // 2",
        source="J. Ehlers and R. Way, Zero Lag (2010)",
        inputs=("source",),
        params=(length_param(20, low=3),),
        outputs=outputs(),
        kernel=zlma_kernel,
        state_size=lambda p: recursions.EXPONENTIAL_CELLS + lag_cells((p[0] - 1) // 2),
        first_valid=lambda p: int(p[0]) - 1 + int(p[0] - 1) // 2,
        warmup_bars=lambda p, w: int(p[0] - 1) // 2 + ema_bars(p[0], w),
    ),
    IndicatorSpec(
        name="trima",
        summary="Triangular moving average: the middle of the window is heaviest.",
        formula="SMA(SMA(x, L/2 + 1), L/2) for even L, SMA(SMA(x, (L+1)/2), (L+1)/2) for odd",
        source="TA-Lib TRIMA",
        inputs=("source",),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=trima_kernel,
        state_size=_trima_cells,
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="vwma",
        summary="Volume-weighted moving average of the close; missing without any volume.",
        formula="SMA(close * volume, L) / SMA(volume, L)",
        source="Stock.Indicators VWMA",
        inputs=("close", "volume"),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=vwma_kernel,
        state_size=lambda p: 2 * windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="kama",
        summary="Kaufman's adaptive moving average, seeded by the value of bar L - 1.",
        formula="y = y[1] + c^2 (x - y[1]), c = ER (2/(fast+1) - 2/(slow+1)) + 2/(slow+1), "
        "ER = |x - x[L]| / sum(|x - x[1]|, L), 1 when nothing moved",
        source="P. Kaufman, Trading Systems and Methods (1995); TA-Lib KAMA",
        inputs=("source",),
        params=(length_param(10), length_param(2, name="fast"), length_param(30, name="slow")),
        outputs=outputs(),
        kernel=kama_kernel,
        state_size=lambda p: 2 + lag_cells(1) + lag_cells(p[0]) + windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]),
        warmup_bars=_kama_bars,
        rule=lambda p: None if p[1] < p[2] else "fast must be below slow",
    ),
)
