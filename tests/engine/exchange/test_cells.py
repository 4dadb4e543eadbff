"""Arrays handed from kernel to kernel by address are the arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from engine.cells import Cells
from engine.exchange.account import grow
from engine.kernel import Int64, kernel


@kernel
def _move(line: Cells, plane: Cells, space: Cells, at: int, value: int) -> int:
    """Each is read and written; the sum of what stood there."""
    before = line[at] + plane[1, at] + space[1, 2, at]
    line[at] = value
    plane[1, at] += value
    space[1, 2, at] -= value
    return before


@njit
def by_address(line: Int64, plane: Int64, space: Int64, at: int, value: int) -> int:
    return _move(line, plane, space, at, value)


@pytest.mark.parametrize("at", [0, 3, 4])
def test_what_a_kernel_writes_by_address_is_in_the_array(at: int):
    arrays = [np.arange(5), np.arange(10).reshape(2, 5), np.arange(30).reshape(2, 3, 5)]
    line, plane, space = (array.astype(np.int64) for array in arrays)
    # By hand: line[at] = at, plane[1, at] = 5 + at, space[1, 2, at] = 25 + at.
    assert by_address(line, plane, space, at, 1_000) == 30 + 3 * at
    expected = [array.astype(np.int64) for array in arrays]
    expected[0][at] = 1_000
    expected[1][1, at] += 1_000
    expected[2][1, 2, at] -= 1_000
    for array, wanted in zip((line, plane, space), expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


@given(st.lists(st.integers(-(2**62), 2**62), max_size=30))
def test_a_sum_grows_beyond_one_cell(amounts: list[int]):
    cells = np.zeros(3, np.int64)
    for amount in amounts:
        grow(cells, 1, amount)
    assert cells[0] == 0
    assert (int(cells[2]) << 60) + int(cells[1]) == sum(amounts)
