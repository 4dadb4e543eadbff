"""Volume-weighted average prices since an anchor: vwap, anchored_vwap."""

from __future__ import annotations

import math

from engine.indicators.columns import TILE, load, load_three, ratio, store, tile
from engine.indicators.sessions import SESSIONS, session_of
from engine.indicators.spec import (
    Block,
    IndicatorSpec,
    OutputSpec,
    Params,
    ParamSpec,
    Rows,
    Vector,
)
from engine.jit import njit
from engine.play.ast import Type
from engine.timeframe import DAY_MS, WEEK_MS

#: Anchors of vwap: the sessions, then none.
_ANCHORS = (*SESSIONS, "none")
_UNANCHORED = _ANCHORS.index("none")
_WARMUP_MS = (DAY_MS, WEEK_MS, 31 * DAY_MS, 0)

#: Which pivots of a swing move an anchor, and the outputs of the swing that count them.
PIVOT_SOURCES = ("high", "low", "any", "pair")
PIVOT_VERSIONS = ("swing.high_version", "swing.low_version", "swing.version", "swing.pair_version")
PIVOT_PARAM = ParamSpec("source", "choice", "any", choices=PIVOT_SOURCES)

#: State cells of :func:`since_anchor`: the last version, bars since the anchor plus one.
ANCHOR_CELLS = 2


@njit(cache=True, error_model="numpy", nogil=True)
def vwap_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: whether a bar was seen, the session's number, whether it is whole, both sums."""
    anchor = int(p[0])
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    volume = tile(hi - lo)
    time = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        load(F, ins[3], start, n, volume)
        load(F, ins[4], start, n, time)
        seen, number, whole, traded, weight = s[0], s[1], s[2], s[3], s[4]
        for i in range(n):
            price = (high[i] + low[i] + close[i]) / 3.0
            part = price * volume[i] + 0.0 * time[i]
            high[i] = math.nan
            if part != part:
                continue
            session, opens = 0.0, True
            if anchor != _UNANCHORED:
                session, opens = session_of(time[i], anchor)
            if seen == 0.0 or session != number:
                whole = 1.0 if opens or seen > 0.0 else 0.0
                seen, number, traded, weight = 1.0, session, 0.0, 0.0
            traded += part
            weight += volume[i]
            high[i] = ratio(traded, weight) if whole > 0.0 else math.nan
        s[0], s[1], s[2], s[3], s[4] = seen, number, whole, traded, weight
        store(F, outs[0], start, n, high)


@njit(cache=True, error_model="numpy")
def since_anchor(version: Vector, n: int, age: Vector, s: Vector, k: int) -> None:
    """age = bars since the version last changed, 0 on the bar itself; missing before. May be in
    place. A missing version is that of the bar before."""
    last, count = s[k], s[k + 1]
    for i in range(n):
        entry = version[i]
        if entry == entry and entry != last:
            last = entry
            count = 1.0
        elif count > 0.0:
            count += 1.0
        age[i] = count - 1.0 if count > 0.0 else math.nan
    s[k], s[k + 1] = last, count


@njit(cache=True, error_model="numpy", nogil=True)
def anchored_vwap_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the anchor's cells, both sums."""
    high = tile(hi - lo)
    low = tile(hi - lo)
    close = tile(hi - lo)
    volume = tile(hi - lo)
    age = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, close)
        load(F, ins[3], start, n, volume)
        load(F, ins[4 + int(p[0])], start, n, age)
        since_anchor(age, n, age, s, 0)
        traded, weight = s[ANCHOR_CELLS], s[ANCHOR_CELLS + 1]
        for i in range(n):
            part = (high[i] + low[i] + close[i]) / 3.0 * volume[i]
            high[i] = math.nan
            if age[i] == 0.0:
                traded, weight = 0.0, 0.0
            if part == part and age[i] == age[i]:
                traded += part
                weight += volume[i]
                high[i] = ratio(traded, weight)
        s[ANCHOR_CELLS], s[ANCHOR_CELLS + 1] = traded, weight
        store(F, outs[0], start, n, high)
        store(F, outs[1], start, n, age)


def _unanchored(p: Params) -> bool:
    return int(p[0]) == _UNANCHORED


SPECS = (
    IndicatorSpec(
        name="vwap",
        summary="Volume-weighted average price since the day, week (from Monday) or month began in "
        "UTC, or since history began; missing while nothing has traded.",
        formula="sum(t * volume) / sum(volume) since the anchor, t = (high + low + close) / 3",
        source="Stock.Indicators VWAP",
        inputs=("high", "low", "close", "volume", "open_ms"),
        params=(ParamSpec("anchor", "choice", "D", choices=_ANCHORS),),
        outputs=(OutputSpec("value", undefined="until a session has begun in history"),),
        kernel=vwap_kernel,
        state_size=lambda p: 5,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1,
        warmup_ms=lambda p: _WARMUP_MS[int(p[0])],
        history_dependent=True,
        history_dependent_if=_unanchored,
    ),
    IndicatorSpec(
        name="anchored_vwap",
        summary="Volume-weighted average price since the bar that confirmed the swing's newest "
        "high, low, either, or pair.",
        formula="sum(t * volume) / sum(volume) from the bar on which the swing's high_version, "
        "low_version, version or pair_version last changed, that bar included; "
        "t = (high + low + close) / 3",
        source="B. Shannon, Maximum Trading Gains with Anchored VWAP (2022)",
        inputs=("high", "low", "close", "volume", *PIVOT_VERSIONS),
        params=(PIVOT_PARAM,),
        outputs=(
            OutputSpec("value", undefined="before the swing's first anchor"),
            OutputSpec("bars_since_anchor", Type.INT, undefined="before the swing's first anchor"),
        ),
        kernel=anchored_vwap_kernel,
        state_size=lambda p: ANCHOR_CELLS + 2,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1,
        history_dependent=True,
    ),
)
