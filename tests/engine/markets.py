"""Markets and datasets for tests of the engine."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from engine import Bars, Dataset, Instrument
from engine.timeframe import Timeframe
from tasks.generate import GeneratedMarket, generate_market

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
T0 = 1_767_225_600_000  # 2026-01-01T00:00Z


@functools.cache
def market(days: int = 10, seed: int = 5, pattern: str = "mixed") -> GeneratedMarket:
    return generate_market("BTCUSDT", T0, T0 + days * DAY, seed, pattern)


def dataset(days: int = 10, *, since: int | None = None, **changed: Any) -> Dataset:
    """A generated market as a backtest reads it."""
    made = market(days)
    facts: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "base_timeframe": Timeframe.M1,
        "bars": made.klines,
        "instrument": Instrument.default("BTCUSDT"),
        "since_ms": T0 if since is None else since,
        "until_ms": T0 + days * DAY,
        "mark": made.mark,
        "funding_ms": made.funding_ms,
        "funding_rate_e8": made.funding_rate_e8,
    }
    return Dataset(**{**facts, **changed})


def flat_bars(closes: list[float], *, step: int = HOUR, start: int = T0) -> Bars:
    """Bars that open at the last close and reach nowhere beyond open and close."""
    close = np.array(closes, float)
    opened = np.concatenate([close[:1], close[:-1]])
    return Bars(
        open_ms=start + step * np.arange(len(close), dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
        volume=np.ones(len(close)),
    )
