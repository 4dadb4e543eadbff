"""Validation of rows before they may be stored: columnar, and every bad row named with its reasons.

A row's number counts data rows from 0, as Parquet readers and data frames do. Reasons come in the
order of the checks below; a row with several has them joined by ``; ``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.timeframe import HOUR_MS, format_ms
from tasks.store.files import RawColumns
from tasks.store.rows import bar_ends, grid_floor
from tasks.store.series import Kind, Series

Mask = npt.NDArray[np.bool_]

#: Rejected rows listed in a report; their number is always given in full.
LISTED_ROWS = 1_000
#: A funding rate beyond this (100 % per event) is not a rate.
RATE_MAX = 1.0


@dataclass
class Rejections:
    """Bad rows found so far: one mask and reason per failed check."""

    rows: int
    found: list[tuple[Mask, str]] = field(default_factory=list)

    def add(self, bad: Mask, reason: str) -> None:
        """Reject the rows where ``bad``, bool[n], is set."""
        if np.any(bad):
            self.found.append((bad, reason))

    @property
    def mask(self) -> Mask:
        """All rejected rows, bool[n]."""
        rejected = np.zeros(self.rows, bool)
        for bad, _ in self.found:
            rejected |= bad
        return rejected

    def listed(self) -> list[tuple[int, str]]:
        """``(row, reasons)`` of the first rejected rows, at most ``LISTED_ROWS``."""
        first = np.flatnonzero(self.mask)[:LISTED_ROWS].tolist()
        return [(row, "; ".join(reason for bad, reason in self.found if bad[row])) for row in first]


def validate(
    series: Series, raw: RawColumns, now_ms: int | None = None
) -> tuple[dict[str, npt.NDArray[Any]], Rejections]:
    """The rows as :data:`tasks.store.rows` lays them out, and the rejections among them.

    With ``now_ms`` a bar that has not closed by then, or an event after it, is rejected.
    """
    rejections = Rejections(len(raw.time_ms))
    _check_times(series, raw, now_ms, rejections)
    if series.kind is Kind.FUNDING:
        return _funding(raw, rejections), rejections
    if series.kind is Kind.OPEN_INTEREST:
        return _open_interest(raw, rejections), rejections
    return _candles(series, raw, rejections), rejections


def _check_times(
    series: Series, raw: RawColumns, now_ms: int | None, rejections: Rejections
) -> None:
    times, readable = raw.time_ms, ~raw.unreadable
    rejections.add(raw.unreadable, "time is missing or not a whole millisecond")
    rejections.add(readable & (times < 0), "time lies before 1970")
    repeated = np.ones(len(times), bool)
    repeated[np.unique(times, return_index=True)[1]] = False
    rejections.add(readable & repeated, "duplicate: the time of an earlier row")
    backward = np.zeros(len(times), bool)
    backward[1:] = times[1:] < times[:-1]
    rejections.add(readable & backward, "unsorted: earlier than the row before it")
    if series.timeframe is None:
        rejections.add(readable & (times % HOUR_MS != 0), "off the hourly grid")
        ends = times
    else:
        off = grid_floor(times, series.timeframe) != times
        rejections.add(readable & off, f"off the {series.timeframe.value} grid")
        ends = bar_ends(times, series.timeframe)
    if now_ms is not None:
        what = "not yet due" if series.timeframe is None else "not closed yet"
        rejections.add(readable & (ends > now_ms), f"{what} at {format_ms(now_ms)}")


def _candles(
    series: Series, raw: RawColumns, rejections: Rejections
) -> dict[str, npt.NDArray[Any]]:
    n = len(raw.time_ms)
    o, h, lo, c = (raw.values[name] for name in ("open", "high", "low", "close"))
    volume = raw.values["volume"] if series.kind is Kind.KLINE else np.zeros(n)
    turnover = raw.values.get("turnover", np.full(n, np.nan))
    for name, column in (("open", o), ("high", h), ("low", lo), ("close", c)):
        finite = np.isfinite(column)
        rejections.add(~finite, f"{name} is missing or not finite")
        rejections.add(finite & (column <= 0), f"{name} is not positive")
    rejections.add(h < lo, "high is below low")
    rejections.add((h >= lo) & (h < np.maximum(o, c)), "high is below open or close")
    rejections.add((h >= lo) & (lo > np.minimum(o, c)), "low is above open or close")
    rejections.add(~np.isfinite(volume), "volume is missing or not finite")
    rejections.add(volume < 0, "volume is negative")
    rejections.add(np.isinf(turnover), "turnover is not finite")
    rejections.add(turnover < 0, "turnover is negative")
    return {
        "open_ms": raw.time_ms,
        "open": o,
        "high": h,
        "low": lo,
        "close": c,
        "volume": volume,
        "turnover": turnover,
    }


def _funding(raw: RawColumns, rejections: Rejections) -> dict[str, npt.NDArray[Any]]:
    rate = raw.values["rate"]
    interval = raw.values.get("interval_min", np.full(len(rate), np.nan))
    finite = np.isfinite(rate)
    rejections.add(~finite, "rate is missing or not finite")
    possible = finite & (np.abs(rate) <= RATE_MAX)
    rejections.add(finite & ~possible, "rate is beyond 100 %")
    scaled = np.where(possible, rate, 0.0) * 1e8
    rate_e8 = np.rint(scaled)
    # A decimal of eight places is read back to within a few units of a double's precision.
    rejections.add(np.abs(scaled - rate_e8) > 1e-6, "rate is finer than 0.00000001")
    known = ~np.isnan(interval)
    whole = known & np.isfinite(interval) & (interval >= 1) & (np.floor(interval) == interval)
    rejections.add(known & ~whole, "interval is not a whole number of minutes")
    return {
        "ts_ms": raw.time_ms,
        "rate_e8": rate_e8.astype(np.int64),
        "interval_min": interval,
    }


def _open_interest(raw: RawColumns, rejections: Rejections) -> dict[str, npt.NDArray[Any]]:
    value = raw.values["value"]
    rejections.add(~np.isfinite(value), "open interest is missing or not finite")
    rejections.add(value < 0, "open interest is negative")
    return {"ts_ms": raw.time_ms, "value": value}
