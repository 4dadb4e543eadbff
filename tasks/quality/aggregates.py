"""Auditing aggregation: the slower candles plays are given against the venue's own.

Plays read slower timeframes as the engine aggregates them from the base series. Where a store also
holds the venue's own candles of such a timeframe, both must say the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from engine.features.aggregate import STATE_CELLS, aggregate
from engine.timeframe import Timeframe, bar_opens, ceil_ms, divides, floor_ms, parse_timeframe
from tasks.store import Interval, Kind, Snapshot, intersect

#: Volumes are sums: the venue's and ours may differ in the last digits of a double.
VOLUME_TOLERANCE = 1e-9
#: Opens of differing candles listed in a report.
EXAMPLES = 10


class AggregateAudit(BaseModel):
    """How many of the ``bars`` compared differ, and the opens of the first of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str
    kind: Kind
    base: str
    timeframe: str
    bars: int
    differing: int
    examples_ms: tuple[int, ...]


def audit_aggregates(snapshot: Snapshot) -> list[AggregateAudit]:
    """Every held slower candle series compared with the fastest one held of its symbol and kind."""
    found = []
    for symbol, kind, base, timeframe in _pairs(snapshot):
        bars, differing = 0, []
        for start, end in _shared(snapshot, symbol, kind, base, timeframe):
            count, opens = _compare(snapshot, symbol, kind, base, timeframe, (start, end))
            bars += count
            differing += opens
        found.append(
            AggregateAudit(
                symbol=symbol,
                kind=kind,
                base=base.value,
                timeframe=timeframe.value,
                bars=bars,
                differing=len(differing),
                examples_ms=tuple(differing[:EXAMPLES]),
            )
        )
    return found


def _pairs(snapshot: Snapshot) -> Iterator[tuple[str, Kind, Timeframe, Timeframe]]:
    held: dict[tuple[str, Kind], list[Timeframe]] = {}
    for info in snapshot.series():
        if info.kind.is_candles:
            key = (info.symbol, info.kind)
            held.setdefault(key, []).append(parse_timeframe(info.timeframe))
    for (symbol, kind), timeframes in held.items():
        base, *slower = sorted(timeframes, key=lambda timeframe: timeframe.ms)
        yield from ((symbol, kind, base, one) for one in slower if divides(base, one))


def _shared(
    snapshot: Snapshot, symbol: str, kind: Kind, base: Timeframe, timeframe: Timeframe
) -> list[Interval]:
    """The whole slower candles of each interval that both series cover."""
    both = intersect(
        snapshot.coverage(symbol, kind.value, base.value),
        snapshot.coverage(symbol, kind.value, timeframe.value),
    )
    aligned = [(ceil_ms(start, timeframe), floor_ms(end, timeframe)) for start, end in both]
    return [(start, end) for start, end in aligned if start < end]


def _compare(
    snapshot: Snapshot,
    symbol: str,
    kind: Kind,
    base: Timeframe,
    timeframe: Timeframe,
    window: Interval,
) -> tuple[int, list[int]]:
    """Candles compared in a window, and the opens of those that differ."""
    fast = snapshot.bars(symbol, kind.value, base.value, *window)
    own = snapshot.bars(symbol, kind.value, timeframe.value, *window)
    number, made, _ = aggregate(fast, 0, len(fast), base, timeframe, np.zeros(STATE_CELLS))
    opens = bar_opens(np.arange(number, number + made.shape[1]), timeframe)
    assert np.array_equal(opens, own.open_ms)
    same = np.ones(len(own), bool)
    prices: list[npt.NDArray[np.float64]] = [own.open, own.high, own.low, own.close]
    for ours, theirs in zip(made, prices, strict=False):
        same &= ours == theirs
    same &= np.abs(made[4] - own.volume) <= VOLUME_TOLERANCE * np.maximum(own.volume, 1.0)
    return len(own), own.open_ms[~same].tolist()
