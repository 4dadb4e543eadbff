"""A small hand-made market in a real store: candles, mark prices, funding every eight hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.store import Series, Store

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
T0 = 1_767_225_600_000  # 2026-01-01T00:00Z


def candles(since: int, until: int, step: int = 5 * MINUTE, *, first: float = 50_000.0) -> dict:
    """Rows of a zigzag on a 0.1 grid: up for three hours, down for three."""
    open_ms = np.arange(since, until, step, dtype=np.int64)
    phase = (open_ms // (3 * HOUR)) % 2
    moves = np.where(phase == 0, 7.3, -6.9) * (1 + (open_ms // step) % 5)
    close = np.round(first + np.cumsum(moves), 1)
    opened = np.concatenate([[first], close[:-1]])
    return {
        "open_ms": open_ms,
        "open": opened,
        "high": np.round(np.maximum(opened, close) + 3.1, 1),
        "low": np.round(np.minimum(opened, close) - 2.7, 1),
        "close": close,
        "volume": np.full(len(open_ms), 12.5),
        "turnover": np.full(len(open_ms), np.nan),
    }


def funding(since: int, until: int, step: int = 8 * HOUR) -> dict:
    ts = np.arange(since, until, step, dtype=np.int64)
    return {
        "ts_ms": ts,
        "rate_e8": np.where((ts // step) % 2 == 0, 10_000, -4_000).astype(np.int64),
        "interval_min": np.full(len(ts), step / MINUTE),
    }


def interest(since: int, until: int, step: int = HOUR) -> dict:
    ts = np.arange(since, until, step, dtype=np.int64)
    return {"ts_ms": ts, "value": 1_000.0 + (ts - T0) / step % 24}


def put(home: Path, symbol: str, kind: str, timeframe: str, columns: dict, env: str) -> None:
    """Store rows of one series and publish."""
    store = Store(home, env)
    with store.writer() as writer:
        writer.ingest(Series.of(symbol, kind, timeframe), columns)
        store.publish_snapshot(writer)


def fill(
    home: Path, env: str = "backtest", *, symbol: str = "BTCUSDT", days: int = 6, shift: int = 0
) -> Store:
    """A store with ``days`` days of 5m candles, mark prices and funding."""
    store = Store(home, env)
    since, until = T0 + shift, T0 + shift + days * DAY
    rows = candles(since, until)
    with store.writer() as writer:
        writer.ingest(Series.of(symbol, "kline", "5m"), rows)
        mark = {**rows, "volume": np.zeros(len(rows["open_ms"]))}
        writer.ingest(Series.of(symbol, "mark", "5m"), mark)
        writer.ingest(Series.of(symbol, "funding", None), funding(since, until))
        store.publish_snapshot(writer)
    return store
