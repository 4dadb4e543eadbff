"""The suites: which checks each kind of data must pass, and how grave a failure is.

Raise ``SUITE_VERSION`` with any change here: reports name the version they were made by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.quality.report import Severity

#: Raised when a suite's checks or bounds change.
SUITE_VERSION = 2

#: Bars in a row without any movement or trade that are worth a warning.
FLAT_RUN_BARS = 30
#: A move from close to close worth a warning, percent.
JUMP_PCT = 20.0
#: A distance of the mark's close from the last's worth a warning, percent.
MARK_DEVIATION_PCT = 5.0
#: A funding rate worth a warning, in 1e-8 (2 % per event).
FUNDING_RATE_E8 = 2_000_000
#: The distances the venue pays funding at, minutes.
FUNDING_INTERVALS_MIN = (60, 120, 240, 480)


@dataclass(frozen=True, slots=True)
class Check:
    """A named expectation: the library's class, its arguments, and how grave a failure is."""

    name: str
    meaning: str
    severity: Severity
    expectation: str
    arguments: Mapping[str, Any]


def _between(name: str, meaning: str, severity: Severity, **bounds: Any) -> Check:
    return Check(name, meaning, severity, "ExpectColumnValuesToBeBetween", bounds)


def _order(high: str, low: str) -> Check:
    return Check(
        f"{high}_at_least_{low}",
        f"{high} >= {low}",
        "error",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {
            "column_A": high,
            "column_B": low,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


def _time_checks(time: str) -> tuple[Check, ...]:
    return (
        Check(
            "rows_present",
            "the series has rows",
            "error",
            "ExpectTableRowCountToBeBetween",
            {"min_value": 1},
        ),
        Check(
            "time_unique",
            "no time occurs twice",
            "error",
            "ExpectColumnValuesToBeUnique",
            {"column": time},
        ),
        Check(
            "time_increasing",
            "times strictly increase",
            "error",
            "ExpectColumnValuesToBeIncreasing",
            {"column": time, "strictly": True},
        ),
        _between("on_grid", "times lie on the grid", "error", column="off_grid_ms", max_value=0),
        _between(
            "covered_rows_present",
            "no row is missing where coverage says the series is complete",
            "error",
            column="missing_covered",
            max_value=0,
        ),
        _between(
            "no_holes",
            "nothing is missing between the first row and the last",
            "warning",
            column="missing_uncovered",
            max_value=0,
        ),
    )


def _not_null(*names: str) -> tuple[Check, ...]:
    return tuple(
        Check(
            f"{name}_known",
            f"{name} is never missing",
            "error",
            "ExpectColumnValuesToNotBeNull",
            {"column": name},
        )
        for name in names
    )


CANDLE_SUITE: tuple[Check, ...] = (
    *_time_checks("open_ms"),
    *_not_null("open", "high", "low", "close", "volume"),
    _between("prices_positive", "low > 0", "error", column="low", min_value=0.0, strict_min=True),
    _order("high", "open"),
    _order("high", "close"),
    _order("open", "low"),
    _order("close", "low"),
    _between("prices_finite", "high is finite", "error", column="high", max_value=1e15),
    _between(
        "volume_possible", "volume >= 0", "error", column="volume", min_value=0.0, max_value=1e18
    ),
    _between(
        "flat_runs",
        f"fewer than {FLAT_RUN_BARS} bars in a row without movement and trade",
        "warning",
        column="flat_run",
        max_value=FLAT_RUN_BARS - 1,
    ),
    _between(
        "jumps",
        f"no move above {JUMP_PCT} % from close to close",
        "warning",
        column="move_pct",
        max_value=JUMP_PCT,
    ),
)
MARK_CHECK = _between(
    "mark_near_last",
    f"the mark closes within {MARK_DEVIATION_PCT} % of the last price",
    "warning",
    column="mark_deviation_pct",
    max_value=MARK_DEVIATION_PCT,
)
FUNDING_SUITE: tuple[Check, ...] = (
    *_time_checks("ts_ms"),
    *_not_null("rate_e8"),
    _between(
        "rate_possible",
        "a rate is within 100 %",
        "error",
        column="rate_e8",
        min_value=-100_000_000,
        max_value=100_000_000,
    ),
    _between(
        "rate_usual",
        "a rate is within 2 %",
        "warning",
        column="rate_e8",
        min_value=-FUNDING_RATE_E8,
        max_value=FUNDING_RATE_E8,
    ),
    Check(
        "calendar",
        "events follow one another after 1, 2, 4 or 8 hours",
        "warning",
        "ExpectColumnValuesToBeInSet",
        {"column": "spacing_min", "value_set": list(FUNDING_INTERVALS_MIN)},
    ),
)
INTEREST_SUITE: tuple[Check, ...] = (
    *_time_checks("ts_ms"),
    *_not_null("value"),
    _between(
        "interest_possible",
        "open interest >= 0",
        "error",
        column="value",
        min_value=0.0,
        max_value=1e18,
    ),
)
