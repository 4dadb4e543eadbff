"""Oscillators: rsi."""

from __future__ import annotations

from numba import njit

from engine.indicators import recursions
from engine.indicators.columns import TILE, load, ratio, store, tile
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Rows,
    Vector,
    length_param,
    outputs,
    rma_bars,
)

_GAINS = recursions.CHANGE_CELLS
_LOSSES = _GAINS + recursions.EXPONENTIAL_CELLS
_RSI_CELLS = _LOSSES + recursions.EXPONENTIAL_CELLS


@njit(cache=True, error_model="numpy")
def rsi_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    gains = tile(hi - lo)
    losses = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.change(x, n, gains, s, 0)
        for i in range(n):
            step = gains[i]
            gains[i] = 0.0 if step < 0.0 else step
            losses[i] = 0.0 if step > 0.0 else -step
        recursions.rma(gains, n, gains, length, s, _GAINS)
        recursions.rma(losses, n, losses, length, s, _LOSSES)
        for i in range(n):
            x[i] = 100.0 * ratio(gains[i], gains[i] + losses[i])
        store(F, outs[0], start, n, x)


SPECS = (
    IndicatorSpec(
        name="rsi",
        summary="Relative strength index, 0..100; missing while nothing has moved.",
        formula="100 * RMA(gain, L) / (RMA(gain, L) + RMA(loss, L))",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib RSI",
        inputs=("source",),
        params=(length_param(14, low=2),),
        outputs=outputs(),
        kernel=rsi_kernel,
        state_size=lambda p: _RSI_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
)
