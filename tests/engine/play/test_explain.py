"""A play in words: every computation, timeframe, warm-up and rule is said."""

from pathlib import Path

import pytest

from engine.play import explain_play, load_play, loads_play
from engine.play.history import history_dependent
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


FULL = (Path(__file__).parent / "golden" / "full_play.yml").read_text(encoding="utf-8")


def test_every_section_is_said_in_words() -> None:
    text = explain_play(loads_play(FULL), {Timeframe.M15: 100})
    for said in (
        "ms = market_structure(swing=sw, confirm=close), on 15m bars",
        "day = swing(left=3, right=3",
        "@1d, on 1d bars, held until the next 1d close",
        "it depends on where history begins",
        "up, a condition: ms.bias equals up and (ms.bos fires) on at least one of the last 10 bars",
        "close is at most 1% from fib.level[0.618]",
        "the number of bars since (ms.choch fires) is above n",
        "records room = hi - close",
        "It closes 50% of the original size, once per position.",
        "Entry: a limit order.",
        "limit price, long: close",
        "moved 0.05% away from the market",
        "gtc, live for 4 bars of the clock",
        "a rule that fires while its order rests keeps it",
        "size: 10% of free margin, times leverage",
        "leverage: 3x",
        "stop: at the level sw.low (long), moved 0.1% away from the market, against the position",
        "target: 1 times the stop distance (R) in profit, limit, closing 50%",
        "break-even: at 1R of profit the stop moves to the entry plus 0.05%",
        "trail: 3 times a now behind the peak once profit reached 2R",
        "max drawdown: 20% below peak equity ends the run",
        "at most 4 entries filled a day (UTC)",
        "no entry in the 5 bars after a position closed",
        "a position is closed after 96 bars",
        "no entry until the next day once a day lost 3%",
    ):
        assert said in text


def test_a_runner_and_other_distances_are_said(plays) -> None:
    risk = (
        "risk:",
        "  size: { qty: 1 }",
        "  stop: { points: 20 ticks }",
        "  target: { roi: 30%, close: 40% }",
        "  trail: { price: 5% }",
    )
    text = explain_play(plays.load("rules: { enter_long: close > open }", risk=risk))
    assert "stop: 20 ticks against the position" in text
    assert "target: 30% of the margin in profit, limit, closing 40%" in text
    assert "runner: 60% of the position has no target" in text
    assert "trail: 5% of the peak behind the peak" in text


def test_what_depends_on_where_history_begins() -> None:
    found = history_dependent(loads_play(FULL))
    assert found == ("bars_since", "fair_value_gap", "fibonacci", "market_structure", "swing")
    assert history_dependent(load_play(PLAYS / "ema_pullback.yml")) == ()
