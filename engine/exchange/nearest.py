"""The nearest triggers: the prices of last, mark and index at which anything can happen.

While no bar reaches one of them nothing fires, so the step may pass over such bars. Kept per
series as the highest level "at or below" and the lowest "at or above".
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.book import limit_rests
from engine.exchange.brackets import FRESH
from engine.exchange.codes import OrderKind, OrderState, Source
from engine.exchange.layout import FAR, Param, Slot, State, Term
from engine.exchange.margin import liquidation_bounds
from engine.kernel import kernel


@kernel
def _watch(S: Cells, series: int, level: int, falls: bool) -> None:
    if falls:
        S[State.BELOW_UNITS + series] = max(S[State.BELOW_UNITS + series], level)
    else:
        S[State.ABOVE_UNITS + series] = min(S[State.ABOVE_UNITS + series], level)


@kernel
def find_nearest(S: Cells, P: Cells) -> None:
    """Bring the nearest triggers of position and resting entries up to date."""
    for series in range(3):
        S[State.BELOW_UNITS + series] = -FAR
        S[State.ABOVE_UNITS + series] = FAR
    side = S[State.SIDE]
    if side != 0:
        below, above = liquidation_bounds(S)
        S[State.BELOW_UNITS + Source.MARK] = below
        S[State.ABOVE_UNITS + Source.MARK] = above
        if S[State.BRACKETS] >= FRESH:
            term = S[State.TERMS]
            if S[State.STOP_UNITS] > 0:
                _watch(S, P[term + Term.STOP_SOURCE], S[State.STOP_UNITS], side > 0)
            for k in range(S[State.TARGET_COUNT]):
                series = Source.LAST + 0
                if S[State.TARGET_IS_MARKET + k] == 1:
                    series = P[term + Term.TARGET_SOURCE + S[State.TARGET_LEVEL + k] - 1]
                _watch(S, series, S[State.TARGET_TRIGGER_UNITS + k], side < 0)
    if S[State.OPEN_ORDERS] > 0:
        _watch_orders(S, P)


@kernel
def _watch_orders(S: Cells, P: Cells) -> None:
    beyond = P[Param.TICK_UNITS] if P[Param.TOUCH] == 0 else 0
    for slot in range(State.SLOTS, S[State.END], Slot.SIZE):
        if S[slot + Slot.USED] == 0 or S[slot + Slot.KIND] != OrderKind.ENTRY:
            continue
        side = S[slot + Slot.SIDE]
        if S[slot + Slot.STATE] == OrderState.UNTRIGGERED:
            _watch(S, S[slot + Slot.SOURCE], S[slot + Slot.TRIGGER_UNITS], side < 0)
        elif limit_rests(S, slot):
            _watch(S, Source.LAST + 0, S[slot + Slot.LIMIT_UNITS] - side * beyond, side > 0)
