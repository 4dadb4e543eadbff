"""Each named shape does what its name says, whatever the seed."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from tasks.generate import generate_market
from tasks.shapes import PATTERNS
from tests.tasks.store.samples import DAY, T0

SEEDS = (0, 1, 2)
DAY_BARS = 1440


def bars(pattern: str, seed: int, days: int = 60) -> Bars:
    return generate_market("BTCUSDT", T0, T0 + days * DAY, seed, pattern).klines


def growth(close: np.ndarray, over: int) -> np.ndarray:
    """close[t + over] / close[t] for every t."""
    return close[over:] / close[:-over]


def spread(market: Bars, over: int) -> np.ndarray:
    """Standard deviation of minute returns in successive stretches of ``over`` bars."""
    r = np.diff(np.log(market.close))
    return r[: len(r) // over * over].reshape(-1, over).std(axis=1)


def test_there_are_at_least_sixteen_shapes_and_each_is_described():
    assert len(PATTERNS) >= 16
    assert all(shape.summary and shape.regimes for shape in PATTERNS.values())
    assert all(len(s.weights) in (0, len(s.regimes)) for s in PATTERNS.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_trends_go_their_way(seed: int):
    up, down = bars("trend_up", seed).close, bars("trend_down", seed).close
    assert up[-1] / up[0] > 1.3
    assert down[-1] / down[0] < 0.8


@pytest.mark.parametrize("seed", SEEDS)
def test_a_range_stays_where_it_began(seed: int):
    close = bars("range", seed).close
    assert 0.9 < close[-1] / close[0] < 1.1
    assert close.min() / close.max() > 0.85


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pattern", ["reversal_up", "reversal_down"])
def test_a_reversal_holds_rises_and_falls_and_begins_with_the_one_it_reverses(
    pattern: str, seed: int
):
    change = growth(bars(pattern, seed).close, 360)
    assert change.max() > 1.03
    assert change.min() < 0.97


def test_which_regime_a_reversal_begins_with():
    """Over many seeds, since the first spell's length is random."""
    first_hours = {
        pattern: [growth(bars(pattern, seed, days=1).close, 120)[0] for seed in range(40)]
        for pattern in ("reversal_up", "reversal_down")
    }
    assert np.median(first_hours["reversal_up"]) < 1 < np.median(first_hours["reversal_down"])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("pattern", "sign"), [("breakout_up", 1), ("breakout_down", -1)])
def test_a_breakout_leaves_a_tight_range_on_its_side(pattern: str, sign: int, seed: int):
    market = bars(pattern, seed)
    assert spread(market, 120).min() < 0.0003  # tight
    hourly = np.log(growth(market.close, 60)) * sign
    assert hourly.max() > 0.015
    assert hourly.max() > -hourly.min()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_squeeze_dries_up_and_bursts(seed: int):
    sizes = spread(bars("squeeze", seed), 120)
    assert sizes.max() / sizes.min() > 6


@pytest.mark.parametrize("seed", SEEDS)
def test_sweeps_pierce_an_extreme_and_close_back_inside(seed: int):
    market = bars("liquidity_sweep", seed, days=20)
    past = np.lib.stride_tricks.sliding_window_view(market.high[:-1], 240).max(axis=1)
    high, close = market.high[240:], market.close[240:]
    assert np.sum((high > past * 1.001) & (close < past)) >= 20


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("pattern", "sign"), [("gap_up", 1), ("gap_down", -1)])
def test_gaps_are_jumps_within_a_minute_to_one_side(pattern: str, sign: int, seed: int):
    minute = np.log(growth(bars(pattern, seed).close, 1)) * sign
    assert np.sum(minute > 0.03) >= 3
    assert np.sum(minute < -0.03) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crash_loses_eight_percent_within_three_hours(seed: int):
    assert growth(bars("crash", seed).close, 180).min() < 0.92


@pytest.mark.parametrize("seed", SEEDS)
def test_a_v_recovery_wins_back_what_it_lost(seed: int):
    close = bars("v_recovery", seed).close
    change = growth(close, 180)
    assert change.min() < 0.95
    assert growth(close, 1440)[int(np.argmin(change)) :].max() > 1.04


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pump_is_dumped(seed: int):
    change = growth(bars("pump_and_dump", seed).close, 120)
    assert change.max() > 1.08
    assert change.min() < 0.93


@pytest.mark.parametrize("seed", SEEDS)
def test_while_halted_nothing_trades_and_no_price_moves(seed: int):
    market = bars("halt", seed)
    still = market.volume == 0
    assert still.sum() > 500
    assert np.all(market.high[still] == market.low[still])
    reopened = np.flatnonzero(still[:-1] & ~still[1:]) + 1
    jumps = market.close[reopened] / market.open[reopened] - 1
    assert np.all(jumps < -0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_whipsaw_moves_much_and_gets_nowhere(seed: int):
    close = bars("whipsaw", seed).close
    walked = np.abs(np.diff(np.log(close))).sum()
    assert abs(np.log(close[-1] / close[0])) / walked < 0.02
    hour = growth(close, 60)
    assert hour.max() > 1.03
    assert hour.min() < 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_stairs_rise_and_rest(seed: int):
    market = bars("stairs_up", seed)
    assert market.close[-1] / market.close[0] > 1.3
    sizes = spread(market, 120)
    assert np.mean(sizes < 0.0003) > 0.2
    assert np.mean(sizes > 0.0004) > 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bleed_falls_without_a_crash(seed: int):
    close = bars("slow_bleed", seed).close
    assert close[-1] / close[0] < 0.75
    assert growth(close, 60).min() > 0.97
