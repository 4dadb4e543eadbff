"""Exports, repairs, pruning and vacuuming: nothing that matters is lost, and all is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from engine.errors import DataError, LockstepError
from tasks.store import (
    Series,
    Store,
    apply_prune,
    apply_repair,
    export_series,
    import_file,
    plan_prune,
    plan_repair,
)
from tests.tasks.store.samples import DAY, HOUR, MINUTE, T0, candles

KLINE = Series.of("BTCUSDT", "kline", "1h")
FUNDING = Series.of("BTCUSDT", "funding", None)
INTEREST = Series.of("BTCUSDT", "open_interest", "1h")
N = 60 * 24


def filled(home: Path, pieces: list[tuple[int, int]] | None = None) -> Store:
    """A store of two months of hourly candles and a few events, published."""
    store, rows = Store(home, "backtest"), candles(N, step=HOUR)
    rows["turnover"][5] = 12.5
    events = {
        "ts_ms": T0 + 8 * HOUR * np.arange(30),
        "rate_e8": np.arange(30) * 7 - 100,
        "interval_min": np.full(30, np.nan),
    }
    values = {"ts_ms": T0 + HOUR * np.arange(50), "value": np.arange(50) * 0.1}
    with store.writer() as writer:
        for a, b in pieces or [(0, N)]:
            writer.ingest(KLINE, {name: column[a:b] for name, column in rows.items()})
        writer.ingest(FUNDING, events)
        writer.ingest(INTEREST, values)
        store.publish_snapshot(writer)
    return store


@pytest.mark.parametrize("series", [KLINE, FUNDING, INTEREST], ids=str)
def test_equal_rows_export_to_equal_bytes_however_they_came(tmp_path: Path, series: Series) -> None:
    digests = set()
    for k, pieces in enumerate(([(0, N)], [(700, N), (0, 800)], [(0, 300), (300, N)])):
        snapshot = filled(tmp_path / str(k), pieces).snapshot()
        path = tmp_path / f"{k}.parquet"
        written = export_series(snapshot, series, path, 0, 2**62)
        assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        digests.add(written.sha256)
    assert len(digests) == 1


@pytest.mark.parametrize("series", [KLINE, FUNDING, INTEREST], ids=str)
def test_an_export_imports_to_the_very_rows(tmp_path: Path, series: Series) -> None:
    store, other = filled(tmp_path), Store(tmp_path / "other", "backtest")
    path = tmp_path / "out.parquet"
    rows = export_series(store.snapshot(), series, path, 0, 2**62).rows
    kind, timeframe = series.kind.value, series.timeframe_text or None
    with other.writer() as writer:
        report = import_file(writer, path, "BTCUSDT", kind, timeframe)
        assert (report.rejected, report.rows) == ((), rows)
        back = writer.rows(series, 0, 2**62)
    with store.writer() as writer:
        for name, column in writer.rows(series, 0, 2**62).items():
            np.testing.assert_array_equal(back[name], column)


def test_an_export_holds_the_window_asked_for_and_unknown_turnover_as_null(tmp_path: Path) -> None:
    snapshot, path = filled(tmp_path).snapshot(), tmp_path / "out.parquet"
    written = export_series(snapshot, KLINE, path, T0 + 4 * HOUR, T0 + 7 * HOUR)
    table = parquet.read_table(path)
    assert written.rows == table.num_rows == 3
    assert table["turnover"].to_pylist() == [None, 12.5, None]
    with pytest.raises(DataError) as refused:
        export_series(snapshot, KLINE, path, T0 - DAY, T0)
    assert refused.value.code == "WINDOW_WITHOUT_DATA"
    with pytest.raises(LockstepError, match="cannot be written"):
        export_series(snapshot, KLINE, tmp_path / "no" / "where.parquet", 0, 2**62)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet", "store"]


def test_a_sound_store_needs_no_repair(tmp_path: Path) -> None:
    with filled(tmp_path).writer() as writer:
        assert plan_repair(writer) == []


def test_coverage_without_rows_is_taken_back_and_rows_without_coverage_are_covered(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path)
    end = T0 + N * HOUR
    with store.writer() as writer:
        writer.limit_coverage(KLINE, [(T0 - DAY, T0 + 10 * HOUR), (T0 + 20 * HOUR, end + DAY)])
        assert len(writer.problems()) == 12
        plan = plan_repair(writer)
        assert [(r.action, r.intervals) for r in plan] == [
            ("uncover", ((T0 - DAY, T0), (end, end + DAY))),
            ("cover", ((T0 + 10 * HOUR, T0 + 20 * HOUR),)),
        ]
        assert len(writer.problems()) == 12, "a plan changes nothing"
        apply_repair(writer, plan)
        assert writer.problems() == []
        assert writer.coverage(KLINE) == [(T0, end)]
        assert [entry["action"] for entry in writer.repairs()] == ["uncover", "cover"]
        assert plan_repair(writer) == []


def test_equal_copies_of_rows_are_dropped_and_conflicting_ones_are_left_to_be_fetched(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path)
    with store.writer() as writer:
        writer._run("INSERT INTO klines SELECT * FROM klines LIMIT 3", [])
        plan = plan_repair(writer)
        assert [(r.action, r.rows) for r in plan] == [("drop_copies", 3)]
        apply_repair(writer, plan)
        assert writer.problems() == []
        assert len(writer.rows(KLINE, 0, 2**62)["open_ms"]) == N
        at = T0 + 5 * HOUR
        writer._run(
            f"INSERT INTO klines SELECT * REPLACE (close + 1 AS close) FROM klines"
            f" WHERE open_ms = {at}",
            [],
        )
        plan = plan_repair(writer)
        assert [(r.action, r.rows) for r in plan] == [("drop_copies", 0), ("uncover", 0)]
        assert plan[1].intervals == ((at, at + HOUR),)
        apply_repair(writer, plan)
        assert len(writer.rows(KLINE, at, at + 1)["open_ms"]) == 2, "no value was thrown away"
        # What the venue says then settles it.
        rows = {n: c[5:6] for n, c in candles(N, step=HOUR).items()}
        writer.ingest(KLINE, rows)
        apply_repair(writer, plan_repair(writer))
        assert writer.problems() == []


def test_a_damaged_month_is_moved_aside_and_written_anew(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = store.snapshot().id
    damaged = sorted((store.directory / "snapshots" / "objects").iterdir())[1]
    content = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(content[:-9] + b"\0" * 9)
    with store.writer() as writer:
        plan = plan_repair(writer)
        assert [(r.action, r.subject) for r in plan] == [("rewrite_file", damaged.name)]
        apply_repair(writer, plan)
        assert plan_repair(writer) == []
    assert damaged.read_bytes() == content
    assert damaged.with_name(damaged.name + ".damaged").exists()
    assert store.snapshot().id == before


def test_prune_keeps_what_is_current_or_pinned_and_says_what_it_removes(tmp_path: Path) -> None:
    store = filled(tmp_path)
    ids = [store.snapshot().id]
    rows = candles(N, step=HOUR)
    for _ in range(3):
        rows["close"][40] += 0.125
        with store.writer() as writer:
            writer.ingest(KLINE, rows)
            ids.append(store.publish_snapshot(writer))
    with store.writer() as writer:
        plan = plan_prune(writer, {ids[1]: 2})
        assert plan.kept == {ids[1]: 2, ids[3]: 0}
        assert set(plan.removed) == {ids[0], ids[2]}
        assert plan.bytes == sum(path.stat().st_size for path in plan.files) > 0
        assert all(store.snapshot(name) for name in ids), "a plan changes nothing"
        apply_prune(writer, plan)
        assert plan_prune(writer, {ids[1]: 2}).files == ()
    window = ("BTCUSDT", "kline", "1h", T0, T0 + N * HOUR)
    fresh = Store(tmp_path, "backtest")
    assert len(fresh.snapshot(ids[1]).bars(*window)) == len(fresh.snapshot().bars(*window)) == N
    for name in (ids[0], ids[2]):
        with pytest.raises(LockstepError):
            fresh.snapshot(name)


def test_vacuum_gives_space_back_and_keeps_every_row(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    rows = candles(200_000)
    with store.writer() as writer:
        writer.ingest(Series.of("BTCUSDT", "kline", "1m"), rows)
        for k in range(8):
            writer._run(f"CREATE TABLE waste AS SELECT random() FROM range({300_000 + k})", [])
            writer._run("DROP TABLE waste", [])
        store.publish_snapshot(writer)
    before, after = store.vacuum()
    assert after < before
    with store.writer() as writer:
        assert writer.problems() == []
        stored = writer.rows(Series.of("BTCUSDT", "kline", "1m"), 0, 2**62)
    np.testing.assert_array_equal(stored["close"], rows["close"])
    assert stored["open_ms"][-1] == T0 + 199_999 * MINUTE


def test_a_store_that_is_not_there_is_an_error_naming_the_environment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'live'"):
        Store(tmp_path, "live").existing()
    assert list(tmp_path.iterdir()) == []
