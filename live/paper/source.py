"""Where the venue's market data comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.exchange.instrument import Instrument
from engine.timeframe import Timeframe


class Price(StrEnum):
    """The prices the venue keeps candles of."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class MarketSource(Protocol):
    """A market over its whole time; the venue shows of it what is past by its own clock.

    ``symbol`` is one of :meth:`symbols`.
    """

    def symbols(self) -> Sequence[str]:
        """The symbols that trade, sorted."""
        ...

    def instrument(self, symbol: str) -> Instrument:
        """Its facts; ``launch_ms`` is when it was listed."""
        ...

    def risk_tiers(self, symbol: str) -> Sequence[Mapping[str, str | int]]:
        """Its ladder, lowest first: ``tier risk_limit_usdt maintenance_margin initial_margin
        max_leverage maintenance_deduction_usdt``, amounts as decimal text."""
        ...

    def candles(self, symbol: str, price: Price) -> tuple[Timeframe, Bars] | None:
        """Its fastest candles of a price and their timeframe; None if it has none."""
        ...

    def funding(self, symbol: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Funding events: ``ts_ms`` int64[n] and rates in 1e-8 int64[n], oldest first."""
        ...

    def open_interest(self, symbol: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Open interest every five minutes: ``ts_ms`` int64[n], base units float64[n]."""
        ...
