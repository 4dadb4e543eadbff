"""docs/audit.md: every id it names is found in the tests it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([CHM]\d+) \| (.+?) \| (.+?) \|$", re.M)
ROWS = ROW.findall((ROOT / "docs" / "audit.md").read_text("utf-8"))


@pytest.mark.parametrize(("id", "requirement", "tests"), ROWS, ids=[row[0] for row in ROWS])
def test_the_id_is_named_in_every_test_file_of_its_row(id: str, requirement: str, tests: str):
    assert requirement
    files = re.findall(r"`([^`]+)`", tests)
    assert files
    for file in files:
        text = (ROOT / file).read_text("utf-8").lower()
        assert re.search(rf"(?<![a-z0-9]){id.lower()}(?![0-9])", text.replace("_", " ")), file


def test_no_id_stands_twice():
    ids = [row[0] for row in ROWS]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 15
