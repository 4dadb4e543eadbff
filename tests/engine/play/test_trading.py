"""Entry, brackets, limits, tags and partial exits: what is written is what the play holds."""

from decimal import Decimal

import pytest

from engine.play.ast import Position, Price, Ref, Type
from engine.play.model import (
    Amount,
    BreakEven,
    Entry,
    Limits,
    Sided,
    Size,
    Stop,
    Target,
    Trail,
)

LONG = ("rules: { enter_long: close > open }",)
BOTH = ("rules: { enter_long: close > open, enter_short: close < open }",)
CLOSE, LOW, HIGH = Price("close"), Price("low"), Price("high")


def risk_of(plays, *lines: str, rules: tuple[str, ...] = LONG, series: tuple[str, ...] = ()):
    risk = ("risk:", "  size: { qty: 1 }", *(f"  {line}" for line in lines))
    if not any(line.startswith("stop") for line in lines):
        risk = (*risk, "  stop: { price: 2% }")
    return plays.load(*series, *rules, risk=risk).risk


def entry_of(plays, text: str, rules: tuple[str, ...] = LONG) -> Entry:
    return plays.load(*rules, f"entry: {text}").entry


def d(text: str) -> Decimal:
    return Decimal(text)


def test_without_an_entry_section_entries_are_market_orders(plays) -> None:
    assert plays.load(*LONG).entry == Entry() == entry_of(plays, "{ order: market }")


def test_a_limit_entry_with_everything(plays) -> None:
    written = (
        "{ order: limit, price: close, offset: 5bps, expires: 1h, tif: PostOnly, "
        "pending: replace, cancel_when: close > 2 * open }"
    )
    entry = entry_of(plays, written)
    assert (entry.order, entry.price) == ("limit", Sided(CLOSE, None))
    assert entry.offset == Amount(d("0.05"), "percent")
    assert entry.expires_bars == 4  # of 15m
    assert (entry.tif, entry.pending) == ("post_only", "replace")
    assert entry.cancel_when is not None
    assert entry.cancel_when.long.op == "gt"
    assert entry.cancel_when.short is None


def test_prices_by_side_and_one_condition_for_both(plays) -> None:
    written = "{ order: stop, price: { long: high, short: low }, cancel_when: close > 1 }"
    entry = entry_of(plays, written, BOTH)
    assert entry.price == Sided(HIGH, LOW)
    assert entry.cancel_when.long == entry.cancel_when.short


def test_a_stop_entry_may_release_a_limit_order(plays) -> None:
    entry = entry_of(plays, "{ order: stop, price: high, limit: high + 10bps, tif: ioc }")
    assert entry.limit.long.op == "mul"
    assert entry.tif == "ioc"


@pytest.mark.parametrize(
    ("written", "bars"),
    [("5 bars", 5), ("5", 5), ("1d", 96), ("never", None), ("span", 8)],
)
def test_spans(plays, written: str, bars: int | None) -> None:
    limits = plays.load("params: { span: 2h }", *LONG, f"limits: {{ max_bars: {written} }}").limits
    assert limits == Limits(max_bars=bars)


def test_limits(plays) -> None:
    written = "limits: { max_trades_per_day: 3, cooldown: 30m, max_bars: 96, daily_loss: 3% }"
    assert plays.load(*LONG, written).limits == Limits(3, 2, 96, d("3"))


@pytest.mark.parametrize(
    ("written", "stop"),
    [
        ("{ price: 2% }", Stop("price", d("2"))),
        ("{ roi: 10% }", Stop("roi", d("10"))),
        ("{ atr: 2, of: a }", Stop("atr", d("2"), Ref("series", "a", "", Type.FLOAT))),
        ("{ points: 250 }", Stop("points", d("250"))),
        ("{ points: 20 ticks }", Stop("points", d("20"), unit="ticks")),
        ("{ level: low }", Stop("level", level=Sided(LOW, None))),
        (
            "{ level: low, offset: 2tick }",
            Stop("level", level=Sided(LOW, None), offset=Amount(d("2"), "ticks")),
        ),
        ("none", Stop("none")),
    ],
)
def test_stops(plays, written: str, stop: Stop) -> None:
    assert risk_of(plays, f"stop: {written}", series=("series: { a: atr(14) }",)).stop == stop


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("{ rr: 2 }", Target("rr", d("2"))),
        ("{ rr: 2R, order: market }", Target("rr", d("2"), order="market")),
        ("{ roi: 300% }", Target("roi", d("300"))),
        ("{ price: 150% }", Target("price", d("150"))),
        ("{ points: 10tick }", Target("points", d("10"), unit="ticks")),
        (
            "{ level: high, close: 50% }",
            Target("level", level=Sided(HIGH, None), close_pct=d("50")),
        ),
    ],
)
def test_targets(plays, written: str, target: Target) -> None:
    assert risk_of(plays, f"target: {written}").targets == (target,)


def test_a_ladder_leaves_the_rest_to_its_last_level_or_a_runner(plays) -> None:
    rest = risk_of(plays, "target: [ { rr: 1, close: 30% }, { rr: 2, close: 30% }, { rr: 3 } ]")
    assert [target.close_pct for target in rest.targets] == [30, 30, 40]
    runner = risk_of(plays, "target: [ { rr: 1, close: 30% }, { rr: 2, close: 30% } ]")
    assert [target.close_pct for target in runner.targets] == [30, 30]


def test_sizes_leverage_and_drawdown(plays) -> None:
    risk = ("risk:", "  size: { margin: 10% }", "  leverage: 3", "  stop: { roi: 5% }")
    play = plays.load(*LONG, risk=(*risk, "  max_drawdown: 20%"))
    assert play.risk.size == Size("margin", d("10"))
    assert (play.risk.leverage, play.risk.max_drawdown_pct) == (3, 20)


def test_break_even_and_trail(plays) -> None:
    risk = risk_of(
        plays,
        "break_even: { at: 1R, offset: 5bps }",
        "trail: { atr: 3, of: a, after: 1.5R }",
        series=("series: { a: atr(14) }",),
    )
    assert risk.break_even == BreakEven(Amount(d("1"), "R"), Amount(d("0.05"), "percent"))
    a = Ref("series", "a", "", Type.FLOAT)
    assert risk.trail == Trail("atr", d("3"), a, after=Amount(d("1.5"), "R"))
    plain = risk_of(plays, "break_even: { at: 2% }", "trail: { price: 5% }")
    assert plain.break_even == BreakEven(Amount(d("2"), "percent"))
    assert plain.trail == Trail("price", d("5"))


def test_parts_of_an_exit_and_its_tags(plays) -> None:
    play = plays.load(
        "rules:",
        "  enter_long: { when: close > open, tags: { body: close - open, up: close > open } }",
        "  exit_long:",
        "    - { id: half, when: position.r >= 2R, close: 50%, tags: { r: position.r } }",
        "    - { id: late, when: position.bars > 10 and position.side == long }",
    )
    (enter,) = play.rule("enter_long")
    assert [name for name, _ in enter.tags] == ["body", "up"]
    half, late = play.rule("exit_long")
    assert (half.id, half.close_pct, half.tags) == ("half", 50, (("r", Position("r", Type.R)),))
    assert (late.id, late.close_pct) == ("late", 100)


def test_an_exit_may_be_one_map_without_an_id(plays) -> None:
    play = plays.load(
        "rules:", "  enter_long: close > open", "  exit_long: { when: close < open, close: 50% }"
    )
    (exit_long,) = play.rule("exit_long")
    assert (exit_long.id, exit_long.close_pct) == ("exit_long", 50)
