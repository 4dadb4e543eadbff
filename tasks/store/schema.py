"""The tables of a store, and the migrations that bring an older store forward.

``MIGRATIONS[k]`` takes a store from version k to k + 1; the version of a store is the number of
migrations it has had. They run under the write lock, each in one transaction with its row in
``schema_version``. Append to the list; never change a migration that has been released.

No table has a primary key: an index makes bulk ingest several times slower. Uniqueness is kept by
the one door for rows (:meth:`tasks.store.writer.StoreWriter.ingest`), which removes duplicates
against the stored rows under the lock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from engine.errors import StoreError

if TYPE_CHECKING:
    import duckdb

MIGRATIONS: tuple[str, ...] = (
    # 1: the main job. Times are epoch ms UTC. `turnover` is NULL where the source had none.
    # Funding rates are integers in 1e-8; `interval_min` is NULL where the source did not say.
    # coverage: half-open intervals known complete. revisions: one row per value that changed.
    # unpublished: months whose rows changed since the last published snapshot.
    """
    CREATE TABLE store_info (store_id VARCHAR NOT NULL, env VARCHAR NOT NULL);
    CREATE TABLE klines (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        open_ms BIGINT NOT NULL, open DOUBLE NOT NULL, high DOUBLE NOT NULL, low DOUBLE NOT NULL,
        close DOUBLE NOT NULL, volume DOUBLE NOT NULL, turnover DOUBLE);
    CREATE TABLE funding (
        symbol VARCHAR NOT NULL, ts_ms BIGINT NOT NULL, rate_e8 BIGINT NOT NULL,
        interval_min BIGINT);
    CREATE TABLE instruments (
        symbol VARCHAR NOT NULL, valid_from_ms BIGINT NOT NULL, facts VARCHAR NOT NULL);
    CREATE TABLE coverage (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL);
    CREATE TABLE revisions (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        open_ms BIGINT NOT NULL, field VARCHAR NOT NULL, old_value DOUBLE,
        new_value DOUBLE NOT NULL, recorded_at_ms BIGINT NOT NULL);
    CREATE TABLE generated (
        symbol VARCHAR NOT NULL, since_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL,
        spec VARCHAR NOT NULL);
    CREATE TABLE quality_runs (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        recorded_at_ms BIGINT NOT NULL, suite VARCHAR NOT NULL, status VARCHAR NOT NULL,
        report VARCHAR NOT NULL);
    CREATE TABLE unpublished (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        month VARCHAR NOT NULL);
    """,
    # 2: syncs. `received` is what the venue sent, NULL for facts of another source.
    # known_absent: half-open intervals for which the venue has nothing, and why that is known.
    # sightings: where one sync run found nothing; a second run that finds the same settles it.
    # venue_bans: until when an address refuses this machine. repairs: what repairs did.
    """
    CREATE TABLE open_interest (
        symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, ts_ms BIGINT NOT NULL,
        value DOUBLE NOT NULL);
    ALTER TABLE instruments ADD COLUMN received VARCHAR;
    CREATE TABLE risk_tiers (
        symbol VARCHAR NOT NULL, valid_from_ms BIGINT NOT NULL, facts VARCHAR NOT NULL);
    CREATE TABLE known_absent (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, reason VARCHAR NOT NULL);
    CREATE TABLE sightings (
        symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
        start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, run_id VARCHAR NOT NULL);
    CREATE TABLE sync_runs (
        run_id VARCHAR NOT NULL, flow_run VARCHAR, started_ms BIGINT NOT NULL, ended_ms BIGINT,
        state VARCHAR NOT NULL, request VARCHAR NOT NULL, snapshot VARCHAR);
    CREATE TABLE sync_items (
        run_id VARCHAR NOT NULL, symbol VARCHAR NOT NULL, kind VARCHAR NOT NULL,
        timeframe VARCHAR NOT NULL, requested VARCHAR NOT NULL, obtained VARCHAR NOT NULL,
        missing VARCHAR NOT NULL, rows BIGINT NOT NULL, status VARCHAR NOT NULL, cause VARCHAR);
    ALTER TABLE quality_runs ADD COLUMN run_id VARCHAR;
    ALTER TABLE quality_runs ADD COLUMN page VARCHAR;
    CREATE TABLE venue_bans (address VARCHAR NOT NULL, until_ms BIGINT NOT NULL);
    CREATE TABLE repairs (
        recorded_at_ms BIGINT NOT NULL, action VARCHAR NOT NULL, detail VARCHAR NOT NULL);
    """,
)

SCHEMA_VERSION = len(MIGRATIONS)


def stored_version(connection: duckdb.DuckDBPyConnection) -> int:
    """The schema version of an open store: the highest migration it has had, 0 for none."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version"
        " (version INTEGER NOT NULL, applied_at_ms BIGINT NOT NULL)"
    ).fetchall()
    row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchall()[0]
    return int(row[0])


def migrate(
    connection: duckdb.DuckDBPyConnection, migrations: tuple[str, ...] = MIGRATIONS
) -> None:
    """Bring an open store forward to the newest version; a store newer than that is refused."""
    version = stored_version(connection)
    if version > len(migrations):
        raise StoreError(
            f"the store has schema version {version}, this program knows up to {len(migrations)}",
            hint="use the newer program that wrote it",
            code="SCHEMA_NEWER",
        )
    for number in range(version, len(migrations)):
        connection.begin()
        connection.execute(migrations[number]).fetchall()
        connection.execute(
            "INSERT INTO schema_version VALUES (?, ?)", [number + 1, time.time_ns() // 1_000_000]
        ).fetchall()
        connection.commit()
