"""Times mean the same on every host (H21): one table under four time zones, daylight-saving or not.

Expected values were written out by hand from the calendar, all UTC.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.timeframe import Timeframe, ceil_ms, floor_ms, parse_time
from tasks.store.rows import bar_ends, grid_floor, month_bounds, months_of
from tests.tasks.store.samples import run

# Instants around daylight-saving changes: New York 2026-03-08 07:00Z, Lord Howe 2026-04-04 15:00Z
# (a half-hour shift) and 2026-10-03 15:30Z, New York 2026-11-01 06:00Z; and plain boundaries.
TABLE = [
    # instant, timeframe, bar open, bar close
    ("2026-03-08T07:30:00Z", "1h", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"),
    ("2026-03-08T07:30:00Z", "4h", "2026-03-08T04:00:00Z", "2026-03-08T08:00:00Z"),
    ("2026-03-08T07:30:00Z", "1d", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"),
    ("2026-03-08T07:30:00Z", "1w", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
    ("2026-03-08T07:30:00Z", "1mo", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
    ("2026-04-04T15:10:00Z", "30m", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"),
    ("2026-04-04T15:10:00Z", "12h", "2026-04-04T12:00:00Z", "2026-04-05T00:00:00Z"),
    ("2026-10-03T15:31:59Z", "1m", "2026-10-03T15:31:00Z", "2026-10-03T15:32:00Z"),
    ("2026-10-03T15:31:59Z", "1d", "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"),
    ("2026-11-01T06:00:00Z", "2h", "2026-11-01T06:00:00Z", "2026-11-01T08:00:00Z"),
    ("2026-11-01T00:00:00Z", "1mo", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ("2026-10-31T23:59:59Z", "1mo", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
    ("2026-11-02T00:00:00Z", "1w", "2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"),
    ("2026-11-01T23:59:59Z", "1w", "2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z"),
    ("2024-02-29T12:00:00Z", "1mo", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
    ("1970-01-01T00:00:00Z", "1d", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
]
# In POSIX form, which needs no zone files; with each zone's local hour at 2026-03-08T07:00Z.
ZONES = {
    "UTC": ("UTC0", 7),
    "America/New_York": ("EST5EDT,M3.2.0,M11.1.0", 3),
    "Asia/Kolkata": ("IST-5:30", 12),
    "Australia/Lord_Howe": ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 18),
}

ALIGN = """
import json, sys, time
import numpy as np
from engine.timeframe import Timeframe, ceil_ms, floor_ms, format_ms, next_open_ms, parse_time
from tasks.store.rows import bar_ends, grid_floor, months_of
time.tzset()
found = []
for instant, name in json.loads(sys.argv[1]):
    ms, timeframe = parse_time(instant), Timeframe(name)
    opened = floor_ms(ms, timeframe)
    column = grid_floor(np.array([ms], np.int64), timeframe)
    found.append([
        format_ms(opened), format_ms(next_open_ms(opened, timeframe)), format_ms(int(column[0])),
        format_ms(int(bar_ends(column, timeframe)[0])),
        format_ms(ceil_ms(ms, timeframe)), months_of(np.array([ms], np.int64))[0],
    ])
print(json.dumps([time.localtime(1772953200).tm_hour, found]))
"""


@pytest.mark.parametrize("zone", ZONES)
def test_h21_alignment_is_the_same_under_every_time_zone(zone: str) -> None:
    asked = json.dumps([[instant, name] for instant, name, _, _ in TABLE])
    rule, expected_hour = ZONES[zone]
    local_hour, found = json.loads(run(ALIGN, asked, env={**os.environ, "TZ": rule}))
    assert local_hour == expected_hour, "the zone was not in force"
    for (instant, _, opened, closed), row in zip(TABLE, found, strict=True):
        ceiling = opened if instant == opened else closed
        assert row == [opened, closed, opened, closed, ceiling, instant[:7]], (zone, instant)


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_h21_columns_align_as_single_instants_do_and_ceil_is_idempotent(
    timeframe: Timeframe,
) -> None:
    instants = np.random.default_rng(3).integers(0, 4_102_444_800_000, 200)
    floors = [floor_ms(int(ms), timeframe) for ms in instants]
    np.testing.assert_array_equal(grid_floor(instants, timeframe), floors)
    for ms in instants.tolist():
        ceiling = ceil_ms(ms, timeframe)
        assert ceil_ms(ceiling, timeframe) == ceiling >= ms
        assert floor_ms(ceiling, timeframe) == ceiling
        assert ms - timeframe.ms < floor_ms(ms, timeframe) <= ms


def test_h21_a_month_ends_where_the_next_begins() -> None:
    assert month_bounds("2024-02") == (
        parse_time("2024-02-01T00:00Z"),
        parse_time("2024-03-01T00:00Z"),
    )
    edge = parse_time("2026-01-01T00:00Z")
    assert months_of(np.array([edge - 1, edge], np.int64)) == ["2025-12", "2026-01"]
    opens = np.array([edge], np.int64)
    assert bar_ends(opens, Timeframe.MO1)[0] == parse_time("2026-02-01T00:00Z")


def test_h21_naive_times_are_refused_at_the_boundary() -> None:
    from engine.timeframe import from_datetime

    with pytest.raises(TypeError, match="naive"):
        from_datetime(datetime(2026, 3, 8, 7))  # noqa: DTZ001
    assert from_datetime(datetime(2026, 3, 8, 7, tzinfo=UTC)) == 1_772_953_200_000
    with pytest.raises(TypeError):
        floor_ms(datetime(2026, 3, 8, 7, tzinfo=UTC), Timeframe.H1)  # type: ignore[arg-type]
