"""Columnar bars and their aggregation to slower timeframes.

A :class:`Bars` is a set of equal-length numpy columns of one symbol and timeframe, oldest first,
each bar named by its open in epoch ms UTC. Only closed bars exist here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import BarsError
from engine.timeframe import Timeframe, bar_indices, bar_opens, floor_ms, format_ms

FloatColumn = npt.NDArray[np.float64]
IntColumn = npt.NDArray[np.int64]

PRICE_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars in columns.

    ``open_ms`` int64[n] epoch ms UTC, strictly increasing; ``open high low close volume``
    float64[n] (prices in USDT, volume in base units); optional ``turnover`` (USDT), ``mark_close``
    and ``index_close`` (USDT), ``funding_rate`` and ``open_interest`` (base units; both the last
    known at each close, NaN before the first) float64[n] or None.
    """

    open_ms: IntColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn
    turnover: FloatColumn | None = None
    mark_close: FloatColumn | None = None
    funding_rate: FloatColumn | None = None
    index_close: FloatColumn | None = None
    open_interest: FloatColumn | None = None

    def __post_init__(self) -> None:
        n = len(self.open_ms)
        for spec in fields(self):
            column = getattr(self, spec.name)
            if column is None:
                continue
            dtype = np.int64 if spec.name == "open_ms" else np.float64
            array = np.asarray(column)
            if array.dtype != dtype:
                if array.dtype.kind not in "iuf" or (dtype is np.int64 and array.dtype.kind == "f"):
                    raise TypeError(f"{spec.name}: {array.dtype} where {dtype.__name__} is needed")
                array = array.astype(dtype)
            if array.shape != (n,):
                raise BarsError(f"{spec.name} has {array.shape} values, open_ms has {n}")
            object.__setattr__(self, spec.name, np.ascontiguousarray(array))

    def __len__(self) -> int:
        return len(self.open_ms)

    def __getitem__(self, rows: slice) -> Bars:
        """The same columns over a slice of rows (views, not copies)."""
        columns: dict[str, Any] = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        for name, column in columns.items():
            columns[name] = None if column is None else column[rows]
        return Bars(**columns)


def concat(parts: list[Bars]) -> Bars:
    """One Bars of several in order; optional columns stay only where every part has them."""
    columns: dict[str, Any] = {}
    for spec in fields(Bars):
        pieces = [getattr(part, spec.name) for part in parts]
        whole = None if any(p is None for p in pieces) else np.concatenate(pieces)
        columns[spec.name] = whole
    return Bars(**columns)


def check_bars(bars: Bars, timeframe: Timeframe, *, holes: bool = False) -> None:
    """Raise BarsError naming the first bar that is off the grid, out of order, missing its
    predecessor (unless there may be ``holes``), non-finite, or whose high and low do not contain
    its open and close."""
    from engine.bar_check import first_impossible, first_out_of_step  # compiled: loaded when used

    if not len(bars):
        return
    ms = bars.open_ms
    numbers = bar_indices(ms, timeframe) if timeframe.is_month or holes else ms
    every = bar_opens(numbers, timeframe) != ms if holes else ms[:0]
    for at in (0, len(ms) - 1, *np.flatnonzero(every)[:1].tolist()):
        if int(ms[at]) != floor_ms(int(ms[at]), timeframe):
            raise BarsError(
                f"bar {at} at {format_ms(int(ms[at]))} is off the {timeframe.value} grid",
                where=f"{timeframe.value} bars",
            )
    if holes:
        back = np.flatnonzero(np.diff(numbers) <= 0)
        at = int(back[0]) + 1 if len(back) else -1
    else:
        at = first_out_of_step(numbers, 1 if timeframe.is_month else timeframe.ms)
    if at >= 0:
        what = "repeats or goes back in time" if ms[at] <= ms[at - 1] else "leaves a hole before it"
        raise BarsError(
            f"bar {at} at {format_ms(int(ms[at]))} {what}",
            where=f"{timeframe.value} bars",
            hint="bars must be contiguous and in order",
        )
    at = first_impossible(bars.open, bars.high, bars.low, bars.close, bars.volume)
    if at >= 0:
        raise BarsError(
            f"bar {at} at {format_ms(int(ms[at]))} is not a possible bar "
            f"(O {bars.open[at]} H {bars.high[at]} L {bars.low[at]} C {bars.close[at]} "
            f"V {bars.volume[at]})"
        )
