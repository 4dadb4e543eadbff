"""A run with a user-defined indicator: named by its source, and proved from the run alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine import Engine, load_play
from engine.canonical import sha256_hex
from engine.errors import ArtifactError
from tasks.artifacts import open_folder
from tasks.identity import differing_inputs
from tasks.run import PreparedRun, execute, prepare_run
from tasks.store import Store
from tasks.verify import rerun
from tests.engine.projects import GAP, project
from tests.tasks.artifacts import market, proof

EFFICIENCY = (proof.REPOSITORY / "plays" / "custom" / "efficiency.py").read_text(encoding="utf-8")
PLAY = """\
version: 1
name: straight
market: BTCUSDT
clock: 15m
series:
  er: efficiency(close, 5)
rules:
  enter_long: er > 0.8
  exit_long: er < 0.3
risk: { size: { qty: 0.5 }, stop: { price: 2% } }
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("own") / "home"
    market.fill(home)
    return home


def prepared(home: Path, play: Path) -> PreparedRun:
    return prepare_run(
        Store(home, "backtest"), load_play(play), proof.config(), proof.SINCE, proof.UNTIL
    )


def test_the_run_is_named_by_the_source_to_the_byte(home: Path, tmp_path: Path):
    play = project(tmp_path, PLAY, efficiency=EFFICIENCY)
    first = prepared(home, play)
    assert first.inputs["code"]["indicators"] == {"efficiency": sha256_hex(EFFICIENCY.encode())}
    changed = EFFICIENCY + "\n"
    (tmp_path / "efficiency.py").write_text(changed, encoding="utf-8")
    second = prepared(home, play)
    assert second.run_id != first.run_id
    leaves = {leaf["leaf"]: leaf["b"] for leaf in differing_inputs(first.inputs, second.inputs)}
    assert leaves == dict.fromkeys(
        ("/code/indicators/efficiency", "/play/indicators/efficiency"),
        sha256_hex(changed.encode()),
    )


def test_what_the_play_does_not_call_is_no_input(home: Path, tmp_path: Path):
    play = project(tmp_path, PLAY, efficiency=EFFICIENCY)
    alone = prepared(home, play)
    project(tmp_path, PLAY, gap=GAP, efficiency=EFFICIENCY)
    assert prepared(home, play).run_id == alone.run_id
    moved = project(tmp_path / "elsewhere", PLAY, renamed=EFFICIENCY)
    assert prepared(home, moved).run_id == alone.run_id


@pytest.mark.parametrize("becomes", ["changed", "gone"])
def test_a_rerun_needs_the_run_alone(home: Path, tmp_path: Path, becomes: str):
    folder = tmp_path / "plays"
    play = project(folder, PLAY, efficiency=EFFICIENCY)
    run = proof.commit(home, tmp_path / "artifacts", prepared(home, play)).folder
    assert run.table("trades").num_rows > 5
    held = run.path / f"indicators-{sha256_hex(EFFICIENCY.encode())[:16]}.py"
    assert held.read_text(encoding="utf-8") == EFFICIENCY
    if becomes == "gone":
        shutil.rmtree(folder)
    else:
        (folder / "efficiency.py").write_text("raise RuntimeError\n", encoding="utf-8")
    found = rerun(tmp_path / "artifacts", run.path, home)
    assert (found.verdict, found.reason, found.outputs) == ("IDENTICAL", "", "same")


def test_one_flipped_byte_of_the_source_is_named(home: Path, tmp_path: Path):
    play = project(tmp_path / "plays", PLAY, efficiency=EFFICIENCY)
    run = proof.commit(home, tmp_path / "artifacts", prepared(home, play)).folder
    (held,) = run.path.glob("indicators-*.py")
    data = bytearray(held.read_bytes())
    data[100] ^= 1
    held.write_bytes(bytes(data))
    with pytest.raises(ArtifactError, match=held.name):
        open_folder(run.path)


def test_the_engine_bar_by_bar_decides_what_the_backtest_decided(home: Path, tmp_path: Path):
    """Through snapshots too, restored when the project is no longer there."""
    play = project(tmp_path, PLAY, efficiency=EFFICIENCY)
    run = prepared(home, play)
    decided = execute(run).decisions.to_pydict()
    entries = {
        ts for ts, act in zip(decided["ts_ms"], decided["action"], strict=True)
        if act == "enter_long"
    }  # fmt: skip
    engine = Engine(run.play, run.dataset.instrument, "5m")
    shutil.rmtree(tmp_path)
    bars, found = run.dataset.bars, []
    for at in range(len(bars)):
        found += engine.advance(bars[at : at + 1])
        if at % 97 == 0:
            engine = Engine.restore(engine.snapshot())
    flat = {d.ts_ms for d in found if d.action == "enter_long"}
    assert len(entries) > 5
    assert entries <= flat
    er = {d.ts_ms: d.values["er"] for d in found if d.action == "enter_long"}
    close = {int(t): c for t, c in zip(bars.open_ms + 300_000, bars.close, strict=True)}
    for ts in sorted(entries):
        steps = np.array([close[ts - 900_000 * back] for back in range(6)])
        straight = abs(steps[0] - steps[5]) / np.abs(np.diff(steps)).sum()
        assert er[ts] == pytest.approx(straight, rel=1e-12)
