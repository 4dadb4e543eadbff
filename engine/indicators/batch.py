"""One indicator over whole columns: the kernel of the engine in chunks that stay in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.errors import IndicatorError
from engine.indicators.registry import get
from engine.indicators.spec import IndicatorSpec, Vector

#: Bars a kernel is given at a time: rows then stay in the caches.
_CHUNK = 16_384


def compute(
    name: str,
    inputs: Mapping[str, npt.ArrayLike],
    *,
    outputs: Sequence[str] | None = None,
    **params: object,
) -> dict[str, Vector]:
    """Outputs of an indicator by name, float64[n], NaN where missing.

    ``inputs``: one column under any name for an indicator that takes a source, else the bar
    columns it declares (others are not read). ``outputs``: those wanted, all if not said; of long
    columns each costs about as much to write as a simple average to compute. Same kernel and bits
    as in a run. Raises IndicatorError for an unknown name, output, parameter or value and for
    inputs that do not fit.

    >>> compute("sma", {"close": [1.0, 2.0, 4.0]}, length=2)["value"].tolist()
    [nan, 1.5, 3.0]
    """
    spec = get(name)
    p = np.array(spec.resolve(params), dtype=np.float64)
    columns = _columns(spec, inputs)
    bars = len(columns[0])
    taken, given = len(columns), len(spec.outputs)
    wanted = _wanted(spec, outputs)
    results = {row: np.empty(bars) for row in wanted.values()}
    block = np.empty((taken + given, min(bars, _CHUNK)), dtype=np.float64)
    state = np.zeros(spec.state_size(tuple(p)), dtype=np.float64)
    ins = np.arange(taken, dtype=np.int64)
    outs = np.arange(taken, taken + given, dtype=np.int64)
    for start in range(0, bars, _CHUNK):
        n = min(_CHUNK, bars - start)
        for row, column in enumerate(columns):
            block[row, :n] = column[start : start + n]
        spec.kernel(p, state, block, ins, outs, 0, n, start)
        for row, result in results.items():
            result[start : start + n] = block[taken + row, :n]
    return {output: results[row] for output, row in wanted.items()}


def _wanted(spec: IndicatorSpec, outputs: Sequence[str] | None) -> dict[str, int]:
    """The outputs asked for, each with its place in the declaration."""
    declared = {output.name: row for row, output in enumerate(spec.outputs)}
    if outputs is None:
        return declared
    for output in outputs:
        if output not in declared:
            raise IndicatorError(
                f"unknown output {output}",
                where=f"indicator {spec.name}",
                hint=f"outputs: {', '.join(declared)}",
                code="OUTPUT_UNKNOWN",
            )
    return {output: declared[output] for output in outputs}


def _columns(spec: IndicatorSpec, inputs: Mapping[str, npt.ArrayLike]) -> list[Vector]:
    where = f"indicator {spec.name}"
    if spec.takes_source:
        if len(inputs) != 1:
            raise IndicatorError(
                f"takes one source, got {', '.join(inputs) or 'none'}",
                where=where,
                code="INPUT_INVALID",
            )
        names = tuple(inputs)
    else:
        names = spec.inputs
        missing = [n for n in names if n not in inputs]
        if missing:
            raise IndicatorError(
                f"input {', '.join(missing)} is missing",
                where=where,
                hint=f"it reads {', '.join(names)}",
                code="INPUT_INVALID",
            )
    columns: list[Vector] = []
    for n in names:
        column = np.asarray(inputs[n])
        if column.dtype.kind not in "iuf" or column.ndim != 1:
            raise IndicatorError(
                f"input {n} must be one column of numbers, not {column.dtype}{column.shape}",
                where=where,
                code="INPUT_INVALID",
            )
        if columns and len(column) != len(columns[0]):
            raise IndicatorError(
                f"input {n} has {len(column)} bars, {names[0]} has {len(columns[0])}",
                where=where,
                code="INPUT_INVALID",
            )
        columns.append(np.asarray(column, dtype=np.float64))
    return columns
