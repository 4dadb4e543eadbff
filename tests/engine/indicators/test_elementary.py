"""Our exp and log against decimal arithmetic of 40 digits."""

from __future__ import annotations

import math
from decimal import Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.indicators.elementary import exp, log

EXACT = Context(prec=40)


def ulps(ours: float, exact: Decimal) -> float:
    return float(abs(Decimal(ours) - exact) / Decimal(math.ulp(float(exact))))


@settings(max_examples=300, derandomize=True)
@given(st.floats(5e-324, 1.7e308))
def test_log_is_within_two_ulps(x: float) -> None:
    assert ulps(log(x), Decimal(x).ln(EXACT)) <= 2.0 or x == 1.0


@settings(max_examples=300, derandomize=True)
@given(st.floats(0.5, 2.0))
def test_log_near_one_loses_nothing(x: float) -> None:
    assert ulps(log(x), Decimal(x).ln(EXACT)) <= 2.0 or x == 1.0


@settings(max_examples=300, derandomize=True)
@given(st.floats(-699.0, 699.0))
def test_exp_is_within_two_ulps(x: float) -> None:
    assert ulps(exp(x), Decimal(x).exp(EXACT)) <= 2.0


def test_exact_and_missing_values() -> None:
    assert log(1.0) == 0.0
    assert exp(0.0) == 1.0
    for value in (0.0, -1.0, math.inf, math.nan):
        assert math.isnan(log(value))
    for value in (701.0, -701.0, math.inf, math.nan):
        assert math.isnan(exp(value))


@pytest.mark.parametrize("k", [-1000, -3, 1, 10, 1000])
def test_log_of_powers_of_two(k: int) -> None:
    assert log(math.ldexp(1.0, k)) == pytest.approx(k * math.log(2.0), rel=2e-16)
