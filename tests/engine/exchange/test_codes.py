"""The words of the exchange: stable codes, and a page generated from them."""

from pathlib import Path

from engine.exchange.codes import TRANSITIONS, Cause, OrderState, Reason, Refusal, refusal_table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "refusals.md"


def test_the_page_of_refusals_is_the_enums() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith("\n\n" + refusal_table())
    assert all(code.meaning for code in Refusal)


def test_a_cause_of_a_closed_position_is_the_reason_it_closed() -> None:
    assert [Cause(reason).name for reason in Reason] == [reason.name for reason in Reason]


def test_final_states_have_no_successor_and_every_other_has() -> None:
    final = {state for state in OrderState if not TRANSITIONS[state]}
    assert {state.name for state in final} == {"FILLED", "CANCELLED", "REJECTED", "EXPIRED"}
