"""Pages are durable the moment they are taken, and reach the tables whole."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import DataError
from tasks.store import Series, Store
from tasks.store.journal import JOURNAL_FILE
from tests.tasks.store.samples import HOUR, MINUTE, T0, candles, spawn

SERIES = Series.of("BTCUSDT", "kline", "1m")


def page(first: int, n: int, rows: int = 400) -> tuple[dict[str, Any], tuple[int, int]]:
    """``n`` of the sample rows from row ``first``, and the window they fill."""
    part = {name: column[first : first + n] for name, column in candles(rows).items()}
    return part, (T0 + first * MINUTE, T0 + (first + n) * MINUTE)


STAGE_AND_WAIT = """
import sys, time
from pathlib import Path
from tasks.store import Series, Store
from tests.tasks.store.test_journal import SERIES, page
with Store(Path(sys.argv[1]), "backtest").writer() as writer:
    for first in (0, 100, 200):
        writer.stage(SERIES, *page(first, 100))
        print(first, flush=True)
    time.sleep(60)
"""


def test_a_page_survives_a_kill_the_moment_it_was_taken(tmp_path: Path) -> None:
    stager = spawn(STAGE_AND_WAIT, tmp_path)
    assert stager.stdout is not None
    for first in (0, 100, 200):
        assert stager.stdout.readline() == f"{first}\n"
    stager.send_signal(signal.SIGKILL)
    stager.communicate()
    store = Store(tmp_path, "backtest")
    assert (store.directory / JOURNAL_FILE).stat().st_size > 0
    with store.writer() as writer:
        assert writer.coverage(SERIES) == [(T0, T0 + 300 * MINUTE)]
        np.testing.assert_array_equal(writer.rows(SERIES, 0, 2**62)["close"], candles(300)["close"])
        assert writer.problems() == []


@pytest.mark.parametrize("lost", [1, 9, 3_000, 5_600])
def test_a_torn_record_ends_the_journal_and_the_pages_before_it_are_kept(
    tmp_path: Path, lost: int
) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.stage(SERIES, *page(0, 100))
        writer.stage(SERIES, *page(100, 100))
        content = (store.directory / JOURNAL_FILE).read_bytes()
    fresh = Store(tmp_path / "other", "backtest")
    with fresh.writer():
        pass
    (fresh.directory / JOURNAL_FILE).write_bytes(content[:-lost])
    with fresh.writer() as writer:
        assert writer.coverage(SERIES) == [(T0, T0 + 100 * MINUTE)]
        writer.stage(SERIES, *page(100, 100))
    with fresh.writer() as writer:
        assert writer.coverage(SERIES) == [(T0, T0 + 200 * MINUTE)]
        assert writer.problems() == []


def test_a_record_with_a_changed_byte_is_not_taken(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.stage(SERIES, *page(0, 100))
        writer.stage(SERIES, *page(100, 100))
        content = bytearray((store.directory / JOURNAL_FILE).read_bytes())
    content[-400] ^= 1
    fresh = Store(tmp_path / "other", "backtest")
    fresh.directory.mkdir(parents=True)
    (fresh.directory / JOURNAL_FILE).write_bytes(content)
    with fresh.writer() as writer:
        assert writer.coverage(SERIES) == [(T0, T0 + 100 * MINUTE)]
        assert len(writer.rows(SERIES, 0, 2**62)["open_ms"]) == 100


def test_replaying_pages_the_tables_already_hold_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.stage(SERIES, *page(0, 100))
        content = (store.directory / JOURNAL_FILE).read_bytes()
    (store.directory / JOURNAL_FILE).write_bytes(content)
    with store.writer() as writer:
        assert len(writer.rows(SERIES, 0, 2**62)["open_ms"]) == 100
        assert writer.revisions().num_rows == 0
        assert writer.problems() == []


def test_a_page_that_differs_from_a_staged_one_is_a_revision(tmp_path: Path) -> None:
    rows, window = page(0, 100)
    changed = {**rows, "close": rows["close"] + np.where(np.arange(100) == 40, 0.25, 0.0)}
    with Store(tmp_path, "backtest").writer() as writer:
        writer.stage(SERIES, rows, window)
        writer.stage(SERIES, changed, window)
        (revision,) = writer.revisions().to_pylist()
        assert (revision["open_ms"], revision["field"]) == (T0 + 40 * MINUTE, "close")
        assert revision["new_value"] - revision["old_value"] == 0.25


def test_coverage_is_claimed_inside_the_window_asked_for_and_where_rows_are(
    tmp_path: Path,
) -> None:
    rows, (start, end) = page(0, 100)
    holed = {name: np.delete(column, [30, 31]) for name, column in rows.items()}
    with Store(tmp_path, "backtest").writer() as writer:
        covered = [(start, start + 30 * MINUTE), (start + 32 * MINUTE, end)]
        assert writer.stage(SERIES, holed, (start, end + HOUR)) == covered
        assert writer.coverage(SERIES) == covered


def test_funding_claims_no_time_that_was_not_asked_for(tmp_path: Path) -> None:
    """An event tells of the eight hours after it, but only the past has been asked for."""
    funding = Series.of("BTCUSDT", "funding", None)
    events = {
        "ts_ms": np.array([T0, T0 + 8 * HOUR]),
        "rate_e8": np.array([10_000, -5]),
        "interval_min": np.array([np.nan, np.nan]),
    }
    with Store(tmp_path, "backtest").writer() as writer:
        assert writer.stage(funding, events, (T0, T0 + 9 * HOUR)) == [(T0, T0 + 9 * HOUR)]
        assert writer.coverage(funding) == [(T0, T0 + 9 * HOUR)]
        assert writer.problems() == []


def test_pages_of_several_series_and_kinds_find_their_tables(tmp_path: Path) -> None:
    interest = Series.of("BTCUSDT", "open_interest", "1h")
    values = {"ts_ms": T0 + HOUR * np.arange(5), "value": np.arange(5) + 0.5}
    with Store(tmp_path, "backtest").writer() as writer:
        writer.stage(SERIES, *page(100, 50))
        writer.stage(interest, values, (T0, T0 + 5 * HOUR))
        writer.stage(SERIES, *page(0, 100))
        assert writer.series() == [SERIES, interest]
        np.testing.assert_array_equal(writer.rows(interest, 0, 2**62)["value"], values["value"])
        assert writer.coverage(SERIES) == [(T0, T0 + 150 * MINUTE)]


def test_a_page_out_of_order_is_refused_and_not_staged(tmp_path: Path) -> None:
    rows, window = page(0, 10)
    backwards = {name: column[::-1] for name, column in rows.items()}
    with Store(tmp_path, "backtest").writer() as writer:
        with pytest.raises(DataError, match="not strictly increasing"):
            writer.stage(SERIES, backwards, window)
        assert writer.series() == []
