"""A run's tables as Parquet: zstd, page checksums, the Arrow schema with units in field metadata.

The bytes of a file are no result; :func:`engine.canonical.hash_table` of what it holds is.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import ArtifactError

TABLES = ("decisions", "orders", "fills", "trades", "ledger", "equity")

#: Columns scripts may rely on (the outside contract); a table may have more.
REQUIRED_COLUMNS = {
    "trades": [
        "trade_id",
        "symbol",
        "side",
        "qty",
        "entry_ms",
        "entry_price",
        "exit_ms",
        "exit_price",
        "exit_reason",
        "gross_usdt",
        "fees_usdt",
        "funding_usdt",
        "net_usdt",
        "bars",
        "mae_pct",
        "mfe_pct",
        "r",
    ],
    "decisions": ["ts_ms", "action", "rule", "values"],
    "equity": ["ts_ms", "equity_usdt", "drawdown_pct", "position_qty"],
}


def file_of(table: str) -> str:
    """The file in a run's folder that holds ``table``."""
    return f"{table}.parquet"


def encode_table(table: pa.Table) -> bytes:
    """The table as one Parquet file."""
    sink = pa.BufferOutputStream()
    # Compliant nesting would rename list items, and with them the type that is hashed.
    pq.write_table(
        table,
        sink,
        compression="zstd",
        write_page_checksum=True,
        use_compliant_nested_type=False,
    )
    return bytes(sink.getvalue())


def decode_table(data: bytes, where: str) -> pa.Table:
    """The table in a Parquet file's bytes; ArtifactError naming ``where`` if it cannot be read."""
    # In this thread alone: a pool's thread that let go of Python's bytes while the interpreter ends
    # would abort the process.
    try:
        with pq.ParquetFile(
            pa.BufferReader(data), page_checksum_verification=True, pre_buffer=False
        ) as file:
            return file.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(f"not a readable Parquet file: {error}", where=where) from error


def check_schema(name: str, table: pa.Table, where: str) -> None:
    """Raise ArtifactError if a column of the contract is missing or a number has no unit."""
    missing = [c for c in REQUIRED_COLUMNS.get(name, []) if c not in table.schema.names]
    if missing:
        raise ArtifactError(f"table {name} has no column {', '.join(missing)}", where=where)
    for column in table.schema:
        numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if numeric and not (column.metadata or {}).get(b"unit"):
            raise ArtifactError(f"column {name}.{column.name} states no unit", where=where)
