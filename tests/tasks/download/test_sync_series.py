"""One series brought up to date: coverage claims what rows show, the next run asks for the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError, PartialFetch
from live.paper import Fault, FaultKind, Price
from tasks.download import Outcome, RequestLimiter, SeriesWork, VenueGateway, sync_series
from tasks.download.sync import sync_facts
from tasks.store import Series, Store
from tests.live.paper.markets import DAY, HOUR, MINUTE, T0, market, paper_venue

KLINE = Series.of("BTCUSDT", "kline", "1m")
FUNDING = Series.of("BTCUSDT", "funding", None)
PAGE = 1_000 * MINUTE
#: The first page edge at or after T0: pages are counted from the epoch.
EDGE = -(-T0 // PAGE) * PAGE
NOW = T0 + 10 * DAY + 30_000


def work_of(
    series: Series = KLINE,
    since: int = T0,
    until: int = EDGE + 5 * PAGE,
    *,
    server_ms: int = NOW,
    launch_ms: int = T0,
    run_id: str = "run-1",
) -> SeriesWork:
    return SeriesWork(series, since, until, server_ms, 2_000, launch_ms, run_id)


def sync(store: Store, url: str, work: SeriesWork) -> Outcome:
    gateway = VenueGateway(url, RequestLimiter(sleep=lambda s: None), timeout_s=10.0)
    with store.writer() as writer:
        outcome = sync_series(writer, gateway, work)
        assert writer.problems() == []
        return outcome


def columns(store: Store, series: Series = KLINE) -> dict[str, np.ndarray]:
    with store.writer() as writer:
        return writer.rows(series, 0, 2**62)


def test_a_whole_window_is_obtained_and_a_second_run_asks_for_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with paper_venue() as (venue, url):
        work = work_of()
        first = sync(store, url, work)
        asked = len(venue.received)
        second = sync(store, url, work)
        assert len(venue.received) == asked == 6
    wanted = (T0, EDGE + 5 * PAGE)
    assert (first.status, first.obtained, first.missing) == ("complete", (wanted,), ())
    assert first.rows == (wanted[1] - wanted[0]) // MINUTE
    assert (second.status, second.rows, second.obtained) == ("up_to_date", 0, (wanted,))
    n = first.rows
    np.testing.assert_array_equal(columns(store)["close"], market("BTCUSDT").klines.close[:n])


@pytest.mark.parametrize(
    "kind",
    [FaultKind.SERVER_ERROR, FaultKind.WRONG_SYMBOL, FaultKind.TRUNCATED, FaultKind.FORBIDDEN],
)
def test_h14_page_three_of_five_fails_and_the_next_run_asks_for_the_rest_only(
    tmp_path: Path, kind: FaultKind
) -> None:
    store, whole = Store(tmp_path, "backtest"), Store(tmp_path / "whole", "backtest")
    third = (EDGE + 2 * PAGE, EDGE + 3 * PAGE)
    work = work_of(since=EDGE)
    fault = Fault(kind=kind, at_ms=third[0], times=5)
    with paper_venue(faults=[fault]) as (venue, url):
        with pytest.raises(PartialFetch) as partial:
            sync(store, url, work)
        stops = kind is not FaultKind.WRONG_SYMBOL  # a bad page is left out, the rest goes on
        missing = (third[0], EDGE + 5 * PAGE if stops else third[1])
        assert partial.value.missing == [missing]
        with store.writer() as writer:
            covered = writer.coverage(KLINE)
            assert covered == partial.value.covered
            assert (third[0], third[1]) not in covered
            stored = writer.rows(KLINE, 0, 2**62)["open_ms"]
            assert not np.any((stored >= missing[0]) & (stored < missing[1]))
        # The fault is over now, though not for a venue that is asked once too often.
        for _ in range(
            5 - len([r for r in venue.received if r.query.get("start") == str(third[0])])
        ):
            venue.faults.strike("/v5/market/kline", {"start": str(third[0]), "end": str(third[1])})
        venue.received.clear()
        outcome = sync(store, url, work_of(since=EDGE, run_id="run-2"))
        asked = [(int(r.query["start"]), int(r.query["end"]) + 1) for r in venue.received]
        assert (min(a for a, _ in asked), max(b for _, b in asked)) == missing
        assert outcome.status == "complete"
        sync(whole, url, work)
    for name, column in columns(whole).items():
        np.testing.assert_array_equal(columns(store)[name], column)


def test_h14_a_forming_candle_is_not_stored_and_once_closed_is_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    middle = T0 + 5 * HOUR + 20 * MINUTE + 30_000
    fault = Fault(kind=FaultKind.FORMING_CANDLE, path="/kline", times=99)
    with paper_venue(now_ms=middle, faults=[fault]) as (venue, url):
        sync(store, url, work_of(until=T0 + 9 * HOUR, server_ms=middle))
        closed = middle // MINUTE * MINUTE
        assert columns(store)["open_ms"][-1] == closed - MINUTE
        venue.clock.ms = middle + MINUTE  # type: ignore[attr-defined]
        sync(store, url, work_of(until=T0 + 9 * HOUR, server_ms=middle + MINUTE))
    stored = columns(store)
    assert stored["open_ms"].tolist() == [T0 + k * MINUTE for k in range(len(stored["open_ms"]))]
    assert stored["open_ms"][-1] == closed
    assert stored["close"][-1] == market("BTCUSDT").klines.close[(closed - T0) // MINUTE]
    with store.writer() as writer:
        assert writer.revisions().num_rows == 0


def test_a_candle_closes_when_the_venue_says_so_with_its_grace(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    just_closed = T0 + 10 * MINUTE + 1_000  # one second after the tenth minute, grace is two
    with paper_venue(now_ms=just_closed) as (_, url):
        sync(store, url, work_of(until=T0 + HOUR, server_ms=just_closed))
    assert columns(store)["open_ms"][-1] == T0 + 8 * MINUTE


def test_a_page_sent_twice_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    fault = Fault(kind=FaultKind.DUPLICATE_PAGE, path="/kline", skip=2)
    with paper_venue(faults=[fault]) as (_, url):
        with pytest.raises(PartialFetch, match="was not asked for") as partial:
            sync(store, url, work_of(since=EDGE))
        assert partial.value.missing == [(EDGE + 2 * PAGE, EDGE + 3 * PAGE)]


def test_what_the_venue_has_nothing_of_is_missing_once_and_settled_by_a_second_run(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path, "backtest")
    at = EDGE + 40 * MINUTE
    fault = Fault(kind=FaultKind.MISSING_ROW, path="/kline", at_ms=at, times=9)
    with paper_venue(faults=[fault]) as (venue, url):
        with pytest.raises(PartialFetch, match="absent_unconfirmed") as partial:
            sync(store, url, work_of(since=EDGE))
        assert partial.value.missing == [(at, at + MINUTE)]
        with pytest.raises(PartialFetch):
            sync(store, url, work_of(since=EDGE))  # the same run proves nothing more
        outcome = sync(store, url, work_of(since=EDGE, run_id="run-2"))
        assert (outcome.status, outcome.absent) == ("complete", ((at, at + MINUTE),))
        venue.received.clear()
        assert sync(store, url, work_of(since=EDGE, run_id="run-3")).status == "up_to_date"
        assert venue.received == []


def test_before_the_launch_nothing_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    listed = market("BTCUSDT", since_ms=T0, days=12)
    with paper_venue(markets=[listed]) as (venue, url):
        outcome = sync(store, url, work_of(since=T0 - 30 * DAY, until=T0 + DAY))
        assert (outcome.status, outcome.missing) == ("complete", ())
        assert outcome.absent == ((T0 - 30 * DAY, T0),)
        assert outcome.obtained == ((T0, T0 + DAY),)
        assert min(int(r.query["start"]) for r in venue.received) == T0


def test_a_window_wholly_before_the_launch_is_up_to_date_with_no_row(tmp_path: Path) -> None:
    with paper_venue() as (venue, url):
        outcome = sync(
            Store(tmp_path, "backtest"), url, work_of(since=T0 - 9 * DAY, until=T0 - 2 * DAY)
        )
        assert (outcome.status, outcome.rows, outcome.missing) == ("up_to_date", 0, ())
        assert venue.received == []


def test_funding_is_asked_for_from_the_last_event_that_may_lie_before(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with paper_venue() as (venue, url):
        first = sync(store, url, work_of(FUNDING, since=T0 + 3 * HOUR, until=T0 + 19 * HOUR))
        assert first.obtained == ((T0, T0 + 19 * HOUR),)
        assert (columns(store, FUNDING)["ts_ms"] - T0).tolist() == [0, 8 * HOUR, 16 * HOUR]
        venue.received.clear()
        second = sync(store, url, work_of(FUNDING, since=T0, until=T0 + 23 * HOUR))
        assert second.obtained == ((T0, T0 + 23 * HOUR),)
        (asked,) = venue.received
        assert int(asked.query["startTime"]) == T0 + 16 * HOUR
        third = sync(store, url, work_of(FUNDING, since=T0, until=T0 + 25 * HOUR))
        assert third.obtained == ((T0, T0 + 25 * HOUR),)
    assert len(columns(store, FUNDING)["ts_ms"]) == 4


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        (NOW + HOUR, NOW + DAY, "WINDOW_FUTURE"),
        (T0 + DAY, T0, "WINDOW_EMPTY"),
        (T0, T0, "WINDOW_EMPTY"),
    ],
)
def test_a_window_that_cannot_be_is_refused(
    tmp_path: Path, since: int, until: int, code: str
) -> None:
    with paper_venue() as (venue, url):
        with pytest.raises(DataError) as refused:
            sync(Store(tmp_path, "backtest"), url, work_of(since=since, until=until))
        assert refused.value.code == code
        assert venue.received == []


def test_a_window_that_reaches_into_the_future_ends_at_the_last_closed_candle(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path, "backtest")
    with paper_venue(now_ms=NOW) as (_, url):
        outcome = sync(store, url, work_of(since=NOW - HOUR, until=NOW + 30 * DAY))
    assert outcome.status == "complete"
    assert outcome.requested == outcome.obtained
    assert outcome.obtained[0][1] == NOW // MINUTE * MINUTE


@pytest.mark.parametrize("timeframe", ["1m", "3m", "15m", "1h", "6h", "1d", "1w", "1mo"])
def test_any_interval_of_the_venue_can_be_synced(tmp_path: Path, timeframe: str) -> None:
    store, series = Store(tmp_path, "backtest"), Series.of("BTCUSDT", "kline", timeframe)
    now = T0 + 45 * DAY
    with paper_venue(markets=[market("BTCUSDT", days=46)], now_ms=now) as (_, url):
        outcome = sync(store, url, work_of(series, until=now, server_ms=now))
    assert outcome.status == "complete"
    times = columns(store, series)["open_ms"]
    assert times[0] <= T0 + 7 * DAY
    assert outcome.rows == len(times) > 0


def test_facts_are_recorded_when_they_change(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with paper_venue() as (_, url):
        gateway = VenueGateway(url)
        (info,) = gateway.instruments("BTCUSDT")
        with store.writer() as writer:
            for kind in ("instruments", "risk_tiers"):
                assert sync_facts(writer, gateway, kind, info, NOW).status == "complete"
                assert sync_facts(writer, gateway, kind, info, NOW + DAY).status == "up_to_date"
            (facts,) = writer.instruments()["BTCUSDT"]
            assert (facts["tick_size"], facts["valid_from_ms"]) == ("0.1", NOW)
            (ladder,) = writer.risk_tiers()["BTCUSDT"]
            assert ladder["tiers"][0]["risk_limit_usdt"] == "2000000"


@pytest.mark.parametrize("kind", ["kline", "mark", "index"])
def test_every_price_has_its_own_candles_as_the_venue_serves_them(
    tmp_path: Path, kind: str
) -> None:
    store, series = Store(tmp_path, "backtest"), Series.of("BTCUSDT", kind, "1m")
    with paper_venue() as (venue, url):
        sync(store, url, work_of(series))
        served = venue.source.candles("BTCUSDT", Price("last" if kind == "kline" else kind))
    assert served is not None
    stored = columns(store, series)
    n = len(stored["open_ms"])
    for name in ("open_ms", "open", "high", "low", "close"):
        np.testing.assert_array_equal(stored[name], getattr(served[1], name)[:n])
    if kind == "kline":
        np.testing.assert_array_equal(stored["volume"], served[1].volume[:n])
        np.testing.assert_array_equal(stored["turnover"], served[1].turnover[:n])
    else:
        assert not stored["volume"].any()


def test_open_interest_is_stored_as_the_venue_serves_it(tmp_path: Path) -> None:
    store, series = Store(tmp_path, "backtest"), Series.of("BTCUSDT", "open_interest", "1h")
    with paper_venue() as (venue, url):
        outcome = sync(store, url, work_of(series, until=T0 + 9 * DAY))
        ts, values = venue.source.open_interest("BTCUSDT")
    stored = columns(store, series)
    assert outcome.rows == len(stored["ts_ms"]) == 9 * 24
    np.testing.assert_array_equal(stored["value"], values[np.isin(ts, stored["ts_ms"])])
