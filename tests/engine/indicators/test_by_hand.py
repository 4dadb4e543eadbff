"""Small vectors worked out with pencil and paper, and the rules for flat and missing input."""

from __future__ import annotations

import numpy as np
import pytest

from engine.indicators import compute, get
from tests.engine.indicators.driving import market, rows_of

NAN = np.nan


def equal(ours: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(ours, expected, rtol=1e-14, atol=0, equal_nan=True)


def test_sma_is_the_mean_of_the_window() -> None:
    equal(compute("sma", {"close": [1, 2, 6, 9]}, length=3)["value"], [NAN, NAN, 3, 17 / 3])


def test_ema_is_seeded_by_the_mean_of_its_first_inputs() -> None:
    """alpha = 2/4: seed (1 + 2 + 6)/3 = 3; 3 + (9 - 3)/2 = 6; 6 + (2 - 6)/2 = 4; ..."""
    out = compute("ema", {"close": [1, 2, 6, 9, 2, 8, 0, 4]}, length=3)["value"]
    equal(out, [NAN, NAN, 3, 6, 4, 6, 3, 3.5])


def test_rma_weighs_the_newest_by_one_over_length() -> None:
    """alpha = 1/4: seed (4 + 8 + 0 + 4)/4 = 4; 4 + (8 - 4)/4 = 5; 5 + (1 - 5)/4 = 4."""
    out = compute("rma", {"close": [4, 8, 0, 4, 8, 1]}, length=4)["value"]
    equal(out, [NAN, NAN, NAN, 4, 5, 4])


def test_rsi_from_average_gain_and_loss() -> None:
    """Length 2, changes +2 -1 +3 -4: gains 1, 2, 1; losses 0.5, 0.25, 2.125."""
    out = compute("rsi", {"close": [10, 12, 11, 14, 10]}, length=2)["value"]
    equal(out, [NAN, NAN, 100 / 1.5, 200 / 2.25, 100 / 3.125])


def test_rsi_of_a_halted_coin_is_missing_not_zero() -> None:
    assert np.isnan(compute("rsi", {"close": np.full(50, 3.1)}, length=14)["value"]).all()
    moved = compute("rsi", {"close": [3.0] * 20 + [3.1]}, length=14)["value"]
    assert np.isnan(moved[:20]).all()
    assert moved[20] == 100.0


def test_atr_takes_gaps_and_starts_at_the_second_bar() -> None:
    """True ranges: - , max(2, |12-9|, |10-9|) = 3, max(1, |9-11|, |8-11|) = 3, 6.
    Length 2: mean of 3 and 3 is 3 at bar 2, then 3 + (6 - 3)/2 = 4.5."""
    bars = {"high": [10, 12, 9, 14], "low": [8, 10, 8, 11], "close": [9, 11, 8, 12]}
    equal(compute("atr", bars, length=2)["value"], [NAN, NAN, 3, 4.5])


def test_bbands_population_and_sample_sigma() -> None:
    """Window 2 4 4 4 5 5 7 9: mean 5, squared differences 9 1 1 1 0 0 4 16 = 32.
    Population sigma 2; sample sigma sqrt(32/7)."""
    x = [2, 4, 4, 4, 5, 5, 7, 9]
    out = compute("bbands", {"close": x}, length=8, std=2)
    ends = {name: column[-1] for name, column in out.items()}
    assert ends == {
        "lower": 1.0, "middle": 5.0, "upper": 9.0, "bandwidth": 160.0, "percent_b": 1.0
    }  # fmt: skip
    sample = compute("bbands", {"close": x}, length=8, std=1, ddof=1)
    assert sample["upper"][-1] == pytest.approx(5 + (32 / 7) ** 0.5, rel=1e-15)


@pytest.mark.parametrize("length", [20, 64, 65, 200])
@pytest.mark.parametrize("value", [0.1, 3.3, 0.00001234, 67_123.4])
def test_flat_input_is_exactly_flat(length: int, value: float) -> None:
    """The mean is the very value and the width exactly 0, for direct and for block sums, also
    when the flat stretch follows a lively one."""
    rng = np.random.default_rng(7)
    x = np.concatenate([value * (1 + rng.standard_normal(300)), np.full(3 * length, value)])
    flat = slice(300 + length - 1, None)
    out = compute("bbands", {"close": x}, length=length)
    for name in ("lower", "middle", "upper"):
        assert (out[name][flat] == value).all()
    assert (out["bandwidth"][flat] == 0.0).all()
    assert np.isnan(out["percent_b"][flat]).all()
    assert (compute("sma", {"close": x}, length=length)["value"][flat] == value).all()
    alone = np.full(400, value)
    for name in ("ema", "rma"):
        steady = compute(name, {"close": alone}, length=length)["value"]
        assert (steady[length - 1 :] == value).all()


def test_macd_of_a_flat_market_is_exactly_zero() -> None:
    out = compute("macd", {"close": np.full(100, 0.1)})
    for column in out.values():
        assert (column[33:] == 0.0).all()


def test_macd_seeds_both_averages_on_one_bar() -> None:
    """fast 2, slow 3, signal 2 over 1 2 4 8 0: slow EMA: 7/3, 31/6, 31/12; fast, from bar 1:
    3, 19/3, 19/9; the line appears with its signal at bar 3."""
    out = compute("macd", {"close": [1, 2, 4, 8, 0]}, fast=2, slow=3, signal=2)
    first = 3 - 7 / 3
    second, third = 19 / 3 - 31 / 6, 19 / 9 - 31 / 12
    seed = (first + second) / 2
    signal = seed + (third - seed) * 2 / 3
    np.testing.assert_allclose(out["macd"], [NAN, NAN, NAN, second, third], rtol=1e-13)
    np.testing.assert_allclose(out["signal"], [NAN, NAN, NAN, seed, signal], rtol=1e-13)
    np.testing.assert_allclose(
        out["histogram"], [NAN, NAN, NAN, second - seed, third - signal], rtol=1e-13
    )


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_missing_bar_empties_the_windows_that_hold_it(hole: float) -> None:
    for length in (3, 70):
        x = np.arange(300.0)
        x[150] = hole
        out = compute("sma", {"close": x}, length=length)["value"]
        missing = np.flatnonzero(np.isnan(out[length - 1 :])) + length - 1
        assert missing.tolist() == list(range(150, 150 + length))
        np.testing.assert_allclose(
            out[150 + length :], np.arange(150 + length, 300) - (length - 1) / 2
        )


@pytest.mark.parametrize("name", ["ema", "rma", "rsi", "macd", "cmo", "tsi", "ppo", "trix"])
def test_a_missing_bar_is_passed_over_by_what_remembers(name: str) -> None:
    """Missing on its bar; the rest as if that bar had never been."""
    x = 100 + np.cumsum(np.random.default_rng(3).standard_normal(200))
    holed = np.insert(x, 120, NAN)
    for output, column in compute(name, {"close": holed}).items():
        assert np.isnan(column[120])
        expected = compute(name, {"close": x})[output]
        assert np.delete(column, 120).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "name",
    [
        "ad",
        "adosc",
        "adx",
        "anchored_vwap",
        "atr",
        "dm",
        "heikin_ashi",
        "kc",
        "kvo",
        "natr",
        "obv",
        "psar",
        "session_levels",
        "supertrend",
        "vwap",
    ],
)
def test_what_remembers_passes_over_a_bar_with_anything_missing(name: str) -> None:
    """As if that bar had never been; but adxr, which looks back by bars."""
    spec = get(name)
    bars = market(90, 3)
    given = dict(zip(spec.inputs, rows_of(spec, bars), strict=True))
    plain = compute(name, given)
    for column in spec.inputs:
        if column == "open_ms" or "." in column:
            continue
        holed = {n: np.insert(x, 50, x[49]) for n, x in given.items()}
        holed[column][50] = NAN
        for output, ours in compute(name, holed).items():
            if output in ("adxr", "bars_since_anchor"):
                continue
            assert np.isnan(ours[50])
            assert np.delete(ours, 50).tobytes() == plain[output].tobytes(), (column, output)


def test_long_windows_hold_their_precision() -> None:
    """Against exact rational sums, on prices a billion times their spread."""
    from fractions import Fraction

    rng = np.random.default_rng(11)
    x = 1e6 + np.round(rng.standard_normal(700) * 8) / 1024
    for length in (64, 65, 300):
        out = compute("bbands", {"close": x}, length=length, std=1)
        for t in (length - 1, length, 450, 699):
            window = [Fraction(v) for v in x[t - length + 1 : t + 1]]
            mean = sum(window) / length
            variance = sum((v - mean) ** 2 for v in window) / length
            sigma = float(variance) ** 0.5
            assert out["middle"][t] == pytest.approx(float(mean), rel=1e-15)
            assert out["upper"][t] - out["middle"][t] == pytest.approx(sigma, rel=1e-6)


def test_prices_are_used_as_named() -> None:
    """Covers M4: every source gives its own values; nothing falls back to the close."""
    columns = {"open": [1, 2, 3.0], "high": [4, 5, 9.0], "low": [0, 1, 2.0], "close": [2, 3, 7.0]}
    sums = {name: compute("sma", {name: x}, length=3)["value"][-1] for name, x in columns.items()}
    assert sums == {"open": 2.0, "high": 6.0, "low": 1.0, "close": 4.0}


def test_zlma_carries_the_value_forward_by_its_lag() -> None:
    """Length 3, lag 1: 2x - x[1] of 1 3 2 6 is - 5 1 10; seed 16/3 at bar 3; then 2*4 - 6 = 2."""
    out = compute("zlma", {"close": [1, 3, 2, 6, 4]}, length=3)["value"]
    equal(out, [NAN, NAN, NAN, 16 / 3, 16 / 3 + (2 - 16 / 3) / 2])


def test_vwma_weighs_by_volume_and_is_missing_without_any() -> None:
    bars = {"close": [10, 20, 30, 30], "volume": [1, 3, 0, 0]}
    equal(compute("vwma", bars, length=2)["value"], [NAN, 70 / 4, 20, NAN])


def test_alma_is_a_gaussian_in_the_window() -> None:
    """Length 3, sigma 3, offset 0.5: width 1, centre 1, weights e^-1/2, 1, e^-1/2."""
    side = 0.6065306597126334
    out = compute("alma", {"close": [1, 2, 9]}, length=3, sigma=3, offset=0.5)["value"]
    equal(out, [NAN, NAN, (1 * side + 2 + 9 * side) / (1 + 2 * side)])


def test_hma_rounds_half_and_root_down() -> None:
    """Length 5: half 2, root 2. WMA 5 of 1..6 is 11/3, 14/3; WMA 2 there 14/3, 17/3;
    twice the second less the first: 17/3, 20/3; WMA 2 of those: (17 + 40)/9 = 19/3."""
    out = compute("hma", {"close": [1, 2, 3, 4, 5, 6]}, length=5)["value"]
    equal(out, [NAN] * 5 + [19 / 3])
