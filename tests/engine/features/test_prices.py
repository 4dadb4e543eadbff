"""Prices beside the candle, calendar names, and every timeframe, against plain arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from engine.bars import Bars
from engine.dataset import Dataset
from engine.errors import ConfigError
from engine.exchange.instrument import Instrument
from engine.features import Features, compile_features
from engine.timeframe import Timeframe
from tests.engine.features.samples import MONDAY_MS, features_of, make_bars, play_of, truths

HOUR_MS = 3_600_000


def values(expression: str, bars: Bars, *, clock: str = "1m", base: Timeframe = Timeframe.M1):
    """Values of a number at the clock closes, and the closes."""
    play = play_of("x > 0", "series:", f"  x: '{expression}'", clock=clock)
    features = features_of(play, base)
    block = features.advance(bars, 0, len(bars))
    at = list(features.plan.values).index("x")
    return features.values(np.arange(len(block.close_ms)))[:, at], block.close_ms.copy()


def hourly(days: int, seed: int = 1, start_ms: int = MONDAY_MS) -> Bars:
    return make_bars(24 * days, seed=seed, step_ms=HOUR_MS, start_ms=start_ms)


def moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ms))


def test_hour_and_weekday_are_those_of_the_close() -> None:
    bars = hourly(20)
    hours, closes = values("hour", bars, clock="1h", base=Timeframe.H1)
    weekdays, _ = values("weekday", bars, clock="1h", base=Timeframe.H1)
    assert hours.tolist() == [moment(ms).hour for ms in closes]
    assert weekdays.tolist() == [moment(ms).weekday() for ms in closes]


def test_turnover_adds_up_and_mark_and_funding_are_the_last() -> None:
    bars = make_bars(120)
    turnover, _ = values("turnover@5m", bars, clock="5m")
    assert turnover.tolist() == bars.turnover.reshape(-1, 5).sum(axis=1).tolist()
    for name in ("mark_close", "funding_rate"):
        found, _ = values(f"{name}@15m", bars, clock="15m")
        assert found.tolist() == getattr(bars, name)[14::15].tolist()


def test_any_split_adds_the_same_turnover() -> None:
    bars = make_bars(120)
    play = play_of("x > 0", "series:", "  x: turnover@15m")
    whole = features_of(play)
    whole.advance(bars, 0, 120)
    parts = features_of(play)
    for lo in range(0, 120, 7):
        parts.advance(bars, lo, min(lo + 7, 120))
    assert parts.state() == whole.state()


@pytest.mark.parametrize("name", ["turnover", "mark_close", "index_close", "open_interest"])
def test_a_price_nothing_feeds_refuses_the_run(name: str) -> None:
    full = make_bars(10)
    bars = Bars(full.open_ms, full.open, full.high, full.low, full.close, full.volume)
    features = features_of(play_of(f"{name} > 1"))
    with pytest.raises(ConfigError, match=name):
        features.advance(bars, 0, 10)


def dataset_of(bars: Bars, **series: object) -> Dataset:
    return Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.M1,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=int(bars.open_ms[0]),
        until_ms=int(bars.open_ms[-1]) + 60_000,
        **series,  # type: ignore[arg-type]
    )


def test_a_dataset_feeds_mark_and_funding_to_expressions() -> None:
    """Funding: the last rate at or before a bar's close; an event at the close counts."""
    full = make_bars(10)
    bars = Bars(full.open_ms, full.open, full.high, full.low, full.close, full.volume)
    mark = Bars(full.open_ms, full.open, full.high, full.low, full.close + 0.25, full.volume)
    times = full.open_ms[[3, 7]]
    rates = np.array([1000, -2000], np.int64)
    dataset = dataset_of(bars, mark=mark, funding_ms=times, funding_rate_e8=rates)
    fed = dataset.fed_bars({"mark_close", "funding_rate"})
    assert fed.mark_close.tolist() == (full.close + 0.25).tolist()
    nan = float("nan")
    expected = [nan, nan, 1e-5, 1e-5, 1e-5, 1e-5, -2e-5, -2e-5, -2e-5, -2e-5]
    np.testing.assert_array_equal(fed.funding_rate, expected)
    assert dataset.fed_bars({"close"}) is bars
    assert truths(play_of("mark_close > close and funding_rate < 0"), fed)[-1] == 2


def test_a_dataset_feeds_index_and_open_interest_to_expressions() -> None:
    full = make_bars(6)
    bars = Bars(full.open_ms, full.open, full.high, full.low, full.close, full.volume)
    other = Bars(full.open_ms, full.open, full.high, full.low, full.close - 0.5, full.volume)
    closes = full.open_ms + 60_000
    times, values = np.array([closes[1], closes[3] + 1]), np.array([7.0, 9.0])
    dataset = dataset_of(bars, index=other, interest_ms=times, interest=values)
    fed = dataset.fed_bars({"index_close", "open_interest"})
    assert fed.index_close.tolist() == (full.close - 0.5).tolist()
    nan = float("nan")
    np.testing.assert_array_equal(fed.open_interest, [nan, 7.0, 7.0, 7.0, 9.0, 9.0])
    assert truths(play_of("index_close < close and open_interest > 8"), fed) == [1, 0, 0, 0, 2, 2]


def test_ticks_need_an_instrument() -> None:
    plan = compile_features(play_of("close > open + 2tick"), Timeframe.M1)
    with pytest.raises(ConfigError, match="tick size"):
        Features(plan)


# -- slower and faster timeframes -------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeframe", "key"),
    [
        ("4h", lambda t: (t.toordinal(), t.hour // 4)),
        ("12h", lambda t: (t.toordinal(), t.hour // 12)),
        ("1d", lambda t: t.toordinal()),
        ("1w", lambda t: t.toordinal() - t.weekday()),
        ("1mo", lambda t: (t.year, t.month)),
    ],
)
def test_slower_bars_are_whole_calendar_periods(timeframe: str, key) -> None:
    """Weeks begin on Monday, months are calendar months; the period history begins inside of is
    not there; a value holds until the next close."""
    start_ms = MONDAY_MS + 9 * 24 * HOUR_MS + 5 * HOUR_MS  # a Wednesday, 05:00
    bars = hourly(95, start_ms=start_ms)
    found, _ = values(f"highest(high, 1)@{timeframe}", bars, clock="1h", base=Timeframe.H1)
    periods = [key(moment(ms)) for ms in bars.open_ms]
    expected: list[float] = []
    held = float("nan")
    for i in range(len(bars)):
        ends = i + 1 < len(bars) and periods[i + 1] != periods[i]
        first = periods.index(periods[i])
        if ends and first > 0:
            held = float(bars.high[first : i + 1].max())
        expected.append(held)
    # The very last bar may end its period too, which the bars themselves do not show.
    np.testing.assert_array_equal(found[:-1], expected[:-1])
    assert np.isfinite(found).any()


def test_faster_than_the_clock_is_the_latest_value() -> None:
    bars = make_bars(300, seed=5)
    found, closes = values("(close - open)@1m", bars, clock="15m")
    assert found.tolist() == (bars.close - bars.open)[14::15].tolist()
    assert len(closes) == 20


def test_an_event_faster_than_the_clock_fires_if_it_fired_on_any_of_its_closes() -> None:
    bars = make_bars(300, seed=5)
    cross = truths(play_of("cross_above(close, 100)"), bars)
    slow = truths(play_of("cross_above(close, 100)@1m", clock="15m"), bars)
    expected = [
        2 if 2 in cross[lo : lo + 15] else 1 if 1 in cross[lo : lo + 15] else 0
        for lo in range(0, 300, 15)
    ]
    assert slow == expected


def test_a_bool_faster_than_the_clock_is_that_of_the_last_close() -> None:
    bars = make_bars(300, seed=5)
    fast = truths(play_of("close > open"), bars)
    assert truths(play_of("(close > open)@1m", clock="15m"), bars) == fast[14::15]


def test_an_event_of_a_slower_timeframe_is_a_pulse() -> None:
    bars = make_bars(300, seed=6)
    slow = truths(play_of("cross_above(close, 100)", clock="5m"), bars)
    fast = truths(play_of("cross_above(close, 100)@5m"), bars)
    at_close = fast[4::5]
    assert at_close == slow
    others = [value for i, value in enumerate(fast) if i % 5 != 4]
    assert 2 not in others


def test_windows_under_a_timeframe_count_its_bars() -> None:
    bars = make_bars(600, seed=8)
    under = truths(play_of("within(3, close > high[1])@5m"), bars)
    alone = truths(play_of("within(3, close > high[1])", clock="5m"), bars)
    assert under[4::5] == alone
