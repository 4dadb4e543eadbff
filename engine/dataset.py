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
    ``mark`` and ``index``: mark- and index-price bars on the same grid, or None. ``funding_ms``
    int64[m] and ``funding_rate_e8`` int64[m] (rate in 1e-8): the venue's funding events over the
    window (those before it only feed expressions), or None when there is no funding history.
    ``interest_ms`` int64[k] and ``interest`` float64[k] (base units): open interest, or None.
    ``provenance`` says where the rows came from; it is carried into the result, never read.
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
    index: Bars | None = None
    interest_ms: npt.NDArray[np.int64] | None = None
    interest: npt.NDArray[np.float64] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def fed_bars(self, names: Collection[str]) -> Bars:
        """The bars with those columns of ``names`` that other series of the dataset state.

        ``mark_close`` and ``index_close`` are those of the mark and index bars, ``funding_rate``
        and ``open_interest`` the last with timestamp <= the close (NaN before the first). A column
        that nothing states stays None.
        """
        bars = self.bars
        fed: dict[str, Any] = {}
        for name, series in (("mark_close", self.mark), ("index_close", self.index)):
            if name not in names or getattr(bars, name) is not None or series is None:
                continue
            if np.array_equal(series.open_ms, bars.open_ms):
                fed[name] = series.close
        rates = None if self.funding_rate_e8 is None else self.funding_rate_e8 / 1e8
        for name, times, values in (
            ("funding_rate", self.funding_ms, rates),
            ("open_interest", self.interest_ms, self.interest),
        ):
            if name not in names or getattr(bars, name) is not None:
                continue
            if times is not None and values is not None:
                fed[name] = self._last_at_closes(times, values)
        return replace(bars, **fed) if fed else bars

    def _last_at_closes(
        self, times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        numbers = bar_indices(self.bars.open_ms, self.base_timeframe)
        closes = bar_opens(numbers + 1, self.base_timeframe)
        last = np.searchsorted(times, closes, side="right") - 1
        known = np.append(values, np.nan)  # -1: before the first
        return known[last]
