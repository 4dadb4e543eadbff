"""The benchmarks run: our side of them, on little data, without a time asserted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import data
from benchmarks.rows import Row, five_indicators, same_entries
from benchmarks.workers import WIDE, Worker
from engine import load_play
from engine.play.ast import Call


def test_our_side_answers_alike_every_time(tmp_path: Path):
    worker = Worker.start("lockstep", data.write(tmp_path, 20_000), 2.0, 4.0)
    first, second = worker.run(), worker.run()
    assert first["trades"] == second["trades"] > 10
    assert first["seconds"] > 0
    assert worker.stop() > 0


def test_the_wide_play_has_twenty_features_and_thirty_conditions_and_trades(tmp_path: Path):
    play = load_play(WIDE)
    assert play.clock.value == "15m"
    assert len(play.series) == 20
    conditions = 0
    for kind in ("enter_long", "enter_short"):
        (rule,) = play.rule(kind)
        assert isinstance(rule.when, Call)
        assert rule.when.op == "and"
        conditions += len(rule.when.args)
    assert conditions == 30
    worker = Worker.start("lockstep wide", data.write(tmp_path, 60_000), 2.0, 4.0)
    assert worker.run()["trades"] > 10
    worker.stop()


def test_the_bars_are_possible_and_the_same_every_time():
    one, two = data.bars(5_000), data.bars(5_000)
    assert all((one[name] == two[name]).all() for name in one)
    assert (one["open"][1:] == one["close"][:-1]).all()
    assert (one["low"] <= one["close"]).all()
    assert (one["high"] >= one["open"]).all()


@pytest.mark.parametrize(
    ("value", "more", "verdict"),
    [(16, True, "goal"), (8, True, "ok"), (5, True, "below"), (5, False, "goal"),
     (8, False, "below")],
)  # fmt: skip
def test_a_figure_is_judged_by_goal_and_bound(value: float, more: bool, verdict: str):
    goal, bound = (15, 6) if more else (6, 7)
    assert Row("x", value, "x", goal, bound, more_is_better=more).verdict == verdict


def test_the_peers_lock_is_pinned_by_hash_and_names_no_address():
    text = (Path(__file__).resolve().parents[2] / "benchmarks" / "requirements.lock").read_text()
    assert not re.search(r"https?:|--index|--find-links", text)
    pins = re.findall(r"^[a-z0-9][\w.-]*==\S+ \\$", text, re.M | re.I)
    assert len(pins) > 30
    assert {"vectorbt==1.2.0 \\", "backtesting==0.6.6 \\"} <= set(pins)


def test_the_halves_of_a_sweep_are_the_whole(tmp_path: Path):
    file = data.write(tmp_path, 2_000)
    names = ("lockstep sweep", "lockstep sweep, first half", "lockstep sweep, second half")
    whole, *halves = (Worker.start(name, file, 2.0, 4.0) for name in names)
    for half in halves:
        half.begin()
    found = [half.answer()["entries"] for half in halves]
    assert found[0] + found[1] == whole.run()["entries"]
    assert all(found)
    assert all(worker.stop() > 0 for worker in (whole, *halves))


def test_entries_are_compared_one_by_one():
    assert same_entries({1, 2, 3}, {1, 2, 3}) == "trades 3 / 3, the same"
    assert same_entries({1, 2, 3}, {1, 4}) == "trades 3 / 2, 1 the same"


def test_five_indicators_are_those_of_talib_and_measured_in_every_way(
    monkeypatch: pytest.MonkeyPatch,
):
    """The outputs are compared before anything is timed."""
    monkeypatch.setattr(data, "YEAR_BARS", 4_000)
    rows = list(five_indicators(1))
    assert len(rows) == 4
    assert all(row.value > 0 for row in rows)
    assert [row.bound for row in rows] == [1.3, None, None, None]
