"""Equity at fill-bar closes: peak, trough, drawdown, and the runs the curve is made of."""

from __future__ import annotations

import numpy as np

from engine.cells import Cells
from engine.exchange.codes import EventKind
from engine.exchange.drawdown import drawdown_passed
from engine.exchange.events import note
from engine.exchange.guards import after_bar, guarded
from engine.exchange.layout import MarkRow, Param, State, Table
from engine.exchange.times import time_of
from engine.kernel import Int32, Int64, kernel
from engine.search import clock_at


@kernel
def _new_peak(S: Cells, equity: int, ts: int) -> None:
    """Equity has a new peak at ``ts``: the drawdown before it is over."""
    close_drawdown(S, ts)
    S[State.PEAK_E8] = equity
    S[State.TROUGH_E8] = equity


@kernel
def close_drawdown(S: Cells, ts: int) -> None:
    """Compare the drawdown since the peak with the worst; a peak's time is its last one."""
    peak, trough = S[State.PEAK_E8], S[State.TROUGH_E8]
    if trough < peak:
        S[State.LONGEST_DRAWDOWN_MS] = max(S[State.LONGEST_DRAWDOWN_MS], ts - S[State.PEAK_MS])
        worst = S[State.WORST_PEAK_E8] - S[State.WORST_TROUGH_E8]
        if float(peak - trough) / float(peak) > float(worst) / float(S[State.WORST_PEAK_E8]):
            S[State.WORST_PEAK_E8] = peak
            S[State.WORST_TROUGH_E8] = trough


@kernel
def mark_bar(S: Cells, equity: int, ts: int) -> None:
    """Equity at a fill bar's close: peak, trough, and when the peak was last stood at."""
    if equity > S[State.PEAK_E8]:
        _new_peak(S, equity, ts)
        S[State.PEAK_MS] = ts
    elif equity == S[State.PEAK_E8]:
        if S[State.TROUGH_E8] == equity:
            S[State.PEAK_MS] = ts
        else:
            _new_peak(S, equity, ts)
            S[State.PEAK_MS] = ts
    elif equity < S[State.TROUGH_E8]:
        S[State.TROUGH_E8] = equity


@kernel
def mark_run(S: Cells, P: Cells, rows: Cells, first: int, end: int) -> None:
    """Bars ``[first, end)`` have closed with the account as it stands: they lengthen the run
    before, or begin one."""
    side, lots = S[State.SIDE], S[State.LOTS]
    per_unit = side * lots * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - side * S[State.COST_E8]
    at = S[State.ROWS + Table.MARKS]
    if at > 0:
        last = at - 1
        if (
            rows[Table.MARKS, MarkRow.END_BAR, last] == first
            and rows[Table.MARKS, MarkRow.FIXED_E8, last] == fixed
            and rows[Table.MARKS, MarkRow.PER_UNIT_E8, last] == per_unit
        ):
            rows[Table.MARKS, MarkRow.END_BAR, last] = end
            return
    rows[Table.MARKS, MarkRow.FIRST_BAR, at] = first
    rows[Table.MARKS, MarkRow.END_BAR, at] = end
    rows[Table.MARKS, MarkRow.FIXED_E8, at] = fixed
    rows[Table.MARKS, MarkRow.PER_UNIT_E8, at] = per_unit
    rows[Table.MARKS, MarkRow.LOTS, at] = side * lots
    S[State.ROWS + Table.MARKS] = at + 1


@kernel
def stretch(
    S: Cells,
    P: Cells,
    rows: Cells,
    mark: Int32,
    close_of: Int64,
    clock_ms: Int64,
    base_index: Int64,
    first: int,
    at: int,
    end: int,
    j: int,
    point: int,
    begun: int,
    bar_ms: int,
) -> tuple[int, int, bool]:
    """Mark bars ``[at, end)`` to market, on which nothing fills; returns the next clock index, the
    next bar (before ``end`` where the drawdown limit is passed), and whether the book had room.
    ``first`` is bar 0 of the block among all, which opens at ``begun``, ``point`` the number of
    its first clock close."""
    if guarded(P) or S[State.EVENTS] == 1:
        return _guarded_stretch(
            S, P, rows, mark, close_of, clock_ms, base_index, first, at, end, j, point, begun,
            bar_ms,
        )  # fmt: skip
    mark_run(S, P, rows, first + at, first + end)
    to = clock_at(base_index, end - 1, j)
    S[State.BARS_SEEN] += end - at
    S[State.CLOCKS] += to - j
    side = S[State.SIDE]
    if side == 0:
        mark_bar(S, S[State.WALLET_E8], time_of(close_of, end - 1, begun + bar_ms, bar_ms))
        return to, end, True
    S[State.BARS_HELD] += end - at
    S[State.TRADE_BARS] += to - j
    per_unit = side * S[State.LOTS] * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - side * S[State.COST_E8]
    least, most = mark[at], mark[at]
    for i in range(np.uint64(at), np.uint64(end)):
        least = min(least, mark[i])
        most = max(most, mark[i])
    best, worst = (most, least) if side > 0 else (least, most)
    if fixed + per_unit * best < S[State.PEAK_E8]:
        S[State.TROUGH_E8] = min(S[State.TROUGH_E8], fixed + per_unit * worst)
        return to, end, True
    for i in range(at, end):
        ts = time_of(close_of, i, begun + bar_ms, bar_ms)
        mark_bar(S, fixed + per_unit * mark[i], ts)
    return to, end, True


@kernel
def _guarded_stretch(
    S: Cells,
    P: Cells,
    rows: Cells,
    mark: Int32,
    close_of: Int64,
    clock_ms: Int64,
    base_index: Int64,
    first: int,
    at: int,
    end: int,
    j: int,
    point: int,
    begun: int,
    bar_ms: int,
) -> tuple[int, int, bool]:
    """As :func:`stretch`, with the limits on equity looked at after every bar."""
    side, lots, m = S[State.SIDE], S[State.LOTS], len(base_index)
    per_unit = side * lots * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - side * S[State.COST_E8]
    for i in range(at, end):
        mark_run(S, P, rows, first + i, first + i + 1)
        equity = fixed + per_unit * mark[i]
        ts = time_of(close_of, i, begun + bar_ms, bar_ms)
        mark_bar(S, equity, ts)
        S[State.BARS_SEEN] += 1
        if side != 0:
            S[State.BARS_HELD] += 1
        fell = after_bar(S, P, equity, ts)
        room = not fell or drawdown_passed(S, P, rows, ts)
        if j < m and base_index[j] == i:
            note(S, rows, clock_ms[j], EventKind.EQUITY, point + j)
            if side != 0:
                S[State.TRADE_BARS] += 1
            S[State.CLOCKS] += 1
            j += 1
        if fell:
            return j, i + 1, room
    return j, end, True
