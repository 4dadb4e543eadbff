"""Reading market data files: Parquet or CSV, to numpy columns, types checked, values not yet.

Times come out as int64 epoch ms UTC; a row whose time is missing or not a whole millisecond is
told apart by ``unreadable``. Other columns come out as float64 with NaN for a missing value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.errors import DataError
from tasks.store.series import Kind

if TYPE_CHECKING:
    import pyarrow as pa

TIME_NAMES = ("ts", "open_ms")
RATE_NAMES = ("funding_rate", "rate")
INTEREST_NAMES = ("open_interest", "value")


@dataclass(frozen=True, slots=True)
class RawColumns:
    """A file's columns under the store's names, values unchecked.

    ``time_ms`` int64[n], 0 where ``unreadable`` bool[n]; ``values`` float64[n] by name.
    """

    time_ms: npt.NDArray[np.int64]
    unreadable: npt.NDArray[np.bool_]
    values: dict[str, npt.NDArray[np.float64]]


def read_columns(path: Path, kind: Kind) -> RawColumns:
    """The columns of a kind's rows in a ``.parquet`` or ``.csv`` file, or DataError saying why not.

    Candles: ``ts`` (or ``open_ms``), ``open high low close``, ``volume`` (last-price candles),
    optional ``turnover``. Funding: ``ts``, ``funding_rate`` (or ``rate``), optional
    ``interval_minutes``. Open interest: ``ts``, ``open_interest`` (or ``value``). Other columns are
    not read.
    """
    table = _read_table(path)
    names = table.column_names
    time_name = _one_of(names, TIME_NAMES, path)
    if kind is Kind.FUNDING:
        wanted = {"rate": _one_of(names, RATE_NAMES, path)}
        optional = {"interval_min": "interval_minutes"}
    elif kind is Kind.OPEN_INTEREST:
        wanted, optional = {"value": _one_of(names, INTEREST_NAMES, path)}, {}
    else:
        wanted = {name: name for name in ("open", "high", "low", "close")}
        optional = {"turnover": "turnover"}
        (wanted if kind is Kind.KLINE else optional)["volume"] = "volume"
    missing = [name for name in wanted.values() if name not in names]
    if missing:
        raise _wrong_columns(names, f"lacks column {', '.join(missing)}", path)
    if not table.num_rows:
        raise DataError("the file holds no rows", where=str(path), code="FILE_EMPTY")
    times, unreadable = _times(table, time_name, path)
    values = {name: _floats(table, column, path) for name, column in wanted.items()}
    for name, column in optional.items():
        if column in names:
            values[name] = _floats(table, column, path)
    return RawColumns(times, unreadable, values)


def _read_table(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not path.is_file():
        raise DataError("no such file", where=str(path), hint="check the path", code="FILE_MISSING")
    suffix = path.suffix.lower()
    if suffix not in {".parquet", ".pq", ".csv"}:
        raise DataError(
            f"cannot read a {suffix or 'nameless'} file",
            where=str(path),
            hint="give a .parquet or .csv file",
            code="FILE_FORMAT",
        )
    try:
        return csv.read_csv(path) if suffix == ".csv" else parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"not a readable {suffix[1:]} file: {str(error).splitlines()[0]}",
            where=str(path),
            hint="it may be damaged or of another format",
            code="FILE_UNREADABLE",
        ) from error


def _one_of(names: Sequence[str], choices: Sequence[str], path: Path) -> str:
    found = [name for name in choices if name in names]
    if len(found) == 1:
        return found[0]
    if found:
        raise _wrong_columns(names, f"has both {' and '.join(found)}", path)
    raise _wrong_columns(names, f"lacks column {' or '.join(choices)}", path)


def _wrong_columns(names: Sequence[str], problem: str, path: Path) -> DataError:
    return DataError(
        f"the file {problem}",
        where=str(path),
        hint="candles need ts (or open_ms), open, high, low, close, volume; funding needs ts, "
        f"funding_rate (or rate); the file has {', '.join(names) or 'no columns'}",
        code="COLUMNS_WRONG",
    )


def _times(
    table: pa.Table, name: str, path: Path
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            raise DataError(
                f"times in column {name} have no time zone",
                where=str(path),
                hint="give epoch milliseconds, or timestamps with a zone (UTC)",
                code="TIME_NAIVE",
            )
        nanoseconds = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
        exact = nanoseconds.fill_null(1).to_numpy()
        return exact // 1_000_000, exact % 1_000_000 != 0
    if pa.types.is_integer(column.type):
        unreadable = column.is_null().to_numpy()
        return column.fill_null(0).cast(pa.int64()).to_numpy(), unreadable
    floats = _floats(table, name, path)
    unreadable = ~(np.isfinite(floats) & (np.abs(floats) < 2.0**53) & (np.floor(floats) == floats))
    return np.where(unreadable, 0.0, floats).astype(np.int64), unreadable


def _floats(table: pa.Table, name: str, path: Path) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    column = table.column(name)
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not numeric and not pa.types.is_null(kind):
        raise DataError(
            f"column {name} holds {kind}, not numbers",
            where=str(path),
            hint="write plain decimal numbers",
            code="COLUMNS_WRONG",
        )
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy())
