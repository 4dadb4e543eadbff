"""What a backtest reads: one symbol's bars, mark, funding and instrument, with provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.exchange.instrument import Instrument
from engine.timeframe import Timeframe


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
