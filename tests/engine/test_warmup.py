"""H2: one plan of how much history a play needs, per timeframe, for everyone who asks."""

from __future__ import annotations

import math

import pytest

from engine import Engine, Instrument, loads_play
from engine.errors import ConfigError
from engine.features import compile_features
from engine.timeframe import Timeframe

THREE = """
version: 1
name: three
market: BTCUSDT
clock: {clock}
series:
  low_tf: sma(close, {low})
  med_tf: sma(close, {med})@1h
  high_tf: sma(close, {high})@4h
rules:
  enter_long: close > low_tf and close > med_tf and close > high_tf
risk: {{ size: {{ qty: 1 }}, stop: none }}
"""


def plan(**bars: int):
    play = loads_play(THREE.format(clock="5m", **bars))
    return compile_features(play, Timeframe.M1)


def test_h2_each_timeframe_has_its_own_bars():
    found = plan(low=20, med=50, high=30).warmup
    assert found.bars == {Timeframe.M5: 20, Timeframe.H1: 50, Timeframe.H4: 30}
    # Four-hour bars reach furthest back: thirty of them and the one history may begin inside of.
    assert found.base_bars >= 30 * 240
    assert found.base_bars <= 33 * 240


def test_h2_the_engine_and_the_backtest_read_the_same_plan():
    play = loads_play(THREE.format(clock="5m", low=20, med=50, high=30))
    engine = Engine(play, Instrument.default("BTCUSDT"))
    assert engine.warmup.to_dict() == compile_features(play, Timeframe.M1).warmup.to_dict()


@pytest.mark.parametrize("weight", [1e-1, 1e-3, 1e-6])
def test_an_exponential_average_warms_up_until_its_seed_weighs_less_than_asked(weight: float):
    play = loads_play(
        "version: 1\nname: e\nmarket: BTCUSDT\nclock: 1m\n"
        "rules: { enter_long: 'close > ema(close, 100)' }\n"
        "risk: { size: { qty: 1 }, stop: none }\n"
    )
    bars = compile_features(play, Timeframe.M1, weight).warmup.bars[Timeframe.M1]
    decay = math.ceil(math.log(1 / weight) * 101 / 2)
    assert bars == max(100, decay)


def test_chained_features_add_up_and_looking_back_adds_its_bars():
    play = loads_play(
        "version: 1\nname: c\nmarket: BTCUSDT\nclock: 1m\n"
        "series: { a: 'sma(close, 10)', b: 'sma(a, 5)' }\n"
        "rules: { enter_long: 'b[3] < b and cross_above(a, b)' }\n"
        "risk: { size: { qty: 1 }, stop: none }\n"
    )
    found = compile_features(play, Timeframe.M1).warmup
    assert found.bars == {Timeframe.M1: 10 + 4 + 3}
    assert found.base_bars == 16


def test_a_clock_that_is_not_made_of_whole_base_bars_is_refused():
    play = loads_play(THREE.format(clock="5m", low=2, med=2, high=2))
    with pytest.raises(ConfigError, match="whole 3m bars"):
        compile_features(play, Timeframe.M3)
