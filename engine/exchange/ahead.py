"""How far a stretch may reach: to the first bar or clock close at which anything can happen.

Loops over whole windows count without a sign: an index that might be negative keeps the compiler
from looking at many bars at once.
"""

from __future__ import annotations

import numpy as np

from engine.cells import Cells
from engine.exchange.book import next_expiry
from engine.exchange.brackets import follows_measure
from engine.exchange.layout import FAR, Param, State
from engine.kernel import Float64, Int32, Int64, UInt8, kernel
from engine.measures import Measure

#: Bars looked at before the other conditions of a stretch are looked at again.
WINDOW = 128


@kernel
def next_due(S: Cells, P: Cells, truth: UInt8, measures: Float64, at: int, end: int) -> int:
    """First clock index in ``[at, end)`` whose close must be looked at: rules that act on this
    position, a limit of time, an expiry, a cancel; else ``end``."""
    side = S[State.SIDE]
    if P[Param.MAX_BARS] > 0 and side != 0:
        end = min(end, at + max(P[Param.MAX_BARS] - S[State.TRADE_BARS], 1) - 1)
    if S[State.OPEN_ORDERS] > 0:
        end = min(end, at + max(next_expiry(S) - S[State.CLOCKS], 1) - 1)
        if P[Param.CANCELS] == 1:
            for j in range(at, end):
                longs, shorts = measures[Measure.CANCEL_LONG, j], measures[Measure.CANCEL_SHORT, j]
                if longs == 2.0 or shorts == 2.0:
                    end = j
                    break
    if side > 0:
        return _first_true(truth, 0, 0, at, end) if P[Param.EXITS_LONG] > 0 else end
    if side < 0:
        return _first_true(truth, 1, 1, at, end) if P[Param.EXITS_SHORT] > 0 else end
    return _first_true(truth, 2, 3, at, end)


@kernel
def _first_true(truth: UInt8, kind: int, other: int, at: int, end: int) -> int:
    """First index in ``[at, end)`` at which one of two rule kinds is true, else ``end``: looked
    for in pieces, whole pieces reduced first."""
    while at < end:
        to = min(at + WINDOW, end)
        some = np.uint8(0)
        for j in range(np.uint64(at), np.uint64(to)):
            some |= (truth[np.uint64(kind), j] | truth[np.uint64(other), j]) & np.uint8(2)
        if some:
            for j in range(at, to):
                if truth[kind, j] == 2 or truth[other, j] == 2:
                    return j
        at = to
    return end


@kernel
def first_touch(
    S: Cells,
    high: Int32,
    low: Int32,
    mark_high: Int32,
    mark_low: Int32,
    index_high: Int32,
    index_low: Int32,
    at: int,
    end: int,
) -> int:
    """First bar in ``[at, end)`` that can meet anything; the bars before it are visited. Whole
    windows are reduced first, then the window that touches is searched."""
    if S[State.BELOW_UNITS + 1] > -FAR or S[State.ABOVE_UNITS + 1] < FAR:
        end = _first_beyond(
            mark_high, mark_low, S[State.BELOW_UNITS + 1], S[State.ABOVE_UNITS + 1], at, end
        )
    if S[State.BELOW_UNITS + 2] > -FAR or S[State.ABOVE_UNITS + 2] < FAR:
        end = _first_beyond(
            index_high, index_low, S[State.BELOW_UNITS + 2], S[State.ABOVE_UNITS + 2], at, end
        )
    if end == at:
        return at
    below, above = S[State.BELOW_UNITS], S[State.ABOVE_UNITS]
    least, most = low[at], high[at]
    for i in range(np.uint64(at), np.uint64(end)):
        least = min(least, low[i])
        most = max(most, high[i])
    if least <= below or most >= above:
        least, most = FAR, -FAR
        for i in range(at, end):
            if low[i] <= below or high[i] >= above:
                end = i
                break
            least = min(least, low[i])
            most = max(most, high[i])
    if S[State.SIDE] != 0:
        S[State.LOW_UNITS] = min(S[State.LOW_UNITS], least)
        S[State.HIGH_UNITS] = max(S[State.HIGH_UNITS], most)
        extreme = most if S[State.SIDE] > 0 else least
        if S[State.SIDE] * (extreme - S[State.EXTREME_UNITS]) > 0:
            S[State.EXTREME_UNITS] = extreme
    return end


@kernel
def until_tighter(
    S: Cells, P: Cells, high: Int32, low: Int32, base_index: Int64, at: int, end: int, j: int
) -> int:
    """Where a stretch from ``at`` must end because the stop can move at that bar's close: with the
    first new peak, or, under a trail by a measure, with the next clock close."""
    if follows_measure(S, P) and j < len(base_index):
        end = min(end, base_index[j] + 1)
    peak = S[State.EXTREME_UNITS]
    if S[State.SIDE] > 0:
        return min(end, _first_beyond(high, low, -FAR, peak + 1, at, end) + 1)
    return min(end, _first_beyond(high, low, peak - 1, FAR, at, end) + 1)


@kernel
def _first_beyond(high: Int32, low: Int32, below: int, above: int, at: int, end: int) -> int:
    least, most = low[at], high[at]
    for i in range(np.uint64(at), np.uint64(end)):
        least = min(least, low[i])
        most = max(most, high[i])
    if least > below and most < above:
        return end
    for i in range(at, end):
        if low[i] <= below or high[i] >= above:
            return i
    return end
