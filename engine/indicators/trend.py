"""Differences and changes of exponential averages: macd, ppo, trix."""

from __future__ import annotations

import math

from engine.indicators import recursions
from engine.indicators.columns import TILE, load, ratio, store, tile
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Params,
    Rows,
    Vector,
    ema_bars,
    length_param,
    outputs,
)
from engine.jit import njit

_FAST = 1
_SLOW = _FAST + recursions.EXPONENTIAL_CELLS
_SIGNAL = _SLOW + recursions.EXPONENTIAL_CELLS
_MACD_CELLS = _SIGNAL + recursions.EXPONENTIAL_CELLS


@njit(cache=True, error_model="numpy")
def without_first(x: Vector, n: int, y: Vector, count: int, s: Vector, k: int) -> None:
    """y = x with its first ``count`` defined values missing; one state cell: how many passed."""
    for i in range(n):
        y[i] = x[i]
    i = 0
    while s[k] < count and i < n:
        if x[i] == x[i]:
            s[k] += 1.0
            y[i] = math.nan
        i += 1


@njit(cache=True, error_model="numpy", nogil=True)
def macd_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Both averages are seeded on one bar, the slow one's: the fast one skips the bars before
    its own seed. Line and histogram appear with the signal."""
    fast, slow, smooth = int(p[0]), int(p[1]), int(p[2])
    x = tile(hi - lo)
    line = tile(hi - lo)
    signal = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        without_first(x, n, line, slow - fast, s, 0)
        recursions.ema(line, n, line, fast, s, _FAST)
        recursions.ema(x, n, x, slow, s, _SLOW)
        for i in range(n):
            line[i] -= x[i]
        recursions.ema(line, n, signal, smooth, s, _SIGNAL)
        for i in range(n):
            x[i] = line[i] - signal[i]
            line[i] = line[i] if signal[i] == signal[i] else math.nan
        store(F, outs[0], start, n, line)
        store(F, outs[1], start, n, signal)
        store(F, outs[2], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def ppo_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the fast, the slow and the signal's average."""
    fast, slow, smooth = int(p[0]), int(p[1]), int(p[2])
    cells = recursions.EXPONENTIAL_CELLS
    x = tile(hi - lo)
    line = tile(hi - lo)
    signal = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        recursions.ema(x, n, line, fast, s, 0)
        recursions.ema(x, n, x, slow, s, cells)
        for i in range(n):
            line[i] = 100.0 * ratio(line[i] - x[i], x[i])
        store(F, outs[0], start, n, line)
        recursions.ema(line, n, signal, smooth, s, 2 * cells)
        store(F, outs[1], start, n, signal)
        for i in range(n):
            x[i] = line[i] - signal[i]
        store(F, outs[2], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def trix_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: three averages, the change of the third, the signal's average."""
    length, smooth = int(p[0]), int(p[1])
    cells = recursions.EXPONENTIAL_CELLS
    x = tile(hi - lo)
    step = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        for k in range(0, 3 * cells, cells):
            recursions.ema(x, n, x, length, s, k)
        recursions.change(x, n, step, s, 3 * cells)
        for i in range(n):
            step[i] = 100.0 * ratio(step[i], x[i] - step[i])
        store(F, outs[0], start, n, step)
        recursions.ema(step, n, step, smooth, s, 3 * cells + recursions.CHANGE_CELLS)
        store(F, outs[1], start, n, step)


def fast_below_slow(p: Params) -> str | None:
    """The rule of every indicator whose first two parameters are ``fast`` and ``slow``."""
    return None if p[0] < p[1] else f"fast must be below slow, not {p[0]:g} and {p[1]:g}"


_FAST_SLOW_SIGNAL = (
    length_param(12, name="fast"),
    length_param(26, name="slow", low=2),
    length_param(9, name="signal"),
)

SPECS = (
    IndicatorSpec(
        name="macd",
        summary="Moving average convergence divergence; all outputs begin at bar "
        "slow + signal - 2.",
        formula="macd = EMA(x, fast) - EMA(x, slow), both seeded at bar slow - 1; "
        "signal = EMA(macd, signal); histogram = macd - signal",
        source="G. Appel; TA-Lib MACD",
        inputs=("source",),
        params=_FAST_SLOW_SIGNAL,
        outputs=outputs("macd", "signal", "histogram"),
        kernel=macd_kernel,
        state_size=lambda p: _MACD_CELLS,
        first_valid=lambda p: int(p[1] + p[2]) - 2,
        warmup_bars=lambda p, w: ema_bars(p[1], w) + ema_bars(p[2], w),
        rule=fast_below_slow,
    ),
    IndicatorSpec(
        name="ppo",
        summary="Percentage price oscillator: the distance of two EMAs in percent of the slow one.",
        formula="ppo = 100 * (EMA(x, fast) - EMA(x, slow)) / EMA(x, slow); "
        "signal = EMA(ppo, signal); histogram = ppo - signal",
        source="G. Appel; TA-Lib PPO with matype 1",
        inputs=("source",),
        params=_FAST_SLOW_SIGNAL,
        outputs=outputs("ppo", "signal", "histogram"),
        kernel=ppo_kernel,
        state_size=lambda p: 3 * recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[1] + p[2]) - 2,
        warmup_bars=lambda p, w: ema_bars(p[1], w) + ema_bars(p[2], w),
        rule=fast_below_slow,
    ),
    IndicatorSpec(
        name="trix",
        summary="Change of a triple EMA in percent a bar, with an EMA as its signal.",
        formula="trix = 100 * (E - E[1]) / E[1], E = EMA(EMA(EMA(x, L), L), L); "
        "signal = EMA(trix, signal)",
        source="J. Hutson (1983); TA-Lib TRIX",
        inputs=("source",),
        params=(length_param(18), length_param(9, name="signal")),
        outputs=outputs("trix", "signal"),
        kernel=trix_kernel,
        state_size=lambda p: 4 * recursions.EXPONENTIAL_CELLS + recursions.CHANGE_CELLS,
        first_valid=lambda p: int(3 * p[0] + p[1]) - 3,
        warmup_bars=lambda p, w: 1 + 3 * ema_bars(p[0], w) + ema_bars(p[1], w),
    ),
)
