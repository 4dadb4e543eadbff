"""Snapshots: immutable, shared month by month, verified on read, never in a writer's way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError, LockBusy, LockstepError, StoreError
from tasks.store import Series, Snapshot, Store
from tasks.store.database import DATABASE_FILE, SEAL_FILE
from tasks.store.schema import MIGRATIONS, SCHEMA_VERSION
from tests.tasks.store.samples import DAY, HOUR, MINUTE, T0, candles, run, spawn

HOURLY = Series.of("BTCUSDT", "kline", "1h")
N = 90 * 24  # January, February, March 2026
END = T0 + N * HOUR


def fill(home: Path, n: int = N, env: str = "backtest") -> tuple[Store, str]:
    store = Store(home, env)
    with store.writer() as writer:
        writer.ingest(HOURLY, candles(n, step=HOUR))
        return store, store.publish_snapshot(writer)


def objects(store: Store) -> dict[str, int]:
    """Month files of a store and when each was last changed."""
    folder = store.directory / "snapshots" / "objects"
    return {path.name: path.stat().st_ctime_ns for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        (T0, END, 0, N),
        (T0 + 5 * HOUR, T0 + 9 * HOUR, 5, 9),
        (T0 + 5 * HOUR + 1, T0 + 9 * HOUR + HOUR - 1, 6, 9),  # only bars wholly inside
        (T0 + 30 * DAY, T0 + 32 * DAY, 30 * 24, 32 * 24),  # across the end of January
        (T0 + 31 * DAY, T0 + 59 * DAY, 31 * 24, 59 * 24),  # exactly February
    ],
)
def test_a_window_reads_back_exactly_what_was_stored(
    tmp_path: Path, since: int, until: int, first: int, last: int
) -> None:
    store, _ = fill(tmp_path)
    bars = store.snapshot().bars("BTCUSDT", "kline", "1h", since, until)
    rows = candles(N, step=HOUR)
    for name in ("open_ms", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(bars, name), rows[name][first:last])
    assert bars.turnover is None


def test_a_file_holds_one_month_and_unchanged_months_are_shared(tmp_path: Path) -> None:
    store, first = fill(tmp_path)
    before = objects(store)
    assert len(before) == 3
    with store.writer() as writer:
        writer.ingest(HOURLY, candles(N + 24, step=HOUR))
        assert writer.unpublished(HOURLY) == {"2026-04"}
        second = store.publish_snapshot(writer)
    after = objects(store)
    assert {name: at for name, at in after.items() if name in before} == before
    assert len(after) == 4
    assert second != first
    old, new = store.snapshot(first), store.snapshot()
    assert (old.id, new.id) == (first, second)
    assert (old.series()[0].rows, new.series()[0].rows) == (N, N + 24)


def test_a_rewritten_value_makes_one_new_month_and_the_old_snapshot_keeps_the_old_value(
    tmp_path: Path,
) -> None:
    store, first = fill(tmp_path)
    before = objects(store)
    rows = candles(N, step=HOUR)
    rows["close"][40 * 24] += 0.125  # 2026-02-10
    with store.writer() as writer:
        writer.ingest(HOURLY, rows)
        store.publish_snapshot(writer)
    # One new month, and the list of revisions.
    assert len(set(objects(store)) - set(before)) == 2
    window = ("BTCUSDT", "kline", "1h", T0, END)
    old, new = store.snapshot(first), store.snapshot()
    assert new.bars(*window).close[960] - old.bars(*window).close[960] == 0.125
    a, b = old.day_digests(*window), new.day_digests(*window)
    assert [day for day in a if a[day] != b[day]] == ["2026-02-10"]
    assert old.content_sha256(*window) != new.content_sha256(*window)


def test_publishing_again_without_a_change_gives_the_same_snapshot(tmp_path: Path) -> None:
    store, first = fill(tmp_path)
    with store.writer() as writer:
        assert store.publish_snapshot(writer) == first
    assert len(list((store.directory / "snapshots").glob("*.json"))) == 1


def test_a_snapshot_does_not_depend_on_the_order_of_imports(tmp_path: Path) -> None:
    rows = candles(N, step=HOUR)
    digests = set()
    for k, pieces in enumerate(([(0, N)], [(0, 700), (700, N)], [(700, N), (0, 800)])):
        store = Store(tmp_path / str(k), "backtest")
        with store.writer() as writer:
            for a, b in pieces:
                writer.ingest(HOURLY, {name: column[a:b] for name, column in rows.items()})
            store.publish_snapshot(writer)
        snapshot = store.snapshot()
        digests.add(snapshot.content_sha256("BTCUSDT", "kline", "1h", T0, END))
        files = frozenset(objects(store))
        digests.add(files)
    assert len(digests) == 2


def test_the_content_hash_is_of_the_windows_rows_alone(tmp_path: Path) -> None:
    whole, _ = fill(tmp_path / "whole")
    part, _ = fill(tmp_path / "part", n=240, env="live")
    window = ("BTCUSDT", "kline", "1h", T0 + 3 * HOUR, T0 + 100 * HOUR)
    a, b = whole.snapshot(), part.snapshot()
    assert a.content_sha256(*window) == b.content_sha256(*window)
    assert a.day_digests(*window) == b.day_digests(*window)
    assert list(a.day_digests(*window)) == [f"2026-01-0{day}" for day in range(1, 6)]
    wider = ("BTCUSDT", "kline", "1h", T0 + 2 * HOUR, T0 + 100 * HOUR)
    assert a.content_sha256(*wider) != a.content_sha256(*window)


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.98])
def test_one_flipped_byte_of_a_month_is_an_error_naming_the_file(
    tmp_path: Path, place: float
) -> None:
    store, _ = fill(tmp_path)
    window = ("BTCUSDT", "kline", "1h", T0, END)
    store.snapshot().bars(*window)  # seen whole once, which must not matter later
    for path in (store.directory / "snapshots" / "objects").iterdir():
        whole = path.read_bytes()
        at = int(len(whole) * place)
        path.chmod(0o644)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        for reader in (store, Store(tmp_path, "backtest")):
            with pytest.raises(StoreError) as refused:
                reader.snapshot().bars(*window)
            assert refused.value.code == "SNAPSHOT_DAMAGED"
            assert path.name in str(refused.value)
        path.write_bytes(whole)
        assert len(store.snapshot().bars(*window)) == N


def test_a_missing_or_shortened_month_is_an_error_naming_the_file(tmp_path: Path) -> None:
    store, _ = fill(tmp_path)
    path = sorted((store.directory / "snapshots" / "objects").iterdir())[0]
    whole = path.read_bytes()
    path.unlink()
    for content in (None, b"", whole[:100]):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(StoreError, match=path.name):
            store.snapshot().bars("BTCUSDT", "kline", "1h", T0, END)


def test_one_flipped_byte_of_the_manifest_is_an_error_naming_the_file(tmp_path: Path) -> None:
    store, snapshot_id = fill(tmp_path)
    path = store.directory / "snapshots" / f"{snapshot_id}.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"rows":2160', b'"rows":2161', 1))
    with pytest.raises(StoreError, match=path.name):
        store.snapshot()


def test_a_damaged_month_is_written_anew_when_its_rows_change_hands_again(tmp_path: Path) -> None:
    """A lost file does not make a store useless: publishing restores it from the database."""
    store, first = fill(tmp_path)
    sorted((store.directory / "snapshots" / "objects").iterdir())[0].unlink()
    with store.writer() as writer:
        assert store.publish_snapshot(writer) == first
    assert len(store.snapshot().bars("BTCUSDT", "kline", "1h", T0, END)) == N


HOLD = """
import sys, time
from pathlib import Path
import numpy as np
from tasks.store import Store
with Store(Path(sys.argv[1]), "backtest").writer() as writer:
    print("held", flush=True)
    time.sleep(60)
"""


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    fill(tmp_path)
    holder = spawn(HOLD, tmp_path)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        code = """
import sys
from pathlib import Path
from tasks.store import Store
snapshot = Store(Path(sys.argv[1]), "backtest").snapshot()
print(len(snapshot.bars("BTCUSDT", "kline", "1h", int(sys.argv[2]), int(sys.argv[3]))))
"""
        assert run(code, tmp_path, T0, END) == f"{N}\n"
        with pytest.raises(LockBusy), Store(tmp_path, "backtest").writer():
            pass
    finally:
        holder.kill()
        holder.communicate()


def truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("size", [0, 100, 5_000, 12_288, 300_000, -1])
def test_a_truncated_database_is_one_clear_error_for_writers_and_readers(
    tmp_path: Path, size: int
) -> None:
    store, _ = fill(tmp_path)
    path = store.directory / DATABASE_FILE
    truncate(path, size)

    def read() -> object:
        return store.snapshot()

    def write() -> object:
        with store.writer() as writer:
            return writer

    for use in (read, write, write):
        with pytest.raises(StoreError) as refused:
            use()
        assert refused.value.code == "STORE_DAMAGED"
        assert DATABASE_FILE in str(refused.value)
        assert "\n" not in str(refused.value)
        assert refused.value.exit_code == 2


def test_a_database_damaged_inside_is_one_clear_error(tmp_path: Path) -> None:
    """Of the right size, so that only reading it shows the damage."""
    store, _ = fill(tmp_path)
    path = store.directory / DATABASE_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:12_288] + bytes(len(whole) - 12_288))
    with pytest.raises(StoreError) as refused, store.writer() as writer:
        writer.rows(HOURLY, 0, 2**62)
    assert refused.value.code in {"STORE_DAMAGED", "STORE_IO"}
    assert "\n" not in str(refused.value)


def test_a_database_that_vanished_is_an_error_not_a_new_store(tmp_path: Path) -> None:
    store, _ = fill(tmp_path)
    (store.directory / DATABASE_FILE).unlink()
    with pytest.raises(StoreError, match="missing"):
        store.snapshot()
    with pytest.raises(StoreError, match="missing"), store.writer():
        pass


def test_something_else_in_the_databases_place_is_one_clear_error(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    store.directory.mkdir(parents=True)
    (store.directory / DATABASE_FILE).write_bytes(b"not a database" * 2_000)
    with pytest.raises(StoreError) as refused, store.writer():
        pass
    assert refused.value.code == "STORE_DAMAGED"


def test_an_unreadable_seal_is_one_clear_error(tmp_path: Path) -> None:
    store, _ = fill(tmp_path)
    (store.directory / SEAL_FILE).write_text("{")
    with pytest.raises(StoreError, match="seal"):
        store.snapshot()


def test_a_store_newer_than_the_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    store, _ = fill(tmp_path)
    with store.writer() as writer:
        writer._run("INSERT INTO schema_version VALUES (?, 0)", [SCHEMA_VERSION + 1])
    with pytest.raises(StoreError) as refused, store.writer():
        pass
    assert refused.value.code == "SCHEMA_NEWER"


def test_an_older_store_is_migrated_forward_under_the_lock_and_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = fill(tmp_path)
    later = (*MIGRATIONS, "ALTER TABLE instruments ADD COLUMN note VARCHAR;")
    monkeypatch.setattr("tasks.store.schema.migrate.__defaults__", (later,))
    for _ in range(2):
        with store.writer() as writer:
            versions = writer._fetch("SELECT version FROM schema_version ORDER BY version", [])
            assert versions == [(n + 1,) for n in range(len(later))]
            assert writer._fetch("SELECT note FROM instruments", []) == []
            assert len(writer.rows(HOURLY, 0, 2**62)["open_ms"]) == N


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = fill(tmp_path)
    broken = (*MIGRATIONS, "DROP TABLE funding; SELECT * FROM nowhere;")
    with monkeypatch.context() as patched:
        patched.setattr("tasks.store.schema.migrate.__defaults__", (broken,))
        with pytest.raises(Exception, match="nowhere"), store.writer():
            pass
    with store.writer() as writer:
        assert writer._fetch("SELECT count(*) FROM funding", []) == [(0,)]


def test_the_manifest_states_no_time_and_no_path(tmp_path: Path) -> None:
    store, snapshot_id = fill(tmp_path)
    manifest = json.loads((store.directory / "snapshots" / f"{snapshot_id}.json").read_text())
    assert set(manifest) == {
        "manifest",
        "env",
        "store_id",
        "schema_version",
        "series",
        "instruments",
        "risk_tiers",
        "generated",
        "revisions",
    }
    assert str(tmp_path) not in json.dumps(manifest)


@pytest.fixture
def holed(tmp_path: Path) -> Snapshot:
    """Hourly bars of ten days with 2026-01-03 07:00 to 09:00 and 2026-01-05 missing."""
    store = Store(tmp_path, "backtest")
    keep = np.ones(240, bool)
    keep[[55, 56]] = False
    keep[96:120] = False
    rows = {name: column[keep] for name, column in candles(240, step=HOUR).items()}
    with store.writer() as writer:
        writer.ingest(HOURLY, rows)
        store.publish_snapshot(writer)
    return store.snapshot()


def test_a_window_with_holes_is_refused_naming_the_first(holed: Snapshot) -> None:
    with pytest.raises(DataError) as refused:
        holed.bars("BTCUSDT", "kline", "1h", T0, T0 + 10 * DAY)
    assert refused.value.code == "DATA_HOLE"
    assert "from 2026-01-03T07:00:00Z to 2026-01-03T09:00:00Z and 1 more hole" in str(refused.value)
    assert "'backtest'" in refused.value.message
    assert holed.gaps("BTCUSDT", "kline", "1h", T0, T0 + 10 * DAY) == [
        (T0 + 55 * HOUR, T0 + 57 * HOUR),
        (T0 + 96 * HOUR, T0 + 120 * HOUR),
    ]
    assert len(holed.bars("BTCUSDT", "kline", "1h", T0, T0 + 10 * DAY, complete=False)) == 214
    assert len(holed.bars("BTCUSDT", "kline", "1h", T0, T0 + 55 * HOUR)) == 55


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        (T0 - DAY, T0 + DAY, "DATA_HOLE"),
        (T0 + 9 * DAY, T0 + 11 * DAY, "DATA_HOLE"),
        (T0 + 20 * DAY, T0 + 21 * DAY, "WINDOW_WITHOUT_DATA"),
        (T0 + 96 * HOUR, T0 + 120 * HOUR, "WINDOW_WITHOUT_DATA"),
        (T0 + DAY, T0, "WINDOW_EMPTY"),
        (T0 + MINUTE, T0 + 59 * MINUTE, "WINDOW_EMPTY"),
    ],
)
def test_a_window_without_its_data_is_refused(
    holed: Snapshot, since: int, until: int, code: str
) -> None:
    with pytest.raises(LockstepError) as refused:
        holed.bars("BTCUSDT", "kline", "1h", since, until)
    assert refused.value.code == code
    assert "backtest" in str(refused.value)


def test_an_unknown_symbol_or_series_is_refused_naming_what_is_held(holed: Snapshot) -> None:
    for series, code in (
        (("NOPEUSDT", "kline", "1h"), "SYMBOL_UNKNOWN"),
        (("BTCUSDT", "kline", "5m"), "SERIES_MISSING"),
        (("BTCUSDT", "mark", "1h"), "SERIES_MISSING"),
    ):
        with pytest.raises(DataError) as refused:
            holed.bars(*series, T0, T0 + DAY)
        assert refused.value.code == code
        assert "BTCUSDT" in refused.value.hint
        assert not holed.holds(*series)
    assert holed.holds("BTCUSDT", "kline", "1h")


def test_the_usual_turnover_is_given_only_when_known_for_every_bar(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    rows = candles(4, step=HOUR)
    rows["turnover"] = np.array([1.0, 2.0, np.nan, 4.0])
    with store.writer() as writer:
        writer.ingest(HOURLY, rows)
        store.publish_snapshot(writer)
    snapshot = store.snapshot()
    first = snapshot.bars("BTCUSDT", "kline", "1h", T0, T0 + 2 * HOUR).turnover
    assert first is not None
    assert first.tolist() == [1.0, 2.0]
    assert snapshot.bars("BTCUSDT", "kline", "1h", T0, T0 + 4 * HOUR).turnover is None
