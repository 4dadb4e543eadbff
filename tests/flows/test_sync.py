"""The sync from end to end: what a bad day at the venue leaves, and how the next run mends it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from engine.timeframe import format_ms
from live.paper import Fault, FaultKind, Received, Venue
from tasks.store import Series, Store, intersect, merge, subtract
from tests.flows.commands import lockstep
from tests.live.paper.markets import DAY, HOUR, MINUTE, T0, market, paper_venue

pytestmark = pytest.mark.prefect

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
KINDS = ("kline", "mark", "funding", "open_interest")
SERIES = [(s, k, "" if k == "funding" else "5m") for s, k in product(SYMBOLS, KINDS)]
MONTH = (T0, T0 + 31 * DAY)
NOW = T0 + 32 * DAY + 90_000
FAST = [
    *("--set", "sync.attempts=2"),
    *("--set", "sync.backoff_s=1"),
    *("--set", "sync.timeout_s=3"),
    *("--set", "sync.ban_wait_s=1"),
]
REWRITTEN = T0 + 3 * DAY + 5 * MINUTE


@contextlib.contextmanager
def venue_of(*faults: Fault) -> Iterator[tuple[Venue, str]]:
    with paper_venue(SYMBOLS, now_ms=NOW, days=33, faults=faults) as served:
        yield served


def sync(home: Path, url: str, *more: object) -> tuple[int, Any]:
    return lockstep(
        *("data", "sync", "--timeframe", "5m", "--since", format_ms(MONTH[0])),
        *("--until", format_ms(MONTH[1]), "--kinds", ",".join(KINDS), "--exchange-url", url),
        *(part for symbol in SYMBOLS for part in ("--symbol", symbol)),
        *FAST,
        *more,
        home=home,
    )


def exports(home: Path, folder: Path) -> dict[str, str]:
    """SHA-256 of every series' canonical file."""
    from tasks.store import export_series

    folder.mkdir()
    snapshot = Store(home, "backtest").snapshot()
    return {
        f"{symbol} {kind}": export_series(
            snapshot, Series.of(symbol, kind, timeframe), folder / f"{symbol}-{kind}", 0, 2**62
        ).sha256
        for symbol, kind, timeframe in SERIES
    }


def asked(received: list[Received]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """The windows asked for, by path and symbol."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for request in received:
        start = request.query.get("start", request.query.get("startTime"))
        end = request.query.get("end", request.query.get("endTime"))
        if start and end:
            key = (request.path, request.query["symbol"])
            found.setdefault(key, []).append((int(start), int(end) + 1))
    return found


PATHS = {
    "kline": "/v5/market/kline",
    "mark": "/v5/market/mark-price-kline",
    "funding": "/v5/market/funding/history",
    "open_interest": "/v5/market/open-interest",
}
BAD_DAY = [
    Fault(
        kind=FaultKind.SERVER_ERROR, path="/kline", symbol="BTCUSDT", at_ms=T0 + 9 * DAY, times=2
    ),
    Fault(kind=FaultKind.TIMEOUT, path="/kline", symbol="ETHUSDT", skip=3, seconds=6.0),
    Fault(kind=FaultKind.TRUNCATED, path="/mark-price-kline", symbol="ETHUSDT", skip=4, times=2),
    Fault(kind=FaultKind.DUPLICATE_PAGE, path="/mark-price-kline", symbol="BTCUSDT", skip=5),
    Fault(kind=FaultKind.FORMING_CANDLE, path="/kline", symbol="ETHUSDT", times=99),
    Fault(kind=FaultKind.REWRITTEN_CANDLE, path="/kline", symbol="BTCUSDT", at_ms=REWRITTEN),
    Fault(kind=FaultKind.RATE_LIMIT, path="/funding/history", symbol="BTCUSDT", skip=1),
    Fault(kind=FaultKind.FORBIDDEN, path="/open-interest", symbol="SOLUSDT", skip=30),
]


def check_claims(home: Path, items: list[Mapping[str, Any]]) -> None:
    """What an item says it obtained has its rows in the store, and nothing it lacks has any."""
    with Store(home, "backtest").writer() as writer:
        assert writer.problems() == []
        for item in items:
            series = Series.of(item["symbol"], item["kind"], item["timeframe"] or None)
            requested, obtained, missing = (
                [tuple(i) for i in item[name]] for name in ("requested", "obtained", "missing")
            )
            assert merge([*obtained, *missing]) == requested
            assert intersect(obtained, missing) == []
            assert intersect(writer.coverage(series), requested) == obtained
            rows = writer.rows(series, 0, 2**62)
            times = next(rows[name] for name in ("open_ms", "ts_ms") if name in rows)
            stored = [(t, t + 1) for t in times.tolist()]
            assert subtract(stored, obtained) == []


def test_a_bad_day_ends_partial_and_the_next_run_asks_for_the_rest_and_ends_equal(
    tmp_path: Path,
) -> None:
    home, whole = tmp_path / "home", tmp_path / "whole"
    with venue_of(*BAD_DAY) as (venue, url):
        code, first = sync(home, url)
        assert (code, first["state"]) == (1, "PartialFailure")
        assert first["snapshot"] is not None
        assert len(first["items"]) == len(SERIES)
        by_series = {(i["symbol"], i["kind"]): i for i in first["items"]}
        check_claims(home, first["items"])
        assert by_series["BTCUSDT", "kline"]["status"] == "partial"
        assert "http_502" in by_series["BTCUSDT", "kline"]["cause"]
        assert "page refused" in by_series["BTCUSDT", "mark"]["cause"]
        assert "body_unreadable" in by_series["ETHUSDT", "mark"]["cause"]
        assert "ip_banned" in by_series["SOLUSDT", "open_interest"]["cause"]
        assert by_series["ETHUSDT", "kline"]["status"] == "complete"  # the timeout passed
        assert by_series["BTCUSDT", "funding"]["status"] == "complete"  # 10006 passed

        code, run = lockstep(
            *("backtest", "run", "plays/sma_always_in.yml", "--symbol", "BTCUSDT"),
            *("--since", format_ms(T0 + 2 * DAY), "--until", format_ms(T0 + 5 * DAY)),
            *("--set", "fill_timeframe=5m", "--no-verify"),
            home=home,
        )
        assert code == 0, run

        venue.received.clear()
        code, second = sync(home, url)
        assert (code, second["state"]) == (0, "Completed")
        requests = asked(venue.received)
        for item in first["items"]:
            windows = merge(requests.get((PATHS[item["kind"]], item["symbol"]), []))
            wanted = [tuple(i) for i in item["missing"]]
            if item["kind"] == "funding":  # asked for from the last event that may lie before
                wanted = merge([(a // (8 * HOUR) * 8 * HOUR, b) for a, b in wanted])
            assert windows == wanted, (item["symbol"], item["kind"])

        code, verified = lockstep(
            *("data", "verify", "--pages", "1000", "--seed", "1", "--exchange-url", url), home=home
        )
        assert (code, verified["state"]) == (1, "Failed")
        revised = {(i["symbol"], i["kind"]): i["revised"] for i in verified["items"]}
        assert {key: n for key, n in revised.items() if n} == {("BTCUSDT", "kline"): 1}
        assert [r["run_id"] for r in verified["affected_runs"]] == [run["run_id"]]
        revisions = Store(home, "backtest").snapshot().revisions()
        assert revisions is not None
        (revision,) = revisions.to_pylist()
        assert (revision["open_ms"], revision["field"]) == (REWRITTEN, "close")

    with venue_of() as (_, url):
        assert sync(whole, url)[0] == 0
    assert exports(home, tmp_path / "a") == exports(whole, tmp_path / "b")


def test_a_symbol_listed_last_week_lacks_nothing_before_its_launch(tmp_path: Path) -> None:
    launch = T0 + 20 * DAY
    old, young = market("BTCUSDT", days=28), market("ETHUSDT", since_ms=launch, days=8)
    with paper_venue(markets=[old, young], now_ms=T0 + 27 * DAY) as (_, url):
        code, document = lockstep(
            *("data", "sync", "--symbol", "ETHUSDT", "--timeframe", "15m", "--kinds"),
            *("kline,funding", "--since", "2026-01-01", "--exchange-url", url),
            home=tmp_path,
        )
    assert (code, document["state"]) == (0, "Completed")
    for item in document["items"]:
        assert (item["status"], item["missing"]) == ("complete", [])
        assert item["absent"] == [[T0, launch]]
        assert item["obtained"][0][0] == launch
    code, coverage = lockstep("data", "coverage", home=tmp_path)
    assert code == 0
    assert [item["missing"] for item in coverage["items"]] == [[], []]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--since", "2026-01-05", "--until", "2026-01-01"), 2, "USAGE"),
        (("--since", "2030-01-01"), 2, "WINDOW_FUTURE"),
        (("--since", "2026-01-01", "--timeframe", "60m"), 2, "TIMEFRAME_UNKNOWN"),
        (("--since", "2026-01-01", "--kinds", "trades"), 2, "KIND_UNKNOWN"),
        (("--since", "2026-01-01", "--kinds", ","), 2, "KIND_UNKNOWN"),
        (("--since", "2026-01-01", "--kinds", "", "--timeframe", "9m"), 2, "TIMEFRAME_UNKNOWN"),
        (("--since", "2026-01-01", "--set", "sync.speed=9"), 2, "CONFIG_INVALID"),
        (
            ("--since", "2026-01-01", "--exchange-url", "http://api.bybit.com"),
            2,
            "ENDPOINT_INSECURE",
        ),
    ],
)
def test_a_sync_that_cannot_be_is_refused_with_exit_2(
    tmp_path: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    with paper_venue() as (venue, url):
        given = arguments if "--exchange-url" in arguments else (*arguments, "--exchange-url", url)
        found, document = lockstep("data", "sync", "--symbol", "BTCUSDT", *given, home=tmp_path)
        rows_asked = [r for r in venue.received if "kline" in r.path]
    assert (found, document["error"]["code"]) == (code, error)
    assert rows_asked == []


def test_an_unknown_symbol_fails_and_the_others_go_on(tmp_path: Path) -> None:
    with paper_venue() as (_, url):
        sync_of = ("data", "sync", "--since", "2026-01-09", "--kinds", "kline", "--timeframe", "1h")
        code, document = lockstep(
            *sync_of, "--symbol", "BTCUSDT", "NOPEUSDT", "--exchange-url", url, home=tmp_path
        )
        assert (code, document["state"]) == (1, "PartialFailure")
        statuses = {item["symbol"]: item["status"] for item in document["items"]}
        assert statuses == {"BTCUSDT": "complete", "NOPEUSDT": "failed"}
        assert document["items"][1]["cause"].startswith("symbol_unknown")
        code, document = lockstep(
            *sync_of, "--symbol", "NOPEUSDT", "--exchange-url", url, home=tmp_path / "other"
        )
        assert (code, document["state"], document["snapshot"]) == (1, "Failed", None)


def test_open_interest_comes_on_the_grid_the_venue_keeps_whatever_the_candles(
    tmp_path: Path,
) -> None:
    with paper_venue() as (_, url):
        code, document = lockstep(
            *("data", "sync", "--symbol", "BTCUSDT", "--since", "2026-01-10", "--timeframe", "1m"),
            *("--kinds", "kline,open_interest", "--exchange-url", url),
            home=tmp_path,
        )
    assert code == 0
    assert [(i["kind"], i["timeframe"], i["status"]) for i in document["items"]] == [
        ("kline", "1m", "complete"),
        ("open_interest", "5m", "complete"),
    ]


def test_a_listing_that_cannot_be_read_costs_the_facts_and_not_the_candles(
    tmp_path: Path,
) -> None:
    fault = Fault(kind=FaultKind.RET_CODE, path="/instruments-info", ret_code=10005, times=9)
    with paper_venue(faults=[fault]) as (_, url):
        code, document = lockstep(
            *("data", "sync", "--symbol", "BTCUSDT", "--since", "2026-01-09", "--timeframe", "1h"),
            *("--kinds", "kline,instruments", "--exchange-url", url),
            home=tmp_path,
        )
    assert (code, document["state"]) == (1, "PartialFailure")
    statuses = {item["kind"]: (item["status"], item["absent"]) for item in document["items"]}
    assert statuses == {"kline": ("complete", []), "instruments": ("failed", [])}
    assert "ret_code_10005" in document["items"][1]["cause"]


def test_a_ban_is_remembered_by_the_store_and_the_next_sync_does_not_ask(tmp_path: Path) -> None:
    fault = Fault(kind=FaultKind.FORBIDDEN, path="/kline")
    with paper_venue(faults=[fault]) as (venue, url):
        arguments = ("data", "sync", "--symbol", "BTCUSDT", "--since", "2026-01-09", "--kinds")
        first = lockstep(*arguments, "kline", "--exchange-url", url, home=tmp_path)
        assert (first[0], first[1]["state"]) == (1, "Failed")
        asked_before = len(venue.received)
        code, document = lockstep(*arguments, "kline", "--exchange-url", url, home=tmp_path)
        assert (code, document["items"][0]["cause"][:9]) == (1, "ip_banned")
        assert len(venue.received) == asked_before
        assert document["banned_until_ms"] == first[1]["banned_until_ms"] > 0
