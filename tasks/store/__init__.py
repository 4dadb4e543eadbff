"""The market-data store: one DuckDB file per environment, written under a lock, read by snapshot.

:class:`Store` is made once from configuration and passed to whoever needs it (H20); there is no
default store. Its writable door is ``with store.writer() as writer:``, which holds the operating
system's lock (C5, H13); readers use :meth:`Store.snapshot` and never wait for a writer.
May import ``engine`` only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from engine.errors import DataError, StoreError
from tasks.store.database import DATABASE_FILE, check_seal, compact, open_database
from tasks.store.door import under_lock
from tasks.store.export import Exported, export_series
from tasks.store.imports import ImportReport, import_file
from tasks.store.intervals import Interval, intersect, merge, subtract
from tasks.store.lock import write_lock
from tasks.store.objects import Verified
from tasks.store.prune import Prune, apply_prune, plan_prune
from tasks.store.publish import publish
from tasks.store.repair import Repair, apply_repair, plan_repair
from tasks.store.series import FACT_KINDS, Kind, Series, SeriesInfo
from tasks.store.snapshot import Snapshot, has_snapshot, open_snapshot
from tasks.store.writer import Ingested, Progress, StoreWriter

__all__ = [
    "ENVIRONMENTS",
    "FACT_KINDS",
    "Exported",
    "ImportReport",
    "Ingested",
    "Interval",
    "Kind",
    "Progress",
    "Prune",
    "Repair",
    "Series",
    "SeriesInfo",
    "Snapshot",
    "Store",
    "StoreWriter",
    "apply_prune",
    "apply_repair",
    "export_series",
    "import_file",
    "intersect",
    "merge",
    "plan_prune",
    "plan_repair",
    "subtract",
    "under_lock",
]

#: The environments, each with a store of its own; their data never mix.
ENVIRONMENTS = ("backtest", "live", "demo")


class Store:
    """The market data of one environment, under ``<home>/store/<env>/``.

    Making one touches nothing on disk; the files appear with the first writer.
    """

    def __init__(self, home: Path, env: str) -> None:
        if env not in ENVIRONMENTS:
            raise StoreError(
                f"unknown environment {env!r}",
                hint=f"one of {', '.join(ENVIRONMENTS)}",
                code="ENV_UNKNOWN",
            )
        self.env = env
        self.directory = Path(home) / "store" / env
        self._verified: Verified = {}

    def existing(self) -> Store:
        """This store, if there is one; DataError naming the environment if nothing was stored."""
        if not (self.directory / DATABASE_FILE).exists():
            raise DataError(
                f"environment {self.env!r} holds no data",
                where=str(self.directory),
                hint="run `lockstep data sync` or `lockstep data import` first",
                code="STORE_EMPTY",
            )
        return self

    @contextlib.contextmanager
    def writer(
        self, timeout_s: float = 0.0, *, flow_run: str | None = None
    ) -> Iterator[StoreWriter]:
        """The writable door: holds the write lock for the length of the context.

        Waits up to ``timeout_s`` seconds for the lock, then raises LockBusy with the holder's pid.
        ``flow_run`` is shown to those who wait.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store's directory cannot be made: {error.strerror}",
                where=str(self.directory),
                hint="choose a writable --home",
            ) from error
        with (
            write_lock(self.directory, timeout_s, flow_run),
            open_database(self.directory, self.env) as connection,
        ):
            writer = StoreWriter(self.env, self.directory, connection)
            try:
                writer.settle()
                yield writer
                writer.settle()
            finally:
                writer.release()

    def vacuum(self, timeout_s: float = 0.0) -> tuple[int, int]:
        """Give back the space of deleted rows; the database's bytes before and after."""
        with self.writer(timeout_s):
            pass  # what is staged goes into the tables first
        with write_lock(self.directory, timeout_s):
            return compact(self.directory, self.env)

    @under_lock
    def publish_snapshot(self, writer: StoreWriter, progress: Progress | None = None) -> str:
        """Publish what the store holds now as an immutable snapshot; its id, 64 hex characters.

        ``progress(done, total)`` counts series.
        """
        return publish(writer, progress)

    def has_snapshot(self) -> bool:
        """Whether anything was ever published."""
        return has_snapshot(self.directory)

    def snapshot(self, snapshot_id: str | None = None) -> Snapshot:
        """A published snapshot by id, or the current one.

        Raises DataError if nothing was ever published, StoreError if the manifest or the database
        file is visibly damaged.
        """
        check_seal(self.directory)
        return open_snapshot(self.env, self.directory, snapshot_id, self._verified)
