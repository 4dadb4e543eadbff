"""The comparison of two streams finds what differs, and only that."""

from __future__ import annotations

from dataclasses import replace

from tests.oracle import events as ev
from tests.oracle.compare import first_difference
from tests.oracle.exchange import run
from tests.oracle.golden import load_cases

TOLD = run(next(case for case in load_cases() if case.name == "half_then_the_rest").scenario())


def changed(kind: type, **changes: object) -> list[ev.Event]:
    """The stream with the last event of a kind changed."""
    place = max(index for index, event in enumerate(TOLD) if isinstance(event, kind))
    return [*TOLD[:place], replace(TOLD[place], **changes), *TOLD[place + 1 :]]


def test_equal_streams_agree() -> None:
    assert first_difference(TOLD, list(TOLD)) == ""


def test_one_unit_of_money_is_found() -> None:
    text = first_difference(TOLD, changed(ev.Fill, fee_e8=3_300_001))
    assert text.startswith("Fill 2 differs in fee_e8")


def test_a_missing_row_is_found() -> None:
    text = first_difference(TOLD, [event for event in TOLD if not isinstance(event, ev.Trade)])
    assert text.startswith("Trade 0 differs")
    assert "actual   None" in text


def test_outcomes_leave_transitions_out() -> None:
    fewer = [e for e in TOLD if not (isinstance(e, ev.Order) and e.state == "accepted")]
    assert first_difference(TOLD, fewer) != ""
    assert first_difference(TOLD, fewer, outcomes_only=True) == ""
