"""Generated market data: a seeded one-minute market that looks like one, the same everywhere.

Each minute the last price moves by a drift and a random step. A *regime* of the named shape
(:mod:`tasks.shapes`) sets drift and volatility and changes at random times; volatility clusters by
a Taylor-Schwert recursion ``v' = w + a |e| + b v`` (S. Taylor, Modelling Financial Time Series,
1986). Every open equals the previous close, every price lies on the tick. The mark price follows
the last by a slow basis, and a funding rate is paid every eight hours.

Equal arguments give equal bits on every machine: random bits come from PCG64's raw stream, normal
numbers are sums of twelve uniforms, and only + - * / and rounding are used. A longer window begins
with the very bars of a shorter one.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.bars import Bars
from engine.errors import DataError
from engine.exchange.instrument import Instrument
from engine.timeframe import HOUR_MS, MINUTE_MS, Timeframe, format_ms
from tasks.shapes import PATTERNS
from tasks.store import Kind, Series, StoreWriter, under_lock

#: Raised when equal arguments give other rows than before.
GENERATOR_VERSION = 2
FUNDING_MS = 8 * HOUR_MS
#: The longest window generated at once, about ten years.
MAX_MINUTES = 5_300_000

#: First prices in USDT; other symbols start at 100.
START_PRICES = {
    "BTCUSDT": Decimal(64_000),
    "ETHUSDT": Decimal(3_200),
    "SOLUSDT": Decimal(150),
    "ADAUSDT": Decimal("0.45"),
}
OTHER_START_PRICE = Decimal(100)
#: Normal deviate beyond which a minute's wick is a sweep: one minute in 160 on either side.
_SWEEP_AT = 2.5
#: Typical traded value per minute, USDT.
MINUTE_TURNOVER_USDT = 1_500_000


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedMarket:
    """A generated market: one-minute bars of the last and the mark price, and funding events.

    ``funding_ms`` int64[m] epoch ms, the first one at or before the first bar; ``funding_rate_e8``
    int64[m], rates in 1e-8. ``spec`` holds all that is needed to generate it again.
    """

    symbol: str
    klines: Bars
    mark: Bars
    funding_ms: npt.NDArray[np.int64]
    funding_rate_e8: npt.NDArray[np.int64]
    spec: dict[str, Any] = field(default_factory=dict)


def generate_market(
    symbol: str, since_ms: int, until_ms: int, seed: int, pattern: str = "mixed"
) -> GeneratedMarket:
    """One-minute bars over ``[since_ms, until_ms)`` for a symbol whose tick and lot are known.

    Raises DataError for an unknown pattern or a window that is empty, too long or off the minute.
    """
    shape = PATTERNS.get(pattern)
    if shape is None:
        raise DataError(
            f"unknown pattern {pattern!r}",
            hint=f"one of {', '.join(PATTERNS)}",
            code="PATTERN_UNKNOWN",
        )
    minutes = window_minutes(since_ms, until_ms)
    if seed < 0:
        raise DataError(f"seed {seed} is negative", hint="give a whole number from 0 up")
    instrument = Instrument.default(symbol)
    tick, lot = instrument.tick_size, instrument.qty_step
    start = START_PRICES.get(symbol, OTHER_START_PRICE)
    streams = _Streams(symbol, since_ms, seed)
    first_funding = since_ms // FUNDING_MS * FUNDING_MS
    prices, marks, lots, rates = _simulate(
        np.array([astuple(regime) for regime in shape.regimes], np.float64),
        np.cumsum(shape.weights or [0] * len(shape.regimes)).astype(np.float64),
        round(start / tick),
        float(Decimal(MINUTE_TURNOVER_USDT) / start / lot),
        (since_ms - first_funding) // MINUTE_MS,
        streams.normals(0, minutes),
        streams.normals(1, minutes),
        streams.normals(2, minutes),
        streams.normals(3, minutes),
        streams.uniforms(4, minutes),
        streams.uniforms(5, minutes),
    )
    open_ms = since_ms + MINUTE_MS * np.arange(minutes, dtype=np.int64)
    volume = _decimals(lots, lot)
    last = [_decimals(column, tick) for column in prices]
    turnover = np.rint((last[0] + last[1] + last[2] + last[3]) / 4 * volume * 1e4) / 1e4
    return GeneratedMarket(
        symbol=symbol,
        klines=Bars(open_ms, *last, volume, turnover),
        mark=Bars(open_ms, *(_decimals(column, tick) for column in marks), np.zeros(minutes)),
        funding_ms=first_funding + FUNDING_MS * np.arange(len(rates), dtype=np.int64),
        funding_rate_e8=rates,
        spec={
            "generator": "regimes",
            "version": GENERATOR_VERSION,
            "pattern": pattern,
            "symbol": symbol,
            "seed": seed,
            "since_ms": since_ms,
            "until_ms": until_ms,
            "start_price": str(start),
            "tick_size": str(tick),
            "qty_step": str(lot),
        },
    )


@under_lock
def store_generated(writer: StoreWriter, market: GeneratedMarket) -> int:
    """Store a generated market as if imported, with its spec; the number of rows stored."""
    unknown = np.full(len(market.klines), np.nan)
    for kind, bars in ((Kind.KLINE, market.klines), (Kind.MARK, market.mark)):
        columns = {
            name: getattr(bars, name)
            for name in ("open_ms", "open", "high", "low", "close", "volume")
        }
        columns["turnover"] = unknown if bars.turnover is None else bars.turnover
        writer.ingest(Series(market.symbol, kind, Timeframe.M1), columns)
    writer.ingest(
        Series(market.symbol, Kind.FUNDING, None),
        {
            "ts_ms": market.funding_ms,
            "rate_e8": market.funding_rate_e8,
            "interval_min": np.full(len(market.funding_ms), float(FUNDING_MS // MINUTE_MS)),
        },
    )
    writer.put_generated(
        market.symbol, market.spec["since_ms"], market.spec["until_ms"], market.spec
    )
    return 2 * len(market.klines) + len(market.funding_ms)


def window_minutes(since_ms: int, until_ms: int) -> int:
    """Minutes of a window that can be generated; DataError if it cannot."""
    if since_ms % MINUTE_MS or until_ms % MINUTE_MS:
        raise DataError(
            f"a generated window begins and ends on a whole minute, not from {format_ms(since_ms)} "
            f"to {format_ms(until_ms)}",
            hint="drop the seconds",
            code="WINDOW_OFF_GRID",
        )
    minutes = (until_ms - since_ms) // MINUTE_MS
    if minutes <= 0:
        raise DataError(
            f"the window from {format_ms(since_ms)} to {format_ms(until_ms)} is empty",
            hint="--until must lie after --since",
            code="WINDOW_EMPTY",
        )
    if minutes > MAX_MINUTES:
        raise DataError(
            f"{minutes} minutes is more than the {MAX_MINUTES} generated at once",
            hint="generate a shorter window",
            code="WINDOW_TOO_LONG",
        )
    return minutes


class _Streams:
    """Independent random streams of one market; value k of a stream depends on k alone."""

    def __init__(self, symbol: str, since_ms: int, seed: int) -> None:
        self._entropy = [seed, since_ms // MINUTE_MS, *symbol.encode()]

    def _raw(self, stream: int, n: int) -> npt.NDArray[np.uint64]:
        sequence = np.random.SeedSequence(self._entropy, spawn_key=(stream,))
        return np.random.PCG64(sequence).random_raw(n)

    def uniforms(self, stream: int, n: int) -> npt.NDArray[np.float64]:
        """float64[n] in [0, 1), multiples of 2^-53."""
        return (self._raw(stream, n) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normals(self, stream: int, n: int) -> npt.NDArray[np.float64]:
        """float64[n], mean 0, variance 1, within +-6: sums of twelve 16-bit uniforms."""
        raw = self._raw(stream, 3 * n).reshape(n, 3)
        total = np.zeros(n, np.uint64)
        for shift in (0, 16, 32, 48):
            parts = (raw >> np.uint64(shift)) & np.uint64(0xFFFF)
            total += parts[:, 0] + parts[:, 1] + parts[:, 2]
        return (total.astype(np.float64) + 6.0) / 65_536.0 - 6.0


def _decimals(units: npt.NDArray[np.int64], step: Decimal) -> npt.NDArray[np.float64]:
    """``units * step`` as the doubles nearest to the decimals: one division of two integers."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    scale = 10 ** max(-exponent, 0)
    return (units * int(step * scale)).astype(np.float64) / scale


@njit(cache=True)
def _simulate(  # type: ignore[no-untyped-def]
    regimes, weights, start, typical_lots, funding_phase, step, upper, lower, basis, switch, size
):
    """The market in ticks and lots.

    ``regimes`` float64[r, 8] (the fields of ``Regime``), ``weights`` float64[r] cumulated, all 0
    where regimes follow each other in order; ``start`` the first open in ticks,
    ``typical_lots`` lots per minute, ``funding_phase`` minutes since the last funding event.
    Random numbers, float64[n] each: normal ``step``, ``upper``, ``lower``, ``basis``; uniform
    ``switch``, ``size``. Returns open, high, low, close in ticks int64[4, n], the same of the
    mark, lots int64[n], and funding rates in 1e-8 int64[m].
    """
    n = len(step)
    prices = np.empty((4, n), np.int64)
    marks = np.empty((4, n), np.int64)
    lots = np.empty(n, np.int64)
    rates = np.empty((funding_phase + n - 1) // 480 + 1, np.int64)
    rates[0] = 10_000
    regime = 0
    level = float(start)
    anchor = level
    clustering = 1.0
    premium = 0.0
    wander = 0.0
    premium_sum = 0.0
    last = start
    mark = start
    for t in range(n):
        jump = 0.0
        if switch[t] * regimes[regime, 4] < 1.0:
            draw = switch[t] * regimes[regime, 4] * weights[-1]
            if weights[-1] > 0.0:
                regime = 0
                while weights[regime] <= draw:
                    regime += 1
            else:
                regime = (regime + 1) % len(regimes)
            anchor = level
            jump = regimes[regime, 5]
        drift, volatility, pull = regimes[regime, 0], regimes[regime, 1], regimes[regime, 2]
        wick, halted = regimes[regime, 6], regimes[regime, 7] == 1.0
        sigma = volatility * clustering
        change = drift + sigma * step[t] - pull * (level / anchor - 1.0)
        # A faint pull to the first price keeps years of drift within the possible.
        change += 1e-6 * (start / level - 1.0)
        change = min(max(change, -0.05), 0.05)
        level = max(level * (1.0 + (jump if halted else change + jump)), 100.0)
        clustering = 0.02 + 0.08 * 1.25 * abs(step[t]) * clustering + 0.9 * clustering
        clustering = min(clustering, 8.0)

        close = int(np.rint(level))
        prices[0, t] = last
        prices[1, t] = max(last, close) + int(np.rint(0.5 * abs(upper[t]) * sigma * level))
        prices[2, t] = min(last, close) - int(np.rint(0.5 * abs(lower[t]) * sigma * level))
        prices[2, t] = max(prices[2, t], 1)
        prices[3, t] = close
        if upper[t] > _SWEEP_AT:
            prices[1, t] += int(np.rint(wick * level))
        if lower[t] > _SWEEP_AT:
            prices[2, t] = max(prices[2, t] - int(np.rint(wick * level)), 1)
        busy = 0.2 + size[t] + 0.5 * abs(step[t]) * clustering + 200.0 * volatility
        lots[t] = max(int(np.rint(typical_lots * busy * 0.5)), 1)
        if halted:
            prices[1, t], prices[2, t], lots[t] = max(last, close), min(last, close), 0

        premium += 0.005 * (regimes[regime, 3] - premium)
        wander = 0.99 * wander + 0.00002 * basis[t]
        scale = 1.0 - premium + wander
        mark_close = max(int(np.rint(level * scale)), 1)
        marks[0, t] = mark
        marks[1, t] = max(mark, mark_close, int(np.rint(prices[1, t] * scale)))
        marks[2, t] = max(min(mark, mark_close, int(np.rint(prices[2, t] * scale))), 1)
        marks[3, t] = mark_close

        premium_sum += premium - wander
        phase = funding_phase + t + 1
        if phase % 480 == 0 and phase // 480 < len(rates):
            rate = 0.0001 + premium_sum / 480.0
            rates[phase // 480] = int(np.rint(min(max(rate, -0.0075), 0.0075) * 1e8))
            premium_sum = 0.0
        last = close
        mark = mark_close
    return prices, marks, lots, rates
