"""The run id is the hash of every input and of nothing else. Covers H19."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import canonical_bytes
from engine.play import loads_play
from tasks.identity import differing_inputs, leaves, run_id
from tests.tasks.artifacts import runs

TREE = runs.run_tree()
LEAVES = list(leaves(TREE))

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)


def replaced(tree: Any, pointer: str, value: Any) -> Any:
    tree = copy.deepcopy(tree)
    *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
    holder = tree
    for key in parents:
        holder = holder[int(key)] if isinstance(holder, list) else holder[key]
    holder[int(last) if isinstance(holder, list) else last] = value
    return tree


def removed(tree: Any, pointer: str) -> Any:
    tree = copy.deepcopy(tree)
    *parents, last = pointer.split("/")[1:]
    holder = tree
    for key in parents:
        holder = holder[int(key)] if isinstance(holder, list) else holder[key]
    del holder[int(last) if isinstance(holder, list) else last]
    return tree


def shuffled(value: Any, order: Any) -> Any:
    if isinstance(value, dict):
        return {k: shuffled(value[k], order) for k in order.draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    return value


def test_the_tree_holds_every_input_the_page_names():
    named = {path.split("/")[1] for path, _ in LEAVES}
    assert named >= {"play", "config", "window", "warmup", "timeframes", "data", "instrument"}
    assert named >= {"code", "versions"}
    paths = {path for path, _ in LEAVES}
    assert paths >= {
        "/window/since_ms",
        "/window/until_ms",
        "/data/environment",
        "/data/series/kline 1m/content_sha256",
        "/data/series/kline 1m/days/2026-01-01",
        "/data/generators/0/seed",
        "/code/engine_sha256",
        "/code/lock_sha256",
        "/code/indicators/gap",
        "/versions/python",
        "/versions/numpy",
        "/versions/numba",
    }


@given(st.sampled_from(LEAVES), scalars)
def test_changing_any_leaf_changes_the_id_and_is_named(leaf: tuple[str, Any], value: Any):
    path, old = leaf
    changed = replaced(TREE, path, value)
    same = canonical_bytes(value) == canonical_bytes(old)
    assert (run_id(changed) == run_id(TREE)) == same
    named = differing_inputs(TREE, changed)
    expected = [] if same else [{"leaf": path, "a": old, "b": value, "absent": None}]
    assert named == expected


@given(st.sampled_from([path for path, _ in LEAVES if not path.rsplit("/", 1)[1].isdecimal()]))
def test_removing_any_leaf_changes_the_id_and_is_not_taken_for_null(path: str):
    without = removed(TREE, path)
    assert run_id(without) != run_id(TREE)
    nulled = replaced(TREE, path, None)
    assert run_id(without) != run_id(nulled)
    assert any(d["leaf"] == path and d["absent"] == "b" for d in differing_inputs(TREE, without))


@given(st.data())
def test_order_and_formatting_do_not_change_the_id(data: Any):
    other = shuffled(TREE, data)
    text = json.dumps(other, indent=data.draw(st.integers(0, 4)))
    assert run_id(json.loads(text)) == run_id(TREE)


def test_an_id_is_64_lower_case_hex():
    identity = run_id(TREE)
    assert len(identity) == 64
    assert set(identity) <= set("0123456789abcdef")


def test_h19_identical_rows_of_another_environment_are_another_run():
    live = runs.run_tree(environment="live")
    assert live["data"]["series"] == TREE["data"]["series"]
    assert run_id(live) != run_id(TREE)
    assert differing_inputs(TREE, live) == [
        {"leaf": "/data/environment", "a": "backtest", "b": "live", "absent": None}
    ]


def test_comments_order_and_layout_of_the_play_do_not_change_the_id():
    told_otherwise = """\
# the same play, told otherwise
clock:   1h
market: BTCUSDT
name: sma_cross
description: two averages
series:
    calm: sma( close,   slow )
    quick: sma(close, length=fast)
params:
    slow: 8
    leave: 2%
    fast: 3
risk:
    stop:
        price: leave
    size: { qty: 0.50 }
rules:
    enter_short: cross_below(quick, calm)
    exit_short: cross_above(quick, calm)
    exit_long: cross_below( quick, calm )
    enter_long: cross_above(quick, calm)   # turns up
version: 1
"""
    other = loads_play(told_otherwise, "elsewhere/other.yml")
    assert other.source != runs.PLAY.source
    assert run_id(runs.run_tree(play=other.canonical)) == run_id(TREE)


def test_one_parameter_of_the_play_changes_the_id():
    other = loads_play(runs.PLAY_TEXT, params={"fast": 4})
    assert run_id(runs.run_tree(play=other.canonical)) != run_id(TREE)
