"""Places in increasing numbers: bars by their times, clock closes by their bars."""

from __future__ import annotations

from engine.kernel import Int64, kernel


@kernel
def first_above(numbers: Int64, value: int, lo: int, hi: int) -> int:
    """Index of the first of ``numbers`` (increasing) in ``[lo, hi)`` that is above ``value``, by
    bisection; else ``hi``."""
    while lo < hi:
        mid = (lo + hi) // 2
        if numbers[mid] <= value:
            lo = mid + 1
        else:
            hi = mid
    return lo


@kernel
def clock_at(base_index: Int64, bar: int, lo: int) -> int:
    """Index of the first of ``base_index`` (strictly increasing) at or after ``lo`` that is above
    ``bar``: at once where every bar closes a clock bar."""
    m = len(base_index)
    if lo >= m or base_index[lo] > bar:
        return lo
    hi = min(m, lo + bar - base_index[lo] + 1)
    if base_index[hi - 1] <= bar:
        return hi
    return first_above(base_index, bar, lo, hi)
