"""Timeframes are one enum; the venue's codes exist in its codec only (M14)."""

from __future__ import annotations

import re

import pytest

from engine.errors import TimeError
from engine.exchange.intervals import (
    candle_code,
    candle_timeframe,
    interest_code,
    interest_grid,
    interest_timeframe,
)
from engine.timeframe import Timeframe
from tests.tasks.store.samples import ROOT

#: The `interval` values of the venue's kline page, with the timeframe each stands for.
DOCUMENTED = {
    "1": "1m",
    "3": "3m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "120": "2h",
    "240": "4h",
    "360": "6h",
    "720": "12h",
    "D": "1d",
    "W": "1w",
    "M": "1mo",
}
#: The `intervalTime` values of the venue's open-interest page.
INTEREST = {"5min": "5m", "15min": "15m", "30min": "30m", "1h": "1h", "4h": "4h", "1d": "1d"}


def test_m14_every_interval_of_the_venue_round_trips_and_no_timeframe_is_left_out() -> None:
    assert {code: candle_timeframe(code).value for code in DOCUMENTED} == DOCUMENTED
    assert {candle_code(timeframe) for timeframe in Timeframe} == set(DOCUMENTED)
    for timeframe in Timeframe:
        assert candle_timeframe(candle_code(timeframe)) is timeframe


@pytest.mark.parametrize("code", ["15m", "d", "w", "m", "", "2", "1h", "60m", " 1"])
def test_m14_an_unknown_code_raises(code: str) -> None:
    with pytest.raises(TimeError, match="no interval"):
        candle_timeframe(code)


def test_m14_open_interest_codes_round_trip_and_the_others_are_refused() -> None:
    assert {code: interest_timeframe(code).value for code in INTEREST} == INTEREST
    for timeframe in Timeframe:
        if timeframe.value in INTEREST.values():
            assert interest_timeframe(interest_code(timeframe)) is timeframe
        else:
            with pytest.raises(TimeError, match="keeps no"):
                interest_code(timeframe)


@pytest.mark.parametrize(
    ("candles", "interest"),
    [("1m", "5m"), ("5m", "5m"), ("30m", "30m"), ("2h", "4h"), ("6h", "1d"), ("1mo", "1d")],
)
def test_m14_open_interest_is_asked_for_on_a_grid_the_venue_keeps(
    candles: str, interest: str
) -> None:
    assert interest_grid(Timeframe(candles)).value == interest


def test_m14_no_other_module_spells_a_venue_code() -> None:
    """An ``interval=`` or ``intervalTime`` given anywhere comes out of the codec."""
    spelled = re.compile(r"""["']?interval(Time)?["']?\s*[=:]\s*["'](\d+|[DWM]|\d+min)["']""")
    found = [
        path.relative_to(ROOT).as_posix()
        for room in ("engine", "tasks", "live", "flows")
        for path in (ROOT / room).rglob("*.py")
        if spelled.search(path.read_text())
    ]
    assert found == []
