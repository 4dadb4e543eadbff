"""Pictures of long runs: fewer points that keep every peak and trough.

A screen shows some thousand columns of pixels. What falls into one column is drawn by its extremes,
so a sampled picture and the whole one look alike; the page says when it is sampled.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.bars import Bars

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def extremes(values: Floats, buckets: int) -> Ints:
    """Rows to draw of ``values`` (float64[n], finite): the smallest and the largest of each of
    ``buckets`` equal stretches, the first and the last; all rows if n is at most 2 x buckets."""
    n = len(values)
    if n <= 2 * buckets:
        return np.arange(n, dtype=np.int64)
    edges = np.linspace(0, n, buckets + 1).astype(np.int64)
    rows = {0, n - 1}
    for lo, hi in pairwise(edges.tolist()):
        rows.add(lo + int(np.argmin(values[lo:hi])))
        rows.add(lo + int(np.argmax(values[lo:hi])))
    return np.array(sorted(rows), dtype=np.int64)


def candles(bars: Bars, buckets: int) -> tuple[Bars, int]:
    """``(bars, k)``: the bars merged k at a time, with k the fewest that give at most ``buckets``.

    A merged bar opens with its first, closes with its last, and spans all highs and lows.
    """
    n = len(bars)
    k = max(1, -(-n // buckets))
    if k == 1:
        return bars, 1
    starts = np.arange(0, n, k)
    ends = np.minimum(starts + k, n) - 1
    return (
        Bars(
            open_ms=bars.open_ms[starts],
            open=bars.open[starts],
            high=np.maximum.reduceat(bars.high, starts),
            low=np.minimum.reduceat(bars.low, starts),
            close=bars.close[ends],
            volume=np.add.reduceat(bars.volume, starts),
        ),
        k,
    )


def evenly(n: int, most: int) -> Ints:
    """At most ``most`` of n row numbers, evenly spread, the first and the last included."""
    if n <= most:
        return np.arange(n, dtype=np.int64)
    return np.unique(np.linspace(0, n - 1, most).astype(np.int64))
