"""A play in words: every computation, timeframe, warm-up and rule is said."""

from pathlib import Path

import pytest

from engine.play import explain_play, load_play
from engine.timeframe import Timeframe

PLAYS = Path(__file__).parents[3] / "plays"


def test_pullback_in_words() -> None:
    text = explain_play(
        load_play(PLAYS / "ema_pullback.yml"), {Timeframe.H1: 173, Timeframe.M15: 90}
    )
    for said in (
        "Trades BTCUSDT; rules are evaluated when a 15m bar closes",
        "ema_h = ema(close, length=trend)@1h, on 1h bars, held until the next 1h close",
        "ema_f = ema(close, length=fast), on 15m bars",
        "uptrend, a condition: close is above ema_h and (close is above close[1]) on closed 1h",
        "enter_long: Buys, when flat, when uptrend holds and ema_f crosses above ema_s.",
        "exit_long: Leaves a long position when close crosses below ema_h.",
        "  15m: 90\n  1h: 173",
        "size: what loses 1% of equity at the stop",
        "stop: 2 times atr14 at the entry signal against the position",
        "target: 2 times the stop distance (R) in profit, limit",
        "When both entries are true on one close, neither fires.",
    ):
        assert said in text


def test_alternatives_and_missing_sides_are_said() -> None:
    text = explain_play(load_play(PLAYS / "rsi_macd_momentum.yml"))
    assert "on the first of these that is true:" in text
    assert "cross_with_room: momentum.macd crosses above momentum.signal and 50 is" in text
    assert "Never short." in text
    assert "Warm-up" not in text


def test_no_stop_is_said() -> None:
    assert "stop: none, by the author's choice" in explain_play(
        load_play(PLAYS / "sma_always_in.yml"), {}
    )


@pytest.mark.parametrize("path", sorted(PLAYS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_series_setup_rule_and_parameter_is_named(path: Path) -> None:
    play = load_play(path)
    text = explain_play(play, {play.clock: 100})
    for id, _ in (*play.params, *play.series, *play.setups, *play.rules):
        assert id in text
    assert play.play_hash in text
