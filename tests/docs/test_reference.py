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


def test_every_indicator_and_structure_has_its_entry():
    text = (FOLDER / "indicators.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", text, re.M) == list(INDICATORS)
    text = (FOLDER / "structures.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", text, re.M) == list(STRUCTURES)


def test_every_picture_shows_what_it_is_of():
    """An indicator's curve over the close; of a structure more than the bars: blue or red."""
    for name in INDICATORS.keys() - {n for n, spec in INDICATORS.items() if spec.structures}:
        drawn = (FOLDER / "pictures" / f"{name}.svg").read_text("utf-8")
        curves = re.findall(r' d="([^"]*)"', drawn)
        assert len(curves) == 2
        assert len(re.findall("[ML]", curves[1])) > 20, name
    for name in STRUCTURES:
        drawn = (FOLDER / "pictures" / f"{name}.svg").read_text("utf-8")
        assert re.search(r'stroke="#(2457a6|b5473c)"', drawn), name
