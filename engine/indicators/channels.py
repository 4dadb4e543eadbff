"""Channels about the price and middles of ranges: kc, donchian, ichimoku, midprice."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.indicators import recursions
from engine.indicators.columns import TILE, load, load_three, store, tile
from engine.indicators.extremes import (
    extreme_cells,
    highest,
    lag,
    lag_cells,
    lowest,
    middle_of_range,
)
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Params,
    ParamSpec,
    Rows,
    Vector,
    ema_bars,
    length_param,
    number_param,
    outputs,
    rma_bars,
)
from engine.indicators.volatility import TRUE_RANGE_CELLS, true_range
from engine.jit import njit

#: State cells of :func:`keltner`.
KELTNER_CELLS = TRUE_RANGE_CELLS + 2 * recursions.EXPONENTIAL_CELLS


@njit(cache=True, error_model="numpy")
def keltner(
    high: Vector,
    low: Vector,
    close: Vector,
    n: int,
    basis: Vector,
    width: Vector,
    length: int,
    s: Vector,
    k: int,
) -> None:
    """basis = EMA of the close, width = RMA of the true range; neither is an input. A bar with
    anything missing is passed over and loses its close."""
    for i in range(n):
        close[i] = close[i] if high[i] + low[i] == high[i] + low[i] else math.nan
    true_range(high, low, close, n, width, s, k)
    recursions.rma(width, n, width, length, s, k + TRUE_RANGE_CELLS)
    recursions.ema(close, n, basis, length, s, k + TRUE_RANGE_CELLS + recursions.EXPONENTIAL_CELLS)


@njit(cache=True, error_model="numpy", nogil=True)
def kc_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length, scalar = int(p[0]), p[1]
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    basis = tile(hi - lo)
    width = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        keltner(high, low, close, n, basis, width, length, s, 0)
        for i in range(n):
            low[i] = basis[i] - scalar * width[i]
            high[i] = basis[i] + scalar * width[i]
        store(F, outs[0], start, n, low)
        store(F, outs[1], start, n, basis)
        store(F, outs[2], start, n, high)


@njit(cache=True, error_model="numpy", nogil=True)
def donchian_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: both extremes, then the look-back of each where the current bar does not count."""
    below, above, past = int(p[0]), int(p[1]), 0 if p[2] == 1.0 else 1
    at_upper = extreme_cells(below)
    at_lag = at_upper + extreme_cells(above)
    x = tile(hi - lo)
    lower = tile(hi - lo)
    upper = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, x)
        highest(x, n, upper, above, s, at_upper, at)
        load(F, ins[1], start, n, x)
        lowest(x, n, lower, below, s, 0, at)
        lag(upper, n, upper, past, s, at_lag)
        lag(lower, n, lower, past, s, at_lag + lag_cells(1))
        for i in range(n):
            x[i] = (upper[i] + lower[i]) / 2.0
        store(F, outs[0], start, n, lower)
        store(F, outs[1], start, n, x)
        store(F, outs[2], start, n, upper)


def _donchian_bars(p: Params) -> int:
    return int(max(p[0], p[1])) + (0 if p[2] == 1.0 else 1)


@njit(cache=True, error_model="numpy", nogil=True)
def ichimoku_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the two extremes of each of the three ranges, then three look-backs."""
    behind = int(p[3]) - 1
    at_base = 2 * extreme_cells(p[0])
    at_span = at_base + 2 * extreme_cells(p[1])
    at_lag = at_span + 2 * extreme_cells(p[2])
    cells = lag_cells(behind)
    high = tile(hi - lo)
    low = tile(hi - lo)
    x = tile(hi - lo)
    conversion = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load(F, ins[0], start, n, high)
        load(F, ins[1], start, n, low)
        middle_of_range(high, low, n, conversion, int(p[0]), s, 0, at)
        store(F, outs[0], start, n, conversion)
        middle_of_range(high, low, n, x, int(p[1]), s, at_base, at)
        store(F, outs[1], start, n, x)
        for i in range(n):
            conversion[i] = (conversion[i] + x[i]) / 2.0
        lag(conversion, n, conversion, behind, s, at_lag)
        store(F, outs[2], start, n, conversion)
        middle_of_range(high, low, n, x, int(p[2]), s, at_span, at)
        lag(x, n, x, behind, s, at_lag + cells)
        store(F, outs[3], start, n, x)
        load(F, ins[2], start, n, x)
        lag(x, n, x, behind, s, at_lag + 2 * cells)
        store(F, outs[4], start, n, x)


def _ichimoku_cells(p: Params) -> int:
    return sum(2 * extreme_cells(length) for length in p[:3]) + 3 * lag_cells(p[3] - 1)


def _ichimoku_bars(p: Params) -> int:
    return int(max(p[0], p[1], p[2]) + p[3]) - 1


@njit(cache=True, error_model="numpy", nogil=True)
def midprice_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    y = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, high)
        load(F, ins[1], start, n, low)
        middle_of_range(high, low, n, y, length, s, 0, i0 + start - lo)
        store(F, outs[0], start, n, y)


SPECS = (
    IndicatorSpec(
        name="kc",
        summary="Keltner channel: an EMA with bands of the average true range.",
        formula="basis = EMA(close, L); lower, upper = basis -/+ scalar * RMA(true range, L)",
        source="C. Keltner (1960), with L. Bradford Raschke's ATR bands",
        inputs=("high", "low", "close"),
        params=(length_param(20), number_param("scalar", "2", "0.01", "100")),
        outputs=outputs("lower", "basis", "upper"),
        kernel=kc_kernel,
        state_size=lambda p: KELTNER_CELLS,
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: max(ema_bars(p[0], w), 1 + rma_bars(p[0], w)),
    ),
    IndicatorSpec(
        name="donchian",
        summary="Donchian channel; the current bar counts only with include_current, so a close "
        "beyond a band is a breakout.",
        formula="lower = lowest(low, lower_length), upper = highest(high, upper_length), of the "
        "bars before the current one unless include_current; middle = (lower + upper) / 2",
        source="R. Donchian",
        inputs=("high", "low"),
        params=(
            length_param(20, name="lower_length"),
            length_param(20, name="upper_length"),
            ParamSpec("include_current", "bool", False),
        ),
        outputs=outputs("lower", "middle", "upper"),
        kernel=donchian_kernel,
        state_size=lambda p: extreme_cells(p[0]) + extreme_cells(p[1]) + 2 * lag_cells(1),
        first_valid=lambda p: _donchian_bars(p) - 1,
        warmup_bars=lambda p, w: _donchian_bars(p),
    ),
    IndicatorSpec(
        name="ichimoku",
        summary="Ichimoku Kinko Hyo without look-ahead: the spans at a bar are those drawn there, "
        "worked out displacement - 1 bars before; lagging_ref is the close the lagging span is "
        "compared with.",
        formula="M(L) = (highest high + lowest low) / 2 over L bars; conversion, base = "
        "M(conversion), M(base); span_a = ((conversion + base) / 2)[displacement - 1]; "
        "span_b = M(span_b)[displacement - 1]; lagging_ref = close[displacement - 1]",
        source="G. Hosoda (1969)",
        inputs=("high", "low", "close"),
        params=(
            length_param(9, name="conversion"),
            length_param(26, name="base"),
            length_param(52, name="span_b"),
            ParamSpec("displacement", "int", Decimal(26), Decimal(1), Decimal(500)),
        ),
        outputs=outputs("conversion", "base", "span_a", "span_b", "lagging_ref"),
        kernel=ichimoku_kernel,
        state_size=_ichimoku_cells,
        first_valid=lambda p: _ichimoku_bars(p) - 1,
        warmup_bars=lambda p, w: _ichimoku_bars(p),
    ),
    IndicatorSpec(
        name="midprice",
        summary="Middle of the range of the last L bars.",
        formula="(highest(high, L) + lowest(low, L)) / 2",
        source="TA-Lib MIDPRICE",
        inputs=("high", "low"),
        params=(length_param(14),),
        outputs=outputs(),
        kernel=midprice_kernel,
        state_size=lambda p: 2 * extreme_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
)
