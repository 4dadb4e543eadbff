"""Limits on trading: drawdown, loss of a day, trades of a day, cooldown, time in position.

All of them only keep entries from being decided or ask for an exit: exits are never gated.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.layout import Param, State
from engine.exchange.margin import E8
from engine.exchange.rounding import mul_div_ceil
from engine.kernel import kernel
from engine.timeframe import DAY_MS


@kernel
def guarded(P: Cells) -> bool:
    """Whether equity must be looked at on every bar."""
    return P[Param.MAX_DRAWDOWN_E8] > 0 or P[Param.DAILY_LOSS_E8] > 0


@kernel
def after_bar(S: Cells, P: Cells, equity: int, ts: int) -> bool:
    """After a fill bar that closed at ``ts``: note the day's loss; whether equity has fallen from
    its peak by the drawdown limit."""
    loss = P[Param.DAILY_LOSS_E8]
    if loss > 0:
        if ts >= S[State.DAY_END_MS]:
            S[State.DAY_END_MS] = (ts // DAY_MS + 1) * DAY_MS
            S[State.DAY_EQUITY_E8] = equity
            S[State.DAY_LOST] = 0
        elif S[State.DAY_EQUITY_E8] - equity >= mul_div_ceil(S[State.DAY_EQUITY_E8], loss, E8):
            S[State.DAY_LOST] = 1
    limit = P[Param.MAX_DRAWDOWN_E8]
    if limit == 0:
        return False
    peak = S[State.PEAK_E8]
    return peak - equity >= mul_div_ceil(peak, limit, E8)


@kernel
def entry_allowed(S: Cells, P: Cells, ts: int, leaves: bool) -> bool:
    """Whether an entry may be decided at the clock close ``ts``; ``leaves``: the same decision
    closes the position, so that its cooldown begins now."""
    if S[State.DAY_LOST] == 1 and P[Param.DAILY_LOSS_E8] > 0:
        return False
    if P[Param.COOLDOWN] > 0 and (
        leaves or S[State.CLOCKS] - S[State.CLOSED_CLOCK] <= P[Param.COOLDOWN]
    ):
        return False
    most = P[Param.MAX_TRADES_PER_DAY]
    return most == 0 or S[State.TRADE_DAY] != ts // DAY_MS or S[State.DAY_TRADES] < most
