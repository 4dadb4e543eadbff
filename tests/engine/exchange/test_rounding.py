"""Exact products and steps: against Python's unbounded integers and against Decimal."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.exchange.rounding import ceil_to, floor_to, mul_div_ceil, mul_div_floor, round_to_step

_LARGEST = 2**63 - 1


@settings(deadline=None)
@given(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(1, 2**62))
def test_products_are_exact_wherever_the_result_fits(a: int, b: int, d: int) -> None:
    if a * b // d + 1 > _LARGEST:
        return
    assert mul_div_floor(a, b, d) == a * b // d
    assert mul_div_ceil(a, b, d) == -(-a * b // d)


@pytest.mark.parametrize("a", [0, 1, 2**31 - 1, 2**46, 2**62 - 1, 2**62])
@pytest.mark.parametrize("b", [0, 1, 5500, 10**7, 10**11, 2**46, 2**62])
@pytest.mark.parametrize("d", [1, 3, 10**7, 10**11 + 1, 2**46 - 1, 2**62 - 1, 2**62])
def test_products_at_the_bounds(a: int, b: int, d: int) -> None:
    if a * b // d + 1 <= _LARGEST:
        assert mul_div_floor(a, b, d) == a * b // d
        assert mul_div_ceil(a, b, d) == -(-a * b // d)


def test_a_fee_on_a_large_notional_does_not_overflow() -> None:
    """1.7 M USDT x 5.5 bps: the naive product of 1e-8 USDT and 1e-7 does not fit int64."""
    assert mul_div_ceil(17 * 10**13, 5500, 10**7) == 935 * 10**8


@settings(deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(1, 10**6))
def test_steps_enclose_the_value(value: int, step: int) -> None:
    low, high = floor_to(value, step), ceil_to(value, step)
    assert low % step == high % step == 0
    assert low <= value <= high
    assert high - low in (0, step)


@given(
    st.decimals(-(10**6), 10**6, places=9),
    st.sampled_from(["0.1", "0.5", "0.05", "0.25", "5", "10", "1e-7", "3"]),
)
def test_round_to_step_gives_multiples_on_the_right_side(value: Decimal, step: str) -> None:
    low, high = round_to_step(value, step, "floor"), round_to_step(value, step, "ceil")
    assert low % Decimal(step) == high % Decimal(step) == 0
    assert low <= value <= high
    assert high - low in (0, Decimal(step))
