"""Equity at fill-bar closes: peak, trough, drawdown, and the points at clock closes."""

from __future__ import annotations

from engine.exchange.codes import EventKind
from engine.exchange.drawdown import drawdown_passed
from engine.exchange.events import note
from engine.exchange.guards import after_bar, guarded
from engine.exchange.layout import Param, State
from engine.kernel import kernel


@kernel
def _new_peak(S, equity, ts):
    """Equity has a new peak at ``ts``: the drawdown before it is over."""
    close_drawdown(S, ts)
    S[State.PEAK_E8] = equity
    S[State.TROUGH_E8] = equity


@kernel
def close_drawdown(S, ts):
    """Compare the drawdown since the peak with the worst; a peak's time is its last one."""
    peak, trough = S[State.PEAK_E8], S[State.TROUGH_E8]
    if trough < peak:
        S[State.LONGEST_DRAWDOWN_MS] = max(S[State.LONGEST_DRAWDOWN_MS], ts - S[State.PEAK_MS])
        worst = S[State.WORST_PEAK_E8] - S[State.WORST_TROUGH_E8]
        if float(peak - trough) / float(peak) > float(worst) / float(S[State.WORST_PEAK_E8]):
            S[State.WORST_PEAK_E8] = peak
            S[State.WORST_TROUGH_E8] = trough


@kernel
def mark_bar(S, equity, ts):
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
def point(S, rows, points, at, equity, ts):
    """Write an equity point: time, equity, peak so far, signed lots."""
    note(S, rows, ts, EventKind.EQUITY, at)
    points[0, at] = ts
    points[1, at] = equity
    points[2, at] = S[State.PEAK_E8]
    points[3, at] = S[State.SIDE] * S[State.LOTS]


@kernel
def stretch(S, P, rows, mark, close_of, clock_ms, base_index, points, at, end, j, base_point):
    """Mark bars ``[at, end)`` to market, on which nothing fills; returns the next clock index, the
    next bar (before ``end`` where the drawdown limit is passed), and whether the book had room."""
    if guarded(P) or S[State.EVENTS] == 1:
        return _guarded_stretch(
            S, P, rows, mark, close_of, clock_ms, base_index, points, at, end, j, base_point
        )
    side, lots = S[State.SIDE], S[State.LOTS]
    S[State.BARS_SEEN] += end - at
    m = len(base_index)
    first = j
    if side == 0:
        equity = S[State.WALLET_E8]
        mark_bar(S, equity, close_of[end - 1])
        peak = S[State.PEAK_E8]
        while j < m and base_index[j] < end:
            points[0, base_point + j] = clock_ms[j]
            points[1, base_point + j] = equity
            points[2, base_point + j] = peak
            points[3, base_point + j] = 0
            j += 1
        S[State.CLOCKS] += j - first
        return j, end, True
    S[State.BARS_HELD] += end - at
    per_unit = side * lots * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - side * S[State.COST_E8]
    for i in range(at, end):
        equity = fixed + per_unit * mark[i]
        if equity < S[State.PEAK_E8]:
            if equity < S[State.TROUGH_E8]:
                S[State.TROUGH_E8] = equity
        else:
            mark_bar(S, equity, close_of[i])
        if j < m and base_index[j] == i:
            points[0, base_point + j] = clock_ms[j]
            points[1, base_point + j] = equity
            points[2, base_point + j] = S[State.PEAK_E8]
            points[3, base_point + j] = side * lots
            j += 1
    S[State.TRADE_BARS] += j - first
    S[State.CLOCKS] += j - first
    return j, end, True


@kernel
def _guarded_stretch(
    S, P, rows, mark, close_of, clock_ms, base_index, points, at, end, j, base_point
):
    """As :func:`stretch`, with the limits on equity looked at after every bar."""
    side, lots, m = S[State.SIDE], S[State.LOTS], len(base_index)
    per_unit = side * lots * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - side * S[State.COST_E8]
    for i in range(at, end):
        equity = fixed + per_unit * mark[i]
        mark_bar(S, equity, close_of[i])
        S[State.BARS_SEEN] += 1
        if side != 0:
            S[State.BARS_HELD] += 1
        fell = after_bar(S, P, equity, close_of[i])
        room = not fell or drawdown_passed(S, P, rows, close_of[i])
        if j < m and base_index[j] == i:
            point(S, rows, points, base_point + j, equity, clock_ms[j])
            if side != 0:
                S[State.TRADE_BARS] += 1
            S[State.CLOCKS] += 1
            j += 1
        if fell:
            return j, i + 1, room
    return j, end, True
