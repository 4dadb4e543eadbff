"""A play read with many sets of parameters is, for each, the play its file gives with that set."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PlayError
from engine.features import compile_features
from engine.features.compiler import compile_together
from engine.play import Play, loads_play, vary_play
from engine.timeframe import Timeframe

#: Parameters in every place that takes one, and definitions named in every way: plainly, by an
#: output, as a structure, under ``@``, by another name.
SOURCE = """
version: 1
name: varied
market: BTCUSDT
clock: 15m
params:
  { fast: 5, slow: 20, left: 3, reach: 14, near: 0.4%, back: 2, zone: 0, kept: 3, level: 0.5,
    risk: 1%, stop: 2, reward: 2, share: 50%, hold: 40, trades: 3, wait: 1h, unused: 1 }
series:
  fast_line: ema(close, fast)
  slow_line: ema(close, slow)
  slow_held: slow_line@4h
  bands: bbands(close, reach, std=level)
  again: bands.upper
  gap_size: abs(fast_line - slow_line[back])
structures:
  sw: swing(left=left, right=3)
  ms: market_structure(swing=sw)
  gap: fair_value_gap(atr=atr(reach), min_gap_atr=0.2, keep=kept)
setups:
  turned: close > open and within(left, fast_line > slow_line)
  side: ms.bias == up
rules:
  enter_long:
    - { id: crossed, when: "cross_above(fast_line, slow_line) and close > slow_held",
        tags: { size: gap_size / level } }
    - { id: turned, when: "turned and side and near(low, sw.low, near)" }
    - { id: filled, when: "low < gap.up[zone].upper" }
  enter_short: close > again and ema(close, fast)@1h > slow_line
  exit_long: { when: position.bars > back and close < slow_line, close: share }
entry: { order: limit, price: { long: close - gap_size, short: bands.upper }, expires: hold }
risk:
  size: { risk: risk }
  stop: { atr: stop, of: atr(reach) }
  target: [{ rr: 1, close: share }, { rr: reward }]
  trail: { price: near, after: 1R }
limits: { cooldown: wait, max_bars: hold, max_trades_per_day: trades }
"""

GOOD: dict[str, list[Any]] = {
    "fast": [3, 5, "5", 8],
    "slow": [20, 34],
    "left": [2, 3],
    "reach": [7, 14],
    "near": ["0.4%", "0.40%", "40bps"],
    "back": [0, 1, 2],
    "zone": [0, 1],
    "kept": [2, 3],
    "level": [0.5, "0.50", 1, "2.0"],
    "risk": ["1%", "0.5%"],
    "stop": [2, "2.5"],
    "reward": [2, "3R"],
    "share": ["50%", "30%"],
    "hold": [40, "10"],
    "trades": [3, 4],
    "wait": ["1h", "30m"],
    "unused": [1, 2.5],
}
#: Of each the wrong kind, out of bounds, or not written as anything.
BAD: dict[str, list[Any]] = {
    "fast": [0, 1.5, "x", 10**9],
    "left": [0, "2%"],
    "near": ["140%", 3],
    "back": [-1, 5001],
    "zone": [99],
    "level": ["1%"],
    "share": ["0%", "100%"],
    "hold": [0],
    "wait": ["7m"],
    "nothing": [1],
}


def sets_of(values: dict[str, list[Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    one_each = {name: st.sampled_from(allowed) for name, allowed in values.items()}
    return st.lists(st.sampled_from(sorted(values)), max_size=most, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: one_each[name] for name in names})
    )


def load(params: dict[str, Any]) -> Play | list[Any]:
    try:
        return loads_play(SOURCE, "varied.yml", params=params)
    except PlayError as error:
        return list(error.issues)


PLAY = loads_play(SOURCE, "varied.yml")


@given(st.lists(sets_of(GOOD, 5), min_size=1, max_size=12))
@settings(max_examples=20)
def test_each_is_the_play_its_file_gives(sets: list[dict[str, Any]]) -> None:
    loaded = [load(params) for params in sets]
    good = [play for play in loaded if isinstance(play, Play)]
    params = [own for own, play in zip(sets, loaded, strict=True) if isinstance(play, Play)]
    varied = vary_play(PLAY, params)
    # The same down to how numbers are written, which equality of numbers does not tell.
    assert [repr(play) for play in varied] == [repr(play) for play in good]
    assert [play.play_hash for play in varied] == [play.play_hash for play in good]
    assert [play.warnings for play in varied] == [play.warnings for play in good]


@given(st.lists(sets_of(GOOD, 3), max_size=5), sets_of(GOOD, 3), sets_of(BAD, 3))
@settings(max_examples=40)
def test_a_bad_set_is_refused_as_its_own_file_is(
    before: list[dict[str, Any]], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    sets = [*before, {**good, **bad}]
    first = next((found for params in sets if not isinstance(found := load(params), Play)), None)
    if first is None:
        assert len(vary_play(PLAY, sets)) == len(sets)
        return
    with pytest.raises(PlayError) as error:
        vary_play(PLAY, sets)
    assert list(error.value.issues) == first


def test_a_name_is_read_again_when_what_it_opens_is_another() -> None:
    """``gap.up[2]`` is there while three gaps are kept, and not while two are."""
    sets = [{"zone": 2}, {"zone": 2, "kept": 2}]
    assert isinstance(load(sets[0]), Play)
    with pytest.raises(PlayError, match=r"has no \[2\]|has no \[zone\]") as error:
        vary_play(PLAY, sets)
    assert list(error.value.issues) == load(sets[1])


@given(st.lists(sets_of({"fast": [3, 8], "slow": [3, 34]}, 2), min_size=2, max_size=6))
@settings(max_examples=15)
def test_plays_compiled_together_compute_what_each_does_alone(sets: list[dict[str, Any]]) -> None:
    """Node by node, down to what it is made of; one for all that have it, unless it hangs on the
    position."""
    plays = vary_play(PLAY, sets)
    together = compile_together(plays, Timeframe.M1)
    alone = [compile_features(play, Timeframe.M1) for play in plays]

    def written(plan: Any, place: int) -> tuple[Any, ...]:
        node = plan.nodes[place]
        args = tuple(written(plan, arg) if arg >= 0 else () for arg in node.args)
        own = node.kind, node.timeframe, node.op, node.n, node.name, node.params, node.late
        return *own, repr(node.value), args

    for shared, own in zip(together, alone, strict=True):
        for kind, alternatives in zip(shared.rules, own.rules, strict=True):
            assert [written(shared, i) for i in kind] == [written(own, i) for i in alternatives]
        assert {name: written(shared, i) for name, i in shared.values.items()} == {
            name: written(own, i) for name, i in own.values.items()
        }
        assert {row: written(shared, i) for row, i in shared.measures.items()} == {
            row: written(own, i) for row, i in own.measures.items()
        }
        assert [written(shared, i) for i in shared.late] == [written(own, i) for i in own.late]
        assert own.late
    early = [written(together[0], i) for i, n in enumerate(together[0].nodes) if not n.late]
    assert len(set(early)) == len(early)
    lates = [place for plan in together for place in plan.late]
    assert len(set(lates)) == len(lates)
    for timeframe in Timeframe:
        bars = max(plan.history.get(timeframe, 0) for plan in alone)
        assert together[0].history.get(timeframe, 0) == bars
