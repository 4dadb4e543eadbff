"""Drives the compiled exchange over a run: state, output segments, the end of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import EngineError, LedgerError
from engine.exchange.codes import Status
from engine.exchange.curve import EquityCurve
from engine.exchange.exits import close_at_end
from engine.exchange.layout import FAR, ROW_WIDTH, WIDTHS, Slot, State, Table
from engine.exchange.prices import PriceColumns
from engine.exchange.room import rows_needed
from engine.exchange.step import BROKEN, FULL, finish, step_block
from engine.exchange.terms import Terms
from engine.exchange.times import BarTimes
from engine.features.blocks import PositionRules
from engine.timeframe import DAY_MS

Int64 = npt.NDArray[np.int64]

#: Rows handed in at a time; results do not depend on it. No power of two: the cells of a row, a
#: column apart, would all want the same place in the cache.
SEGMENT_ROWS = 2056
#: What stays with an exchange that is drained as it goes.
_KEPT = (Table.TRADES, Table.MARKS)
#: Unfinished orders a play can have: an entry of each side, resting or on its way, and exits.
PLAY_SLOTS = 8
NO_VOLUME = np.empty(0, np.int64)


class ClockCloses(Protocol):
    """What the exchange reads of a block's clock closes (see ``engine.features.ClockBlock``)."""

    @property
    def close_ms(self) -> Int64: ...
    @property
    def base_index(self) -> Int64: ...
    @property
    def truth(self) -> npt.NDArray[np.uint8]: ...
    @property
    def alternative(self) -> npt.NDArray[np.int16]: ...
    @property
    def measures(self) -> npt.NDArray[np.float64]: ...
    @property
    def position(self) -> PositionRules: ...


def new_segment() -> Int64:
    """An empty segment: rows of every table before they are put aside."""
    return np.zeros((len(Table), ROW_WIDTH, SEGMENT_ROWS), np.int64)


def new_state(slots: int = PLAY_SLOTS) -> Int64:
    """An empty state with room for ``slots`` unfinished orders."""
    state = np.zeros(State.SLOTS + slots * Slot.SIZE, np.int64)
    state[State.END] = len(state)
    return state


@dataclass(slots=True)
class SimulatedExchange:
    """One account on one instrument, stepped block by block over fill bars.

    ``state`` is everything it knows (int64 by :class:`State`); rows it has written collect in
    ``segments`` as columns, runs of the equity curve among them (:meth:`curve`).
    ``volume_lots``: lots that may fill in each bar, empty without a participation cap.
    ``stop_ms``: when the run ended before its data, else None.
    """

    terms: Terms
    prices: PriceColumns
    times: BarTimes
    funding_ms: Int64
    funding_rate_e8: Int64
    volume_lots: Int64 = field(default_factory=lambda: NO_VOLUME)
    state: Int64 = field(default_factory=new_state)
    point_count: int = 0
    stop_ms: int | None = None
    _last_bar: int = -1
    _clock_bars: list[Int64 | range] = field(default_factory=list)
    _terminal: Int64 = field(default_factory=lambda: np.zeros(4, np.int64))
    segments: list[list[Int64]] = field(default_factory=lambda: [[] for _ in Table])
    _rows: Int64 = field(default_factory=new_segment)

    def open_account(self, equity_e8: int, since_ms: int) -> None:
        """Start with ``equity_e8`` and no position at ``since_ms``."""
        state = self.state
        for cell in (
            State.INITIAL_E8,
            State.WALLET_E8,
            State.PEAK_E8,
            State.TROUGH_E8,
            State.WORST_PEAK_E8,
            State.WORST_TROUGH_E8,
        ):
            state[cell] = equity_e8
        state[State.PEAK_MS] = since_ms
        state[State.TRADE_ID] = -1
        state[State.TRADE_DAY] = -1
        state[State.CLOSED_CLOCK] = -FAR
        state[State.LIQUIDATION_UNITS] = -1
        state[State.TRAIL_MEASURE_E8] = -1
        state[State.DAY_EQUITY_E8] = equity_e8
        state[State.DAY_END_MS] = (since_ms // DAY_MS + 1) * DAY_MS
        state[State.BELOW_UNITS : State.BELOW_UNITS + 3] = -FAR
        state[State.ABOVE_UNITS : State.ABOVE_UNITS + 3] = FAR

    @property
    def status(self) -> Status:
        """How the run stands."""
        return Status(int(self.state[State.STATUS]))

    def step(self, first: int, last: int, clock: ClockCloses, clock_from: int) -> Int64:
        """Step the fill bars ``[first, last)``; ``clock.base_index`` counts from ``first``.

        Clock closes before ``clock_from`` are warm-up. Returns the decisions made, int64[d, :] by
        ``DecisionRow``, with ``CLOCK_INDEX`` a row of ``clock``; the next step overwrites
        them. A run that has ended before takes no more bars.
        """
        if self.stop_ms is not None:
            return np.empty((0, WIDTHS[Table.DECISIONS]), np.int64)
        made: list[Int64] = []
        prices, times = self.prices, self.times
        begun = self._count(Table.DECISIONS)
        at, j, rules = 0, clock_from, clock.position
        while at < last - first and self.stop_ms is None:
            reached, j = step_block(
                self.state, self.terms.params, self._rows, times.open_ms, times.close_ms,
                prices.open, prices.high, prices.low, prices.close,
                prices.mark_open, prices.mark_high, prices.mark_low, prices.mark_close,
                prices.index_open, prices.index_high, prices.index_low, prices.index_close,
                self.volume_lots, self.funding_ms, self.funding_rate_e8,
                clock.close_ms, clock.base_index, clock.truth, clock.alternative, clock.measures,
                self.terms.scales,
                rules.code, rules.F, rules.T, rules.lo, rules.fields, rules.rows, rules.ends,
                rules.kinds, first, last, at, j, self.point_count - clock_from, times.bar_ms,
            )  # fmt: skip
            if reached == BROKEN:
                raise LedgerError("the account does not add up, or a bar had no room for its rows")
            if reached == FULL:
                raise EngineError("more unfinished orders than the exchange keeps", code="ORDERS")
            if self.state[State.STATUS] >= Status.STOPPED_DRAWDOWN:
                self.stop_ms = int(self.state[State.STOPPED_MS])
            elif reached < last - first:
                made.append(self._segment(Table.DECISIONS)[begun:].copy())
                begun = 0
                if not self._take_rows() and reached == at:
                    self._widen(first + reached)
            at = reached
        made.append(self._segment(Table.DECISIONS)[begun:])
        self._last_bar = first + at - 1
        self.point_count += j - clock_from
        every = j - clock_from == at  # each bar closes a clock bar
        bars = range(first, first + at) if every else clock.base_index[clock_from:j] + first
        self._clock_bars.append(bars)
        decisions = np.concatenate(made) if len(made) > 1 else made[0]
        if self.state[State.ROWS : State.ROWS + len(Table)].max() > SEGMENT_ROWS // 2:
            self._take_rows()
        return decisions

    def finish(self, until_ms: int, *, close: bool) -> None:
        """End of data at ``until_ms``, or of the run before it: close the position if asked to,
        write the last point."""
        ended = until_ms if self.stop_ms is None else self.stop_ms
        self._take_rows()
        last_close = int(self.prices.close[self._last_bar])
        last_mark = int(self.prices.mark_close[self._last_bar])
        if close and self.state[State.SIDE] != 0:
            self._widen(self._last_bar)
            close_at_end(self.state, self.terms.params, self._rows, ended, last_close)
            self._take_rows()
        if not finish(
            self.state,
            self.terms.params,
            self._rows,
            self._terminal,
            self.point_count,
            ended,
            last_mark,
        ):
            raise LedgerError("initial + gross - fees + funding is not the final wallet")
        self._take_rows()
        self.point_count += 1

    def curve(self) -> EquityCurve:
        """Equity from the first bar stepped to the end."""
        every = all(isinstance(bars, range) for bars in self._clock_bars)
        bars = None if every else np.concatenate([np.asarray(b) for b in self._clock_bars])
        return EquityCurve(
            runs=np.ascontiguousarray(self.rows(Table.MARKS)),
            mark_usdt=self.prices.mark_close_usdt,
            scale=10.0**self.prices.decimals,
            times=self.times,
            clock_bars=bars,
            initial_e8=int(self.state[State.INITIAL_E8]),
            terminal=self._terminal,
        )

    def rows(self, table: Table) -> Int64:
        """Every row written to ``table``, int64[rows, WIDTHS[table]], each column in one piece."""
        self._take_rows()
        parts = self.segments[table]
        if len(parts) != 1:
            # In the place of its parts, so that rows are not held twice.
            parts[:] = [np.concatenate([np.empty((WIDTHS[table], 0), np.int64), *parts], axis=1)]
        return parts[0].T

    def drain(self) -> None:
        """Keep no rows but trades and the runs of the equity curve; the segment is free for
        another's."""
        for table in Table:
            if table not in _KEPT:
                self.segments[table].clear()
            elif self._count(table):
                self.segments[table].append(self._segment(table).T.copy())
        self.state[State.ROWS : State.ROWS + len(Table)] = 0

    def _segment(self, table: Table) -> Int64:
        """The rows of ``table`` in the current segment."""
        return self._rows[table, : WIDTHS[table], : self._count(table)].T

    def _count(self, table: Table) -> int:
        """Rows of ``table`` in the current segment."""
        return int(self.state[State.ROWS + table])

    def _take_rows(self) -> bool:
        """Put the current segment aside for an empty one; whether anything was in it."""
        counts = self.state[State.ROWS : State.ROWS + len(Table)]
        if not counts.any():
            return False
        for table, count in enumerate(counts.tolist()):
            if count:
                self.segments[table].append(self._segment(Table(table)).T.copy())
        counts[:] = 0
        return True

    def _widen(self, bar: int) -> None:
        """Make the segment large enough for ``bar``, however many pieces close in it."""
        low, high = int(self.prices.low[bar]), int(self.prices.high[bar])
        need = rows_needed(self.state, self.terms.params, low, high)
        if need > self._rows.shape[2]:
            self._rows = np.zeros((len(Table), ROW_WIDTH, need + SEGMENT_ROWS), np.int64)
