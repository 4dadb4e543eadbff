"""What the venue has nothing of: confirmed twice, or before the launch; never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.store import Series, Store
from tests.tasks.store.samples import DAY, HOUR, MINUTE, T0, candles

SERIES = Series.of("BTCUSDT", "kline", "1m")
HOLE = (T0 + 10 * MINUTE, T0 + 20 * MINUTE)


def test_nothing_found_once_proves_nothing_and_twice_in_two_runs_does(tmp_path: Path) -> None:
    with Store(tmp_path, "backtest").writer() as writer:
        writer.note_absent(SERIES, [HOLE], "run-1")
        writer.note_absent(SERIES, [HOLE], "run-1")
        assert writer.known_absent(SERIES) == []
        writer.note_absent(SERIES, [(T0, T0 + 15 * MINUTE)], "run-2")
        assert writer.known_absent(SERIES) == [(T0 + 10 * MINUTE, T0 + 15 * MINUTE)]
        writer.note_absent(SERIES, [HOLE], "run-3")
        assert writer.known_absent(SERIES) == [HOLE]
        assert writer.coverage(SERIES) == []


def test_rows_that_come_after_all_end_the_absence_of_their_time_only(tmp_path: Path) -> None:
    with Store(tmp_path, "backtest").writer() as writer:
        for run in ("run-1", "run-2"):
            writer.note_absent(SERIES, [HOLE], run)
        writer.ingest(SERIES, candles(3, since=T0 + 12 * MINUTE))
        assert writer.known_absent(SERIES) == [
            (T0 + 10 * MINUTE, T0 + 12 * MINUTE),
            (T0 + 15 * MINUTE, T0 + 20 * MINUTE),
        ]
        assert writer.problems() == []


def test_what_has_rows_is_never_noted_absent(tmp_path: Path) -> None:
    with Store(tmp_path, "backtest").writer() as writer:
        writer.ingest(SERIES, candles(15))
        writer.note_before_launch(SERIES, (T0 - DAY, T0 + 5 * MINUTE))
        for run in ("run-1", "run-2"):
            writer.note_absent(SERIES, [HOLE], run)
        assert writer.known_absent(SERIES) == [
            (T0 - DAY, T0),
            (T0 + 15 * MINUTE, T0 + 20 * MINUTE),
        ]
        assert writer.problems() == []


def test_readers_see_what_is_known_absent(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.ingest(SERIES, candles(15))
        writer.note_before_launch(SERIES, (T0 - DAY, T0))
        store.publish_snapshot(writer)
    assert store.snapshot().known_absent("BTCUSDT", "kline", "1m") == [(T0 - DAY, T0)]


def test_a_changed_funding_interval_leaves_no_hole_and_a_missing_event_does(
    tmp_path: Path,
) -> None:
    """Eight hours, then four: each event is followed as its neighbours say."""
    hours = [0, 8, 16, 24, 28, 32, 36]
    missing = [0, 8, 24, 32, 40]  # 16:00 is not there
    with Store(tmp_path, "backtest").writer() as writer:
        for symbol, events in (("BTCUSDT", hours), ("ETHUSDT", missing)):
            n = len(events)
            writer.ingest(
                Series.of(symbol, "funding", None),
                {
                    "ts_ms": T0 + HOUR * np.array(events),
                    "rate_e8": np.zeros(n, np.int64),
                    "interval_min": np.full(n, np.nan),
                },
            )
        changed, holed = (
            writer.coverage(Series.of(s, "funding", None)) for s in ("BTCUSDT", "ETHUSDT")
        )
    assert changed == [(T0, T0 + 40 * HOUR)]
    assert holed == [(T0, T0 + 16 * HOUR), (T0 + 24 * HOUR, T0 + 48 * HOUR)]
