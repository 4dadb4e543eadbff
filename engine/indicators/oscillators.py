"""Oscillators: rsi."""

from __future__ import annotations

import math

from numba import njit

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


@njit(cache=True, error_model="numpy")
def rsi_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: values seen (to length + 1), the last one, averages of gains and of losses.

    The two averages are advanced in one pass, so that the processor overlaps them.
    """
    length = int(p[0])
    alpha = 1.0 / length
    seen, last, gains, losses = s[0], s[1], s[2], s[3]
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        for i in range(n):
            entry = x[i]
            if entry != entry:
                continue
            step = entry - last
            last = entry
            gain = step if step > 0.0 else 0.0
            loss = -step if step < 0.0 else 0.0
            if seen > length:
                gains += alpha * (gain - gains)
                losses += alpha * (loss - losses)
                x[i] = 100.0 * ratio(gains, gains + losses)
                continue
            x[i] = math.nan
            if seen > 0.0:
                gains += gain
                losses += loss
            seen += 1.0
            if seen > length:
                gains /= length
                losses /= length
                x[i] = 100.0 * ratio(gains, gains + losses)
        store(F, outs[0], start, n, x)
    s[0], s[1], s[2], s[3] = seen, last, gains, losses


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
        state_size=lambda p: 4,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
)
