"""Volatility squeeze: Bollinger bands inside a Keltner channel, with the momentum beside it."""

from __future__ import annotations

import math

from engine.indicators import windows
from engine.indicators.channels import KELTNER_CELLS, keltner
from engine.indicators.columns import TILE, load_three, store, tile
from engine.indicators.extremes import lag, lag_cells
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    OutputSpec,
    Params,
    Rows,
    Vector,
    ema_bars,
    length_param,
    number_param,
    rma_bars,
)
from engine.indicators.windows import moment_cells
from engine.jit import njit
from engine.play.ast import Type


@njit(cache=True, error_model="numpy", nogil=True)
def squeeze_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the channel, the bands' moments, the momentum's look-back and its mean."""
    bb_length, bb_std, kc_length, kc_scalar = int(p[0]), p[1], int(p[2]), p[3]
    mom_length, mom_smooth = int(p[4]), int(p[5])
    at_lag = KELTNER_CELLS + moment_cells(bb_length)
    at_mean = at_lag + lag_cells(mom_length)
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    basis = tile(hi - lo)
    width = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, close)
        keltner(high, low, close, n, basis, width, kc_length, s, 0)
        windows.mean_deviation(close, n, high, low, bb_length, 0, s, KELTNER_CELLS, at)
        for i in range(n):
            band, channel = bb_std * low[i], kc_scalar * width[i]
            below = (high[i] - band) - (basis[i] - channel)
            above = (basis[i] + channel) - (high[i] + band)
            on = 1.0 if below > 0.0 and above > 0.0 else 0.0
            off = 1.0 if below < 0.0 and above < 0.0 else 0.0
            ready = below + above == below + above
            high[i] = on if ready else math.nan
            low[i] = off if ready else math.nan
            width[i] = 1.0 - on - off if ready else math.nan
        store(F, outs[1], start, n, high)
        store(F, outs[2], start, n, low)
        store(F, outs[3], start, n, width)
        lag(close, n, high, mom_length, s, at_lag)
        for i in range(n):
            close[i] -= high[i]
        windows.mean(close, n, high, mom_smooth, s, at_mean, at)
        store(F, outs[0], start, n, high)


def _first(p: Params) -> int:
    return int(max(p[0] - 1, p[2], p[4] + p[5] - 1))


def _bars(p: Params, weight: float) -> int:
    return max(_first(p) + 1, ema_bars(p[2], weight), 1 + rma_bars(p[2], weight))


SPECS = (
    IndicatorSpec(
        name="squeeze",
        summary="Squeeze: on while the Bollinger bands lie strictly inside the Keltner channel, "
        "off while strictly outside, no_sqz otherwise; sqz is the smoothed momentum.",
        formula="bands = bbands(close, bb_length, bb_std), channel = kc(kc_length, kc_scalar); "
        "on: bands.lower > channel.lower and bands.upper < channel.upper; off: both the other "
        "way; sqz = SMA(close - close[mom_length], mom_smooth)",
        source="J. Carter, Mastering the Trade (2005); LazyBear, Squeeze Momentum",
        inputs=("high", "low", "close"),
        params=(
            length_param(20, name="bb_length", low=2),
            number_param("bb_std", "2", "0.01", "100"),
            length_param(20, name="kc_length"),
            number_param("kc_scalar", "1.5", "0.01", "100"),
            length_param(12, name="mom_length"),
            length_param(6, name="mom_smooth"),
        ),
        outputs=(
            OutputSpec("sqz"),
            OutputSpec("on", Type.BOOL),
            OutputSpec("off", Type.BOOL),
            OutputSpec("no_sqz", Type.BOOL),
        ),
        kernel=squeeze_kernel,
        state_size=lambda p: (
            KELTNER_CELLS + moment_cells(p[0]) + lag_cells(p[4]) + moment_cells(p[5])
        ),
        first_valid=_first,
        warmup_bars=_bars,
    ),
)
