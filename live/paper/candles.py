"""Candles as the venue lists them: of any interval, up to now, the forming one included."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.timeframe import (
    Timeframe,
    bar_index,
    bar_indices,
    bar_open_ms,
    divides,
    floor_ms,
    next_open_ms,
)

#: Sums of lots and money are decimals again at this many places.
SUM_DECIMALS = 6


def page_of_candles(
    base: Timeframe,
    bars: Bars,
    timeframe: Timeframe,
    now_ms: int,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> Bars:
    """At most ``limit`` candles that open in ``[start_ms, end_ms]``, oldest first.

    Without ``start_ms`` the newest ones; with ``start_ms`` alone those from it on; with both the
    newest of the range. A timeframe that the base candles do not make up has none.
    """
    if not divides(base, timeframe):
        return bars[slice(0, 0)]
    newest = min(now_ms, now_ms if end_ms is None else end_ms)
    last = bar_index(newest, timeframe)
    if start_ms is None:
        first = last - limit + 1
    else:
        first = bar_index(start_ms, timeframe)
        if bar_open_ms(first, timeframe) < start_ms:
            first += 1
        if end_ms is None:
            last = min(last, first + limit - 1)
        first = max(first, last - limit + 1)
    if first > last:
        return bars[slice(0, 0)]
    begin, until = bar_open_ms(first, timeframe), bar_open_ms(last + 1, timeframe)
    part = shown_by(base, bars, begin, until, now_ms)
    return part if base is timeframe else aggregated(part, timeframe)


def shown_by(base: Timeframe, bars: Bars, begin_ms: int, until_ms: int, now_ms: int) -> Bars:
    """The candles that open in ``[begin_ms, until_ms)`` and have opened by ``now_ms``.

    One that has not closed yet shows its open only, as a candle without a trade does.
    """
    a = int(np.searchsorted(bars.open_ms, begin_ms))
    b = int(np.searchsorted(bars.open_ms, min(until_ms, now_ms + 1)))
    part = bars[slice(a, b)]
    if not len(part):
        return part
    opened = int(part.open_ms[-1])
    if next_open_ms(floor_ms(opened, base), base) <= now_ms:
        return part
    price = part.open[-1:]
    forming = [price, price, price, price, np.zeros(1)]
    columns = [part.open, part.high, part.low, part.close, part.volume]
    values = [np.concatenate((c[:-1], f)) for c, f in zip(columns, forming, strict=True)]
    turnover = part.turnover
    if turnover is not None:
        turnover = np.concatenate((turnover[:-1], np.zeros(1)))
    o, h, low, c, v = values
    return Bars(part.open_ms, o, h, low, c, v, turnover)


def aggregated(bars: Bars, timeframe: Timeframe) -> Bars:
    """Slower candles of contiguous or gappy faster ones; each has what its time holds."""
    if not len(bars):
        return bars
    index = bar_indices(bars.open_ms, timeframe)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(index)) + 1))
    ends = np.concatenate((starts[1:], [len(bars)])) - 1
    opens = np.array([bar_open_ms(int(i), timeframe) for i in index[starts]], np.int64)
    turnover = None if bars.turnover is None else _sums(bars.turnover, starts)
    return Bars(
        opens,
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        _sums(bars.volume, starts),
        turnover,
    )


def _sums(
    values: npt.NDArray[np.float64], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Sums from each start to the next, as the decimals they are."""
    return np.asarray(np.round(np.add.reduceat(values, starts), SUM_DECIMALS), np.float64)
