"""The orders that are not finished: entries on their way or resting, exits on their way.

Each has a slot in the state, found by scanning; ids rise, so the lower id is the older order.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import order_row
from engine.exchange.codes import EventKind, OrderKind, OrderState, OrderType, Refusal
from engine.exchange.events import check_transition, emit, order_event
from engine.exchange.layout import EventRow, OrderRow, Param, Slot, State, Table
from engine.kernel import kernel

NO_SLOT = -1
#: Never: an order without expiry.
NEVER = 1 << 60


@kernel
def new_slot(S: Cells) -> int:
    """Offset of a free slot, now used, with the next order id; ``NO_SLOT`` when all are taken."""
    for at in range(State.SLOTS, S[State.END], Slot.SIZE):
        if S[at + Slot.USED] == 0:
            for cell in range(Slot.SIZE):
                S[at + cell] = 0
            S[at + Slot.USED] = 1
            S[at + Slot.ID] = S[State.NEXT_ORDER]
            S[at + Slot.LIMIT_UNITS] = -1
            S[at + Slot.TRIGGER_UNITS] = -1
            S[at + Slot.ACCEPTED_MS] = -1
            S[at + Slot.TRIGGERED_MS] = -1
            S[at + Slot.EXPIRE_CLOCK] = NEVER
            S[State.NEXT_ORDER] += 1
            S[State.OPEN_ORDERS] += 1
            return at
    return NO_SLOT


@kernel
def send(S: Cells, P: Cells, rows: Cells, ts: int, slot: int) -> None:
    """The order in ``slot`` is decided at ``ts`` and arrives after the latency."""
    S[slot + Slot.STATE] = OrderState.NEW
    S[slot + Slot.NEW_MS] = ts
    S[slot + Slot.ARRIVE_MS] = ts + P[Param.LATENCY_MS]
    S[State.ARRIVALS] += 1
    if S[slot + Slot.KIND] == OrderKind.EXIT:
        S[State.EXITS_DUE] += 1
    _slot_event(S, rows, ts, slot, -1)


@kernel
def _slot_event(S: Cells, rows: Cells, ts: int, slot: int, cause: int) -> None:
    order_event(
        S, rows, ts, S[slot + Slot.ID], S[slot + Slot.KIND], 0, S[slot + Slot.STATE],
        S[slot + Slot.LOTS], S[slot + Slot.LIMIT_UNITS], S[slot + Slot.TRIGGER_UNITS], cause,
    )  # fmt: skip


@kernel
def go(S: Cells, rows: Cells, ts: int, slot: int, state: int) -> None:
    """The order goes to a state that is not final."""
    check_transition(S[slot + Slot.STATE], state)
    S[slot + Slot.STATE] = state
    if state == OrderState.ACCEPTED:
        S[slot + Slot.ACCEPTED_MS] = ts
    elif state == OrderState.TRIGGERED:
        S[slot + Slot.TRIGGERED_MS] = ts
    _slot_event(S, rows, ts, slot, -1)


@kernel
def end(
    S: Cells, rows: Cells, ts: int, slot: int, state: int, cause: int, refusal: int, trade: int
) -> None:
    """The order comes to its end: its row, its reserve given back, its slot free."""
    check_transition(S[slot + Slot.STATE], state)
    if S[slot + Slot.ACCEPTED_MS] < 0:
        S[State.ARRIVALS] -= 1
        if S[slot + Slot.KIND] == OrderKind.EXIT:
            S[State.EXITS_DUE] -= 1
    S[slot + Slot.STATE] = state
    at = order_row(
        S, rows, S[slot + Slot.ID], trade, S[slot + Slot.KIND], S[slot + Slot.SIDE],
        S[slot + Slot.LOTS], S[slot + Slot.REFERENCE_UNITS], S[slot + Slot.LIMIT_UNITS],
        S[slot + Slot.NEW_MS], S[slot + Slot.ACCEPTED_MS], S[slot + Slot.TRIGGERED_MS], ts,
    )  # fmt: skip
    rows[Table.ORDERS, OrderRow.STATE, at] = state
    rows[Table.ORDERS, OrderRow.REFUSAL, at] = refusal
    S[State.REFUSED + refusal] += refusal != Refusal.NONE
    rows[Table.ORDERS, OrderRow.CAUSE, at] = cause
    rows[Table.ORDERS, OrderRow.RULE, at] = S[slot + Slot.RULE]
    rows[Table.ORDERS, OrderRow.FILLED_LOTS, at] = S[slot + Slot.FILLED_LOTS]
    rows[Table.ORDERS, OrderRow.TYPE, at] = S[slot + Slot.TYPE]
    rows[Table.ORDERS, OrderRow.TIF, at] = S[slot + Slot.TIF]
    rows[Table.ORDERS, OrderRow.TRIGGER_UNITS, at] = S[slot + Slot.TRIGGER_UNITS]
    _slot_event(S, rows, ts, slot, cause)
    if refusal != Refusal.NONE and S[State.EVENTS] == 1:
        rows[Table.EVENTS, EventRow.REFUSAL, S[State.ROWS + Table.EVENTS] - 1] = refusal
        emit(
            S, rows, ts, EventKind.REFUSAL, S[slot + Slot.ID], S[slot + Slot.KIND], 0, -1, 0, -1,
            -1, -1, refusal,
        )  # fmt: skip
    S[State.RESERVED_E8] -= S[slot + Slot.RESERVE_E8]
    S[State.OPEN_ORDERS] -= 1
    S[slot + Slot.USED] = 0


@kernel
def accept(S: Cells, rows: Cells, ts: int, slot: int) -> None:
    """The order has arrived and passed its checks."""
    S[State.ARRIVALS] -= 1
    if S[slot + Slot.KIND] == OrderKind.EXIT:
        S[State.EXITS_DUE] -= 1
    go(S, rows, ts, slot, OrderState.ACCEPTED)


@kernel
def next_arrival(S: Cells, ts: int, kind: int, after: int) -> int:
    """Slot of the order of ``kind`` with the lowest id above ``after`` that has arrived by
    ``ts``; ``NO_SLOT`` without one."""
    best, best_id = NO_SLOT, NEVER
    for at in range(State.SLOTS, S[State.END], Slot.SIZE):
        if (
            S[at + Slot.USED] == 1
            and S[at + Slot.KIND] == kind
            and S[at + Slot.ACCEPTED_MS] < 0
            and S[at + Slot.ARRIVE_MS] <= ts
            and after < S[at + Slot.ID] < best_id
        ):
            best, best_id = at, S[at + Slot.ID]
    return best


@kernel
def oldest(S: Cells, after: int) -> int:
    """Slot of the entry with the lowest id above ``after``; ``NO_SLOT`` without one."""
    best, best_id = NO_SLOT, NEVER
    for at in range(State.SLOTS, S[State.END], Slot.SIZE):
        if (
            S[at + Slot.USED] == 1
            and S[at + Slot.KIND] == OrderKind.ENTRY
            and after < S[at + Slot.ID] < best_id
        ):
            best, best_id = at, S[at + Slot.ID]
    return best


@kernel
def cancel(S: Cells, rows: Cells, ts: int, order: int, cause: int) -> bool:
    """Cancel the entry with id ``order`` if it is not finished; whether there was one."""
    for at in range(State.SLOTS, S[State.END], Slot.SIZE):
        if (
            S[at + Slot.USED] == 1
            and S[at + Slot.KIND] == OrderKind.ENTRY
            and S[at + Slot.ID] == order
        ):
            end(S, rows, ts, at, OrderState.CANCELLED, cause, Refusal.NONE, -1)
            return True
    return False


@kernel
def cancel_entries(S: Cells, rows: Cells, ts: int, side: int, cause: int) -> None:
    """Cancel the entries of ``side`` (0: of both), the oldest first."""
    slot = oldest(S, -1)
    while slot != NO_SLOT:
        order = S[slot + Slot.ID]
        if side in (0, S[slot + Slot.SIDE]):
            end(S, rows, ts, slot, OrderState.CANCELLED, cause, Refusal.NONE, -1)
        slot = oldest(S, order)


@kernel
def cancel_exits(S: Cells, rows: Cells, ts: int, cause: int) -> None:
    """Cancel the exits still on their way, the oldest first: there is nothing left to leave."""
    slot = next_arrival(S, NEVER, OrderKind.EXIT, -1)
    while slot != NO_SLOT:
        end(S, rows, ts, slot, OrderState.CANCELLED, cause, Refusal.NONE, -1)
        slot = next_arrival(S, NEVER, OrderKind.EXIT, -1)


@kernel
def expire_entries(S: Cells, rows: Cells, ts: int, clocks: int) -> None:
    """Entries whose last clock bar closes at ``ts``, the close number ``clocks``, expire, the
    oldest first."""
    slot = oldest(S, -1)
    while slot != NO_SLOT:
        order = S[slot + Slot.ID]
        if S[slot + Slot.EXPIRE_CLOCK] <= clocks:
            end(S, rows, ts, slot, OrderState.EXPIRED, -1, Refusal.NONE, -1)
        slot = oldest(S, order)


@kernel
def next_expiry(S: Cells) -> int:
    """Count of clock closes at which the next entry expires; ``NEVER`` without one."""
    soonest = NEVER
    if S[State.OPEN_ORDERS] > 0:
        for at in range(State.SLOTS, S[State.END], Slot.SIZE):
            if S[at + Slot.USED] == 1:
                soonest = min(soonest, S[at + Slot.EXPIRE_CLOCK])
    return soonest


@kernel
def side_reserved_lots(S: Cells, side: int) -> int:
    """Lots of ``side`` that resting entries have not filled yet."""
    lots = 0
    for at in range(State.SLOTS, S[State.END], Slot.SIZE):
        if (
            S[at + Slot.USED] == 1
            and S[at + Slot.KIND] == OrderKind.ENTRY
            and S[at + Slot.ACCEPTED_MS] >= 0
            and S[at + Slot.SIDE] == side
        ):
            lots += S[at + Slot.LOTS] - S[at + Slot.FILLED_LOTS]
    return lots


@kernel
def limit_rests(S: Cells, slot: int) -> bool:
    """Whether the entry in ``slot`` rests in the book as a limit order."""
    state, kind = S[slot + Slot.STATE], S[slot + Slot.TYPE]
    if kind == OrderType.LIMIT:
        return state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
    return kind == OrderType.STOP_LIMIT and state in (
        OrderState.TRIGGERED,
        OrderState.PARTIALLY_FILLED,
    )
