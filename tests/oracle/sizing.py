"""How many lots an entry asks for. "Quantity is fixed at the decision close"."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from tests.oracle.brackets import stop_price
from tests.oracle.numbers import E8, slipped
from tests.oracle.scenario import Config, Entry


@dataclass(frozen=True)
class SizingInput:
    """The account at the decision close, and the units of the run."""

    equity_e8: int
    free_e8: int
    reference: int
    value_e8: int
    scale: int
    tick: int
    qty_step: Decimal
    config: Config


def sizing_price(entry: Entry, given: SizingInput) -> int:
    """ "P = reference x (1 +/- slippage), rounded against us".

    Choice: with `slippage` for every kind of order, also for limits and stops, as written.
    """
    return slipped(given.reference, entry.side, given.config.slippage, given.tick)


def affordable_lots(entry: Entry, price: int, given: SizingInput) -> int:
    """ "Cap: floor_lot(free / (P x (1/L + f + f(1 -/+ 1/L))))" """
    fee = given.config.dearer_fee
    leverage = 1 / entry.leverage
    per_notional = leverage + fee + fee * (1 - entry.side * leverage)
    return max(0, floor(Fraction(given.free_e8) / (price * given.value_e8 * per_notional)))


def risk_lots(entry: Entry, price: int, given: SizingInput) -> int:
    """ "`risk`: equity x pct / |P - stop| (rounded stop; ...)".

    Choice: distances are measured as if filled at P, and no distance at all buys nothing.
    """
    assert entry.stop is not None
    stop = stop_price(
        entry.stop, entry.side, Fraction(price), entry.leverage, given.scale, given.tick
    )
    loss_per_lot = abs(price - stop) * given.value_e8
    if loss_per_lot == 0:
        return 0
    return max(0, floor(given.equity_e8 * entry.size / loss_per_lot))


def size_lots(entry: Entry, given: SizingInput) -> int:
    """ "quantities floor to the lot"; "Explicit `qty` and `notional` are never resized; only `risk`
    and `margin` sizes are capped" """
    price = sizing_price(entry, given)
    cap = affordable_lots(entry, price, given)
    if entry.size_kind == "risk":
        return min(risk_lots(entry, price, given), cap)
    if entry.size_kind == "margin":
        notional_e8 = max(given.free_e8, 0) * entry.size * entry.leverage
        return min(floor(notional_e8 / (price * given.value_e8)), cap)
    if entry.size_kind == "notional":
        return floor(entry.size * E8 / (price * given.value_e8))
    assert entry.size_kind == "qty", entry.size_kind
    return floor(entry.size / Fraction(given.qty_step))
