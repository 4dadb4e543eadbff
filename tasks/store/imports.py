"""Importing market data files into a store: read, validate, store; all rows or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.store.door import under_lock
from tasks.store.files import read_columns
from tasks.store.rows import layout_of
from tasks.store.series import Kind, Series
from tasks.store.validation import validate
from tasks.store.writer import Progress, StoreWriter


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    ``rows`` the rows of the file now in the store (0 if any was rejected); of these ``added`` are
    new and ``revised`` replaced differing stored values. ``first_ms`` and ``last_ms`` are the times
    of the first and last row, None if nothing was stored. ``rejected`` lists ``(row, reasons)``,
    rows counted from 0, at most 1,000 of the ``rejected_rows``.
    """

    symbol: str
    kind: Kind
    timeframe: str
    rows: int
    added: int
    revised: int
    first_ms: int | None
    last_ms: int | None
    rejected: tuple[tuple[int, str], ...] = ()
    rejected_rows: int = 0


@under_lock
def import_file(
    writer: StoreWriter,
    path: Path,
    symbol: str,
    kind: str,
    timeframe: str | None = None,
    *,
    now_ms: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Bring a Parquet or CSV file's rows into the store, all of them or none.

    With ``now_ms`` bars not closed by then are rejected. ``progress(done, total)`` is called with
    row counts. Raises DataError for a file that cannot be read at all; bad rows are reported.
    """
    series = Series.of(symbol, kind, timeframe)
    columns, rejections = validate(series, read_columns(path, series.kind), now_ms)
    rejected_rows = int(rejections.mask.sum())
    if rejected_rows:
        return ImportReport(
            symbol=symbol,
            kind=series.kind,
            timeframe=series.timeframe_text,
            rows=0,
            added=0,
            revised=0,
            first_ms=None,
            last_ms=None,
            rejected=tuple(rejections.listed()),
            rejected_rows=rejected_rows,
        )
    stored = writer.ingest(series, columns, progress=progress)
    times = columns[layout_of(series.kind).time]
    return ImportReport(
        symbol=symbol,
        kind=series.kind,
        timeframe=series.timeframe_text,
        rows=len(times),
        added=stored.added,
        revised=stored.revised,
        first_ms=int(times[0]),
        last_ms=int(times[-1]),
    )
