"""Columnar bars and their aggregation to slower timeframes.

A :class:`Bars` is a set of equal-length numpy columns of one symbol and timeframe, oldest first,
each bar named by its open in epoch ms UTC. Only closed bars exist here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from engine.errors import BarsError
from engine.timeframe import Timeframe, bar_indices, format_ms

FloatColumn = npt.NDArray[np.float64]
IntColumn = npt.NDArray[np.int64]

PRICE_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars in columns.

    ``open_ms`` int64[n] epoch ms UTC, strictly increasing; ``open high low close volume``
    float64[n] (prices in USDT, volume in base units); optional ``turnover`` (USDT), ``mark_close``
    (USDT) and ``funding_rate`` (the last known at each close) float64[n] or None.
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
        return Bars(
            *(None if c is None else c[rows] for c in (getattr(self, f.name) for f in fields(self)))
        )


def concat(parts: list[Bars]) -> Bars:
    """One Bars of several in order; optional columns stay only where every part has them."""
    columns = []
    for spec in fields(Bars):
        pieces = [getattr(part, spec.name) for part in parts]
        columns.append(None if any(p is None for p in pieces) else np.concatenate(pieces))
    return Bars(*columns)


def check_bars(bars: Bars, timeframe: Timeframe) -> None:
    """Raise BarsError naming the first bar that is off the grid, out of order, missing its
    predecessor, non-finite, or whose high and low do not contain its open and close."""
    if not len(bars):
        return
    ms = bars.open_ms
    index = bar_indices(ms, timeframe)
    step = np.diff(index)
    if np.any(step != 1):
        at = int(np.flatnonzero(step != 1)[0]) + 1
        what = "repeats or goes back in time" if step[at - 1] < 1 else "leaves a hole before it"
        raise BarsError(
            f"bar {at} at {format_ms(int(ms[at]))} {what}",
            where=f"{timeframe.value} bars",
            hint="bars must be contiguous and in order",
        )
    first = int(ms[0])
    if first != _grid_open(first, timeframe) or int(ms[-1]) != _grid_open(int(ms[-1]), timeframe):
        raise BarsError(f"bars are off the {timeframe.value} grid at {format_ms(first)}")
    prices = [getattr(bars, name) for name in PRICE_COLUMNS]
    finite = np.isfinite(bars.volume)
    for column in prices:
        finite &= np.isfinite(column) & (column > 0)
    low, high = bars.low, bars.high
    good = finite & (low <= bars.open) & (low <= bars.close) & (high >= bars.open)
    good &= (high >= bars.close) & (bars.volume >= 0)
    if not np.all(good):
        at = int(np.flatnonzero(~good)[0])
        raise BarsError(
            f"bar {at} at {format_ms(int(ms[at]))} is not a possible bar "
            f"(O {bars.open[at]} H {bars.high[at]} L {bars.low[at]} C {bars.close[at]} "
            f"V {bars.volume[at]})"
        )


def _grid_open(ms: int, timeframe: Timeframe) -> int:
    from engine.timeframe import floor_ms

    return floor_ms(ms, timeframe)
