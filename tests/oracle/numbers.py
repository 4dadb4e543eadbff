"""Exact numbers: price units, lots, money in 1e-8 USDT, and one direction of rounding each."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

E8 = 10**8
LONG, SHORT = 1, -1


def exact(text: str | int | Decimal | Fraction) -> Fraction:
    """A number as written; ``5.5bps`` and ``2%`` are rates, ``1R`` a multiple of the risk."""
    if not isinstance(text, str):
        return Fraction(text)
    for suffix, divisor in (("bps", 10_000), ("%", 100), ("R", 1)):
        if text.endswith(suffix):
            return Fraction(Decimal(text[: -len(suffix)])) / divisor
    return Fraction(Decimal(text))


def decimals_of(value: Decimal) -> int:
    """Decimal places a value needs: 0.10 needs 1, 25 needs 0."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def floor_to(value: Fraction | int, step: int) -> int:
    """The multiple of ``step`` at or below ``value``."""
    return floor(Fraction(value) / step) * step


def ceil_to(value: Fraction | int, step: int) -> int:
    """The multiple of ``step`` at or above ``value``."""
    return ceil(Fraction(value) / step) * step


def fee_e8(notional_e8: int, rate: Fraction) -> int:
    """ "fees and funding paid up in magnitude at 1e-8" """
    return ceil(notional_e8 * rate)


def funding_e8(side: int, notional_e8: int, rate: Fraction) -> int:
    """ "qty x mark x rate, longs pay positive"; "fees and funding paid up in magnitude at 1e-8,
    received down"; "funding is positive when received" """
    return floor(-side * notional_e8 * rate)


def share(total: int, lots: int, held: int) -> int:
    """ "a partial close takes floor(total x lots / lots held)" """
    return total * lots // held


def limit_units(price: Fraction, side: int, tick: int) -> int:
    """ "buy limits ... floor to the tick, sell limits ... ceil" """
    return floor_to(price, tick) if side == LONG else ceil_to(price, tick)


def trigger_units(price: Fraction, side: int, tick: int) -> int:
    """ "Buy triggers ceil, sell triggers floor" """
    return ceil_to(price, tick) if side == LONG else floor_to(price, tick)


def stop_units(price: Fraction, side: int, tick: int) -> int:
    """Of a position's side: "long stops ... floor to the tick, ... short stops ... ceil";
    "a bracket level is at least one tick" """
    return max(tick, floor_to(price, tick) if side == LONG else ceil_to(price, tick))


def target_units(price: Fraction, side: int, tick: int) -> int:
    """Of a position's side: "short targets floor to the tick, ... long targets ceil";
    "a bracket level is at least one tick" """
    return max(tick, ceil_to(price, tick) if side == LONG else floor_to(price, tick))


def slipped(price: Fraction | int, order_side: int, rate: Fraction, tick: int) -> int:
    """ "a slipped buy ceils, a slipped sell floors"

    Choice: to the tick, since fills happen at prices that can be traded; and not below one tick.
    """
    if order_side == LONG:
        return ceil_to(price * (1 + rate), tick)
    return max(tick, floor_to(price * (1 - rate), tick))


def not_beyond(price: int, limit: int, order_side: int) -> int:
    """ "with slippage but never beyond its limit" """
    return min(price, limit) if order_side == LONG else max(price, limit)


def worse(a: Fraction | int, b: Fraction | int, order_side: int) -> Fraction | int:
    """The worse of two prices for whoever buys or sells."""
    return max(a, b) if order_side == LONG else min(a, b)


def at_or_beyond(price: Fraction | int, level: Fraction | int, direction: int) -> bool:
    """Whether a price moving up (+1) or down (-1) has met a level, "equality counting"."""
    return price >= level if direction > 0 else price <= level
