"""What must hold of the oracle on its own, over random scenarios."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.oracle import events as ev
from tests.oracle.exchange import run
from tests.oracle.orders import NEXT_STATES, OUTCOMES
from tests.oracle.random_scenarios import seeded
from tests.oracle.scenario import Scenario
from tests.oracle.state import Units


def check_money(scenario: Scenario, told: list[ev.Event]) -> None:
    """ "`final - initial == gross - fees + funding + open_upnl` holds exactly" """
    initial = int(Fraction(scenario.config.equity) * 10**8)
    fills = [event for event in told if isinstance(event, ev.Fill)]
    funding = sum(event.amount_e8 for event in told if isinstance(event, ev.Funding))
    booked = sum(fill.gross_e8 - fill.fee_e8 for fill in fills) + funding
    final = next(event for event in told if isinstance(event, ev.Equity) and event.terminal)
    assert final.wallet_e8 - initial == booked
    wallet = initial
    for row in told:
        if isinstance(row, ev.Ledger):
            wallet += row.amount_e8
            assert row.wallet_e8 == wallet >= 0
    trades = [event for event in told if isinstance(event, ev.Trade)]
    for trade in trades:
        assert trade.net_e8 == trade.gross_e8 - trade.fees_e8 + trade.funding_e8
    if final.lots == 0:
        assert final.equity_e8 - initial == sum(trade.net_e8 for trade in trades)


def check_positions(scenario: Scenario, told: list[ev.Event]) -> None:
    """No negative quantity: closes never exceed what is open, and each trade closes its own."""
    held = 0
    for event in told:
        if isinstance(event, ev.Fill):
            assert event.lots > 0
            assert event.fee_e8 >= 0
            signed = event.lots if event.side == "buy" else -event.lots
            assert (held * signed >= 0) == (event.effect == "open")
            assert event.effect == "open" or abs(signed) <= abs(held)
            held += signed
        elif isinstance(event, ev.Trade):
            assert held == 0
            opened = sum(leg.lots for leg in event.legs if leg.effect == "open")
            closed = sum(leg.lots for leg in event.legs if leg.effect == "close")
            assert opened == closed == event.lots
        elif isinstance(event, ev.Equity):
            assert event.lots == held


def check_orders(scenario: Scenario, told: list[ev.Event]) -> None:
    """Legal transitions only; and no stop, target or exit outlives its position."""
    states: dict[str, str] = {}
    live: set[str] = set()
    held = 0
    for event in told:
        if isinstance(event, ev.Bracket) and event.cause == "entry":
            live.add(event.order)
        elif isinstance(event, ev.Bracket):
            live.add("stop")
        elif isinstance(event, ev.Order) and not event.order[0].isdigit():
            live.discard(event.order)
        elif isinstance(event, ev.Order):
            before = states.get(event.order, "")
            assert event.state in NEXT_STATES[before]
            states[event.order] = event.state
        elif isinstance(event, ev.Fill):
            if event.effect == "open":
                live.clear()
            held += event.lots if event.side == "buy" else -event.lots
        elif isinstance(event, ev.Trade):
            assert not live, live
    assert all(state in OUTCOMES for name, state in states.items() if _is_exit(name, told))


def _is_exit(name: str, told: list[ev.Event]) -> bool:
    """Exits have neither a price nor an opening fill; all of them must be over with the position.
    Only market entries look alike, and those never rest."""
    last = max(
        index
        for index, event in enumerate(told)
        if isinstance(event, ev.Order) and event.order == name
    )
    row = told[last]
    assert isinstance(row, ev.Order)
    return row.price is None and row.trigger is None and row.state != "new"


def check_rounding(scenario: Scenario, told: list[ev.Event]) -> None:
    """Fees and funding are rounded against the account, by less than one unit of 1e-8."""
    value = Units.of(scenario).value_e8
    config = scenario.config
    for event in told:
        if isinstance(event, ev.Fill) and event.fee_e8:
            rate = config.maker if event.liquidity == "maker" else config.taker
            exact = event.lots * event.price * value * rate
            assert 0 <= event.fee_e8 - exact < 1
        elif isinstance(event, ev.Funding):
            exact = -event.lots * event.mark * value * Fraction(event.rate_e8, 10**8)
            if exact >= 0:
                assert 0 <= exact - event.amount_e8 < 1
            else:
                assert exact - 1 < event.amount_e8 <= 0


def check_prices(scenario: Scenario, told: list[ev.Event]) -> None:
    """Fills stand on ticks, but for the bankruptcy prices of liquidations and settlements."""
    tick = Units.of(scenario).tick
    for event in told:
        if isinstance(event, ev.Fill):
            is_bankruptcy = event.effect == "close" and event.fee_e8 == 0
            assert is_bankruptcy or event.price % tick == 0


def check_all(scenario: Scenario) -> None:
    told = run(scenario)
    assert told == run(scenario)
    assert isinstance(told[-1], ev.Status)
    assert [event.ts_ms for event in told if isinstance(event, ev.Equity)] == sorted(
        event.ts_ms for event in told if isinstance(event, ev.Equity)
    )
    for check in (check_money, check_positions, check_orders, check_rounding, check_prices):
        check(scenario, told)


@pytest.mark.parametrize("first", range(0, 600, 300))
def test_money_quantities_orders_and_rounding(first: int) -> None:
    for seed in range(first, first + 300):
        check_all(seeded(seed))


@pytest.mark.full
@pytest.mark.parametrize("first", range(20_000_000, 20_010_000, 1_000))
def test_money_quantities_orders_and_rounding_often(first: int) -> None:
    for seed in range(first, first + 1_000):
        check_all(seeded(seed, max_bars=20))
