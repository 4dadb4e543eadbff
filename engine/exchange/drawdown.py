"""The limit of drawdown: entries stop, the position leaves, and the run ends."""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.book import cancel_entries, cancel_exits
from engine.exchange.codes import Cause, Reason, Status
from engine.exchange.exits import request_exit
from engine.exchange.layout import Param, Slot, State
from engine.exchange.margin import E8
from engine.exchange.rounding import mul_div_ceil
from engine.kernel import Int32, kernel


@kernel
def until_drawdown(S: Cells, P: Cells, mark: Int32, at: int, end: int) -> int:
    """Where a stretch of ``[at, end)`` must end: with the first bar after which equity, marked at
    its close, has fallen from its peak by the limit."""
    limit = P[Param.MAX_DRAWDOWN_E8]
    if limit == 0 or S[State.SIDE] == 0:
        return end
    per_unit = S[State.SIDE] * S[State.LOTS] * P[Param.VALUE_E8]
    fixed = S[State.WALLET_E8] - S[State.SIDE] * S[State.COST_E8]
    peak = S[State.PEAK_E8]
    fall = mul_div_ceil(peak, limit, E8)
    for i in range(at, end):
        equity = fixed + per_unit * mark[i]
        if equity > peak:
            peak = equity
            fall = mul_div_ceil(peak, limit, E8)
        elif peak - equity >= fall:
            return i + 1
    return end


@kernel
def drawdown_passed(S: Cells, P: Cells, rows: Cells, ts: int) -> bool:
    """The drawdown limit is passed at ``ts``: entries stop, the position leaves at the next open.
    Returns whether the book had room."""
    if S[State.STATUS] != Status.COMPLETED:
        return True
    cancel_entries(S, rows, ts, 0, Cause.DRAWDOWN)
    S[State.STATUS] = Status.STOPPED_DRAWDOWN
    S[State.STOPPED_MS] = ts
    if S[State.SIDE] == 0:
        return True
    S[State.STATUS] = Status.DRAWDOWN_DUE
    cancel_exits(S, rows, ts, Cause.DRAWDOWN)
    slot = request_exit(S, P, rows, ts, E8, Reason.DRAWDOWN, -1)
    if slot >= 0:
        # The limit is the account's own: no latency stands before it.
        S[slot + Slot.ARRIVE_MS] = ts
    return slot >= 0
