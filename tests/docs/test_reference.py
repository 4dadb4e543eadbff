"""docs/reference is what the generator writes from the code as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from engine.indicators.registry import INDICATORS
from engine.structures.registry import STRUCTURES
from flows.reference import pages

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_committed_pages_are_the_generated_ones():
    committed = {
        str(file.relative_to(FOLDER)): file.read_text("utf-8")
        for file in FOLDER.rglob("*")
        if file.is_file()
    }
    generated = pages()
    assert committed.keys() == generated.keys()
    assert [name for name in generated if committed[name] != generated[name]] == []


def test_every_indicator_and_structure_has_its_entry_and_every_picture_a_curve():
    text = (FOLDER / "indicators.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", text, re.M) == list(INDICATORS)
    text = (FOLDER / "structures.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", text, re.M) == list(STRUCTURES)
    for file in (FOLDER / "pictures").iterdir():
        curves = re.findall(r'points="([^"]*)"', file.read_text("utf-8"))
        assert len(curves) == 2
        assert len(curves[1].split()) > 20, file.name
