"""Oscillators of the close in the bars' ranges, and of money flow: willr, stoch, stochrsi, cci, uo,
mfi."""

from __future__ import annotations

import math

import numpy as np

from engine.indicators import windows
from engine.indicators.columns import TILE, direction_of, load, load_three, ratio, store, tile
from engine.indicators.extremes import extreme_cells, highest, lowest
from engine.indicators.oscillators import RSI_CELLS, average_gains
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Params,
    Rows,
    Vector,
    length_param,
    number_param,
    outputs,
    rma_bars,
)
from engine.indicators.volatility import TRUE_RANGE_CELLS, true_range
from engine.indicators.windows import moment_cells, with_history
from engine.jit import njit

#: Range of an RSI that is only rounding: while nothing moves both its averages fall in step.
_RSI_FLAT = 1e-9


@njit(cache=True, error_model="numpy")
def place_in_range(
    high: Vector,
    low: Vector,
    x: Vector,
    n: int,
    flat: float,
    length: int,
    s: Vector,
    k: int,
    i0: int,
) -> None:
    """x becomes 100 (x - lowest) / (highest - lowest), missing in a range of no more than ``flat``;
    state cells: two of ``extreme_cells``."""
    top = np.empty(n)
    bottom = np.empty(n)
    highest(high, n, top, length, s, k, i0)
    lowest(low, n, bottom, length, s, k + extreme_cells(length), i0)
    for i in range(n):
        reach = top[i] - bottom[i]
        x[i] = 100.0 * (x[i] - bottom[i]) / reach if reach > flat else math.nan


@njit(cache=True, error_model="numpy", nogil=True)
def willr_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, x)
        place_in_range(high, low, x, n, 0.0, length, s, 0, i0 + start - lo)
        for i in range(n):
            x[i] -= 100.0
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def stoch_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length, smooth, signal = int(p[0]), int(p[1]), int(p[2])
    at_smooth = 2 * extreme_cells(length)
    at_signal = at_smooth + moment_cells(smooth)
    high = tile(hi - lo)
    low = tile(hi - lo)
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, x)
        place_in_range(high, low, x, n, 0.0, length, s, 0, at)
        windows.mean(x, n, high, smooth, s, at_smooth, at)
        store(F, outs[0], start, n, high)
        windows.mean(high, n, low, signal, s, at_signal, at)
        store(F, outs[1], start, n, low)


@njit(cache=True, error_model="numpy", nogil=True)
def stochrsi_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length, rsi_length, smooth, signal = int(p[0]), int(p[1]), int(p[2]), int(p[3])
    at_smooth = RSI_CELLS + 2 * extreme_cells(length)
    at_signal = at_smooth + moment_cells(smooth)
    x = tile(hi - lo)
    gains = tile(hi - lo)
    losses = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, x)
        average_gains(x, n, gains, losses, rsi_length, s)
        for i in range(n):
            gains[i] = 100.0 * ratio(gains[i], gains[i] + losses[i])
            x[i] = gains[i]
        place_in_range(gains, gains, x, n, _RSI_FLAT, length, s, RSI_CELLS, at)
        windows.mean(x, n, gains, smooth, s, at_smooth, at)
        store(F, outs[0], start, n, gains)
        windows.mean(gains, n, losses, signal, s, at_signal, at)
        store(F, outs[1], start, n, losses)


def _stochrsi_cells(p: Params) -> int:
    return RSI_CELLS + 2 * extreme_cells(p[0]) + moment_cells(p[2]) + moment_cells(p[3])


@njit(cache=True, error_model="numpy", nogil=True)
def cci_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the mean's cells, then the window the mean deviation is summed over."""
    length, scale = int(p[0]), p[1]
    high = tile(hi - lo)
    low = tile(hi - lo)
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, x)
        for i in range(n):
            x[i] = (high[i] + low[i] + x[i]) / 3.0
            low[i] = 0.0
        windows.mean(x, n, high, length, s, 0, i0 + start - lo)
        w = with_history(x, n, length, s, moment_cells(length))
        for j in range(length):
            bar = w[j : j + n]
            for i in range(n):
                low[i] += abs(bar[i] - high[i])
        for i in range(n):
            x[i] = ratio(x[i] - high[i], scale * (low[i] / length))
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def uo_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the true range's cells, then for each length the means of pressure and of range.

    Buying pressure is close - min(low, last close).
    """
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    reach = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, close)
        last = s[1]
        true_range(high, low, close, n, reach, s, 0)
        for i in range(n):
            whole = high[i] + low[i] + close[i]
            y[i] = 0.0
            high[i] = math.nan
            if whole == whole:
                if reach[i] == reach[i]:
                    high[i] = close[i] - min(low[i], last)
                last = close[i]
        k = TRUE_RANGE_CELLS
        for term in range(3):
            length = int(p[term])
            weight = 4.0 / (1 << term)
            windows.mean(high, n, low, length, s, k, at)
            k += moment_cells(length)
            windows.mean(reach, n, close, length, s, k, at)
            k += moment_cells(length)
            for i in range(n):
                y[i] += weight * ratio(low[i], close[i])
        for i in range(n):
            y[i] = 100.0 * y[i] / 7.0
        store(F, outs[0], start, n, y)


def _uo_cells(p: Params) -> int:
    return TRUE_RANGE_CELLS + sum(2 * moment_cells(length) for length in p)


def _rising(p: Params) -> str | None:
    return None if p[0] < p[1] < p[2] else "fast must be below medium and medium below slow"


@njit(cache=True, error_model="numpy", nogil=True)
def mfi_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: whether a bar was seen, its typical price, the means of both flows."""
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    volume = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, close)
        load(F, ins[3], start, n, volume)
        seen, last = s[0], s[1]
        for i in range(n):
            typical = (high[i] + low[i] + close[i]) / 3.0
            flow = typical * volume[i]
            high[i] = math.nan
            low[i] = math.nan
            if flow == flow:
                if seen > 0.0:
                    way = direction_of(typical, last)
                    high[i] = flow if way > 0.0 else 0.0
                    low[i] = flow if way < 0.0 else 0.0
                seen = 1.0
                last = typical
        s[0], s[1] = seen, last
        windows.mean(high, n, close, length, s, 2, at)
        windows.mean(low, n, volume, length, s, 2 + moment_cells(length), at)
        for i in range(n):
            close[i] = 100.0 * ratio(close[i], close[i] + volume[i])
        store(F, outs[0], start, n, close)


SPECS = (
    IndicatorSpec(
        name="willr",
        summary="Williams %R, -100..0; missing in a range of no height.",
        formula="100 * (close - highest high) / (highest high - lowest low), over L bars",
        source="L. Williams (1973); TA-Lib WILLR",
        inputs=("high", "low", "close"),
        params=(length_param(14),),
        outputs=outputs(),
        kernel=willr_kernel,
        state_size=lambda p: 2 * extreme_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="stoch",
        summary="Stochastic oscillator, 0..100; k is the smoothed %K.",
        formula="k = SMA(100 * (close - lowest low) / (highest high - lowest low) over k bars, "
        "smooth_k); d = SMA(k, d)",
        source="G. Lane; TA-Lib STOCH",
        inputs=("high", "low", "close"),
        params=(
            length_param(14, name="k"),
            length_param(3, name="smooth_k"),
            length_param(3, name="d"),
        ),
        outputs=outputs("k", "d"),
        kernel=stoch_kernel,
        state_size=lambda p: 2 * extreme_cells(p[0]) + moment_cells(p[1]) + moment_cells(p[2]),
        first_valid=lambda p: int(p[0] + p[1] + p[2]) - 3,
        warmup_bars=lambda p, w: int(p[0] + p[1] + p[2]) - 2,
    ),
    IndicatorSpec(
        name="stochrsi",
        summary="Stochastic of the RSI, 0..100; missing while the RSI stays the same.",
        formula="k = SMA(100 * (RSI - lowest RSI) / (highest RSI - lowest RSI) over length bars, "
        "k), RSI over rsi_length; d = SMA(k, d)",
        source="T. Chande and S. Kroll, The New Technical Trader (1994); TA-Lib STOCHRSI",
        inputs=("source",),
        params=(
            length_param(14, low=2),
            length_param(14, name="rsi_length", low=2),
            length_param(3, name="k"),
            length_param(3, name="d"),
        ),
        outputs=outputs("k", "d"),
        kernel=stochrsi_kernel,
        state_size=_stochrsi_cells,
        first_valid=lambda p: int(p[0] + p[1] + p[2] + p[3]) - 3,
        warmup_bars=lambda p, w: rma_bars(p[1], w) + int(p[0] + p[2] + p[3]) - 2,
    ),
    IndicatorSpec(
        name="cci",
        summary="Commodity channel index of the typical price.",
        formula="(t - SMA(t, L)) / (scale * mean |t - SMA(t, L)|), t = (high + low + close) / 3",
        source="D. Lambert (1980); TA-Lib CCI",
        inputs=("high", "low", "close"),
        params=(length_param(20, low=2), number_param("scale", "0.015", "0.001", "1")),
        outputs=outputs(),
        kernel=cci_kernel,
        state_size=lambda p: moment_cells(p[0]) + int(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="uo",
        summary="Ultimate oscillator, 0..100.",
        formula="100 * (4 A(fast) + 2 A(medium) + A(slow)) / 7, A(L) = sum(close - min(low, "
        "close[1]), L) / sum(true range, L)",
        source="L. Williams (1985); TA-Lib ULTOSC",
        inputs=("high", "low", "close"),
        params=(
            length_param(7, name="fast"),
            length_param(14, name="medium", low=2),
            length_param(28, name="slow", low=3),
        ),
        outputs=outputs(),
        kernel=uo_kernel,
        state_size=_uo_cells,
        first_valid=lambda p: int(p[2]),
        warmup_bars=lambda p, w: int(p[2]) + 1,
        rule=_rising,
    ),
    IndicatorSpec(
        name="mfi",
        summary="Money flow index, 0..100; equal typical prices are equal in ticks.",
        formula="100 * P / (P + N): sums over L bars of t * volume where t = (high + low + close) "
        "/ 3 rose (P) and fell (N)",
        source="G. Quong and A. Soudack (1989); TA-Lib MFI",
        inputs=("high", "low", "close", "volume"),
        params=(length_param(14, low=2),),
        outputs=outputs(),
        kernel=mfi_kernel,
        state_size=lambda p: 2 + 2 * moment_cells(p[0]),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
)
