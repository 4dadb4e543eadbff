"""A play's project: the indicators of its files, and every way in which a project can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine import Bars, Engine, Instrument, load_play, loads_play
from engine.errors import PlayError
from engine.play import PlayIssue
from tests.engine.projects import GAP, PLAY, project

TEN_LINES = Path(__file__).parents[3] / "plays" / "ten_lines.yml"


def refused(play: Path) -> PlayIssue:
    """The one problem that the play is refused for."""
    with pytest.raises(PlayError) as caught:
        load_play(play)
    (issue,) = caught.value.issues
    assert isinstance(issue, PlayIssue)
    return issue


def hourly(opens: list[float], closes: list[float]) -> Bars:
    """Bars from 2024-01-01 on."""
    o, c = np.array(opens), np.array(closes)
    start = 1_704_067_200_000
    return Bars(
        open_ms=start + 3_600_000 * np.arange(len(o), dtype=np.int64),
        open=o,
        high=np.maximum(o, c),
        low=np.minimum(o, c),
        close=c,
        volume=np.ones(len(o)),
    )


def actions(play: Path) -> list[str]:
    engine = Engine(load_play(play), Instrument.default("BTCUSDT"), base_timeframe="1h")
    bars = hourly([100, 100.0, 99.0, 101.0, 101.0], [100, 100.0, 100.0, 101.0, 101.0])
    return [decision.action for decision in engine.advance(bars)]


def test_a_play_computes_with_its_projects_indicator(tmp_path: Path):
    """By hand: the third open lies 1 below the close before it, no other open below its own; told
    of no fill the engine stays flat, so the gap up of the fourth bar has nothing to close."""
    assert actions(project(tmp_path, gap=GAP)) == ["none", "none", "enter_long", "none", "none"]


def test_two_projects_with_one_name_do_not_mix(tmp_path: Path):
    """One name, two files, one process, in turn: each play has its own."""
    here = project(tmp_path / "a", gap=GAP)
    there = project(tmp_path / "b", gap=GAP.replace("FACTOR, NAN = 1.0", "FACTOR, NAN = -1.0"))
    plain = ["none", "none", "enter_long", "none", "none"]
    mirrored = ["none", "none", "none", "enter_long", "none"]
    assert [actions(here), actions(there), actions(here)] == [plain, mirrored, plain]
    a, b = load_play(here), load_play(there)
    assert a.play_hash != b.play_hash
    assert a.indicators[0].sha256 != b.indicators[0].sha256


def test_a_play_of_another_folder_does_not_know_the_name(tmp_path: Path):
    project(tmp_path, gap=GAP)
    below = tmp_path / "below" / "play.yml"
    below.parent.mkdir()
    below.write_text(PLAY, encoding="utf-8")
    with pytest.raises(PlayError) as caught:
        load_play(below)
    assert {issue.code for issue in caught.value.issues} == {"CALL_UNKNOWN"}
    with pytest.raises(PlayError):
        loads_play(PLAY, str(tmp_path / "play.yml"))


def test_a_play_that_calls_none_of_it_has_the_hash_it_has_elsewhere(tmp_path: Path):
    inside = project(tmp_path, TEN_LINES.read_text(encoding="utf-8"), gap=GAP)
    assert load_play(inside).play_hash == load_play(TEN_LINES).play_hash
    assert load_play(inside).indicators == ()
