"""Two exchanges' answers side by side: where do they first differ?

Streams are compared kind by kind, since exchanges may interleave kinds differently at one instant;
within a kind every row, its order and every field must be equal. An order's transitions can be
reduced to its outcome for exchanges that tell no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle import events as ev
from tests.oracle.orders import OUTCOMES

ALL_KINDS = (ev.Fill, ev.Funding, ev.Refusal, ev.Order, ev.Bracket, ev.Trade, ev.Equity, ev.Status)


def rows(told: Sequence[ev.Event], kind: type, outcomes_only: bool) -> list[ev.Event]:
    """The events of one kind, in order."""
    found = [event for event in told if isinstance(event, kind)]
    if kind is ev.Order and outcomes_only:
        found = [row for row in found if isinstance(row, ev.Order) and row.state in OUTCOMES]
    return found


def first_difference(
    expected: Sequence[ev.Event],
    actual: Sequence[ev.Event],
    kinds: Sequence[type] = ALL_KINDS,
    outcomes_only: bool = False,
) -> str:
    """The earliest row, over all kinds, that differs: empty text if the streams agree."""
    found: list[tuple[int, int, str]] = []
    for rank, kind in enumerate(kinds):
        left, right = rows(expected, kind, outcomes_only), rows(actual, kind, outcomes_only)
        for place in range(max(len(left), len(right))):
            a = left[place] if place < len(left) else None
            b = right[place] if place < len(right) else None
            if a != b:
                when = min(
                    row.ts_ms if hasattr(row, "ts_ms") else row.exit_ms for row in (a, b) if row
                )
                found.append((when, rank, _told(kind, place, a, b)))
                break
    return min(found)[2] if found else ""


def _told(kind: type, place: int, a: ev.Event | None, b: ev.Event | None) -> str:
    fields = ""
    if a is not None and b is not None:
        names = [name for name in vars(a) if getattr(a, name) != getattr(b, name)]
        fields = f" in {', '.join(names)}"
    return f"{kind.__name__} {place} differs{fields}\n  expected {a}\n  actual   {b}"
