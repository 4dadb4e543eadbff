"""Random scenarios for Hypothesis: small integers, so that what fails shrinks to few small numbers.

Prices are drawn in ticks around 100 of them, quantities in tens of lots. ``scenarios()`` draws
everything; each part is a strategy of its own. What it draws is valid at load, though not accepted
on arrival: refusals are part of what two exchanges must agree on.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from tests.oracle.instrument import Instrument, Tier
from tests.oracle.numbers import E8, LONG, SHORT
from tests.oracle.scenario import (
    OHLC,
    Bar,
    BreakEven,
    Cancel,
    Command,
    Config,
    Decision,
    Entry,
    Exit,
    FundingEvent,
    Reach,
    Scenario,
    Stop,
    Target,
    Trail,
)

#: Facts of several kinds of symbol: (tick, lot, price of 100 ticks' order of magnitude in ticks).
FACTS = (
    ("0.1", "0.001", 1_000),
    ("0.01", "0.01", 1_000),
    ("0.5", "1", 200),
    ("0.0001", "1", 5_000),
    ("0.05", "0.1", 300),
)
SIDES = st.sampled_from([LONG, SHORT])


def bps(low: int, high: int) -> st.SearchStrategy[Fraction]:
    """A rate in whole basis points."""
    return st.integers(low, high).map(lambda n: Fraction(n, 10_000))


@st.composite
def tiers(draw: st.DrawFn, typical_notional: int) -> tuple[Tier, ...]:
    """One to three tiers whose deductions are continuous, near a scenario's usual notional."""
    count = draw(st.integers(1, 3))
    made: list[Tier] = []
    cap, rate, deduction, leverage = Fraction(0), Fraction(0), Fraction(0), 100
    for _ in range(count):
        higher = rate + draw(bps(20, 300))
        deduction += cap * (higher - rate)
        cap += draw(st.integers(1, 20)) * Fraction(typical_notional)
        rate = higher
        made.append(Tier(_decimal(cap), rate, _decimal(deduction), Fraction(leverage)))
        leverage = max(1, leverage // draw(st.integers(1, 10)))
    return tuple(made)


def _decimal(value: Fraction) -> Decimal:
    """A terminating fraction as a decimal."""
    scaled = value * E8
    assert scaled.denominator == 1, value
    return Decimal(int(scaled)) / E8


@st.composite
def instruments(draw: st.DrawFn) -> tuple[Instrument, int]:
    """An instrument and a usual price in ticks."""
    tick, lot, usual = draw(st.sampled_from(FACTS))
    notional = max(1, int(Decimal(tick) * Decimal(lot) * usual * 100))
    facts = Instrument(
        tick_size=Decimal(tick),
        qty_step=Decimal(lot),
        min_qty=Decimal(lot) * draw(st.sampled_from([1, 1, 5])),
        max_market_qty=draw(st.sampled_from([None, None, Decimal(lot) * 50])),
        min_notional=Decimal(draw(st.sampled_from([0, 0, 1, 5]))),
        max_leverage=Fraction(draw(st.sampled_from([100, 50, 10]))),
        tiers=draw(tiers(notional)),
    )
    return facts, usual


@st.composite
def series(draw: st.DrawFn, start: int, unit: Decimal, near: int) -> OHLC:
    """Open, high, low, close in units around ``start``."""
    o = max(1, start + draw(st.integers(-near, near)))
    c = max(1, o + draw(st.integers(-near, near)))
    h = max(o, c) + draw(st.integers(0, near))
    low = max(1, min(o, c) - draw(st.integers(0, near)))
    return o * unit, h * unit, low * unit, c * unit


@st.composite
def bars(draw: st.DrawFn, tick: Decimal, usual: int, count: int) -> tuple[Bar, ...]:
    """Bars with gaps between and around them; mark and index wander about the last price, the mark
    on steps of a tenth of a tick in some scenarios."""
    made: list[Bar] = []
    at = usual
    near = max(2, usual // draw(st.sampled_from([100, 30, 8])))
    finer = draw(st.sampled_from([1, 1, 10]))
    for _ in range(count):
        last = draw(series(at, tick, near))
        o = int(last[0] / tick)
        mark = draw(st.one_of(st.just(last), series(o * finer, tick / finer, near * finer)))
        index = draw(st.one_of(st.just(last), series(o, tick, near)))
        volume = Decimal(draw(st.integers(0, 500)))
        made.append(Bar(last, mark, index, volume))
        at = int(last[3] / tick)
    return tuple(made)


@st.composite
def configs(draw: st.DrawFn, notional: Fraction) -> Config:
    """A run config; equity from too little to plenty."""
    return Config(
        equity=_decimal(notional * draw(st.sampled_from([2, 20, 200, 200]))),
        taker=draw(bps(0, 10)),
        maker=draw(bps(0, 12)),
        slippage=draw(bps(0, 30)),
        slippage_stop=draw(bps(0, 30)),
        latency_ms=draw(st.sampled_from([0, 0, 0, 1, 60_000, 90_000])),
        fill=draw(st.sampled_from(["through", "touch"])),
        path=draw(st.sampled_from(["pessimistic", "ohlc"])),
        brackets_on_entry_bar=draw(st.sampled_from([True, True, False])),
        participation=draw(st.sampled_from([None, None, Fraction(1, 10)])),
        funding=draw(st.sampled_from(["on", "on", "on", "off"])),
        mark=draw(st.sampled_from(["series", "series", "last"])),
        liquidation=draw(st.sampled_from(["on", "on", "on", "off"])),
        end=draw(st.sampled_from(["close", "mark"])),
        max_drawdown=draw(st.sampled_from([None, None, None, Fraction(1, 10)])),
    )


SOURCES = st.sampled_from(["last", "last", "mark", "index"])


@st.composite
def distances(draw: st.DrawFn, tick: Decimal, usual: int) -> tuple[str, Fraction]:
    """A kind of distance and its value."""
    kind = draw(st.sampled_from(["price", "roi", "points"]))
    if kind == "points":
        return kind, Fraction(tick) * draw(st.integers(1, max(2, usual // 10)))
    return kind, draw(bps(1, 1_500))


@st.composite
def reaches(draw: st.DrawFn, tick: Decimal, usual: int, has_stop: bool) -> Reach:
    if has_stop and draw(st.booleans()):
        return Reach("R", Fraction(draw(st.integers(1, 8)), 4))
    return Reach(*draw(distances(tick, usual)))


@st.composite
def ladders(
    draw: st.DrawFn, tick: Decimal, usual: int, level: int, has_stop: bool
) -> tuple[Target, ...]:
    """Up to five targets that close at most everything; the last may take the rest."""
    count = draw(st.integers(0, 5))
    made: list[Target] = []
    left = 100
    for place in range(count):
        part: Fraction | None = None
        if place < count - 1 or draw(st.booleans()):
            percent = draw(st.integers(1, max(1, left - (count - place))))
            left -= percent
            part = Fraction(percent, 100)
        kind, value = draw(distances(tick, usual))
        choice = draw(st.integers(0, 3))
        if choice == 0:
            kind, value = "level", Fraction(tick) * level
        elif choice == 1 and has_stop:
            kind, value = "rr", Fraction(draw(st.integers(1, 12)), 4)
        order = draw(st.sampled_from(["limit", "limit", "market"]))
        made.append(Target(kind, value, part, order, draw(SOURCES)))
    return tuple(made)


@st.composite
def entries(draw: st.DrawFn, tick: Decimal, lot: Decimal, usual: int) -> Entry:
    """An entry of any kind, with any brackets."""
    near = max(3, usual // 12)
    stop = None
    if draw(st.booleans()):
        kind, value = draw(distances(tick, usual))
        if draw(st.integers(0, 2)) == 0:
            kind = "level"
            value = Fraction(tick) * max(1, usual + draw(st.integers(-near, near)))
        stop = Stop(kind, value, draw(SOURCES))
    size_kind = draw(st.sampled_from(["qty", "qty", "notional", "margin", "risk"]))
    if size_kind == "risk" and stop is None:
        size_kind = "qty"
    notional_lot = Fraction(tick) * usual * Fraction(lot)
    size = {
        "qty": Fraction(lot) * draw(st.integers(0, 100)),
        "notional": notional_lot * draw(st.integers(0, 100)),
        "margin": Fraction(draw(st.integers(1, 100)), 100),
        "risk": Fraction(draw(st.integers(1, 20)), 100),
    }[size_kind]
    order = draw(st.sampled_from(["market", "market", "limit", "limit", "stop", "stop-limit"]))

    def price() -> Fraction:
        return Fraction(tick) * max(1, usual + draw(st.integers(-near, near)))

    level = max(1, usual + draw(st.integers(-near, near)))
    side = draw(SIDES)
    # Mostly on the side on which a trigger can wait.
    trigger = Fraction(tick) * max(1, usual + side * draw(st.integers(-2, near)))
    with_limit = order in ("limit", "stop-limit")
    break_even = trail = None
    if draw(st.integers(0, 3)) == 0:
        break_even = BreakEven(draw(reaches(tick, usual, stop is not None)), draw(bps(0, 20)))
    if draw(st.integers(0, 3)) == 0:
        kind, value = draw(st.sampled_from(["price", "points", "atr"])), draw(bps(10, 1_000))
        if kind == "points":
            value = Fraction(tick) * draw(st.integers(1, near))
        elif kind == "atr":
            value = Fraction(draw(st.integers(1, 8)), 2)
        after = draw(st.one_of(st.none(), reaches(tick, usual, stop is not None)))
        trail = Trail(kind, value, after)
    return Entry(
        side=side,
        size_kind=size_kind,
        size=size,
        order=order,
        price=price() if with_limit else None,
        trigger=trigger if order in ("stop", "stop-limit") else None,
        tif=draw(st.sampled_from(["GTC", "GTC", "IOC", "FOK", "PostOnly"]))
        if with_limit
        else "GTC",
        expires=draw(st.sampled_from([None, None, 1, 3])),
        leverage=draw(st.sampled_from([Fraction(n) for n in (1, 5, 5, 5, 5, 10, 60)])),
        trigger_by=draw(SOURCES),
        stop=stop,
        targets=draw(ladders(tick, usual, level, stop is not None)),
        break_even=break_even,
        trail=trail,
    )


@st.composite
def commands(draw: st.DrawFn, tick: Decimal, lot: Decimal, usual: int) -> Command:
    choice = draw(st.integers(0, 5))
    if choice == 0:
        return Exit(draw(st.sampled_from([None, Fraction(1, 4), Fraction(1, 2)])))
    if choice == 1:
        return Cancel(draw(st.integers(1, 4)))
    return draw(entries(tick, lot, usual))


@st.composite
def scenarios(draw: st.DrawFn, max_bars: int = 12) -> Scenario:
    """A whole scenario."""
    facts, usual = draw(instruments())
    clock = draw(st.sampled_from([1, 1, 2, 3]))
    count = max(2, draw(st.integers(2, max_bars)) // clock * clock)
    tick, lot = facts.tick_size, facts.qty_step
    notional = Fraction(tick) * usual * Fraction(lot) * 10
    closes = [bar for bar in range(count - 1) if (bar + 1) % clock == 0]
    decisions = [
        Decision(bar, tuple(told))
        for bar in closes
        if (told := draw(st.lists(commands(tick, lot, usual), max_size=3)))
    ]
    instants = st.integers(0, count * 2 - 1).map(lambda half_bars: half_bars * 30_000)
    funding = sorted(draw(st.lists(instants, max_size=4, unique=True)))
    rates = st.sampled_from([1, -1, 7, 250, -400, 20_000]).flatmap(
        lambda most: st.integers(1, 100).map(lambda n: Fraction(most * n, E8))
    )
    atr = st.one_of(
        st.none(), st.integers(1, max(2, usual // 20)).map(lambda n: n * Fraction(tick))
    )
    return Scenario(
        instrument=facts,
        bars=draw(bars(tick, usual, count)),
        config=draw(configs(notional)),
        decisions=tuple(decisions),
        funding=tuple(FundingEvent(at, draw(rates)) for at in funding),
        atr=tuple(draw(atr) for _ in range(count // clock)),
        clock=clock,
    )
