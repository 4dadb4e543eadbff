"""One fill bar with events: its open, its path, its close. This is the specification.

Numbered as the requirement has it: 1 open (funding, exits due, the gap check, new orders), 2 path
(three continuous legs O > X1 > X2 > C), 3 close. Jumps exist only at the open.
"""

from __future__ import annotations

from numba import njit

from engine.exchange.account import charge_funding
from engine.exchange.brackets import (
    RESTING,
    WAITING,
    activate_brackets,
    fire_stop,
    fire_target,
    stop_met,
    target_met,
)
from engine.exchange.layout import Param, State
from engine.exchange.orders import entry_arrives, exit_arrives


@njit(cache=True)
def visit(S, price):
    """The last price has been at ``price`` while the position was held."""
    if price < S[State.LOW_UNITS]:
        S[State.LOW_UNITS] = price
    if price > S[State.HIGH_UNITS]:
        S[State.HIGH_UNITS] = price


@njit(cache=True)
def open_bar(S, P, rows, ts, next_ms, opened, mark_open, mark_before, fund_ms, fund_rate):
    """1. Everything that happens at the open, in its order. ``mark_before`` is the last mark
    close, charged for a funding instant that lies inside the bar."""
    at = S[State.NEXT_FUNDING]
    while at < len(fund_ms) and fund_ms[at] < next_ms:
        if S[State.SIDE] != 0 and fund_ms[at] >= ts:
            mark = mark_open if fund_ms[at] == ts else mark_before
            charge_funding(S, P, rows, fund_ms[at], mark, fund_rate[at])
        at += 1
    S[State.NEXT_FUNDING] = at
    if S[State.EXIT_DUE] == 1:
        visit(S, opened)
        exit_arrives(S, P, rows, ts, opened)
    if S[State.SIDE] != 0:
        visit(S, opened)
        if S[State.BRACKETS] == RESTING:
            if stop_met(S, opened):
                fire_stop(S, P, rows, ts, opened)
            elif target_met(S, opened):
                fire_target(S, P, rows, ts, opened, False)
        elif S[State.BRACKETS] == WAITING:
            activate_brackets(S, P, rows, ts, opened)
    if S[State.ENTRY_DUE] != 0:
        entry_arrives(S, P, rows, ts, opened)


@njit(cache=True)
def _leg(S, P, rows, ts, end):
    """Move the last price to ``end`` without a jump; the bracket it meets on the way fires."""
    if S[State.SIDE] == 0:
        return
    if S[State.BRACKETS] == RESTING:
        if stop_met(S, end):
            visit(S, S[State.STOP_UNITS])
            fire_stop(S, P, rows, ts, S[State.STOP_UNITS])
            return
        if target_met(S, end):
            visit(S, S[State.TARGET_TRIGGER_UNITS])
            fire_target(S, P, rows, ts, S[State.TARGET_TRIGGER_UNITS], False)
            return
    visit(S, end)


@njit(cache=True)
def _walk(S, P, rows, ts, first, second, close):
    """2. The path from the open over both extremes to the close."""
    _leg(S, P, rows, ts, first)
    _leg(S, P, rows, ts, second)
    _leg(S, P, rows, ts, close)


@njit(cache=True)
def walk_bar(S, P, rows, ts, opened, high, low, close):
    """2. ``ohlc`` takes the low first when the bar closes at or above its open. ``pessimistic``
    runs the bar both ways from the same state and keeps the lower equity at the close; ties, and
    bars in which only one bracket can be met (both ways end alike), go low first."""
    if S[State.SIDE] == 0:
        return
    if P[Param.PESSIMISTIC] == 0:
        if close >= opened:
            _walk(S, P, rows, ts, low, high, close)
        else:
            _walk(S, P, rows, ts, high, low, close)
        return
    both = (
        S[State.BRACKETS] == RESTING
        and (stop_met(S, low) or stop_met(S, high))
        and (target_met(S, high) or target_met(S, low))
    )
    if not both:
        _walk(S, P, rows, ts, low, high, close)
        return
    before = S.copy()
    _walk(S, P, rows, ts, high, low, close)
    # With both brackets within the bar, either way ends flat: the wallet is the equity.
    high_first = S[State.WALLET_E8]
    S[:] = before
    _walk(S, P, rows, ts, low, high, close)
    if high_first < S[State.WALLET_E8]:
        S[:] = before
        _walk(S, P, rows, ts, high, low, close)
