"""One limiter for all workers: the venue's rate, its headers, and its bans."""

from __future__ import annotations

import threading

import pytest

from engine.errors import IpBanned, VenueError
from tasks.download import RequestLimiter


class Time:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ms(self) -> int:
        return int(self.now * 1000)


def limiter_of(time: Time, requests: int = 3) -> RequestLimiter:
    return RequestLimiter(
        requests, 5.0, now_ms=time.ms, monotonic=lambda: time.now, sleep=time.sleep
    )


def test_no_window_of_five_seconds_holds_more_requests_than_allowed() -> None:
    time = Time()
    limiter, sent = limiter_of(time), []
    for k in range(40):
        limiter.acquire()
        sent.append(time.now)
        time.now += 0.3 * (k % 3)
    assert all(b - a >= 5.0 - 1e-9 for a, b in zip(sent, sent[3:], strict=False))
    assert sum(time.slept) < 70.0


def test_workers_share_the_allowance() -> None:
    limiter = RequestLimiter(50, 0.4)
    times: list[float] = []
    turn = threading.Lock()

    def work() -> None:
        import time

        for _ in range(25):
            limiter.acquire()
            with turn:
                times.append(time.monotonic())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(times) == 100
    times.sort()
    assert all(b - a > 0.35 for a, b in zip(times, times[50:], strict=False))


def test_an_answer_that_says_the_limit_is_used_up_holds_all_back_until_its_reset() -> None:
    time = Time()
    limiter = limiter_of(time, 100)
    limiter.acquire()
    limiter.observe({"X-Bapi-Limit-Status": "3", "X-Bapi-Limit-Reset-Timestamp": "900"})
    limiter.acquire()
    assert time.now == 0.0
    limiter.observe({"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": "900"})
    limiter.acquire()
    assert time.now == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("reset", "wait"), [("", 5.0), ("x", 5.0), ("0", 0.0), ("999999999", 10.0)]
)
def test_a_reset_time_that_cannot_be_is_kept_within_bounds(reset: str, wait: float) -> None:
    time = Time()
    time.now = 1.0
    assert limiter_of(time).reset_wait_s({"X-Bapi-Limit-Reset-Timestamp": reset}) == wait


def test_a_ban_stops_every_request_until_it_ends() -> None:
    time = Time()
    limiter = limiter_of(time)
    limiter.ban(2_000)
    with pytest.raises(IpBanned) as refused:
        limiter.acquire()
    assert refused.value.until_ms == 2_000
    assert time.slept == []
    time.now = 2.0
    limiter.acquire()
    assert limiter.banned_until_ms is None


def test_a_stop_ends_waits_and_lets_nothing_through() -> None:
    limiter = RequestLimiter(1, 60.0)
    limiter.acquire()
    raised: list[str] = []

    def wait() -> None:
        try:
            limiter.acquire()
        except VenueError as error:
            raised.append(error.code)

    waiter = threading.Thread(target=wait)
    waiter.start()
    limiter.stop()
    waiter.join(5.0)
    assert raised == ["CANCELLED"]
