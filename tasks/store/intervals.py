"""Half-open intervals ``[start_ms, end_ms)`` of epoch milliseconds: the arithmetic of coverage.

A list of intervals is *merged* when it is sorted and no two touch. Every function returns merged
lists, so equal sets are equal lists.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Interval = tuple[int, int]


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals, sorted, touching ones joined, empty ones dropped."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def subtract(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """The parts of ``a`` that no interval of ``b`` covers."""
    remaining: list[Interval] = []
    holes = merge(b)
    at = 0
    for start, end in merge(a):
        while at < len(holes) and holes[at][1] <= start:
            at += 1
        k, position = at, start
        while k < len(holes) and holes[k][0] < end:
            if position < holes[k][0]:
                remaining.append((position, holes[k][0]))
            position = max(position, holes[k][1])
            k += 1
        if position < end:
            remaining.append((position, end))
    return remaining


def intersect(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """The parts covered by both."""
    whole = merge(a)
    return subtract(whole, subtract(whole, b))


def runs(start_ms: npt.NDArray[np.int64], end_ms: npt.NDArray[np.int64]) -> list[Interval]:
    """Merged intervals of rows that each support ``[start_ms, end_ms)``.

    Both int64[n], starts strictly increasing and no row reaching past the next one's start: where
    a row ends before the next starts, there is a hole.
    """
    if not len(start_ms):
        return []
    breaks = np.flatnonzero(end_ms[:-1] != start_ms[1:])
    starts = start_ms[np.concatenate(([0], breaks + 1))]
    ends = end_ms[np.concatenate((breaks, [len(end_ms) - 1]))]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
