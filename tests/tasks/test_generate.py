"""Generated markets: possible, lifelike, and the same wherever and however they are generated."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from engine.bars import Bars, check_bars
from engine.canonical import hash_columns
from engine.errors import DataError
from engine.timeframe import Timeframe
from tasks.generate import PATTERNS, GeneratedMarket, generate_market, store_generated
from tasks.store import Series, Store
from tests.tasks.store.samples import DAY, HOUR, MINUTE, T0, run

WEEK = 7 * DAY
COLUMNS = ("open_ms", "open", "high", "low", "close", "volume", "turnover")


def digest(market: GeneratedMarket) -> str:
    columns = {f"last_{name}": getattr(market.klines, name) for name in COLUMNS}
    columns |= {f"mark_{name}": getattr(market.mark, name) for name in COLUMNS[:-1]}
    return hash_columns(
        {**columns, "funding_ms": market.funding_ms, "rate": market.funding_rate_e8}
    )


def on_step(column: np.ndarray, step: str) -> bool:
    """Whether every double is the one nearest to a whole number of steps, by decimal text."""
    unit = Decimal(step)
    return all(Decimal(repr(v)) % unit == 0 for v in column[:: max(1, len(column) // 500)].tolist())


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    ("symbol", "tick", "lot"),
    [("BTCUSDT", "0.1", "0.001"), ("ETHUSDT", "0.01", "0.01"), ("SOLUSDT", "0.01", "0.1")],
)
def test_every_bar_is_possible_on_tick_and_opens_where_the_last_one_closed(
    pattern: str, symbol: str, tick: str, lot: str
) -> None:
    market = generate_market(symbol, T0, T0 + 3 * WEEK, seed=11, pattern=pattern)
    for bars in (market.klines, market.mark):
        check_bars(bars, Timeframe.M1)
        np.testing.assert_array_equal(bars.open_ms, np.arange(T0, T0 + 3 * WEEK, MINUTE))
        np.testing.assert_array_equal(bars.open[1:], bars.close[:-1])
        for name in ("open", "high", "low", "close"):
            assert on_step(getattr(bars, name), tick)
    assert on_step(market.klines.volume, lot)
    assert (market.klines.volume.min() > 0) == (pattern != "halt")
    assert market.klines.turnover is not None
    traded = market.klines.volume > 0
    value = market.klines.turnover[traded] / market.klines.volume[traded]
    low, high = market.klines.low[traded], market.klines.high[traded]
    assert np.all((value >= low - 1e-3) & (value <= high + 1e-3))


def returns(bars: Bars) -> np.ndarray:
    return np.diff(np.log(bars.close))


def test_the_mixed_market_looks_like_one() -> None:
    """Stylised facts of returns (R. Cont, Quantitative Finance 1, 2001): no linear memory, fat
    tails, memory of size; and a yearly volatility between those of calm and wild crypto years."""
    for seed in range(3):
        market = generate_market("BTCUSDT", T0, T0 + 120 * DAY, seed)
        r = returns(market.klines)
        size = np.abs(r)
        assert 0.2 < r.std() * np.sqrt(525_600) < 1.2
        assert abs(np.corrcoef(r[1:], r[:-1])[0, 1]) < 0.02
        assert np.mean(r**4) / np.mean(r**2) ** 2 > 5
        assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.15
        assert np.corrcoef(size[60:], size[:-60])[0, 1] > 0.05
        assert np.corrcoef(size, market.klines.volume[1:])[0, 1] > 0.1


def test_regimes_change_volatility_from_day_to_day() -> None:
    market = generate_market("BTCUSDT", T0, T0 + 120 * DAY, seed=2)
    by_day = returns(market.klines)[: 119 * 1440].reshape(119, 1440).std(axis=1)
    assert by_day.max() / by_day.min() > 2.5


def test_the_mark_follows_the_last_price() -> None:
    market = generate_market("BTCUSDT", T0, T0 + 60 * DAY, seed=5)
    basis_pct = (market.mark.close / market.klines.close - 1) * 100
    assert np.abs(basis_pct).max() < 0.5
    assert 0.001 < basis_pct.std() < 0.1
    assert np.corrcoef(returns(market.mark), returns(market.klines))[0, 1] > 0.95


def test_funding_comes_every_eight_hours_utc_from_before_the_first_bar() -> None:
    since = T0 + 3 * HOUR
    market = generate_market("BTCUSDT", since, since + 30 * DAY, seed=5)
    np.testing.assert_array_equal(market.funding_ms, np.arange(T0, since + 30 * DAY, 8 * HOUR))
    rates = market.funding_rate_e8
    assert rates.dtype == np.int64
    assert np.abs(rates).max() <= 750_000
    assert len(np.unique(rates)) > 60
    assert (rates > 0).any()
    assert (rates < 0).any()


@pytest.mark.parametrize("minutes", [1, 5, 480, 481])
def test_short_windows_have_the_funding_events_due_in_them(minutes: int) -> None:
    market = generate_market("BTCUSDT", T0, T0 + minutes * MINUTE, seed=1)
    assert len(market.klines) == minutes
    assert market.funding_ms.tolist() == ([T0] if minutes <= 480 else [T0, T0 + 8 * HOUR])


def test_a_longer_window_begins_with_the_bars_of_a_shorter_one() -> None:
    short = generate_market("BTCUSDT", T0, T0 + 2 * DAY, seed=9)
    long = generate_market("BTCUSDT", T0, T0 + 40 * DAY, seed=9)
    n = len(short.klines)
    for a, b in ((short.klines, long.klines[:n]), (short.mark, long.mark[:n])):
        for name in COLUMNS[1:6]:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    k = len(short.funding_ms)
    np.testing.assert_array_equal(short.funding_rate_e8, long.funding_rate_e8[:k])


def test_seed_symbol_start_and_pattern_each_make_another_market() -> None:
    base = returns(generate_market("BTCUSDT", T0, T0 + DAY, 1).klines)
    others = [
        generate_market("BTCUSDT", T0, T0 + DAY, 2),
        generate_market("ETHUSDT", T0, T0 + DAY, 1),
        generate_market("BTCUSDT", T0 + DAY, T0 + 2 * DAY, 1),
        generate_market("BTCUSDT", T0, T0 + DAY, 1, "crash"),
    ]
    for other in others:
        assert not np.array_equal(returns(other.klines), base)
    for other in others[:3]:
        assert abs(np.corrcoef(returns(other.klines), base)[0, 1]) < 0.1


GENERATE = """
from tests.tasks.test_generate import digest
from tasks.generate import generate_market
print(digest(generate_market("BTCUSDT", 1767225600000, 1767830400000, 4)))
"""


def test_equal_arguments_give_equal_bits_in_other_processes() -> None:
    here = digest(generate_market("BTCUSDT", T0, T0 + WEEK, 4))
    for extra in (
        {"PYTHONHASHSEED": "1", "TZ": "IST-5:30"},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": ""},
        {"NUMBA_DISABLE_JIT": "1"},
    ):
        environment = {
            k: v for k, v in {**os.environ, **extra}.items() if v or k != "NUMBA_CACHE_DIR"
        }
        assert run(GENERATE, env=environment).strip() == here, extra


def test_the_spec_generates_the_same_market_again() -> None:
    market = generate_market("ETHUSDT", T0, T0 + DAY, 3, "range")
    spec = json.loads(json.dumps(market.spec))
    assert (spec["generator"], spec["version"], spec["seed"]) == ("regimes", 2, 3)
    again = generate_market(
        spec["symbol"], spec["since_ms"], spec["until_ms"], spec["seed"], spec["pattern"]
    )
    assert digest(again) == digest(market)


def test_an_unknown_pattern_is_refused_naming_those_there_are() -> None:
    with pytest.raises(DataError) as refused:
        generate_market("BTCUSDT", T0, T0 + DAY, 1, "moon")
    assert refused.value.code == "PATTERN_UNKNOWN"
    assert refused.value.hint == f"one of {', '.join(PATTERNS)}"


@pytest.mark.parametrize(
    ("since", "until", "seed", "says"),
    [
        (T0, T0, 1, "empty"),
        (T0 + DAY, T0, 1, "empty"),
        (T0 + 1, T0 + DAY, 1, "whole minute"),
        (T0, T0 + 12 * 365 * DAY, 1, "at once"),
        (T0, T0 + DAY, -1, "negative"),
    ],
)
def test_a_window_or_seed_that_cannot_be_is_refused(
    since: int, until: int, seed: int, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        generate_market("BTCUSDT", since, until, seed)


def test_a_stored_market_reads_back_whole_with_its_spec(tmp_path: Path) -> None:
    """Covers H19: generated data is never taken for real data."""
    store = Store(tmp_path, "backtest")
    market = generate_market("BTCUSDT", T0, T0 + WEEK, 4)
    with store.writer() as writer:
        rows = store_generated(writer, market)
        store.publish_snapshot(writer)
        assert writer.problems() == []
    assert rows == 2 * 10_080 + 21
    snapshot = store.snapshot()
    for kind, bars in (("kline", market.klines), ("mark", market.mark)):
        stored = snapshot.bars("BTCUSDT", kind, "1m", T0, T0 + WEEK)
        for name in COLUMNS[:6]:
            np.testing.assert_array_equal(getattr(stored, name), getattr(bars, name))
    times, rates = snapshot.funding("BTCUSDT", T0, T0 + WEEK)
    np.testing.assert_array_equal(times, market.funding_ms)
    np.testing.assert_array_equal(rates, market.funding_rate_e8)
    assert snapshot.gaps("BTCUSDT", "funding", None, T0, T0 + WEEK) == []
    assert snapshot.generators("BTCUSDT", T0, T0 + DAY) == [market.spec]
    assert snapshot.generators("BTCUSDT", T0 + WEEK, T0 + 2 * WEEK) == []
    assert snapshot.generators("ETHUSDT", T0, T0 + DAY) == []


def test_storing_the_same_market_twice_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    ids = set()
    for _ in range(2):
        with store.writer() as writer:
            store_generated(writer, generate_market("BTCUSDT", T0, T0 + DAY, 4))
            ids.add(store.publish_snapshot(writer))
            assert len(writer.rows(Series.of("BTCUSDT", "kline", "1m"), 0, 2**62)["open"]) == 1440
    assert len(ids) == 1
