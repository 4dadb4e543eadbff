"""One compiled pass over bars that finds the first one that cannot be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Float64 = npt.NDArray[np.float64]


@njit(cache=True)
def first_out_of_step(numbers: npt.NDArray[np.int64], step: int) -> int:
    """Index of the first number that is not ``step`` more than the one before; -1 if none."""
    for i in range(1, len(numbers)):
        if numbers[i] - numbers[i - 1] != step:
            return i
    return -1


@njit(cache=True)
def first_impossible(
    opens: Float64, high: Float64, low: Float64, close: Float64, volume: Float64
) -> int:
    """Index of the first bar with a price that is not positive and finite, a volume that is
    negative or not finite, or an open or close outside of low and high; -1 if none."""
    for i in range(len(opens)):
        # A comparison with NaN is false; the bound keeps infinities out.
        contained = low[i] <= opens[i] <= high[i] and low[i] <= close[i] <= high[i]
        if not (contained and low[i] > 0.0 and high[i] < np.inf and 0.0 <= volume[i] < np.inf):
            return i
    return -1
