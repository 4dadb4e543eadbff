"""The equity curve: kept as runs of fill bars over which the account stands still, written out bar
by bar only when somebody asks for it.

Between two events equity at a bar's close is ``fixed + per_unit x mark``; a run is a row of
:class:`~engine.exchange.layout.MarkRow`. Runs follow each other without a hole from the first
bar stepped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.exchange.layout import MarkRow
from engine.exchange.prices import unit_of
from engine.exchange.times import BarTimes
from engine.jit import njit
from engine.timeframe import DAY_MS

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_FIRST, _END, _FIXED = int(MarkRow.FIRST_BAR), int(MarkRow.END_BAR), int(MarkRow.FIXED_E8)
_PER_UNIT, _LOTS = int(MarkRow.PER_UNIT_E8), int(MarkRow.LOTS)

_NO_BARS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class EquityColumns:
    """One cell for each clock close and one for the end of the run, in order.

    ``ts_ms`` int64[n] epoch ms; ``equity_e8`` int64[n] 1e-8 USDT and ``equity_usdt`` float64[n];
    ``drawdown_pct`` float64[n], from the peak of all fill-bar closes so far; ``position_lots``
    int64[n] signed and ``position_qty`` float64[n] base units.
    """

    ts_ms: Int64
    equity_usdt: Float64
    equity_e8: Int64
    drawdown_pct: Float64
    position_qty: Float64
    position_lots: Int64


@dataclass(frozen=True, eq=False)
class EquityCurve:
    """``runs`` int64[k, :] by ``MarkRow``; ``mark_usdt`` float64[n] mark closes, each a whole
    number of ``1 / scale`` (the dataset's: the run's own price columns need not outlive it), and
    ``times`` of all fill bars; ``clock_bars`` int64[m]: the fill bars that close a clock bar, None
    when every bar stepped does; ``initial_e8`` equity before the first bar; ``terminal`` int64[4]:
    time, equity, peak and signed lots at the end."""

    runs: Int64
    mark_usdt: Float64
    scale: float
    times: BarTimes
    clock_bars: Int64 | None
    initial_e8: int
    terminal: Int64

    @property
    def final_e8(self) -> int:
        """Equity at the end."""
        return int(self.terminal[1])

    def columns(self, lot: tuple[int, int]) -> EquityColumns:
        """Written out; ``lot``: base units of one lot as a fraction."""
        n = self._points() + 1
        # One piece of memory: the system gives it in large pages, and takes it back at once.
        cells = np.empty((6, n))
        found = EquityColumns(
            ts_ms=cells[0].view(np.int64),
            equity_usdt=cells[1],
            equity_e8=cells[2].view(np.int64),
            drawdown_pct=cells[3],
            position_qty=cells[4],
            position_lots=cells[5].view(np.int64),
        )
        self._write_times(found.ts_ms[:-1])
        found.ts_ms[-1] = self.terminal[0]
        bars, every = self.clock_bars, self.clock_bars is None
        _write(
            self.runs, self.mark_usdt, self.scale, _NO_BARS if bars is None else bars, every,
            self.initial_e8, self.terminal, lot[0], lot[1],
            found.equity_usdt, found.equity_e8, found.drawdown_pct, found.position_qty,
            found.position_lots,
        )  # fmt: skip
        return found

    def _points(self) -> int:
        """How many clock bars closed."""
        if self.clock_bars is not None:
            return len(self.clock_bars)
        return int(self.runs[-1, _END] - self.runs[0, _FIRST]) if len(self.runs) else 0

    def _write_times(self, out: Int64) -> None:
        """Closes of the clock bars, into ``out``."""
        bars: slice | Int64 = slice(0)
        if self.clock_bars is not None:
            bars = self.clock_bars
        elif len(self.runs):
            bars = slice(int(self.runs[0, _FIRST]), int(self.runs[-1, _END]))
        self.times.write_closes(bars, out)

    def at_midnights(self) -> Int64:
        """Equity (1e-8 USDT) at successive 00:00 UTC from the first to the last point, each that of
        the last point at or before it."""
        closes, ended = np.empty(self._points(), np.int64), int(self.terminal[0])
        self._write_times(closes)
        first = int(closes[0]) if len(closes) else ended
        moments = np.arange(-(-first // DAY_MS), ended // DAY_MS + 1, dtype=np.int64) * DAY_MS
        found = np.full(len(moments), self.final_e8, np.int64)
        within = moments < ended
        if not within.any():
            return found
        at = np.searchsorted(closes, moments[within], side="right") - 1
        bars = self.runs[0, _FIRST] + at if self.clock_bars is None else self.clock_bars[at]
        run = self.runs[np.searchsorted(self.runs[:, _FIRST], bars, side="right") - 1]
        marks = [unit_of(usdt, self.scale) for usdt in self.mark_usdt[bars].tolist()]
        found[within] = run[:, _FIXED] + run[:, _PER_UNIT] * np.array(marks, np.int64)
        return found


@njit(cache=True, error_model="numpy")
def _write(
    runs: Int64, mark: Float64, scale: float, clock_bars: Int64, every: bool,
    initial: int, terminal: Int64, numerator: int, denominator: int,
    usdt: Float64, e8: Int64, drawdown: Float64, qty: Float64, lots: Int64,
) -> None:  # fmt: skip
    """One pass over the runs; the peak is that of every bar, cells are written at clock closes."""
    peak, k, n = initial, 0, len(e8) - 1
    for r in range(len(runs)):
        first, end, fixed = runs[r, _FIRST], runs[r, _END], runs[r, _FIXED]
        per_unit, held = runs[r, _PER_UNIT], runs[r, _LOTS]
        size = held * numerator / denominator
        if per_unit == 0:
            peak = max(peak, fixed)
            to = k + end - first
            if not every:
                to = k
                while to < n and clock_bars[to] < end:
                    to += 1
            money, below = fixed / 1e8, 100.0 * (peak - fixed) / peak
            for j in range(np.uint64(k), np.uint64(to)):
                usdt[j] = money
                e8[j] = fixed
                drawdown[j] = below
                qty[j] = size
                lots[j] = held
            k = to
            continue
        if every:
            out = np.uint64(k)
            for i in range(np.uint64(first), np.uint64(end)):
                equity = fixed + per_unit * unit_of(mark[i], scale)
                peak = max(peak, equity)
                usdt[out] = equity / 1e8
                e8[out] = equity
                drawdown[out] = 100.0 * (peak - equity) / peak
                qty[out] = size
                lots[out] = held
                out += np.uint64(1)
            k += end - first
            continue
        for i in range(first, end):
            equity = fixed + per_unit * unit_of(mark[i], scale)
            peak = max(peak, equity)
            if k < n and clock_bars[k] == i:
                usdt[k] = equity / 1e8
                e8[k] = equity
                drawdown[k] = 100.0 * (peak - equity) / peak
                qty[k] = size
                lots[k] = held
                k += 1
    equity, peak = terminal[1], terminal[2]
    usdt[n] = equity / 1e8
    e8[n] = equity
    drawdown[n] = 100.0 * (peak - equity) / peak
    qty[n] = terminal[3] * numerator / denominator
    lots[n] = terminal[3]
