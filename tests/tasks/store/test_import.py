"""Importing files: every row or none, every bad row named, rewritten history kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from engine.errors import DataError, LockstepError
from tasks.store import ImportReport, Kind, Series, Store, import_file
from tests.tasks.store.samples import DAY, HOUR, MINUTE, T0, candles, file_table, write_candles

SERIES = Series.of("BTCUSDT", "kline", "1m")


def bring_in(
    store: Store, path: Path, kind: str = "kline", timeframe: str | None = "1m", **more: Any
) -> ImportReport:
    with store.writer() as writer:
        return import_file(writer, path, "BTCUSDT", kind, timeframe, **more)


def is_empty(store: Store) -> bool:
    with store.writer() as writer:
        return writer.series() == []


def edit(column: str, row: int, value: float) -> Callable[[dict[str, Any]], None]:
    def change(rows: dict[str, Any]) -> None:
        rows[column] = rows[column].copy()
        rows[column][row] = value

    return change


def swap(a: int, b: int) -> Callable[[dict[str, Any]], None]:
    def change(rows: dict[str, Any]) -> None:
        for name in rows:
            rows[name] = rows[name].copy()
            rows[name][[a, b]] = rows[name][[b, a]]

    return change


# Sample bars: open 100 + 7k mod 23, close 100 + 7(k+1) mod 23, half a unit of wick on each side.
BAD_ROWS = {
    "unsorted": (swap(4, 5), {5: "unsorted: earlier than the row before it"}),
    "duplicate": (
        edit("open_ms", 6, T0 + 5 * MINUTE),
        {6: "duplicate: the time of an earlier row"},
    ),
    "duplicate and unsorted": (
        edit("open_ms", 9, T0),
        {9: "duplicate: the time of an earlier row; unsorted: earlier than the row before it"},
    ),
    "off grid": (edit("open_ms", 3, T0 + 3 * MINUTE + 1), {3: "off the 1m grid"}),
    "not a number": (edit("close", 2, np.nan), {2: "close is missing or not finite"}),
    "infinite": (edit("high", 2, np.inf), {2: "high is missing or not finite"}),
    "high below low": (edit("high", 1, 50.0), {1: "high is below low"}),
    "high below close": (edit("high", 0, 106.0), {0: "high is below open or close"}),
    "low above open": (edit("low", 0, 100.25), {0: "low is above open or close"}),
    "zero price": (edit("low", 7, 0.0), {7: "low is not positive"}),
    "negative volume": (edit("volume", 8, -1.0), {8: "volume is negative"}),
    "volume not a number": (edit("volume", 8, np.nan), {8: "volume is missing or not finite"}),
    "before 1970": (edit("open_ms", 0, -MINUTE), {0: "time lies before 1970"}),
}


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_named_and_nothing_is_stored(tmp_path: Path, case: str, suffix: str) -> None:
    change, expected = BAD_ROWS[case]
    rows = candles(10)
    change(rows)
    path = tmp_path / f"rows.{suffix}"
    if suffix == "csv":
        csv.write_csv(file_table(rows), path)
    else:
        parquet.write_table(file_table(rows), path)
    store = Store(tmp_path, "backtest")
    report = bring_in(store, path)
    assert dict(report.rejected) == expected
    assert (report.rows, report.added, report.first_ms, report.rejected_rows) == (0, 0, None, 1)
    assert is_empty(store)


def test_all_bad_rows_are_named_together(tmp_path: Path) -> None:
    rows = candles(50)
    for change in (swap(4, 5), edit("high", 20, 1.0), edit("close", 20, np.nan)):
        change(rows)
    report = bring_in(Store(tmp_path, "backtest"), write_candles(tmp_path / "a.parquet", rows))
    assert report.rejected == (
        (5, "unsorted: earlier than the row before it"),
        (20, "close is missing or not finite; high is below low"),
    )


def test_the_first_thousand_of_many_bad_rows_are_listed_and_all_counted(tmp_path: Path) -> None:
    rows = candles(1_500)
    rows["volume"] = np.full(1_500, -1.0)
    store = Store(tmp_path, "backtest")
    report = bring_in(store, write_candles(tmp_path / "a.parquet", rows))
    assert [row for row, _ in report.rejected] == list(range(1_000))
    assert report.rejected_rows == 1_500
    assert is_empty(store)


def test_a_bad_file_changes_nothing_of_what_is_stored(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    bring_in(store, write_candles(tmp_path / "good.parquet", candles(10)))
    rows = candles(30)
    rows["low"][29] = -1.0
    assert bring_in(store, write_candles(tmp_path / "bad.parquet", rows)).rejected_rows == 1
    with store.writer() as writer:
        assert writer.coverage(SERIES) == [(T0, T0 + 10 * MINUTE)]
        assert len(writer.rows(SERIES, 0, 2**62)["open_ms"]) == 10


def test_h14_a_bar_that_has_not_closed_is_refused(tmp_path: Path) -> None:
    path = write_candles(tmp_path / "a.parquet", candles(10))
    store = Store(tmp_path, "backtest")
    report = bring_in(store, path, now_ms=T0 + 9 * MINUTE + 30_000)
    assert report.rejected == ((9, "not closed yet at 2026-01-01T00:09:30Z"),)
    assert is_empty(store)
    assert bring_in(store, path, now_ms=T0 + 10 * MINUTE).rows == 10


def write_text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def table_file(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


PRICES = {"open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0], "volume": [1.0]}
NAIVE = pa.array([T0], pa.timestamp("ms"))
UNREADABLE = {
    "missing file": (lambda d: d / "absent.parquet", "FILE_MISSING", "absent.parquet"),
    "a directory": (lambda d: d, "FILE_MISSING", ""),
    "not parquet": (lambda d: write_text(d / "a.parquet", "hello"), "FILE_UNREADABLE", "a.parquet"),
    "other format": (lambda d: write_text(d / "a.json", "{}"), "FILE_FORMAT", ".json"),
    "no time": (lambda d: table_file(d / "a.parquet", **PRICES), "COLUMNS_WRONG", "ts or open_ms"),
    "two times": (
        lambda d: table_file(d / "a.parquet", ts=[T0], open_ms=[T0], **PRICES),
        "COLUMNS_WRONG",
        "both ts and open_ms",
    ),
    "no volume": (
        lambda d: table_file(
            d / "a.parquet", ts=[T0], **{k: v for k, v in PRICES.items() if k != "volume"}
        ),
        "COLUMNS_WRONG",
        "volume",
    ),
    "text prices": (
        lambda d: table_file(d / "a.parquet", ts=[T0], **{**PRICES, "close": ["1,0"]}),
        "COLUMNS_WRONG",
        "close holds string",
    ),
    "naive times": (lambda d: table_file(d / "a.parquet", ts=NAIVE, **PRICES), "TIME_NAIVE", "ts"),
    "no rows": (
        lambda d: write_text(d / "a.csv", "ts,open,high,low,close,volume\n"),
        "FILE_EMPTY",
        "a.csv",
    ),
    "an empty file": (lambda d: write_text(d / "a.csv", ""), "FILE_UNREADABLE", "a.csv"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, case: str) -> None:
    make, code, says = UNREADABLE[case]
    store = Store(tmp_path / "home", "backtest")
    path = make(tmp_path)
    with pytest.raises(DataError) as refused:
        bring_in(store, path)
    assert refused.value.code == code
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2
    assert is_empty(store)


def test_a_truncated_parquet_file_is_one_clear_error(tmp_path: Path) -> None:
    path = write_candles(tmp_path / "a.parquet", candles(1_000))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError) as refused:
        bring_in(Store(tmp_path, "backtest"), path)
    assert refused.value.code == "FILE_UNREADABLE"


@pytest.mark.parametrize(
    ("symbol", "kind", "timeframe", "code"),
    [
        ("btcusdt", "kline", "1m", "SYMBOL_INVALID"),
        ("../X", "kline", "1m", "SYMBOL_INVALID"),
        ("BTCUSDT", "candles", "1m", "KIND_UNKNOWN"),
        ("BTCUSDT", "kline", "60m", "TIMEFRAME_UNKNOWN"),
        ("BTCUSDT", "kline", None, "DATA_INVALID"),
    ],
)
def test_a_series_that_cannot_be_is_refused(
    tmp_path: Path, symbol: str, kind: str, timeframe: str | None, code: str
) -> None:
    path = write_candles(tmp_path / "a.parquet", candles(3))
    with Store(tmp_path, "backtest").writer() as writer, pytest.raises(LockstepError) as refused:
        import_file(writer, path, symbol, kind, timeframe)
    assert refused.value.code == code


def test_times_may_come_as_open_ms_or_aware_timestamps_or_whole_floats(tmp_path: Path) -> None:
    stored = []
    rows = candles(4)
    values = {k: v for k, v in rows.items() if k not in ("open_ms", "turnover")}
    forms = {
        "open_ms": rows["open_ms"],
        "ts": pa.array(rows["open_ms"], pa.timestamp("ms", "Asia/Kolkata")),
    }
    for k, (name, times) in enumerate([*forms.items(), ("ts", rows["open_ms"].astype(float))]):
        path = tmp_path / f"{k}.parquet"
        parquet.write_table(pa.table({name: times, **values}), path)
        store = Store(tmp_path / str(k), "backtest")
        assert bring_in(store, path).rows == 4
        with store.writer() as writer:
            stored.append(writer.rows(SERIES, 0, 2**62)["open_ms"].tolist())
    assert stored == [[T0, T0 + MINUTE, T0 + 2 * MINUTE, T0 + 3 * MINUTE]] * 3


def test_importing_equal_rows_again_changes_nothing(tmp_path: Path) -> None:
    path = write_candles(tmp_path / "a.parquet", candles(200))
    store = Store(tmp_path, "backtest")
    first = bring_in(store, path)
    again = bring_in(store, path)
    assert (first.rows, first.added, first.revised) == (200, 200, 0)
    assert (again.rows, again.added, again.revised) == (200, 0, 0)
    assert (again.first_ms, again.last_ms) == (T0, T0 + 199 * MINUTE)
    with store.writer() as writer:
        assert len(writer.rows(SERIES, 0, 2**62)["open_ms"]) == 200
        assert writer.revisions().num_rows == 0
        assert writer.problems() == []


def test_a_value_the_source_rewrote_replaces_the_old_one_and_both_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    bring_in(store, write_candles(tmp_path / "a.parquet", candles(10)))
    rows = candles(12)
    rows["close"][4] += 0.25
    rows["volume"][7] = 99.0
    report = bring_in(store, write_candles(tmp_path / "b.parquet", rows))
    assert (report.rows, report.added, report.revised) == (12, 2, 2)
    with store.writer() as writer:
        store.publish_snapshot(writer)
        assert writer.coverage(SERIES) == [(T0, T0 + 12 * MINUTE)]
        assert writer.problems() == []
    revisions = store.snapshot().revisions()
    assert revisions is not None
    # Bar 4 closes at 100 + 35 mod 23 = 112; bar 7 has volume 1 + 7 mod 5 = 3.
    kept = revisions.drop_columns(["recorded_at_ms"]).to_pylist()
    common = {"symbol": "BTCUSDT", "kind": "kline", "timeframe": "1m"}
    assert kept == [
        {
            **common,
            "open_ms": T0 + 4 * MINUTE,
            "field": "close",
            "old_value": 112.0,
            "new_value": 112.25,
        },
        {
            **common,
            "open_ms": T0 + 7 * MINUTE,
            "field": "volume",
            "old_value": 3.0,
            "new_value": 99.0,
        },
    ]
    bars = store.snapshot().bars("BTCUSDT", "kline", "1m", T0, T0 + 12 * MINUTE)
    np.testing.assert_array_equal(bars.close, rows["close"])
    np.testing.assert_array_equal(bars.volume, rows["volume"])


def test_a_file_without_turnover_does_not_forget_a_known_turnover(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    rows = candles(5)
    known = {**rows, "turnover": np.arange(5) + 1.0}
    with store.writer() as writer:
        assert writer.ingest(SERIES, known).added == 5
        assert writer.ingest(SERIES, rows).equal == 5
        np.testing.assert_array_equal(writer.rows(SERIES, 0, 2**62)["turnover"], known["turnover"])
        assert writer.revisions().num_rows == 0


def test_holes_between_rows_are_not_covered_until_they_are_filled(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    rows = candles(20)
    keep = np.ones(20, bool)
    keep[[0, 6, 7, 13]] = False
    holed = {name: column[keep] for name, column in rows.items()}
    bring_in(store, write_candles(tmp_path / "a.parquet", holed))
    at = [(1, 6), (8, 13), (14, 20)]
    with store.writer() as writer:
        assert writer.coverage(SERIES) == [(T0 + a * MINUTE, T0 + b * MINUTE) for a, b in at]
        assert writer.problems() == []
    assert bring_in(store, write_candles(tmp_path / "b.parquet", rows)).added == 4
    with store.writer() as writer:
        assert writer.coverage(SERIES) == [(T0, T0 + 20 * MINUTE)]
        np.testing.assert_array_equal(writer.rows(SERIES, 0, 2**62)["close"], rows["close"])
        assert writer.problems() == []


def test_weeks_begin_on_monday_and_months_on_the_first(tmp_path: Path) -> None:
    monday, march = 1_767_571_200_000, 1_772_323_200_000  # 2026-01-05, 2026-03-01
    rows = {k: v[:1] for k, v in candles(1).items()}
    cases = [("1w", monday, monday + 7 * DAY), ("1mo", march, march + 31 * DAY)]
    for timeframe, start, end in cases:
        store = Store(tmp_path / timeframe, "backtest")
        good = write_candles(tmp_path / "g.parquet", {**rows, "open_ms": np.array([start])})
        bad = write_candles(tmp_path / "b.parquet", {**rows, "open_ms": np.array([start + DAY])})
        assert bring_in(store, bad, timeframe=timeframe).rejected == (
            (0, f"off the {timeframe} grid"),
        )
        assert bring_in(store, good, timeframe=timeframe).rows == 1
        with store.writer() as writer:
            series = Series.of("BTCUSDT", "kline", timeframe)
            assert writer.coverage(series) == [(start, end)]


def test_mark_candles_need_no_volume_and_stand_beside_the_last_price(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    bring_in(store, write_candles(tmp_path / "a.parquet", candles(5)))
    mark = file_table(candles(5, base=200.0)).drop_columns(["volume"])
    parquet.write_table(mark, tmp_path / "m.parquet")
    report = bring_in(store, tmp_path / "m.parquet", kind="mark")
    assert (report.kind, report.rows) == (Kind.MARK, 5)
    with store.writer() as writer:
        store.publish_snapshot(writer)
    snapshot = store.snapshot()
    window = (T0, T0 + 5 * MINUTE)
    assert snapshot.bars("BTCUSDT", "mark", "1m", *window).open[0] == 200.0
    assert snapshot.bars("BTCUSDT", "kline", "1m", *window).open[0] == 100.0


def test_funding_is_kept_in_whole_1e_8_and_covers_to_the_next_event(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    ts = [T0, T0 + 8 * HOUR, T0 + 24 * HOUR]  # the event at 16:00 is missing
    path = table_file(tmp_path / "f.parquet", ts=ts, funding_rate=[0.0001, -1.004e-05, 0.00375])
    assert bring_in(store, path, kind="funding", timeframe=None).rows == 3
    with store.writer() as writer:
        series = Series.of("BTCUSDT", "funding", None)
        assert writer.coverage(series) == [
            (T0, T0 + 16 * HOUR),
            (T0 + 24 * HOUR, T0 + 32 * HOUR),
        ]
        store.publish_snapshot(writer)
    times, rates = store.snapshot().funding("BTCUSDT", T0, T0 + 24 * HOUR)
    assert times.tolist() == ts[:2]
    assert rates.tolist() == [10_000, -1_004]


def test_funding_intervals_of_the_file_decide_what_is_covered(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    path = table_file(
        tmp_path / "f.parquet",
        ts=[T0, T0 + 4 * HOUR, T0 + 8 * HOUR],
        rate=[0.0001] * 3,
        interval_minutes=[240, 240, 480],
    )
    bring_in(store, path, kind="funding", timeframe=None)
    with store.writer() as writer:
        assert writer.coverage(Series.of("BTCUSDT", "funding", None)) == [(T0, T0 + 16 * HOUR)]


@pytest.mark.parametrize(
    ("ts", "rate", "reason"),
    [
        (T0 + 1, 0.0001, "off the hourly grid"),
        (T0, np.nan, "rate is missing or not finite"),
        (T0, 1.5, "rate is beyond 100 %"),
        (T0, 0.000123456789, "rate is finer than 0.00000001"),
    ],
)
def test_a_bad_funding_row_is_named(tmp_path: Path, ts: int, rate: float, reason: str) -> None:
    path = table_file(tmp_path / "f.parquet", ts=[ts], funding_rate=[rate])
    report = bring_in(Store(tmp_path, "backtest"), path, kind="funding", timeframe=None)
    assert report.rejected == ((0, reason),)


def test_progress_counts_rows_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = write_candles(tmp_path / "a.parquet", candles(300_000))
    bring_in(
        Store(tmp_path, "backtest"), path, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (300_000, 300_000)
    assert len(seen) == 3
    assert seen == sorted(seen)
