"""Covers M10: every declared output of every structure is a value of the language, computed in a
run as the structure itself computes it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.indicators import compute as compute_indicator
from engine.play.ast import Type
from engine.structures import STRUCTURES, compute
from engine.timeframe import Timeframe
from tests.engine.features.samples import features_of, make_bars, play_of

BARS = make_bars(600, seed=11)
COLUMNS = {name: getattr(BARS, name) for name in ("open", "high", "low", "close", "volume")}
ATR = compute_indicator("atr", COLUMNS, length=5)["value"]

#: Parameters without a default, where a structure has any.
REQUIRED = {"swing": "left=2, right=2", "rolling_window": "size=4"}


def declaration(name: str, timeframe: str = "") -> tuple[list[str], dict[str, dict]]:
    """The lines that declare ``name`` as ``x`` with all it hangs on, and its outputs."""
    lines: dict[str, str] = {}
    known: dict[str, dict] = {}

    def declare(kind: str, id: str) -> dict:
        spec = STRUCTURES[kind]
        arguments, sources = [REQUIRED.get(kind, "")], {}
        for source in spec.sources:
            if source.structure:
                below = f"{source.structure[:3]}_{source.structure[-3:]}"
                if below not in known:
                    known[below] = declare(source.structure, below)
                sources[source.name] = known[below]
                arguments.append(f"{source.name}={below}")
            else:
                sources[source.name] = ATR if source.name == "atr" else COLUMNS["close"]
                arguments.append(f"{source.name}={'a' if source.name == 'atr' else 'close'}")
        call = f"{kind}({', '.join(filter(None, arguments))})"
        lines[id] = f"  {id}: '{call}{timeframe}'"
        given = {
            part.split("=")[0]: int(part.split("=")[1])
            for part in filter(None, REQUIRED.get(kind, "").split(", "))
        }
        key = id
        if spec.keyed_by:
            key = next(a.split("=")[1] for a in arguments if a.startswith(f"{spec.keyed_by}="))
        return compute(kind, COLUMNS, sources, key=key, **given)

    outputs = declare(name, "x")
    return ["structures:", *lines.values()], outputs


@pytest.mark.parametrize("name", STRUCTURES)
def test_m10_every_output_is_a_value_of_the_language(name: str) -> None:
    lines, expected = declaration(name)
    series = ["series:", "  a: atr(5)"]
    series += [f"  o{i}: 'x.{output}'" for i, output in enumerate(expected)]
    features = features_of(play_of("close > open", *series, *lines))
    features.advance(BARS, 0, len(BARS))
    names = list(features.plan.values)
    values = features.values(np.arange(len(BARS)))
    for i, (output, column) in enumerate(expected.items()):
        found = values[:, names.index(f"o{i}")]
        np.testing.assert_array_equal(found, column, err_msg=output)


@pytest.mark.parametrize("name", STRUCTURES)
def test_any_split_gives_the_same_state(name: str) -> None:
    lines, expected = declaration(name, "@3m" if name != "rolling_window" else "@5m")
    output = next(iter(expected))
    play = play_of("defined(o)", "series:", "  a: atr(5)", f"  o: 'x.{output}'", *lines)
    whole = features_of(play)
    truth = whole.advance(BARS, 0, 600).truth[2].tolist()
    parts: list[int] = []
    features = features_of(play, capacity=100)
    for lo in range(0, 600, 75):
        parts.extend(features.advance(BARS, lo, lo + 75).truth[2].tolist())
        again = features_of(play, capacity=100)
        again.restore(features.state())
        features = again
    assert parts == truth
    assert features.state() == whole.state()


def test_a_structure_keeps_its_timeframe_wherever_it_is_named() -> None:
    """A 5m swing seen from 1m: held between its closes, as @3m sees it; an event pulses."""
    lines = ["structures:", "  sw: swing(left=1, right=1)@5m"]
    series = ["series:", "  h: sw.high", "  s: sw.high@3m", "  f: sw.new_high"]
    features = features_of(play_of("sw.new_high", *series, *lines))
    block = features.advance(BARS, 0, len(BARS))
    names = list(features.plan.values)
    values = features.values(np.arange(len(BARS)))
    high, fired = values[:, names.index("h")], values[:, names.index("f")]
    slow = values[:, names.index("s")]
    five = {
        "high": COLUMNS["high"].reshape(-1, 5).max(axis=1),
        "low": COLUMNS["low"].reshape(-1, 5).min(axis=1),
        "close": COLUMNS["close"].reshape(-1, 5)[:, -1],
    }
    expected = compute("swing", five, left=1, right=1)
    closes = np.arange(4, 600, 5)  # the clock bar on which each 5m bar closes
    np.testing.assert_array_equal(high[closes], expected["high"])
    np.testing.assert_array_equal(high[closes[:-1] + 3], expected["high"][:-1])  # held
    np.testing.assert_array_equal(fired[closes] == 1, expected["new_high"] == 1)
    assert not (np.delete(fired, closes) == 1).any()
    threes = np.arange(5, 600, 3)  # the last 5m close at or before a 3m one
    np.testing.assert_array_equal(slow[threes], expected["high"][(threes + 1) // 5 - 1])
    assert (block.truth[2] == 2).sum() == (expected["new_high"] == 1).sum()


def test_types_of_outputs_are_those_declared() -> None:
    lines, _ = declaration("market_structure")
    play = play_of("x.bos and x.bias == up", *lines, "series:", "  a: atr(5)")
    assert play.rule("enter_long")[0].when.type is Type.EVENT
    assert play.clock is Timeframe.M1
