"""Bars are judged many at a time, and the first bad one is named wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import Bars, check_bars
from engine.errors import BarsError
from engine.timeframe import Timeframe

MINUTE = 60_000
COUNT = 2_100


def columns() -> dict[str, np.ndarray]:
    close = 100.0 + np.arange(COUNT) % 7
    return {
        "open_ms": np.arange(COUNT, dtype=np.int64) * MINUTE,
        "open": close.copy(),
        "high": close + 1,
        "low": close - 1,
        "close": close,
        "volume": np.ones(COUNT),
    }


#: Around the edges of what is looked at together (1,024 bars), and both ends.
EDGES = (0, 1, 1022, 1023, 1024, 1025, 2047, 2048, COUNT - 1)

SPOILT = {
    "open above high": ("open", 200.0),
    "close below low": ("close", 1.0),
    "price of nothing": ("low", 0.0),
    "endless": ("high", np.inf),
    "no number": ("close", np.nan),
    "negative volume": ("volume", -1.0),
    "endless volume": ("volume", np.inf),
    "volume no number": ("volume", np.nan),
}


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("at", EDGES)
def test_the_first_impossible_bar_is_named(at: int, name: str):
    found = columns()
    column, value = SPOILT[name]
    for bar in {at, COUNT - 1}:
        found[column][bar] = value
    with pytest.raises(BarsError, match=rf"^bar {at} at .* is not a possible bar"):
        check_bars(Bars(**found), Timeframe.M1)


@given(bars=st.sets(st.integers(1, COUNT - 1), min_size=1, max_size=4), by=st.sampled_from([-2, 1]))
def test_the_first_bar_out_of_step_is_named(bars: set[int], by: int):
    found = columns()
    for bar in bars:
        found["open_ms"][bar:] += by * MINUTE
    said = "leaves a hole" if by > 0 else "repeats or goes back"
    with pytest.raises(BarsError, match=rf"^bar {min(bars)} at .* {said}"):
        check_bars(Bars(**found), Timeframe.M1)


def test_good_bars_are_taken():
    check_bars(Bars(**columns()), Timeframe.M1)
