"""The plan carried out: features of a play over base bars, block by block, with snapshots.

1. :meth:`Features.advance` appends a block's bars to the columns of every timeframe
   (:mod:`engine.features.aggregate`) and carries out the steps in order: compiled programs of
   expressions, indicator kernels, values carried from one timeframe to another.
2. Rules and measures are read at the clock closes (:class:`ClockBlock`).

Numbered invariant: any split of the bars into blocks gives the same bits, in outputs and in
:meth:`Features.state`; nothing in it depends on how the bars were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.bars import Bars
from engine.features.aggregate import COLUMNS, STATE_CELLS, aggregate
from engine.features.plan import FeaturePlan, Node
from engine.features.program import CODE_WIDTH, Truths, evaluate, hold, pulse
from engine.features.tracks import Track
from engine.indicators.registry import INDICATORS
from engine.timeframe import Timeframe, bar_index

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

#: Base bars taken at a time; results do not depend on it.
CAPACITY = 8192


@dataclass(frozen=True, slots=True)
class ClockBlock:
    """What the rules say at a block's ``m`` clock closes; views into columns that the next block
    overwrites.

    ``close_ms`` int64[m]; ``base_index`` int64[m], the base bar of the block that closed each;
    ``truth`` uint8[4, m] and ``alternative`` int16[4, m] by rule kind: its truth, and the first
    alternative that is true (-1: none); ``stop_of`` float64[m] and ``target_of``
    float64[targets, m]: measures in USDT, NaN where missing.
    """

    close_ms: Int64
    base_index: Int64
    truth: npt.NDArray[np.uint8]
    alternative: npt.NDArray[np.int16]
    stop_of: Float64
    target_of: Float64


@njit(cache=True)
def _rule_columns(
    T: Truths, rows: Int64, ends: Int64, lo: int, hi: int, truth: Truths, alternative: Any
) -> None:
    """Truth and first true alternative of each rule kind; a kind's rows are those of ``rows`` up
    to ``ends[kind]``, none: false."""
    begin = 0
    for kind in range(4):
        out, which = truth[kind], alternative[kind]
        for i in range(hi - lo):
            out[i] = 0
            which[i] = -1
        for place in range(ends[kind] - begin):
            row = T[rows[begin + place], lo:hi]
            for i in range(hi - lo):
                if out[i] != 2:
                    out[i] = max(out[i], row[i])
                    if row[i] == 2:
                        which[i] = place
        begin = ends[kind]


class Features:
    """Every feature of a play, advancing over its base series.

    ``capacity``: most base bars of one block; results do not depend on it.
    """

    def __init__(self, plan: FeaturePlan, capacity: int = CAPACITY) -> None:
        self.plan, self.capacity = plan, capacity
        self._rows, sizes = _place_rows(plan)
        self._tracks = {
            timeframe: Track(
                timeframe, *sizes[timeframe], history=plan.history[timeframe], capacity=capacity
            )
            for timeframe in plan.timeframes
        }
        self._clock = self._tracks[plan.clock]
        self._partial = {
            timeframe: np.zeros(STATE_CELLS)
            for timeframe in plan.timeframes
            if timeframe is not plan.base
        }
        self._kernel_states: list[Float64] = []
        self._prices = [
            (self._tracks[node.timeframe], node.name, row)
            for node, row in zip(plan.nodes, self._rows, strict=True)
            if node.kind == "price"
        ]
        self._fill_constants()
        self._steps = [self._step(group) for group in _groups(plan)]
        self._rule_rows = np.array([self._rows[i] for kind in plan.rules for i in kind], np.int64)
        self._rule_ends = np.array(list(accumulate(map(len, plan.rules))), np.int64)
        self._truth = np.zeros((4, capacity), np.uint8)
        self._alternative = np.full((4, capacity), -1, np.int16)
        self._missing = np.full(capacity, np.nan)

    # -- carrying out -------------------------------------------------------------------------

    def advance(self, bars: Bars, lo: int, hi: int) -> ClockBlock:
        """Take the base bars ``[lo, hi)``, which follow those before without a hole.

        At most ``capacity`` bars. Returns the rules' say at every clock close among them.
        """
        assert hi - lo <= self.capacity, "a block is at most as long as the columns"
        closed_by = self._extend(bars, lo, hi)
        for step in self._steps:
            step()
        return self._clock_block(closed_by)

    @property
    def ready(self) -> bool:
        """Whether every feature had the bars it needs to be defined at all: a matter of counts,
        not of values, since a feature may be undefined for good reasons (C4)."""
        needed = self.plan.warmup.ready
        return all(self._tracks[timeframe].seen >= bars for timeframe, bars in needed.items())

    @property
    def last_close_ms(self) -> int | None:
        """Close of the last base bar taken; None before the first."""
        track = self._tracks[self.plan.base]
        return int(track.close_ms[track.hi - 1]) if track.seen else None

    def values(self, closes: Int64) -> Float64:
        """Recorded series and setups at some of the block's clock closes, float64[closes, names];
        truth values are 0 and 1, missing is NaN."""
        names = self.plan.values
        out = np.empty((len(closes), len(names)))
        at = self._clock.lo + closes
        for column, node in enumerate(names.values()):
            row = self._rows[node]
            if self.plan.nodes[node].truth:
                truth = self._clock.T[row, at]
                out[:, column] = np.where(truth == 1, np.nan, truth // 2)
            else:
                out[:, column] = self._clock.F[row, at]
        return out

    def _extend(self, bars: Bars, lo: int, hi: int) -> Int64:
        """Append the bars to every timeframe; the base bars that closed the clock's, from lo."""
        base = self.plan.base
        closed_by = np.arange(hi - lo, dtype=np.int64)
        for timeframe, track in self._tracks.items():
            if timeframe is base:
                track.extend(bar_index(int(bars.open_ms[lo]), base) if hi > lo else 0, hi - lo)
                for name, row in self._columns_of(track):
                    track.F[row, track.lo : track.hi] = getattr(bars, name)[lo:hi]
                continue
            if hi == lo:
                track.extend(0, 0)
                continue
            first, columns, ended_by = aggregate(
                bars, lo, hi, base, timeframe, self._partial[timeframe]
            )
            track.extend(first, len(ended_by))
            for name, row in self._columns_of(track):
                source = track.open_ms if name == "open_ms" else columns[COLUMNS.index(name)]
                own = source[track.lo : track.hi] if name == "open_ms" else source
                track.F[row, track.lo : track.hi] = own
            if track is self._clock:
                closed_by = ended_by - lo
        return closed_by

    def _columns_of(self, track: Track) -> list[tuple[str, int]]:
        return [(name, row) for owner, name, row in self._prices if owner is track]

    def _clock_block(self, closed_by: Int64) -> ClockBlock:
        track, m = self._clock, len(closed_by)
        lo, hi = track.lo, track.hi
        truth, alternative = self._truth[:, :m], self._alternative[:, :m]
        _rule_columns(track.T, self._rule_rows, self._rule_ends, lo, hi, truth, alternative)
        plan = self.plan
        return ClockBlock(
            close_ms=track.close_ms[lo:hi],
            base_index=closed_by,
            truth=truth,
            alternative=alternative,
            stop_of=self._measure(plan.stop),
            target_of=np.array([self._measure(node) for node in plan.targets]).reshape(
                len(plan.targets), m
            ),
        )

    def _measure(self, node: int | None) -> Float64:
        lo, hi = self._clock.lo, self._clock.hi
        return self._missing[: hi - lo] if node is None else self._clock.F[self._rows[node], lo:hi]

    # -- compiling ----------------------------------------------------------------------------

    def _fill_constants(self) -> None:
        for node, row in zip(self.plan.nodes, self._rows, strict=True):
            if node.kind == "constant":
                track = self._tracks[node.timeframe]
                if node.truth:
                    track.T[row] = 2 if node.value else 0
                else:
                    track.F[row] = node.value

    def _step(self, group: list[int]) -> Callable[[], None]:
        """What carries out a group of nodes: a program, or a single kernel."""
        nodes = self.plan.nodes
        first = nodes[group[0]]
        track = self._tracks[first.timeframe]
        if first.kind == "op":
            return self._program(track, group)
        if first.kind == "indicator":
            return self._indicator(track, first, self._rows[group[0]])
        return self._carried(track, first, self._rows[group[0]])

    def _program(self, track: Track, group: list[int]) -> Callable[[], None]:
        code = np.zeros((len(group), CODE_WIDTH), np.int64)
        for at, i in enumerate(group):
            node = self.plan.nodes[i]
            operands = [self._rows[arg] for arg in node.args]
            code[at] = (node.op, self._rows[i], operands[0], operands[-1], node.n)

        def run() -> None:
            if track.hi > track.lo:
                evaluate(code, track.F, track.T, track.lo, track.hi)

        return run

    def _indicator(self, track: Track, node: Node, row: int) -> Callable[[], None]:
        spec = INDICATORS[node.name]
        kernel, params = spec.kernel, np.array(node.params, np.float64)
        state = np.zeros(spec.state_size(node.params))
        self._kernel_states.append(state)
        ins = np.array([self._rows[arg] for arg in node.args], np.int64)
        outs = np.arange(row, row + len(spec.outputs), dtype=np.int64)

        def run() -> None:
            if track.hi > track.lo:
                kernel(params, state, track.F, ins, outs, track.lo, track.hi, track.first_index)

        return run

    def _carried(self, track: Track, node: Node, row: int) -> Callable[[], None]:
        """A value of another timeframe, at this one's closes."""
        nodes = self.plan.nodes
        source = self._tracks[nodes[node.args[0]].timeframe]
        place = self._rows[node.args[0]]

        def held() -> None:
            into, taken = (track.T, source.T) if node.truth else (track.F, source.F)
            if track.hi > track.lo:
                hold(
                    source.close_ms, source.hi, taken[place], track.close_ms, into[row], track.lo,
                    track.hi,
                )  # fmt: skip

        def pulsed() -> None:
            if track.hi > track.lo:
                pulse(
                    source.close_ms, source.hi, source.T[place], track.open_ms, track.close_ms,
                    track.T[row], track.lo, track.hi,
                )  # fmt: skip

        return pulsed if node.kind == "pulse" else held

    # -- state --------------------------------------------------------------------------------

    def state(self) -> list[bytes]:
        """Everything later bars depend on, piece by piece, the same however the bars were cut."""
        pieces: list[bytes] = []
        for track in self._tracks.values():
            pieces.append(np.int64(track.seen).tobytes())
            pieces.extend(_canonical(column) for column in track.tail())
        pieces.extend(_canonical(state) for state in self._partial.values())
        pieces.extend(_canonical(state) for state in self._kernel_states)
        return pieces

    def restore(self, pieces: list[bytes]) -> None:
        """Go on from a :meth:`state` of the same plan."""
        left = iter(pieces)
        for track in self._tracks.values():
            track.seen = int(np.frombuffer(next(left), np.int64)[0])
            track.lo = track.hi = track.history
            for column in track.tail():
                column[...] = np.frombuffer(next(left), column.dtype).reshape(column.shape)
        for state in (*self._partial.values(), *self._kernel_states):
            state[...] = np.frombuffer(next(left), np.float64)


def _canonical(column: npt.NDArray[Any]) -> bytes:
    """Bytes of a column; every NaN alike."""
    if column.dtype == np.float64:
        column = np.where(column != column, np.nan, column)
    return column.tobytes()


def _place_rows(plan: FeaturePlan) -> tuple[list[int], dict[Timeframe, tuple[int, int]]]:
    """The row of each node in its timeframe's columns, and ``[numbers, truths]`` per timeframe."""
    sizes = {timeframe: [0, 0] for timeframe in plan.timeframes}
    rows: list[int] = []
    for node in plan.nodes:
        size = sizes[node.timeframe]
        if node.kind == "output":
            rows.append(rows[node.args[0]] + node.n)
            continue
        rows.append(size[node.truth])
        size[node.truth] += len(INDICATORS[node.name].outputs) if node.kind == "indicator" else 1
    return rows, {timeframe: (numbers, truths) for timeframe, (numbers, truths) in sizes.items()}


def _groups(plan: FeaturePlan) -> Iterable[list[int]]:
    """Nodes in an order in which each finds what it reads; operations of one timeframe that can
    follow each other stand together, everything else alone."""
    nodes = plan.nodes
    inputs = {"price", "constant"}
    done = {i for i, node in enumerate(nodes) if node.kind in inputs}
    waiting = [i for i in range(len(nodes)) if i not in done]
    while waiting:
        program: list[int] = []
        alone: list[int] = []
        for i in waiting:
            node = nodes[i]
            if not done.issuperset(node.args):
                continue
            if node.kind != "op":
                alone.append(i)
            elif not program or node.timeframe is nodes[program[0]].timeframe:
                program.append(i)
                done.add(i)
        if program:
            yield program
        for i in alone:
            done.add(i)
            if nodes[i].kind != "output":
                yield [i]
        waiting = [i for i in waiting if i not in done]
