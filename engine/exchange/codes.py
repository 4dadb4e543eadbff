"""The words of the exchange: states, kinds, reasons and refusals, with stable codes.

Values are the integers the compiled exchange writes; names in lower case are what tables show.
"""

from __future__ import annotations

from enum import IntEnum


class _Word(IntEnum):
    @property
    def text(self) -> str:
        """The name as tables show it."""
        return self.name.lower()


class OrderState(_Word):
    """Life of an order: ``new > accepted > (untriggered > triggered) > filled | cancelled |
    rejected``; the last three are final."""

    NEW = 0
    ACCEPTED = 1
    UNTRIGGERED = 2
    TRIGGERED = 3
    FILLED = 4
    CANCELLED = 5
    REJECTED = 6


class OrderKind(_Word):
    """What an order is for."""

    ENTRY = 0
    EXIT = 1
    STOP = 2
    TARGET = 3
    END_OF_DATA = 4


class Reason(_Word):
    """Why a fill happened; of a trade, why it closed."""

    ENTRY = 0
    EXIT_RULE = 1
    STOP = 2
    TARGET = 3
    END_OF_DATA = 4


class Liquidity(_Word):
    """Which fee a fill pays."""

    TAKER = 0
    MAKER = 1


class LedgerKind(_Word):
    """What moved the wallet."""

    PNL = 0
    FEE = 1
    FUNDING = 2


class Refusal(_Word):
    """Why an order was refused on arrival, in the order in which they are checked."""

    NONE = 0
    DISTANCE_UNKNOWN = 1
    QTY_BELOW_MIN = 2
    NOTIONAL_BELOW_MIN = 3
    QTY_ABOVE_MARKET_MAX = 4
    STOP_THROUGH_MARKET = 5
    INSUFFICIENT_MARGIN = 6

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANINGS[self]


_MEANINGS = {
    Refusal.NONE: "The order was not refused.",
    Refusal.DISTANCE_UNKNOWN: (
        "The measure a stop or target is a multiple of was missing at the decision."
    ),
    Refusal.QTY_BELOW_MIN: "The quantity is below the instrument's minimum.",
    Refusal.NOTIONAL_BELOW_MIN: "Quantity times reference price is below the minimum notional.",
    Refusal.QTY_ABOVE_MARKET_MAX: "The quantity is above the maximum of one market order.",
    Refusal.STOP_THROUGH_MARKET: (
        "The absolute stop is not strictly on the losing side of the open it arrived at."
    ),
    Refusal.INSUFFICIENT_MARGIN: "Initial margin and reserved fees exceed the free balance.",
}


class StopKind(_Word):
    """How the stop is stated: percent of the fill, a distance, a price level."""

    NONE = 0
    PRICE = 1
    DISTANCE = 2
    LEVEL = 3


class TargetKind(_Word):
    """How the target is stated: percent of the fill, multiples of R, a distance."""

    NONE = 0
    PRICE = 1
    RR = 2
    DISTANCE = 3


class SizeKind(_Word):
    """How the quantity is stated."""

    RISK = 0
    NOTIONAL = 1
    QTY = 2
