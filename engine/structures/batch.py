"""One structure over whole columns: the kernel of the engine as one big chunk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from engine.errors import StructureError
from engine.indicators.spec import Vector
from engine.structures.registry import get
from engine.structures.spec import SourceSpec, StructureSpec

#: A source: the outputs of a structure by name, or one column of numbers.
Source = Mapping[str, npt.ArrayLike] | npt.ArrayLike


def compute(
    name: str,
    columns: Mapping[str, npt.ArrayLike],
    sources: Mapping[str, Source] | None = None,
    *,
    key: str = "",
    **params: object,
) -> dict[str, Vector]:
    """Outputs of a structure by name, float64[n], NaN where missing; see :func:`.spec.typed`.

    ``columns``: the bar columns by name (those the structure does not read are left alone).
    ``sources``: what its source parameters name, each the outputs of a structure as this function
    gives them, or one column. ``key``: the id that zone identities start from. Same kernel and
    bits as in a run. Raises StructureError for an unknown name, parameter, source or value and
    for columns that do not fit.

    >>> bars = {"high": [2.0, 4.0, 3.0], "low": [1.0, 2.0, 1.0]}
    >>> compute("swing", bars, left=1, right=1)["high"].tolist()
    [nan, nan, 4.0]
    """
    spec = get(name)
    p = spec.resolve(params, key=key)
    given = dict(sources or {})
    spec.check_sources(tuple(given), p)
    rows = _rows(spec, columns, given)
    bars = len(next(row for row in rows if row is not None))
    outputs = spec.outputs(p)
    taken = [row for row in rows if row is not None]
    block = np.empty((len(taken) + len(outputs), bars), dtype=np.float64)
    ins = np.empty(len(rows), dtype=np.int64)
    place = 0
    for row, column in enumerate(rows):
        ins[row] = -1 if column is None else place
        if column is not None:
            block[place] = column
            place += 1
    outs = np.arange(place, place + len(outputs), dtype=np.int64)
    state = np.zeros(spec.state_size(p), dtype=np.float64)
    spec.kernel(np.array(p, dtype=np.float64), state, block, ins, outs, 0, bars, 0)
    return {output.name: block[place + i].copy() for i, output in enumerate(outputs)}


def _rows(
    spec: StructureSpec, columns: Mapping[str, npt.ArrayLike], sources: Mapping[str, Source]
) -> list[Vector | None]:
    """The rows the kernel reads, in order; None for an optional source that is not given."""
    rows: list[Vector | None] = []
    for name in spec.inputs:
        if name not in columns:
            raise _misfit(spec, f"column {name} is missing", f"it reads {', '.join(spec.inputs)}")
        rows.append(_column(spec, name, columns[name], rows))
    for source in spec.sources:
        if source.name in sources:
            for name, column in _source_columns(spec, source, sources[source.name]):
                rows.append(_column(spec, name, column, rows))
        else:
            rows.extend([None] * (len(source.reads) or 1))
    return rows


def _source_columns(
    spec: StructureSpec, source: SourceSpec, given: Source
) -> list[tuple[str, npt.ArrayLike]]:
    if not source.structure:
        if isinstance(given, Mapping):
            raise _misfit(spec, f"source {source.name} must be one column of numbers", "")
        return [(source.name, given)]
    if not isinstance(given, Mapping):
        raise _misfit(spec, f"source {source.name} must be the outputs of a {source.structure}", "")
    names = source.rows(tuple(given))
    missing = [name for name in names if name not in given]
    if missing:
        raise _misfit(
            spec,
            f"source {source.name} lacks {', '.join(missing)}",
            f"it must be the outputs of a {source.structure}",
        )
    return [(f"{source.name}.{name}", given[name]) for name in names]


def _column(
    spec: StructureSpec, name: str, given: npt.ArrayLike, before: list[Vector | None]
) -> Vector:
    column = np.asarray(given)
    if column.dtype.kind not in "iuf" or column.ndim != 1:
        raise _misfit(
            spec, f"{name} must be one column of numbers, not {column.dtype}{column.shape}", ""
        )
    first = next((row for row in before if row is not None), None)
    if first is not None and len(first) != len(column):
        raise _misfit(spec, f"{name} has {len(column)} bars, the first column {len(first)}", "")
    return column.astype(np.float64)


def _misfit(spec: StructureSpec, message: str, hint: str) -> StructureError:
    return StructureError(message, where=f"structure {spec.name}", hint=hint, code="INPUT_INVALID")
