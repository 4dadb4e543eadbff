"""Random bars, and plays whose one rule is the expression under test."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from engine.bars import Bars
from engine.features import Features, compile_features
from engine.play import loads_play
from engine.play.model import Play
from engine.timeframe import Timeframe

MONDAY_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC
TICK = Decimal("0.5")


def make_bars(n: int, seed: int = 0, step_ms: int = 60_000, start_ms: int = MONDAY_MS) -> Bars:
    """Contiguous bars with prices on whole ticks, so that ties and equalities happen."""
    rng = np.random.default_rng(seed)
    close = 100.0 + 0.5 * np.cumsum(rng.integers(-2, 3, n))
    opened = np.r_[100.0, close[:-1]]
    high = np.maximum(opened, close) + 0.5 * rng.integers(0, 3, n)
    low = np.minimum(opened, close) - 0.5 * rng.integers(0, 3, n)
    volume = rng.integers(0, 4, n).astype(float)
    return Bars(
        start_ms + step_ms * np.arange(n, dtype=np.int64),
        opened,
        high,
        low,
        close,
        volume,
        turnover=volume * close,
        mark_close=close + 0.1,
        funding_rate=rng.integers(-3, 4, n) * 1e-4,
    )


def play_of(condition: str, *lines: str, clock: str = "1m") -> Play:
    quoted = condition.replace("'", "''")
    text = "\n".join(
        (
            *("version: 1", "name: case", "market: BTCUSDT", f"clock: {clock}"),
            *lines,
            *("rules:", f"  enter_long: '{quoted}'"),
            *("risk:", "  size: { qty: 1 }", "  stop: none"),
        )
    )
    return loads_play(text)


def features_of(play: Play, base: Timeframe = Timeframe.M1, capacity: int = 8192) -> Features:
    return Features(compile_features(play, base, tick_size=TICK), capacity)


def truths(play: Play, bars: Bars, base: Timeframe = Timeframe.M1) -> list[int]:
    """Truth of ``enter_long`` at each clock close: 0 false, 1 null, 2 true."""
    features = features_of(play, base)
    return features.advance(bars, 0, len(bars)).truth[2].tolist()
