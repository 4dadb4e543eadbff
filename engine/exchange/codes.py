"""The words of the exchange: states, kinds, reasons, causes and refusals, with stable codes.

Values are the integers the compiled exchange writes; names in lower case are what tables show.
The enum of refusals is what the reference page of refusals is generated from
(:func:`refusal_table`), and live uses the same order states.
"""

from __future__ import annotations

from enum import IntEnum


class _Word(IntEnum):
    @property
    def text(self) -> str:
        """The name as tables show it."""
        return self.name.lower()


class OrderState(_Word):
    """Life of an order: ``new > accepted > (untriggered > triggered) > partially_filled* >
    filled | cancelled | rejected | expired``; the last four are final."""

    NEW = 0
    ACCEPTED = 1
    UNTRIGGERED = 2
    TRIGGERED = 3
    FILLED = 4
    CANCELLED = 5
    REJECTED = 6
    PARTIALLY_FILLED = 7
    EXPIRED = 8


_FINAL = (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)

#: States an order may go to from each state; whatever is not here is illegal. A resting order may
#: still be rejected: leverage and margin are checked again at its fill.
TRANSITIONS: dict[OrderState, tuple[OrderState, ...]] = {
    OrderState.NEW: (
        OrderState.ACCEPTED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
    ),
    OrderState.ACCEPTED: (OrderState.UNTRIGGERED, OrderState.PARTIALLY_FILLED, *_FINAL),
    OrderState.UNTRIGGERED: (
        OrderState.TRIGGERED,
        OrderState.CANCELLED,
        OrderState.EXPIRED,
    ),
    OrderState.TRIGGERED: (OrderState.PARTIALLY_FILLED, *_FINAL),
    OrderState.PARTIALLY_FILLED: (OrderState.PARTIALLY_FILLED, *_FINAL),
    OrderState.FILLED: (),
    OrderState.CANCELLED: (),
    OrderState.REJECTED: (),
    OrderState.EXPIRED: (),
}


class OrderKind(_Word):
    """What an order is for."""

    ENTRY = 0
    EXIT = 1
    STOP = 2
    TARGET = 3
    END_OF_DATA = 4
    LIQUIDATION = 5


class OrderType(_Word):
    """How an order executes."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3


class TimeInForce(_Word):
    """How long a limit order may rest."""

    GTC = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 3


class Source(_Word):
    """The price series a trigger watches."""

    LAST = 0
    MARK = 1
    INDEX = 2


class Reason(_Word):
    """Why a fill happened; of a trade, why it closed."""

    ENTRY = 0
    EXIT_RULE = 1
    STOP = 2
    TARGET = 3
    END_OF_DATA = 4
    LIQUIDATION = 5
    DRAWDOWN = 6
    MAX_BARS = 7


class Cause(_Word):
    """Why an order was cancelled. Up to ``MAX_BARS`` it is the reason its position closed."""

    ENTRY = 0
    EXIT_RULE = 1
    STOP = 2
    TARGET = 3
    END_OF_DATA = 4
    LIQUIDATION = 5
    DRAWDOWN = 6
    MAX_BARS = 7
    RULE = 8
    REPLACED = 9
    IOC = 10
    FOK = 11
    POST_ONLY = 12
    REDUCED = 13


class Liquidity(_Word):
    """Which fee a fill pays."""

    TAKER = 0
    MAKER = 1


class LedgerKind(_Word):
    """What moved the wallet."""

    PNL = 0
    FEE = 1
    FUNDING = 2


class EventKind(_Word):
    """What an event is: an order's transition, a bracket that came to be or was moved, a refusal,
    a row of another
    table, or an equity point."""

    ORDER = 0
    BRACKET = 1
    REFUSAL = 2
    FILL = 3
    LEDGER = 4
    TRADE = 5
    EQUITY = 6


class Moved(_Word):
    """What set or moved a bracket."""

    ENTRY = 0
    TRAIL = 1
    BREAK_EVEN = 2


class Status(_Word):
    """How a run stands. ``DRAWDOWN_DUE``: the limit was passed, the position leaves at the next
    open."""

    COMPLETED = 0
    DRAWDOWN_DUE = 1
    STOPPED_DRAWDOWN = 2
    STOPPED_LIQUIDATED = 3


class Refusal(_Word):
    """Why an order was refused on arrival, in the order in which they are checked."""

    NONE = 0
    DISTANCE_UNKNOWN = 1
    QTY_BELOW_MIN = 2
    NOTIONAL_BELOW_MIN = 3
    QTY_ABOVE_MARKET_MAX = 4
    LEVERAGE_ABOVE_MAX = 5
    LEVERAGE_MISMATCH = 6
    TIER_LIMIT = 7
    TRIGGER_ALREADY_PASSED = 8
    STOP_THROUGH_MARKET = 9
    STOP_BEYOND_LIQUIDATION = 10
    POST_ONLY_WOULD_TAKE = 11
    INSUFFICIENT_MARGIN = 12

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANINGS[self]


_MEANINGS = {
    Refusal.NONE: "The order was not refused.",
    Refusal.DISTANCE_UNKNOWN: (
        "A price, or a measure its stop or target is stated in, was missing at the decision."
    ),
    Refusal.QTY_BELOW_MIN: "The quantity is below the instrument's minimum.",
    Refusal.NOTIONAL_BELOW_MIN: "Quantity times reference price is below the minimum notional.",
    Refusal.QTY_ABOVE_MARKET_MAX: "The quantity is above the maximum of one market order.",
    Refusal.LEVERAGE_ABOVE_MAX: "The leverage is above the instrument's maximum.",
    Refusal.LEVERAGE_MISMATCH: "The open position has another leverage.",
    Refusal.TIER_LIMIT: (
        "Position, resting entries of its side and this order exceed the largest risk tier that "
        "allows the leverage."
    ),
    Refusal.TRIGGER_ALREADY_PASSED: "The trigger is not strictly beyond the price on arrival.",
    Refusal.STOP_THROUGH_MARKET: (
        "The absolute stop is not strictly on the losing side of the price it arrived at."
    ),
    Refusal.STOP_BEYOND_LIQUIDATION: (
        "The stop lies beyond the price at which the combined position would be liquidated."
    ),
    Refusal.POST_ONLY_WOULD_TAKE: "A post-only order would have taken liquidity on arrival.",
    Refusal.INSUFFICIENT_MARGIN: "Initial margin and reserved fees exceed the free balance.",
}


def refusal_table() -> str:
    """The refusals as a Markdown table, in the order in which they are checked."""
    lines = ["| code | meaning |", "|---|---|"]
    lines += [f"| `{code.name}` | {code.meaning} |" for code in Refusal if code is not Refusal.NONE]
    return "\n".join(lines) + "\n"


class StopKind(_Word):
    """How a stop or a trail is stated: percent of the price, a distance measured at the decision,
    a price level, percent of margin, a fixed distance."""

    NONE = 0
    PRICE = 1
    DISTANCE = 2
    LEVEL = 3
    ROI = 4
    POINTS = 5


class TargetKind(_Word):
    """How a target is stated: as a stop, or in multiples of R."""

    NONE = 0
    PRICE = 1
    DISTANCE = 2
    LEVEL = 3
    ROI = 4
    POINTS = 5
    RR = 6


class AmountKind(_Word):
    """The unit of ``at``, ``after`` and ``offset``: fraction of the average entry, multiples of
    R, a price distance, fraction of the margin."""

    NONE = 0
    PRICE = 1
    R = 2
    POINTS = 3
    ROI = 4


class SizeKind(_Word):
    """How the quantity is stated."""

    RISK = 0
    NOTIONAL = 1
    QTY = 2
    MARGIN = 3
