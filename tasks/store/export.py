"""Writing a series of a snapshot as one canonical Parquet file: equal rows, equal bytes.

The columns are those an import reads. Nothing that may differ from one writing to the next is in
the file: one thread writes it, without statistics, dictionaries or the writer's own schema.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import DataError
from tasks.store.rows import layout_of
from tasks.store.series import Kind, Series
from tasks.store.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are compressed together: part of the file's form.
ROW_GROUP_ROWS = 131_072
_FILE_NAMES = {
    "open_ms": "ts",
    "ts_ms": "ts",
    "interval_min": "interval_minutes",
    "value": "open_interest",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A written file: its rows, and the SHA-256 of its bytes (64 hex)."""

    rows: int
    sha256: str


def export_series(
    snapshot: Snapshot, series: Series, path: Path, since_ms: int, until_ms: int
) -> Exported:
    """Write the rows held with times in ``[since_ms, until_ms)`` to ``path``.

    Raises DataError if the snapshot holds none there, or ``path`` cannot be written.
    """
    columns = snapshot.columns(series, since_ms, until_ms)
    rows = len(columns[layout_of(series.kind).time])
    if not rows:
        raise DataError(
            f"environment {snapshot.env!r} has no rows of {series} there",
            where=str(path),
            hint="see `lockstep data coverage`",
            code="WINDOW_WITHOUT_DATA",
        )
    table = _file_table(series, columns)
    try:
        return Exported(rows, _write(table, path))
    except OSError as error:
        raise DataError(
            f"the file cannot be written: {(error.strerror or str(error)).lower()}",
            where=str(path),
            hint="check the folder and the space left",
            code="FILE_UNWRITABLE",
        ) from error


def _file_table(series: Series, columns: dict[str, npt.NDArray[Any]]) -> pa.Table:
    import pyarrow as pa

    if series.kind is Kind.FUNDING:
        columns = {
            "ts": columns["ts_ms"],
            "funding_rate": columns["rate_e8"] / 1e8,
            "interval_min": columns["interval_min"],
        }
    arrays = {}
    for name, column in columns.items():
        unknown = np.isnan(column) if column.dtype.kind == "f" else None
        arrays[_FILE_NAMES.get(name, name)] = pa.array(column, mask=unknown)
    return pa.table(arrays)


def _write(table: pa.Table, path: Path) -> str:
    from pyarrow import parquet

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        parquet.write_table(
            table,
            temporary,
            row_group_size=ROW_GROUP_ROWS,
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            store_schema=False,
        )
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return digest
