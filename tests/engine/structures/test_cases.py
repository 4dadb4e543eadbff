"""Each rule of the requirement, drawn by hand in ``cases/*.txt``."""

from __future__ import annotations

import pytest

from engine.structures import STRUCTURES
from tests.engine.structures.cases import Case, matches, outputs_of, read_cases

CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_drawn_case(case: Case) -> None:
    values = outputs_of(case)
    wrong = []
    for bar, row in enumerate(case.table):
        for name, cell in zip(case.head[case.given :], row[case.given :], strict=True):
            if not matches(cell, values[name][bar]):
                wrong.append(f"bar {bar}: {name} is {values[name][bar]}, drawn as {cell}")
    assert not wrong, "\n".join(wrong)


def test_every_structure_is_drawn() -> None:
    drawn = {name for case in CASES for _, name, _ in case.calls}
    assert set(STRUCTURES) <= drawn


def test_a_wrong_drawing_is_noticed() -> None:
    """The cells compare by type: false is not 0, missing is not false, a word is not its place."""
    assert matches("0", 0)
    assert matches("-", None)
    assert not matches(".", 0)
    assert not matches("0", False)
    assert not matches("-", False)
    assert not matches("0", "up")
    assert not matches("1", 1.001)
