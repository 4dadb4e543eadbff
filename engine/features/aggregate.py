"""Bars of a slower timeframe from the base series.

A slower bar exists only if all its base bars are present: the one that history begins inside of is
not there. State is what the current bar has so far, so any split of the base bars gives the same
bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.jit import njit
from engine.timeframe import Timeframe, bar_index, bar_indices, bar_open_ms, bar_opens

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

#: Columns that are aggregated, in the order of the state's cells.
COLUMNS = ("open", "high", "low", "close", "volume")
#: State: whether the current bar was seen from its first base bar on, then its columns so far.
STATE_CELLS = 1 + len(COLUMNS)


@njit(cache=True)
def _aggregate(
    opens: Float64,
    high: Float64,
    low: Float64,
    close: Float64,
    volume: Float64,
    lo: int,
    hi: int,
    fresh: bool,
    ended_by: Int64,
    s: Float64,
    out: Float64,
) -> None:
    """Bars that end at base bars ``ended_by`` of ``[lo, hi)`` into ``out`` float64[5, :]; what is
    left over into ``s``. ``fresh``: base bar ``lo`` begins a bar."""
    whole, first, top, bottom, total = s[0], s[1], s[2], s[3], s[5]
    begin = lo
    for k in range(len(ended_by) + 1):
        end = ended_by[k] + 1 if k < len(ended_by) else hi
        if begin < end:
            if fresh:
                whole, first, top, bottom, total = 1.0, opens[begin], high[begin], low[begin], 0.0
            for i in range(begin, end):
                top = max(top, high[i])
                bottom = min(bottom, low[i])
                total += volume[i]
        if k < len(ended_by):
            out[0, k] = first
            out[1, k] = top
            out[2, k] = bottom
            out[3, k] = close[end - 1]
            out[4, k] = total
            whole = 0.0
        fresh = True
        begin = end
    for cell in range(len(s)):
        s[cell] = 0.0
    if whole == 1.0:
        s[0], s[1], s[2], s[3], s[4], s[5] = 1.0, first, top, bottom, close[hi - 1], total


def _ends(bars: Bars, lo: int, hi: int, base: Timeframe, timeframe: Timeframe) -> Int64:
    """Positions of the base bars in ``[lo, hi)`` that end a bar of ``timeframe``."""
    if timeframe.is_month:
        numbers = bar_indices(bars.open_ms[lo:hi], base)
        months = bar_indices(bar_opens(numbers, base), timeframe)
        after = bar_indices(bar_opens(numbers + 1, base), timeframe)
        return np.flatnonzero(months != after) + lo
    # Base bars are contiguous, so every k-th one ends a bar.
    k = timeframe.ms // base.ms
    first = int(bars.open_ms[lo])
    seen = (first - bar_open_ms(bar_index(first, timeframe), timeframe)) // base.ms
    return np.arange(lo + k - 1 - seen, hi, k, dtype=np.int64)


def aggregate(
    bars: Bars, lo: int, hi: int, base: Timeframe, timeframe: Timeframe, state: Float64
) -> tuple[int, Float64, Int64]:
    """The bars of ``timeframe`` that close within the contiguous base bars ``[lo, hi)``.

    ``state`` float64[STATE_CELLS] goes on. Returns the absolute number of the first bar, COLUMNS
    float64[5, m], and int64[m] of the base bars that closed them.
    """
    ended_by = _ends(bars, lo, hi, base, timeframe)
    first = int(bars.open_ms[lo])
    number = bar_index(first, timeframe)
    fresh = bar_open_ms(number, timeframe) == first
    had_begun = fresh or state[0] == 1.0
    out = np.empty((len(COLUMNS), len(ended_by)))
    _aggregate(
        bars.open, bars.high, bars.low, bars.close, bars.volume, lo, hi, fresh, ended_by, state, out
    )
    if not had_begun and len(ended_by):
        return number + 1, out[:, 1:], ended_by[1:]
    return number, out, ended_by


@njit(cache=True)
def _totals(
    x: Float64, lo: int, hi: int, fresh: bool, ended_by: Int64, s: Float64, out: Float64
) -> None:
    """Sums of ``x`` over the bars that end at ``ended_by``; what is left over into ``s``."""
    total = 0.0 if fresh else s[1]
    whole = 1.0 if fresh else s[0]
    begin = lo
    for k in range(len(ended_by) + 1):
        end = ended_by[k] + 1 if k < len(ended_by) else hi
        for i in range(begin, end):
            total += x[i]
        if k < len(ended_by):
            out[k] = total
            total, whole = 0.0, 1.0
        begin = end
    s[0], s[1] = whole, total


def aggregate_total(
    x: Float64, bars: Bars, lo: int, hi: int, base: Timeframe, timeframe: Timeframe, state: Float64
) -> Float64:
    """Sums of a base column over the bars that :func:`aggregate` returns; ``state`` float64[2]."""
    ended_by = _ends(bars, lo, hi, base, timeframe)
    first = int(bars.open_ms[lo])
    fresh = bar_open_ms(bar_index(first, timeframe), timeframe) == first
    had_begun = fresh or state[0] == 1.0
    out = np.empty(len(ended_by))
    _totals(x, lo, hi, fresh, ended_by, state, out)
    return out if had_begun else out[1:]
