"""Rounding to ticks, lots and steps: one definition for simulation and live (H17)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.rounding import ceil_to, floor_to, mul_div_ceil, mul_div_floor, round_to_step

STEPS = [Decimal(s) for s in ("0.1", "0.5", "0.05", "0.25", "5", "10", "0.0000001", "3", "25")]
VALUES = st.decimals(0, 10**7, places=9, allow_nan=False, allow_infinity=False)


@given(value=VALUES, step=st.sampled_from(STEPS))
def test_h17_a_rounded_value_is_a_multiple_of_its_step_and_less_than_a_step_away(
    value: Decimal, step: Decimal
):
    low, high = round_to_step(value, step, "floor"), round_to_step(value, step, "ceil")
    assert low % step == 0
    assert high % step == 0
    assert low <= value <= high
    assert value - low < step
    assert high - value < step


@pytest.mark.parametrize(
    ("value", "step", "mode", "expected"),
    [
        ("1234.56789", "0.5", "floor", "1234.5"),
        ("1234.56789", "0.5", "ceil", "1235.0"),
        ("0.1234567", "0.05", "floor", "0.10"),
        ("7", "3", "floor", "6"),
        ("7", "3", "ceil", "9"),
        ("100", "25", "ceil", "100"),
    ],
)
def test_h17_steps_that_no_number_of_decimals_states(
    value: str, step: str, mode: str, expected: str
):
    assert round_to_step(value, step, mode) == Decimal(expected)  # type: ignore[arg-type]


def test_h17_floats_are_refused():
    with pytest.raises(TypeError):
        round_to_step(0.3, "0.1", "floor")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive"):
        round_to_step("0.3", "0", "floor")


@given(a=st.integers(0, 2**62), b=st.integers(0, 10**7), d=st.integers(1, 10**9))
def test_products_are_exact_where_the_plain_product_would_overflow(a: int, b: int, d: int):
    if (a // d) * b >= 2**62 or (a % d) * b >= 2**62:
        return  # the quotient itself does not fit
    assert mul_div_floor(a, b, d) == a * b // d
    assert mul_div_ceil(a, b, d) == -(-a * b // d)


@given(value=st.integers(0, 2**31 - 1), step=st.integers(1, 10_000))
def test_integer_steps_agree_with_the_decimal_ones(value: int, step: int):
    assert floor_to(value, step) == int(round_to_step(value, step, "floor"))
    assert ceil_to(value, step) == int(round_to_step(value, step, "ceil"))
