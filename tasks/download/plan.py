"""What a sync asks for: the window of each series cut to what can exist, in page-aligned pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.errors import DataError
from engine.timeframe import (
    HOUR_MS,
    MINUTE_MS,
    Timeframe,
    bar_index,
    bar_open_ms,
    floor_ms,
    format_ms,
)
from tasks.download.gateway import PAGE_ROWS
from tasks.store import Interval, Kind, Series

#: The longest time between funding events; they lie on whole hours counted from midnight UTC.
FUNDING_STEP_MS = 8 * HOUR_MS
Window = Interval


def wanted_window(
    series: Series, since_ms: int, until_ms: int, server_ms: int, grace_ms: int
) -> Window:
    """The part of ``[since_ms, until_ms)`` that is over by the venue's time, on the series' grid.

    Only closed candles: one that opens at t is over when t + timeframe <= server time - grace. A
    funding series begins at the last time an event may lie, so that the first event is in it.
    Raises DataError for an empty window, or one that begins in the future.
    """
    if since_ms >= server_ms:
        raise DataError(
            f"{format_ms(since_ms)} lies in the future: at the venue it is {format_ms(server_ms)}",
            where=str(series),
            hint="give an earlier --since",
            code="WINDOW_FUTURE",
        )
    if since_ms >= until_ms:
        raise DataError(
            f"the window from {format_ms(since_ms)} to {format_ms(until_ms)} is empty",
            where=str(series),
            hint="--since must lie before --until",
            code="WINDOW_EMPTY",
        )
    over_ms = min(until_ms, server_ms - grace_ms)
    if series.timeframe is None:
        since = since_ms // FUNDING_STEP_MS * FUNDING_STEP_MS
        return since, max(over_ms // MINUTE_MS * MINUTE_MS, since)
    since = floor_ms(since_ms, series.timeframe)
    return since, max(floor_ms(over_ms, series.timeframe), since)


def page_windows(series: Series, missing: Iterable[Interval]) -> Iterator[Window]:
    """Pieces of the missing intervals, oldest first, none reaching over the edge of a page.

    Pages are counted from the epoch, so pieces do not depend on where a sync began.
    """
    rows = PAGE_ROWS[series.kind]
    step = Timeframe.H1 if series.timeframe is None else series.timeframe
    for start, end in missing:
        at = start
        while at < end:
            page = bar_index(at, step) // rows
            following = min(bar_open_ms((page + 1) * rows, step), end)
            yield at, following
            at = following


def asked_window(series: Series, window: Window) -> Window:
    """What to ask for to fill a window: of funding, from the last event that may lie before it."""
    if series.kind is not Kind.FUNDING:
        return window
    return window[0] // FUNDING_STEP_MS * FUNDING_STEP_MS, window[1]


def launched_from(series: Series, launch_ms: int) -> int:
    """The first moment of a series of which the venue can have something: nothing lies before."""
    if series.timeframe is None:
        return -(-launch_ms // HOUR_MS) * HOUR_MS
    return floor_ms(launch_ms, series.timeframe)
