"""When fill bars open and close."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.kernel import Int64, kernel
from engine.timeframe import Timeframe, bar_indices, bar_opens


@dataclass(frozen=True, slots=True, eq=False)
class BarTimes:
    """``open_ms`` int64[n] epoch ms; ``bar_ms``: how long every bar is, 0 where they differ
    (months), and then ``close_ms`` int64[n], else empty."""

    open_ms: Int64
    bar_ms: int
    close_ms: Int64 = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, open_ms: Int64, timeframe: Timeframe) -> BarTimes:
        """Those of bars of ``timeframe``, which lie on its grid."""
        if timeframe.is_month:
            return cls(open_ms, 0, bar_opens(bar_indices(open_ms, timeframe) + 1, timeframe))
        return cls(open_ms, timeframe.ms)

    def write_closes(self, bars: slice | npt.NDArray[np.int64], out: Int64) -> None:
        """When some bars close, into ``out``."""
        if not self.bar_ms:
            out[:] = self.close_ms[bars]
        elif isinstance(bars, slice):
            np.add(self.open_ms[bars], self.bar_ms, out=out)
        else:
            # A mode that checks no index needs no room of its own; every one here is of a bar.
            np.take(self.open_ms, bars, out=out, mode="clip")
            out += self.bar_ms


@kernel
def time_of(times: Int64, i: int, first: int, bar_ms: int) -> int:
    """``times[i]``, reckoned from the ``first`` where bars are of one length and none is missing:
    what is read here and there of a long column comes from far away."""
    return first + i * bar_ms if bar_ms > 0 else times[i]
