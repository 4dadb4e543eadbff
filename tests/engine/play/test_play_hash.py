"""What the play hash covers: meaning, all of it, and nothing else."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import hash_value
from engine.play import load_play, loads_play
from engine.play.canonical_form import expression_form
from engine.play.text import expression_text

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "plays").glob("*.yml"))

PLAY = """\
version: 1
name: hashed
description: All kinds of meaning in one play.
market: BTCUSDT
clock: 15m
params: { fast: 9, slow: 21, share: 1%, wide: 2.5 }
series:
  ema_f: ema(close, fast)
  ema_s: ema(close, slow)
  ema_h: ema(hl2, 50)@1h
  bb: bbands(close, 20, std=wide)
setups:
  up: close > ema_h and not bb.bandwidth < 1 and macd(close).signal > 0
rules:
  enter_long: up and cross_above(ema_f, ema_s)
  exit_long:
    - { id: under, when: "cross_below(close, bb.lower[1])" }
    - { id: far, when: "30 <= close - ema_s <= 70" }
risk:
  size: { risk: share }
  stop: { atr: 2, of: atr(14) }
  target: { rr: 3, order: market }
"""
HASH = loads_play(PLAY).play_hash


def test_the_hash_is_that_of_the_canonical_form() -> None:
    play = loads_play(PLAY)
    assert play.play_hash == hash_value(play.canonical)
    assert len(play.play_hash) == 64


# -- what does not change it -----------------------------------------------------------------

SAME_MEANING = {
    "comments": ("clock: 15m", "clock: 15m   # a quarter\n# of an hour"),
    "spacing": ("ema(close, fast)", "ema( close ,fast )"),
    "quoting": ("ema(close, slow)", "'ema(close, slow)'"),
    "folding": ("up and cross_above(ema_f, ema_s)", ">\n    up and\n    cross_above(ema_f, ema_s)"),
    "description": ("All kinds of meaning in one play.", "Other words."),
    "parentheses": ("up and cross_above(ema_f, ema_s)", "((up) and (cross_above(ema_f, ema_s)))"),
    "keywords": ("ema(close, fast)", "ema(length=fast, source=close)"),
    "defaults": ("bbands(close, 20, std=wide)", "bbands(close, std=wide, ddof=0, length=20)"),
    "percent as bps": ("share: 1%", "share: 100bps"),
    "decimals": ("wide: 2.5", "wide: 2.50"),
    "exponents": ("wide: 2.5", "wide: 25e-1"),
    "x@clock": ("ema(close, fast)", "ema(close, fast)@15m"),
    "x.value": ("ema(close, fast)", "ema(close, fast).value"),
    "x[0]": ("ema(close, fast)", "ema(close[0], fast)"),
    "between": ("30 <= close - ema_s <= 70", "between(close - ema_s, 30, 70)"),
    "joined": ("30 <= close - ema_s <= 70", "30 <= close - ema_s and close - ema_s <= 70"),
    "prev": ("bb.lower[1]", "prev(bb.lower, 1)"),
    "bars": ("bb.lower[1]", "prev(bb.lower, 15m)"),
    "truth": ("not bb.bandwidth < 1", "(bb.bandwidth < 1) == false"),
    "R as a number": ("rr: 3,", "rr: 3R,"),
    "written defaults": ("risk:\n", "entry: { order: market }\nrisk:\n  leverage: 1\n"),
    "a target in a list": (
        "target: { rr: 3, order: market }",
        "target:\n    - { order: market, rr: 3, close: 100% }",
    ),
    "structured": (
        "up and cross_above(ema_f, ema_s)",
        "{ all: [{ setup: up }, [ema_f, cross_above, ema_s]] }",
    ),
}


@pytest.mark.parametrize("name", SAME_MEANING)
def test_same_meaning_same_hash(name: str) -> None:
    old, new = SAME_MEANING[name]
    assert PLAY.count(old) == 1
    assert loads_play(PLAY.replace(old, new)).play_hash == HASH


@given(st.randoms(use_true_random=False))
def test_key_order_does_not_matter(shuffler: random.Random) -> None:
    def shuffled(node):
        if isinstance(node, dict):
            items = list(node.items())
            shuffler.shuffle(items)
            return {key: shuffled(value) for key, value in items}
        return [shuffled(item) for item in node] if isinstance(node, list) else node

    text = yaml.safe_dump(shuffled(yaml.safe_load(PLAY)), sort_keys=False)
    play = loads_play(text)
    assert play.play_hash == HASH
    assert (play.series, play.setups, play.rules, play.params) == (
        loads_play(PLAY).series,
        loads_play(PLAY).setups,
        loads_play(PLAY).rules,
        loads_play(PLAY).params,
    )


def test_the_file_a_play_is_in_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "other.yml"
    file.write_text(PLAY, encoding="utf-8")
    assert load_play(file).play_hash == HASH


# -- what changes it -------------------------------------------------------------------------

OTHER_MEANING = {
    "name": ("name: hashed", "name: hashed_too"),
    "market": ("BTCUSDT", "ETHUSDT"),
    "clock": ("clock: 15m", "clock: 5m"),
    "a parameter's value": ("fast: 9", "fast: 10"),
    "an unused parameter": ("fast: 9", "fast: 9, more: 1"),
    "a literal for a parameter": ("ema(close, fast)", "ema(close, 9)"),
    "source": ("ema(close, slow)", "ema(open, slow)"),
    "indicator": ("ema(close, slow)", "sma(close, slow)"),
    "an indicator's parameter": ("std=wide", "std=2"),
    "a default overridden": ("std=wide", "std=wide, ddof=1"),
    "timeframe": ("ema(hl2, 50)@1h", "ema(hl2, 50)@2h"),
    "where @ stands": ("bb.lower[1]", "bb.lower[1]@1h"),
    "output": ("bb.lower[1]", "bb.upper[1]"),
    "output of a call": ("macd(close).signal", "macd(close).histogram"),
    "look-back": ("bb.lower[1]", "bb.lower[2]"),
    "comparison": ("close > ema_h", "close >= ema_h"),
    "sides of a comparison": ("close > ema_h", "ema_h < close"),
    "negation": ("not bb.bandwidth", "bb.bandwidth"),
    "junction": ("close > ema_h and", "close > ema_h or"),
    "order of operands": ("up and cross_above(ema_f, ema_s)", "cross_above(ema_f, ema_s) and up"),
    "direction of a cross": ("cross_above(ema_f, ema_s)", "cross_below(ema_f, ema_s)"),
    "a bound": ("<= 70", "<= 71"),
    "the id of an alternative": ("id: under", "id: below"),
    "an id": ("ema_h", "ema_hour"),
    "which rule": ("exit_long:", "enter_short:"),
    "size": ("risk: share", "notional: 100"),
    "stop multiple": ("atr: 2", "atr: 2.1"),
    "stop measure": ("of: atr(14)", "of: atr(15)"),
    "stop kind": ("{ atr: 2, of: atr(14) }", "{ price: 2% }"),
    "target": ("rr: 3", "rr: 4"),
    "target order": ("order: market }", "order: limit }"),
    "no target": ("  target: { rr: 3, order: market }\n", ""),
}


@pytest.mark.parametrize("name", OTHER_MEANING)
def test_other_meaning_other_hash(name: str) -> None:
    old, new = OTHER_MEANING[name]
    assert old in PLAY
    assert loads_play(PLAY.replace(old, new)).play_hash != HASH


def test_the_order_of_alternatives_is_meaning() -> None:
    lines = PLAY.splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if "id: under" in line)
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    assert loads_play("".join(lines)).play_hash != HASH


def test_overrides_are_part_of_the_hash() -> None:
    swept = loads_play(PLAY, params={"fast": 12})
    assert swept.play_hash == loads_play(PLAY.replace("fast: 9", "fast: 12")).play_hash
    elsewhere = loads_play(PLAY, market="ETHUSDT")
    assert elsewhere.play_hash == loads_play(PLAY.replace("BTCUSDT", "ETHUSDT")).play_hash


def test_the_hash_is_the_same_in_another_process() -> None:
    """Hash seed and time zone are facts of a process, not of a play."""
    code = "import sys; from engine.play import load_play; print(load_play(sys.argv[1]).play_hash)"
    path = ROOT / "plays" / "rsi_macd_momentum.yml"
    for seed, zone in (("1", "Asia/Tokyo"), ("77", "America/New_York")):
        environment = dict(os.environ, PYTHONHASHSEED=seed, TZ=zone)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == load_play(path).play_hash


# -- the language as text --------------------------------------------------------------------


def numbers() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(
        ["close", "open", "hl2", "fast", "wide", "3", "0.25", "ema(close, fast)", "bb.lower"]
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(
                lambda t: f"({t[0]}) {t[1]} ({t[2]})"
            ),
            inner.map(lambda x: f"-({x})"),
            inner.map(lambda x: f"({x}) + 2%"),
            inner.map(lambda x: f"(close + ({x}))[2]"),
            inner.map(lambda x: f"prev(close * ({x}), fast)"),
            inner.map(lambda x: f"(close - ({x}))@1h"),
            inner.map(lambda x: f"sma(close + ({x}), 5)"),
        ),
        max_leaves=6,
    )


def conditions() -> st.SearchStrategy[str]:
    compare = st.sampled_from(["<", "<=", ">", ">="])
    leaves = st.one_of(
        st.tuples(numbers(), compare, numbers()).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        st.tuples(numbers(), numbers()).map(lambda t: f"cross_above({t[0]}, {t[1]})"),
        st.tuples(numbers(), numbers(), numbers()).map(
            lambda t: f"(close * ({t[0]})) <= ({t[1]}) < (open + ({t[2]}))"
        ),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda t: f"({t[0]}) {t[1]} ({t[2]})"
            ),
            inner.map(lambda x: f"not ({x})"),
        ),
        max_leaves=4,
    )


@given(conditions())
def test_an_expression_written_back_means_the_same(condition: str) -> None:
    """Text of a tree, parsed again, has the same canonical form: nothing is lost or regrouped."""

    def loaded(expression: str):
        text = PLAY.replace("up and cross_above(ema_f, ema_s)", expression)
        return loads_play(text).rule("enter_long")[0].when

    first = loaded(condition)
    again = loaded(expression_text(first))
    assert expression_form(again) == expression_form(first)


# -- structures, entries, brackets and limits ---------------------------------------------------

FULL = (Path(__file__).parent / "golden" / "full_play.yml").read_text(encoding="utf-8")
FULL_HASH = loads_play(FULL).play_hash

FULL_SAME = {
    "positional arguments": ("swing(left=5, right=5)\n", "swing(5, 5)\n"),
    "defaults of a structure": ("swing=sw)\n  fib", "sw, confirm=close)\n  fib"),
    "ratios as decimals": ("[0.618], 1%", "[0.6180], 100bps"),
    "percent and bps": (
        "near(close, fib.level[0.618], 1%)",
        "near(close, fib.level[0.618], 100bps)",
    ),
    "a duration of bars": ("within(10, ms.bos)", "within(150m, ms.bos)"),
    "within, structured": ("expires: 1h", "expires: 4 bars"),
    "in as or": ("hour in [8, 9]", "(hour == 8 or hour == 9)"),
    "written defaults of entry": ("price: close,", "price: close, tif: gtc, pending: keep,"),
    "the rest of a ladder": ("{ level: sw.high }", "{ level: sw.high, close: 50% }"),
    "by side": ("{ level: sw.high }", "{ level: { long: sw.high } }"),
    "a span": ("max_bars: 1d", "max_bars: 96"),
    "the timeframe of what it hangs on": ("sw, levels=[0.5, 0.618])", "sw, levels=[0.50, 0.618])"),
}


@pytest.mark.parametrize("name", FULL_SAME)
def test_same_meaning_same_hash_of_a_full_play(name: str) -> None:
    old, new = FULL_SAME[name]
    assert FULL.count(old) == 1
    assert loads_play(FULL.replace(old, new)).play_hash == FULL_HASH


FULL_OTHER = {
    "a window": ("within(10", "within(11"),
    "a window's kind": ("within(10", "held(10"),
    "a memory": ("bars_since(ms.choch)", "bars_since(ms.bos)"),
    "an aggregate": ("highest(high, 20)", "lowest(high, 20)"),
    "its count": ("highest(high, 20)", "highest(high, 21)"),
    "a word": ("ms.bias == up", "ms.bias == down"),
    "equality": ("ms.bias == up", "ms.bias != up"),
    "a level": ("near(close, fib.level[0.618]", "near(close, fib.level[0.5]"),
    "a tolerance": ("0.618], 1%)", "0.618], 2%)"),
    "a zone's slot": ("fvg.up[0]", "fvg.up[1]"),
    "a zone's side": ("fvg.up[0]", "fvg.down[0]"),
    "a zone's field": ("fvg.up[0].lower", "fvg.up[0].upper"),
    "a choice": ("[8, 9]", "[8, 10]"),
    "ticks": ("2tick", "3tick"),
    "a position field": ("position.bars > 96", "position.pnl_pct > 96"),
    "a structure's parameter": ("right=5)\n", "right=6)\n"),
    "a structure's timeframe": ("@1d", "@12h"),
    "a structure's source": ("atr=a, keep=3", "atr=atr(15), keep=3"),
    "ratios": ("levels=[0.5, 0.618]", "levels=[0.5, 0.618, 0.7]"),
    "a tag": ("room: hi - close", "room: close - hi"),
    "a tag's name": ("room:", "space:"),
    "how much an exit closes": ("    close: 50%", "    close: 40%"),
    "order": ("order: limit", "order: stop"),
    "price": ("price: close", "price: open"),
    "offset": ("offset: 5bps, expires", "offset: 6bps, expires"),
    "expiry": ("expires: 1h", "expires: never"),
    "time in force": ("expires: 1h", "expires: 1h, tif: post_only"),
    "pending": ("expires: 1h", "expires: 1h, pending: replace"),
    "cancel": ("expires: 1h", "expires: 1h, cancel_when: up"),
    "size": ("margin: 10%", "margin: 11%"),
    "leverage": ("leverage: 3", "leverage: 4"),
    "stop level": ("level: sw.low", "level: sw.high"),
    "stop offset": ("offset: 10bps", "offset: 11bps"),
    "ladder": ("rr: 1, close: 50%", "rr: 1, close: 60%"),
    "runner": ("{ level: sw.high }", "{ level: sw.high, close: 10% }"),
    "break-even": ("at: 1R", "at: 1.1R"),
    "break-even in percent": ("at: 1R", "at: 1%"),
    "break-even offset": ("1R, offset: 5bps", "1R, offset: 6bps"),
    "trail": ("trail: { atr: 3", "trail: { atr: 4"),
    "trail after": ("after: 2R", "after: 3R"),
    "drawdown": ("max_drawdown: 20%", "max_drawdown: 21%"),
    "cooldown": ("cooldown: 5", "cooldown: 6"),
    "time stop": ("max_bars: 1d", "max_bars: 2d"),
    "daily loss": ("daily_loss: 3%", "daily_loss: 4%"),
    "trades a day": ("max_trades_per_day: 4", "max_trades_per_day: 5"),
    "no limits": ("limits:", "#limits:"),
}


@pytest.mark.parametrize("name", FULL_OTHER)
def test_other_meaning_other_hash_of_a_full_play(name: str) -> None:
    old, new = FULL_OTHER[name]
    assert old in FULL
    assert loads_play(FULL.replace(old, new, 1)).play_hash != FULL_HASH


def test_every_condition_of_a_full_play_written_back_means_the_same() -> None:
    play = loads_play(FULL)
    for kind in ("enter_long", "exit_long"):
        for rule in play.rule(kind):
            text = expression_text(rule.when).replace("'", "''")
            side = "close: 50%" if kind == "exit_long" else "tags: { room: hi - close }"
            lines = FULL.split("rules:")[0] + f"rules:\n  {kind}: {{ when: '{text}', {side} }}\n"
            lines += "" if kind == "enter_long" else "  enter_long: up\n"
            again = loads_play(lines + "risk: { size: { qty: 1 }, stop: none }\n")
            assert expression_form(again.rule(kind)[0].when) == expression_form(rule.when)
