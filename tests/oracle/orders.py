"""Orders, their life cycle, and the refusals on arrival."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tests.oracle.scenario import Entry

#: "new > accepted > (untriggered > triggered) > partially_filled* > filled | cancelled | rejected |
#: expired"
NEXT_STATES: dict[str, frozenset[str]] = {
    "": frozenset({"new"}),
    "new": frozenset({"accepted", "rejected", "cancelled", "expired"}),
    "accepted": frozenset(
        {"untriggered", "partially_filled", "filled", "cancelled", "rejected", "expired"}
    ),
    "untriggered": frozenset({"triggered", "cancelled", "rejected", "expired"}),
    "triggered": frozenset({"partially_filled", "filled", "cancelled", "rejected", "expired"}),
    "partially_filled": frozenset(
        {"partially_filled", "filled", "cancelled", "rejected", "expired"}
    ),
    "filled": frozenset(),
    "cancelled": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
}

OUTCOMES = frozenset({"filled", "cancelled", "rejected", "expired"})


class IllegalTransitionError(RuntimeError):
    """ "illegal transitions raise" """


@dataclass
class EntryOrder:
    """An entry: ``lots`` is its whole quantity, ``left`` what is not filled yet.

    ``price`` and ``trigger`` are rounded to ticks; ``reference`` is the signal close, the limit or
    the trigger. ``arrives`` is the fill bar at whose open it arrives, ``last_clock_bar`` the clock
    bar at whose close it expires.
    """

    id: int
    entry: Entry
    lots: int
    left: int
    reference: int
    price: int | None
    trigger: int | None
    arrives: int
    last_clock_bar: int | None
    state: str = ""

    @property
    def side(self) -> int:
        return self.entry.side

    @property
    def resting_price(self) -> int:
        """ "A resting entry reserves its order cost at its price". Choice: a stop-limit's price is
        its limit, the worst it can fill at."""
        price = self.trigger if self.price is None else self.price
        assert price is not None
        return price

    @property
    def waits_for_trigger(self) -> bool:
        return self.state == "untriggered"

    @property
    def rests_as_limit(self) -> bool:
        return self.price is not None and self.state in (
            "accepted",
            "triggered",
            "partially_filled",
        )


@dataclass
class ExitOrder:
    """A reduce-only market order for ``lots``, or for everything held when it fills (None)."""

    name: str
    lots: int | None
    arrives: int
    reason: str = "exit"
    state: str = ""


def is_marketable(limit: int, price: Fraction | int, order_side: int) -> bool:
    """A limit that would fill at once: "fills at the price at that moment, equality counting" """
    return limit >= price if order_side > 0 else limit <= price
