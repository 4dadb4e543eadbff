"""The only door through which a store changes (H13).

A :class:`StoreWriter` is made by :meth:`tasks.store.Store.writer` and lives as long as the write
lock is held; afterwards each of its methods raises LockRequired. Invariants:

1. A unit of rows and the coverage they support are committed in one transaction.
2. Coverage claims nothing that rows do not support; holes between rows are not covered.
3. A row exists once. A differing value replaces the old one, and both are kept in ``revisions``.
4. What is known absent is not covered, and the other way round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import DataError
from tasks.store.door import in_turn
from tasks.store.facts import FactsDoor
from tasks.store.intervals import Interval, intersect, merge, runs, subtract
from tasks.store.journal import Journal, Page
from tasks.store.records import RecordsDoor
from tasks.store.rows import Layout, column_values, layout_of, months_of, row_ends, support_bound
from tasks.store.series import Series, series_key

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Progress = Callable[[int, int], None]

#: Rows handed to the database at a time: the grain of progress.
CHUNK_ROWS = 131_072
#: Staged rows that are brought into the tables before more are staged: bounds memory and replay.
STAGED_ROWS_MAX = 1_000_000
#: Why an interval is known absent: the symbol was not listed yet, or two runs found nothing there.
BEFORE_LAUNCH, EMPTY_TWICE = "before_launch", "empty_twice"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a unit of rows: newly stored, equal to stored ones, replacing stored ones."""

    added: int
    equal: int
    revised: int
    covered: tuple[Interval, ...]


class StoreWriter(FactsDoor, RecordsDoor):
    """Mutations of one store, while its write lock is held."""

    def __init__(self, env: str, directory: Path, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(env, directory, connection)
        self._journal = Journal(directory)
        self._settling = False

    def release(self) -> None:
        """End this writer; staged pages stay in the journal, for the next writer to bring in."""
        with self.turn:
            self._journal.close()
            super().release()

    @in_turn
    def settle(self) -> None:
        """Bring the staged pages into the tables, all of a series in one transaction."""
        self._settle()

    def _settle(self) -> None:
        if self._settling or not self._journal.pages:
            return
        self._settling = True
        try:
            for series, columns, windows in self._journal.units():
                self.ingest(series, columns, within=windows)
            self._journal.clear()
        finally:
            self._settling = False

    @in_turn
    def stage(
        self, series: Series, columns: Mapping[str, npt.NDArray[Any]], window: Interval
    ) -> list[Interval]:
        """Take a validated page durably; the intervals of ``window`` its rows support.

        The rows reach the tables with the next other use of this writer, or of the next one.
        """
        times = columns[layout_of(series.kind).time]
        _require_increasing(series, times)
        if self._journal.rows > STAGED_ROWS_MAX or self._journal.meets(series, window):
            self._settle()
        self._journal.append(Page(series, columns, window))
        return intersect(runs(times, row_ends(series, columns)), [window])

    @in_turn
    def ingest(
        self,
        series: Series,
        columns: Mapping[str, npt.NDArray[Any]],
        *,
        within: Iterable[Interval] | None = None,
        progress: Progress | None = None,
    ) -> Ingested:
        """Store validated rows and the coverage they support, in one transaction.

        ``columns`` as :data:`tasks.store.rows` lays them out for the kind: the time column
        int64[n] strictly increasing, NaN where a turnover or a funding interval is unknown.
        ``within``: the windows that were asked for; coverage is claimed inside them only. Rows
        equal to stored ones change nothing; unknown values never replace known ones.
        """
        layout = layout_of(series.kind)
        times = columns[layout.time]
        _require_increasing(series, times)
        reach = runs(times, row_ends(series, columns))
        covered = reach if within is None else intersect(reach, within)
        before = self.coverage(series)
        fresh = not len(times) or (
            _disjoint(before, int(times[0]), reach[-1][1])
            and not self._holds_rows(series, layout, int(times[0]), int(times[-1]))
        )
        with self._transaction():
            if fresh:
                changed, revised = times, 0
                self._append(series, layout, layout.arrow(columns), progress)
            else:
                changed, revised = self._merge(series, layout, layout.arrow(columns), progress)
            self._replace_coverage(series, merge([*before, *covered]))
            self._drop_absence(series, covered)
            self._mark_unpublished(series, months_of(changed))
        return Ingested(
            added=len(changed) - revised,
            equal=len(times) - len(changed),
            revised=revised,
            covered=tuple(covered),
        )

    @in_turn
    def note_absent(self, series: Series, intervals: Iterable[Interval], run_id: str) -> None:
        """Record that a sync run asked for these intervals and the venue had nothing there.

        What an earlier run found empty too is from now on known absent.
        """
        found = subtract(merge(intervals), self.coverage(series))
        seen_before = merge(
            self._fetch(
                "SELECT start_ms, end_ms FROM sightings"
                " WHERE symbol = ? AND kind = ? AND timeframe = ? AND run_id <> ?",
                [*series_key(series), run_id],
            )
        )
        with self._transaction():
            self._add_absence(series, intersect(found, seen_before), EMPTY_TWICE)
            for start, end in subtract(found, seen_before):
                row = [*series_key(series), start, end, run_id]
                self._run("INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?)", row)

    @in_turn
    def note_before_launch(self, series: Series, interval: Interval) -> None:
        """Record that a symbol was not listed yet: nothing of the interval can exist."""
        with self._transaction():
            self._add_absence(series, subtract([interval], self.coverage(series)), BEFORE_LAUNCH)

    @in_turn
    def known_absent(self, series: Series) -> list[Interval]:
        """The merged intervals for which the venue is known to have nothing."""
        return merge(
            self._fetch(
                "SELECT start_ms, end_ms FROM known_absent"
                " WHERE symbol = ? AND kind = ? AND timeframe = ?",
                series_key(series),
            )
        )

    @in_turn
    def limit_coverage(self, series: Series, covered: Iterable[Interval]) -> None:
        """Replace what is claimed of a series; only a repair may do so, to what rows support."""
        with self._transaction():
            self._replace_coverage(series, merge(covered))

    @in_turn
    def drop_repeated_rows(self, series: Series) -> int:
        """Remove copies of rows that are equal in every column; how many were removed."""
        layout = layout_of(series.kind)
        columns = ", ".join((*layout.keys, layout.time, *layout.values))
        condition, key = layout.condition("k"), layout.key(series)
        before = self._count(layout, condition, key)
        with self._transaction():
            self._run(
                f"CREATE TEMP TABLE kept AS SELECT DISTINCT {columns} FROM {layout.table} AS k"
                f" WHERE {condition}",
                key,
            )
            self._run(f"DELETE FROM {layout.table} AS k WHERE {condition}", key)
            self._run(f"INSERT INTO {layout.table} ({columns}) SELECT {columns} FROM kept", [])
            self._run("DROP TABLE kept", [])
        return before - self._count(layout, condition, key)

    @in_turn
    def mark_published(self) -> None:
        """Forget which months had changed: a snapshot now holds them all."""
        with self._transaction():
            self._run("DELETE FROM unpublished", [])

    @in_turn
    def series(self) -> list[Series]:
        """Every stored series, sorted."""
        found = self._fetch("SELECT DISTINCT symbol, kind, timeframe FROM coverage", [])
        return sorted(Series.of(*row) for row in found)

    @in_turn
    def coverage(self, series: Series) -> list[Interval]:
        """The merged intervals known complete."""
        return merge(
            self._fetch(
                "SELECT start_ms, end_ms FROM coverage"
                " WHERE symbol = ? AND kind = ? AND timeframe = ?",
                series_key(series),
            )
        )

    @in_turn
    def unpublished(self, series: Series) -> set[str]:
        """Months (``2026-03``) of a series whose rows changed since the last snapshot."""
        found = self._fetch(
            "SELECT DISTINCT month FROM unpublished"
            " WHERE symbol = ? AND kind = ? AND timeframe = ?",
            series_key(series),
        )
        return {month for (month,) in found}

    @in_turn
    def store_id(self) -> str:
        """The id the store was given when it was created."""
        return str(self._fetch("SELECT store_id FROM store_info", [])[0][0])

    @in_turn
    def revisions(self) -> pa.Table:
        """Every value the source rewrote: series, open_ms, field, old_value, new_value, when."""
        return self._arrow(
            "SELECT * FROM revisions"
            " ORDER BY symbol, kind, timeframe, open_ms, recorded_at_ms, field",
            [],
        )

    @in_turn
    def revised_rows(self, run_id: str) -> int:
        """How many rows have been rewritten since a sync run began."""
        found = self._fetch(
            "SELECT count(DISTINCT (symbol, kind, timeframe, open_ms)) FROM revisions"
            " WHERE recorded_at_ms >= (SELECT started_ms FROM sync_runs WHERE run_id = ?)",
            [run_id],
        )
        return int(found[0][0])

    @in_turn
    def problems(self) -> list[str]:
        """What of the store's invariants does not hold, in words; empty when all hold.

        Every row exists once and is covered; every covered interval is supported by rows, and none
        is known absent.
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
            both = intersect(claimed, self.known_absent(series))
            found += [f"{series}: {i} is covered and known absent" for i in both]
            # An event's reach was inferred from its own file: here only its bound is known.
            reach = runs(times, support_bound(series, columns))
            found += [f"{series}: coverage {i} has no rows" for i in subtract(claimed, reach)]
            instants = list(zip(times.tolist(), (times + 1).tolist(), strict=True))
            found += [
                f"{series}: row at {i} is not covered" for i, _ in subtract(instants, claimed)
            ]
        return found

    @in_turn
    def rows(self, series: Series, since_ms: int, until_ms: int) -> dict[str, npt.NDArray[Any]]:
        """Stored rows with times in ``[since_ms, until_ms)``, in order, as ingest takes them."""
        layout = layout_of(series.kind)
        table = self._arrow(
            f"SELECT {layout.stored()} FROM {layout.table} AS k WHERE {layout.condition('k')}"
            f" AND {layout.time} >= ? AND {layout.time} < ? ORDER BY {layout.time}",
            [*layout.key(series), since_ms, until_ms],
        )
        return layout.columns(table)

    @in_turn
    def arrow(self, query: str, parameters: list[Any]) -> pa.Table:
        """The result of a SELECT as an Arrow table."""
        return self._arrow(query, parameters)

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
            found = self._arrow(f"SELECT s.{at} AS at FROM {joined} WHERE {differs}", bounds)
            if not found.num_rows:
                continue
            self._run(
                f"INSERT INTO revisions SELECT ?, ?, ?, s.{at}, '{name}', k.{name}, s.{name}, ?"
                f" FROM {joined} WHERE {differs}",
                [*series_key(series), time.time_ns() // 1_000_000, *bounds],
            )
            self._run(
                f"UPDATE {layout.table} AS k SET {name} = s.{name} FROM {stage}"
                f" WHERE k.{at} = s.{at} AND {differs}",
                bounds,
            )
            revised = np.union1d(revised, column_values(found, "at", np.int64))
        self._connection.unregister("arrow_rows")
        known = self._arrow(f"SELECT k.{at} AS at FROM {layout.table} AS k WHERE {span}", bounds)
        new = ~np.isin(times, column_values(known, "at", np.int64))
        columns = layout.columns(rows)
        added = layout.arrow({name: column[new] for name, column in columns.items()})
        self._append(series, layout, added, None)
        if progress:
            progress(rows.num_rows, rows.num_rows)
        return np.union1d(revised, times[new]), len(revised)

    def _replace_coverage(self, series: Series, intervals: list[Interval]) -> None:
        self._run(
            "DELETE FROM coverage WHERE symbol = ? AND kind = ? AND timeframe = ?",
            series_key(series),
        )
        self._run(
            "INSERT INTO coverage SELECT ?, ?, ?, unnest(?::BIGINT[]), unnest(?::BIGINT[])",
            [*series_key(series), [start for start, _ in intervals], [end for _, end in intervals]],
        )

    def _mark_unpublished(self, series: Series, months: list[str]) -> None:
        known = self.unpublished(series)
        for month in months:
            if month not in known:
                self._run(
                    "INSERT INTO unpublished VALUES (?, ?, ?, ?)", [*series_key(series), month]
                )

    def _drop_absence(self, series: Series, covered: Iterable[Interval]) -> None:
        """What has rows is not absent, whatever was found before."""
        for start, end in covered:
            meets = "symbol = ? AND kind = ? AND timeframe = ? AND start_ms < ? AND end_ms > ?"
            key = [*series_key(series), end, start]
            for table, last in (("known_absent", "reason"), ("sightings", "run_id")):
                met = self._fetch(
                    f"SELECT start_ms, end_ms, {last} FROM {table} WHERE {meets}", key
                )
                if not met:
                    continue
                self._run(f"DELETE FROM {table} WHERE {meets}", key)
                for a, b, why in met:
                    for rest in subtract([(a, b)], [(start, end)]):
                        row = [*series_key(series), *rest, why]
                        self._run(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)", row)

    def _add_absence(self, series: Series, intervals: list[Interval], reason: str) -> None:
        for start, end in subtract(intervals, self.known_absent(series)):
            row = [*series_key(series), start, end, reason]
            self._run("INSERT INTO known_absent VALUES (?, ?, ?, ?, ?, ?)", row)

    def _holds_rows(self, series: Series, layout: Layout, first_ms: int, last_ms: int) -> bool:
        """Whether rows lie there; covered or not: a repair may have taken coverage back."""
        found = self._fetch(
            f"SELECT 1 FROM {layout.table} AS k WHERE {layout.condition('k')}"
            f" AND {layout.time} BETWEEN ? AND ? LIMIT 1",
            [*layout.key(series), first_ms, last_ms],
        )
        return bool(found)

    def _count(self, layout: Layout, condition: str, key: list[Any]) -> int:
        found = self._fetch(f"SELECT count(*) FROM {layout.table} AS k WHERE {condition}", key)
        return int(found[0][0])


def _require_increasing(series: Series, times: npt.NDArray[np.int64]) -> None:
    if len(times) and np.any(np.diff(times) <= 0):
        raise DataError(f"rows of {series} are not strictly increasing in time")


def _disjoint(intervals: list[Interval], start: int, end: int) -> bool:
    """Whether no covered interval meets ``[start, end)``."""
    return not any(a < end and start < b for a, b in intervals)
