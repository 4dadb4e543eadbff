"""The compiled exchange against the oracle, an exchange in plain Python written from the
requirement page alone: the same scenarios, and every event the same, value for value.

One scenario per seed; ``python -m tests.oracle --cases 1000000`` goes on where these tests end.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from engine.errors import InstrumentError
from engine.exchange.instrument import MAX_UNITS
from tests.engine.exchange.driving import Driven
from tests.oracle.comparing import difference, first_found, report
from tests.oracle.golden import Case, load_cases, mismatches
from tests.oracle.instrument import Instrument, Tier
from tests.oracle.random_scenarios import seeded
from tests.oracle.scenario import Bar, Config, Decision, Entry, Scenario, Stop
from tests.oracle.strategies import scenarios

CASES = load_cases()
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def agree_from(first: int, count: int) -> None:
    found = first_found(first, count)
    assert not found, report(found)


@pytest.mark.parametrize("first", range(0, 2_000, 500))
def test_both_exchanges_tell_the_same(first: int) -> None:
    agree_from(first, 500)


@pytest.mark.full
@pytest.mark.parametrize("first", range(2_000, 20_000, 1_000))
def test_both_exchanges_tell_the_same_of_20_000(first: int) -> None:
    agree_from(first, 1_000)


@given(scenarios(max_bars=16))
@settings(max_examples=100, suppress_health_check=SLOW)
def test_both_exchanges_tell_the_same_of_what_hypothesis_draws(scenario: Scenario) -> None:
    found = difference(scenario)
    assert not found, found


@pytest.mark.parametrize("seed", range(200))
def test_the_exchange_does_not_depend_on_how_bars_are_cut(seed: int) -> None:
    scenario = seeded(seed)
    whole = Driven(scenario)
    told = whole.run()
    for block in (1, 3):
        cut = Driven(scenario, block)
        assert cut.run() == told
        assert (cut.exchange.state == whole.exchange.state).all()


def test_there_is_room_for_all_pieces_of_what_enters_and_leaves_within_a_bar() -> None:
    """80 at most 0.07 at a time: 1,143 exits and 2,287 rows of the ledger, in one bar of a flat
    account (seed 24321 is the like)."""
    tiers = (Tier(Decimal(1_000_000), Fraction(5, 1000), Decimal(0), Fraction(10)),)
    hundredth, most = Decimal("0.01"), Decimal("0.07")
    facts = Instrument(qty_step=hundredth, min_qty=hundredth, max_market_qty=most, tiers=tiers)
    order = Entry(1, "qty", Fraction(80), "limit", Fraction(100), stop=Stop("points", Fraction(5)))
    prices = ((100, 100, 100, 100), (100, 100, 90, 90), (90, 90, 90, 90))
    bars = tuple(Bar(last, last) for last in (tuple(map(Decimal, bar)) for bar in prices))
    scenario = Scenario(
        facts, bars, Config(slippage=Fraction(0), path="ohlc"), decisions=(Decision(0, (order,)),)
    )
    assert len(Driven(scenario).run()) > 3 * 1_143
    assert not difference(scenario)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_cases(case: Case) -> None:
    scenario = case.scenario()
    highest = max(value for bar in scenario.bars for value in bar.last) * 10**scenario.decimals
    if highest > MAX_UNITS:
        # Stated to 1e-8 USDT for their last digits, such prices do not fit a 32-bit unit: the
        # compiled exchange refuses them at load (test_margin.py holds it to the same digits).
        with pytest.raises(InstrumentError) as refused:
            Driven(scenario)
        assert refused.value.code == "LEDGER_RANGE"
        return
    assert not mismatches(case, lambda scenario: Driven(scenario).run())
