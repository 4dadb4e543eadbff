"""Drive declared structures the way the engine does, with sources found by introspection."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.indicators import compute as indicator
from engine.structures import STRUCTURES, StructureSpec, compute
from tests.engine.indicators.driving import Columns

#: Parameters under which every structure is busy on a few hundred random bars.
LIVELY: dict[str, dict[str, object]] = {
    "swing": {"left": 2, "right": 2},
    "displacement": {"body_min": 0.5, "wick_max": 2},
    "order_block": {"body_min": 0.5, "wick_max": 2},
    "breaker_block": {"within": 10},
    "rolling_window": {"size": 7},
}


@dataclass(frozen=True)
class Rows:
    """What a kernel reads: one column, or None, for each row."""

    columns: tuple[np.ndarray | None, ...]

    def cut(self, lo: int, hi: int) -> Rows:
        return Rows(tuple(None if c is None else c[lo:hi] for c in self.columns))

    @property
    def bars(self) -> int:
        return len(next(c for c in self.columns if c is not None))


def sources_of(spec: StructureSpec, columns: Columns) -> dict[str, object]:
    """Every source of ``spec``, computed from ``columns``: structures with LIVELY parameters, a
    series as the ATR, or for rolling_window as the high."""
    found: dict[str, object] = {}
    for source in spec.sources:
        if source.structure:
            of = STRUCTURES[source.structure]
            found[source.name] = compute(
                of.name, columns, sources_of(of, columns), **LIVELY.get(of.name, {})
            )
        elif source.name == "atr":
            found[source.name] = indicator("atr", columns, length=5)["value"]
        else:
            found[source.name] = columns["high"]
    return found


def rows_of(spec: StructureSpec, columns: Columns, sources: Mapping[str, object]) -> Rows:
    rows: list[np.ndarray | None] = [columns[name] for name in spec.inputs]
    for source in spec.sources:
        given = sources.get(source.name)
        if given is None:
            rows.extend([None] * (len(source.reads) or 1))
        elif source.structure:
            assert isinstance(given, Mapping)
            rows.extend(given[name] for name in source.rows(tuple(given)))
        else:
            rows.append(np.asarray(given))
    return Rows(tuple(rows))


def advance(
    spec: StructureSpec,
    params: Sequence[float],
    rows: Rows,
    *,
    cuts: Sequence[int] = (),
    first_bar: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs float64[outputs, bars] and the final state, over chunks ending at ``cuts``.

    Between chunks the state goes through bytes, and each chunk is a block of its own with foreign
    values around it and in its outputs: a kernel reads and writes only what it may, and every
    cell of its outputs.
    """
    made = len(spec.outputs(tuple(params)))
    state = np.zeros(spec.state_size(tuple(params)))
    out = np.empty((made, rows.bars))
    margin, foreign = 3, 7.0e7
    for lo, hi in itertools.pairwise([0, *sorted(cuts), rows.bars]):
        given = rows.cut(lo, hi).columns
        block = np.full((len(given) + made + 2, hi - lo + 2 * margin), foreign)
        ins = np.full(len(given), -1, dtype=np.int64)
        for row, column in enumerate(given):
            if column is not None:
                ins[row] = 1 + row
                block[1 + row, margin : margin + hi - lo] = column
        outs = np.arange(1 + len(given), 1 + len(given) + made, dtype=np.int64)
        state = np.frombuffer(state.tobytes(), dtype=np.float64).copy()
        before = block.copy()
        p = np.array(params, dtype=np.float64)
        spec.kernel(p, state, block, ins, outs, margin, margin + hi - lo, first_bar + lo)
        inside = block[1 + len(given) : 1 + len(given) + made, margin : margin + hi - lo]
        out[:, lo:hi] = inside
        inside[...] = foreign
        assert np.array_equal(block, before, equal_nan=True), "wrote outside its outputs"
    assert not (out == foreign).any(), "left a cell of its outputs unwritten"
    return out, state
