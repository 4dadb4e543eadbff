"""What the seeds reach: every outcome an exchange has, every setting a run has; and what is made
of a difference."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.oracle import events as ev
from tests.oracle.arrival import REFUSALS
from tests.oracle.exchange import run
from tests.oracle.golden import parse
from tests.oracle.minimal import minimal
from tests.oracle.numbers import LONG
from tests.oracle.random_scenarios import seeded
from tests.oracle.scenario import Cancel, Config, Entry, Exit, Scenario, Stop
from tests.oracle.writing import text_of

#: The seeds of ``make test``.
SEEDS = 2_000
#: At least so many times in them.
OFTEN = 5


@pytest.fixture(scope="module")
def drawn() -> list[Scenario]:
    return [seeded(seed) for seed in range(SEEDS)]


@pytest.fixture(scope="module")
def told(drawn: list[Scenario]) -> Counter[str]:
    """How often each kind of event, with its words, was told."""
    found: Counter[str] = Counter()
    for scenario in drawn:
        for event in run(scenario):
            found[_words(event)] += 1
    return found


def _words(event: ev.Event) -> str:
    match event:
        case ev.Order():
            rests = event.price is not None or event.trigger is not None
            name = event.order.rstrip("12345") if not event.order.isdigit() else "sent"
            name = "entry" if name == "sent" and rests else name
            return f"order {name} {event.state} {event.cause}".rstrip()
        case ev.Refusal():
            return f"refusal {event.code}"
        case ev.Fill():
            settled = " settled" if event.effect == "close" and not event.fee_e8 else ""
            return f"fill {event.effect} {event.liquidity} {event.reason}{settled}"
        case ev.Bracket():
            return f"bracket {event.cause}"
        case ev.Trade():
            return f"trade {event.exit_reason}"
        case ev.Status():
            return f"status {event.status}"
        case ev.Funding():
            return f"funding {'paid' if event.amount_e8 < 0 else 'received'}"
    return type(event).__name__.lower()


def test_every_refusal_is_reached(told: Counter[str]) -> None:
    rare = {code: told[f"refusal {code}"] for code, _ in REFUSALS}
    assert min(rare.values()) >= OFTEN, rare


def test_every_way_to_fill_and_to_end_is_reached(told: Counter[str]) -> None:
    reasons = ("stop", "target", "exit", "entry", "liquidation", "end_of_data", "drawdown")
    wanted = [f"trade {reason}" for reason in reasons]
    wanted += [f"fill close taker {reason}" for reason in reasons if reason != "liquidation"]
    wanted += ["fill close maker target", "fill close maker entry"]
    wanted += ["fill open maker entry", "fill open taker entry"]
    wanted += [f"fill close taker {reason} settled" for reason in ("stop", "liquidation")]
    wanted += [f"status {word}" for word in ("COMPLETED", "STOPPED_LIQUIDATED", "STOPPED_DRAWDOWN")]
    wanted += [f"bracket {cause}" for cause in ("entry", "trail", "break_even")]
    wanted += ["funding paid", "funding received"]
    rare = {word: told[word] for word in wanted if told[word] < OFTEN}
    assert not rare, sorted(told)


def test_every_life_of_an_order_is_reached(told: Counter[str]) -> None:
    states = ("accepted", "untriggered", "triggered", "partially_filled", "filled", "expired")
    wanted = [f"order entry {state}" for state in states]
    causes = ("cancelled", "ioc", "fok", "drawdown", "POST_ONLY_WOULD_TAKE")
    wanted += [f"order entry cancelled {cause}" for cause in causes]
    wanted += ["order sent cancelled position_closed", "order sent rejected QTY_BELOW_MIN"]
    wanted += ["order sent cancelled ioc", "order sent cancelled drawdown"]
    wanted += ["order stop cancelled position_closed", "order target cancelled position_closed"]
    wanted += ["order target cancelled scaled_down", "order stop filled", "order target filled"]
    rare = {word: told[word] for word in wanted if told[word] < OFTEN}
    assert not rare, rare


def test_every_setting_and_kind_is_drawn(drawn: list[Scenario]) -> None:
    for one in fields(Config):
        assert len({getattr(scenario.config, one.name) for scenario in drawn}) > 1, one.name
    commands = [c for s in drawn for d in s.decisions for c in d.commands]
    entries = [command for command in commands if isinstance(command, Entry)]
    assert {type(command) for command in commands} == {Entry, Exit, Cancel}
    assert {e.order for e in entries} == {"market", "limit", "stop", "stop-limit"}
    assert {e.tif for e in entries} == {"GTC", "IOC", "FOK", "PostOnly"}
    assert {e.size_kind for e in entries} == {"qty", "notional", "margin", "risk"}
    assert {e.stop.kind for e in entries if e.stop} == {"price", "roi", "points", "level"}
    targets = [target for e in entries for target in e.targets]
    assert {t.kind for t in targets} == {"price", "roi", "points", "level", "rr"}
    assert {t.order for t in targets} == {"limit", "market"}
    assert {len(e.targets) for e in entries} == {0, 1, 2, 3, 5}
    assert {e.trail.kind for e in entries if e.trail} == {"price", "points", "atr"}
    assert {e.break_even.at.kind for e in entries if e.break_even} == {
        "R",
        "price",
        "roi",
        "points",
    }
    for sources in (
        {e.trigger_by for e in entries},
        {e.stop.by for e in entries if e.stop},
        {t.by for t in targets},
    ):
        assert sources == {"last", "mark", "index"}
    assert {len(s.instrument.tiers) for s in drawn} == {1, 2, 3}
    assert {s.clock for s in drawn} == {1, 2, 3}
    assert len({s.instrument.tick_size for s in drawn}) == 5


def test_a_seed_is_one_scenario() -> None:
    assert seeded(7) == seeded(7) != seeded(8)


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_a_scenario_is_read_back_from_its_text(first: int) -> None:
    for seed in range(first, first + 100):
        scenario = seeded(seed)
        (case,) = parse(text_of(scenario, "written"))
        assert case.scenario() == scenario


CROWDED = """
case crowded
instrument tick 0.1 lot 0.001 min_qty 0.005
config taker 5bps fill touch max_drawdown 50%
bar 100 101 99 100 volume 3
bar 100 102 99 100 mark 100 101 99 100
bar 100 101 90 91 volume 5
bar 91 92 90 91
funding b1 0.0001
close 0 enter long limit price 80 qty 1 leverage 5 expires 1
close 0 enter long market qty 1 leverage 5 stop level 95 target price 20% close 50% trail price 50%
close 1 cancel 1
close 2 enter short market qty 1 leverage 5
"""


def test_what_does_not_matter_is_left_out() -> None:
    """A stop needs an entry with a stop, and a bar that meets it."""

    def stops(scenario: Scenario) -> bool:
        return any(isinstance(e, ev.Fill) and e.reason == "stop" for e in run(scenario))

    small = minimal(parse(CROWDED)[0].scenario(), stops)
    assert stops(small)
    assert len(small.bars) == 3
    ((entry,),) = (decision.commands for decision in small.decisions)
    assert entry == Entry(
        LONG, "qty", Fraction(1), leverage=Fraction(5), stop=Stop("level", Fraction(95))
    )
    nothing = dict.fromkeys(("taker", "maker", "slippage", "slippage_stop"), Fraction(0))
    assert small.config == replace(Config(), **nothing, end="mark")
    assert small.instrument.min_qty == Decimal("0.001")
    assert small.funding == ()
    assert {bar.volume for bar in small.bars} == {0}
