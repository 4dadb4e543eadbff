"""The compiled exchange over a block of fill bars: from event to event.

Numbered invariants:

1. State is one flat int64 array; stepping block after block, cut anywhere, gives the same bits.
2. A bar on which anything can happen to an order takes the careful path (:mod:`path`), which is
   the specification; the stretch between such bars only marks to market.
3. Output never overflows: before a bar that writes rows the room is checked, and the step stops at
   that bar's boundary until more is handed in. Every cell of a row that is written is written.
4. ``initial + gross - fees + funding == wallet`` and ``wallet >= 0`` after every careful bar.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.exchange.account import unrealised
from engine.exchange.brackets import RESTING, WAITING
from engine.exchange.layout import DecisionRow, Param, State, Table
from engine.exchange.orders import request_entry, request_exit
from engine.exchange.path import open_bar, walk_bar
from engine.rules import CONFLICT, ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, decide

#: Bars looked at before the other conditions of a stretch are looked at again.
WINDOW = 64
#: Rows one bar can write to one table beside the pieces of split exits: a month's bar holds 744
#: hourly funding events.
ROWS_PER_BAR = 800

BROKEN = -1


@njit(cache=True)
def bar_at(open_ms, ts, lo):
    """Index of the first bar at or after ``lo`` that opens after ``ts``, by bisection."""
    hi = len(open_ms)
    while lo < hi:
        mid = (lo + hi) // 2
        if open_ms[mid] <= ts:
            lo = mid + 1
        else:
            hi = mid
    return lo


@njit(cache=True)
def _next_decision(truth, side, at, end):
    """First clock index in ``[at, end)`` whose rules make a position of ``side`` act; else
    ``end``."""
    if side > 0:
        for j in range(at, end):
            if truth[0, j] == 2:
                return j
    elif side < 0:
        for j in range(at, end):
            if truth[1, j] == 2:
                return j
    else:
        for j in range(at, end):
            if truth[2, j] == 2 or truth[3, j] == 2:
                return j
    return end


@njit(cache=True)
def _first_touch(S, high, low, at, end):
    """First bar in ``[at, end)`` that can meet the stop or the target; the bars before it are
    visited. Whole windows are reduced first, then the window that touches is searched."""
    side = S[State.SIDE]
    below, above = -(1 << 40), 1 << 40
    if S[State.BRACKETS] == RESTING:
        stop, target = S[State.STOP_UNITS], S[State.TARGET_UNITS]
        if side > 0:
            below = stop if stop > 0 else below
            above = S[State.TARGET_TRIGGER_UNITS] if target > 0 else above
        else:
            above = stop if stop > 0 else above
            below = S[State.TARGET_TRIGGER_UNITS] if target > 0 else below
    least, most = low[at], high[at]
    for i in range(at, end):
        least = min(least, low[i])
        most = max(most, high[i])
    if least <= below or most >= above:
        least, most = S[State.LOW_UNITS], S[State.HIGH_UNITS]
        for i in range(at, end):
            if low[i] <= below or high[i] >= above:
                end = i
                break
            least = min(least, low[i])
            most = max(most, high[i])
    S[State.LOW_UNITS] = min(S[State.LOW_UNITS], least)
    S[State.HIGH_UNITS] = max(S[State.HIGH_UNITS], most)
    return end


@njit(cache=True)
def _new_peak(S, equity, ts):
    """Equity has a new peak at ``ts``: the drawdown before it is over."""
    _close_drawdown(S, ts)
    S[State.PEAK_E8] = equity
    S[State.TROUGH_E8] = equity


@njit(cache=True)
def _close_drawdown(S, ts):
    """Compare the drawdown since the peak with the worst; a peak's time is its last one."""
    peak, trough = S[State.PEAK_E8], S[State.TROUGH_E8]
    if trough < peak:
        S[State.LONGEST_DRAWDOWN_MS] = max(S[State.LONGEST_DRAWDOWN_MS], ts - S[State.PEAK_MS])
        worst = S[State.WORST_PEAK_E8] - S[State.WORST_TROUGH_E8]
        if float(peak - trough) / float(peak) > float(worst) / float(S[State.WORST_PEAK_E8]):
            S[State.WORST_PEAK_E8] = peak
            S[State.WORST_TROUGH_E8] = trough


@njit(cache=True)
def _mark_bar(S, equity, ts):
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


@njit(cache=True)
def _point(S, points, at, equity, ts):
    """Write an equity point: time, equity, peak so far, signed lots."""
    points[0, at] = ts
    points[1, at] = equity
    points[2, at] = S[State.PEAK_E8]
    points[3, at] = S[State.SIDE] * S[State.LOTS]


@njit(cache=True)
def _stretch(S, P, mark, close_of, clock_ms, base_index, points, at, end, j, base_point):
    """Mark bars ``[at, end)`` to market, on which nothing fills; returns the next clock index."""
    side, lots = S[State.SIDE], S[State.LOTS]
    S[State.BARS_SEEN] += end - at
    m = len(base_index)
    if side == 0:
        equity = S[State.WALLET_E8]
        _mark_bar(S, equity, close_of[end - 1])
        peak = S[State.PEAK_E8]
        while j < m and base_index[j] < end:
            points[0, base_point + j] = clock_ms[j]
            points[1, base_point + j] = equity
            points[2, base_point + j] = peak
            points[3, base_point + j] = 0
            j += 1
        return j
    S[State.BARS_HELD] += end - at
    per_unit = side * lots * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - side * S[State.COST_E8]
    first = j
    for i in range(at, end):
        equity = fixed + per_unit * mark[i]
        if equity < S[State.PEAK_E8]:
            if equity < S[State.TROUGH_E8]:
                S[State.TROUGH_E8] = equity
        else:
            _mark_bar(S, equity, close_of[i])
        if j < m and base_index[j] == i:
            points[0, base_point + j] = clock_ms[j]
            points[1, base_point + j] = equity
            points[2, base_point + j] = S[State.PEAK_E8]
            points[3, base_point + j] = side * lots
            j += 1
    S[State.TRADE_BARS] += j - first
    return j


@njit(cache=True)
def _decide(S, P, rows, ts, j, truth, alternative, stop_of, target_of, scales, close, mark):
    """The rules at clock close ``j``: record what fires, and queue it for the next open."""
    action = decide(S[State.SIDE], truth[0, j], truth[1, j], truth[2, j], truth[3, j])
    if action == 0:
        return
    at = S[State.ROWS + Table.DECISIONS]
    row = rows[Table.DECISIONS]
    row[at, DecisionRow.TS_MS] = ts
    row[at, DecisionRow.ACTION] = action
    for k in range(4):
        row[at, DecisionRow.RULES + k] = alternative[k, j]
    row[at, DecisionRow.CLOCK_INDEX] = j
    S[State.ROWS + Table.DECISIONS] = at + 1
    if action & (EXIT_LONG | EXIT_SHORT):
        request_exit(S, ts, alternative[0 if action & EXIT_LONG else 1, j])
    if action & CONFLICT == 0 and action & (ENTER_LONG | ENTER_SHORT):
        side = 1 if action & ENTER_LONG else -1
        rule = alternative[2 if side > 0 else 3, j]
        request_entry(
            S, P, ts, side, rule, close, mark, stop_of[j] * scales[0], target_of[0, j] * scales[1]
        )


@njit(cache=True)
def _room(S, P, rows):
    """Whether the segment can take any one bar's rows."""
    pieces = (S[State.LOTS] + P[Param.MAX_LOTS] - 1) // P[Param.MAX_LOTS]
    need = ROWS_PER_BAR + 2 * pieces
    capacity = rows.shape[1]
    most = S[State.ROWS]
    for table in range(1, 5):
        most = max(most, S[State.ROWS + table])
    return most + need <= capacity


@njit(cache=True)
def _holds(S):
    """The accounting identity, and a wallet that is not negative."""
    total = S[State.INITIAL_E8] + S[State.GROSS_E8] - S[State.FEES_E8] + S[State.FUNDING_E8]
    return total == S[State.WALLET_E8] and S[State.WALLET_E8] >= 0


@njit(cache=True)
def step_block(
    S, P, rows, points,
    open_ms, opened, high, low, close, mark_open, mark, close_of, mark_before,
    fund_ms, fund_rate,
    clock_ms, base_index, truth, alternative, stop_of, target_of, scales,
    at, j, base_point,
):  # fmt: skip
    """Step the fill bars ``[at, n)`` of a block; returns ``(next bar, next clock index)``.

    Columns of the block: ``open_ms close_of`` int64[n] epoch ms (open and close of each bar),
    ``opened high low close mark_open mark`` int32[n] units (``mark`` is the mark's close),
    ``mark_before`` the mark close before the block. Funding: int64[f] times and rates of the whole
    run. Clock closes in the block: ``clock_ms base_index`` int64[m], ``truth`` uint8[4, m],
    ``alternative`` int16[4, m], ``stop_of`` float64[m] and ``target_of`` float64[1, m] in USDT
    (times ``scales`` float64[2]: measures in units). ``points`` int64[4, :] takes clock close ``j``
    at ``base_point + j``. Returns before ``n`` when ``rows`` has no room
    left (hand in more and call again), and ``BROKEN`` as next bar if invariant 4 fails.
    """
    n, m = len(opened), len(base_index)
    while at < n:
        if not _room(S, P, rows):
            return at, j
        side = S[State.SIDE]
        careful = S[State.EXIT_DUE] == 1 or S[State.ENTRY_DUE] != 0 or S[State.BRACKETS] == WAITING
        if not careful:
            end = min(at + WINDOW, n)
            if side == 0:
                # Nothing touches a flat account: look as far as the rules stay silent.
                due = _next_decision(truth, 0, j, m)
                end = base_index[due] + 1 if due < m else n
            else:
                event = S[State.NEXT_FUNDING]
                if event < len(fund_ms) and fund_ms[event] < close_of[end - 1]:
                    end = bar_at(open_ms, fund_ms[event], at) - 1
                if end > at:
                    due = j
                    leave = 0 if side > 0 else 1
                    while due < m and base_index[due] < end and truth[leave, due] != 2:
                        due += 1
                    if due < m and base_index[due] < end:
                        end = base_index[due] + 1
                    end = _first_touch(S, high, low, at, end)
            if end > at:
                j = _stretch(
                    S, P, mark, close_of, clock_ms, base_index, points, at, end, j, base_point
                )
                at = end
                if j > 0 and base_index[j - 1] == at - 1:
                    _decide(
                        S, P, rows, clock_ms[j - 1], j - 1, truth, alternative, stop_of,
                        target_of, scales, np.int64(close[at - 1]), np.int64(mark[at - 1]),
                    )  # fmt: skip
                continue
        ts = open_ms[at]
        first, last = np.int64(opened[at]), np.int64(close[at])
        before = np.int64(mark[at - 1]) if at > 0 else mark_before
        open_bar(
            S, P, rows, ts, close_of[at], first, np.int64(mark_open[at]), before, fund_ms,
            fund_rate,
        )  # fmt: skip
        walk_bar(S, P, rows, ts, first, np.int64(high[at]), np.int64(low[at]), last)
        if not _holds(S):
            return BROKEN, j
        equity = S[State.WALLET_E8] + unrealised(S, P, np.int64(mark[at]))
        _mark_bar(S, equity, close_of[at])
        S[State.BARS_SEEN] += 1
        if S[State.SIDE] != 0:
            S[State.BARS_HELD] += 1
        if j < m and base_index[j] == at:
            _point(S, points, base_point + j, equity, clock_ms[j])
            if S[State.SIDE] != 0:
                S[State.TRADE_BARS] += 1
            _decide(
                S, P, rows, clock_ms[j], j, truth, alternative, stop_of, target_of, scales, last,
                np.int64(mark[at]),
            )  # fmt: skip
            j += 1
        at += 1
    return at, j


@njit(cache=True)
def finish(S, P, points, at, ts, mark):
    """The terminal point at ``ts``, the identity, and the end of the last drawdown."""
    equity = S[State.WALLET_E8] + unrealised(S, P, mark)
    _mark_bar(S, equity, ts)
    _point(S, points, at, equity, ts)
    _close_drawdown(S, ts)
    return _holds(S)
