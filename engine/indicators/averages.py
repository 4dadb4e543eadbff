"""Moving averages: sma, ema, rma."""

from __future__ import annotations

from numba import njit

from engine.indicators import recursions, windows
from engine.indicators.columns import TILE, load, store, tile
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Rows,
    Vector,
    ema_bars,
    length_param,
    outputs,
    rma_bars,
)


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
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
)
