"""Every golden case of the exchange, through the oracle."""

from __future__ import annotations

import pytest

from tests.oracle.exchange import run
from tests.oracle.golden import Case, load_cases, mismatches, parse

CASES = load_cases()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.path.stem}-{case.name}" for case in CASES])
def test_the_oracle_answers_as_the_case_says(case: Case) -> None:
    assert case.expected, "a case expects something"
    assert mismatches(case, run) == []


def test_case_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_a_wrong_expectation_is_told() -> None:
    text = """
    case wrong
    bar 100 100 100 100
    bar 100 100 100 100
    close 0 enter long market qty 1 leverage 2
    expect fill at b1 side buy price 100
    """
    (case,) = parse(text)
    problems = mismatches(case, run)
    assert len(problems) == 1
    assert "2 told" in problems[0]
