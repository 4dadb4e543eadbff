"""The market door answers an unmodified pybit as the venue's documentation says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from live.paper import Fault, FaultKind, RequestWindow
from live.paper.candles import aggregated
from tests.live.paper.markets import DAY, HOUR, MINUTE, T0, market, paper_venue

NOW = T0 + 10 * DAY + 5 * HOUR + 20 * MINUTE + 30_000
BTC = {"category": "linear", "symbol": "BTCUSDT"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with paper_venue(("BTCUSDT", "ETHUSDT"), now_ms=NOW) as (_, address):
        yield address


@pytest.fixture
def session(url: str) -> HTTP:
    return connected(url)


def connected(url: str, **options: Any) -> HTTP:
    session = HTTP(**options)
    session.endpoint = url
    return session


def starts(answer: dict[str, Any]) -> list[int]:
    return [int(row[0]) for row in answer["result"]["list"]]


def test_candles_come_newest_first_with_the_forming_one_and_200_by_default(session: HTTP) -> None:
    answer = session.get_kline(**BTC, interval="1")
    opened = starts(answer)
    forming = NOW // MINUTE * MINUTE
    assert opened == [forming - k * MINUTE for k in range(200)]
    first, second = answer["result"]["list"][:2]
    assert first[1] == first[2] == first[3] == first[4] == second[4]  # opened, no trade yet
    assert first[5:] == ["0", "0"]
    assert len(second) == 7
    assert all(isinstance(value, str) for value in second)


def test_both_ends_of_a_range_are_included_and_a_page_holds_at_most_1000(session: HTTP) -> None:
    end = T0 + 3 * DAY
    answer = session.get_kline(**BTC, interval="1", start=T0, end=end, limit=1000)
    assert starts(answer) == [end - k * MINUTE for k in range(1000)]
    short = session.get_kline(**BTC, interval="1", start=T0, end=T0 + 2 * MINUTE)
    assert starts(short) == [T0 + 2 * MINUTE, T0 + MINUTE, T0]
    forward = session.get_kline(**BTC, interval="1", start=T0, limit=3)
    assert starts(forward) == [T0 + 2 * MINUTE, T0 + MINUTE, T0]
    with pytest.raises(InvalidRequestError, match="limit"):
        session.get_kline(**BTC, interval="1", limit=1001)


def test_candles_carry_the_markets_own_values(session: HTTP) -> None:
    bars = market("BTCUSDT").klines
    (row,) = session.get_kline(**BTC, interval="1", start=T0 + HOUR, end=T0 + HOUR)["result"][
        "list"
    ]
    k = 60
    values = [bars.open[k], bars.high[k], bars.low[k], bars.close[k], bars.volume[k]]
    assert [float(text) for text in row[1:6]] == values
    assert "e" not in "".join(row)


@pytest.mark.parametrize(
    ("code", "ms"), [("5", 5 * MINUTE), ("60", HOUR), ("240", 4 * HOUR), ("D", DAY)]
)
def test_slower_candles_are_made_of_the_minutes_they_hold(
    session: HTTP, code: str, ms: int
) -> None:
    bars = market("BTCUSDT").klines
    begin = T0 + 3 * DAY
    a, b = (begin - T0) // MINUTE, (begin + ms - T0) // MINUTE
    (row,) = session.get_kline(**BTC, interval=code, start=begin, end=begin)["result"]["list"]
    expected = [bars.open[a], bars.high[a:b].max(), bars.low[a:b].min(), bars.close[b - 1]]
    assert [float(text) for text in row[1:5]] == expected
    assert float(row[5]) == pytest.approx(bars.volume[a:b].sum(), rel=1e-12)


def test_the_forming_hour_holds_the_minutes_so_far(session: HTTP) -> None:
    bars = market("BTCUSDT").klines
    (row,) = session.get_kline(**BTC, interval="60", limit=1)["result"]["list"]
    opened = NOW // HOUR * HOUR
    a, b = (opened - T0) // MINUTE, (NOW // MINUTE * MINUTE - T0) // MINUTE
    assert int(row[0]) == opened
    assert float(row[2]) == max(bars.high[a:b].max(), bars.open[b])
    assert float(row[4]) == bars.open[b]


def test_mark_and_index_candles_have_five_columns(session: HTTP) -> None:
    for read in (session.get_mark_price_kline, session.get_index_price_kline):
        rows = read(**BTC, interval="60", limit=3)["result"]["list"]
        assert [len(row) for row in rows] == [5, 5, 5]


def test_funding_lists_what_was_paid_newest_first_and_refuses_a_start_alone(session: HTTP) -> None:
    answer = session.get_funding_rate_history(**BTC, limit=3)["result"]["list"]
    last = NOW // (8 * HOUR) * 8 * HOUR
    times = [int(event["fundingRateTimestamp"]) for event in answer]
    assert times == [last, last - 8 * HOUR, last - 16 * HOUR]
    generated = market("BTCUSDT")
    rates = generated.funding_rate_e8[np.searchsorted(generated.funding_ms, times)]
    assert [round(float(event["fundingRate"]) * 1e8) for event in answer] == rates.tolist()
    with pytest.raises(InvalidRequestError, match="endTime"):
        session.get_funding_rate_history(**BTC, startTime=T0)


def test_open_interest_is_paged_by_cursor(session: HTTP) -> None:
    bounds = {"startTime": T0, "endTime": T0 + 10 * HOUR, "intervalTime": "1h", "limit": 4}
    times, cursor = [], ""
    for _ in range(3):
        result = session.get_open_interest(**BTC, **bounds, cursor=cursor)["result"]
        times += [int(value["timestamp"]) for value in result["list"]]
        cursor = result["nextPageCursor"]
    assert times == [T0 + k * HOUR for k in range(10, -1, -1)]
    assert cursor == ""


def test_instruments_are_paged_and_one_can_be_asked_for(session: HTTP) -> None:
    first = session.get_instruments_info(category="linear", limit=1)["result"]
    second = session.get_instruments_info(
        category="linear", limit=1, cursor=first["nextPageCursor"]
    )["result"]
    assert [r["symbol"] for r in first["list"] + second["list"]] == ["BTCUSDT", "ETHUSDT"]
    assert second["nextPageCursor"] == ""
    (one,) = session.get_instruments_info(**BTC)["result"]["list"]
    assert (one["priceFilter"]["tickSize"], one["launchTime"]) == ("0.1", str(T0))


def test_the_venue_tells_its_own_time(session: HTTP) -> None:
    answer = session.get_server_time()
    assert answer["result"] == {"timeSecond": str(NOW // 1000), "timeNano": str(NOW * 1_000_000)}
    assert answer["time"] == NOW


def test_a_ticker_shows_the_market_now(session: HTTP) -> None:
    (ticker,) = session.get_tickers(**BTC)["result"]["list"]
    bars = market("BTCUSDT").klines
    b = (NOW // MINUTE * MINUTE - T0) // MINUTE
    assert float(ticker["lastPrice"]) == bars.open[b]
    assert float(ticker["highPrice24h"]) == max(bars.high[b - 1439 : b].max(), bars.open[b])
    assert int(ticker["nextFundingTime"]) == (NOW // (8 * HOUR) + 1) * 8 * HOUR


@pytest.mark.parametrize(
    "query",
    [
        {"category": "linear", "symbol": "NOPEUSDT", "interval": "1"},
        {"category": "linear", "symbol": "BTCUSDT", "interval": "15m"},
        {"category": "spot", "symbol": "BTCUSDT", "interval": "1"},
        {"category": "linear", "symbol": "BTCUSDT"},
        {"category": "linear", "symbol": "BTCUSDT", "interval": "1", "start": "now"},
    ],
)
def test_a_bad_parameter_is_code_10001_with_http_200(url: str, query: dict[str, str]) -> None:
    answer = requests.get(f"{url}/v5/market/kline", params=query, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["retCode"] == 10001
    assert answer.json()["retMsg"].startswith("params error")


@pytest.mark.realdata
def test_answers_have_the_fields_of_the_documented_ones(session: HTTP, shared_data: Path) -> None:
    reads = {
        "rest_market_kline": session.get_kline(**BTC, interval="1"),
        "rest_market_mark_kline": session.get_mark_price_kline(**BTC, interval="1"),
        "rest_market_history_fund_rate": session.get_funding_rate_history(**BTC),
        "rest_market_risk_limit": session.get_risk_limit(**BTC),
        "rest_market_time": session.get_server_time(),
    }
    for page, answer in reads.items():
        document = json.loads((shared_data / "payloads" / "docs" / f"{page}.json").read_text())
        documented = document["responses"][0]["json"]
        assert set(answer) == set(documented)
        assert set(documented["result"]) <= set(answer["result"])
        rows = [a["result"].get("list", [None])[0] for a in (answer, documented)]
        if isinstance(rows[1], dict):
            assert set(rows[1]) <= set(rows[0])
        elif rows[1] is not None:
            assert len(rows[0]) == len(rows[1])


def test_more_requests_than_allowed_are_answered_403_and_the_address_stays_out() -> None:
    now = [0.0]
    limits = RequestWindow(requests_max=3, window_s=5.0, ban_s=600.0, monotonic=lambda: now[0])
    with paper_venue(limits=limits) as (_, url):
        path = f"{url}/v5/market/time"
        told = [requests.get(path, timeout=5).headers["X-Bapi-Limit-Status"] for _ in range(3)]
        assert told == ["2", "1", "0"]
        assert requests.get(path, timeout=5).status_code == 403
        now[0] = 599.0
        assert requests.get(path, timeout=5).status_code == 403
        now[0] = 601.0
        assert requests.get(path, timeout=5).status_code == 200


def test_faults_strike_the_requests_they_name_and_no_other() -> None:
    faults = [
        Fault(kind=FaultKind.SERVER_ERROR, path="/kline", skip=1),
        Fault(kind=FaultKind.FORBIDDEN, path="/time"),
        Fault(kind=FaultKind.TRUNCATED, path="/mark-price-kline"),
        Fault(kind=FaultKind.WRONG_SYMBOL, path="/open-interest"),
    ]
    with paper_venue(faults=faults) as (venue, url):
        session = connected(url)
        session.get_kline(**BTC, interval="1")
        with pytest.raises(FailedRequestError) as failed:
            session.get_kline(**BTC, interval="1")
        assert failed.value.status_code == 502
        session.get_kline(**BTC, interval="1")
        with pytest.raises(FailedRequestError, match="403"):
            session.get_server_time()
        with pytest.raises(FailedRequestError, match="JSON"):
            session.get_mark_price_kline(**BTC, interval="1")
        answer = session.get_open_interest(**BTC, intervalTime="1h")
        assert answer["result"]["symbol"] == "OTHERUSDT"
        paths = [received.path.rpartition("/")[2] for received in venue.received]
        assert paths == ["kline", "kline", "kline", "time", "mark-price-kline", "open-interest"]


def test_a_rewritten_candle_is_possible_and_only_for_a_while() -> None:
    at = T0 + 30 * MINUTE
    fault = Fault(kind=FaultKind.REWRITTEN_CANDLE, path="/kline", at_ms=at)
    with paper_venue(faults=[fault]) as (_, url):
        session = connected(url)
        window = {"start": at, "end": at, "interval": "1"}
        early, late = (session.get_kline(**BTC, **window)["result"]["list"][0] for _ in range(2))
        assert early[4] == early[3] == late[3]
        assert late[4] == repr(float(market("BTCUSDT").klines.close[30])).removesuffix(".0")


def test_aggregation_gives_each_slow_bar_only_the_minutes_it_holds() -> None:
    from engine.timeframe import Timeframe

    bars = market("BTCUSDT").klines[slice(7, 33)]
    slow = aggregated(bars, Timeframe.M15)
    assert slow.open_ms.tolist() == [T0, T0 + 15 * MINUTE, T0 + 30 * MINUTE]
    assert slow.open[0] == bars.open[0]
    assert slow.close[0] == bars.close[7]
    assert slow.high[1] == bars.high[8:23].max()
    assert slow.low[2] == bars.low[23:].min()
