"""Room for the rows of a bar, known before it is stepped: output never overflows.

A position leaves in pieces of the maximum market quantity, each with its rows; so does within the
same bar what an entry opens in it. How much an entry that has not arrived yet can open is bounded
by what the account could pay for: more is refused.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import slipped
from engine.exchange.book import limit_rests
from engine.exchange.codes import OrderKind, OrderType
from engine.exchange.layout import Param, Slot, State, Table, Term
from engine.exchange.margin import unrealised
from engine.kernel import kernel

#: Rows one bar can write to one table beside the full pieces of split exits: a month's bar holds
#: 744 hourly funding events.
_ROWS_PER_BAR = 800
#: Event rows a bar can write for each row of another table.
_EVENTS_PER_ROW = 4
#: Funding received within one bar is less than this many times the account's worth.
_FUNDING = 4.0
_TABLES = len(Table)


@kernel
def _affordable(S: Cells, P: Cells, slot: int, low: int, high: int) -> float:
    """More lots than the limit order in ``slot`` can open in a bar between ``low`` and ``high``:
    one that rests fills at its own price, any other not below ``low`` less slippage."""
    worth = float(S[State.WALLET_E8])
    if S[State.SIDE] != 0:
        best = high if S[State.SIDE] > 0 else low
        worth = (worth + max(unrealised(S, P, best), 0)) * (1.0 + _FUNDING)
    if limit_rests(S, slot):
        price = S[slot + Slot.LIMIT_UNITS]
    else:
        price = slipped(P, low, -1, P[Param.SLIPPAGE_E7])
    leverage = P[S[slot + Slot.TERMS] + Term.LEVERAGE_E2] * 0.01
    return worth * leverage / (float(price) * P[Param.VALUE_E8]) + 1.0


@kernel
def _entry_lots(S: Cells, P: Cells, low: int, high: int) -> int:
    """At least as many lots as unfinished entries can open within the bar."""
    lots = 0
    for slot in range(State.SLOTS, S[State.END], Slot.SIZE):
        if S[slot + Slot.USED] == 0 or S[slot + Slot.KIND] != OrderKind.ENTRY:
            continue
        left, kind = S[slot + Slot.LOTS] - S[slot + Slot.FILLED_LOTS], S[slot + Slot.TYPE]
        if kind == OrderType.MARKET or kind == OrderType.STOP:
            left = min(left, P[Param.MAX_LOTS])
        else:
            most = _affordable(S, P, slot, low, high)
            if float(left) > most:
                left = int(most)
        lots += left
    return lots


@kernel
def rows_needed(S: Cells, P: Cells, low: int, high: int) -> int:
    """At least as many rows as a bar between the prices ``low`` and ``high`` can write to one
    table."""
    lots = S[State.LOTS]
    if S[State.OPEN_ORDERS] > 0:
        lots += _entry_lots(S, P, low, high)
    rows = _ROWS_PER_BAR + 2 * (lots // P[Param.MAX_LOTS])
    return rows * _EVENTS_PER_ROW if S[State.EVENTS] == 1 else rows


@kernel
def rows_written(S: Cells) -> int:
    """Rows in the fullest table of the segment."""
    most = S[State.ROWS]
    for table in range(1, _TABLES):
        most = max(most, S[State.ROWS + table])
    return most


@kernel
def has_room(S: Cells, P: Cells, capacity: int, low: int, high: int) -> bool:
    """Whether a segment of ``capacity`` rows can take the rows of such a bar."""
    return rows_written(S) + rows_needed(S, P, low, high) <= capacity
