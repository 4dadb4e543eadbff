"""docs/reference is what the generator writes from the code as it stands."""

from __future__ import annotations

from pathlib import Path

from flows.reference import pages

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_committed_pages_are_the_generated_ones():
    committed = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}
    assert committed == pages()
