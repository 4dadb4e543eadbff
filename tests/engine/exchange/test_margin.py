"""Margin, tiers and the price of liquidation: the requirement's table, to the last digit."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InstrumentError
from engine.exchange.instrument import Instrument, RiskTier, ladder_problem, tier_of
from engine.exchange.layout import Param, Tier
from engine.exchange.margin import (
    bankruptcy_price,
    initial_margin,
    liquidated_at,
    liquidation_price,
    order_cost,
    tier_cap,
)
from engine.sizing import cap_lots, size_lots

E8 = 10**8


def params(*, value_e8: int, tiers: list[tuple[int, float, int, int]]) -> np.ndarray:
    P = np.zeros(Param.TIERS + Tier.SIZE * len(tiers), np.int64)
    P[Param.VALUE_E8] = value_e8
    P[Param.TAKER_E7] = 5500
    P[Param.MAKER_E7] = 2000
    P[Param.TIER_COUNT] = len(tiers)
    for k, (cap, rate, deduction, leverage) in enumerate(tiers):
        P[Param.TIERS + 4 * k : Param.TIERS + 4 * k + 4] = (
            cap * E8,
            round(rate * E8),
            deduction * E8,
            leverage * 100,
        )
    return P


TIERS = [(2_000_000, 0.005, 0, 100), (2_600_000, 0.0056, 1_200, 90)]


@pytest.mark.parametrize(
    ("side", "size", "im", "bp", "cost", "lp", "mm"),
    [
        (1, 1, "5000", "45000", "5052.25", "45226.13065327", "226.13065327"),
        (-1, 1, "5000", "55000", "5057.75", "54726.36815920", "273.63184080"),
        (1, 45, "225000", "45000", "227351.25", "45226.60230625", "10197.10378117"),
        (-1, 45, "225000", "55000", "227598.75", "54720.23335985", "12589.49880668"),
        (1, 42, "210000", "45000", "212194.50", "45226.13065327", "9497.48743719"),
        (-1, 38, "190000", "55000", "192194.50", "54725.11828497", "10445.50517104"),
    ],
)
def test_the_margin_table(
    side: int, size: int, im: str, bp: str, cost: str, lp: str, mm: str
) -> None:
    """Units of 1e-4 USDT fit int32; the last digits come from the exact rational beside them."""
    P = params(value_e8=10_000, tiers=TIERS)  # unit 1e-4, lot 1
    entry = size * 50_000 * E8
    assert initial_margin(entry, 1000) == Decimal(im) * E8
    assert bankruptcy_price(P, side, size, entry, 1000) == Decimal(bp) * 10_000
    assert order_cost(P, side, entry, 1000) == Decimal(cost) * E8
    found = liquidation_price(P, side, size, entry, initial_margin(entry, 1000))
    # The first whole unit at which the inequality holds, going against the position.
    exact, rate, deduction = exact_price(side, size, Fraction(50_000), Fraction(10), TIERS)
    assert f"{float(exact):.8f}" == lp
    assert f"{float(size * exact * rate - deduction):.8f}" == mm
    assert found == (exact * 10_000 // 1 if side > 0 else -(-exact * 10_000 // 1))


def exact_price(
    side: int, size: int, entry: Fraction, leverage: Fraction, tiers: list
) -> tuple[Fraction, Fraction, int]:
    """LP by the page's formula with the tier that holds Q x LP, its rate and deduction."""
    low = 0
    for cap, rate, deduction, _ in tiers:
        m = Fraction(str(rate))
        price = (size * entry * (1 - side / leverage) - side * deduction) / (size * (1 - side * m))
        if low < size * price <= cap or cap == tiers[-1][0]:
            return price, m, deduction
        low = cap
    raise AssertionError("no tier")


@settings(max_examples=300)
@given(
    side=st.sampled_from([1, -1]),
    lots=st.integers(1, 10**6),
    price=st.integers(10, 10**7),
    leverage=st.integers(100, 10_000),
    short=st.fractions(0, 1),
)
def test_the_liquidation_price_is_the_first_unit_that_falls(
    side: int, lots: int, price: int, leverage: int, short: Fraction
) -> None:
    P = params(
        value_e8=1000,
        tiers=[(1000, 0.005, 0, 100), (2000, 0.01, 5, 50), (5000, 0.02, 25, 25)],
    )
    cost = lots * price * 1000
    margin = initial_margin(cost, leverage)
    margin -= int(margin * short)
    found = liquidation_price(P, side, lots, cost, margin)
    if found < 0:
        worst = 1 if side > 0 else min(2**31 - 1, 2**62 // (lots * 1000))
        assert not liquidated_at(P, side, lots, cost, margin, worst)
        return
    assert liquidated_at(P, side, lots, cost, margin, found)
    assert found + side > 2**31 - 1 or not liquidated_at(P, side, lots, cost, margin, found + side)


def test_the_cap_of_a_leverage_is_the_largest_whose_tier_allows_it() -> None:
    P = params(value_e8=1, tiers=TIERS)
    assert tier_cap(P, 9_000) == 2_600_000 * E8
    assert tier_cap(P, 9_001) == 2_000_000 * E8
    assert tier_cap(P, 10_001) == 0


def test_margin_sizes_are_capped_by_the_cost_of_an_order() -> None:
    """Free 10,000, P 50,000, 10x, lot 0.001: long 1.979, short 1.977."""
    value = 10_000  # unit 0.1, lot 0.001
    sized = [
        size_lots(3, E8, 10_000 * E8, 10_000 * E8, 500_000, 0, value, side, 1000, 5500)
        for side in (1, -1)
    ]
    assert sized == [1979, 1977]
    assert cap_lots(10_000 * E8, 500_000, value, 1, 1000, 5500) == 1979


def test_a_margin_size_is_a_part_of_the_free_balance_times_leverage() -> None:
    """50 % of 10,000 at 10x is 50,000 USDT: one coin at 50,000."""
    assert (
        size_lots(3, E8 // 2, 10_000 * E8, 10_000 * E8, 500_000, 0, 10_000, 1, 1000, 5500) == 1000
    )


@pytest.mark.realdata
def test_every_recorded_ladder_is_sound(shared_data: Path) -> None:
    path = shared_data / "payloads/recorded/risk_limit_linear_all_2024-08-09.json"
    ladders = json.loads(path.read_text())["by_symbol"]
    assert len(ladders) == 395
    for symbol, rows in ladders.items():
        assert ladder_problem(tuple(tier_of(row) for row in rows)) == "", symbol


@pytest.mark.realdata
def test_bundled_ladders_are_the_venues(shared_data: Path) -> None:
    path = shared_data / "payloads/recorded/risk_limit_linear_all_2024-08-09.json"
    ladders = json.loads(path.read_text())["by_symbol"]
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT"):
        recorded = tuple(tier_of(row) for row in ladders[symbol])
        assert Instrument.default(symbol).risk_tiers == recorded


def test_a_broken_ladder_is_refused_on_load() -> None:
    facts = Instrument.default("BTCUSDT").to_dict()
    facts["risk_tiers"][1]["mmDeduction"] = "1201"
    with pytest.raises(InstrumentError, match="tier 2: deduction 1201 is not 1200"):
        Instrument.from_dict(facts)


def test_an_empty_deduction_is_zero() -> None:
    row = {"riskLimitValue": "1", "maintenanceMargin": "0.1", "mmDeduction": "", "maxLeverage": "5"}
    assert tier_of(row) == RiskTier(Decimal(1), Decimal("0.1"), Decimal(0), Decimal(5))
