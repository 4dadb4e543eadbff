"""A plan laid out in columns, and what carries it out step by step.

Every node has a row in the columns of its timeframe; operations of one timeframe that can follow
each other are one compiled program, everything else is a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.features.late import BEGIN, BEGIN_TRUTH, MEMORY
from engine.features.memory import (
    NUMBER_WINDOWS,
    Memory,
    remember_numbers,
    remember_truths,
    state_cells,
)
from engine.features.plan import FeaturePlan, Node
from engine.features.program import CODE_WIDTH, THREE_OPERANDS, evaluate, hold, pulse
from engine.features.tracks import Track
from engine.indicators.registry import spec_of
from engine.structures.registry import STRUCTURES
from engine.timeframe import Timeframe

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


class PlanSteps:
    """The columns of ``plan``, blocks of at most ``capacity`` base bars, and its steps in order;
    each computes the new bars of its timeframe."""

    def __init__(self, plan: FeaturePlan, capacity: int) -> None:
        self.plan, self.capacity = plan, capacity
        self._rows, sizes = place_rows(plan)
        self._tracks = {
            timeframe: Track(
                timeframe, *sizes[timeframe], history=plan.history[timeframe], capacity=capacity
            )
            for timeframe in plan.timeframes
        }
        self._clock = self._tracks[plan.clock]
        self._kernel_states: list[Float64] = []
        self._fill_constants()
        self._steps = [self._step(group) for group in _groups(plan)]

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
