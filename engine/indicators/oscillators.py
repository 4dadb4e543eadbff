"""Oscillators of one series and its changes: rsi, cmo, roc, mom, tsi, fisher."""

from __future__ import annotations

import math

from engine.indicators import recursions
from engine.indicators.columns import TILE, load, ratio, store, tile
from engine.indicators.elementary import log
from engine.indicators.extremes import extreme_cells, highest, lag, lag_cells, lowest
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

_GAINS = recursions.CHANGE_CELLS
_LOSSES = _GAINS + recursions.EXPONENTIAL_CELLS
#: State cells of :func:`average_gains`.
RSI_CELLS = _LOSSES + recursions.EXPONENTIAL_CELLS


#: Smallest range the Fisher transform divides by, as a part of the price.
_FISHER_FLOOR = 1e-6


@njit(cache=True, error_model="numpy")
def average_gains(x: Vector, n: int, gains: Vector, losses: Vector, length: int, s: Vector) -> None:
    """Wilder's averages of the rises and of the falls of x; state cells ``s[:RSI_CELLS]``."""
    recursions.change(x, n, gains, s, 0)
    for i in range(n):
        step = gains[i]
        gains[i] = 0.0 if step < 0.0 else step
        losses[i] = 0.0 if step > 0.0 else -step
    recursions.two_rmas(gains, losses, n, length, s, _GAINS, _LOSSES)


@njit(cache=True, error_model="numpy", nogil=True)
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
        average_gains(x, n, gains, losses, length, s)
        for i in range(n):
            x[i] = 100.0 * ratio(gains[i], gains[i] + losses[i])
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def cmo_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    gains = tile(hi - lo)
    losses = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        average_gains(x, n, gains, losses, length, s)
        for i in range(n):
            x[i] = 100.0 * ratio(gains[i] - losses[i], gains[i] + losses[i])
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def mom_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    past = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        lag(x, n, past, length, s, 0)
        for i in range(n):
            x[i] -= past[i]
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def roc_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    past = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        lag(x, n, past, length, s, 0)
        for i in range(n):
            x[i] = 100.0 * ratio(x[i] - past[i], past[i])
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def tsi_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the change, two averages of it, two of its size, the signal."""
    fast, slow, smooth = int(p[0]), int(p[1]), int(p[2])
    cells = recursions.EXPONENTIAL_CELLS
    at = recursions.CHANGE_CELLS
    x = tile(hi - lo)
    steps = tile(hi - lo)
    sizes = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.change(x, n, steps, s, 0)
        for i in range(n):
            sizes[i] = abs(steps[i])
        recursions.ema(steps, n, steps, slow, s, at)
        recursions.ema(steps, n, steps, fast, s, at + cells)
        recursions.ema(sizes, n, sizes, slow, s, at + 2 * cells)
        recursions.ema(sizes, n, sizes, fast, s, at + 3 * cells)
        for i in range(n):
            x[i] = 100.0 * ratio(steps[i], sizes[i])
        store(F, outs[0], start, n, x)
        recursions.ema(x, n, x, smooth, s, at + 4 * cells)
        store(F, outs[1], start, n, x)


def _tsi_bars(p: Params, weight: float) -> int:
    return 1 + ema_bars(p[0], weight) + ema_bars(p[1], weight) + ema_bars(p[2], weight)


@njit(cache=True, error_model="numpy", nogil=True)
def fisher_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the smoothed position and the last output, two extremes, the signal's look-back."""
    length, behind = int(p[0]), int(p[1])
    at_low = 2 + extreme_cells(length)
    at_signal = at_low + extreme_cells(length)
    middle = tile(hi - lo)
    low = tile(hi - lo)
    top = tile(hi - lo)
    bottom = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, middle)
        load(F, ins[1], start, n, low)
        for i in range(n):
            middle[i] = (middle[i] + low[i]) / 2.0
        highest(middle, n, top, length, s, 2, at)
        lowest(middle, n, bottom, length, s, at_low, at)
        smooth, value = s[0], s[1]
        for i in range(n):
            reach = top[i] - bottom[i]
            if reach != reach:
                middle[i] = math.nan
                continue
            reach = max(reach, _FISHER_FLOOR * abs(middle[i]))
            place = ratio(middle[i] - bottom[i], reach)
            if place == place:
                smooth = 0.66 * (place - 0.5) + 0.67 * smooth
                smooth = min(max(smooth, -0.999), 0.999)
                value = 0.5 * log((1.0 + smooth) / (1.0 - smooth)) + 0.5 * value
                middle[i] = value
            else:
                middle[i] = math.nan
        s[0], s[1] = smooth, value
        store(F, outs[0], start, n, middle)
        lag(middle, n, low, behind, s, at_signal)
        store(F, outs[1], start, n, low)


def _fisher_bars(p: Params, weight: float) -> int:
    """The position keeps 0.67 of its past a bar (2.5 bars per e), the output 0.5 (1.45)."""
    return int(p[0] + p[1]) + decay_bars(2.5, weight) + decay_bars(1.45, weight)


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
        state_size=lambda p: RSI_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
    IndicatorSpec(
        name="cmo",
        summary="Chande momentum oscillator with Wilder's averages, -100..100.",
        formula="100 * (RMA(gain, L) - RMA(loss, L)) / (RMA(gain, L) + RMA(loss, L))",
        source="T. Chande and S. Kroll, The New Technical Trader (1994); TA-Lib CMO",
        inputs=("source",),
        params=(length_param(14, low=2),),
        outputs=outputs(),
        kernel=cmo_kernel,
        state_size=lambda p: RSI_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
    IndicatorSpec(
        name="mom",
        summary="Momentum: the change over L bars.",
        formula="x - x[L]",
        source="TA-Lib MOM",
        inputs=("source",),
        params=(length_param(10),),
        outputs=outputs(),
        kernel=mom_kernel,
        state_size=lambda p: lag_cells(p[0]),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
    IndicatorSpec(
        name="roc",
        summary="Rate of change over L bars in percent.",
        formula="100 * (x - x[L]) / x[L]",
        source="TA-Lib ROC",
        inputs=("source",),
        params=(length_param(10),),
        outputs=outputs(),
        kernel=roc_kernel,
        state_size=lambda p: lag_cells(p[0]),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
    IndicatorSpec(
        name="tsi",
        summary="True strength index, -100..100, with an EMA as its signal.",
        formula="100 * EMA(EMA(x - x[1], slow), fast) / EMA(EMA(|x - x[1]|, slow), fast); "
        "signal = EMA(tsi, signal)",
        source="W. Blau, Momentum, Direction, and Divergence (1995)",
        inputs=("source",),
        params=(
            length_param(13, name="fast"),
            length_param(25, name="slow"),
            length_param(13, name="signal"),
        ),
        outputs=outputs("tsi", "signal"),
        kernel=tsi_kernel,
        state_size=lambda p: recursions.CHANGE_CELLS + 5 * recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[0] + p[1] + p[2]) - 2,
        warmup_bars=_tsi_bars,
    ),
    IndicatorSpec(
        name="fisher",
        summary="Fisher transform of the place of (high + low) / 2 in its range.",
        formula="p = (m - lowest) / max(highest - lowest, 1e-6 |m|) - 1/2 over L bars; "
        "v = 0.66 p + 0.67 v[1], within -0.999..0.999; "
        "fisher = ln((1 + v) / (1 - v)) / 2 + fisher[1] / 2; signal = fisher[signal]",
        source="J. Ehlers, Using the Fisher Transform (2002)",
        inputs=("high", "low"),
        params=(length_param(9), length_param(1, name="signal")),
        outputs=outputs("fisher", "signal"),
        kernel=fisher_kernel,
        state_size=lambda p: 2 + 2 * extreme_cells(p[0]) + lag_cells(p[1]),
        first_valid=lambda p: int(p[0] + p[1]) - 1,
        warmup_bars=_fisher_bars,
    ),
)
