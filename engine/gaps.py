"""Holes in a run's series, and what the run config lets stand in them.

``refuse``: nothing, the run is refused. ``flat``: bars that stand still at the close before,
without volume. ``skip``: the bars that every series of the run has, one after the other; a slower
bar that a hole cuts is not there.
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from engine.bars import Bars, IntColumn, check_bars
from engine.dataset import Dataset
from engine.errors import DataError
from engine.timeframe import Timeframe, bar_index, bar_indices, bar_opens, ceil_ms, format_ms

_SERIES = ("bars", "mark", "index")


def settled(dataset: Dataset, policy: str) -> tuple[Dataset, int]:
    """The dataset with its holes settled by ``gaps=`` ``policy``, and how many bars of the fill
    series were missing up to the window's end.

    Raises BarsError for a series that has more wrong with it than holes, DataError ``DATA_HOLE`` if
    one that is to stand still lacks its first bar.
    """
    if policy == "refuse" or not len(dataset.bars):
        return dataset, 0
    base = dataset.base_timeframe
    held = {name: getattr(dataset, name) for name in _SERIES if getattr(dataset, name) is not None}
    for series in held.values():
        check_bars(series, base, holes=True)
    begin_ms = min(int(dataset.bars.open_ms[0]), ceil_ms(dataset.since_ms, base))
    first, end = bar_index(begin_ms, base), bar_index(dataset.until_ms, base)
    missing = end - first - len(dataset.bars)
    settle: dict[str, Any]
    if policy == "flat":
        wanted = bar_opens(np.arange(first, end, dtype=np.int64), base)
        settle = {name: _flat(name, series, wanted) for name, series in held.items()}
    else:
        times = dataset.bars.open_ms
        for series in held.values():
            times = np.intersect1d(times, series.open_ms, assume_unique=True)
        missing += len(dataset.bars) - len(times)
        settle = {name: _at(series, times) for name, series in held.items()}
    return replace(dataset, **settle), missing


def pieces(bars: Bars, timeframe: Timeframe) -> list[tuple[int, int]]:
    """The stretches ``[lo, hi)`` of ``bars``, in order, within which no bar is missing."""
    numbers = bar_indices(bars.open_ms, timeframe)
    starts = np.flatnonzero(np.diff(numbers) != 1) + 1
    edges = [0, *starts.tolist(), len(bars)]
    return list(pairwise(edges))


def _flat(name: str, bars: Bars, wanted: IntColumn) -> Bars:
    """The bars at the times ``wanted``; where one is missing, all prices at the close before."""
    if not len(bars) or bars.open_ms[0] > wanted[0]:
        raise DataError(
            f"the first bar of {name}, {format_ms(int(wanted[0]))}, is missing: no price before it "
            "to stand still at",
            hint="begin the window where the series begins",
            code="DATA_HOLE",
        )
    held = np.searchsorted(bars.open_ms, wanted, side="right") - 1
    missing = bars.open_ms[held] != wanted
    columns: dict[str, Any] = {"open_ms": wanted}
    for price in ("open", "high", "low", "close"):
        columns[price] = np.where(missing, bars.close[held], getattr(bars, price)[held])
    for amount in ("volume", "turnover"):
        column = getattr(bars, amount)
        columns[amount] = None if column is None else np.where(missing, 0.0, column[held])
    return Bars(**columns)


def _at(bars: Bars, times: IntColumn) -> Bars:
    rows = np.searchsorted(bars.open_ms, times)
    columns: dict[str, Any] = {}
    for spec in fields(Bars):
        column = getattr(bars, spec.name)
        columns[spec.name] = None if column is None else column[rows]
    return Bars(**columns)
