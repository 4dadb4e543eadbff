"""A play on its way to a flow: its text and its own indicators travel, not the paths (M1, M2)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine import load_play
from engine.errors import PlayError
from flows.requests import PlaySource
from tests.engine.projects import GAP, project


def test_the_play_arrives_when_its_folder_is_gone(tmp_path: Path):
    play = load_play(project(tmp_path / "mine", gap=GAP))
    sent = PlaySource.of(play).model_dump_json()
    shutil.rmtree(tmp_path / "mine")
    arrived = PlaySource.model_validate_json(sent).load()
    assert arrived.play_hash == play.play_hash
    assert arrived.indicators == play.indicators
    assert arrived.indicators[0].source.text == GAP


def test_another_source_is_another_play(tmp_path: Path):
    sent = PlaySource.of(load_play(project(tmp_path, gap=GAP)))
    source = sent.indicators[0]
    changed = sent.model_copy(
        update={"indicators": (type(source)(source.name, source.path, GAP + "\n"),)}
    )
    with pytest.raises(PlayError) as caught:
        changed.load()
    assert caught.value.code == "PLAY_CHANGED"
