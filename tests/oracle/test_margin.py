"""The margin table of the requirement page, to the last digit, and liquidation prices two ways."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.account import Position, liquidation_units, order_cost
from tests.oracle.instrument import Tier, maintenance_e8
from tests.oracle.numbers import E8, LONG, SHORT

TIERS = (
    Tier(Decimal(2_000_000), Fraction(5, 1_000), Decimal(0), Fraction(100)),
    Tier(Decimal(2_600_000), Fraction(56, 10_000), Decimal(1_200), Fraction(50)),
)
FEE = Fraction(55, 100_000)
#: side, Q | IM, BP, cost = max loss, LP, MM at LP
ROWS = (
    (LONG, 1, "5000", "45000", "5052.25", "45226.13065327", "226.13065327"),
    (SHORT, 1, "5000", "55000", "5057.75", "54726.36815920", "273.63184080"),
    (LONG, 45, "225000", "45000", "227351.25", "45226.60230625", "10197.10378117"),
    (SHORT, 45, "225000", "55000", "227598.75", "54720.23335985", "12589.49880668"),
    (LONG, 42, "210000", "45000", "212194.50", "45226.13065327", "9497.48743719"),
    (SHORT, 38, "190000", "55000", "192194.50", "54725.11828497", "10445.50517104"),
)


def opened(side: int, lots: int, price: int, leverage: Fraction, value_e8: int) -> Position:
    """A position opened at one price."""
    notional = lots * price * value_e8
    position = Position(side, leverage)
    position.add(lots, notional, order_cost(side, notional, leverage, FEE))
    return position


def displayed(position: Position, value_e8: int, tiers: tuple[Tier, ...]) -> Fraction | None:
    """ "displayed `LP = (QE(1 - s/L) - sd) / (Q(1 - sm))` with the tier that holds Q x LP", in
    units; the exact initial margin, without its rounding, stands in QE/L."""
    side, lots = position.side, position.lots
    lower = Fraction(0)
    for tier in tiers:
        deduction = Fraction(tier.deduction) * E8
        top = position.cost_e8 - side * position.initial_e8 - side * deduction
        level = top / (lots * value_e8 * (1 - side * tier.rate))
        cap = Fraction(tier.cap) * E8
        if level > 0 and (lower < level * lots * value_e8 <= cap or tier is tiers[-1]):
            return level
        lower = cap
    return None


def eight_places(value: Fraction) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal("1e-8"), rounding=ROUND_HALF_EVEN)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_margin_table(row: tuple[int, int, str, str, str, str, str]) -> None:
    side, lots, initial, bankruptcy, cost, level, maintenance = row
    # A lot of one coin and prices in whole USDT: one unit times one lot is 1e8 e-8 USDT.
    value = E8
    position = opened(side, lots, 50_000, Fraction(10), value)
    notional = lots * 50_000 * value
    assert position.initial_e8 == int(Decimal(initial) * E8)
    assert position.bankruptcy_units(value) == int(bankruptcy)
    total = order_cost(side, notional, Fraction(10), FEE).total_e8
    assert total == int(Decimal(cost) * E8)
    exact = displayed(position, value, TIERS)
    assert exact is not None
    assert eight_places(exact) == Decimal(level)
    at_level = exact * lots * value
    tier = TIERS[0] if at_level <= Fraction(TIERS[0].cap) * E8 else TIERS[1]
    owed = (at_level * tier.rate - Fraction(tier.deduction) * E8) / E8
    assert eight_places(owed) == Decimal(maintenance)


@settings(max_examples=200, derandomize=True)
@given(
    side=st.sampled_from([LONG, SHORT]),
    lots=st.integers(1, 60),
    price=st.integers(1_000, 100_000),
    leverage=st.integers(1, 100),
)
def test_the_first_unit_is_the_displayed_price_rounded(
    side: int, lots: int, price: int, leverage: int
) -> None:
    """ "LP is the first whole price unit at which the inequality holds" """
    position = opened(side, lots, price, Fraction(leverage), E8)
    level = displayed(position, E8, TIERS)
    first = liquidation_units(position, E8, TIERS)
    if side == LONG:
        assert first == (floor(level) or None if level is not None else None)
    else:
        assert level is not None
        assert first == ceil(level)


def test_maintenance_is_continuous_at_a_cap() -> None:
    cap = int(Fraction(TIERS[0].cap) * E8)
    assert 0 <= maintenance_e8(TIERS, cap + 1) - maintenance_e8(TIERS, cap) < 1
