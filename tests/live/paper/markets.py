"""Generated markets, and a venue that serves them at a standing time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cache

from flows.venue import GeneratedSource
from live.paper import Fault, FaultPlan, RequestWindow, SetClock, Venue, serving, venue_app
from tasks.generate import GeneratedMarket, generate_market

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 1_767_225_600_000  # 2026-01-01T00:00Z


@cache
def market(symbol: str, since_ms: int = T0, days: int = 12, seed: int = 5) -> GeneratedMarket:
    """A market made once a process."""
    return generate_market(symbol, since_ms, since_ms + days * DAY, seed=seed)


@contextlib.contextmanager
def paper_venue(
    symbols: Sequence[str] = ("BTCUSDT",),
    *,
    now_ms: int = T0 + 10 * DAY,
    faults: Sequence[Fault] = (),
    days: int = 12,
    limits: RequestWindow | None = None,
    markets: Sequence[GeneratedMarket] | None = None,
) -> Iterator[tuple[Venue, str]]:
    """A venue over generated markets, and its base URL."""
    source = GeneratedSource(markets or [market(symbol, days=days) for symbol in symbols])
    limits = limits or RequestWindow(requests_max=100_000)
    venue = Venue(source, SetClock(now_ms), FaultPlan(faults), limits)
    with serving(venue_app(venue)) as url:
        yield venue, url
