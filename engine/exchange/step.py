"""The compiled exchange over a block of fill bars: from event to event.

Numbered invariants:

1. State is one flat int64 array; stepping block after block, cut anywhere, gives the same bits.
2. A bar on which anything can happen to an order or the position takes the careful path
   (:mod:`path`), which is the specification; the stretch between such bars only marks to market.
3. Output never overflows: before a bar that writes rows the room is checked, and the step stops at
   that bar's boundary until more is handed in. Every cell of a row that is written is written.
4. ``initial + gross - fees + funding == wallet``, ``wallet >= 0``, no brackets and no margin
   without a position, after every careful bar.
"""

from __future__ import annotations

import numpy as np

from engine.cells import Cells
from engine.exchange.ahead import WINDOW, first_touch, next_due, until_tighter
from engine.exchange.book import cancel_entries, expire_entries
from engine.exchange.brackets import NONE, WAITING, tighten, tightens
from engine.exchange.codes import Cause, EventKind, Reason, Status
from engine.exchange.drawdown import drawdown_passed, until_drawdown
from engine.exchange.events import note
from engine.exchange.exits import request_exit
from engine.exchange.guards import after_bar, entry_allowed, guarded
from engine.exchange.layout import DecisionRow, Param, State, Table
from engine.exchange.leg import SCRATCH
from engine.exchange.margin import E8, unrealised
from engine.exchange.marking import close_drawdown, mark_bar, mark_run, stretch
from engine.exchange.nearest import find_nearest
from engine.exchange.path import CLOSE, HIGH, LOW, OPEN, open_bar, walk_bar
from engine.exchange.position_rules import judge_position
from engine.exchange.requests import request_entry
from engine.exchange.room import has_room, rows_written
from engine.exchange.times import time_of
from engine.jit import Fitted, njit
from engine.kernel import Float64, Int16, Int32, Int64, UInt8, kernel, wide
from engine.measures import Measure, measure_e8
from engine.rules import CONFLICT, ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, decide
from engine.search import clock_at, first_above

BROKEN, FULL = -1, -2


@kernel
def _at_clock_close(
    S: Cells,
    P: Cells,
    rows: Cells,
    ts: int,
    j: int,
    truth: UInt8,
    alternative: Int16,
    measures: Float64,
    scales: Float64,
    close: int,
    mark: int,
) -> bool:
    """At a clock close: cancels, the limit of time, then what the rules make of it.
    Returns whether the book had room for what was asked."""
    if S[State.OPEN_ORDERS] > 0 and P[Param.CANCELS] == 1:
        if measures[Measure.CANCEL_LONG, j] == 2.0:
            cancel_entries(S, rows, ts, 1, Cause.RULE)
        if measures[Measure.CANCEL_SHORT, j] == 2.0:
            cancel_entries(S, rows, ts, -1, Cause.RULE)
    if S[State.STATUS] != Status.COMPLETED:
        return True
    side = S[State.SIDE]
    action = decide(side, truth[0, j], truth[1, j], truth[2, j], truth[3, j])
    if side != 0:
        action = _exit_part(S, P, j, action, alternative)
    if action & (ENTER_LONG | ENTER_SHORT) and not entry_allowed(S, P, ts, side != 0):
        action &= EXIT_LONG | EXIT_SHORT
    if action == 0:
        return _too_long(S, P, rows, ts)
    _record(S, rows, ts, j, action, alternative)
    if action & (EXIT_LONG | EXIT_SHORT):
        kind = 0 if action & EXIT_LONG else 1
        rule = alternative[kind, j]
        if request_exit(S, P, rows, ts, P[exit_close(P, kind, rule)], Reason.EXIT_RULE, rule) < 0:
            return False
    if action & CONFLICT == 0 and action & (ENTER_LONG | ENTER_SHORT):
        side = 1 if action & ENTER_LONG else -1
        rule = alternative[2 if side > 0 else 3, j]
        return request_entry(S, P, rows, ts, side, rule, close, mark, measures, scales, j)
    return _too_long(S, P, rows, ts)


@kernel
def exit_close(P: Cells, kind: int, rule: int) -> int:
    """Where ``P`` holds the fraction that alternative ``rule`` of an exit rule closes."""
    return P[Param.EXITS] + P[Param.EXITS_LONG] * kind + rule


@kernel
def _exit_part(S: Cells, P: Cells, j: int, action: int, alternative: Int16) -> int:
    """What is left of an action when an exit closes only a part: it fires once per position, and
    nothing enters beside it; nothing is asked for twice while an exit is on its way."""
    if action & (EXIT_LONG | EXIT_SHORT) == 0:
        return action
    if S[State.EXITS_DUE] > 0:
        return 0
    kind = 0 if action & EXIT_LONG else 1
    at = exit_close(P, kind, alternative[kind, j])
    if P[at] == E8:
        return action
    bit = 1 << min(at - P[Param.EXITS], 62)
    if S[State.PARTIAL_EXITS] & bit:
        return 0
    S[State.PARTIAL_EXITS] |= bit
    return action & (EXIT_LONG | EXIT_SHORT)


@kernel
def _too_long(S: Cells, P: Cells, rows: Cells, ts: int) -> bool:
    """The time stop: a position held for the limit leaves at the next open."""
    if (
        P[Param.MAX_BARS] > 0
        and S[State.SIDE] != 0
        and S[State.EXITS_DUE] == 0
        and S[State.TRADE_BARS] >= P[Param.MAX_BARS]
    ):
        return request_exit(S, P, rows, ts, E8, Reason.MAX_BARS, -1) >= 0
    return True


@kernel
def _record(S: Cells, rows: Cells, ts: int, j: int, action: int, alternative: Int16) -> None:
    """Write the decision's row."""
    at = S[State.ROWS + Table.DECISIONS]
    rows[Table.DECISIONS, DecisionRow.TS_MS, at] = ts
    rows[Table.DECISIONS, DecisionRow.ACTION, at] = action
    for k in range(4):
        rows[Table.DECISIONS, DecisionRow.RULES + k, at] = alternative[k, j]
    rows[Table.DECISIONS, DecisionRow.CLOCK_INDEX, at] = j
    S[State.ROWS + Table.DECISIONS] = at + 1


@kernel
def _judged(S: Cells, judged: Int64) -> bool:
    """Whether the exit rule of the position reads the position."""
    side = S[State.SIDE]
    return side != 0 and judged[0 if side > 0 else 1] == 1


@kernel
def _holds(S: Cells, capacity: int) -> bool:
    """Invariants 3 and 4."""
    if rows_written(S) > capacity:
        return False
    total = S[State.INITIAL_E8] + S[State.GROSS_E8] - S[State.FEES_E8] + S[State.FUNDING_E8]
    if total != S[State.WALLET_E8] or S[State.WALLET_E8] < 0 or S[State.LOTS] < 0:
        return False
    if S[State.SIDE] == 0:
        return (
            S[State.LOTS] == 0
            and S[State.COST_E8] == 0
            and S[State.MARGIN_E8] == 0
            and S[State.BRACKETS] == NONE
        )
    return S[State.LOTS] > 0 and S[State.MARGIN_E8] >= 0


@kernel
def _trail_measure(
    S: Cells, base_index: Int64, measures: Float64, scales: Float64, at: int, j: int
) -> int:
    """The trail's distance at the last clock close at or before bar ``at``'s close."""
    if j < len(base_index) and base_index[j] == at:
        return measure_e8(measures, scales, Measure.TRAIL, j)
    if j > 0:
        return measure_e8(measures, scales, Measure.TRAIL, j - 1)
    return S[State.TRAIL_MEASURE_E8]


@kernel
def _load(
    B: Cells, series: int, i: int, opened: Int32, high: Int32, low: Int32, close: Int32
) -> None:
    B[series, OPEN] = opened[i]
    B[series, HIGH] = high[i]
    B[series, LOW] = low[i]
    B[series, CLOSE] = close[i]


@kernel
def stopped(S: Cells) -> bool:
    """Whether the run has ended before its data."""
    return S[State.STATUS] >= Status.STOPPED_DRAWDOWN


@njit(by=Fitted)
def step_block(
    S: Cells, P: Cells, rows: Cells,
    open_ms: Int64, close_of: Int64,
    opened: Int32, high: Int32, low: Int32, close: Int32,
    mark_open: Int32, mark_high: Int32, mark_low: Int32, mark: Int32,
    index_open: Int32, index_high: Int32, index_low: Int32, index: Int32,
    volume_lots: Int64, fund_ms: Int64, fund_rate: Int64,
    clock_ms: Int64, base_index: Int64, truth: UInt8, alternative: Int16,
    measures: Float64, scales: Float64,
    code: Int64, F: Float64, T: UInt8, lo: int, fields: Int64,
    rule_rows: Int64, rule_ends: Int64, judged: Int64,
    first: int, last: int, at: int, j: int, point: int, bar_ms: int,
) -> tuple[int, int]:  # fmt: skip
    """Step the fill bars ``[first + at, last)``; returns ``(next bar, next clock index)``, the bar
    counted from ``first``.

    Columns of all fill bars: ``open_ms close_of`` int64[n] epoch ms (open and close of each bar; no
    closes where bars are of one length), last, mark and index prices int32[n] units (without a
    series of their own: the last's), ``volume_lots`` int64[n] lots that may fill in each bar
    (int64[0] without a participation cap). Funding: int64[f] times and rates of the whole run.
    Clock closes of the block ``[first, last)``: ``clock_ms base_index`` int64[m] (``base_index``
    from ``first``), ``truth`` uint8[4, m],
    ``alternative`` int16[4, m], ``measures`` float64[Measure.COUNT, m] with ``scales``
    float64[2, Measure.COUNT]. ``code F T lo fields rule_rows rule_ends judged``: the rules that
    read the position (see ``engine.features.blocks.PositionRules``).
    Clock close ``j`` is point ``point + j`` of the equity curve. ``bar_ms``: how long every bar of
    the block is, 0 where their times must be looked up.

    Returns before the end when ``rows`` has no room left (hand in more and call again) or the run
    has ended (:func:`stopped`); as next bar ``BROKEN`` if invariant 4 fails, ``FULL`` if there are
    more unfinished orders than slots.
    """
    mark_before = wide(mark[first - 1]) if first > 0 else 0
    open_ms, close_of = open_ms[first:last], close_of[first:last]
    opened, high = opened[first:last], high[first:last]
    low, close = low[first:last], close[first:last]
    mark_open, mark_high = mark_open[first:last], mark_high[first:last]
    mark_low, mark = mark_low[first:last], mark[first:last]
    index_open, index_high = index_open[first:last], index_high[first:last]
    index_low, index = index_low[first:last], index[first:last]
    volume_lots = volume_lots[first:last]
    n, m = len(opened), len(base_index)
    begun = open_ms[0] if n > 0 else 0
    B, W = np.empty((3, 4), np.int64), np.empty(SCRATCH, np.int64)
    kept = np.empty(len(S), np.int64)
    while at < n and not stopped(S):
        if not has_room(S, P, rows.shape[2], wide(low[at]), wide(high[at])):
            return at, j
        side, tight = S[State.SIDE], False
        if S[State.ARRIVALS] == 0 and S[State.BRACKETS] != WAITING:
            idle = side == 0 and S[State.OPEN_ORDERS] == 0
            end = min(at + WINDOW, n)
            if idle:
                # Nothing touches a flat account: look as far as the rules stay silent.
                due = next_due(S, P, truth, measures, j, m)
                end = base_index[due] + 1 if due < m else n
                if S[State.EVENTS] == 1:
                    end = min(end, at + WINDOW)
            else:
                event = S[State.NEXT_FUNDING]
                if (
                    side != 0
                    and event < len(fund_ms)
                    and fund_ms[event] < time_of(close_of, end - 1, begun + bar_ms, bar_ms)
                ):
                    end = first_above(open_ms, fund_ms[event], at, end) - 1
                if S[State.EVENTS] == 1:
                    end = min(end, at + 1)
                if end > at:
                    until = clock_at(base_index, end - 1, j)
                    due = j if _judged(S, judged) else next_due(S, P, truth, measures, j, until)
                    if due < until:
                        end = base_index[due] + 1
                    tight = side != 0 and tightens(S, P)
                    if tight:
                        end = until_tighter(S, P, high, low, base_index, at, end, j)
                    end = until_drawdown(S, P, mark, at, end)
                    end = first_touch(
                        S, high, low, mark_high, mark_low, index_high, index_low, at, end
                    )
            if end > at:
                ended = time_of(close_of, end - 1, begun + bar_ms, bar_ms)
                if S[State.OPEN_ORDERS] > 0:
                    # A stretch ends with the close at which an entry expires.
                    clocks = S[State.CLOCKS] + clock_at(base_index, end - 1, j) - j
                    expire_entries(S, rows, ended, clocks)
                if tight:
                    stop = S[State.STOP_UNITS]
                    until = clock_at(base_index, end - 2, j)
                    tighten(
                        S, P, rows, ended,
                        _trail_measure(S, base_index, measures, scales, end - 1, until),
                    )  # fmt: skip
                    if S[State.STOP_UNITS] != stop:
                        find_nearest(S, P)
                j, at, room = stretch(
                    S, P, rows, mark, close_of, clock_ms, base_index, first, at, end, j, point,
                    begun, bar_ms,
                )  # fmt: skip
                if not room:
                    return FULL, j
                closes = j > 0 and base_index[j - 1] == at - 1
                if closes and _judged(S, judged):
                    judge_position(
                        S, P, code, F, T, lo, fields, rule_rows, rule_ends, truth, alternative,
                        j - 1, close[at - 1],
                    )  # fmt: skip
                if closes and not _at_clock_close(
                    S, P, rows, clock_ms[j - 1], j - 1, truth, alternative, measures, scales,
                    wide(close[at - 1]), wide(mark[at - 1]),
                ):  # fmt: skip
                    return FULL, j
                continue
        ts = time_of(open_ms, at, begun, bar_ms)
        closed = time_of(close_of, at, begun + bar_ms, bar_ms)
        _load(B, 0, at, opened, high, low, close)
        _load(B, 1, at, mark_open, mark_high, mark_low, mark)
        _load(B, 2, at, index_open, index_high, index_low, index)
        if P[Param.PARTICIPATION] == 1:
            S[State.VOLUME_LOTS] = volume_lots[at]
        before = wide(mark[at - 1]) if at > 0 else mark_before
        open_bar(S, P, rows, B, W, ts, closed, before, fund_ms, fund_rate)
        walk_bar(S, P, rows, B, W, kept, ts)
        if stopped(S):
            return (at + 1 if _holds(S, rows.shape[2]) else BROKEN), j
        ts = closed
        closes = j < m and base_index[j] == at
        if closes and S[State.OPEN_ORDERS] > 0:
            expire_entries(S, rows, ts, S[State.CLOCKS] + 1)
        if tightens(S, P):
            tighten(S, P, rows, ts, _trail_measure(S, base_index, measures, scales, at, j))
        find_nearest(S, P)
        if not _holds(S, rows.shape[2]):
            return BROKEN, j
        equity = S[State.WALLET_E8] + unrealised(S, P, B[1, CLOSE])
        mark_run(S, P, rows, first + at, first + at + 1)
        mark_bar(S, equity, ts)
        S[State.BARS_SEEN] += 1
        if S[State.SIDE] != 0:
            S[State.BARS_HELD] += 1
        if guarded(P) and after_bar(S, P, equity, ts) and not drawdown_passed(S, P, rows, ts):
            return FULL, j
        if closes:
            note(S, rows, clock_ms[j], EventKind.EQUITY, point + j)
            if S[State.SIDE] != 0:
                S[State.TRADE_BARS] += 1
            S[State.CLOCKS] += 1
            j += 1
        at += 1
        if closes and _judged(S, judged):
            judge_position(
                S, P, code, F, T, lo, fields, rule_rows, rule_ends, truth, alternative,
                j - 1, close[at - 1],
            )  # fmt: skip
        if closes and not stopped(S) and not _at_clock_close(
            S, P, rows, clock_ms[j - 1], j - 1, truth, alternative, measures, scales,
            B[0, CLOSE], B[1, CLOSE],
        ):  # fmt: skip
            return FULL, j
    if m > 0:
        S[State.TRAIL_MEASURE_E8] = measure_e8(measures, scales, Measure.TRAIL, m - 1)
    return at, j


@kernel
def finish(
    S: Cells, P: Cells, rows: Cells, terminal: Int64, which: int, ts: int, mark: int
) -> bool:
    """The terminal point at ``ts``, number ``which``, into ``terminal`` (int64[4]: time, equity,
    peak, signed lots); the identity, and the end of the last drawdown. Where the data end before
    the open at which a drawdown stop leaves, the run is stopped all the same."""
    if S[State.STATUS] == Status.DRAWDOWN_DUE:
        S[State.STATUS] = Status.STOPPED_DRAWDOWN
    equity = S[State.WALLET_E8] + unrealised(S, P, mark)
    mark_bar(S, equity, ts)
    note(S, rows, ts, EventKind.EQUITY, which)
    terminal[0] = ts
    terminal[1] = equity
    terminal[2] = S[State.PEAK_E8]
    terminal[3] = S[State.SIDE] * S[State.LOTS]
    close_drawdown(S, ts)
    return _holds(S, rows.shape[2])
