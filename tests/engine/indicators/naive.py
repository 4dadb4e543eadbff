"""Indicators without a TA-Lib counterpart, as a reader of the language's page would write them.

Bar by bar in plain Python, each window summed by itself with ``math.fsum``, prices of profiles as
whole ticks and their volumes as fractions; nothing is shared with the engine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from tests.engine.indicators.driving import Columns
from tests.engine.indicators.oracles import Case, hundred, median_close, no_scale, several, single

NAN = math.nan
Row = Sequence[float]


def hlc(c: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return c["high"], c["low"], c["close"]


def rolling(x: Row, length: int, function: Callable[[Row], float]) -> np.ndarray:
    """The function of each whole window without a missing value."""
    out = np.full(len(x), NAN)
    for t in range(length - 1, len(x)):
        window = list(x[t - length + 1 : t + 1])
        if not any(math.isnan(v) for v in window):
            out[t] = function(window)
    return out


def average(window: Row) -> float:
    return math.fsum(window) / len(window)


def sigma(window: Row, ddof: int = 0) -> float:
    """Exactly 0 when flat: the mean is a fraction."""
    exact = [Fraction(float(v)) for v in window]
    mean = sum(exact) / len(exact)
    return math.sqrt(sum((v - mean) ** 2 for v in exact) / (len(exact) - ddof))


def weighted(window: Row) -> float:
    """Linearly, newest heaviest."""
    n = len(window)
    return math.fsum((j + 1) * v for j, v in enumerate(window)) / (n * (n + 1) / 2)


def smoothed(x: Row, length: int, alpha: float) -> np.ndarray:
    """Exponential average seeded by the mean of its first ``length`` values."""
    out = np.full(len(x), NAN)
    seed: list[float] = []
    value = NAN
    for t, v in enumerate(x):
        if math.isnan(v):
            continue
        if len(seed) < length:
            seed.append(v)
            value = average(seed)
        else:
            value += alpha * (v - value)
        if len(seed) == length:
            out[t] = value
    return out


def ema(x: Row, length: int) -> np.ndarray:
    return smoothed(x, length, 2 / (length + 1))


def rma(x: Row, length: int) -> np.ndarray:
    return smoothed(x, length, 1 / length)


def true_ranges(c: Columns) -> np.ndarray:
    high, low, close = hlc(c)
    out = np.full(len(close), NAN)
    for t in range(1, len(close)):
        out[t] = max(high[t], close[t - 1]) - min(low[t], close[t - 1])
    return out


def zlma(c: Columns, length: int) -> dict[str, np.ndarray]:
    x, lag = c["close"], (length - 1) // 2
    ahead = [NAN if t < lag else 2 * x[t] - x[t - lag] for t in range(len(x))]
    return single(ema(ahead, length))


def hma(c: Columns, length: int) -> dict[str, np.ndarray]:
    whole = rolling(c["close"], length, weighted)
    half = rolling(c["close"], length // 2, weighted)
    return single(rolling(2 * half - whole, math.isqrt(length), weighted))


def alma(c: Columns, length: int, sigma: float, offset: float) -> dict[str, np.ndarray]:
    centre, width = offset * (length - 1), length / sigma
    weights = [math.exp(-((j - centre) ** 2) / (2 * width**2)) for j in range(length)]

    def centred(window: Row) -> float:
        return math.fsum(map(math.prod, zip(weights, window, strict=True))) / math.fsum(weights)

    return single(rolling(c["close"], length, centred))


def quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([NAN if v == 0 else u / v for u, v in zip(a, b, strict=True)])


def vwma(c: Columns, length: int) -> dict[str, np.ndarray]:
    money = rolling(c["close"] * c["volume"], length, math.fsum)
    return single(quotient(money, rolling(c["volume"], length, math.fsum)))


def stddev(c: Columns, length: int, ddof: int) -> dict[str, np.ndarray]:
    return single(rolling(c["close"], length, lambda window: sigma(window, ddof)))


def zscore(c: Columns, length: int, ddof: int) -> dict[str, np.ndarray]:
    distance = c["close"] - rolling(c["close"], length, average)
    return single(quotient(distance, stddev(c, length, ddof)["value"]))


def money_flows(c: Columns) -> np.ndarray:
    out = []
    for high, low, close, volume in zip(*hlc(c), c["volume"], strict=True):
        out.append(0.0 if high == low else ((close - low) - (high - close)) / (high - low) * volume)
    return np.array(out)


def cmf(c: Columns, length: int) -> dict[str, np.ndarray]:
    flows = rolling(money_flows(c), length, math.fsum)
    return single(quotient(flows, rolling(c["volume"], length, math.fsum)))


def vortex(c: Columns, length: int) -> dict[str, np.ndarray]:
    high, low = c["high"], c["low"]
    up = np.array([NAN, *(abs(high[t] - low[t - 1]) for t in range(1, len(high)))])
    down = np.array([NAN, *(abs(low[t] - high[t - 1]) for t in range(1, len(high)))])
    reach = rolling(true_ranges(c), length, math.fsum)
    return several("vip vim", [quotient(rolling(x, length, math.fsum), reach) for x in (up, down)])


def chop(c: Columns, length: int) -> dict[str, np.ndarray]:
    walked = rolling(true_ranges(c), length, math.fsum)
    height = rolling(c["high"], length, max) - rolling(c["low"], length, min)
    return single(100 * np.log10(quotient(walked, height)) / math.log10(length))


def fisher(c: Columns, length: int, signal: int) -> dict[str, np.ndarray]:
    middle = (c["high"] + c["low"]) / 2
    top, bottom = rolling(middle, length, max), rolling(middle, length, min)
    out = np.full(len(middle), NAN)
    v = f = 0.0
    for t in range(length - 1, len(middle)):
        p = (middle[t] - bottom[t]) / max(top[t] - bottom[t], 1e-6 * middle[t]) - 0.5
        v = min(max(0.66 * p + 0.67 * v, -0.999), 0.999)
        f = math.atanh(v) + 0.5 * f
        out[t] = f
    return several("fisher signal", (out, np.concatenate([np.full(signal, NAN), out[:-signal]])))


def supertrend(c: Columns, length: int, multiplier: float) -> dict[str, np.ndarray]:
    atr = rma(true_ranges(c), length)
    bars = len(atr)
    rows = [np.full(bars, NAN) for _ in range(4)]
    upper = lower = NAN
    direction = "down"
    for t in range(length, bars):
        middle = (c["high"][t] + c["low"][t]) / 2
        top, bottom = middle + multiplier * atr[t], middle - multiplier * atr[t]
        if t == length:
            upper, lower = top, bottom
        else:
            before, close = c["close"][t - 1], c["close"][t]
            upper = top if top < upper or before > upper else upper
            lower = bottom if bottom > lower or before < lower else lower
            direction = {"down": "up" if close > upper else "down",
                         "up": "down" if close < lower else "up"}[direction]  # fmt: skip
        line = lower if direction == "up" else upper
        rows[0][t] = line
        rows[1][t] = ("up", "down", "none").index(direction)
        rows[2 if direction == "up" else 3][t] = line
    return several("trend direction long short", rows)


def squeeze(
    c: Columns,
    bb_length: int,
    bb_std: float,
    kc_length: int,
    kc_scalar: float,
    mom: int,
    smooth: int,
) -> dict[str, np.ndarray]:
    close = c["close"]
    middle, band = rolling(close, bb_length, average), bb_std * rolling(close, bb_length, sigma)
    basis, width = ema(close, kc_length), kc_scalar * rma(true_ranges(c), kc_length)
    states = [np.full(len(close), NAN) for _ in range(3)]
    for t in range(max(bb_length - 1, kc_length), len(close)):
        low_in = middle[t] - band[t] > basis[t] - width[t]
        high_in = middle[t] + band[t] < basis[t] + width[t]
        low_out = middle[t] - band[t] < basis[t] - width[t]
        high_out = middle[t] + band[t] > basis[t] + width[t]
        on, off = low_in and high_in, low_out and high_out
        for row, state in zip(states, (on, off, not on and not off), strict=True):
            row[t] = float(state)
    change = np.array([NAN] * mom + [close[t] - close[t - mom] for t in range(mom, len(close))])
    return several("sqz on off no_sqz", (rolling(change, smooth, average), *states))


def heikin_ashi(c: Columns) -> dict[str, np.ndarray]:
    rows: list[tuple[float, ...]] = []
    for o, h, low, close in zip(c["open"], *hlc(c), strict=True):
        end = (o + h + low + close) / 4
        begin = (rows[-1][0] + rows[-1][3]) / 2 if rows else (o + close) / 2
        rows.append((begin, max(h, begin, end), min(low, begin, end), end))
    return several("open high low close", np.array(rows).T)


def moments(c: Columns) -> list[datetime]:
    return [datetime.fromtimestamp(ms / 1000, UTC) for ms in c["open_ms"]]


def session_start(moment: datetime, anchor: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if anchor == "W":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if anchor == "M" else day


def vwap(c: Columns, anchor: str) -> dict[str, np.ndarray]:
    """Bars of the session history began in the middle of are undefined."""
    times = moments(c)
    starts = [times[0] if anchor == "none" else session_start(m, anchor) for m in times]
    out = np.full(len(times), NAN)
    typical = sum(hlc(c)) / 3
    for t in range(len(times)):
        first = starts.index(starts[t])
        if first == 0 and times[0] != starts[0]:
            continue
        traded = math.fsum(c["volume"][first : t + 1])
        if traded > 0:
            money = typical[first : t + 1] * c["volume"][first : t + 1]
            out[t] = math.fsum(money) / traded
    return single(out)


def session_levels(c: Columns) -> dict[str, np.ndarray]:
    times = moments(c)
    out: dict[str, np.ndarray] = {}
    for name, anchor in (("day", "D"), ("week", "W")):
        starts = [session_start(m, anchor) for m in times]
        order = list(dict.fromkeys(starts))
        bars = {start: [t for t, s in enumerate(starts) if s == start] for start in order}
        for kind, pick, best in (("high", "high", max), ("low", "low", min)):
            before, current = np.full(len(times), NAN), np.full(len(times), NAN)
            for t, start in enumerate(starts):
                place = order.index(start)
                whole = [i > 0 or times[0] == order[0] for i in (place, place - 1)]
                if whole[0]:
                    current[t] = best(c[pick][bars[start][0] : t + 1])
                if place > 0 and whole[1]:
                    before[t] = best(c[pick][bars[order[place - 1]]])
            out[f"prev_{name}_{kind}"] = before
            if name == "day":
                out[f"current_day_{kind}"] = current
    return out


def ages(c: Columns, source: str) -> list[int]:
    """Bars since the swing's version last changed, -1 before it ever did."""
    name = {"any": "version"}.get(source, f"{source}_version")
    versions = [0.0, *c[f"swing.{name}"]]
    out, age = [], -1
    for before, now in itertools.pairwise(versions):
        age = 0 if now != before else age + 1 if age >= 0 else -1
        out.append(age)
    return out


def anchored_vwap(c: Columns, source: str) -> dict[str, np.ndarray]:
    typical = sum(hlc(c)) / 3
    since = ages(c, source)
    out = np.full(len(typical), NAN)
    for t, age in enumerate(since):
        volumes = c["volume"][t - age : t + 1]
        if age >= 0 and math.fsum(volumes) > 0:
            out[t] = math.fsum(typical[t - age : t + 1] * volumes) / math.fsum(volumes)
    counts = np.array([NAN if age < 0 else age for age in since])
    return several("value bars_since_anchor", (out, counts))


def profile(c: Columns, first: int, last: int, buckets: int, value_area: int) -> list[float]:
    """poc vah val poc_volume above_poc in_value_area of bars ``first .. last``, exactly."""
    tick = Fraction(str(c["tick"][0]))
    high, low, close = (
        [round(v / c["tick"][0]) for v in c[name][first : last + 1]]
        for name in ("high", "low", "close")
    )
    bottom, height = min(low), max(high) - min(low)
    size = Fraction(height, buckets)
    held = [Fraction(0)] * buckets
    for top, base, volume in zip(high, low, c["volume"][first : last + 1], strict=True):
        a = b = 0
        if height:
            a = min(math.floor((base - bottom) / size), buckets - 1)
            b = max(math.ceil((top - bottom) / size) - 1, a)
        for bucket in range(a, b + 1):
            held[bucket] += Fraction(str(volume)) / (b - a + 1)
    if sum(held) == 0:
        return [NAN] * 6
    control = held.index(max(held))
    area = [control]
    while sum(held[b] for b in area) < Fraction(value_area, 100) * sum(held):
        neighbours = [b for b in (max(area) + 1, min(area) - 1) if 0 <= b < buckets]
        area.append(max(neighbours, key=lambda b: held[b]))  # the upper one comes first
    poc = bottom + (control + Fraction(1, 2)) * size
    vah, val = bottom + (max(area) + 1) * size, bottom + min(area) * size
    return [
        float(poc * tick),
        float(vah * tick),
        float(val * tick),
        float(held[control]),
        float(close[-1] > poc),
        float(val <= close[-1] <= vah),
    ]


PROFILE = "poc vah val poc_volume above_poc in_value_area"


def volume_profile(c: Columns, length: int, buckets: int, value_area: int) -> dict[str, np.ndarray]:
    rows = [
        profile(c, t - length + 1, t, buckets, value_area) if t >= length - 1 else [NAN] * 6
        for t in range(len(c["close"]))
    ]
    return several(PROFILE, np.array(rows).T)


def anchored_volume_profile(
    c: Columns, source: str, length: int, buckets: int, value_area: int
) -> dict[str, np.ndarray]:
    rows = []
    for t, age in enumerate(ages(c, source)):
        first = t - min(age, length - 1)
        described = profile(c, first, t, buckets, value_area) if age >= 0 else [NAN] * 6
        rows.append([*described, age if age >= 0 else NAN])
    return several(f"{PROFILE} bars_since_anchor", np.array(rows).T)


def one(c: Columns) -> float:
    return 1.0


CASES: list[Case] = []


def add(
    name: str,
    oracle: Callable[..., dict[str, np.ndarray]],
    scale: Callable[[Columns], float] = median_close,
    **params: object,
) -> None:
    CASES.append(Case(name, params, lambda c: oracle(c, *params.values()), scale))


for n in (3, 20, 64, 65, 100):
    add("rma", lambda c, n: single(rma(c["close"], n)), length=n)
    add("zlma", zlma, length=n)
    add("hma", hma, length=n)
    add("vwma", vwma, length=n)
    add("cmf", cmf, one, length=n)
    add("vortex", vortex, one, length=n)
    add("chop", chop, hundred, length=n)
    add("stddev", stddev, no_scale, length=n, ddof=n % 2)
    add("zscore", zscore, one, length=n, ddof=n % 2)
    add("alma", alma, length=n, sigma=5, offset=0.7)
add("fisher", fisher, one, length=9, signal=1)
add("fisher", fisher, one, length=70, signal=4)
add("supertrend", supertrend, length=10, multiplier=3)
add("supertrend", supertrend, length=4, multiplier=0.7)
add(
    "squeeze",
    squeeze,
    bb_length=20,
    bb_std=2,
    kc_length=20,
    kc_scalar=1.5,
    mom_length=12,
    mom_smooth=6,
)
add(
    "squeeze",
    squeeze,
    bb_length=70,
    bb_std=1,
    kc_length=9,
    kc_scalar=2,
    mom_length=1,
    mom_smooth=66,
)
add("heikin_ashi", heikin_ashi)
add("session_levels", session_levels)
for anchor in ("D", "W", "M", "none"):
    add("vwap", vwap, anchor=anchor)
for source in ("high", "low", "any", "pair"):
    add("anchored_vwap", anchored_vwap, source=source)
add("volume_profile", volume_profile, length=100, buckets=24, value_area=70)
add("volume_profile", volume_profile, length=7, buckets=10, value_area=50)
add("volume_profile", volume_profile, length=1, buckets=2, value_area=100)
for source in ("high", "low", "any", "pair"):
    add(
        "anchored_volume_profile",
        anchored_volume_profile,
        source=source,
        length=30,
        buckets=10,
        value_area=68,
    )
