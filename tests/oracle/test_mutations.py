"""The comparison would notice: every listed mutation of the exchange applies and is caught."""

from __future__ import annotations

import pytest

from tests.oracle.mutations import CASES, ROOT, Mutation, mutations, page, tried

LISTED = mutations()
PAGE = ROOT / "docs" / "exchange-proof.md"


def named(mutation: Mutation) -> str:
    return mutation.rule


@pytest.mark.parametrize("mutation", LISTED, ids=named)
def test_a_mutation_applies(mutation: Mutation) -> None:
    source = (ROOT / "engine" / mutation.file).read_text()
    assert mutation.applied_to(source) != source


def test_a_mutation_that_no_longer_applies_is_told() -> None:
    with pytest.raises(ValueError, match="0 times"):
        Mutation("a rule", "a.py", "old", "new").applied_to("something else")


def test_mutations_differ() -> None:
    assert len({(m.file, m.old, m.new) for m in LISTED}) == len(LISTED) >= 30


def test_one_is_caught() -> None:
    (gap,) = (m for m in LISTED if m.rule.startswith("a resting stop gapped over"))
    outcome = tried(gap, 200)
    assert outcome.cases > 0
    assert "Fill" in outcome.difference


def test_the_exchange_as_it_is_is_not() -> None:
    assert tried(Mutation("as it is", "", "", ""), 100).cases == 0


def test_the_page_shows_the_list() -> None:
    """Rules and files as they are now; the counts come from the command the page names."""
    text = PAGE.read_text()
    for mutation in LISTED:
        rule = mutation.rule.replace("|", "\\|")
        assert f"| {rule} | `{mutation.file}` |" in text
    assert "survives" not in text
    assert f"{len(LISTED)} of {len(LISTED)} mutations are caught" in text


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mutation", LISTED, ids=named)
def test_every_mutation_is_caught(mutation: Mutation) -> None:
    outcome = tried(mutation, CASES)
    assert outcome.cases > 0
    assert page([outcome], CASES)
