"""Slower candles as plays are given them say what the venue's own say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.quality import audit_aggregates
from tasks.store import Series, Store, import_file
from tests.tasks.store.samples import HOUR, T0, candles


def hours_of(rows: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """``n`` hourly candles made of minutes by plain slicing."""
    pieces = [slice(60 * k, 60 * k + 60) for k in range(n)]
    return {
        "open_ms": rows["open_ms"][::60][:n].copy(),
        "open": np.array([rows["open"][p][0] for p in pieces]),
        "high": np.array([rows["high"][p].max() for p in pieces]),
        "low": np.array([rows["low"][p].min() for p in pieces]),
        "close": np.array([rows["close"][p][-1] for p in pieces]),
        "volume": np.array([rows["volume"][p].sum() for p in pieces]),
        "turnover": np.full(n, np.nan),
    }


def audited(home: Path, minutes: dict[str, np.ndarray], hours: dict[str, np.ndarray]) -> tuple:
    store = Store(home, "backtest")
    with store.writer() as writer:
        writer.ingest(Series.of("BTCUSDT", "kline", "1m"), minutes)
        writer.ingest(Series.of("BTCUSDT", "kline", "1h"), hours)
        store.publish_snapshot(writer)
    (found,) = audit_aggregates(store.snapshot())
    assert (found.base, found.timeframe) == ("1m", "1h")
    return found.bars, found.differing, found.examples_ms


def test_equal_candles_are_found_equal(tmp_path: Path) -> None:
    minutes = candles(48 * 60)
    assert audited(tmp_path, minutes, hours_of(minutes, 48)) == (48, 0, ())


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_each_column_is_compared_and_the_candle_named(tmp_path: Path, column: str) -> None:
    minutes = candles(48 * 60)
    hours = hours_of(minutes, 48)
    hours[column][7] += 0.25
    assert audited(tmp_path, minutes, hours) == (48, 1, (T0 + 7 * HOUR,))


def test_only_whole_candles_that_both_cover_are_compared(tmp_path: Path) -> None:
    minutes = candles(48 * 60)
    hours = hours_of(minutes, 48)
    holed = {name: np.delete(column, slice(90, 100)) for name, column in minutes.items()}
    late = {name: column[30:] for name, column in holed.items()}
    bars, differing, _ = audited(tmp_path, late, hours)
    assert (bars, differing) == (46, 0)  # the first hour and the one with the hole are not whole


@pytest.mark.realdata
def test_the_venues_own_four_hours_are_what_its_five_minutes_make(
    tmp_path: Path, shared_data: Path
) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        for timeframe in ("5m", "4h"):
            file = shared_data / "klines" / f"BTCUSDT_{timeframe}.parquet"
            assert not import_file(writer, file, "BTCUSDT", "kline", timeframe).rejected
        store.publish_snapshot(writer)
    (found,) = audit_aggregates(store.snapshot())
    assert found.bars > 1_700
    assert found.differing <= 1  # the last candle of the file had not closed
