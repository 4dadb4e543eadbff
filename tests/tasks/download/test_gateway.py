"""The gateway over real HTTP: typed, retried where that helps, and nothing half taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import ConfigError, IpBanned, SchemaError, VenueError
from live.paper import Fault, FaultKind
from tasks.download import RequestLimiter, RetryPolicy, VenueGateway, endpoint_of
from tasks.store import Series
from tests.live.paper.markets import DAY, HOUR, MINUTE, T0, market, paper_venue

KLINE = Series.of("BTCUSDT", "kline", "1m")
HOURLY = (T0, T0 + 100 * MINUTE)


class Waits:
    """Sleeping that takes no time and is written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def gateway_of(url: str, waits: Waits | None = None, **options: Any) -> VenueGateway:
    slept = waits or Waits()
    now = [0.0]
    limiter = RequestLimiter(
        sleep=lambda s: (slept.sleep(s), now.__setitem__(0, now[0] + s))[0],
        monotonic=lambda: now[0],
    )
    return VenueGateway(url, limiter, **{"timeout_s": 10.0, **options})


def test_a_list_longer_than_a_page_is_read_to_its_oldest_row() -> None:
    with paper_venue() as (venue, url):
        gateway = gateway_of(url)
        rows = gateway.candles(KLINE, (T0, T0 + 2_500 * MINUTE))
        opened = [int(row[0]) for row in rows]
        assert opened == [T0 + k * MINUTE for k in range(2_499, -1, -1)]
        assert len(venue.received) == 3
        events = gateway.funding(Series.of("BTCUSDT", "funding", None), (T0, T0 + 9 * DAY))
        assert [int(e.ts) for e in events] == [T0 + k * 8 * HOUR for k in range(26, -1, -1)]
        interest = Series.of("BTCUSDT", "open_interest", "5m")
        values = gateway.open_interest(interest, (T0, T0 + 2 * DAY))
        assert [int(v.ts) for v in values] == [T0 + k * 5 * MINUTE for k in range(575, -1, -1)]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FaultKind.SERVER_ERROR, {}),
        (FaultKind.RET_CODE, {"ret_code": 10016}),
        (FaultKind.TRUNCATED, {}),
        (FaultKind.TIMEOUT, {"seconds": 3.0}),
        (FaultKind.RATE_LIMIT, {}),
    ],
)
def test_h14_a_passing_trouble_is_tried_again_and_the_answer_is_whole(
    kind: FaultKind, options: dict[str, Any]
) -> None:
    fault = Fault(kind=kind, path="/kline", times=2, **options)
    with paper_venue(faults=[fault]) as (venue, url):
        slow = kind is FaultKind.TIMEOUT
        rows = gateway_of(url, timeout_s=1.0 if slow else 10.0).candles(KLINE, HOURLY)
        assert len(rows) == 100
        assert len(venue.received) == 3


def test_attempts_end_after_five_and_wait_at_most_thirty_seconds() -> None:
    fault = Fault(kind=FaultKind.SERVER_ERROR, path="/kline", times=99)
    with paper_venue(faults=[fault]) as (venue, url):
        waits = Waits()
        with pytest.raises(VenueError, match="http_502"):
            gateway_of(url, waits).candles(KLINE, HOURLY)
        assert len(venue.received) == 5
        assert len(waits.slept) == 4
        # 0.5, 1, 2, 4 seconds, each shortened by up to half
        for wait, most in zip(waits.slept, (0.5, 1.0, 2.0, 4.0), strict=True):
            assert most / 2 <= wait <= most
        long = RetryPolicy(attempts=5, backoff_s=30.0, first_wait_s=20.0)
        waits = Waits()
        with pytest.raises(VenueError):
            gateway_of(url, waits, policy=long).candles(KLINE, HOURLY)
        assert sum(waits.slept) <= 30.0


def test_equal_seeds_wait_equally() -> None:
    fault = Fault(kind=FaultKind.SERVER_ERROR, path="/kline", times=99)
    slept = []
    with paper_venue(faults=[fault]) as (_, url):
        for seed in (1, 1, 2):
            waits = Waits()
            with pytest.raises(VenueError):
                gateway_of(url, waits, jitter_seed=seed).candles(KLINE, HOURLY)
            slept.append(waits.slept)
    assert slept[0] == slept[1] != slept[2]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(kind=FaultKind.RET_CODE, ret_code=10001), "ret_code_10001"),
        (Fault(kind=FaultKind.WRONG_SYMBOL), "answered with OTHERUSDT"),
    ],
)
def test_what_will_not_pass_fails_at_once(fault: Fault, says: str) -> None:
    with paper_venue(faults=[fault]) as (venue, url):
        with pytest.raises(VenueError, match=says):
            gateway_of(url).candles(KLINE, HOURLY)
        assert len(venue.received) == 1


def test_an_unknown_symbol_is_told_apart() -> None:
    with paper_venue() as (_, url):
        with pytest.raises(VenueError) as refused:
            gateway_of(url).instruments("NOPEUSDT")
        assert refused.value.code == "SYMBOL_UNKNOWN"


def test_403_closes_the_limiter_for_the_ban_and_no_request_follows() -> None:
    now = [1_000_000]
    fault = Fault(kind=FaultKind.FORBIDDEN, path="/kline")
    with paper_venue(faults=[fault]) as (venue, url):
        limiter = RequestLimiter(now_ms=lambda: now[0])
        gateway = VenueGateway(url, limiter, ban_wait_s=600.0, now_ms=lambda: now[0])
        for _ in range(2):
            with pytest.raises(IpBanned) as refused:
                gateway.candles(KLINE, HOURLY)
            assert refused.value.until_ms == 1_000_000 + 600_000
        assert len(venue.received) == 1
        now[0] += 600_000
        assert len(gateway.candles(KLINE, HOURLY)) == 100


def test_a_venue_that_is_not_there_is_one_clear_error() -> None:
    with paper_venue() as (_, url):
        pass
    with pytest.raises(VenueError, match="connection") as refused:
        gateway_of(url).instruments()
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 1


def test_server_time_is_told_with_the_hosts_drift() -> None:
    host_ms = T0 + 10 * DAY + 3_000
    with paper_venue(now_ms=T0 + 10 * DAY) as (_, url):
        reading = VenueGateway(url, now_ms=lambda: host_ms).server_time()
    assert (reading.server_ms, reading.drift_ms) == (T0 + 10 * DAY, 3_000)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.bybit.com",
        "http://10.0.0.1:8000",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "",
    ],
)
def test_plain_http_is_accepted_for_this_machine_only(url: str) -> None:
    with pytest.raises(ConfigError):
        endpoint_of(url)


@pytest.mark.parametrize(
    "url",
    ["https://api.bybit.com", "http://127.0.0.1:8000/", "http://localhost:1", "http://[::1]:80"],
)
def test_a_safe_address_is_accepted(url: str) -> None:
    assert endpoint_of(url) == url.rstrip("/")


def spoil(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one field of an answer; value None removes it."""

    def change(answer: dict[str, Any]) -> None:
        *holders, name = path.split(".")
        place: Any = answer
        for key in holders:
            place = place[int(key)] if key.isdecimal() else place[key]
        if value is None:
            del place[name]
        else:
            place[int(name) if name.isdecimal() else name] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("result", None),
        ("result", []),
        ("time", None),
        ("result.symbol", None),
        ("result.list", None),
        ("result.list", {}),
        ("result.list.0.1", ""),
        ("result.list.0.1", "NaN"),
        ("result.list.0.0", "yesterday"),
        ("result.list.0", ["1767225600000", "1", "1", "1", "1"]),
    ],
)
def test_h15_an_answer_of_another_shape_raises_and_is_never_empty(path: str, value: Any) -> None:
    from tasks.download.envelope import unwrap
    from tasks.download.models import Candles, LastCandle

    bars = market("BTCUSDT").klines
    row = [str(T0), *(str(c[0]) for c in (bars.open, bars.high, bars.low, bars.close))]
    answer: dict[str, Any] = {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"symbol": "BTCUSDT", "category": "linear", "list": [[*row, "1", "2"]]},
        "retExtInfo": {},
        "time": T0,
    }
    assert len(unwrap(answer, Candles[LastCandle], "get_kline").rows) == 1
    spoil(path, value)(answer)
    with pytest.raises(SchemaError) as refused:
        unwrap(answer, Candles[LastCandle], "get_kline")
    assert "get_kline" in str(refused.value)
    assert "\n" not in str(refused.value)
