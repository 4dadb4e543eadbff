"""Plays of the predecessor's format become plays of version 1, and say what was wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PlayError
from engine.play import loads_play
from engine.play.predecessor import Imported, import_play

SHARED = Path(os.environ.get("LOCKSTEP_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
OLD_PLAYS = sorted((SHARED / "old_plays").glob("*.yml"))

OLD = """\
version: "3.0.0"
name: "old one"
symbol: "SOLUSDT"
timeframes: { low_tf: "15m", med_tf: "1h", high_tf: "D", exec: "low_tf" }
variables: { ob: 70 }
account: { starting_equity_usdt: 1000.0, max_leverage: 5.0, max_drawdown_pct: 30.0 }
features:
  ema_9: { indicator: ema, params: { length: 9 } }
  ema_50_D: { indicator: ema, params: { length: 50 }, tf: high_tf }
  rsi_14: { indicator: rsi, params: { length: 14 }, source: clsoe }
  bb: { indicator: bbands, params: { length: 20, std: 2.0 } }
  idle: { indicator: sma, params: { length: 3 } }
structures:
  exec:
    - { type: swing, key: swing, params: { left: 5, right: 5 } }
    - { type: trend, key: trend, uses: swing }
    - { type: market_structure, key: ms, uses: swing, params: { confirmation_close: false } }
  high_tf:
    "D":
      - { type: swing, key: swing_D, params: { left: 3, right: 3 } }
      - { type: trend, key: trend_D, uses: [swing_D] }
setups:
  calm: { all: [["rsi_14", "between", [30, "${ob}"]]] }
actions:
  entry_long:
    all:
      - setup: calm
      - ["ms.bos_this_bar", "==", 1]
      - ["ms.bos_direction", "==", "bullish"]
      - ["trend_D.direction", "==", 1]
      - ["close", "near_pct", "ema_50_D", 2.0]
      - occurred_within: { bars: 10, expr: [["ms.choch_this_bar", "==", true]] }
      - count_true: { bars: 20, min_true: 12, expr: [["close", ">", "ema_9"]] }
      - not: { any: [["bb", "<", 1], [{"-": ["close", "ema_9"]}, "<", 0]] }
      - [{ feature_id: ema_9, offset: 2 }, "<", "ema_9"]
  exit_long: [["rsi_14", ">", 80]]
position_policy: { mode: long_only, exit_mode: first_hit }
risk_model:
  stop_loss: { type: atr_multiple, value: 1.5, atr_feature_id: atr_7 }
  take_profit: { type: rr_ratio, value: 3.0 }
  sizing: { model: risk_based, value: 1.0, max_leverage: 5.0 }
"""


def imported(text: str = OLD) -> Imported:
    return import_play(text.encode(), "old.yml")


def noted(play: Imported, kind: str) -> list[str]:
    return [f"{note.path}: {note.message}" for note in play.notes if note.kind == kind]


def test_the_new_play_says_what_the_old_one_meant() -> None:
    one = imported()
    assert one.issues == ()
    play = loads_play(one.text)
    assert (play.name, play.market, play.clock.value) == ("old_one", "SOLUSDT", "15m")
    for line in (
        "  ema_50_D: ema(close, length=50)@1d",
        "  ms: market_structure(swing=swing, confirm=wick)",
        "  trend_D: trend(swing=swing_D)@1d",
        "  calm: 30 <= rsi_14 <= 70",
    ):
        assert line in one.text
    when = " and ".join(
        (
            "calm and ms.bos and ms.bos_direction == up and trend_D.direction == up",
            "near(close, ema_50_D, 2%) and within(10, ms.choch)",
            "count(20, close > ema_9) >= 12",
            "not (bb.lower < 1 or (close - ema_9) < 0) and ema_9[2] < ema_9",
        )
    )
    assert f"  enter_long: {when}\n" in one.text
    assert play.risk.size.kind == "risk"
    assert (play.risk.stop.kind, play.risk.targets[0].kind) == ("atr", "rr")
    assert (play.risk.leverage, play.risk.max_drawdown_pct) == (5, 30)


def test_what_was_ambiguous_or_broken_is_listed_with_its_line() -> None:
    one = imported()
    broken, changed = noted(one, "broken"), noted(one, "changed")
    assert "features.rsi_14: unknown source 'clsoe' silently became close" in broken
    assert any("'atr_7' is not declared" in note for note in broken)
    assert any("bare bbands has several outputs" in note for note in noted(one, "ambiguous"))
    assert any("bandwidth is now" in note for note in changed)
    assert any("trend_D.direction is up, down or none now" in note for note in changed)
    assert any("structures inside windows" in note for note in changed)
    assert any("the risk model was not read by every part" in note for note in changed)
    assert any("features.idle: nothing reads it" in note for note in noted(one, "moved"))
    source = next(note for note in one.notes if "clsoe" in note.message)
    assert (
        source.line == OLD.splitlines().index(next(x for x in OLD.splitlines() if "clsoe" in x)) + 1
    )
    assert list(one.notes) == sorted(one.notes)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("risk_model:\n", "ignored:\n", "stop: none"),
        ("type: atr_multiple, value: 1.5", "type: percent, value: 4", "roi: 4%"),
        ("model: risk_based, value: 1.0", "model: percent_equity, value: 20", "margin: 20%"),
        ("model: risk_based, value: 1.0", "model: fixed_notional, value: 500", "notional: 500"),
        ("mode: long_only", "mode: long_short", "exit_long:"),
        ('"ms.bos_this_bar", "==", 1', '"ms.bos_this_bar", "==", 0', "not ms.bos"),
        ('"trend_D.direction", "==", 1', '"trend_D.direction", ">", 0', "trend_D.direction == up"),
        ('"close", ">", "ema_9"', '"close", "==", "ema_9"', "near(close, ema_9, 0)"),
        ("bars: 10,", "bars: 10, anchor_tf: 1h,", "within(600m, ms.choch)"),
        ("occurred_within: { bars: 10", "holds_for: { bars: 10", "held(10, ms.choch)"),
    ],
)
def test_other_spellings(old: str, new: str, wanted: str) -> None:
    assert OLD.count(old) == 1
    one = imported(OLD.replace(old, new))
    assert wanted in one.text
    assert one.issues == ()


def test_exits_that_never_acted_are_left_out_and_said() -> None:
    one = imported(OLD.replace("exit_mode: first_hit", "exit_mode: sl_tp_only"))
    assert "exit_long" not in one.text
    assert any("sl_tp_only left exit_long without effect" in note for note in noted(one, "broken"))


def test_cases_become_alternatives_with_tags() -> None:
    actions = """\
actions:
  - id: entry
    cases:
      - when: { all: [["close", ">", "ema_9"]] }
        emit:
          - action: entry_long
            metadata: { at: { feature_id: "bb", field: "upper" }, entry_reason: "above" }
      - when: { all: [["rsi_14", "<", 30]] }
        emit: [{ action: entry_short }]
    else: { emit: [{ action: no_action }] }
"""
    begin, end = OLD.index("actions:"), OLD.index("position_policy:")
    text = OLD[:begin] + actions + OLD[end:].replace("long_only", "long_short")
    one = imported(text)
    assert one.issues == ()
    play = loads_play(one.text)
    (long,) = play.rule("enter_long")
    assert (long.id, [name for name, _ in long.tags]) == ("above", ["at"])
    assert play.rule("enter_short")
    assert any("cases were tried in order" in note for note in noted(one, "ambiguous"))


def test_limit_entries() -> None:
    entry = "entry: { order_type: LIMIT, limit_offset_pct: 0.05, expire_after_bars: 3 }\n"
    play = loads_play(imported(OLD + entry).text)
    assert (play.entry.order, play.entry.expires_bars) == ("limit", 3)
    assert (str(play.entry.offset.value), play.entry.offset.unit) == ("0.05", "percent")


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "name: x", "\t", "version: 1\nname: y\n"])
def test_a_file_that_is_no_such_play(text: str) -> None:
    with pytest.raises(PlayError):
        imported(text)


LINES = OLD.splitlines(keepends=True)


@given(
    st.lists(
        st.tuples(st.integers(0, len(OLD)), st.integers(0, 12), st.text(max_size=4)), max_size=4
    )
)
@settings(max_examples=150)
def test_whatever_the_text_an_import_gives_a_play_or_a_typed_error(changes) -> None:
    text = OLD
    for at, span, piece in changes:
        text = text[:at] + piece + text[at + span :]
    try:
        one = import_play(text.encode("utf-8", "surrogatepass"), "old.yml")
    except PlayError:
        return
    assert one.text.startswith("version: 1\n")


@pytest.mark.realdata
@pytest.mark.skipif(not OLD_PLAYS, reason="no ../shared/data/old_plays here")
@pytest.mark.parametrize("path", OLD_PLAYS, ids=lambda path: path.stem)
def test_the_old_plays_are_imported_and_load(path: Path) -> None:
    one = import_play(path.read_bytes(), str(path))
    assert one.issues == ()
    play = loads_play(one.annotated)
    assert play.warnings == ()
    assert play.rules
    assert {note.kind for note in one.notes} & {"ambiguous", "broken", "changed"}
