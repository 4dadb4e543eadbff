"""Quality suites: each check notices its own defect, and the report says so in one status (M13)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import LockstepError, QualityError
from tasks.generate import generate_market, store_generated
from tasks.quality import QualityReport, Status, check_columns, check_snapshot, check_stored
from tasks.store import Interval, Series, Store
from tests.tasks.store.samples import HOUR, MINUTE, ROOT, T0, candles, run

CANDLES = Series.of("BTCUSDT", "kline", "1m")
FUNDING = Series.of("BTCUSDT", "funding", None)
N = 200
COVERED = [(T0, T0 + N * MINUTE)]


def funding_events(n: int) -> dict[str, Any]:
    return {
        "ts_ms": T0 + 8 * HOUR * np.arange(n),
        "rate_e8": np.full(n, 10_000),
        "interval_min": np.full(n, 480.0),
    }


def put(column: str, row: int, value: float) -> Callable[[dict[str, Any]], None]:
    def change(rows: dict[str, Any]) -> None:
        rows[column][row] = value

    return change


def drop(row: int) -> Callable[[dict[str, Any]], None]:
    def change(rows: dict[str, Any]) -> None:
        for name in rows:
            rows[name] = np.delete(rows[name], row)

    return change


def stand_still(bars: int) -> Callable[[dict[str, Any]], None]:
    def change(rows: dict[str, Any]) -> None:
        for name in ("open", "high", "low", "close"):
            rows[name][50 : 50 + bars] = rows["close"][49]
        rows["volume"][50 : 50 + bars] = 0.0

    return change


def leap(rows: dict[str, Any]) -> None:
    """Prices of 100 to 122 become 150 to 172 from bar 100 on."""
    for name in ("open", "high", "low", "close"):
        rows[name][100:] += 50.0


# Defect, the checks it fails, the first failing row's time (None: not a row's property).
ERRORS = {
    "time twice": (put("open_ms", 9, T0 + 8 * MINUTE), {"time_unique", "time_increasing"}),
    "time backwards": (put("open_ms", 9, T0 + 7 * MINUTE), {"time_unique", "time_increasing"}),
    "off grid": (put("open_ms", 9, T0 + 9 * MINUTE + 1), {"on_grid", "covered_rows_present"}),
    "row missing": (drop(77), {"covered_rows_present"}),
    "last row missing": (drop(N - 1), {"covered_rows_present"}),
    "open missing": (put("open", 3, np.nan), {"open_known"}),
    "high missing": (put("high", 3, np.nan), {"high_known"}),
    "low missing": (put("low", 3, np.nan), {"low_known"}),
    "close missing": (put("close", 3, np.nan), {"close_known"}),
    "volume missing": (put("volume", 3, np.nan), {"volume_known"}),
    "negative volume": (put("volume", 3, -1.0), {"volume_possible"}),
    "infinite": (put("high", 3, np.inf), {"prices_finite"}),
    "zero price": (put("low", 3, 0.0), {"prices_positive"}),
    "high below open": (put("high", 1, 106.5), {"high_at_least_open", "high_at_least_close"}),
    "high below close": (put("high", 0, 106.5), {"high_at_least_close"}),
    "low above open": (put("low", 0, 101.0), {"open_at_least_low"}),
    "low above close": (put("low", 3, 106.0), {"close_at_least_low"}),
}
# Sample bars: bar 0 goes 100 to 107, bar 1 107 to 114, bar 3 121 to 105.
WARNINGS = {
    "thirty flat bars": (stand_still(30), {"flat_runs"}),
    "a leap": (leap, {"jumps"}),
}


def failed(report: QualityReport) -> set[str]:
    return {check.name for check in report.failed()}


def test_a_clean_series_passes() -> None:
    report = check_columns(CANDLES, candles(N), COVERED)
    assert report.status is Status.PASS
    assert failed(report) == set()
    assert (report.rows, report.first_ms, report.last_ms) == (N, T0, T0 + (N - 1) * MINUTE)
    assert len(report.expectations) == 20
    report.require()


@pytest.mark.parametrize("defect", ERRORS)
def test_an_error_fails_the_series_and_names_its_check(defect: str) -> None:
    change, expected = ERRORS[defect]
    rows = candles(N)
    change(rows)
    report = check_columns(CANDLES, rows, COVERED)
    assert failed(report) == expected
    assert report.status is Status.FAIL
    with pytest.raises(QualityError) as refused:
        report.require()
    assert refused.value.exit_code == 1
    for name in expected:
        assert name in refused.value.message


@pytest.mark.parametrize("defect", WARNINGS)
def test_a_warning_lets_the_series_through_and_is_recorded(defect: str) -> None:
    change, expected = WARNINGS[defect]
    rows = candles(N)
    change(rows)
    report = check_columns(CANDLES, rows, COVERED)
    assert failed(report) == expected
    assert report.status is Status.WARN
    report.require()


def test_failing_rows_are_counted_and_named_by_their_time() -> None:
    rows = candles(N)
    rows["volume"][[5, 6, 90]] = -1.0
    report = check_columns(CANDLES, rows, COVERED)
    (check,) = report.failed()
    assert (check.name, check.unexpected, check.severity) == ("volume_possible", 3, "error")
    assert check.examples_ms == (T0 + 5 * MINUTE, T0 + 6 * MINUTE, T0 + 90 * MINUTE)


def test_twenty_nine_flat_bars_and_flat_bars_with_trade_are_usual() -> None:
    rows = candles(N)
    stand_still(29)(rows)
    assert check_columns(CANDLES, rows, COVERED).status is Status.PASS
    stand_still(60)(rows)
    rows["volume"][50:110] = 1.0
    assert check_columns(CANDLES, rows, COVERED).status is Status.PASS


def test_a_hole_nobody_claims_to_cover_is_a_warning_of_its_own() -> None:
    rows = candles(N)
    drop(slice(40, 45))(rows)  # type: ignore[arg-type]
    covered: list[Interval] = [(T0, T0 + 40 * MINUTE), (T0 + 45 * MINUTE, T0 + N * MINUTE)]
    report = check_columns(CANDLES, rows, covered)
    assert report.status is Status.WARN
    (check,) = report.failed()
    assert (check.name, check.unexpected) == ("no_holes", 1)
    assert check.examples_ms == (T0 + 45 * MINUTE,)
    # The same hole, claimed: an error, and no longer a mere hole.
    assert failed(check_columns(CANDLES, rows, COVERED)) == {"covered_rows_present"}


def test_a_move_across_a_hole_is_not_a_jump() -> None:
    rows = candles(N)
    leap(rows)
    drop(slice(98, 103))(rows)  # type: ignore[arg-type]
    covered: list[Interval] = [(T0, T0 + 98 * MINUTE), (T0 + 103 * MINUTE, T0 + N * MINUTE)]
    assert failed(check_columns(CANDLES, rows, covered)) == {"no_holes"}


def test_a_mark_far_from_the_last_price_is_a_warning() -> None:
    rows, mark = candles(N), candles(N)
    near = check_columns(CANDLES, rows, COVERED, mark)
    assert near.status is Status.PASS
    mark["close"][20] = rows["close"][20] * 1.051
    far = check_columns(CANDLES, rows, COVERED, mark)
    assert failed(far) == {"mark_near_last"}
    assert far.failed()[0].examples_ms == (T0 + 20 * MINUTE,)
    mark["open_ms"] += 30_000  # no mark at any bar's time: nothing to compare
    assert check_columns(CANDLES, rows, COVERED, mark).status is Status.PASS


def test_a_series_without_rows_fails() -> None:
    empty = {name: column[:0] for name, column in candles(1).items()}
    report = check_columns(CANDLES, empty, [])
    assert report.status is Status.FAIL
    assert failed(report) == {"rows_present"}


@pytest.mark.parametrize(
    ("change", "expected", "status"),
    [
        (lambda rows: None, set(), Status.PASS),
        (put("ts_ms", 4, T0 + 32 * HOUR + 1), {"on_grid", "calendar"}, Status.FAIL),
        (drop(4), {"covered_rows_present", "calendar"}, Status.FAIL),
        (put("rate_e8", 4, 200_000_000), {"rate_possible", "rate_usual"}, Status.FAIL),
        (put("rate_e8", 4, -2_000_001), {"rate_usual"}, Status.WARN),
        (
            put("ts_ms", 4, T0 + 24 * HOUR),
            {"time_unique", "time_increasing", "calendar"},
            Status.FAIL,
        ),
    ],
)
def test_funding_events_are_checked(change: Any, expected: set[str], status: Status) -> None:
    rows = funding_events(30)
    change(rows)
    report = check_columns(FUNDING, rows, [(T0, T0 + 240 * HOUR)])
    assert failed(report) - {"covered_rows_present"} == expected - {"covered_rows_present"}
    assert expected <= failed(report)
    assert report.status is status
    assert report.suite == "funding"


def test_a_generated_market_passes(tmp_path: Path) -> None:
    market = generate_market("BTCUSDT", T0, T0 + 30 * 24 * HOUR, seed=42)
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        store_generated(writer, market)
        statuses = {str(series): check_stored(writer, series).status for series in writer.series()}
    assert statuses == {
        "BTCUSDT funding": Status.PASS,
        "BTCUSDT kline 1m": Status.PASS,
        "BTCUSDT mark 1m": Status.PASS,
    }


def test_the_stored_series_is_checked_with_its_coverage_and_mark_and_recorded(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path, "backtest")
    mark = candles(N)
    mark["close"][20] *= 1.2
    mark["high"][20] *= 1.2
    with store.writer() as writer:
        writer.ingest(CANDLES, candles(N))
        writer.ingest(Series.of("BTCUSDT", "mark", "1m"), mark)
        report = check_stored(writer, CANDLES)
        stored = writer.arrow("SELECT * FROM quality_runs", []).to_pylist()
        store.publish_snapshot(writer)
    assert failed(report) == {"mark_near_last"}
    (row,) = stored
    assert (row["symbol"], row["suite"], row["status"]) == ("BTCUSDT", "candles", "WARN")
    assert QualityReport.model_validate_json(row["report"]) == report
    window = ("BTCUSDT", "kline", "1m")
    snapshot = store.snapshot()
    assert failed(check_snapshot(snapshot, *window, T0, T0 + N * MINUTE)) == {"mark_near_last"}
    part = check_snapshot(snapshot, *window, T0 + 30 * MINUTE, T0 + 90 * MINUTE)
    assert (part.status, part.rows) == (Status.PASS, 60)


def test_a_window_wider_than_the_data_is_checked_for_what_is_claimed(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.ingest(FUNDING, funding_events(9))
        store.publish_snapshot(writer)
    report = check_snapshot(
        store.snapshot(), "BTCUSDT", "funding", None, T0 + 3 * HOUR, T0 + 90 * HOUR
    )
    assert (report.status, report.rows) == (Status.PASS, 8)


def test_m13_the_report_is_one_typed_model_with_one_status() -> None:
    """A renamed field or a new status is a change of the JSON's schema version."""
    schema = QualityReport.model_json_schema()
    assert schema["$defs"]["Status"]["enum"] == ["PASS", "WARN", "FAIL"]
    assert list(schema["properties"]) == [
        "schema_version",
        "suite",
        "suite_version",
        "symbol",
        "kind",
        "timeframe",
        "rows",
        "first_ms",
        "last_ms",
        "status",
        "expectations",
    ]
    assert list(schema["$defs"]["ExpectationResult"]["properties"]) == [
        "name",
        "meaning",
        "severity",
        "passed",
        "unexpected",
        "examples_ms",
    ]
    assert schema["properties"]["schema_version"]["const"] == 1


def test_m13_json_and_model_agree_for_every_status() -> None:
    clean, warned, wrong = candles(N), candles(N), candles(N)
    leap(warned)
    wrong["low"][0] = -1.0
    for rows, status in ((clean, "PASS"), (warned, "WARN"), (wrong, "FAIL")):
        report = check_columns(CANDLES, rows, COVERED)
        assert json.loads(report.model_dump_json())["status"] == report.status == status
        try:
            report.require()
            refused = False
        except LockstepError:
            refused = True
        assert refused is (status == "FAIL")


OFFLINE = """
import socket, sys
def refuse(*_, **__):
    raise AssertionError("the network was used")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from tasks.quality import check_columns
from tasks.store import Series
from tests.tasks.store.samples import MINUTE, T0, candles
lazy = "great_expectations" not in sys.modules and "pandas" not in sys.modules
report = check_columns(Series.of("BTCUSDT", "kline", "1m"), candles(50), [(T0, T0 + 50 * MINUTE)])
print(lazy, report.status)
"""


def test_suites_use_no_network_write_no_file_and_load_the_library_late(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("GX_", "XDG_"))}
    environment = {**plain, "HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    assert run(OFFLINE, env=environment) == "True PASS\n"
    assert list(folder.rglob("*")) == []


FIVE_MILLION = """
import resource, time
from tasks.quality import check_columns
from tasks.store import Series
from tests.tasks.store.samples import MINUTE, T0, candles
n = 5_000_000
rows = candles(n)
begun = time.process_time()  # a busy machine is not the suite's fault
series = Series.of("BTCUSDT", "kline", "1m")
report = check_columns(series, rows, [(T0, T0 + n * MINUTE)], mark=rows)
seconds = time.process_time() - begun
print(report.status, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.mark.full
def test_five_million_rows_are_checked_in_twenty_seconds_and_two_gigabytes() -> None:
    status, seconds, gigabytes = run(FIVE_MILLION).split()
    assert status == "PASS"
    assert float(seconds) < 20.0
    assert float(gigabytes) < 2.0
