"""When bars close: by their length, or for months as the calendar has it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.exchange.times import BarTimes
from engine.timeframe import Timeframe, parse_time


def times(*texts: str) -> np.ndarray:
    return np.array([parse_time(text) for text in texts], np.int64)


@pytest.mark.parametrize(
    ("timeframe", "opens", "closes"),
    [
        (Timeframe.M1, ("2026-01-01T00:00Z", "2026-01-01T00:01Z"),
         ("2026-01-01T00:01Z", "2026-01-01T00:02Z")),
        # A hole: a bar still closes when it does.
        (Timeframe.M1, ("2026-01-01T00:00Z", "2026-01-01T05:00Z"),
         ("2026-01-01T00:01Z", "2026-01-01T05:01Z")),
        (Timeframe.W1, ("2026-01-05", "2026-01-12"), ("2026-01-12", "2026-01-19")),
        (Timeframe.MO1, ("2026-01-01", "2026-02-01", "2026-03-01"),
         ("2026-02-01", "2026-03-01", "2026-04-01")),
    ],
)  # fmt: skip
def test_bars_close_as_their_timeframe_says(
    timeframe: Timeframe, opens: tuple[str, ...], closes: tuple[str, ...]
):
    found = BarTimes.of(times(*opens), timeframe)
    written = np.empty(len(opens), np.int64)
    found.write_closes(slice(0, len(opens)), written)
    np.testing.assert_array_equal(written, times(*closes))
    found.write_closes(np.array([len(opens) - 1]), written[:1])
    np.testing.assert_array_equal(written[:1], times(closes[-1]))
