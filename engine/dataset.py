"""What a backtest reads: one symbol's bars, mark, funding and instrument, with provenance."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.exchange.instrument import Instrument
from engine.timeframe import Timeframe, bar_indices, bar_opens


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Inputs of one run, already read and checked.

    ``bars``: the fill series (``base_timeframe``), warm-up included, contiguous; decisions are
    taken at clock closes in ``(since_ms, until_ms]``, bars before ``since_ms`` only warm up.
    ``mark``: mark-price bars on the same grid, or None. ``funding_ms`` int64[m] and
    ``funding_rate_e8`` int64[m] (rate in 1e-8): the venue's funding events over the window, or
    None when there is no funding history. ``provenance`` says where the rows came from; it is
    carried into the result, never read.
    """

    symbol: str
    base_timeframe: Timeframe
    bars: Bars
    instrument: Instrument
    since_ms: int
    until_ms: int
    mark: Bars | None = None
    funding_ms: npt.NDArray[np.int64] | None = None
    funding_rate_e8: npt.NDArray[np.int64] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def fed_bars(self, names: Collection[str]) -> Bars:
        """The bars with those columns of ``names`` that other series of the dataset state.

        ``mark_close`` is that of the mark bars, ``funding_rate`` the last with timestamp <= the
        close (NaN before the first). A column that nothing states stays None.
        """
        bars = self.bars
        mark = self.mark
        if "mark_close" in names and bars.mark_close is None and mark is not None:
            same_grid = np.array_equal(mark.open_ms, bars.open_ms)
            bars = replace(bars, mark_close=mark.close) if same_grid else bars
        if "funding_rate" in names and bars.funding_rate is None and self.funding_ms is not None:
            assert self.funding_rate_e8 is not None
            numbers = bar_indices(bars.open_ms, self.base_timeframe)
            closes = bar_opens(numbers + 1, self.base_timeframe)
            last = np.searchsorted(self.funding_ms, closes, side="right") - 1
            rates = np.append(self.funding_rate_e8 / 1e8, np.nan)  # -1: before the first
            bars = replace(bars, funding_rate=rates[last])
        return bars
