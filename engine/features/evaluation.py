"""The plan carried out: features of a play over base bars, block by block, with snapshots.

1. :meth:`Features.advance` appends a block's bars to the columns of every timeframe
   (:mod:`engine.features.aggregate`) and carries out the steps in order: compiled programs of
   expressions, indicator kernels, values carried from one timeframe to another.
2. Rules and measures are read at the clock closes (:class:`ClockBlock`).

Numbered invariant: any split of the bars into blocks gives the same bits, in outputs and in
:meth:`Features.state`; nothing in it depends on how the bars were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.errors import ConfigError
from engine.features.aggregate import COLUMNS, STATE_CELLS, aggregate, aggregate_total
from engine.features.blocks import POSITION_FIELDS, ClockBlock, PositionRules, Scratch
from engine.features.late import BEGIN, BEGIN_TRUTH, MEMORY, evaluate_late
from engine.features.memory import (
    NUMBER_WINDOWS,
    Memory,
    remember_numbers,
    remember_truths,
    state_cells,
)
from engine.features.plan import FeaturePlan, Node
from engine.features.program import (
    CODE_WIDTH,
    THREE_OPERANDS,
    evaluate,
    hold,
    pulse,
    rule_columns,
)
from engine.features.tracks import Track
from engine.indicators.registry import spec_of
from engine.structures.registry import STRUCTURES
from engine.timeframe import DAY_MS, HOUR_MS, Timeframe, bar_index

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

#: Columns that times alone state.
_CALENDAR = ("open_ms", "hour", "weekday")

#: Base bars taken at a time; results do not depend on it.
CAPACITY = 8192


class Features:
    """Every feature of a play, advancing over its base series.

    ``capacity``: most base bars of one block; results do not depend on it.
    """

    def __init__(self, plan: FeaturePlan, capacity: int = CAPACITY) -> None:
        self.plan, self.capacity = plan, capacity
        self._rows, sizes = place_rows(plan)
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
        self._totals = {timeframe: np.zeros(2) for timeframe in self._partial}
        self._kernel_states: list[Float64] = []
        self._prices = [
            (self._tracks[node.timeframe], node.name, row)
            for node, row in zip(plan.nodes, self._rows, strict=True)
            if node.kind == "price"
        ]
        self._fill_constants()
        self._steps = [self._step(group) for group in _groups(plan)]
        self._every_bar = np.arange(capacity, dtype=np.int64)
        self._scratch = Scratch()
        self._read_rules()

    def _read_rules(self) -> None:
        """Where rules, and what of them reads the position, stand in the columns."""
        plan = self.plan
        self._rule_rows = np.array([self._rows[i] for kind in plan.rules for i in kind], np.int64)
        self._rule_ends = np.array(list(accumulate(map(len, plan.rules))), np.int64)
        self._late = [(plan.nodes[i], self._rows[i]) for i in plan.late]
        self._position = self._position_rules(plan.late)
        # Recorded values, the truths among them by their column: of those no number is read.
        named = [(self._rows[i], plan.nodes[i].truth) for i in plan.values.values()]
        self._value_rows = np.array([0 if truth else row for row, truth in named], np.int64)
        self._truth_values = [(k, row) for k, (row, truth) in enumerate(named) if truth]

    # -- carrying out -------------------------------------------------------------------------

    def advance(self, bars: Bars, lo: int, hi: int) -> ClockBlock:
        """Take the base bars ``[lo, hi)``, no hole among them, at most ``capacity``.

        If there is one before them, the slower bars it cuts are not there. Returns the rules'
        say at every clock close among them.
        """
        return self._clock_block(self._compute(bars, lo, hi))

    def _compute(self, bars: Bars, lo: int, hi: int) -> Int64:
        """Every feature of the bars; the base bars that closed the clock's, from ``lo``."""
        assert hi - lo <= self.capacity, "a block is at most as long as the columns"
        if hi > lo and self.last_close_ms not in (None, int(bars.open_ms[lo])):
            for state in (*self._partial.values(), *self._totals.values()):
                state[...] = 0.0
        closed_by = self._extend(bars, lo, hi)
        for step in self._steps:
            step()
        return closed_by

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
        at = self._clock.lo + closes
        out = self._clock.F[self._value_rows[:, None], at]
        for column, row in self._truth_values:
            truth = self._clock.T[row, at]
            out[column] = np.where(truth == 1, np.nan, truth // 2)
        return out.T

    def judge(self, block: ClockBlock, at: int, fields: Mapping[str, float]) -> None:
        """Evaluate the rules that read the position at clock close ``at`` of the block, where its
        ``fields`` are known; the block's truths of that close are written."""
        rules, column = block.position, block.position.lo + at
        for name, row in zip(POSITION_FIELDS, rules.fields.tolist(), strict=True):
            if row >= 0:
                rules.F[row, column] = fields[name]
        evaluate_late(rules.code, rules.F, rules.T, column, fields["bars"] == 1.0)
        one = slice(at, at + 1)
        rule_columns(
            rules.T,
            rules.rows,
            rules.ends,
            column,
            column + 1,
            block.truth[:, one],
            block.alternative[:, one],
        )

    def close(self, at: int) -> float:
        """The close of the block's clock bar ``at``."""
        return float(self._clock.F[self._rows[self.plan.values["close"]], self._clock.lo + at])

    def _extend(self, bars: Bars, lo: int, hi: int) -> Int64:
        """Append the bars to every timeframe; the base bars that closed the clock's, from lo."""
        base = self.plan.base
        closed_by = self._every_bar[: hi - lo]
        for timeframe, track in self._tracks.items():
            if timeframe is base:
                track.extend(bar_index(int(bars.open_ms[lo]), base) if hi > lo else 0, hi - lo)
                for name, row in self._columns_of(track):
                    own = slice(track.lo, track.hi)
                    track.F[row, own] = (
                        _calendar(name, track) if name in _CALENDAR else _column(bars, name)[lo:hi]
                    )
                continue
            if hi == lo:
                track.extend(0, 0)
                continue
            first, columns, ended_by = aggregate(
                bars, lo, hi, base, timeframe, self._partial[timeframe]
            )
            track.extend(first, len(ended_by))
            for name, row in self._columns_of(track):
                if name in _CALENDAR:
                    own_values = _calendar(name, track)
                elif name in COLUMNS:
                    own_values = columns[COLUMNS.index(name)]
                elif name == "turnover":
                    own_values = aggregate_total(
                        _column(bars, name), bars, lo, hi, base, timeframe, self._totals[timeframe]
                    )
                else:
                    own_values = _column(bars, name)[ended_by]
                track.F[row, track.lo : track.hi] = own_values
            if track is self._clock:
                closed_by = ended_by - lo
        return closed_by

    def _columns_of(self, track: Track) -> list[tuple[str, int]]:
        return [(name, row) for owner, name, row in self._prices if owner is track]

    def _clock_block(self, closed_by: Int64) -> ClockBlock:
        track, m = self._clock, len(closed_by)
        lo, hi = track.lo, track.hi
        made = self._scratch.of(m)
        for node, row in self._late:
            if node.truth:
                track.T[row, lo:hi] = 0
            else:
                track.F[row, lo:hi] = np.nan
        rule_columns(
            track.T, self._rule_rows, self._rule_ends, lo, hi, made.truth, made.alternative
        )
        self._measure(made.measures)
        if self._position.lo != lo:
            self._position = replace(self._position, lo=lo)
        return ClockBlock(
            close_ms=track.close_ms[lo:hi],
            base_index=closed_by,
            truth=made.truth,
            alternative=made.alternative,
            measures=made.measures,
            position=self._position,
        )

    def _measure(self, out: Float64) -> None:
        lo, hi = self._clock.lo, self._clock.hi
        for measure, node in self.plan.measures.items():
            truth = self.plan.nodes[node].truth
            column = self._clock.T if truth else self._clock.F
            out[measure] = column[self._rows[node], lo:hi]

    # -- compiling ----------------------------------------------------------------------------

    def _fill_constants(self) -> None:
        for node, row in zip(self.plan.nodes, self._rows, strict=True):
            if node.kind == "constant":
                if node.value != node.value:
                    raise ConfigError(
                        "the play counts in ticks, and the instrument's tick size is not known"
                    )
                track = self._tracks[node.timeframe]
                # Before history a constant is as unknown as everything else.
                if node.truth:
                    track.T[row, track.history :] = 2 if node.value else 0
                else:
                    track.F[row, track.history :] = node.value

    def _step(self, group: list[int]) -> Callable[[], None]:
        """What carries out a group of nodes: a program, or a single kernel."""
        nodes = self.plan.nodes
        first = nodes[group[0]]
        track = self._tracks[first.timeframe]
        if first.kind == "op":
            return self._program(track, group)
        if first.kind in {"indicator", "structure"}:
            return self._kernel(track, first, self._rows[group[0]])
        if first.kind == "memory":
            return self._memory(track, first, self._rows[group[0]])
        return self._carried(track, first, self._rows[group[0]])

    def _position_rules(self, late: tuple[int, ...]) -> PositionRules:
        nodes = self.plan.nodes
        fields = np.full(len(POSITION_FIELDS), -1, np.int64)
        for i in late:
            if nodes[i].kind == "position":
                fields[POSITION_FIELDS.index(nodes[i].name)] = self._rows[i]
        needed = [any(nodes[i].late for i in kind) for kind in self.plan.rules[:2]]
        return PositionRules(
            code=np.concatenate(
                (self._begin(), self._code([i for i in late if nodes[i].kind != "position"]))
            ),
            F=self._clock.F,
            T=self._clock.T,
            lo=self._clock.history,
            fields=fields,
            rows=self._rule_rows,
            ends=self._rule_ends,
            kinds=np.array(needed, np.int64),
        )

    def _program(self, track: Track, group: list[int]) -> Callable[[], None]:
        code = self._code(group)

        def run() -> None:
            if track.hi > track.lo:
                evaluate(code, track.F, track.T, track.lo, track.hi)

        return run

    def _begin(self) -> Int64:
        """What a position's first close finds before it."""
        code = np.zeros((len(self.plan.begin), CODE_WIDTH), np.int64)
        for at, (late, flat, bars) in enumerate(self.plan.begin):
            op = BEGIN_TRUTH if self.plan.nodes[late].truth else BEGIN
            code[at] = (op, self._rows[late], self._rows[flat], 0, bars)
        return code

    def _code(self, group: list[int]) -> Int64:
        """The program of some operations, of windows and memory too where they are late."""
        code = np.zeros((len(group), CODE_WIDTH), np.int64)
        for at, i in enumerate(group):
            node = self.plan.nodes[i]
            operands = [self._rows[arg] for arg in node.args]
            memory = node.kind == "memory"
            third = operands[2] if not memory and node.op in THREE_OPERANDS else node.n
            code[at] = (
                node.op + MEMORY * memory,
                self._rows[i],
                operands[0],
                operands[min(1, len(operands) - 1)],
                third,
            )
        return code

    def _kernel(self, track: Track, node: Node, row: int) -> Callable[[], None]:
        """An indicator or structure over all bars of its timeframe."""
        spec = spec_of(node) if node.kind == "indicator" else STRUCTURES[node.name]
        kernel, params = spec.kernel, np.array(node.params, np.float64)
        state = np.zeros(spec.state_size(node.params))
        self._kernel_states.append(state)
        ins = np.array([self._rows[arg] if arg >= 0 else -1 for arg in node.args], np.int64)
        outs = np.arange(row, row + outputs_of(node), dtype=np.int64)

        def run() -> None:
            if track.hi > track.lo:
                kernel(params, state, track.F, ins, outs, track.lo, track.hi, track.first_index)

        return run

    def _memory(self, track: Track, node: Node, row: int) -> Callable[[], None]:
        """A window over the bars before, or what was true how long ago."""
        kind, n = Memory(node.op), node.n
        state = np.zeros(state_cells(kind, n))
        self._kernel_states.append(state)
        p, q = self._rows[node.args[0]], self._rows[node.args[-1]]
        number = int(kind)  # a word of an enumeration takes the compiler's slow door at every call

        def numbers() -> None:
            if track.hi > track.lo:
                remember_numbers(
                    number, n, state, track.F, p, row, track.lo, track.hi, track.first_index
                )

        def truths() -> None:
            if track.hi > track.lo:
                remember_truths(number, n, state, track.F, track.T, p, q, row, track.lo, track.hi)

        return numbers if kind in NUMBER_WINDOWS else truths

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
        pieces.extend(_canonical(state) for state in self._totals.values())
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
        states = (*self._partial.values(), *self._totals.values(), *self._kernel_states)
        for state in states:
            state[...] = np.frombuffer(next(left), np.float64)


def _calendar(name: str, track: Track) -> Float64:
    """What the times of the track's new bars say: ``open_ms``, ``hour``, ``weekday`` (UTC)."""
    if name == "open_ms":
        return track.open_ms[track.lo : track.hi].astype(np.float64)
    close_ms = track.close_ms[track.lo : track.hi]
    # The epoch was a Thursday: day 3 of a week that begins on Monday.
    whole = close_ms // HOUR_MS % 24 if name == "hour" else (close_ms // DAY_MS + 3) % 7
    return whole.astype(np.float64)


def _column(bars: Bars, name: str) -> Float64:
    """A column of the bars; ConfigError when these have none."""
    column: Float64 | None = getattr(bars, name, None)
    if column is None:
        raise ConfigError(
            f"the play reads {name}, and the bars have none", hint="store that series first"
        )
    return column


def _canonical(column: npt.NDArray[Any]) -> bytes:
    """Bytes of a column; every NaN alike."""
    if column.dtype == np.float64:
        column = np.where(column != column, np.nan, column)
    return column.tobytes()


def place_rows(plan: FeaturePlan) -> tuple[list[int], dict[Timeframe, tuple[int, int]]]:
    """The row of each node in its timeframe's columns, and ``[numbers, truths]`` per timeframe."""
    sizes = {timeframe: [0, 0] for timeframe in plan.timeframes}
    rows: list[int] = []
    for node in plan.nodes:
        size = sizes[node.timeframe]
        if node.kind == "output":
            rows.append(rows[node.args[0]] + node.n)
            continue
        rows.append(size[node.truth])
        size[node.truth] += outputs_of(node)
    return rows, {timeframe: (numbers, truths) for timeframe, (numbers, truths) in sizes.items()}


def outputs_of(node: Node) -> int:
    """Rows a node writes."""
    if node.kind == "indicator":
        return len(spec_of(node).outputs)
    return int(node.value) if node.kind == "structure" else 1


def _groups(plan: FeaturePlan) -> Iterable[list[int]]:
    """Nodes in an order in which each finds what it reads; operations of one timeframe that can
    follow each other stand together, everything else alone."""
    nodes = plan.nodes
    inputs = {"price", "position", "constant", "missing"}
    done = {i for i, node in enumerate(nodes) if node.kind in inputs}
    waiting = [i for i, node in enumerate(nodes) if i not in done and not node.late]
    while waiting:
        program: list[int] = []
        alone: list[int] = []
        for i in waiting:
            node = nodes[i]
            if not done.issuperset(arg for arg in node.args if arg >= 0):
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
