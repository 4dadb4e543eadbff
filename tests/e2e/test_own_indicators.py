"""The command line and a project's own indicators, as a user meets them."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.command import good, lockstep
from tests.engine.projects import GAP, project

CUSTOM = "plays/custom"


def test_check_names_the_projects_indicators():
    (play,) = good("play", "check", f"{CUSTOM}/efficient_trend.yml")["plays"]
    (own,) = play["indicators"]
    assert (own["name"], own["file"]) == ("efficiency", f"{CUSTOM}/efficiency.py")
    assert len(own["sha256"]) == 64


def test_the_list_holds_them_beside_the_built_in_ones():
    listed = good("play", "indicators", "--project", CUSTOM)["indicators"]
    files = {one["name"]: one["file"] for one in listed}
    assert files["efficiency"] == f"{CUSTOM}/efficiency.py"
    assert files["ema"] is None
    (one,) = good("play", "indicators", "efficiency", "--project", CUSTOM)["indicators"]
    assert one["params"][0]["name"] == "length"
    unknown = lockstep("play", "indicators", "efficiency")
    assert (unknown.code, unknown.errors) == (2, ["INDICATOR_UNKNOWN"])


def test_a_play_may_be_named_by_its_name(tmp_path: Path):
    shown = good("play", "explain", "efficient_trend")
    assert "efficiency (of efficiency.py): How straight" in shown["text"]


def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path):
    play = project(tmp_path, gap=GAP.replace("kernel\n", "kernel\nimport random\n", 1))
    expected = f"{tmp_path}/gap.py: file, line 2, column 1"
    for arguments in (("check",), ("explain",)):
        answer = lockstep("play", *arguments, play)
        assert (answer.code, answer.errors) == (2, ["INDICATOR_SOURCE"])
        assert answer.err.count("\n") == 1
        assert f"imports random; {expected}; it may import" in answer.err
    run = lockstep("backtest", "run", play, "--home", tmp_path / "home")
    assert (run.code, run.errors) == (2, ["INDICATOR_SOURCE"])
    assert not (tmp_path / "home").exists()
    listed = lockstep("play", "indicators", "--project", tmp_path)
    assert (listed.code, listed.errors) == (2, ["INDICATOR_SOURCE"])
    document = lockstep("play", "check", play, "--json").document
    (error,) = document["plays"][0]["errors"]
    assert (error["file"], error["line"]) == (str(tmp_path / "gap.py"), 2)


def test_a_folder_without_a_project_is_said(tmp_path: Path):
    answer = lockstep("play", "indicators", "--project", tmp_path)
    assert (answer.code, answer.errors) == (2, ["PLAY_FILE"])
