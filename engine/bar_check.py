"""One compiled pass over bars that finds the first one that cannot be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.jit import njit

Float64 = npt.NDArray[np.float64]


#: Bars judged together: without a branch among them, so that the processor takes many at once.
_WINDOW = 1024


@njit(cache=True)
def first_out_of_step(numbers: npt.NDArray[np.int64], step: int) -> int:
    """Index of the first number that is not ``step`` more than the one before; -1 if none."""
    n = len(numbers)
    for begin in range(1, n, _WINDOW):
        end = min(begin + _WINDOW, n)
        off = 0
        for i in range(np.uint64(begin), np.uint64(end)):
            off |= numbers[i] - numbers[i - np.uint64(1)] - step
        if off != 0:
            for i in range(begin, end):
                if numbers[i] - numbers[i - 1] != step:
                    return i
    return -1


@njit(cache=True, inline="always")
def _possible(opened: float, high: float, low: float, close: float, volume: float) -> bool:
    # A comparison with NaN is false; the bounds keep infinities out.
    return (
        (low <= opened) & (opened <= high) & (low <= close) & (close <= high)
        & (low > 0.0) & (high < np.inf) & (volume >= 0.0) & (volume < np.inf)
    )  # fmt: skip


@njit(cache=True)
def first_impossible(
    opens: Float64, high: Float64, low: Float64, close: Float64, volume: Float64
) -> int:
    """Index of the first bar with a price that is not positive and finite, a volume that is
    negative or not finite, or an open or close outside of low and high; -1 if none."""
    n = len(opens)
    for begin in range(0, n, _WINDOW):
        end = min(begin + _WINDOW, n)
        good = True
        for i in range(np.uint64(begin), np.uint64(end)):
            good &= _possible(opens[i], high[i], low[i], close[i], volume[i])
        if not good:
            for i in range(begin, end):
                if not _possible(opens[i], high[i], low[i], close[i], volume[i]):
                    return i
    return -1
