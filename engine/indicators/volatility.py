"""Volatility: true range and spread about the mean: atr, natr, chop, stddev, zscore, bbands."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.indicators import recursions, windows
from engine.indicators.columns import TILE, finite, load, load_three, ratio, store, tile
from engine.indicators.elementary import log
from engine.indicators.extremes import extreme_cells, highest, lowest
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    ParamSpec,
    Rows,
    Vector,
    length_param,
    number_param,
    outputs,
    rma_bars,
)
from engine.jit import njit

#: State cells of :func:`true_range`: whether a close was seen, the last one.
TRUE_RANGE_CELLS = 2


@njit(cache=True, error_model="numpy")
def _reach(high: float, low: float, last: float) -> float:
    up = abs(high - last)
    down = abs(low - last)
    reach = high - low
    reach = up if up > reach else reach
    return down if down > reach else reach


@njit(cache=True, error_model="numpy")
def _whole_true_range(
    high: Vector, low: Vector, close: Vector, n: int, y: Vector, s: Vector, k: int
) -> None:
    """:func:`true_range` after the first bar where nothing is missing."""
    y[0] = _reach(high[0], low[0], s[k + 1])
    for i in range(1, n):
        y[i] = _reach(high[i], low[i], close[i - 1])
    s[k + 1] = close[n - 1]


@njit(cache=True, error_model="numpy")
def true_range(
    high: Vector, low: Vector, close: Vector, n: int, y: Vector, s: Vector, k: int
) -> None:
    """y = the largest of high - low, |high - last close|, |low - last close|.

    Missing on the first bar; a bar with anything missing is passed over. ``y`` is not an input.
    """
    seen = s[k]
    last = s[k + 1]
    gaps = 0
    for i in range(n):
        gaps += 1 if high[i] + low[i] + close[i] != high[i] + low[i] + close[i] else 0
    if gaps == 0 and seen > 0.0:
        _whole_true_range(high, low, close, n, y, s, k)
        return
    for i in range(n):
        y[i] = math.nan
        whole = high[i] + low[i] + close[i]
        if whole == whole:
            if seen > 0.0:
                y[i] = _reach(high[i], low[i], last)
            seen = 1.0
            last = close[i]
    s[k] = seen
    s[k + 1] = last


@njit(cache=True, error_model="numpy", nogil=True)
def atr_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        tops, bottoms = F[ins[0], start : start + n], F[ins[1], start : start + n]
        lasts = F[ins[2], start : start + n]
        gaps = 0
        for i in range(n):
            whole = tops[i] + bottoms[i] + lasts[i]
            gaps += 0 if whole - whole == 0.0 else 1
        if gaps == 0 and s[0] > 0.0:  # nothing to replace: read where the bars stand
            _whole_true_range(tops, bottoms, lasts, n, y, s, 0)
        else:
            load_three(F, ins, start, n, high, low, close)
            true_range(high, low, close, n, y, s, 0)
        recursions.rma(y, n, y, length, s, TRUE_RANGE_CELLS)
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def natr_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    atr_kernel(p, s, F, ins, outs, lo, hi, i0)
    y = tile(hi - lo)
    close = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, outs[0], start, n, y)
        load(F, ins[2], start, n, close)
        for i in range(n):
            y[i] = 100.0 * ratio(y[i], close[i])
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def chop_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the true range, its mean, the highest high, the lowest low."""
    length = int(p[0])
    at_top = TRUE_RANGE_CELLS + windows.moment_cells(length)
    at_bottom = at_top + extreme_cells(length)
    whole = log(float(length))
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, close)
        true_range(high, low, close, n, y, s, 0)
        windows.mean(y, n, close, length, s, TRUE_RANGE_CELLS, at)
        highest(high, n, y, length, s, at_top, at)
        lowest(low, n, high, length, s, at_bottom, at)
        for i in range(n):
            y[i] = 100.0 * log(ratio(close[i] * length, y[i] - high[i])) / whole
        store(F, outs[0], start, n, y)


@njit(cache=True, error_model="numpy", nogil=True)
def stddev_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length, ddof = int(p[0]), int(p[1])
    x = tile(hi - lo)
    middle = tile(hi - lo)
    spread = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        windows.mean_deviation(x, n, middle, spread, length, ddof, s, 0, i0 + start - lo)
        store(F, outs[0], start, n, spread)


@njit(cache=True, error_model="numpy", nogil=True)
def zscore_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length, ddof = int(p[0]), int(p[1])
    x = tile(hi - lo)
    middle = tile(hi - lo)
    spread = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        windows.mean_deviation(x, n, middle, spread, length, ddof, s, 0, i0 + start - lo)
        for i in range(n):
            x[i] = ratio(x[i] - middle[i], spread[i])
        store(F, outs[0], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def bbands_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    width = p[1]
    ddof = int(p[2])
    x = tile(hi - lo)
    mean = tile(hi - lo)
    spread = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        windows.mean_deviation(x, n, mean, spread, length, ddof, s, 0, i0 + start - lo)
        lower, middle = F[outs[0], start : start + n], F[outs[1], start : start + n]
        upper, bandwidth = F[outs[2], start : start + n], F[outs[3], start : start + n]
        percent_b = F[outs[4], start : start + n]
        for i in range(n):
            reach = width * spread[i]
            below, above = mean[i] - reach, mean[i] + reach
            band = above - below
            lower[i] = finite(below)
            middle[i] = finite(mean[i])
            upper[i] = finite(above)
            bandwidth[i] = finite(100.0 * ratio(band, mean[i]))
            percent_b[i] = finite(ratio(x[i] - below, band))


#: 0: the population's deviation, divisor L; 1: the sample's, divisor L - 1.
_DDOF = ParamSpec("ddof", "int", Decimal(0), Decimal(0), Decimal(1))

SPECS = (
    IndicatorSpec(
        name="atr",
        summary="Average true range; the true range starts at the second bar.",
        formula="RMA(max(high - low, |high - close[1]|, |low - close[1]|), L)",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib ATR",
        inputs=("high", "low", "close"),
        params=(length_param(14),),
        outputs=outputs(),
        kernel=atr_kernel,
        state_size=lambda p: TRUE_RANGE_CELLS + recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
    IndicatorSpec(
        name="natr",
        summary="Average true range in percent of the close.",
        formula="100 * ATR(L) / close",
        source="J. Forman (2006); TA-Lib NATR",
        inputs=("high", "low", "close"),
        params=(length_param(14),),
        outputs=outputs(),
        kernel=natr_kernel,
        state_size=lambda p: TRUE_RANGE_CELLS + recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
    IndicatorSpec(
        name="chop",
        summary="Choppiness index: 100 when the range was walked over and over, near 0 in a "
        "straight trend; missing in a range of no height.",
        formula="100 * log(sum(true range, L) / (highest high - lowest low)) / log(L)",
        source="E. W. Dreiss; TradingView Choppiness Index",
        inputs=("high", "low", "close"),
        params=(length_param(14, low=2),),
        outputs=outputs(),
        kernel=chop_kernel,
        state_size=lambda p: (
            TRUE_RANGE_CELLS + windows.moment_cells(p[0]) + 2 * extreme_cells(p[0])
        ),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
    IndicatorSpec(
        name="stddev",
        summary="Standard deviation of the last L values, of the population unless ddof is 1.",
        formula="sqrt(sum((x - SMA(x, L))^2, L) / (L - ddof))",
        source="TA-Lib STDDEV",
        inputs=("source",),
        params=(length_param(20, low=2), _DDOF),
        outputs=outputs(),
        kernel=stddev_kernel,
        state_size=lambda p: windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="zscore",
        summary="Distance from the mean in standard deviations; missing where nothing varies.",
        formula="(x - SMA(x, L)) / stddev(x, L, ddof)",
        source="Stock.Indicators Standard Deviation, zScore",
        inputs=("source",),
        params=(length_param(20, low=2), _DDOF),
        outputs=outputs(),
        kernel=zscore_kernel,
        state_size=lambda p: windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="bbands",
        summary="Bollinger bands; bandwidth in percent of the middle, percent_b 0 at the lower "
        "and 1 at the upper band (missing when they coincide).",
        formula="middle = SMA(x, L); lower, upper = middle -/+ std * sigma(x, L, ddof); "
        "bandwidth = 100 * (upper - lower) / middle; percent_b = (x - lower) / (upper - lower)",
        source="J. Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS",
        inputs=("source",),
        params=(
            length_param(20, low=2),
            number_param("std", "2", "0.01", "100"),
            _DDOF,
        ),
        outputs=outputs("lower", "middle", "upper", "bandwidth", "percent_b"),
        kernel=bbands_kernel,
        state_size=lambda p: windows.moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
)
