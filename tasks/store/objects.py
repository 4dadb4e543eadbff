"""Content-addressed files of a snapshot: named by the SHA-256 of their bytes, never changed.

A file is an uncompressed Arrow IPC file of one series and UTC month, read by mapping it into
memory. It is written under another name, made durable, then renamed to its hash; a file that
exists under its hash is shared by every snapshot that names it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import StoreError
from tasks.store.database import sync_directory

if TYPE_CHECKING:
    import pyarrow as pa

#: What identifies a file's state on disk: device, inode, size, changed at (ns), modified at (ns).
Signature = tuple[int, int, int, int, int]
#: Files found whole by this process: what they were then, and their mapped tables.
Verified = dict[str, tuple[Signature, "pa.Table"]]


def write_object(directory: Path, table: pa.Table) -> tuple[str, int]:
    """Store a table as one object; its SHA-256 (64 hex) and size in bytes."""
    import pyarrow as pa

    directory.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table.combine_chunks())
    content = sink.getvalue()
    name = hashlib.sha256(content).hexdigest()
    path = object_path(directory, name)
    if not (path.exists() and path.stat().st_size == content.size):
        write_durably(path, content)
    return name, content.size


def write_durably(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a read-only file so that it is there whole or not at all, also after a power cut."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o444)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise StoreError(
            f"a snapshot file cannot be written: {error.strerror or error}",
            where=str(path),
            hint="the rows are safe in the database; free the disk and publish again",
            code="STORE_IO",
        ) from error


def object_path(directory: Path, name: str) -> Path:
    """Where the object called ``name`` lies."""
    return directory / f"{name}.arrow"


def read_object(directory: Path, name: str, verified: Verified) -> pa.Table:
    """The table of an object, mapped into memory, its bytes verified against its name.

    ``verified`` keeps the files that were found whole and have not been touched since, mapped, so
    that a process hashes and maps each once. A missing or damaged file raises StoreError naming it.
    """
    import pyarrow as pa

    path = object_path(directory, name)
    try:
        found = path.stat()
    except OSError as error:
        raise damaged(path, "cannot be read") from error
    signature = (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_ctime_ns,
        found.st_mtime_ns,
    )
    known = verified.get(name)
    if known is not None and known[0] == signature:
        return known[1]
    try:
        source = pa.memory_map(str(path), "r")
    except OSError as error:
        raise damaged(path, "cannot be read") from error
    if hashlib.sha256(source.read_buffer()).hexdigest() != name:
        raise damaged(path, "does not hash to its name")
    source.seek(0)
    table = pa.ipc.open_file(source).read_all()
    verified[name] = (signature, table)
    return table


def damaged(path: Path, problem: str) -> StoreError:
    """The error for a snapshot file that is not what it must be."""
    return StoreError(
        f"snapshot file {path.name} {problem}",
        where=str(path),
        hint="restore it from a backup, or delete it and import the data again",
        code="SNAPSHOT_DAMAGED",
    )
