"""Facts of an instrument and its risk tiers, as a scenario states them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil

from tests.oracle.numbers import E8


class ScenarioError(ValueError):
    """A scenario that the page says is refused at load."""


class Fixed:
    """A value that never changes, so copies of a state share it."""

    def __deepcopy__(self, memo: dict) -> Fixed:
        return self


@dataclass(frozen=True)
class Tier(Fixed):
    """A risk tier: notional up to ``cap`` USDT, maintenance rate, deduction, highest leverage.
    (Hashed by its cap alone: prices of liquidation are remembered by their ladder.)"""

    cap: Decimal
    rate: Fraction
    deduction: Decimal
    max_leverage: Fraction

    def __hash__(self) -> int:
        return hash(self.cap)


@dataclass(frozen=True)
class Instrument(Fixed):
    """One USDT perpetual. Prices in USDT, quantities in base units."""

    symbol: str = "TEST"
    tick_size: Decimal = Decimal("0.01")
    qty_step: Decimal = Decimal("0.001")
    min_qty: Decimal = Decimal("0.001")
    max_market_qty: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    max_leverage: Fraction = Fraction(100)
    leverage_step: Fraction = Fraction(1, 100)
    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        check_tiers(self.tiers)

    @property
    def min_lots(self) -> int:
        return int(self.min_qty / self.qty_step)

    @property
    def max_market_lots(self) -> int | None:
        return None if self.max_market_qty is None else int(self.max_market_qty / self.qty_step)

    @property
    def min_notional_e8(self) -> int:
        return ceil(Fraction(self.min_notional) * E8)


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """ "Tiers are checked on load: d_k = d_(k-1) + cap_(k-1) x (m_k - m_(k-1))" """
    if not tiers:
        raise ScenarioError("an instrument needs risk tiers")
    if tiers[0].deduction != 0:
        raise ScenarioError("the first tier deducts something")
    for lower, upper in pairwise(tiers):
        owed = Fraction(lower.deduction) + Fraction(lower.cap) * (upper.rate - lower.rate)
        if Fraction(upper.deduction) != owed:
            raise ScenarioError(f"tier deduction {upper.deduction} should be {owed}")
        if upper.cap <= lower.cap or upper.max_leverage > lower.max_leverage:
            raise ScenarioError("tiers are out of order")


def tier_of(tiers: tuple[Tier, ...], notional_e8: int) -> Tier:
    """The tier that holds a notional.

    Choice: a cap belongs to its own tier (maintenance is continuous there, so nothing hangs on
    it), and above the last cap the last tier goes on.
    """
    for tier in tiers:
        if notional_e8 <= Fraction(tier.cap) * E8:
            return tier
    return tiers[-1]


def maintenance_e8(tiers: tuple[Tier, ...], notional_e8: int) -> Fraction:
    """ "Q mark m - d", "tier (m, d) of Q x mark", exact"""
    tier = tier_of(tiers, notional_e8)
    return notional_e8 * tier.rate - Fraction(tier.deduction) * E8


def cap_for_leverage_e8(tiers: tuple[Tier, ...], leverage: Fraction) -> Fraction:
    """ "the cap for L is the largest whose tier allows L"; zero when none does"""
    return max((Fraction(t.cap) * E8 for t in tiers if t.max_leverage >= leverage), default=0)
