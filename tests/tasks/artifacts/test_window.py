"""Which rows a run reads, and whether they are the same later. Covers H3, H19, H20, M19."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import DataError
from engine.timeframe import Timeframe
from tasks.store import Store
from tasks.window import (
    facts_of,
    interest_grid,
    require_funding,
    require_prices,
    require_same_rows,
    resolve_window,
    warmup_from,
)
from tests.tasks.artifacts import market
from tests.tasks.artifacts.market import DAY, HOUR, MINUTE, T0

M1, M5, H1 = Timeframe.M1, Timeframe.M5, Timeframe.H1


def test_h20_an_open_window_is_the_range_of_the_configured_environment(tmp_path: Path):
    backtest = market.fill(tmp_path, "backtest", days=3)
    live = market.fill(tmp_path, "live", days=2, shift=30 * DAY)
    ask = ("BTCUSDT", M5, H1, None, None)
    assert resolve_window(backtest.snapshot(), *ask) == (T0, T0 + 3 * DAY)
    assert resolve_window(live.snapshot(), *ask) == (T0 + 30 * DAY, T0 + 32 * DAY)


def test_a_window_that_was_asked_for_is_taken_as_it_is(tmp_path: Path):
    snapshot = market.fill(tmp_path).snapshot()
    asked = (T0 + HOUR, T0 + DAY)
    assert resolve_window(snapshot, "BTCUSDT", M5, H1, *asked) == asked


def test_h20_a_symbol_only_another_environment_has_is_an_error_naming_this_one(tmp_path: Path):
    market.fill(tmp_path, "live", symbol="ETHUSDT")
    snapshot = market.fill(tmp_path, "backtest").snapshot()
    with pytest.raises(DataError, match="'backtest'") as raised:
        resolve_window(snapshot, "ETHUSDT", M5, H1, None, None)
    assert raised.value.code == "SYMBOL_UNKNOWN"
    with pytest.raises(DataError, match="'demo'"):
        Store(tmp_path, "demo").snapshot()


def test_a_fill_series_that_is_not_held_names_what_is_and_the_way_out(tmp_path: Path):
    snapshot = market.fill(tmp_path).snapshot()
    with pytest.raises(DataError, match="no 1m candles") as raised:
        resolve_window(snapshot, "BTCUSDT", M1, M5, None, None)
    assert "fill_timeframe=5m" in raised.value.hint
    with pytest.raises(DataError) as raised:
        resolve_window(snapshot, "BTCUSDT", M1, H1, None, None)
    assert "fill_timeframe" not in raised.value.hint


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        (T0 + 1, T0 + DAY, "WINDOW_OFF_GRID"),
        (T0, T0 + DAY + MINUTE, "WINDOW_OFF_GRID"),
        (T0 + DAY, T0 + DAY, "WINDOW_EMPTY"),
        (T0 + 2 * DAY, T0 + DAY, "WINDOW_EMPTY"),
    ],
)
def test_an_unusable_window_is_refused(tmp_path: Path, since: int, until: int, code: str):
    snapshot = market.fill(tmp_path).snapshot()
    with pytest.raises(DataError) as raised:
        resolve_window(snapshot, "BTCUSDT", M5, H1, since, until)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("since", "bars", "begin"),
    [
        (T0 + DAY, 12, T0 + DAY - 12 * 5 * MINUTE),
        (T0 + DAY, 288, T0),
        (T0 + DAY, 289, T0),
        (T0, 100, T0),
        (T0 + 5 * MINUTE, 0, T0 + 5 * MINUTE),
    ],
)
def test_h2_warm_up_reads_what_is_wanted_or_what_there_is(
    tmp_path: Path, since: int, bars: int, begin: int
):
    snapshot = market.fill(tmp_path).snapshot()
    assert warmup_from(snapshot, "BTCUSDT", M5, since, bars) == begin


def test_warm_up_never_reaches_across_a_hole(tmp_path: Path):
    market.put(tmp_path, "BTCUSDT", "kline", "5m", market.candles(T0, T0 + HOUR), "backtest")
    later = market.candles(T0 + 3 * HOUR, T0 + DAY)
    market.put(tmp_path, "BTCUSDT", "kline", "5m", later, "backtest")
    snapshot = Store(tmp_path, "backtest").snapshot()
    assert warmup_from(snapshot, "BTCUSDT", M5, T0 + 4 * HOUR, 500) == T0 + 3 * HOUR


def funding_store(home: Path, *pieces: tuple[int, int]) -> Store:
    for since, until in pieces:
        market.put(home, "BTCUSDT", "funding", "", market.funding(since, until), "backtest")
    return Store(home, "backtest")


def test_h3_whole_funding_history_is_accepted(tmp_path: Path):
    snapshot = funding_store(tmp_path, (T0, T0 + 5 * DAY)).snapshot()
    for since, until in (
        (T0, T0 + 5 * DAY),
        (T0 + HOUR, T0 + 2 * HOUR),  # no event inside: its neighbours prove that there is none
        (T0 + 7 * HOUR, T0 + 9 * HOUR),
        (T0 - 8 * HOUR, T0 + 5 * DAY),  # within one interval of the first event
        (T0, T0 + 5 * DAY),
    ):
        require_funding(snapshot, "BTCUSDT", since, until, 480)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (T0 - 8 * HOUR - MINUTE, T0 + DAY),
        (T0 + DAY, T0 + 5 * DAY + MINUTE),
        (T0 + 9 * DAY, T0 + 10 * DAY),
    ],
)
def test_h3_a_window_beyond_the_funding_history_is_refused(tmp_path: Path, since: int, until: int):
    snapshot = funding_store(tmp_path, (T0, T0 + 5 * DAY)).snapshot()
    with pytest.raises(DataError, match="funding=off") as raised:
        require_funding(snapshot, "BTCUSDT", since, until, 480)
    assert raised.value.code == "FUNDING_MISSING"


def test_h3_one_missing_funding_event_is_refused_and_named(tmp_path: Path):
    snapshot = funding_store(
        tmp_path, (T0, T0 + DAY), (T0 + DAY + 8 * HOUR, T0 + 3 * DAY)
    ).snapshot()
    with pytest.raises(DataError, match="2026-01-01T16:00:00Z and 2026-01-02T08:00:00Z"):
        require_funding(snapshot, "BTCUSDT", T0, T0 + 3 * DAY, 480)
    require_funding(snapshot, "BTCUSDT", T0, T0 + DAY, 480)


def test_h3_no_funding_history_at_all_is_refused(tmp_path: Path):
    market.put(tmp_path, "BTCUSDT", "kline", "5m", market.candles(T0, T0 + DAY), "backtest")
    with pytest.raises(DataError, match="no funding history") as raised:
        require_funding(Store(tmp_path, "backtest").snapshot(), "BTCUSDT", T0, T0 + DAY, 480)
    assert raised.value.code == "FUNDING_MISSING"


def test_a_missing_mark_series_names_the_way_out(tmp_path: Path):
    market.put(tmp_path, "BTCUSDT", "kline", "5m", market.candles(T0, T0 + DAY), "backtest")
    with pytest.raises(DataError, match="mark=last"):
        require_prices(
            Store(tmp_path, "backtest").snapshot(), "BTCUSDT", "mark", M5, "--set mark=last"
        )


def test_open_interest_is_read_on_the_finest_grid_held_whole(tmp_path: Path):
    """A finer grid with a hole in the window is not taken; without any the run is refused."""
    fine, coarse = market.interest(T0, T0 + DAY, 5 * MINUTE), market.interest(T0, T0 + 2 * DAY)
    market.put(tmp_path, "BTCUSDT", "open_interest", "5m", fine, "backtest")
    market.put(tmp_path, "BTCUSDT", "open_interest", "1h", coarse, "backtest")
    snapshot = Store(tmp_path, "backtest").snapshot()
    assert interest_grid(snapshot, "BTCUSDT", T0, T0 + DAY) is M5
    assert interest_grid(snapshot, "BTCUSDT", T0, T0 + 2 * DAY) is H1
    with pytest.raises(DataError, match="open interest") as raised:
        interest_grid(snapshot, "BTCUSDT", T0, T0 + 3 * DAY)
    assert raised.value.code == "INTEREST_MISSING"


def recorded(store: Store) -> list:
    snapshot, until = store.snapshot(), T0 + 3 * DAY
    return [
        facts_of(snapshot, "BTCUSDT", "kline", "5m", T0, until),
        facts_of(snapshot, "BTCUSDT", "mark", "5m", T0, until),
        facts_of(snapshot, "BTCUSDT", "funding", "", T0, until),
    ]


def test_h19_facts_are_of_exactly_the_rows_read(tmp_path: Path):
    kline, mark, funding = recorded(market.fill(tmp_path))
    assert (kline.rows, mark.rows, funding.rows) == (3 * 288, 3 * 288, 9)
    assert list(kline.days) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert kline.content_sha256 != mark.content_sha256  # volumes differ


def test_h19_identical_rows_hash_alike_in_every_environment(tmp_path: Path):
    here = recorded(market.fill(tmp_path, "backtest"))
    there = recorded(market.fill(tmp_path, "live"))
    assert here == there


def test_m19_rows_beyond_the_window_do_not_matter(tmp_path: Path):
    store = market.fill(tmp_path, days=3)
    facts = recorded(store)
    more = market.candles(T0 + 3 * DAY, T0 + 5 * DAY)
    market.put(tmp_path, "BTCUSDT", "kline", "5m", more, "backtest")
    require_same_rows(store.snapshot(), facts)


@pytest.mark.parametrize(("kind", "day"), [("kline", 1), ("mark", 2)])
def test_m19_one_revised_tick_is_data_changed_naming_series_and_day(
    tmp_path: Path, kind: str, day: int
):
    store = market.fill(tmp_path)
    facts = recorded(store)
    old = store.snapshot()
    rows = market.candles(T0, T0 + 6 * DAY)
    if kind == "mark":
        rows["volume"][:] = 0
    at = day * 288 + 7
    one = {name: column[at : at + 1].copy() for name, column in rows.items()}
    one["close"][0] = round(one["close"][0] + 0.1, 1)
    market.put(tmp_path, "BTCUSDT", kind, "5m", one, "backtest")
    with pytest.raises(DataError, match=f"{kind} 5m .* UTC day 2026-01-0{day + 1}") as raised:
        require_same_rows(store.snapshot(), facts)
    assert raised.value.code == "DATA_CHANGED"
    require_same_rows(store.snapshot(old.id), facts)  # the pinned snapshot still holds them


def test_m19_a_store_that_lost_the_series_is_data_changed(tmp_path: Path):
    facts = recorded(market.fill(tmp_path / "a"))
    other = market.fill(tmp_path / "b", symbol="ETHUSDT").snapshot()
    with pytest.raises(DataError, match=r"kline 5m .* is gone") as raised:
        require_same_rows(other, facts)
    assert raised.value.code == "DATA_CHANGED"
