"""Two syncs at once: one runs, the other is told who holds the lock, or waits as asked (C5)."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from live.paper import Fault, FaultKind, Venue
from tasks.store import Series, Store
from tests.flows.commands import kill_9, lockstep, started
from tests.live.paper.markets import DAY, T0, paper_venue

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(240)]

KLINE = Series.of("BTCUSDT", "kline", "5m")


def arguments(url: str) -> tuple[object, ...]:
    return (
        *("data", "sync", "--symbol", "BTCUSDT", "--timeframe", "5m", "--kinds", "kline"),
        *("--since", "2026-01-01", "--until", "2026-01-10", "--exchange-url", url),
        *("--set", "sync.timeout_s=60"),
    )


def wait_for_rows_asked(venue: Venue, process: subprocess.Popen[str]) -> None:
    """Until the process holds the lock and has asked for rows."""
    deadline = time.monotonic() + 90
    while not any(r.path.endswith("/kline") for r in venue.received):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_c5_the_second_sync_is_told_the_holder_and_a_killed_holder_frees_the_lock_at_once(
    tmp_path: Path,
) -> None:
    slow = Fault(kind=FaultKind.TIMEOUT, path="/kline", skip=1, seconds=60.0)
    with paper_venue(faults=[slow]) as (venue, url):
        first = started(*arguments(url), home=tmp_path)
        try:
            wait_for_rows_asked(venue, first)
            code, document = lockstep(*arguments(url), home=tmp_path)
            assert (code, document["error"]["code"]) == (3, "LOCK_BUSY")
            assert document["error"]["pid"] == first.pid
        finally:
            kill_9(first)
        code, document = lockstep(*arguments(url), home=tmp_path)
        assert (code, document["state"]) == (0, "Completed")
    with Store(tmp_path, "backtest").writer() as writer:
        assert writer.coverage(KLINE) == [(T0, T0 + 9 * DAY)]
        assert writer.problems() == []


def test_c5_the_second_sync_waits_if_asked_and_then_finds_nothing_to_do(tmp_path: Path) -> None:
    slow = Fault(kind=FaultKind.TIMEOUT, path="/kline", skip=1, seconds=4.0)
    with paper_venue(faults=[slow]) as (venue, url):
        first = started(*arguments(url), home=tmp_path)
        wait_for_rows_asked(venue, first)
        code, document = lockstep(*arguments(url), "--set", "sync.lock_wait_s=90", home=tmp_path)
        _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert (code, document["items"][0]["status"]) == (0, "up_to_date")


def test_an_interrupted_sync_exits_130_and_leaves_a_store_that_resumes(tmp_path: Path) -> None:
    slow = Fault(kind=FaultKind.TIMEOUT, path="/kline", skip=1, seconds=2.0, times=99)
    with paper_venue(faults=[slow]) as (venue, url):
        syncing = started(*arguments(url), home=tmp_path)
        wait_for_rows_asked(venue, syncing)
        time.sleep(1.0)
        syncing.send_signal(signal.SIGINT)
        syncing.communicate(timeout=60)
        assert syncing.returncode == 130
    with Store(tmp_path, "backtest").writer() as writer:
        assert writer.problems() == []
        ((start, end),) = writer.coverage(KLINE)
        assert (start, end < T0 + 9 * DAY) == (T0, True)
    with paper_venue() as (venue, url):
        code, document = lockstep(*arguments(url), home=tmp_path)
        assert (code, document["state"]) == (0, "Completed")
        asked = [int(r.query["start"]) for r in venue.received if "start" in r.query]
        assert min(asked) == end
