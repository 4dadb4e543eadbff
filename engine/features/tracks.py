"""Columns of one timeframe: history, then the bars of the current block.

``F`` float64[rows, width] and ``T`` uint8[rows, width] hold every value of the timeframe's nodes.
New bars are appended; when the columns are full, the last ``history`` bars move to the front. What
stands before the first bar of history is missing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.timeframe import Timeframe, bar_open_ms, bar_opens

#: Time of what is before history: closed before everything.
NEVER_MS = -(2**62)


class Track:
    """The columns of ``timeframe``; bars ``[lo, hi)`` are the current block's new ones.

    ``open_ms close_ms`` int64[width] epoch ms; ``first_index`` is the absolute number of bar
    ``lo``; ``seen`` counts bars since history began.
    """

    def __init__(
        self, timeframe: Timeframe, numbers: int, truths: int, history: int, capacity: int
    ) -> None:
        width = history + capacity
        self.timeframe, self.history, self.capacity = timeframe, history, capacity
        self.F = np.full((numbers, width), np.nan)
        self.T = np.full((truths, width), 1, np.uint8)
        self.open_ms = np.full(width, NEVER_MS, np.int64)
        self.close_ms = np.full(width, NEVER_MS, np.int64)
        self._steps_ms = np.arange(capacity + 1, dtype=np.int64) * (
            0 if timeframe.is_month else timeframe.ms
        )
        self.lo = self.hi = history
        self.first_index = 0
        self.seen = 0

    def extend(self, first_index: int, bars: int) -> None:
        """Make room for ``bars`` new bars, the first with absolute number ``first_index``."""
        if self.hi + bars > len(self.open_ms):
            tail = slice(self.hi - self.history, self.hi)
            for columns in (self.F, self.T):
                columns[:, : self.history] = columns[:, tail]
            for times in (self.open_ms, self.close_ms):
                times[: self.history] = times[tail]
            self.hi = self.history
        self.lo, self.hi = self.hi, self.hi + bars
        self.first_index = first_index
        self.seen += bars
        if bars:
            new = slice(self.lo, self.hi)
            if self.timeframe.is_month:
                numbers = np.arange(first_index, first_index + bars + 1, dtype=np.int64)
                opens = bar_opens(numbers, self.timeframe)
                self.open_ms[new], self.close_ms[new] = opens[:-1], opens[1:]
            else:
                first_ms = bar_open_ms(first_index, self.timeframe)
                np.add(self._steps_ms[:bars], first_ms, out=self.open_ms[new])
                np.add(self._steps_ms[1 : bars + 1], first_ms, out=self.close_ms[new])

    def tail(self) -> tuple[npt.NDArray[np.generic], ...]:
        """The last ``history`` bars of every column: all that later bars can read."""
        last = slice(self.hi - self.history, self.hi)
        return (self.F[:, last], self.T[:, last], self.open_ms[last], self.close_ms[last])
