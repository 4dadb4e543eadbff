"""The write lock belongs to a living process, whatever its files say (C5)."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from engine.errors import LockBusy
from tasks.store import Series, Store
from tasks.store.lock import LOCK_FILE, OWNER_FILE, write_lock
from tests.tasks.store.samples import T0, candles, run, spawn

HOLD = """
import sys, time
from pathlib import Path
from tasks.store import Store
with Store(Path(sys.argv[1]), "backtest").writer():
    print("held", flush=True)
    time.sleep(60)
"""

HOLD_WITH_FORKED_CHILD = """
import os, sys, time
from pathlib import Path
from tasks.store.lock import write_lock
with write_lock(Path(sys.argv[1]), 0):
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
"""

COUNT = """
import sys
from pathlib import Path
import numpy as np
from tasks.store import Series, Store
store, series = Store(Path(sys.argv[1]), "backtest"), Series.of("BTCUSDT", "funding", None)
for _ in range(int(sys.argv[2])):
    with store.writer(timeout_s=60) as writer:
        stored = writer.rows(series, 0, 2**62)["rate_e8"]
        count = int(stored[0]) if len(stored) else 0
        writer.ingest(series, {
            "ts_ms": np.array([0]), "rate_e8": np.array([count + 1]),
            "interval_min": np.array([480.0]),
        })
"""

COUNT_IN_FILE = """
import sys
from pathlib import Path
from tasks.store.lock import write_lock
home, counter = Path(sys.argv[1]), Path(sys.argv[1]) / "counter"
for _ in range(int(sys.argv[2])):
    with write_lock(home, 60):
        assert not (home / "inside").exists()
        (home / "inside").touch()
        counter.write_text(str(int(counter.read_text()) + 1))
        (home / "inside").unlink()
"""


def back_date(store: Store) -> None:
    """Make every fact about the lock an hour old."""
    facts = json.loads((store.directory / OWNER_FILE).read_text())
    facts["acquired_at_ms"] -= 3_600_000
    (store.directory / OWNER_FILE).write_text(json.dumps(facts))
    hour_ago = time.time() - 3600
    for name in (LOCK_FILE, OWNER_FILE):
        os.utime(store.directory / name, (hour_ago, hour_ago))


def test_c5_a_living_holder_keeps_the_lock_however_old_its_facts_and_a_killed_one_frees_it(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path, "backtest")
    holder = spawn(HOLD, tmp_path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        back_date(store)
        before = time.monotonic()
        with pytest.raises(LockBusy) as refused, store.writer(timeout_s=1) as writer:
            writer.ingest(Series.of("BTCUSDT", "kline", "1m"), candles(3))
        assert 0.9 < time.monotonic() - before < 5
        assert refused.value.pid == holder.pid
        assert str(holder.pid) in refused.value.message
        assert refused.value.exit_code == 3
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with store.writer(timeout_s=1) as writer:
        assert writer.series() == []


def test_c5_a_process_forked_by_the_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    holder = spawn(HOLD_WITH_FORKED_CHILD, tmp_path)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        os.kill(child, 0)  # the forked child is alive
        with write_lock(tmp_path, 1):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        holder.communicate()


def test_c5_a_second_writer_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer(), pytest.raises(LockBusy) as refused, store.writer():
        pass
    assert refused.value.pid == os.getpid()


def test_c5_the_lock_file_is_never_deleted_or_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    inodes = set()
    for _ in range(3):
        with store.writer():
            inodes.add((store.directory / LOCK_FILE).stat().st_ino)
        inodes.add((store.directory / LOCK_FILE).stat().st_ino)
    assert len(inodes) == 1


def test_c5_an_exception_inside_frees_the_lock(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with pytest.raises(ZeroDivisionError), store.writer():
        raise ZeroDivisionError
    with store.writer():
        pass


def test_c5_owner_facts_name_process_host_boot_and_flow_run(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer(flow_run="nightly"):
        facts = json.loads((store.directory / OWNER_FILE).read_text())
    assert facts["pid"] == os.getpid()
    assert facts["flow_run"] == "nightly"
    assert set(facts) == {
        "pid",
        "process_start_ticks",
        "host",
        "boot_id",
        "flow_run",
        "acquired_at_ms",
    }


def test_c5_two_processes_racing_to_count_lose_no_count(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    racers = [spawn(COUNT_IN_FILE, tmp_path, 100) for _ in range(2)]
    for racer in racers:
        _, err = racer.communicate(timeout=120)
        assert racer.returncode == 0, err
    assert (tmp_path / "counter").read_text() == "200"


def count_rows_in_the_store(home: Path, times: int) -> int:
    racers = [spawn(COUNT, home, times) for _ in range(2)]
    for racer in racers:
        _, err = racer.communicate(timeout=240)
        assert racer.returncode == 0, err
    with Store(home, "backtest").writer() as writer:
        (count,) = writer.rows(Series.of("BTCUSDT", "funding", None), 0, 2**62)["rate_e8"]
        assert writer.problems() == []
    return int(count)


def test_c5_two_processes_racing_to_rewrite_a_row_lose_no_write(tmp_path: Path) -> None:
    assert count_rows_in_the_store(tmp_path, 15) == 30


@pytest.mark.full
def test_c5_two_processes_racing_200_times_each_lose_no_write(tmp_path: Path) -> None:
    assert count_rows_in_the_store(tmp_path, 200) == 400


def test_readers_open_what_a_writer_left_without_loading_the_database(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.ingest(Series.of("BTCUSDT", "kline", "1m"), candles(3))
        store.publish_snapshot(writer)
    code = """
import sys
from pathlib import Path
from tasks.store import Store
(series,) = Store(Path(sys.argv[1]), "backtest").snapshot().series()
Store(Path(sys.argv[1]), "backtest").snapshot().bars(
    "BTCUSDT", "kline", "1m", series.first_ms, series.until_ms)
loaded = [name for name in ("duckdb", "pandas", "prefect") if name in sys.modules]
print(series.rows, series.first_ms, loaded)
"""
    assert run(code, tmp_path) == f"3 {T0} []\n"
