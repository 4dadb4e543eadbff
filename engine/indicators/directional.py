"""Direction of movement from highs and lows: dm, adx, aroon, vortex."""

from __future__ import annotations

import math

from engine.indicators import recursions, windows
from engine.indicators.columns import TILE, load, load_three, ratio, store, tile
from engine.indicators.extremes import age_of_highest, lag, lag_cells
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Params,
    Rows,
    Vector,
    length_param,
    outputs,
    rma_bars,
)
from engine.indicators.trend import without_first
from engine.indicators.volatility import TRUE_RANGE_CELLS, true_range
from engine.indicators.windows import history_cells, moment_cells
from engine.jit import njit

#: State cells of :func:`movements`: whether a bar was seen, its high, its low.
MOVEMENT_CELLS = 3
#: State cells of :func:`wilder_sum`: inputs seen (up to the length less one), the sum.
WILDER_SUM_CELLS = 2

# Cells of the adx: the true range, the movements, three sums, the first sum's postponement,
# the last DX and whether there was one, the average; then the look-back.
_MOVES = TRUE_RANGE_CELLS
_REACH_SUM = _MOVES + MOVEMENT_CELLS
_UP_SUM = _REACH_SUM + WILDER_SUM_CELLS
_DOWN_SUM = _UP_SUM + WILDER_SUM_CELLS
_SKIPPED = _DOWN_SUM + WILDER_SUM_CELLS
_LAST_DX = _SKIPPED + 1
_MOVED = _LAST_DX + 1
_ADX = _MOVED + 1
_ADXR = _ADX + recursions.EXPONENTIAL_CELLS


@njit(cache=True, error_model="numpy")
def movements(
    high: Vector, low: Vector, n: int, up: Vector, down: Vector, s: Vector, k: int
) -> None:
    """up = rise of the high, down = fall of the low, only the larger one of a bar, else 0.

    Missing on the first bar; a bar with anything missing is passed over. Not in place.
    """
    seen, last_high, last_low = s[k], s[k + 1], s[k + 2]
    for i in range(n):
        up[i] = math.nan
        down[i] = math.nan
        if high[i] + low[i] == high[i] + low[i]:
            if seen > 0.0:
                rise = high[i] - last_high
                fall = last_low - low[i]
                up[i] = rise if rise > 0.0 and rise > fall else 0.0
                down[i] = fall if fall > 0.0 and fall > rise else 0.0
            seen = 1.0
            last_high = high[i]
            last_low = low[i]
    s[k], s[k + 1], s[k + 2] = seen, last_high, last_low


@njit(cache=True, error_model="numpy")
def wilder_sum(x: Vector, n: int, y: Vector, length: int, s: Vector, k: int) -> None:
    """y = S - S / length + x after the plain sum of the first ``length - 1`` inputs, which is the
    first output. A missing input is passed over; ``x`` and ``y`` may be one array."""
    seen, total = s[k], s[k + 1]
    for i in range(n):
        entry = x[i]
        y[i] = math.nan
        if entry == entry:
            if seen < length - 1:
                seen += 1.0
                total += entry
            else:
                total = total - total / length + entry
            y[i] = total if seen >= length - 1 else math.nan
    s[k], s[k + 1] = seen, total


@njit(cache=True, error_model="numpy", nogil=True)
def dm_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    up = tile(hi - lo)
    down = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, high)
        load(F, ins[1], start, n, low)
        movements(high, low, n, up, down, s, 0)
        wilder_sum(up, n, up, length, s, MOVEMENT_CELLS)
        wilder_sum(down, n, down, length, s, MOVEMENT_CELLS + WILDER_SUM_CELLS)
        store(F, outs[0], start, n, up)
        store(F, outs[1], start, n, down)


@njit(cache=True, error_model="numpy")
def _index(up: Vector, down: Vector, reach: Vector, n: int, y: Vector, s: Vector) -> None:
    """y = DX where the sums are defined; at 0/0 it repeats, 0 before anything has moved."""
    last, moved = s[_LAST_DX], s[_MOVED]
    for i in range(n):
        y[i] = math.nan
        if reach[i] == reach[i]:
            entry = 100.0 * ratio(abs(up[i] - down[i]), up[i] + down[i])
            if entry == entry:
                last = entry
                moved = 1.0
            y[i] = last
    s[_LAST_DX], s[_MOVED] = last, moved


@njit(cache=True, error_model="numpy", nogil=True)
def adx_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """ADX is missing while nothing has ever moved, though its average counts those bars as 0."""
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    up = tile(hi - lo)
    down = tile(hi - lo)
    reach = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        for i in range(n):
            high[i] = high[i] if close[i] == close[i] else math.nan
        true_range(high, low, close, n, reach, s, 0)
        movements(high, low, n, up, down, s, _MOVES)
        wilder_sum(up, n, up, length, s, _UP_SUM)
        wilder_sum(down, n, down, length, s, _DOWN_SUM)
        wilder_sum(reach, n, high, length, s, _REACH_SUM)
        without_first(high, n, reach, 1, s, _SKIPPED)
        still = s[_MOVED]
        _index(up, down, reach, n, close, s)
        recursions.rma(close, n, close, length, s, _ADX)
        lag(close, n, high, length - 1, s, _ADXR)
        for i in range(n):
            still = 1.0 if reach[i] == reach[i] and up[i] + down[i] > 0.0 else still
            high[i] = (close[i] + high[i]) / 2.0 if still > 0.0 else math.nan
            close[i] = close[i] if still > 0.0 else math.nan
            up[i] = 100.0 * ratio(up[i], reach[i])
            down[i] = 100.0 * ratio(down[i], reach[i])
        store(F, outs[0], start, n, close)
        store(F, outs[1], start, n, up)
        store(F, outs[2], start, n, down)
        store(F, outs[3], start, n, high)


def _adx_bars(p: Params, weight: float) -> int:
    return 2 * rma_bars(p[0], weight) + int(p[0])


@njit(cache=True, error_model="numpy", nogil=True)
def aroon_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    x = tile(hi - lo)
    up = tile(hi - lo)
    down = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        age_of_highest(x, n, up, 1.0, length + 1, s, 0)
        load(F, ins[1], start, n, x)
        age_of_highest(x, n, down, -1.0, length + 1, s, history_cells(length + 1))
        for i in range(n):
            up[i] = 100.0 * (length - up[i]) / length
            down[i] = 100.0 * (length - down[i]) / length
            x[i] = up[i] - down[i]
        store(F, outs[0], start, n, up)
        store(F, outs[1], start, n, down)
        store(F, outs[2], start, n, x)


@njit(cache=True, error_model="numpy", nogil=True)
def vortex_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the true range, the last high and low, the means of range and both movements."""
    length = int(p[0])
    cells = moment_cells(length)
    at_high = TRUE_RANGE_CELLS
    at_low = at_high + lag_cells(1)
    at_means = at_low + lag_cells(1)
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    reach = tile(hi - lo)
    before = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, close)
        true_range(high, low, close, n, reach, s, 0)
        windows.mean(reach, n, close, length, s, at_means, at)
        lag(low, n, before, 1, s, at_low)
        lag(high, n, reach, 1, s, at_high)
        for i in range(n):
            before[i] = abs(high[i] - before[i])
            reach[i] = abs(low[i] - reach[i])
        windows.mean(before, n, high, length, s, at_means + cells, at)
        windows.mean(reach, n, low, length, s, at_means + 2 * cells, at)
        for i in range(n):
            high[i] = ratio(high[i], close[i])
            low[i] = ratio(low[i], close[i])
        store(F, outs[0], start, n, high)
        store(F, outs[1], start, n, low)


SPECS = (
    IndicatorSpec(
        name="dm",
        summary="Directional movement, Wilder's sums of rising highs and of falling lows.",
        formula="up = high - high[1], down = low[1] - low, only the larger and only if positive; "
        "S = sum of bars 1 .. L-1, then S[1] - S[1] / L + x",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems (1978); "
        "TA-Lib PLUS_DM, MINUS_DM",
        inputs=("high", "low"),
        params=(length_param(14, low=2),),
        outputs=outputs("dmp", "dmn"),
        kernel=dm_kernel,
        state_size=lambda p: MOVEMENT_CELLS + 2 * WILDER_SUM_CELLS,
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
    ),
    IndicatorSpec(
        name="adx",
        summary="Average directional index with its two directional indicators, 0..100; missing "
        "while nothing has moved.",
        formula="dmp, dmn = 100 * dm / S(true range) from bar L; "
        "DX = 100 * |dmp - dmn| / (dmp + dmn), repeated at 0/0; adx = RMA(DX, L); "
        "adxr = (adx + adx[L-1]) / 2",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems (1978); "
        "TA-Lib ADX, PLUS_DI, MINUS_DI, ADXR",
        inputs=("high", "low", "close"),
        params=(length_param(14, low=2),),
        outputs=outputs("adx", "dmp", "dmn", "adxr"),
        kernel=adx_kernel,
        state_size=lambda p: _ADXR + lag_cells(p[0] - 1),
        first_valid=lambda p: 3 * int(p[0]) - 2,
        warmup_bars=_adx_bars,
    ),
    IndicatorSpec(
        name="aroon",
        summary="Aroon: how recent the extremes of the last L + 1 bars are, 0..100; the newest "
        "counts among equals.",
        formula="up = 100 * (L - bars since the highest high) / L; down likewise of the lowest "
        "low; osc = up - down",
        source="T. Chande (1995); TA-Lib AROON, AROONOSC",
        inputs=("high", "low"),
        params=(length_param(14),),
        outputs=outputs("up", "down", "osc"),
        kernel=aroon_kernel,
        state_size=lambda p: 2 * history_cells(p[0] + 1),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
    IndicatorSpec(
        name="vortex",
        summary="Vortex indicator: movement from low to high and from high to low against the "
        "true range.",
        formula="vip = sum(|high - low[1]|, L) / sum(true range, L); "
        "vim = sum(|low - high[1]|, L) / sum(true range, L)",
        source="E. Botes and D. Siepman, The Vortex Indicator (2010); Stock.Indicators Vortex",
        inputs=("high", "low", "close"),
        params=(length_param(14),),
        outputs=outputs("vip", "vim"),
        kernel=vortex_kernel,
        state_size=lambda p: TRUE_RANGE_CELLS + 2 * lag_cells(1) + 3 * moment_cells(p[0]),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
)
