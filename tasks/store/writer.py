"""The only door through which a store changes (H13).

A :class:`StoreWriter` is made by :meth:`tasks.store.Store.writer` and lives as long as the write
lock is held; afterwards each of its methods raises LockRequired. Invariants:

1. A unit of rows and the coverage they support are committed in one transaction.
2. Coverage claims nothing that rows do not support; holes between rows are not covered.
3. A row exists once. A differing value replaces the old one, and both are kept in ``revisions``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from engine.canonical import canonical_bytes
from engine.errors import DataError, LockRequired
from tasks.store.intervals import Interval, merge, runs, subtract
from tasks.store.rows import Layout, column_values, layout_of, months_of, row_ends, support_bound
from tasks.store.series import Series

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from engine.exchange.instrument import Instrument

Progress = Callable[[int, int], None]
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: Rows handed to the database at a time: the grain of progress.
CHUNK_ROWS = 131_072


def under_lock(function: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Guard a function that uses a writer: outside the lock context it raises LockRequired.

    The writer is the function's first argument, or its second where the first is a store.
    """

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> R:
        writer = next(
            (a for a in (*args[:2], kwargs.get("writer")) if isinstance(a, StoreWriter)), None
        )
        if writer is None or not writer.locked:
            raise LockRequired(
                f"{function.__name__} needs the write lock, which is not held",
                hint="use the writer inside `with store.writer() as writer:`",
            )
        return function(*args, **kwargs)

    return guarded


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a unit of rows: newly stored, equal to stored ones, replacing stored ones."""

    added: int
    equal: int
    revised: int
    covered: tuple[Interval, ...]


class StoreWriter:
    """Mutations of one store, while its write lock is held."""

    def __init__(self, env: str, directory: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.env = env
        self.directory = directory
        self._connection: duckdb.DuckDBPyConnection | None = connection

    @property
    def locked(self) -> bool:
        """Whether the lock context that made this writer is still open."""
        return self._connection is not None

    def release(self) -> None:
        """End this writer; called when the lock context ends."""
        self._connection = None

    @under_lock
    def ingest(
        self,
        series: Series,
        columns: Mapping[str, npt.NDArray[Any]],
        *,
        progress: Progress | None = None,
    ) -> Ingested:
        """Store validated rows and the coverage they support, in one transaction.

        ``columns`` as :data:`tasks.store.rows` lays them out for the kind: the time column
        int64[n] strictly increasing, NaN where a turnover or a funding interval is unknown.
        Rows equal to stored ones change nothing; unknown values never replace known ones.
        """
        layout = layout_of(series.kind)
        times = columns[layout.time]
        if len(times) and np.any(np.diff(times) <= 0):
            raise DataError(f"rows of {series} are not strictly increasing in time")
        covered = runs(times, row_ends(series, columns))
        before = self.coverage(series)
        fresh = not len(times) or _disjoint(before, int(times[0]), covered[-1][1])
        with self._transaction():
            if fresh:
                changed, revised = times, 0
                self._append(series, layout, layout.arrow(columns), progress)
            else:
                changed, revised = self._merge(series, layout, layout.arrow(columns), progress)
            self._replace_coverage(series, merge([*before, *covered]))
            self._mark_unpublished(series, months_of(changed))
        return Ingested(
            added=len(changed) - revised,
            equal=len(times) - len(changed),
            revised=revised,
            covered=tuple(covered),
        )

    @under_lock
    def put_instrument(self, instrument: Instrument) -> bool:
        """Record instrument facts; True if they differ from the newest stored ones."""
        facts = canonical_bytes(instrument.to_dict()).decode()
        newest = self._fetch(
            "SELECT facts FROM instruments WHERE symbol = ? ORDER BY valid_from_ms DESC LIMIT 1",
            [instrument.symbol],
        )
        if newest and newest[0][0] == facts:
            return False
        key = [instrument.symbol, instrument.valid_from_ms]
        with self._transaction():
            self._run("DELETE FROM instruments WHERE symbol = ? AND valid_from_ms = ?", key)
            self._run("INSERT INTO instruments VALUES (?, ?, ?)", [*key, facts])
        return True

    @under_lock
    def put_generated(
        self, symbol: str, since_ms: int, until_ms: int, spec: Mapping[str, Any]
    ) -> None:
        """Record that a symbol's rows over ``[since_ms, until_ms)`` were generated, and how."""
        row = [symbol, since_ms, until_ms, canonical_bytes(spec).decode()]
        with self._transaction():
            self._run(
                "DELETE FROM generated WHERE symbol = ? AND since_ms = ? AND until_ms = ?", row[:3]
            )
            self._run("INSERT INTO generated VALUES (?, ?, ?, ?)", row)

    @under_lock
    def put_quality_run(
        self, series: Series, suite: str, status: str, report: Mapping[str, Any]
    ) -> None:
        """Record the outcome of a quality suite over a series."""
        row = [*_key(series), time.time_ns() // 1_000_000, suite, status, json.dumps(report)]
        with self._transaction():
            self._run("INSERT INTO quality_runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    @under_lock
    def mark_published(self) -> None:
        """Forget which months had changed: a snapshot now holds them all."""
        with self._transaction():
            self._run("DELETE FROM unpublished", [])

    @under_lock
    def series(self) -> list[Series]:
        """Every stored series, sorted."""
        found = self._fetch("SELECT DISTINCT symbol, kind, timeframe FROM coverage", [])
        return sorted(Series.of(*row) for row in found)

    @under_lock
    def coverage(self, series: Series) -> list[Interval]:
        """The merged intervals known complete."""
        return merge(
            self._fetch(
                "SELECT start_ms, end_ms FROM coverage"
                " WHERE symbol = ? AND kind = ? AND timeframe = ?",
                _key(series),
            )
        )

    @under_lock
    def unpublished(self, series: Series) -> set[str]:
        """Months (``2026-03``) of a series whose rows changed since the last snapshot."""
        found = self._fetch(
            "SELECT DISTINCT month FROM unpublished"
            " WHERE symbol = ? AND kind = ? AND timeframe = ?",
            _key(series),
        )
        return {month for (month,) in found}

    @under_lock
    def store_id(self) -> str:
        """The id the store was given when it was created."""
        return str(self._fetch("SELECT store_id FROM store_info", [])[0][0])

    @under_lock
    def instruments(self) -> dict[str, list[dict[str, Any]]]:
        """Every dated instrument fact by symbol, oldest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        query = "SELECT symbol, facts FROM instruments ORDER BY symbol, valid_from_ms"
        for symbol, facts in self._fetch(query, []):
            found.setdefault(symbol, []).append(json.loads(facts))
        return found

    @under_lock
    def generated(self) -> list[dict[str, Any]]:
        """The windows whose rows were generated: symbol, since_ms, until_ms, spec."""
        found = self._fetch("SELECT * FROM generated ORDER BY symbol, since_ms, until_ms", [])
        return [
            {"symbol": symbol, "since_ms": since, "until_ms": until, "spec": json.loads(spec)}
            for symbol, since, until, spec in found
        ]

    @under_lock
    def revisions(self) -> pa.Table:
        """Every value the source rewrote: series, open_ms, field, old_value, new_value, when."""
        return self.arrow(
            "SELECT * FROM revisions"
            " ORDER BY symbol, kind, timeframe, open_ms, recorded_at_ms, field",
            [],
        )

    @under_lock
    def problems(self) -> list[str]:
        """What of the store's invariants does not hold, in words; empty when all hold.

        Every row exists once and is covered; every covered interval is supported by rows.
        """
        found = []
        for series in self.series():
            layout = layout_of(series.kind)
            columns = self.rows(series, 0, 2**62)
            times = columns[layout.time]
            if np.any(np.diff(times) <= 0):
                found.append(f"{series}: rows are stored twice")
                continue
            claimed = self.coverage(series)
            # An event's reach was inferred from its own file: here only its bound is known.
            reach = runs(times, support_bound(series, columns))
            found += [f"{series}: coverage {i} has no rows" for i in subtract(claimed, reach)]
            instants = list(zip(times.tolist(), (times + 1).tolist(), strict=True))
            found += [
                f"{series}: row at {i} is not covered" for i, _ in subtract(instants, claimed)
            ]
        return found

    @under_lock
    def rows(self, series: Series, since_ms: int, until_ms: int) -> dict[str, npt.NDArray[Any]]:
        """Stored rows with times in ``[since_ms, until_ms)``, in order, as ingest takes them."""
        layout = layout_of(series.kind)
        table = self.arrow(
            f"SELECT {layout.stored()} FROM {layout.table} AS k WHERE {layout.condition('k')}"
            f" AND {layout.time} >= ? AND {layout.time} < ? ORDER BY {layout.time}",
            [*layout.key(series), since_ms, until_ms],
        )
        return layout.columns(table)

    @under_lock
    def arrow(self, query: str, parameters: list[Any]) -> pa.Table:
        """The result of a SELECT as an Arrow table."""
        assert self._connection is not None
        return self._connection.sql(query, params=parameters).to_arrow_table()

    def _append(
        self, series: Series, layout: Layout, rows: pa.Table, progress: Progress | None
    ) -> None:
        """Insert rows that cannot meet stored ones."""
        assert self._connection is not None
        names = ", ".join((*layout.keys, layout.time, *layout.values))
        keys = ", ".join("?" for _ in layout.keys)
        insert = f"INSERT INTO {layout.table} ({names}) SELECT {keys}, {layout.time}, "
        insert += f"{', '.join(layout.values)} FROM ({layout.staged()})"
        for start in range(0, rows.num_rows, CHUNK_ROWS):
            chunk = rows.slice(start, CHUNK_ROWS)
            self._connection.register("arrow_rows", chunk)
            self._run(insert, layout.key(series))
            self._connection.unregister("arrow_rows")
            if progress:
                progress(start + chunk.num_rows, rows.num_rows)

    def _merge(
        self, series: Series, layout: Layout, rows: pa.Table, progress: Progress | None
    ) -> tuple[npt.NDArray[np.int64], int]:
        """Bring in rows that may meet stored ones: new ones appended, differing ones replaced.

        Returns the times of the rows that are new or changed, int64[k], and how many changed.
        """
        assert self._connection is not None
        at = layout.time
        times = column_values(rows, at, np.int64)
        span = f"{layout.condition('k')} AND k.{at} BETWEEN ? AND ?"
        bounds = [*layout.key(series), int(times[0]), int(times[-1])]
        self._connection.register("arrow_rows", rows)
        stage = f"({layout.staged()}) AS s"
        revised: npt.NDArray[np.int64] = np.empty(0, np.int64)
        for name in layout.values:
            joined = f"{stage} JOIN {layout.table} AS k ON k.{at} = s.{at}"
            differs = f"{span} AND s.{name} IS NOT NULL AND k.{name} IS DISTINCT FROM s.{name}"
            found = self.arrow(f"SELECT s.{at} AS at FROM {joined} WHERE {differs}", bounds)
            if not found.num_rows:
                continue
            self._run(
                f"INSERT INTO revisions SELECT ?, ?, ?, s.{at}, '{name}', k.{name}, s.{name}, ?"
                f" FROM {joined} WHERE {differs}",
                [*_key(series), time.time_ns() // 1_000_000, *bounds],
            )
            self._run(
                f"UPDATE {layout.table} AS k SET {name} = s.{name} FROM {stage}"
                f" WHERE k.{at} = s.{at} AND {differs}",
                bounds,
            )
            revised = np.union1d(revised, column_values(found, "at", np.int64))
        self._connection.unregister("arrow_rows")
        known = self.arrow(f"SELECT k.{at} AS at FROM {layout.table} AS k WHERE {span}", bounds)
        new = ~np.isin(times, column_values(known, "at", np.int64))
        columns = layout.columns(rows)
        added = layout.arrow({name: column[new] for name, column in columns.items()})
        self._append(series, layout, added, None)
        if progress:
            progress(rows.num_rows, rows.num_rows)
        return np.union1d(revised, times[new]), len(revised)

    def _replace_coverage(self, series: Series, intervals: list[Interval]) -> None:
        self._run(
            "DELETE FROM coverage WHERE symbol = ? AND kind = ? AND timeframe = ?", _key(series)
        )
        self._run(
            "INSERT INTO coverage SELECT ?, ?, ?, unnest(?::BIGINT[]), unnest(?::BIGINT[])",
            [*_key(series), [start for start, _ in intervals], [end for _, end in intervals]],
        )

    def _mark_unpublished(self, series: Series, months: list[str]) -> None:
        known = self.unpublished(series)
        for month in months:
            if month not in known:
                self._run("INSERT INTO unpublished VALUES (?, ?, ?, ?)", [*_key(series), month])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing of what the context does."""
        assert self._connection is not None
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _run(self, statement: str, parameters: list[Any]) -> None:
        assert self._connection is not None
        # Results stream: an unfetched one would block the connection's next statement.
        self._connection.execute(statement, parameters).fetchall()

    def _fetch(self, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        return self._connection.execute(query, parameters).fetchall()


def _key(series: Series) -> list[Any]:
    return [series.symbol, series.kind.value, series.timeframe_text]


def _disjoint(intervals: list[Interval], start: int, end: int) -> bool:
    """Whether no stored interval meets ``[start, end)``: rows exist only where coverage says so."""
    return not any(a < end and start < b for a, b in intervals)
