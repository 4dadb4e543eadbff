"""Columns that suites set bounds on: the rows' own, and what neighbours and coverage say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.timeframe import HOUR_MS, MINUTE_MS
from tasks.store.intervals import Interval, intersect, runs, subtract
from tasks.store.rows import bar_ends, grid_floor, layout_of, row_ends
from tasks.store.series import Kind, Series

Columns = Mapping[str, npt.NDArray[Any]]


def candle_measures(
    series: Series, columns: Columns, coverage: Sequence[Interval]
) -> dict[str, npt.NDArray[Any]]:
    """The candle suite's columns; a move is measured between contiguous bars only."""
    assert series.timeframe is not None
    times, close = columns["open_ms"], columns["close"]
    still = (columns["high"] == columns["low"]) & (columns["volume"] == 0)
    move_pct = np.zeros(len(times))
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(close[1:] / close[:-1] - 1.0) * 100.0
    move_pct[1:] = np.where(bar_ends(times, series.timeframe)[:-1] == times[1:], moved, 0.0)
    covered, uncovered = _missing(series, columns, coverage)
    return {
        **columns,
        "off_grid_ms": times - grid_floor(times, series.timeframe),
        "missing_covered": covered,
        "missing_uncovered": uncovered,
        "flat_run": _run_lengths(still) if series.kind is Kind.KLINE else np.zeros(len(times)),
        "move_pct": move_pct,
    }


def funding_measures(
    series: Series, columns: Columns, coverage: Sequence[Interval]
) -> dict[str, npt.NDArray[Any]]:
    """The funding suite's columns."""
    times = columns["ts_ms"]
    if len(times):
        # An event says nothing of the time before it, so coverage is judged from the first on.
        coverage = intersect(coverage, [(int(times[0]), int(row_ends(series, columns)[-1]))])
    covered, uncovered = _missing(series, columns, coverage)
    spacing_min = np.full(len(times), np.nan)
    spacing_min[1:] = np.diff(times) / MINUTE_MS
    return {
        **columns,
        "off_grid_ms": times % HOUR_MS,
        "missing_covered": covered,
        "missing_uncovered": uncovered,
        "spacing_min": spacing_min,
    }


def interest_measures(
    series: Series, columns: Columns, coverage: Sequence[Interval]
) -> dict[str, npt.NDArray[Any]]:
    """The open-interest suite's columns."""
    assert series.timeframe is not None
    times = columns["ts_ms"]
    covered, uncovered = _missing(series, columns, coverage)
    return {
        **columns,
        "off_grid_ms": times - grid_floor(times, series.timeframe),
        "missing_covered": covered,
        "missing_uncovered": uncovered,
    }


def _missing(
    series: Series, columns: Columns, coverage: Sequence[Interval]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Missing time beside each row, ms, int64[n] each: where coverage claims rows, and in holes
    between rows that it does not claim. A stretch is counted at the row after it, or the last."""
    times = columns[layout_of(series.kind).time]
    covered, uncovered = np.zeros(len(times), np.int64), np.zeros(len(times), np.int64)
    if not len(times) or np.any(np.diff(times) <= 0):
        return covered, uncovered
    present = runs(times, row_ends(series, columns))
    span = [(present[0][0], present[-1][1])]
    for column, holes in (
        (covered, subtract(coverage, present)),
        (uncovered, subtract(subtract(span, present), coverage)),
    ):
        for start, end in holes:
            column[min(int(np.searchsorted(times, start)), len(times) - 1)] += end - start
    return covered, uncovered


def _run_lengths(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many set flags in a row end at each place, int64[n]; 0 where not set."""
    count = np.cumsum(flags)
    before = np.maximum.accumulate(np.where(flags, 0, count))
    return np.where(flags, count - before, 0).astype(np.int64)


def mark_deviation_pct(columns: Columns, mark: Columns) -> npt.NDArray[np.float64]:
    """Distance of the mark's close from the last's, percent float64[n]; NaN without a mark."""
    times = columns["open_ms"]
    deviation = np.full(len(times), np.nan)
    _, here, there = np.intersect1d(times, mark["open_ms"], return_indices=True)
    last = columns["close"][here]
    deviation[here] = np.abs(mark["close"][there] / last - 1.0) * 100.0
    return deviation
