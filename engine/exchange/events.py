"""The event stream: every transition of every order, in the order in which it happened.

Written only when a run asks for it (``State.EVENTS``): tables carry the same facts, each order's
times in its row. Transitions that the life of an order does not allow raise.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.codes import TRANSITIONS, EventKind, OrderState
from engine.exchange.layout import EventRow, State, Table
from engine.kernel import inlined, kernel

#: Allowed successors of each state, one bit each.
_ALLOWED = tuple(sum(1 << after for after in TRANSITIONS[state]) for state in OrderState)


@kernel
def check_transition(before: int, after: int) -> None:
    """Raise unless an order may go from one state to the other."""
    if (_ALLOWED[before] >> after) & 1 == 0:
        raise AssertionError("an order's life does not allow this transition")


@kernel
def emit(
    S: Cells,
    rows: Cells,
    ts: int,
    kind: int,
    which: int,
    order_kind: int,
    level: int,
    state: int,
    lots: int,
    price: int,
    trigger: int,
    cause: int,
    refusal: int,
) -> None:
    """Write one event row; ``level`` is a target's, 1 to 5, else 0."""
    at = S[State.ROWS + Table.EVENTS]
    rows[Table.EVENTS, EventRow.TS_MS, at] = ts
    rows[Table.EVENTS, EventRow.KIND, at] = kind
    rows[Table.EVENTS, EventRow.ID, at] = which
    rows[Table.EVENTS, EventRow.ORDER_KIND, at] = order_kind
    rows[Table.EVENTS, EventRow.LEVEL, at] = level
    rows[Table.EVENTS, EventRow.STATE, at] = state
    rows[Table.EVENTS, EventRow.LOTS, at] = lots
    rows[Table.EVENTS, EventRow.PRICE_UNITS, at] = price
    rows[Table.EVENTS, EventRow.TRIGGER_UNITS, at] = trigger
    rows[Table.EVENTS, EventRow.CAUSE, at] = cause
    rows[Table.EVENTS, EventRow.REFUSAL, at] = refusal
    S[State.ROWS + Table.EVENTS] = at + 1


@inlined
def note(S: Cells, rows: Cells, ts: int, kind: int, which: int) -> None:
    """A row of another table was written: fill, ledger row or trade ``which``."""
    if S[State.EVENTS] == 1:
        emit(S, rows, ts, kind, which, -1, 0, -1, 0, -1, -1, -1, 0)


@inlined
def order_event(
    S: Cells,
    rows: Cells,
    ts: int,
    order: int,
    order_kind: int,
    level: int,
    state: int,
    lots: int,
    price: int,
    trigger: int,
    cause: int,
) -> None:
    """An order has gone to ``state``; prices are -1 where it has none, ``cause`` -1 without."""
    if S[State.EVENTS] == 1:
        emit(
            S, rows, ts, EventKind.ORDER, order, order_kind, level, state, lots, price, trigger,
            cause, 0,
        )  # fmt: skip


@kernel
def forced_order(S: Cells, rows: Cells, ts: int, order: int, order_kind: int, lots: int) -> None:
    """The venue or the end of data sends an order: it is taken as it comes."""
    order_event(S, rows, ts, order, order_kind, 0, OrderState.NEW, lots, -1, -1, -1)
    order_event(S, rows, ts, order, order_kind, 0, OrderState.ACCEPTED, lots, -1, -1, -1)


@kernel
def forced_filled(S: Cells, rows: Cells, ts: int, order: int, order_kind: int, lots: int) -> None:
    """Such an order has filled."""
    order_event(S, rows, ts, order, order_kind, 0, OrderState.FILLED, lots, -1, -1, -1)
