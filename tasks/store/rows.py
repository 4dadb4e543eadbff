"""How the rows of each kind of data are laid out, in the tables and in columns.

Candles: ``open_ms`` int64, ``open high low close volume turnover`` float64; turnover is NaN where
the source had none; mark and index candles have no volume at the venue and hold 0.
Funding: ``ts_ms`` int64, ``rate_e8`` int64 (rate in 1e-8), ``interval_min`` float64, minutes to
the next event, NaN where the source did not say.
Open interest: ``ts_ms`` int64, ``value`` float64, base units, one value at each open of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.timeframe import DAY_MS, MINUTE_MS, Timeframe
from tasks.store.series import Kind, Series

if TYPE_CHECKING:
    import pyarrow as pa

#: Minutes between funding events where neither the file nor its spacing says: the venue's usual.
USUAL_FUNDING_MIN = 480


@dataclass(frozen=True, slots=True)
class Layout:
    """The table, the time column and the value columns of a kind.

    ``integers`` are int64, the other columns float64; ``optional`` may be unknown: NaN in columns
    and files, NULL in the database; None: every value is known. ``keys`` name the columns that tell
    series apart.
    """

    table: str
    keys: tuple[str, ...]
    time: str
    values: tuple[str, ...]
    integers: tuple[str, ...]
    optional: str | None

    def dtype(self, name: str) -> type[np.generic]:
        """The type of a column's values."""
        return np.int64 if name in self.integers else np.float64

    def key(self, series: Series) -> list[Any]:
        """The values of ``keys`` for a series."""
        if series.kind is Kind.FUNDING:
            return [series.symbol]
        if series.kind is Kind.OPEN_INTEREST:
            return [series.symbol, series.timeframe_text]
        return [series.symbol, series.kind.price, series.timeframe_text]

    def condition(self, alias: str) -> str:
        """The SQL condition that selects a series' rows, its values being parameters."""
        return " AND ".join(f"{alias}.{name} = ?" for name in self.keys)

    def staged(self) -> str:
        """The SQL query of registered rows called ``arrow_rows``, unknown values as NULL."""
        columns = [
            f"nullif({name}, 'NaN'::DOUBLE) AS {name}" if name == self.optional else name
            for name in self.values
        ]
        return f"SELECT {self.time}, {', '.join(columns)} FROM arrow_rows"

    def stored(self) -> str:
        """The SQL select list of stored rows, unknown values as NaN."""
        columns = [
            f"coalesce({name}::DOUBLE, 'NaN'::DOUBLE) AS {name}" if name == self.optional else name
            for name in self.values
        ]
        return f"{self.time}, {', '.join(columns)}"

    def arrow(self, columns: Mapping[str, npt.NDArray[Any]]) -> pa.Table:
        """Columns as an Arrow table without nulls, sharing their memory.

        Built from buffers, because Arrow's own conversions import pandas (a third of a second).
        """
        import pyarrow as pa

        arrays = {}
        for name in (self.time, *self.values):
            dtype, kind = (np.int64, pa.int64()) if name in self.integers else (float, pa.float64())
            column = np.ascontiguousarray(columns[name], dtype)
            arrays[name] = pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])
        return pa.table(arrays)

    def columns(self, table: pa.Table) -> dict[str, npt.NDArray[Any]]:
        """Columns of an Arrow table of this layout, which has no nulls."""
        return {
            name: column_values(table, name, self.dtype(name)) for name in (self.time, *self.values)
        }

    def empty(self) -> dict[str, npt.NDArray[Any]]:
        """Columns of no rows."""
        return {name: np.empty(0, self.dtype(name)) for name in (self.time, *self.values)}


_CANDLES = Layout(
    table="klines",
    keys=("symbol", "kind", "timeframe"),
    time="open_ms",
    values=("open", "high", "low", "close", "volume", "turnover"),
    integers=("open_ms",),
    optional="turnover",
)
_FUNDING = Layout(
    table="funding",
    keys=("symbol",),
    time="ts_ms",
    values=("rate_e8", "interval_min"),
    integers=("ts_ms", "rate_e8"),
    optional="interval_min",
)
_OPEN_INTEREST = Layout(
    table="open_interest",
    keys=("symbol", "timeframe"),
    time="ts_ms",
    values=("value",),
    integers=("ts_ms",),
    optional=None,
)


def column_values(table: pa.Table, name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """A column without nulls as numpy, sharing its memory where it lies in one piece.

    Read from the buffers, because Arrow's own conversion imports pandas.
    """
    pieces = [
        np.frombuffer(chunk.buffers()[1], dtype)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in table.column(name).chunks
        if len(chunk)
    ]
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)


def layout_of(kind: Kind) -> Layout:
    """The layout of a kind's rows."""
    if kind is Kind.FUNDING:
        return _FUNDING
    return _OPEN_INTEREST if kind is Kind.OPEN_INTEREST else _CANDLES


def grid_floor(ms: npt.NDArray[np.int64], timeframe: Timeframe) -> npt.NDArray[np.int64]:
    """Opens of the bars that hold each instant: int64[n]."""
    if timeframe.is_month:
        return _month_start(ms.astype("datetime64[ms]").astype("datetime64[M]"))
    phase = 4 * DAY_MS if timeframe is Timeframe.W1 else 0
    return np.asarray((ms - phase) // timeframe.ms * timeframe.ms + phase)


def bar_ends(open_ms: npt.NDArray[np.int64], timeframe: Timeframe) -> npt.NDArray[np.int64]:
    """Closes of the bars that open at ``open_ms``: int64[n]."""
    if timeframe.is_month:
        return _month_start(open_ms.astype("datetime64[ms]").astype("datetime64[M]") + 1)
    return np.asarray(open_ms + timeframe.ms)


def row_ends(series: Series, columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """The end of what each row supports, int64[n].

    A bar, or a value of the grid, supports its own stretch of it. A funding event supports the time
    until the next event is due: its own interval if known, else what its neighbours say
    (:func:`_spacing_ms`).
    """
    times = columns[layout_of(series.kind).time]
    if series.timeframe is not None:
        return bar_ends(times, series.timeframe)
    if not len(times):
        return times
    interval = columns["interval_min"] * MINUTE_MS
    ends = times + np.where(np.isnan(interval), _spacing_ms(times), interval).astype(np.int64)
    ends[:-1] = np.minimum(ends[:-1], times[1:])
    return np.asarray(ends)


def _spacing_ms(ts_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How far after each event the next one is due, ms int64[n], as the events' own rhythm tells.

    The distance to the next event counts where the one before or after it is the same (the venue
    may change a symbol's interval); a lone longer distance means a missing event, so the smallest
    of the neighbouring distances counts, at most a day.
    """
    usual = USUAL_FUNDING_MIN * MINUTE_MS
    if len(ts_ms) == 1:
        return np.array([usual])
    spacing = np.diff(ts_ms)
    before = np.concatenate((spacing[:1], spacing[:-1]))
    after = np.concatenate((spacing[1:], spacing[-1:]))
    lone = np.ones(len(spacing), bool)
    lone[1:] &= spacing[1:] != spacing[:-1]
    lone[:-1] &= spacing[:-1] != spacing[1:]
    due = np.where(lone, np.minimum(spacing, np.minimum(before, after)), spacing)
    return np.minimum(np.concatenate((due, due[-1:])), DAY_MS)


def support_bound(series: Series, columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """The furthest end of what each row can support, int64[n]: a day for a funding event."""
    times = columns[layout_of(series.kind).time]
    if series.timeframe is not None:
        return bar_ends(times, series.timeframe)
    ends = times + DAY_MS
    ends[:-1] = np.minimum(ends[:-1], times[1:])
    return np.asarray(ends)


def months_of(times_ms: npt.NDArray[np.int64]) -> list[str]:
    """The UTC months that hold any of the times, as ``2026-03``, sorted."""
    months = np.unique(times_ms.astype("datetime64[ms]").astype("datetime64[M]"))
    return [str(month) for month in months]


def month_bounds(month: str) -> tuple[int, int]:
    """``[start, end)`` of a UTC month called like ``2026-03``, epoch ms."""
    first = np.array([month], "datetime64[M]")
    return int(_month_start(first)[0]), int(_month_start(first + 1)[0])


def _month_start(months: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    return np.asarray(months.astype("datetime64[ms]").astype(np.int64))
