"""Which rows of a snapshot a run reads, and the proof that they are the same rows later.

Windows are half-open, epoch ms UTC. Whatever cannot be resolved from the snapshot's environment is
an error naming that environment (H20).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import DataError
from engine.timeframe import MINUTE_MS, Timeframe, floor_ms, format_ms
from tasks.identity import SeriesFacts

if TYPE_CHECKING:
    from tasks.store import Snapshot


def resolve_window(
    snapshot: Snapshot,
    symbol: str,
    base: Timeframe,
    clock: Timeframe,
    since_ms: int | None,
    until_ms: int | None,
) -> tuple[int, int]:
    """The window to run: what was asked for, else the range the environment holds.

    Raises DataError if the fill series is not held, or an end lies off its grid or past the other.
    """
    _require_fill_series(snapshot, symbol, base, clock)
    covered = snapshot.coverage(symbol, "kline", base.value)
    since = covered[0][0] if since_ms is None else since_ms
    until = covered[-1][1] if until_ms is None else until_ms
    for name, edge in (("--since", since), ("--until", until)):
        if floor_ms(edge, base) != edge:
            raise DataError(
                f"{name} {format_ms(edge)} is not the open of a {base.value} bar",
                where=f"environment {snapshot.env}, {symbol}",
                hint=f"give {format_ms(floor_ms(edge, base))}",
                code="WINDOW_OFF_GRID",
            )
    if since >= until:
        raise DataError(
            f"the window from {format_ms(since)} to {format_ms(until)} is empty",
            where=f"environment {snapshot.env}, {symbol}",
            hint=f"it holds {symbol} from {format_ms(covered[0][0])} to "
            f"{format_ms(covered[-1][1])}",
            code="WINDOW_EMPTY",
        )
    return since, until


def _require_fill_series(
    snapshot: Snapshot, symbol: str, base: Timeframe, clock: Timeframe
) -> None:
    held = [
        info.timeframe
        for info in snapshot.series()
        if info.symbol == symbol and info.kind == "kline"
    ]
    if base.value in held:
        return
    symbols = sorted({info.symbol for info in snapshot.series() if info.kind == "kline"})
    if not held:
        raise DataError(
            f"environment {snapshot.env!r} holds no candles of {symbol}",
            where=f"environment {snapshot.env}",
            hint=f"it holds {', '.join(symbols) or 'none'}; import or sync {symbol} first",
            code="SYMBOL_UNKNOWN",
        )
    own = f"--set fill_timeframe={clock.value} fills on the clock's own bars"
    raise DataError(
        f"environment {snapshot.env!r} holds no {base.value} candles of {symbol} to fill on",
        where=f"environment {snapshot.env}",
        hint=f"it holds {', '.join(held)}; import {base.value} candles"
        + (f", or {own}" if clock.value in held else ""),
        code="SERIES_MISSING",
    )


def warmup_from(
    snapshot: Snapshot,
    symbol: str,
    base: Timeframe,
    since_ms: int,
    wanted_bars: int,
    *,
    holes: bool = False,
) -> int:
    """Where reading begins: ``wanted_bars`` before the window, or as many as are held: in one
    piece with it, unless there may be ``holes``."""
    wanted = floor_ms(max(since_ms - wanted_bars * base.ms, 0), base)
    covered = snapshot.coverage(symbol, "kline", base.value)
    if holes:
        covered = [(covered[0][0], covered[-1][1])]
    for start, end in covered:
        if start <= since_ms < end:
            return max(wanted, start)
    return since_ms


def require_funding(
    snapshot: Snapshot, symbol: str, since_ms: int, until_ms: int, interval_min: int
) -> None:
    """Raise DataError unless the funding history over the window is whole (H3).

    It is whole if an event lies within one interval of either end and no two neighbours are
    further apart than the largest interval in force (``interval_min``, or what an event tells).
    """
    hint = "import or sync the funding history, or --set funding=off"
    where = f"environment {snapshot.env}"
    if not snapshot.holds(symbol, "funding"):
        raise DataError(
            f"environment {snapshot.env!r} holds no funding history of {symbol}",
            where=where,
            hint=hint,
            code="FUNDING_MISSING",
        )
    told = snapshot.funding_interval_min(symbol, since_ms, until_ms)
    largest = max([float(interval_min), *told[np.isfinite(told)].tolist()])
    step_ms = int(largest * MINUTE_MS)
    times, _ = snapshot.funding(symbol, since_ms - step_ms, until_ms + step_ms)
    # Every stretch between neighbours, from the window's start to its end, is at most one step.
    inside = times[(times > since_ms) & (times < until_ms)].tolist()
    before = times[times <= since_ms].tolist()[-1:] or [since_ms]
    after = times[times >= until_ms].tolist()[:1] or [until_ms]
    edges = [*before, *inside, *after]
    holes = [(a, b) for a, b in pairwise(edges) if b - a > step_ms]
    if not len(times):
        holes = [(since_ms, until_ms)]
    if holes:
        start, end = (format_ms(edge) for edge in holes[0])
        raise DataError(
            f"environment {snapshot.env!r} lacks funding of {symbol} between {start} and {end}",
            where=where,
            hint=hint,
            code="FUNDING_MISSING",
        )


def require_prices(
    snapshot: Snapshot, symbol: str, kind: str, base: Timeframe, otherwise: str = ""
) -> None:
    """Raise DataError unless a ``mark`` or ``index`` series of the fill timeframe is held;
    ``otherwise`` is what to do without."""
    if not snapshot.holds(symbol, kind, base.value):
        raise DataError(
            f"environment {snapshot.env!r} holds no {base.value} {kind} prices of {symbol}",
            where=f"environment {snapshot.env}",
            hint="import or sync them" + (f", or {otherwise}" if otherwise else ""),
            code=f"{kind.upper()}_MISSING",
        )


def interest_grid(snapshot: Snapshot, symbol: str, since_ms: int, until_ms: int) -> Timeframe:
    """The finest grid on which open interest is held without a hole over the window.

    Raises DataError ``INTEREST_MISSING`` if there is none.
    """
    for timeframe in Timeframe:
        place = (symbol, "open_interest", timeframe.value)
        if snapshot.holds(*place) and not snapshot.gaps(*place, since_ms, until_ms):
            return timeframe
    raise DataError(
        f"environment {snapshot.env!r} holds no whole open interest of {symbol} between "
        f"{format_ms(since_ms)} and {format_ms(until_ms)}",
        where=f"environment {snapshot.env}",
        hint="import or sync it (--kinds open_interest)",
        code="INTEREST_MISSING",
    )


def facts_of(
    snapshot: Snapshot,
    symbol: str,
    kind: str,
    timeframe: str,
    first_ms: int,
    until_ms: int,
    *,
    holes: bool = False,
) -> SeriesFacts:
    """Provenance of the rows of one series in ``[first_ms, until_ms)``; DataError if a candle is
    missing there, unless there may be ``holes``."""
    if kind == "funding":
        rows = len(snapshot.funding(symbol, first_ms, until_ms)[0])
    elif kind == "open_interest":
        rows = len(snapshot.open_interest(symbol, timeframe, first_ms, until_ms)[0])
    else:
        place = (symbol, kind, timeframe, first_ms, until_ms)
        rows = len(snapshot.bars(*place, complete=not holes))
    return SeriesFacts(
        symbol=symbol,
        kind=kind,
        timeframe=timeframe,
        first_ms=first_ms,
        until_ms=until_ms,
        rows=rows,
        content_sha256=snapshot.content_sha256(symbol, kind, timeframe, first_ms, until_ms),
        days=snapshot.day_digests(symbol, kind, timeframe, first_ms, until_ms),
    )


def recorded_series(inputs: Mapping[str, Any]) -> list[SeriesFacts]:
    """The series facts of an inputs tree, by name."""
    return [SeriesFacts(**facts) for _, facts in sorted(inputs["data"]["series"].items())]


def require_same_rows(snapshot: Snapshot, recorded: Iterable[SeriesFacts]) -> None:
    """Raise DataError ``DATA_CHANGED``, naming series and first UTC day, unless the snapshot holds
    exactly the recorded rows."""
    for facts in recorded:
        place = (facts.symbol, facts.kind, facts.timeframe)
        held = snapshot.holds(*place)
        days = snapshot.day_digests(*place, facts.first_ms, facts.until_ms) if held else {}
        if days == dict(facts.days):
            continue
        day = min(
            day for day in days.keys() | facts.days.keys() if days.get(day) != facts.days.get(day)
        )
        if not days:
            what = "is gone"
        elif day not in days:
            what = f"lacks the UTC day {day}"
        else:
            what = f"differs from what the run read, first on UTC day {day}"
        raise DataError(
            f"{facts.symbol} {facts.name} in environment {snapshot.env!r} {what}",
            where=f"environment {snapshot.env}",
            hint="--pinned reads the snapshot the run pinned",
            code="DATA_CHANGED",
        )
