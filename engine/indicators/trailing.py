"""Lines that trail the price and flip sides: supertrend, psar."""

from __future__ import annotations

import math

from engine.indicators import recursions
from engine.indicators.columns import TILE, load, load_three, store, tile
from engine.indicators.spec import (
    DIRECTIONS,
    Block,
    IndicatorSpec,
    OutputSpec,
    Params,
    Rows,
    Vector,
    length_param,
    number_param,
    rma_bars,
)
from engine.indicators.volatility import TRUE_RANGE_CELLS, true_range
from engine.jit import njit
from engine.play.ast import Type

_UP, _DOWN = 0.0, 1.0

# Cells of the supertrend after those of its ATR: whether begun, both bands, the direction, the
# last close.
_BANDS = TRUE_RANGE_CELLS + recursions.EXPONENTIAL_CELLS
_SUPERTREND_CELLS = _BANDS + 5

# Cells of the parabolic: bars seen (up to 2), direction, its next value, extreme point,
# acceleration, previous high and low.
_PSAR_CELLS = 7


@njit(cache=True, error_model="numpy", nogil=True)
def supertrend_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length, multiplier = int(p[0]), p[1]
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    reach = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        true_range(high, low, close, n, reach, s, 0)
        recursions.rma(reach, n, reach, length, s, TRUE_RANGE_CELLS)
        _ride_bands(high, low, close, reach, n, multiplier, s)
        store(F, outs[0], start, n, reach)
        store(F, outs[1], start, n, close)
        store(F, outs[2], start, n, low)
        store(F, outs[3], start, n, high)


@njit(cache=True, error_model="numpy")
def _ride_bands(
    high: Vector, low: Vector, close: Vector, atr: Vector, n: int, multiplier: float, s: Vector
) -> None:
    """In place: atr becomes the trend, close the direction, low the long line, high the short."""
    begun, upper, lower = s[_BANDS], s[_BANDS + 1], s[_BANDS + 2]
    way, last = s[_BANDS + 3], s[_BANDS + 4]
    for i in range(n):
        if atr[i] != atr[i]:
            high[i] = low[i] = close[i] = math.nan
            continue
        middle = (high[i] + low[i]) / 2.0
        top = middle + multiplier * atr[i]
        bottom = middle - multiplier * atr[i]
        if begun == 0.0:
            begun, upper, lower, way = 1.0, top, bottom, _DOWN
        else:
            upper = top if top < upper or last > upper else upper
            lower = bottom if bottom > lower or last < lower else lower
            if way == _DOWN and close[i] > upper:
                way = _UP
            elif way == _UP and close[i] < lower:
                way = _DOWN
        last = close[i]
        close[i] = way
        low[i] = lower if way == _UP else math.nan
        high[i] = upper if way == _DOWN else math.nan
        atr[i] = lower if way == _UP else upper
    s[_BANDS], s[_BANDS + 1], s[_BANDS + 2] = begun, upper, lower
    s[_BANDS + 3], s[_BANDS + 4] = way, last


@njit(cache=True, error_model="numpy", nogil=True)
def psar_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """A short trend is ridden as a long one of mirrored prices, ``sign`` -1."""
    begin, step, most = p[0], p[1], p[2]
    high = tile(hi - lo)
    low = tile(hi - lo)
    turn = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, high)
        load(F, ins[1], start, n, low)
        seen, way, sar, extreme = s[0], s[1], s[2], s[3]
        speed, last_high, last_low = s[4], s[5], s[6]
        for i in range(n):
            top, bottom = high[i], low[i]
            high[i] = low[i] = turn[i] = math.nan
            if top + bottom != top + bottom:
                continue
            if seen == 0.0:
                seen, last_high, last_low = 1.0, top, bottom
                continue
            if seen == 1.0:
                seen, speed = 2.0, begin
                way = _DOWN if last_low - bottom > max(0.0, top - last_high) else _UP
                sar = last_low if way == _UP else last_high
                extreme = top if way == _UP else bottom
                last_high, last_low = top, bottom
            sign = 1.0 if way == _UP else -1.0
            near = sign * (bottom if way == _UP else top)
            far = sign * (top if way == _UP else bottom)
            last_near = sign * (last_low if way == _UP else last_high)
            last_far = sign * (last_high if way == _UP else last_low)
            level, peak = sign * sar, sign * extreme
            reverses = near <= level
            if reverses:
                level = max(peak, last_far, far)
                out = level
                speed, peak = begin, near
                level = max(level + speed * (peak - level), last_far, far)
                way = _DOWN if way == _UP else _UP
            else:
                out = level
                if far > peak:
                    peak = far
                    speed = min(speed + step, most)
                level = min(level + speed * (peak - level), last_near, near)
            sar, extreme = sign * level, sign * peak
            last_high, last_low = top, bottom
            high[i], low[i], turn[i] = sign * out, way, 1.0 if reverses else 0.0
        s[0], s[1], s[2], s[3] = seen, way, sar, extreme
        s[4], s[5], s[6] = speed, last_high, last_low
        store(F, outs[0], start, n, high)
        store(F, outs[1], start, n, low)
        store(F, outs[2], start, n, turn)


def _psar_rule(p: Params) -> str | None:
    return None if p[0] <= p[2] else f"start must not exceed max, not {p[0]:g} and {p[2]:g}"


SPECS = (
    IndicatorSpec(
        name="supertrend",
        summary="Supertrend: bands of the ATR that only tighten while the price respects them; "
        "the trend starts down and flips on a close beyond the band.",
        formula="upper = b if b < upper[1] or close[1] > upper[1] else upper[1], "
        "b = (high + low) / 2 + multiplier * RMA(true range, L); lower mirrors; "
        "up when close > upper, down when close < lower; trend = lower when up, upper when down",
        source="O. Seban; TradingView ta.supertrend",
        inputs=("high", "low", "close"),
        params=(length_param(10), number_param("multiplier", "3", "0.1", "100")),
        outputs=(
            OutputSpec("trend"),
            OutputSpec("direction", Type.ENUM, DIRECTIONS),
            OutputSpec("long", undefined="while the direction is down"),
            OutputSpec("short", undefined="while the direction is up"),
        ),
        kernel=supertrend_kernel,
        state_size=lambda p: _SUPERTREND_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: 1 + rma_bars(p[0], w),
        history_dependent=True,
    ),
    IndicatorSpec(
        name="psar",
        summary="Parabolic stop and reverse; direction is that after the bar, reversal fires on "
        "the bar that touches the stop.",
        formula="long: low <= sar reverses: out = max(ep, high[1], high), af = start, ep = low; "
        "else out = sar, a new high raises ep and af by step up to max; "
        "sar + af * (ep - sar), not beyond the last two bars; short mirrors; "
        "starts short iff low[1] - low > max(0, high - high[1]) at the second bar",
        source="J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib SAR",
        inputs=("high", "low"),
        params=(
            number_param("start", "0.02", "0.0001", "1"),
            number_param("step", "0.02", "0.0001", "1"),
            number_param("max", "0.2", "0.0001", "1"),
        ),
        outputs=(
            OutputSpec("value"),
            OutputSpec("direction", Type.ENUM, DIRECTIONS),
            OutputSpec("reversal", Type.EVENT),
        ),
        kernel=psar_kernel,
        state_size=lambda p: _PSAR_CELLS,
        first_valid=lambda p: 1,
        warmup_bars=lambda p, w: 2,
        history_dependent=True,
        rule=_psar_rule,
    ),
)
