"""A sync killed, starved of disk or locked out keeps what it had and claims nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import StoreError
from tasks.download import RequestLimiter, SeriesWork, VenueGateway, sync_series
from tasks.store import Series, Store
from tests.live.paper.markets import DAY, T0, paper_venue
from tests.tasks.store.samples import run, spawn

NOW = T0 + 11 * DAY
ALL = [
    Series.of("BTCUSDT", kind, timeframe)
    for kind, timeframe in (
        ("kline", "1m"),
        ("mark", "1m"),
        ("funding", None),
        ("open_interest", "5m"),
    )
]

SYNC = """
import sys
from pathlib import Path
from tasks.store import Store
from tests.tasks.store.test_crash_sync import sync_all
store = Store(Path(sys.argv[1]), "backtest")
print("begun", flush=True)
sync_all(store, sys.argv[2])
"""


def sync_all(store: Store, url: str) -> None:
    """Sync every series, publishing after each."""
    gateway = VenueGateway(url, RequestLimiter())
    with store.writer(timeout_s=10) as writer:
        for series in ALL:
            work = SeriesWork(series, T0, T0 + 10 * DAY, NOW, 2_000, T0, "run")
            sync_series(writer, gateway, work)
            store.publish_snapshot(writer)


def digests(store: Store) -> dict[str, str]:
    """The content of every series a reader sees."""
    snapshot = store.snapshot()
    return {
        f"{info.symbol} {info.kind} {info.timeframe}": snapshot.content_sha256(
            info.symbol, info.kind.value, info.timeframe, T0, T0 + 10 * DAY
        )
        for info in snapshot.series()
    }


def check_store(store: Store) -> None:
    """The store opens and its invariants hold, and so do those of what readers see."""
    with store.writer(timeout_s=1) as writer:
        assert writer.problems() == []
        versions = writer.arrow("SELECT version FROM schema_version ORDER BY ALL", [])
        assert versions["version"].to_pylist() == list(range(1, len(versions) + 1))
    if store.has_snapshot():
        snapshot = store.snapshot()
        for info in snapshot.series():
            series = Series.of(info.symbol, info.kind.value, info.timeframe or None)
            assert len(next(iter(snapshot.columns(series, 0, 2**62).values()))) == info.rows


@pytest.fixture(scope="module")
def venue_url() -> Iterator[str]:
    with paper_venue(now_ms=NOW) as (_, url):
        yield url


@pytest.fixture(scope="module")
def whole(venue_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an uninterrupted sync leaves."""
    store = Store(tmp_path_factory.mktemp("whole"), "backtest")
    sync_all(store, venue_url)
    return digests(store)


def torture(home: Path, url: str, whole: dict[str, str], kills: int, seed: int) -> None:
    instants = random.Random(seed)
    begun = time.monotonic()
    run(SYNC, home / "timed", url)
    longest = time.monotonic() - begun
    store = Store(home / "killed", "backtest")
    for _ in range(kills):
        syncing = spawn(SYNC, home / "killed", url)
        assert syncing.stdout is not None
        syncing.stdout.readline()
        time.sleep(instants.uniform(0.0, 0.6 * longest))
        syncing.send_signal(signal.SIGKILL)
        syncing.communicate()
        check_store(store)
    run(SYNC, home / "killed", url)
    check_store(store)
    assert digests(store) == whole


def test_kill_9_during_syncs_leaves_a_whole_store_and_the_next_sync_completes_it(
    tmp_path: Path, venue_url: str, whole: dict[str, str]
) -> None:
    torture(tmp_path, venue_url, whole, kills=5, seed=20260401)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(5))
def test_kill_9_of_syncs_at_twenty_instants(
    tmp_path: Path, venue_url: str, whole: dict[str, str], seed: int
) -> None:
    torture(tmp_path, venue_url, whole, kills=20, seed=seed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes, or a skip where this process may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(
    small_disk: Path, venue_url: str, whole: dict[str, str]
) -> None:
    store = Store(small_disk, "backtest")
    with pytest.raises(StoreError) as full:
        sync_all(store, venue_url)
    assert full.value.code in ("STORE_IO", "STORE_DAMAGED")
    assert "\n" not in str(full.value)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    check_store(store)
    sync_all(store, venue_url)
    check_store(store)
    assert digests(store) == whole


QUOTA = """
import resource, sys
from pathlib import Path
from engine.errors import StoreError
from tasks.store import Store
from tests.tasks.store.test_crash_sync import sync_all
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
try:
    sync_all(Store(Path(sys.argv[1]), "backtest"), sys.argv[2])
except StoreError as error:
    print(error.code)
"""


def test_a_quota_that_is_used_up_is_one_clear_error_and_nothing_is_lost(
    tmp_path: Path, venue_url: str, whole: dict[str, str]
) -> None:
    store = Store(tmp_path, "backtest")
    assert run(QUOTA, tmp_path, venue_url) == "STORE_IO\n"
    check_store(store)
    sync_all(store, venue_url)
    assert digests(store) == whole


def test_a_read_only_store_is_one_clear_error_and_still_read(
    small_disk: Path, venue_url: str
) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    store = Store(small_disk, "backtest")
    sync_all(store, venue_url)
    before = digests(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError) as refused, store.writer():
        pass
    assert refused.value.code == "LOCK_UNAVAILABLE"
    assert "\n" not in str(refused.value)
    assert digests(Store(small_disk, "backtest")) == before


READ = """
import sys, threading
from pathlib import Path
from engine.timeframe import Timeframe
import numpy as np
from tasks.store import Store
home, stop = Path(sys.argv[1]), Path(sys.argv[2])
seen, failures = set(), []

def read():
    while not stop.exists():
        try:
            snapshot = Store(home, "backtest").snapshot()
            for info in snapshot.series():
                if info.kind.value != "kline":
                    continue
                (covered,) = snapshot.coverage(info.symbol, "kline", "1m")
                bars = snapshot.bars(info.symbol, "kline", "1m", *covered)
                assert np.array_equal(bars.open_ms, np.arange(*covered, 60_000))
                assert len(bars) == info.rows
            seen.add(snapshot.id)
        except BaseException as error:
            failures.append(repr(error))
            return

readers = [threading.Thread(target=read) for _ in range(5)]
for reader in readers: reader.start()
for reader in readers: reader.join()
print(len(seen), failures)
"""


def test_twenty_readers_during_a_sync_never_fail_and_each_sees_whole_snapshots(
    tmp_path: Path, venue_url: str
) -> None:
    store, stop = Store(tmp_path, "backtest"), tmp_path / "stop"
    kline, gateway = ALL[0], VenueGateway(venue_url)

    def sync_to(days: int) -> None:
        with store.writer() as writer:
            work = SeriesWork(kline, T0, T0 + days * DAY, NOW, 2_000, T0, "run")
            sync_series(writer, gateway, work)
            store.publish_snapshot(writer)

    sync_to(1)
    readers = [spawn(READ, tmp_path, stop) for _ in range(4)]
    time.sleep(1.0)
    for days in range(2, 11):
        sync_to(days)
        time.sleep(0.1)
    stop.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=60)
        count, failures = out.split(" ", 1)
        assert failures == "[]\n", err
        assert int(count) >= 1
    assert np.array_equal(
        store.snapshot().bars("BTCUSDT", "kline", "1m", T0, T0 + 10 * DAY).open_ms,
        np.arange(T0, T0 + 10 * DAY, 60_000),
    )
