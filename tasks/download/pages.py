"""One window of a series, fetched and validated: columns a store may take, or the whole refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import SchemaError
from engine.timeframe import format_ms
from tasks.download.gateway import VenueGateway
from tasks.download.plan import Window, asked_window
from tasks.store import Kind, Series
from tasks.store.files import RawColumns
from tasks.store.rows import bar_ends
from tasks.store.validation import validate

Columns = dict[str, npt.NDArray[Any]]
_CANDLE_VALUES = ("open", "high", "low", "close", "volume", "turnover")


class PageRefused(SchemaError):
    """Rows that cannot be what was asked for: none of their page is taken."""

    code = "PAGE_REFUSED"


def fetch_window(
    gateway: VenueGateway, series: Series, window: Window, closed_until_ms: int
) -> tuple[Columns, Window]:
    """The rows of a window, laid out as the store takes them, and the window they were asked for.

    The candle that is still forming, which the venue's lists may include, is left out: nothing that
    ends after ``closed_until_ms``. Raises PageRefused naming the first row that is not as it must
    be, VenueError if the venue does not answer.
    """
    asked = asked_window(series, window)
    raw = _raw(gateway, series, asked)
    times = raw.time_ms
    if np.any(times[1:] >= times[:-1]):
        raise _refused(series, window, "rows repeat or are not newest first")
    ends = times if series.timeframe is None else bar_ends(times, series.timeframe)
    oldest_first = np.flatnonzero(ends <= closed_until_ms)[::-1]
    kept = RawColumns(
        times[oldest_first],
        np.zeros(len(oldest_first), bool),
        {name: column[oldest_first] for name, column in raw.values.items()},
    )
    outside = (kept.time_ms < asked[0]) | (kept.time_ms >= asked[1])
    if np.any(outside):
        first = format_ms(int(kept.time_ms[outside][0]))
        raise _refused(series, window, f"row {first} was not asked for")
    columns, rejections = validate(series, kept)
    for row, reason in rejections.listed()[:1]:
        raise _refused(series, window, f"row {format_ms(int(kept.time_ms[row]))}: {reason}")
    return columns, asked


def _raw(gateway: VenueGateway, series: Series, window: Window) -> RawColumns:
    """The answered rows in the order they came, newest first."""
    if series.kind is Kind.FUNDING:
        events = gateway.funding(series, window)
        return _columns([event.ts for event in events], {"rate": [event.rate for event in events]})
    if series.kind is Kind.OPEN_INTEREST:
        values = gateway.open_interest(series, window)
        return _columns([one.ts for one in values], {"value": [one.value for one in values]})
    rows = gateway.candles(series, window)
    columns = list(zip(*rows, strict=True)) or [()] * 7
    named = dict(zip(_CANDLE_VALUES, columns[1:], strict=False))
    return _columns(columns[0], named)


def _columns(times: Sequence[str], values: dict[str, Sequence[str]]) -> RawColumns:
    """Columns of the venue's texts, which its models have found to be numbers."""
    return RawColumns(
        np.array(times, dtype=np.int64),
        np.zeros(len(times), bool),
        {name: np.array(column, dtype=np.float64) for name, column in values.items()},
    )


def _refused(series: Series, window: Window, what: str) -> PageRefused:
    start, end = (format_ms(edge) for edge in window)
    return PageRefused(
        f"page refused: {what}",
        where=f"{series} from {start} to {end}",
        hint="none of it was stored; sync again",
    )
