"""The plan carried out: features of a play over base bars, block by block, with snapshots.

1. :meth:`Features.advance` appends a block's bars to the columns of every timeframe
   (:mod:`engine.features.aggregate`) and carries out the steps in order: compiled programs of
   expressions, indicator kernels, values carried from one timeframe to another.
2. Rules and measures are read at the clock closes (:class:`ClockBlock`).

Numbered invariant: any split of the bars into blocks gives the same bits, in outputs and in
:meth:`Features.state`; nothing in it depends on how the bars were cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.errors import ConfigError
from engine.features.aggregate import COLUMNS, STATE_CELLS, aggregate, aggregate_total
from engine.features.blocks import POSITION_FIELDS, ClockBlock, PositionRules, Scratch
from engine.features.late import evaluate_late
from engine.features.plan import FeaturePlan
from engine.features.program import (
    rule_columns,
)
from engine.features.steps import PlanSteps
from engine.features.tracks import Track
from engine.timeframe import DAY_MS, HOUR_MS, bar_index

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

#: Columns that times alone state.
_CALENDAR = ("open_ms", "hour", "weekday")

#: Base bars taken at a time; results do not depend on it.
CAPACITY = 8192


class Features(PlanSteps):
    """Every feature of a play, advancing over its base series.

    ``capacity``: most base bars of one block; results do not depend on it.
    """

    def __init__(self, plan: FeaturePlan, capacity: int = CAPACITY) -> None:
        super().__init__(plan, capacity)
        self._partial = {
            timeframe: np.zeros(STATE_CELLS)
            for timeframe in plan.timeframes
            if timeframe is not plan.base
        }
        self._totals = {timeframe: np.zeros(2) for timeframe in self._partial}
        self._prices = [
            (self._tracks[node.timeframe], node.name, row)
            for node, row in zip(plan.nodes, self._rows, strict=True)
            if node.kind == "price"
        ]
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
