"""Time is integer epoch milliseconds, UTC; naive datetimes have no place (H21)."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.timeframe import (
    Timeframe,
    bar_index,
    bar_indices,
    bar_open_ms,
    bar_opens,
    ceil_ms,
    divides,
    floor_ms,
    from_datetime,
    next_open_ms,
)

ROOT = Path(__file__).resolve().parents[2]
INSTANTS = st.integers(0, 4_000_000_000_000)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("instant", "timeframe", "opened", "after"),
    [
        ("2026-03-29T01:59:59.999", "1h", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("2026-03-29T02:00:00", "1h", "2026-03-29T02:00", "2026-03-29T03:00"),
        ("2026-03-08T07:30:00", "4h", "2026-03-08T04:00", "2026-03-08T08:00"),
        ("2026-11-01T06:30:00", "1d", "2026-11-01T00:00", "2026-11-02T00:00"),
        ("2026-11-01T23:59:00", "1w", "2026-10-26T00:00", "2026-11-02T00:00"),
        ("2026-11-02T00:00:00", "1w", "2026-11-02T00:00", "2026-11-09T00:00"),
        ("2024-02-29T12:00:00", "1mo", "2024-02-01T00:00", "2024-03-01T00:00"),
        ("2025-12-31T23:59:59", "1mo", "2025-12-01T00:00", "2026-01-01T00:00"),
        ("1970-01-02T00:00:00", "1w", "1969-12-29T00:00", "1970-01-05T00:00"),
    ],
)
def test_h21_bars_of_the_calendar(instant: str, timeframe: str, opened: str, after: str):
    tf = Timeframe(timeframe)
    assert floor_ms(ms(instant), tf) == ms(opened)
    assert next_open_ms(ms(opened), tf) == ms(after)


@given(instant=INSTANTS, timeframe=st.sampled_from(Timeframe))
def test_h21_floor_and_ceil_agree_with_themselves(instant: int, timeframe: Timeframe):
    low, high = floor_ms(instant, timeframe), ceil_ms(instant, timeframe)
    assert low <= instant <= high
    assert ceil_ms(high, timeframe) == high
    assert floor_ms(low, timeframe) == low
    assert bar_open_ms(bar_index(instant, timeframe), timeframe) == low
    assert (low == high) == (low == instant)


@given(instants=st.lists(INSTANTS, min_size=1, max_size=20), timeframe=st.sampled_from(Timeframe))
def test_columns_of_times_are_read_as_single_ones_are(instants: list[int], timeframe: Timeframe):
    column = np.array(instants, np.int64)
    indices = bar_indices(column, timeframe)
    assert indices.tolist() == [bar_index(t, timeframe) for t in instants]
    assert bar_opens(indices, timeframe).tolist() == [floor_ms(t, timeframe) for t in instants]


def test_h21_the_same_in_every_time_zone_of_the_host():
    script = (
        "from engine.timeframe import *\n"
        "print([floor_ms(t, tf) for tf in Timeframe for t in range(1, 2**41, 2**41 // 97)])\n"
        "print(format_ms(1774749600000), parse_time('2026-03-29'))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "TZ": zone}, check=True,
            capture_output=True, text=True,
        ).stdout
        for zone in ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Lord_Howe")
    }  # fmt: skip
    assert len(found) == 1


def test_h21_naive_datetimes_are_refused():
    with pytest.raises(TypeError, match="naive"):
        from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(TypeError):
        floor_ms(1.5, Timeframe.M1)  # type: ignore[arg-type]
    east = datetime(2026, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert from_datetime(east) == ms("2026-01-01T00:00")


@pytest.mark.parametrize(
    ("fast", "slow", "whole"),
    [("1m", "1mo", True), ("3m", "5m", False), ("1d", "1w", True), ("1w", "1mo", False),
     ("5m", "5m", True), ("1h", "30m", False), ("12h", "1mo", True)],
)  # fmt: skip
def test_which_bars_are_made_of_which(fast: str, slow: str, whole: bool):
    assert divides(Timeframe(fast), Timeframe(slow)) is whole
