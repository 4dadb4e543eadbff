"""Bars made of bars: heikin_ashi."""

from __future__ import annotations

import math

from engine.indicators.columns import TILE, load, load_three, store, tile
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Rows,
    Vector,
    decay_bars,
    outputs,
)
from engine.jit import njit

#: Bars in which the open's past loses a factor e: it keeps half of it each bar.
_BARS_PER_E = 1.4426950408889634


@njit(cache=True, error_model="numpy", nogil=True)
def heikin_ashi_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: whether a bar was seen, its open, its close."""
    begin = tile(hi - lo)
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, begin, high, low)
        load(F, ins[3], start, n, close)
        seen, last_open, last_close = s[0], s[1], s[2]
        for i in range(n):
            end = (begin[i] + high[i] + low[i] + close[i]) / 4.0
            if end != end:
                begin[i] = high[i] = low[i] = close[i] = math.nan
                continue
            if seen > 0.0:
                begin[i] = (last_open + last_close) / 2.0
            else:
                begin[i] = (begin[i] + close[i]) / 2.0
            high[i] = max(high[i], begin[i], end)
            low[i] = min(low[i], begin[i], end)
            close[i] = end
            seen, last_open, last_close = 1.0, begin[i], end
        s[0], s[1], s[2] = seen, last_open, last_close
        store(F, outs[0], start, n, begin)
        store(F, outs[1], start, n, high)
        store(F, outs[2], start, n, low)
        store(F, outs[3], start, n, close)


SPECS = (
    IndicatorSpec(
        name="heikin_ashi",
        summary="Heikin-Ashi bars.",
        formula="close = (open + high + low + close) / 4; open = (open[1] + close[1]) / 2 of the "
        "Heikin-Ashi bar before, at first (open + close) / 2; high, low: the bar's own, or its "
        "open or close where they lie beyond",
        source="M. Homma; D. Valcu, Using the Heikin-Ashi Technique (2004)",
        inputs=("open", "high", "low", "close"),
        params=(),
        outputs=outputs("open", "high", "low", "close"),
        kernel=heikin_ashi_kernel,
        state_size=lambda p: 3,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1 + decay_bars(_BARS_PER_E, w),
    ),
)
