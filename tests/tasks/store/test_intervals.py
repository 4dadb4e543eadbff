"""Interval arithmetic against sets of integers, which need no cleverness to be right."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.store import intersect, merge, subtract
from tasks.store.intervals import Interval, runs

intervals = st.lists(
    st.tuples(st.integers(-20, 40), st.integers(0, 12)).map(lambda t: (t[0], t[0] + t[1])),
    max_size=8,
)


def points(found: list[Interval]) -> set[int]:
    return {p for start, end in found for p in range(start, end)}


def assert_merged(found: list[Interval]) -> None:
    assert all(start < end for start, end in found)
    assert all(a[1] < b[0] for a, b in pairwise(found))


@given(intervals)
def test_merge_is_the_union(a: list[Interval]) -> None:
    assert points(merge(a)) == points(a)
    assert_merged(merge(a))
    assert merge(merge(a)) == merge(a)


@given(intervals, intervals)
def test_subtract_and_intersect_are_those_of_sets(a: list[Interval], b: list[Interval]) -> None:
    assert points(subtract(a, b)) == points(a) - points(b)
    assert points(intersect(a, b)) == points(a) & points(b)
    assert_merged(subtract(a, b))
    assert_merged(intersect(a, b))


@given(st.sets(st.integers(0, 60), max_size=30))
def test_runs_of_rows_are_the_merged_intervals_of_each(starts: set[int]) -> None:
    times = np.array(sorted(starts), np.int64)
    assert runs(times, times + 1) == merge((s, s + 1) for s in starts)


def test_touching_intervals_join_and_empty_ones_vanish() -> None:
    assert merge([(5, 7), (0, 5), (9, 9)]) == [(0, 7)]
    assert subtract([(0, 10)], [(2, 3), (9, 12)]) == [(0, 2), (3, 9)]
    assert intersect([(0, 5)], [(5, 9)]) == []
