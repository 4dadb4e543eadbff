"""What a run computed, and the hashes of it recomputed from content."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from engine.canonical import canonical_bytes, hash_table, hash_value, merkle_root
from tasks.artifacts.tables import TABLES

if TYPE_CHECKING:
    from engine.backtest import Result


@dataclass(frozen=True, slots=True)
class Outputs:
    """A run's outputs: the tables, and ``summary`` (metrics with units, status, warnings, flags).

    ``recorded`` is the result hash and ``recorded_leaves`` the leaf hashes that came with them;
    :meth:`leaves` computes them anew from the content.
    """

    tables: Mapping[str, pa.Table]
    summary: Mapping[str, Any]
    recorded: str
    recorded_leaves: Mapping[str, str]

    def leaves(self) -> dict[str, str]:
        """Leaf hashes of the content: one for each table, one for metrics, one for status."""
        found = {name: hash_table(self.tables[name]) for name in TABLES}
        found["metrics"] = hash_value(self.summary["metrics"])
        found["status"] = hash_value(self.summary["status"])
        return found

    def result_hash(self) -> str:
        """The Merkle root over :meth:`leaves`."""
        return merkle_root(self.leaves())


def outputs_of(result: Result) -> Outputs:
    """The outputs of a backtest just run."""
    return Outputs(
        tables={name: getattr(result, name) for name in TABLES},
        summary={
            "metrics": result.metrics,
            "status": result.status,
            "warnings": result.warnings,
            "flags": result.flags,
        },
        recorded=result.result_hash,
        recorded_leaves=result.leaves,
    )


def first_difference(leaf: str, a: Outputs, b: Outputs) -> dict[str, Any]:
    """Where two outputs that differ in ``leaf`` first differ: ``{leaf, table, row, column, a, b}``.

    ``row`` counts from 0 in the table's order; metrics name the metric as ``column``.
    """
    if leaf in TABLES:
        row, column, va, vb = _table_difference(a.tables[leaf], b.tables[leaf])
        va, vb = _shown(va), _shown(vb)
        return {"leaf": leaf, "table": leaf, "row": row, "column": column, "a": va, "b": vb}
    va, vb = a.summary[leaf], b.summary[leaf]
    column = None
    if isinstance(va, Mapping) and isinstance(vb, Mapping):
        for name in sorted(va.keys() | vb.keys()):
            if canonical_bytes(va.get(name)) != canonical_bytes(vb.get(name)):
                column, va, vb = name, va.get(name), vb.get(name)
                break
    return {"leaf": leaf, "table": None, "row": None, "column": column, "a": va, "b": vb}


def _shown(value: Any) -> Any:
    """A cell as JSON can carry it: NaN and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _table_difference(a: pa.Table, b: pa.Table) -> tuple[int | None, str | None, Any, Any]:
    """``(row, column, a, b)``: the first differing cell, in row order, then schema order."""
    for column in [*a.schema.names, *(n for n in b.schema.names if n not in a.schema.names)]:
        types = [
            str(t.schema.field(column).type) if column in t.schema.names else None for t in (a, b)
        ]
        if types[0] != types[1]:
            return None, column, types[0], types[1]
    if a.schema.names != b.schema.names:
        return None, None, a.schema.names, b.schema.names
    shared = min(a.num_rows, b.num_rows)
    best: tuple[int, str] | None = None
    for column in a.schema.names:
        row = _first_unequal(a.column(column)[:shared], b.column(column)[:shared])
        if row is not None and (best is None or row < best[0]):
            best = (row, column)
    if best is not None:
        row, column = best
        return row, column, a.column(column)[row].as_py(), b.column(column)[row].as_py()
    return shared, None, f"{a.num_rows} rows", f"{b.num_rows} rows"


def _first_unequal(a: pa.ChunkedArray, b: pa.ChunkedArray) -> int | None:
    """Index of the first cell that hashes differently (NaN equals NaN, 0.0 equals -0.0)."""
    if pa.types.is_integer(a.type) or pa.types.is_floating(a.type):
        zero = pa.scalar(0, a.type)
        va, vb = (c.fill_null(zero).to_numpy() for c in (a, b))
        same = (va == vb) | ((va != va) & (vb != vb))
        same &= a.is_valid().to_numpy() == b.is_valid().to_numpy()
        unequal = np.flatnonzero(~same)
        return int(unequal[0]) if unequal.size else None
    for index, (va, vb) in enumerate(zip(a.to_pylist(), b.to_pylist(), strict=True)):
        if canonical_bytes(va) != canonical_bytes(vb):
            return index
    return None
