"""Volume with the way the price went: obv, ad, adosc, cmf, kvo."""

from __future__ import annotations

import math

from engine.indicators import recursions, windows
from engine.indicators.columns import TILE, direction_of, load, load_three, ratio, store, tile
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    Rows,
    Vector,
    ema_bars,
    length_param,
    outputs,
)
from engine.indicators.trend import fast_below_slow
from engine.indicators.windows import moment_cells
from engine.jit import njit

#: State cells of :func:`hlc3_direction`: whether a bar was seen, its typical price.
DIRECTION_CELLS = 2


@njit(cache=True, error_model="numpy")
def money_flow(high: Vector, low: Vector, close: Vector, volume: Vector, n: int) -> None:
    """volume becomes ((close - low) - (high - close)) / (high - low) * volume, 0 in a bar of no
    height (Chaikin's money flow volume)."""
    for i in range(n):
        height = high[i] - low[i]
        place = (close[i] - low[i]) - (high[i] - close[i])
        volume[i] *= 0.0 * place if height == 0.0 else place / height


@njit(cache=True, error_model="numpy")
def hlc3_direction(high: Vector, low: Vector, close: Vector, n: int, s: Vector, k: int) -> None:
    """close becomes 1, -1, 0 as high + low + close rose, fell, stayed; missing at first."""
    seen, last = s[k], s[k + 1]
    for i in range(n):
        typical = high[i] + low[i] + close[i]
        close[i] = math.nan
        if typical == typical:
            if seen > 0.0:
                close[i] = direction_of(typical, last)
            seen = 1.0
            last = typical
    s[k], s[k + 1] = seen, last


@njit(cache=True, error_model="numpy", nogil=True)
def obv_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: whether a bar was seen, its close, the sum."""
    close = tile(hi - lo)
    volume = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, close)
        load(F, ins[1], start, n, volume)
        seen, last, total = s[0], s[1], s[2]
        for i in range(n):
            entry = volume[i]
            volume[i] = math.nan
            if close[i] + entry == close[i] + entry:
                if seen == 0.0 or close[i] > last:
                    total += entry
                elif close[i] < last:
                    total -= entry
                seen, last = 1.0, close[i]
                volume[i] = total
        s[0], s[1], s[2] = seen, last, total
        store(F, outs[0], start, n, volume)


@njit(cache=True, error_model="numpy", nogil=True)
def ad_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the sum."""
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    flow = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        load(F, ins[3], start, n, flow)
        money_flow(high, low, close, flow, n)
        total = s[0]
        for i in range(n):
            if flow[i] == flow[i]:
                total += flow[i]
                flow[i] = total
        s[0] = total
        store(F, outs[0], start, n, flow)


@njit(cache=True, error_model="numpy", nogil=True)
def adosc_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: bars seen (up to slow), the sum, its fast and its slow average."""
    fast, slow, hold = 2.0 / (p[0] + 1.0), 2.0 / (p[1] + 1.0), p[1]
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    flow = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        load(F, ins[3], start, n, flow)
        money_flow(high, low, close, flow, n)
        seen, total, quick, calm = s[0], s[1], s[2], s[3]
        for i in range(n):
            if flow[i] == flow[i]:
                total += flow[i]
                quick = total if seen == 0.0 else quick + fast * (total - quick)
                calm = total if seen == 0.0 else calm + slow * (total - calm)
                seen = seen + 1.0 if seen < hold else seen
                flow[i] = quick - calm if seen == hold else math.nan
        s[0], s[1], s[2], s[3] = seen, total, quick, calm
        store(F, outs[0], start, n, flow)


@njit(cache=True, error_model="numpy", nogil=True)
def cmf_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    length = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    flow = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        at = i0 + start - lo
        load_three(F, ins, start, n, high, low, close)
        load(F, ins[3], start, n, flow)
        money_flow(high, low, close, flow, n)
        windows.mean(flow, n, high, length, s, 0, at)
        load(F, ins[3], start, n, flow)
        windows.mean(flow, n, low, length, s, moment_cells(length), at)
        for i in range(n):
            high[i] = ratio(high[i], low[i])
        store(F, outs[0], start, n, high)


@njit(cache=True, error_model="numpy", nogil=True)
def kvo_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the direction's cells, then the fast, slow and signal's averages."""
    fast, slow, smooth = int(p[0]), int(p[1]), int(p[2])
    cells = recursions.EXPONENTIAL_CELLS
    high = tile(hi - lo)
    low = tile(hi - lo)
    way = tile(hi - lo)
    volume = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, way)
        load(F, ins[3], start, n, volume)
        for i in range(n):
            way[i] = way[i] if volume[i] == volume[i] else math.nan
        hlc3_direction(high, low, way, n, s, 0)
        for i in range(n):
            way[i] *= volume[i]
        recursions.ema(way, n, high, fast, s, DIRECTION_CELLS)
        recursions.ema(way, n, low, slow, s, DIRECTION_CELLS + cells)
        for i in range(n):
            high[i] -= low[i]
        store(F, outs[0], start, n, high)
        recursions.ema(high, n, high, smooth, s, DIRECTION_CELLS + 2 * cells)
        store(F, outs[1], start, n, high)


SPECS = (
    IndicatorSpec(
        name="obv",
        summary="On-balance volume, the sum of volume signed by the change of the close.",
        formula="obv[1] + volume if close > close[1], - volume if below; obv of the first bar is "
        "its volume",
        source="J. Granville, New Key to Stock Market Profits (1963); TA-Lib OBV",
        inputs=("close", "volume"),
        params=(),
        outputs=outputs(),
        kernel=obv_kernel,
        state_size=lambda p: 3,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1,
        history_dependent=True,
    ),
    IndicatorSpec(
        name="ad",
        summary="Accumulation/distribution line; a bar of no height adds nothing.",
        formula="ad[1] + ((close - low) - (high - close)) / (high - low) * volume",
        source="M. Chaikin; TA-Lib AD",
        inputs=("high", "low", "close", "volume"),
        params=(),
        outputs=outputs(),
        kernel=ad_kernel,
        state_size=lambda p: 1,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1,
        history_dependent=True,
    ),
    IndicatorSpec(
        name="adosc",
        summary="Chaikin oscillator of the accumulation/distribution line, out from bar slow - 1.",
        formula="EMA(ad, fast) - EMA(ad, slow), both begun at the first ad",
        source="M. Chaikin; TA-Lib ADOSC",
        inputs=("high", "low", "close", "volume"),
        params=(length_param(3, name="fast"), length_param(10, name="slow", low=2)),
        outputs=outputs(),
        kernel=adosc_kernel,
        state_size=lambda p: 4,
        first_valid=lambda p: int(p[1]) - 1,
        warmup_bars=lambda p, w: ema_bars(p[1], w),
        history_dependent=True,
        rule=fast_below_slow,
    ),
    IndicatorSpec(
        name="cmf",
        summary="Chaikin money flow, -1..1; missing without any volume.",
        formula="sum(f, L) / sum(volume, L), "
        "f = ((close - low) - (high - close)) / (high - low) * volume, 0 in a bar of no height",
        source="M. Chaikin; Stock.Indicators CMF",
        inputs=("high", "low", "close", "volume"),
        params=(length_param(20),),
        outputs=outputs(),
        kernel=cmf_kernel,
        state_size=lambda p: 2 * moment_cells(p[0]),
        first_valid=lambda p: int(p[0]) - 1,
        warmup_bars=lambda p, w: int(p[0]),
    ),
    IndicatorSpec(
        name="kvo",
        summary="Volume oscillator after Klinger: volume signed by the change of the typical "
        "price; equal typical prices are equal in ticks and count 0.",
        formula="v = sign(t - t[1]) * volume, t = (high + low + close) / 3; "
        "kvo = EMA(v, fast) - EMA(v, slow); signal = EMA(kvo, signal)",
        source="S. Klinger (1997)",
        inputs=("high", "low", "close", "volume"),
        params=(
            length_param(34, name="fast"),
            length_param(55, name="slow", low=2),
            length_param(13, name="signal"),
        ),
        outputs=outputs("kvo", "signal"),
        kernel=kvo_kernel,
        state_size=lambda p: DIRECTION_CELLS + 3 * recursions.EXPONENTIAL_CELLS,
        first_valid=lambda p: int(p[1] + p[2]) - 1,
        warmup_bars=lambda p, w: 1 + ema_bars(p[1], w) + ema_bars(p[2], w),
        history_dependent=True,
        rule=fast_below_slow,
    ),
)
