"""Opening and closing a store's DuckDB file, only ever under the write lock.

A new file is built under another name and renamed into place, so a file that exists is whole: a
short or empty one is damage, never a store in the making. While no writer is at work, ``seal.json``
holds the file's size, so that readers, which never open the database, notice a truncated one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import LockBusy, StoreError
from tasks.store.schema import migrate

if TYPE_CHECKING:
    import duckdb

DATABASE_FILE = "market.duckdb"
SEAL_FILE = "seal.json"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@contextlib.contextmanager
def open_database(directory: Path, env: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A writable connection to the store of ``env``, created and migrated as needed."""
    import duckdb

    path = directory / DATABASE_FILE
    check_seal(directory)
    if not path.exists():
        _create(directory, env)
    connection = _connect(path)
    (directory / SEAL_FILE).unlink(missing_ok=True)
    sound = True
    try:
        migrate(connection)
        (stored,) = connection.execute("SELECT env FROM store_info").fetchall()[0]
        if stored != env:
            raise StoreError(
                f"the store belongs to environment {stored!r}, not {env!r}",
                where=str(path),
                hint="environments are never mixed; put the file back where it was",
                code="STORE_FOREIGN",
            )
        yield connection
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
        sound = False
        raise StoreError(
            f"the database failed: {str(error).splitlines()[0]}",
            where=str(path),
            hint="nothing of the unit at work was stored; check the disk and the file, then repeat",
            code="STORE_IO",
        ) from error
    finally:
        connection.close()
        if sound:
            _seal(directory)


def check_seal(directory: Path) -> None:
    """Raise StoreError if the database file is not as its last writer left it.

    Looks at its size only and takes no lock. Without a seal a writer is at work, or was killed;
    the next writer's opening then shows whether the file is whole.
    """
    path = directory / DATABASE_FILE
    while (sealed := _sealed_bytes(directory)) is not None:
        actual = path.stat().st_size if path.exists() else None
        if actual == sealed:
            return
        # A writer may have begun between the two looks: then the seal is gone or another by now.
        if _sealed_bytes(directory) != sealed:
            continue
        state = "is missing" if actual is None else f"has {actual} bytes where {sealed} were left"
        raise _damaged(path, f"the database file {state}")


def compact(directory: Path, env: str) -> tuple[int, int]:
    """Write the database anew without the space that deleted rows left; its bytes before and after.

    Used under the write lock, with no connection open. The old file is replaced in one rename.
    """
    path, building = directory / DATABASE_FILE, _fresh_building(directory)
    with open_database(directory, env) as connection:
        connection.execute("CHECKPOINT").fetchall()
    before = path.stat().st_size
    connection = _connect(building)
    try:
        (name,) = connection.execute("SELECT current_database()").fetchall()[0]
        connection.execute(f"ATTACH '{path}' AS old (READ_ONLY)").fetchall()
        connection.execute(f'COPY FROM DATABASE old TO "{name}"').fetchall()
        connection.execute("DETACH old").fetchall()
    finally:
        connection.close()
    # Without its seal the file may change: a kill from here on leaves the old one or the new one.
    (directory / SEAL_FILE).unlink(missing_ok=True)
    building.rename(path)
    sync_directory(directory)
    _seal(directory)
    return before, path.stat().st_size


def _fresh_building(directory: Path) -> Path:
    """Where a new database file is built, nothing of an earlier attempt left."""
    building = directory / f"{DATABASE_FILE}.building"
    for leftover in (building, building.with_name(building.name + ".wal")):
        leftover.unlink(missing_ok=True)
    return building


def _create(directory: Path, env: str) -> None:
    building = _fresh_building(directory)
    connection = _connect(building)
    migrate(connection)
    connection.execute("INSERT INTO store_info VALUES (?, ?)", [uuid.uuid4().hex, env]).fetchall()
    connection.close()
    building.rename(directory / DATABASE_FILE)
    sync_directory(directory)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return duckdb.connect(str(path), config=_CONFIG)
    except duckdb.Error as error:
        text = str(error).splitlines()[0]
        holder = re.search(r"PID (\d+)", text)
        if "lock on file" in text:
            pid = int(holder[1]) if holder else None
            raise LockBusy(
                f"the database file is open in process {pid if pid else '(unknown)'}",
                pid=pid,
                where=str(path),
                hint="close it there",
            ) from None
        raise _damaged(path, f"the database file cannot be opened: {text}") from error


def _damaged(path: Path, message: str) -> StoreError:
    return StoreError(
        message,
        where=str(path),
        hint="it is truncated or damaged: restore a backup, or move it away and import anew",
        code="STORE_DAMAGED",
    )


def _seal(directory: Path) -> None:
    """Note the file's size. A disk too full for that leaves no seal, as a killed writer does: the
    next opening then shows whether the file is whole."""
    size = (directory / DATABASE_FILE).stat().st_size
    temporary = directory / f"{SEAL_FILE}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps({"bytes": size}))
        temporary.replace(directory / SEAL_FILE)
    except OSError:
        temporary.unlink(missing_ok=True)


def _sealed_bytes(directory: Path) -> int | None:
    try:
        return int(json.loads((directory / SEAL_FILE).read_text())["bytes"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise _damaged(directory / SEAL_FILE, "the database's seal cannot be read") from None


def sync_directory(directory: Path) -> None:
    """Make renames in ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
