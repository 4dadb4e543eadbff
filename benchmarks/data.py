"""Seeded one-minute bars: geometric Brownian motion on a tick of 0.1, opens at the last close.

The walk is turned back where it leaves the band of its first year, so that a tick stays what it is
beside a price over any number of years.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

YEAR_BARS = 525_600
MINUTE_MS = 60_000
T0_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
#: Per-minute volatility of a wild year: nearly every cross becomes a trade.
SIGMA = 0.0025
START = 60_000.0
LOWEST, HIGHEST = 16_000.0, 70_000.0


def bars(count: int, seed: int = 7) -> dict[str, np.ndarray]:
    """Columns ``open_ms open high low close volume`` of ``count`` bars."""
    rng = np.random.Generator(np.random.PCG64(seed))
    steps = rng.standard_normal(count) * SIGMA - 0.5 * SIGMA**2
    low, band = np.log(LOWEST / START), np.log(HIGHEST / LOWEST)
    folded = low + band - np.abs((np.cumsum(steps) - low) % (2 * band) - band)
    close = np.round(START * np.exp(folded), 1)
    opened = np.concatenate([[START], close[:-1]])
    reach = np.abs(rng.standard_normal((2, count))) * SIGMA * 0.5 * close
    return {
        "open_ms": T0_MS + MINUTE_MS * np.arange(count, dtype=np.int64),
        "open": opened,
        "high": np.round(np.maximum(opened, close) + reach[0], 1),
        "low": np.round(np.minimum(opened, close) - reach[1], 1),
        "close": close,
        "volume": np.round(rng.gamma(2.0, 5.0, count), 3),
    }


def write(folder: Path, count: int) -> Path:
    """The bars as one file both environments can read; written once."""
    path = folder / f"bars-{count}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **bars(count))
    return path
