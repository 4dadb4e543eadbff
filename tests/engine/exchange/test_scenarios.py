"""The requirement's table of scenarios, most of which the predecessor got wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

scenarios = pytest.importorskip("tests.oracle.scenario", reason="the oracle's scenarios are absent")

from tests.engine.exchange.driving import Driven  # noqa: E402
from tests.oracle import events as ev  # noqa: E402
from tests.oracle import scenario as sc  # noqa: E402
from tests.oracle.instrument import Instrument, Tier  # noqa: E402

TIERS = (
    Tier(Decimal(2_000_000), Fraction(5, 1000), Decimal(0), Fraction(100)),
    Tier(Decimal(2_600_000), Fraction(56, 10_000), Decimal(1_200), Fraction(90)),
)
INSTRUMENT = Instrument(tiers=TIERS)
FLAT = "100 100 100 100"
#: No slippage unless a scenario is about it.
CONFIG = sc.Config(slippage=Fraction(0), slippage_stop=Fraction(0), path="ohlc")


def bar(last: str, mark: str | None = None) -> sc.Bar:
    def ohlc(text: str) -> Any:
        return tuple(Decimal(x) for x in text.split())

    return sc.Bar(ohlc(last), ohlc(mark or last), volume=Decimal(1000))


def run(bars: list[sc.Bar], entries: list[sc.Entry], **config: Any) -> list[Any]:
    """Entries decided at the close of the first bar; the bars after it follow."""
    scenario = sc.Scenario(
        INSTRUMENT,
        tuple(bars),
        replace(CONFIG, **config),
        decisions=(sc.Decision(0, tuple(entries)),),
    )
    return Driven(scenario).run()


def entry(side: int = 1, qty: str = "1", **terms: Any) -> sc.Entry:
    return sc.Entry(side, "qty", Fraction(qty), **terms)


def fills(events: list[Any]) -> list[tuple[str, str]]:
    return [(e.reason, f"{Decimal(e.price) / 100:.2f}") for e in events if isinstance(e, ev.Fill)]


def level(price: str) -> sc.Stop:
    return sc.Stop("level", Fraction(price))


def net(events: list[Any]) -> int:
    return sum(e.net_e8 for e in events if isinstance(e, ev.Trade))


def test_a_buy_stop_limit_fills_at_its_trigger_not_above_its_limit() -> None:
    order = entry(order="stop-limit", trigger=Fraction(105), price=Fraction(106))
    bars = [bar(FLAT), bar("104 110 100 108")]
    slip = Fraction(2, 10_000)
    assert fills(run(bars, [order], slippage=slip, end="mark")) == [("entry", "105.03")]
    wide = Fraction(2, 100)
    assert fills(run(bars, [order], slippage=wide, end="mark")) == [("entry", "106.00")]


def test_a_resting_buy_stop_fills_at_its_trigger_plus_slippage() -> None:
    order = entry(order="stop", trigger=Fraction(105))
    bars = [bar(FLAT), bar("100 110 100 108")]
    found = run(bars, [order], slippage_stop=Fraction(5, 10_000), end="mark")
    assert fills(found) == [("entry", "105.06")]


def test_two_resting_limits_are_both_held_and_averaged() -> None:
    orders = [entry(order="limit", price=Fraction(p)) for p in (99, 98)]
    found = run([bar(FLAT), bar("100 100 97 99")], orders)
    assert fills(found)[:2] == [("entry", "99.00"), ("entry", "98.00")]
    (trade,) = [e for e in found if isinstance(e, ev.Trade)]
    assert (trade.lots, trade.entry_notional_e8) == (2000, 197 * 10**8)


def test_a_long_at_1x_whose_stop_is_jumped_exits_at_the_open_less_slippage() -> None:
    order = entry(stop=level("90"))
    bars = [bar(FLAT), bar(FLAT), bar("80 82 79 81")]
    found = run(bars, [order], slippage_stop=Fraction(5, 10_000))
    assert fills(found) == [("entry", "100.00"), ("stop", "79.96")]


def test_a_long_at_8x_jumped_over_is_liquidated_for_its_order_cost() -> None:
    """Order cost of 1 at 100: IM 12.5, fee 0.055, fee to close at 87.5: 0.048125."""
    order = entry(stop=level("90"), leverage=Fraction(8))
    found = run([bar(FLAT), bar(FLAT), bar("80 82 79 81")], [order])
    assert fills(found)[1][0] == "liquidation"
    assert net(found) == -12_60312500
    assert found[-1].status == "STOPPED_LIQUIDATED"


def test_a_stop_beyond_the_margin_is_settled_at_the_bankruptcy_price() -> None:
    """BP 49,000; the stop's loss at 48,500 exceeds the margin, the mark never liquidates."""
    order = entry(qty="1.9", stop=level("49800"), leverage=Fraction(50))
    calm, jump = "50000 50000 50000 50000", "48500 48600 48400 48500"
    bars = [bar(calm), bar(calm), bar(jump, "49900 49900 49900 49900")]
    found = run(bars, [order])
    assert fills(found)[1] == ("stop", "49000.00")
    margin = 1_900_00000000 + 51_20500000  # IM and the fee of closing at BP
    fee = 52_25000000
    assert net(found) == -(margin + fee)


def test_a_limit_is_filled_and_stopped_on_the_same_leg() -> None:
    order = entry(order="limit", price=Fraction(99), stop=level("97"))
    found = run([bar(FLAT), bar("100 100.5 96 98")], [order])
    assert fills(found) == [("entry", "99.00"), ("stop", "97.00")]


def test_a_stop_before_the_liquidation_price_stops() -> None:
    order = entry(stop=level("95"), leverage=Fraction(10))
    found = run([bar(FLAT), bar("100 100 90 92")], [order])
    assert fills(found) == [("entry", "100.00"), ("stop", "95.00")]


def test_a_trail_is_not_live_in_the_bar_that_raised_it() -> None:
    order = entry(trail=sc.Trail("price", Fraction(5, 100)))
    bars = [bar("101 101 101 101"), bar("101 111 100 110"), bar("110 110 104 105")]
    found = run(bars, [order])
    assert fills(found) == [("entry", "101.00"), ("stop", "105.45")]


def test_the_parts_of_a_position_add_up_to_the_change_of_equity() -> None:
    half = sc.Target("price", Fraction(20, 100), Fraction(1, 2))
    bars = [bar(FLAT), bar("100 121 100 120"), bar("120 122 118 119")]
    found = run(bars, [entry(targets=(half,))])
    assert [reason for reason, _ in fills(found)] == ["entry", "target", "end_of_data"]
    assert net(found) == found[-2].equity_e8 - 10_000 * 10**8


@pytest.mark.parametrize("low", ["85", "70"])
def test_all_in_at_10x_loses_the_same_at_15_and_at_30_percent(low: str) -> None:
    order = sc.Entry(1, "margin", Fraction(1), leverage=Fraction(10))
    found = run([bar(FLAT), bar(FLAT), bar(f"100 100 {low} {low}")], [order])
    lots = next(e.lots for e in found if isinstance(e, ev.Fill))
    cost = lots * 10_00000000 // 1000 + lots * 5500 + lots * 4950  # IM, fee, fee at BP 90
    assert net(found) == -cost
    assert found[-1].status == "STOPPED_LIQUIDATED"


def test_a_wick_of_the_mark_liquidates() -> None:
    order = entry(leverage=Fraction("9.5"))
    bars = [bar(FLAT), bar(FLAT), bar(FLAT, "100 100 70 100")]
    found = run(bars, [order])
    assert fills(found)[1][0] == "liquidation"


def test_maker_fills_cost_nothing_where_the_run_says_so() -> None:
    order = entry(order="limit", price=Fraction(99))
    found = run([bar(FLAT), bar("100 100 97 99")], [order], maker=Fraction(0), end="mark")
    assert [e.fee_e8 for e in found if isinstance(e, ev.Fill)] == [0]


@pytest.mark.parametrize("price", ["42500", "35000"])
def test_a_liquidated_taker_entry_loses_its_order_cost_exactly(price: str) -> None:
    """Wallet 10,000, long 1.979 at 50,000, 10x: 9,998.40275 both times."""
    order = entry(qty="1.979", leverage=Fraction(10))
    calm = "50000 50000 50000 50000"
    found = run([bar(calm), bar(calm), bar(calm, f"50000 50000 {price} {price}")], [order])
    assert net(found) == -9_998_40275000


@pytest.mark.parametrize(("side", "paid"), [(1, -500000000), (-1, 500000000)])
def test_funding_of_one_bitcoin(side: int, paid: int) -> None:
    calm = "50000 50000 50000 50000"
    scenario = sc.Scenario(
        INSTRUMENT,
        tuple(bar(calm) for _ in range(4)),
        replace(CONFIG, equity=Decimal(100_000)),
        decisions=(sc.Decision(0, (entry(side),)),),
        funding=(sc.FundingEvent(120_000, Fraction(1, 10_000)),),
    )
    payments = [e.amount_e8 for e in Driven(scenario).run() if isinstance(e, ev.Funding)]
    assert payments == [paid]


def test_an_entry_decided_at_the_funding_instant_does_not_pay_and_an_exit_there_does() -> None:
    calm = "50000 50000 50000 50000"
    scenario = sc.Scenario(
        INSTRUMENT,
        tuple(bar(calm) for _ in range(5)),
        replace(CONFIG, equity=Decimal(100_000)),
        decisions=(sc.Decision(0, (entry(),)), sc.Decision(2, (sc.Exit(),))),
        funding=(
            sc.FundingEvent(60_000, Fraction(1, 10_000)),
            sc.FundingEvent(180_000, Fraction(1, 10_000)),
        ),
    )
    payments = [e.ts_ms for e in Driven(scenario).run() if isinstance(e, ev.Funding)]
    assert payments == [180_000]
