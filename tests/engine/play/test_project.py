"""A play's project: the indicators of its files, and every way in which a project can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine import Bars, Engine, Instrument, load_play, loads_play
from engine.errors import PlayError
from engine.play import PlayIssue, explain_play
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


BAD_PROJECTS = {
    "an unknown key": (
        "version: 1\nindicators: [gap.py]\nindicator: x\n",
        ("KEY_UNKNOWN", "indicator", 3, "did you mean 'indicators'?"),
    ),
    "no version": ("indicators: [gap.py]\n", ("KEY_MISSING", "version", 1, "the project needs")),
    "another version": (
        "version: 2\nindicators: [gap.py]\n",
        ("VALUE_INVALID", "version", 1, "write version: 1"),
    ),
    "no indicators": ("version: 1\n", ("KEY_MISSING", "indicators", 1, "the project needs")),
    "no list": ("version: 1\nindicators: gap.py\n", ("SHAPE", "indicators", 2, "list of files")),
    "a map in the list": (
        "version: 1\nindicators:\n  - { file: gap.py }\n",
        ("SHAPE", "indicators[0]", 3, "a single value is due"),
    ),
    "no map": ("- gap.py\n", ("SHAPE", "", 1, "a project is a map")),
    "no YAML": ("version: [\n", ("YAML_SYNTAX", "", 2, "")),
    "a file that is not there": (
        "version: 1\nindicators:\n  - gap.py\n  - gone.py\n",
        ("INDICATOR_FILE", "indicators[1]", 4, "there is no file"),
    ),
    "a folder": ("version: 1\nindicators: [sub.py]\n", ("INDICATOR_FILE", "indicators[0]", 2, "")),
    "no Python file": (
        "version: 1\nindicators: [gap.txt]\n",
        ("VALUE_INVALID", "indicators[0]", 2, "is no Python file"),
    ),
    "an absolute path": (
        "version: 1\nindicators: [/gap.py]\n",
        ("VALUE_INVALID", "indicators[0]", 2, "from the project's folder"),
    ),
    "a file twice": (
        "version: 1\nindicators: [gap.py, ./gap.py]\n",
        ("VALUE_INVALID", "indicators[1]", 2, "gap.py stands twice"),
    ),
    "not UTF-8": (
        "version: 1\nindicators: [latin.py]\n",
        ("INDICATOR_FILE", "indicators[0]", 2, "is not UTF-8"),
    ),
    "too large": (
        "version: 1\nindicators: [large.py]\n",
        ("INDICATOR_FILE", "indicators[0]", 2, "is larger than"),
    ),
}


@pytest.mark.parametrize("name", BAD_PROJECTS)
def test_a_bad_project_is_refused_at_its_place(tmp_path: Path, name: str):
    text, (code, path, line, words) = BAD_PROJECTS[name]
    play = project(tmp_path, gap=GAP)
    (tmp_path / "sub.py").mkdir()
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9\n")
    (tmp_path / "large.py").write_bytes(b"#" * 300_000)
    (tmp_path / "project.yml").write_text(text, encoding="utf-8")
    issue = refused(play)
    assert issue.file == str(tmp_path / "project.yml")
    assert (issue.code, issue.path, issue.line) == (code, path, line)
    assert words in f"{issue.message}; {issue.hint}"


def test_a_files_error_names_the_file_and_the_line(tmp_path: Path):
    issue = refused(project(tmp_path, gap=GAP.replace("kernel\n", "kernel\nimport time\n", 1)))
    assert (issue.file, issue.line) == (str(tmp_path / "gap.py"), 2)
    assert (issue.code, issue.message) == ("INDICATOR_SOURCE", "imports time")


def test_an_unsound_kernel_is_refused_by_the_play_that_calls_it(tmp_path: Path):
    """And only by that one: it is proved with the parameters of a call."""
    ahead = GAP.replace("F[ins[0], i] -", "F[ins[0], hi - 1] -")
    issue = refused(project(tmp_path, gap=ahead))
    assert (issue.file, issue.code) == (str(tmp_path / "gap.py"), "INDICATOR_UNSOUND")
    load_play(project(tmp_path, TEN_LINES.read_text(encoding="utf-8"), gap=ahead))


def test_other_mistakes_of_the_play_are_reported_with_it(tmp_path: Path):
    ahead = GAP.replace("F[ins[0], i] -", "F[ins[0], hi - 1] -")
    play = project(tmp_path, PLAY.replace("gap() >", "gab() >"), gap=ahead)
    with pytest.raises(PlayError) as caught:
        load_play(play)
    found = {(issue.code, issue.file, issue.line) for issue in caught.value.issues}
    gap = str(tmp_path / "gap.py")
    assert found == {("CALL_UNKNOWN", "", 7), ("INDICATOR_UNSOUND", gap, 6)}
    assert any("did you mean 'gap'?" in issue.hint for issue in caught.value.issues)


def test_the_file_of_a_project_is_no_play(tmp_path: Path):
    project(tmp_path, gap=GAP)
    issue = refused(tmp_path / "project.yml")
    assert (issue.code, issue.hint) == ("PLAY_FILE", "name a play beside it")


def test_a_source_may_be_an_indicator_of_the_project(tmp_path: Path):
    """And the other way round, on another timeframe, as with built-in ones."""
    text = PLAY.replace("gap() < -0.01", "sma(gap(), 3)@4h < 0 and gap()[1] > 0")
    play = load_play(project(tmp_path, text, gap=GAP))
    assert [own.name for own in play.indicators] == ["gap"]


SINCE_SWING = GAP.replace('inputs=("open", "close")', 'inputs=("swing.version",)').replace(
    "gap = FACTOR * (F[ins[0], i] - s[1])",
    "s[1] = 0.0 if F[ins[0], i] != s[2] else s[1] + 1.0\n        gap = s[1]",
).replace("s[0], s[1] = 1.0, F[ins[1], i]", "s[0], s[2] = 1.0, F[ins[0], i]").replace(
    "p: 2", "p: 3"
).replace("params=(),", "params=(), history_dependent=True,")  # fmt: skip


def test_an_indicator_may_hang_on_a_swing(tmp_path: Path):
    """Bars since the swing last changed, as a built-in one would count them."""
    text = PLAY.replace("rules:", "structures:\n  sw: swing(2, 2)\nrules:")
    text = text.replace("gap() < -0.01", "gap(sw) > 3").replace("gap() > 0.01", "gap(sw) > 9")
    play = load_play(project(tmp_path, text, gap=SINCE_SWING))
    engine = Engine(play, Instrument.default("BTCUSDT"), base_timeframe="1h")
    # A peak of 105 at bar 4 is confirmed two bars later; nothing else turns. Four bars after that,
    # at bar 10, the count is over 3 for the first time.
    closes = [101.0, 102, 103, 104, 105, 104, 103, 102, 101, 100, 99, 98]
    decisions = engine.advance(hourly(closes, closes))
    assert [d.action for d in decisions[6:11]] == ["none"] * 4 + ["enter_long"]


def test_the_example_project_is_good():
    play = load_play(TEN_LINES.parent / "custom" / "efficient_trend.yml")
    (own,) = play.indicators
    assert (own.name, own.source.name) == ("efficiency", "efficiency.py")
    assert "efficiency (of efficiency.py): How straight" in explain_play(play, {})
