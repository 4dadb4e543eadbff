"""A writer killed at any instant leaves a store that opens and claims no row it does not have."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tasks.store import Series, Store
from tests.tasks.store.samples import MINUTE, T0, candles, spawn, write_candles

SERIES = Series.of("BTCUSDT", "kline", "1m")
FILES, ROWS = 12, 20_000

#: Imports every file in order, publishing after each, as an interrupted import would go on.
IMPORT_ALL = """
import sys
from pathlib import Path
from tasks.store import Store, import_file
store = Store(Path(sys.argv[1]), "backtest")
print("begun", flush=True)
with store.writer(timeout_s=10) as writer:
    for path in sorted(Path(sys.argv[2]).glob("*.parquet")):
        report = import_file(writer, path, "BTCUSDT", "kline", "1m")
        assert not report.rejected
        store.publish_snapshot(writer)
"""


def write_files(folder: Path) -> dict[str, np.ndarray]:
    """Consecutive files of which each overlaps the one before; the rows of all of them."""
    folder.mkdir()
    rows = candles(FILES * ROWS)
    for k in range(FILES):
        begin, end = max(0, k * ROWS - 500), (k + 1) * ROWS
        part = {name: column[begin:end] for name, column in rows.items()}
        write_candles(folder / f"{k:02}.parquet", part)
    return rows


def check_store(home: Path) -> None:
    """The store opens, its invariants hold, and so do those of what readers see."""
    store = Store(home, "backtest")
    with store.writer(timeout_s=1) as writer:
        assert writer.problems() == []
        for series in writer.series():
            stored = writer.rows(series, 0, 2**62)["open_ms"]
            ((start, end),) = writer.coverage(series)
            np.testing.assert_array_equal(stored, np.arange(start, end, MINUTE))
            assert len(stored) % ROWS == 0, "a file was stored in part"
    if (store.directory / "snapshots" / "current").exists():
        ((start, end),) = store.snapshot().coverage("BTCUSDT", "kline", "1m")
        bars = store.snapshot().bars("BTCUSDT", "kline", "1m", start, end)
        np.testing.assert_array_equal(bars.open_ms, np.arange(start, end, MINUTE))


def torture(tmp_path: Path, kills: int, seed: int) -> None:
    instants = random.Random(seed)
    rows = write_files(tmp_path / "files")
    begun = time.monotonic()
    whole = spawn(IMPORT_ALL, tmp_path / "whole", tmp_path / "files")
    assert whole.wait(timeout=120) == 0, whole.communicate()[1]
    longest = time.monotonic() - begun
    for _ in range(kills):
        importer = spawn(IMPORT_ALL, tmp_path / "killed", tmp_path / "files")
        assert importer.stdout is not None
        importer.stdout.readline()
        time.sleep(instants.uniform(0.0, 0.8 * longest))
        importer.send_signal(signal.SIGKILL)
        importer.communicate()
        check_store(tmp_path / "killed")
    final = spawn(IMPORT_ALL, tmp_path / "killed", tmp_path / "files")
    _, err = final.communicate(timeout=120)
    assert final.returncode == 0, err
    check_store(tmp_path / "killed")
    until = T0 + FILES * ROWS * MINUTE
    digests = [
        Store(tmp_path / home, "backtest")
        .snapshot()
        .content_sha256("BTCUSDT", "kline", "1m", T0, until)
        for home in ("whole", "killed")
    ]
    assert digests[0] == digests[1]
    bars = (
        Store(tmp_path / "killed", "backtest").snapshot().bars("BTCUSDT", "kline", "1m", T0, until)
    )
    np.testing.assert_array_equal(bars.close, rows["close"])


def test_kill_9_during_imports_leaves_a_whole_store_and_the_next_import_completes_it(
    tmp_path: Path,
) -> None:
    torture(tmp_path, kills=5, seed=20260301)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(5))
def test_kill_9_at_twenty_instants(tmp_path: Path, seed: int) -> None:
    torture(tmp_path, kills=20, seed=seed)


CREATE = """
import sys, time
from pathlib import Path
from tasks.store import Store
print("begun", flush=True)
with Store(Path(sys.argv[1]), "backtest").writer(timeout_s=10):
    pass
"""


def test_kill_9_while_a_store_is_created_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    instants = random.Random(7)
    for k in range(4):
        home = tmp_path / str(k)
        creator = spawn(CREATE, home)
        assert creator.stdout is not None
        creator.stdout.readline()
        time.sleep(instants.uniform(0.0, 0.25))
        creator.send_signal(signal.SIGKILL)
        creator.communicate()
        with Store(home, "backtest").writer(timeout_s=1) as writer:
            writer.ingest(SERIES, candles(3))
            assert writer.problems() == []
