"""The page's exact rules, one scenario each, on bars small enough to follow by eye."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from engine.indicators import compute, get
from engine.indicators.sessions import DAY, MONTH, WEEK, session_of
from tests.engine.indicators.driving import HOUR_MS

NAN = np.nan
MONDAY_MS = 1_704_067_200_000  # 2024-01-01, a Monday
DAY_MS = 24 * HOUR_MS


def equal(ours: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(ours, expected, rtol=1e-14, atol=1e-14, equal_nan=True)


def halted(bars: int) -> dict[str, np.ndarray]:
    flat = np.full(bars, 3.1)
    return {"open": flat, "high": flat, "low": flat, "close": flat, "volume": np.zeros(bars)}


@pytest.mark.parametrize(
    "name", ["cmo", "tsi", "willr", "stoch", "stochrsi", "cci", "uo", "mfi", "adx", "vortex"]
)
def test_an_oscillator_of_a_halted_coin_is_missing(name: str) -> None:
    """0/0 is no reading: neither 0 nor 50."""
    spec = get(name)
    names = ("close",) if spec.takes_source else spec.inputs
    for column in compute(name, {n: halted(200)[n] for n in names}).values():
        assert np.isnan(column).all()


@pytest.mark.parametrize("name", ["vwma", "cmf", "vwap", "volume_profile", "zscore", "chop"])
def test_without_volume_or_range_there_is_no_quotient(name: str) -> None:
    columns = {**halted(200), "open_ms": MONDAY_MS + HOUR_MS * np.arange(200.0)}
    spec = get(name)
    names = ("close",) if spec.takes_source else spec.inputs
    for column in compute(name, {n: columns[n] for n in names}).values():
        assert np.isnan(column).all()


def test_stochrsi_is_missing_while_the_rsi_only_rounds() -> None:
    """Both averages fall in step while the price rests, so the RSI stays the same in truth."""
    x = np.concatenate(
        [100 + np.cumsum(np.random.default_rng(2).standard_normal(60)), [101.7] * 40]
    )
    x[60:] = x[59]
    k = compute("stochrsi", {"close": x}, length=5, k=1, d=1)["k"]
    assert np.isnan(k[59 + 5 :]).all()
    assert not np.isnan(k[20:60]).any()


def test_mfi_decides_equal_typical_prices_in_ticks() -> None:
    """0.1 + 0.3 + 0.2 and 0.2 + 0.3 + 0.1 are equal in ticks, in floats they are not."""
    high, low, close = [0.3, 0.3, 0.4], [0.1, 0.2, 0.2], [0.2, 0.1, 0.3]
    assert high[0] + low[0] + close[0] != high[1] + low[1] + close[1]
    bars = {"high": high, "low": low, "close": close, "volume": [1, 1, 1]}
    assert compute("mfi", bars, length=2)["value"][2] == 100.0
    kvo = compute("kvo", bars, fast=1, slow=2, signal=1)["kvo"]
    equal(kvo, [NAN, NAN, 1 - 0.5])


def test_kama_has_an_efficiency_of_one_when_nothing_moved() -> None:
    """So after a rest it follows with the fast weight at once: (2/3)^2 of the step."""
    out = compute("kama", {"close": [5, 5, 5, 5, 8]}, length=3, fast=2, slow=30)["value"]
    equal(out, [NAN, NAN, NAN, 5, 5 + 3 * 4 / 9])


def test_aroon_counts_the_newest_of_equals() -> None:
    """Length 4 looks at five bars; the second of two equal highs is 1 bar old, the low 4."""
    out = compute("aroon", {"high": [3, 7, 5, 7, 6], "low": [1, 2, 2, 2, 2]}, length=4)
    assert (out["up"][4], out["down"][4], out["osc"][4]) == (75.0, 0.0, 75.0)


def test_dm_takes_only_the_larger_move_and_none_of_equals() -> None:
    """Moves +2/-1, +1/-1 (equal: none), +0/-3. Length 2: 2; 2 - 1 + 0; 0 - 0 + 3 ..."""
    out = compute("dm", {"high": [10, 12, 13, 13], "low": [8, 7, 6, 3]}, length=2)
    equal(out["dmp"], [NAN, 2, 1, 0.5])
    equal(out["dmn"], [NAN, 0, 0, 3])


def test_natr_is_percent_of_the_close() -> None:
    bars = {"high": [10, 12, 9], "low": [8, 10, 8], "close": [9, 11, 8]}
    equal(compute("natr", bars, length=2)["value"], [NAN, NAN, 100 * 3 / 8])


def test_psar_starts_short_only_after_the_larger_move_down() -> None:
    """Short: the stop is the first high. Long: the first low; a touch already reverses."""
    short = compute("psar", {"high": [10, 9, 9], "low": [8, 6, 5]})
    equal(short["value"], [NAN, 10, 10 + 0.02 * (6 - 10)])
    assert short["direction"].tolist()[1:] == [1.0, 1.0]
    assert short["reversal"].tolist()[1:] == [0.0, 0.0]
    touched = compute("psar", {"high": [10, 12, 12], "low": [8, 9, 8]})
    # long: out 8; a touch of 8 reverses: the stop becomes the highest of the trend
    equal(touched["value"], [NAN, 8, 12])
    assert touched["direction"].tolist()[1:] == [0.0, 1.0]
    assert touched["reversal"].tolist()[1:] == [0.0, 1.0]


def test_psar_speeds_up_by_step_to_max() -> None:
    """Start 0.1, step 0.2, max 0.25: from 1 to 10: 1, 1 + 0.1 * 9 = 1.9, 1.9 + 0.25 * 9.1 ..."""
    bars = {"high": [9, 10, 11, 12], "low": [1, 8, 9, 10]}
    out = compute("psar", bars, start=0.1, step=0.2, max=0.25)["value"]
    second = 1 + 0.1 * (10 - 1)
    third = second + 0.25 * (11 - second)
    equal(out, [NAN, 1, second, third])


def test_supertrend_starts_down_and_flips_on_a_close_beyond() -> None:
    """Length 1, multiplier 1: bands middle +/- true range. Bars 9-11 around 10: upper 12 at bar 1;
    a close of 12 is on the band, one of 12.5 beyond it."""
    bars = {"high": [11, 11, 12, 12.5], "low": [9, 9, 10, 10.5], "close": [10, 10, 12, 12.5]}
    out = compute("supertrend", bars, length=1, multiplier=1)
    assert out["direction"].tolist()[1:] == [1.0, 1.0, 0.0]
    equal(out["trend"], [NAN, 12, 12, 11.5 - 2])  # lower rises to 11.5 - 2 on the flip
    equal(out["short"], [NAN, 12, 12, NAN])
    equal(out["long"], [NAN, NAN, NAN, 9.5])


def test_donchian_says_whether_the_current_bar_counts() -> None:
    bars = {"high": [3, 5, 4, 9], "low": [1, 2, 2, 0]}
    before = compute("donchian", bars, lower_length=2, upper_length=2)
    equal(before["upper"], [NAN, NAN, 5, 5])
    equal(before["lower"], [NAN, NAN, 1, 2])
    current = compute("donchian", bars, lower_length=2, upper_length=2, include_current=True)
    equal(current["upper"], [NAN, 5, 5, 9])
    equal(current["lower"], [NAN, 1, 2, 0])


def test_ichimoku_looks_back_never_ahead() -> None:
    """Displacement 26: spans and lagging_ref are those of 25 bars ago."""
    x = np.arange(120.0)
    out = compute("ichimoku", {"high": x + 1, "low": x - 1, "close": x})
    assert out["conversion"][119] == 119 - 4
    assert out["base"][119] == 119 - 12.5
    assert out["span_a"][119] == 94 - (4 + 12.5) / 2
    assert out["span_b"][119] == 94 - 25.5
    assert out["lagging_ref"][119] == 94


@pytest.mark.parametrize(("scalar", "state"), [(1.5, "on"), (0.5, "off"), (1.0, "no_sqz")])
def test_squeeze_is_strict_on_both_sides(scalar: float, state: str) -> None:
    """Closes 0 8 4 4 4 4 4 4: mean 4, sigma 2. The last true range is 2 about a close of 4, so
    with a scalar of 1 both channels are 2 .. 6: neither inside nor outside."""
    close = np.array([0.0, 8, 4, 4, 4, 4, 4, 4])
    bars = {"high": close + 1, "low": close - 1, "close": close}
    out = compute(
        "squeeze", bars, bb_length=8, bb_std=1, kc_length=1, kc_scalar=scalar, mom_smooth=1,
        mom_length=6,
    )  # fmt: skip
    states = {name: out[name][-1] for name in ("on", "off", "no_sqz")}
    assert states == {name: float(name == state) for name in states}
    assert out["sqz"][-1] == 4 - 8


def test_obv_begins_with_its_first_volume() -> None:
    out = compute("obv", {"close": [5, 6, 6, 4], "volume": [10, 3, 7, 2]})["value"]
    assert out.tolist() == [10, 13, 13, 11]


def test_ad_adds_nothing_in_a_bar_of_no_height() -> None:
    bars = {"high": [4, 5, 6], "low": [2, 5, 2], "close": [4, 5, 3], "volume": [10, 99, 8]}
    assert compute("ad", bars)["value"].tolist() == [10, 10, 10 - 4]
    equal(compute("cmf", bars, length=3)["value"], [NAN, NAN, 6 / 117])


def test_adosc_starts_both_averages_at_the_first_sum() -> None:
    """ad: 10, 10, 6; fast 1: itself; slow 3 (alpha 1/2): 10, 10, 8; out from bar 2."""
    bars = {"high": [4, 5, 6], "low": [2, 5, 2], "close": [4, 5, 3], "volume": [10, 99, 8]}
    equal(compute("adosc", bars, fast=1, slow=3)["value"], [NAN, NAN, 6 - 8])


def bars_from(start_ms: int, step_ms: int, prices: list[float]) -> dict[str, np.ndarray]:
    x = np.array(prices, dtype=np.float64)
    times = start_ms + step_ms * np.arange(len(x), dtype=np.float64)
    return {
        "high": x, "low": x, "close": x, "volume": np.ones(len(x)), "open_ms": times
    }  # fmt: skip


def test_vwap_is_undefined_until_its_session_begins() -> None:
    """From 22:00: two bars of a day known in part, then the day begins."""
    bars = bars_from(MONDAY_MS - 2 * HOUR_MS, HOUR_MS, [1, 2, 3, 5])
    equal(compute("vwap", bars, anchor="D")["value"], [NAN, NAN, 3, 4])
    equal(compute("vwap", bars, anchor="W")["value"], [NAN, NAN, 3, 4])
    equal(compute("vwap", bars, anchor="M")["value"], [NAN, NAN, 3, 4])
    equal(compute("vwap", bars, anchor="none")["value"], [1, 1.5, 2, 2.75])
    whole = bars_from(MONDAY_MS, HOUR_MS, [1, 2])
    equal(compute("vwap", whole, anchor="D")["value"], [1, 1.5])


def test_vwap_weeks_turn_on_monday_and_months_on_their_first() -> None:
    """Twelve-hour bars from Monday 2024-01-01: the week turns after 14 bars, the month after 62;
    2024 is a leap year, so March begins after 62 + 58."""
    bars = bars_from(MONDAY_MS, 12 * HOUR_MS, list(range(130)))
    week = compute("vwap", bars, anchor="W")["value"]
    month = compute("vwap", bars, anchor="M")["value"]
    assert [t for t in range(130) if week[t] == t] == list(range(0, 130, 14))
    assert [t for t in range(130) if month[t] == t] == [0, 62, 120]


def test_session_levels_need_the_whole_day_and_week() -> None:
    """Six-hour bars from Saturday 18:00: Sunday is whole on Monday, the week on the next."""
    bars = bars_from(MONDAY_MS - 30 * HOUR_MS, 6 * HOUR_MS, list(range(1, 40)))
    out = compute("session_levels", {name: bars[name] for name in ("high", "low", "open_ms")})
    equal(out["current_day_high"][:7], [NAN, 2, 3, 4, 5, 6, 7])
    equal(out["current_day_low"][:7], [NAN, 2, 2, 2, 2, 6, 6])
    equal(out["prev_day_high"][:10], [NAN] * 5 + [5] * 4 + [9])
    equal(out["prev_day_low"][:10], [NAN] * 5 + [2] * 4 + [6])
    assert np.isnan(out["prev_week_high"][: 5 + 28]).all()
    assert (out["prev_week_high"][33:] == 33).all()
    assert (out["prev_week_low"][33:] == 6).all()


def test_a_session_whose_first_bars_are_absent_is_whole_all_the_same() -> None:
    """The day before was seen, so nothing of the new one lies before history."""
    bars = bars_from(MONDAY_MS - 2 * HOUR_MS, HOUR_MS, [1, 2, 3, 4, 5])
    gappy = {name: np.delete(column, 2) for name, column in bars.items()}
    equal(compute("vwap", gappy, anchor="D")["value"], [NAN, NAN, 4, 4.5])
    levels = compute("session_levels", {name: gappy[name] for name in ("high", "low", "open_ms")})
    equal(levels["current_day_high"], [NAN, NAN, 4, 5])


def test_days_weeks_and_months_are_those_of_the_calendar() -> None:
    """Every day from 1970 to 2100, the leap day of 2000 and none in 2100 among them."""
    epoch = date(1970, 1, 1)
    for number in range(47_847):
        day = epoch + timedelta(days=number)
        midnight = float(number * DAY_MS)
        assert session_of(midnight, MONTH) == (day.year * 12 + day.month - 1, day.day == 1)
        assert session_of(midnight, DAY) == (number, True)
        week, opens = session_of(midnight, WEEK)
        assert (week, opens) == ((number + 3) // 7 - 1, day.weekday() == 0)
        assert not any(session_of(midnight + 60_000, kind)[1] for kind in (DAY, WEEK, MONTH))


def anchored(versions: list[float]) -> dict[str, np.ndarray]:
    x = np.arange(1.0, len(versions) + 1)
    columns = {"high": x, "low": x, "close": x, "volume": np.ones(len(x))}
    zero = np.zeros(len(x))
    names = ("high_version", "low_version", "version", "pair_version")
    swing = {f"swing.{name}": zero for name in names}
    return {**columns, **swing, "swing.high_version": np.array(versions)}


def test_c4_anchored_vwap_is_ready_but_undefined_before_an_anchor() -> None:
    """Covers C4: readiness is a declared count of bars (0), not the first value."""
    spec = get("anchored_vwap")
    assert spec.first_valid(spec.resolve({})) == 0
    assert all(output.undefined for output in spec.outputs)
    out = compute("anchored_vwap", anchored([0, 0, 1, 1, 1, 2]), source="high")
    equal(out["value"], [NAN, NAN, 3, 3.5, 4, 6])
    equal(out["bars_since_anchor"], [NAN, NAN, 0, 1, 2, 0])
    never = compute("anchored_vwap", anchored([0, 0, 1, 1, 1, 2]), source="low")
    assert np.isnan(never["value"]).all()


def test_profile_spreads_volume_evenly_and_ends_on_edges() -> None:
    """Range 0..10 in five buckets of 2. Bar 0..4 touches two (its top is the edge of the third),
    bar 4..10 three, bar 6..6 the fourth: held 3 3 2 2+5 2."""
    bars = {"high": [4, 10, 6], "low": [0, 4, 6], "close": [1, 9, 6], "volume": [6, 6, 5]}
    out = compute("volume_profile", bars, length=3, buckets=5, value_area=50)
    last = {name: column[-1] for name, column in out.items()}
    # poc bucket 6..8 with 7 of 17; wanted 8.5; neighbours 2 and 2: the upper one; 9
    assert last == {
        "poc": 7.0, "vah": 10.0, "val": 6.0, "poc_volume": 7.0, "above_poc": 0.0,
        "in_value_area": 1.0,
    }  # fmt: skip


def test_profile_of_one_price_is_that_price() -> None:
    flat = [3.1, 3.1]
    bars = {"high": flat, "low": flat, "close": flat, "volume": [2, 3]}
    out = compute("volume_profile", bars, length=2)
    assert [column[-1] for column in out.values()] == [3.1, 3.1, 3.1, 5.0, 0.0, 1.0]


def test_profile_takes_the_lowest_of_equal_buckets_as_its_point_of_control() -> None:
    bars = {"high": [1, 4], "low": [0, 3], "close": [1, 3], "volume": [5, 5]}
    out = compute("volume_profile", bars, length=2, buckets=4, value_area=60)
    assert out["poc"][-1] == 0.5
    # 5 of 10, wanted 6: empty neighbours first, then the far bucket
    assert (out["val"][-1], out["vah"][-1]) == (0.0, 4.0)


def test_anchored_profile_holds_at_most_its_length_since_the_anchor() -> None:
    bars = anchored([0, 1, 1, 1, 1, 1])
    out = compute("anchored_volume_profile", bars, source="high", length=3, buckets=2)
    total = {"poc_volume": out["poc_volume"].tolist()}
    # bars 2 | 2 3 | 2 3 4 | 3 4 5 | 4 5 6: one price each, the middle one in the lower bucket
    assert total["poc_volume"][1:] == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert np.isnan(total["poc_volume"][0])
    equal(out["bars_since_anchor"], [NAN, 0, 1, 2, 3, 4])


def test_heikin_ashi_opens_in_the_middle_of_the_bar_before() -> None:
    bars = {"open": [10, 12], "high": [14, 13], "low": [8, 12], "close": [12, 13]}
    out = compute("heikin_ashi", bars)
    assert out["open"].tolist() == [11, 11]
    assert out["close"].tolist() == [11, 12.5]
    assert out["high"].tolist() == [14, 13]
    assert out["low"].tolist() == [8, 11]


def test_ppo_and_trix_have_an_ema_as_their_signal() -> None:
    """Of a straight line: trix 100 / E[1] of the lagged line; ppo with lengths 1 and 2."""
    out = compute("ppo", {"close": [4, 8, 2]}, fast=1, slow=2, signal=2)
    slow = [6, 6 + (2 - 6) * 2 / 3]
    line = [100 * (8 - 6) / 6, 100 * (2 - slow[1]) / slow[1]]
    equal(out["ppo"], [NAN, *line])
    equal(out["signal"], [NAN, NAN, sum(line) / 2])
    equal(out["histogram"], [NAN, NAN, line[1] - sum(line) / 2])
    trix = compute("trix", {"close": [4, 5, 8, 4]}, length=1, signal=2)
    equal(trix["trix"], [NAN, 25, 60, -50])
    equal(trix["signal"], [NAN, NAN, 42.5, 42.5 + (-50 - 42.5) * 2 / 3])


def test_fisher_floors_its_range_relative_to_the_price() -> None:
    """A step of 1e-9 in 100 is far below the floor 1e-6 * 100: hardly half of the range."""
    high = np.array([100.0, 100.0, 100.0 + 1e-9])
    out = compute("fisher", {"high": high, "low": high}, length=2, signal=1)["fisher"]
    first = -0.33  # p = 0 - 1/2: v = 0.66 p
    one = np.arctanh(first)
    place = (high[2] - 100.0) / (1e-6 * high[2]) - 0.5
    two = np.arctanh(0.66 * place + 0.67 * first) + one / 2
    np.testing.assert_allclose(out[1:], [one, two], rtol=1e-12)
