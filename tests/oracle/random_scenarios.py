"""Random scenarios, all from small integers: :func:`scenario` draws one from any source of them.

:func:`seeded` is one scenario per seed, in about a millisecond, for comparisons by the thousand;
``tests.oracle.strategies`` lets Hypothesis draw the same scenarios, to shrink what fails.
Prices are whole ticks near the last close, quantities tens of lots about one size, so that levels
coincide and positions close exactly. What is drawn is valid at load, though not accepted on
arrival: refusals are part of what two exchanges must agree on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from random import Random
from typing import Protocol, TypeVar

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

Option = TypeVar("Option")

#: Facts of several kinds of symbol: (tick, lot, usual price in ticks). The last has so many ticks
#: in a move that products of prices and rates exceed 64 bits.
FACTS = (
    ("0.1", "0.001", 1_000),
    ("0.01", "0.01", 1_000),
    ("0.5", "1", 200),
    ("0.0001", "1", 5_000),
    ("0.05", "0.1", 300),
    ("0.01", "0.001", 6_000_000),
)
SOURCES = ("last", "last", "last", "mark", "index")
FILL_MS = 60_000


class Draws(Protocol):
    """Where the integers come from."""

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""

    def pick(self, options: Sequence[Option]) -> Option:
        """One of the options, the simplest first."""


class Seeded:
    """Draws of a generator that gives the same numbers for a seed wherever it runs."""

    def __init__(self, seed: int) -> None:
        self._next = Random(seed).random

    def between(self, low: int, high: int) -> int:
        return low + int(self._next() * (high - low + 1))

    def pick(self, options: Sequence[Option]) -> Option:
        return options[int(self._next() * len(options))]


@dataclass(frozen=True)
class Market:
    """What a scenario's orders are drawn around: the facts' tick and lot, a usual price and move
    in ticks, a usual size in lots, a usual leverage."""

    tick: Fraction
    lot: Fraction
    usual: int
    near: int
    size: int
    leverage: int

    @property
    def lot_notional(self) -> Fraction:
        return self.tick * self.usual * self.lot


def seeded(seed: int, max_bars: int = 12) -> Scenario:
    """The scenario of a seed."""
    return scenario(Seeded(seed), max_bars)


def scenario(d: Draws, max_bars: int = 12) -> Scenario:
    """A whole scenario of at most ``max_bars`` fill bars."""
    tick, lot, usual = d.pick(FACTS)
    market = Market(
        tick=Fraction(tick),
        lot=Fraction(lot),
        usual=usual,
        near=max(2, usual // d.pick((100, 30, 300, 8))),
        size=d.pick((10, 40, 3)),
        leverage=d.pick((5, 10, 1, 25)),
    )
    clock = d.pick((1, 1, 2, 3))
    count = max(2, d.between(2, max_bars) // clock * clock)
    facts = _instrument(d, Decimal(tick), Decimal(lot), market)
    bars, closes, aimed = _bars(d, facts, market, count, clock)
    ids = 0
    decisions = []
    for bar in range(clock - 1, count - 1, clock):
        # More at first, so that there is something to happen to later.
        told = tuple(
            _command(d, market, closes[bar], ids)
            for _ in range(d.pick((1, 2, 3) if bar < clock else (0, 1, 0, 2, 3)))
        )
        if bar + 1 == aimed and d.between(0, 1):
            told = (Exit(), *told)
        ids += sum(not isinstance(command, Cancel) for command in told)
        if told:
            decisions.append(Decision(bar, told))
    rates = _funding_rates(d)
    instants = {
        d.between(0, count - 1) * FILL_MS + d.pick((0, 0, 0, 1, 30_000, FILL_MS - 1))
        for _ in range(d.pick((0, 1, 2, 4)))
    }
    return Scenario(
        instrument=facts,
        bars=bars,
        config=_config(d, market),
        decisions=tuple(decisions),
        funding=tuple(FundingEvent(at, _rate(d, rates)) for at in sorted(instants)),
        atr=tuple(_atr(d, market) for _ in range(count // clock)),
        clock=clock,
    )


# --- the market -----------------------------------------------------------------------------------


def _instrument(d: Draws, tick: Decimal, lot: Decimal, market: Market) -> Instrument:
    """Facts whose minimums, maximums and tiers lie near the scenario's usual sizes."""
    return Instrument(
        tick_size=tick,
        qty_step=lot,
        min_qty=lot * d.pick((1, 1, 5)),
        max_market_qty=d.pick((None, None, None, lot * 50, lot * 7)),
        min_notional=Decimal(d.pick((0, 0, 0, 1, 5))),
        max_leverage=Fraction(d.pick((100, 50, market.leverage))),
        tiers=_tiers(d, market),
    )


def _tiers(d: Draws, market: Market) -> tuple[Tier, ...]:
    """One to three tiers whose deductions are continuous; caps are what some sizes are worth at the
    usual price, highest leverages the scenario's own and others."""
    made: list[Tier] = []
    cap, rate, deduction, leverage = Fraction(0), Fraction(0), Fraction(0), 100
    for _ in range(d.between(1, 3)):
        higher = rate + Fraction(d.pick((100, 50, 200, 250)), 10_000)
        deduction += cap * (higher - rate)
        cap += market.size * d.pick((2, 1, 3, 8, 20)) * market.lot_notional
        rate = higher
        made.append(Tier(_decimal(cap), rate, _decimal(deduction), Fraction(leverage)))
        leverage = min(leverage, d.pick((100, market.leverage, 50, 2)))
    return tuple(made)


def _bars(
    d: Draws, facts: Instrument, market: Market, count: int, clock: int
) -> tuple[tuple[Bar, ...], list[int], int]:
    """Bars with gaps between and around them, their closes in ticks, and which bar was aimed (see
    :func:`_aimed`), 0 for none. Mark and index follow the
    last price or wander about it, the mark on steps of a tenth of a tick in some scenarios."""
    made: list[Bar] = []
    closes: list[int] = []
    tick, lot = facts.tick_size, facts.qty_step
    at, near = market.usual, market.near
    finer = d.pick((1, 1, 10))
    apart = d.pick((1, 2, 0))
    gap = d.pick((near, 0, near // 3))
    volumes = d.pick((500, 2_000, 50))
    for _ in range(count):
        opened, last = _series(d, at, tick, near, gap)
        mark = index = last
        if apart and d.between(0, 1):
            mark = _series(d, opened * finer, tick / finer, near * finer // apart, gap * finer)[1]
            index = _series(d, opened, tick, near // apart, gap)[1]
        volume = d.between(0, volumes) if d.between(0, 4) else 0
        made.append(Bar(last, mark, index, lot * volume))
        at = int(last[3] / tick)
        closes.append(at)
    place = 0
    if count > clock + 1 and d.between(0, 1):
        place = d.between(clock + 1, count - 1)
        made[clock], made[place] = _aimed(d, made[clock], made[place], facts, market, finer)
        closes[place] = int(made[place].last[3] / tick)
    return tuple(made), closes, place


def _aimed(
    d: Draws, entry: Bar, later: Bar, facts: Instrument, market: Market, finer: int
) -> tuple[Bar, Bar]:
    """Two bars: the later one's mark opens where a position from the first's open is liquidated,
    to the unit, or its last price lies at the bankruptcy price or a little beyond."""
    side, tick = d.pick((LONG, SHORT)), facts.tick_size
    o, h, low, c = entry.last
    bankrupt = 1 - Fraction(side, market.leverage)
    if d.between(0, 1):
        beyond = Fraction(o) * bankrupt * (1 - side * _bps(d, 0, 6)) / Fraction(tick)
        level = max(1, round(beyond)) * tick
        return entry, replace(later, last=(level, level, level, level))
    falls = bankrupt / (1 - side * facts.tiers[0].rate)
    if d.between(0, 1):
        # Margin and maintenance are equal at a whole unit.
        o = max(1, round(o / tick / falls.denominator)) * falls.denominator * tick
        entry = replace(entry, last=(o, max(o, h), min(o, low), c))
    exact = Fraction(o) * falls * finer / Fraction(tick)
    level = max(1, floor(exact) if side == LONG else ceil(exact)) * tick / finer
    return entry, replace(later, mark=(level, level, level, level))


def _series(d: Draws, start: int, unit: Decimal, near: int, gap: int) -> tuple[int, OHLC]:
    """An open at most ``gap`` from ``start``, and open, high, low, close in ``unit``."""
    o = max(1, start + d.between(-gap, gap))
    c = max(1, o + d.between(-near, near))
    h = max(o, c) + d.between(0, near)
    low = max(1, min(o, c) - d.between(0, near))
    return o, (o * unit, h * unit, low * unit, c * unit)


def _config(d: Draws, market: Market) -> Config:
    """A run config; equity from too little to plenty."""
    notional = market.lot_notional * market.size
    return Config(
        equity=_decimal(notional * d.pick((20, 2, 1, 200)) * d.between(90, 110) / 100),
        taker=_bps(d, 0, 10),
        maker=_bps(d, 0, 12),
        slippage=d.pick((0, 1)) * _bps(d, 0, 30),
        slippage_stop=d.pick((0, 1)) * _bps(d, 0, 30),
        latency_ms=d.pick((0, 0, 0, 1, FILL_MS - 1, FILL_MS, 90_000)),
        fill=d.pick(("through", "touch")),
        path=d.pick(("pessimistic", "ohlc")),
        brackets_on_entry_bar=d.pick((True, True, False)),
        participation=d.pick((None, None, Fraction(1, 10))),
        funding=d.pick(("on", "on", "on", "off")),
        mark=d.pick(("series", "series", "series", "last")),
        liquidation=d.pick(("on", "on", "on", "off")),
        end=d.pick(("close", "mark")),
        max_drawdown=d.pick((None, None, None, Fraction(1, 10), Fraction(1, 50), Fraction(1, 200))),
    )


def _funding_rates(d: Draws) -> int:
    """The unit of a scenario's funding rates, 1e-8: from nothing much to ruinous."""
    return d.pick((250, 1, 20_000, 200_000))


def _rate(d: Draws, unit: int) -> Fraction:
    return Fraction(unit * d.between(1, 100) * d.pick((1, -1)), E8)


def _atr(d: Draws, market: Market) -> Fraction | None:
    if d.between(0, 4) == 4:
        return None
    return market.tick * d.between(1, max(2, market.near))


# --- commands -------------------------------------------------------------------------------------


def _command(d: Draws, market: Market, close: int, ids: int) -> Command:
    """An entry mostly; an exit; a cancel of an order with an id up to ``ids``."""
    choice = d.between(0, 7)
    if choice == 7 and ids:
        return Cancel(d.between(max(1, ids - 3), ids))
    if choice in (5, 6):
        return Exit(d.pick((None, Fraction(1, 2), Fraction(1, 4), Fraction(1, 100))))
    return _entry(d, market, close)


def _entry(d: Draws, market: Market, close: int) -> Entry:
    """An entry of any kind about the close of its decision, with any brackets."""
    side = d.pick((LONG, SHORT))
    stop = _stop(d, market, side, close) if d.between(0, 2) else None
    size_kind, size = _size(d, market, has_stop=stop is not None)
    order = d.pick(("market", "market", "limit", "limit", "stop", "stop-limit"))
    price = trigger = None
    if order in ("stop", "stop-limit"):
        # Mostly on the side on which a trigger can wait.
        away = d.between(-(market.near // 8) - 1, market.near)
        trigger = market.tick * max(1, close + side * away)
    if order in ("limit", "stop-limit"):
        price = _grid(d, market, close)
    return Entry(
        side=side,
        size_kind=size_kind,
        size=size,
        order=order,
        price=price,
        trigger=trigger,
        tif="GTC" if price is None else d.pick(("GTC", "GTC", "GTC", "IOC", "FOK", "PostOnly")),
        expires=d.pick((None, None, None, 1, 2, 4)),
        leverage=_leverage(d, market),
        trigger_by=d.pick(SOURCES),
        stop=stop,
        targets=_ladder(d, market, side, close, has_stop=stop is not None),
        break_even=_break_even(d, market, has_stop=stop is not None),
        trail=_trail(d, market, has_stop=stop is not None),
    )


def _leverage(d: Draws, market: Market) -> Fraction:
    """Mostly the scenario's own, so that adds are taken; some not a whole number."""
    other = d.pick((Fraction(1), Fraction(5), Fraction(60), Fraction(15, 4)))
    return other if d.between(0, 7) == 7 else Fraction(market.leverage)


def _size(d: Draws, market: Market, has_stop: bool) -> tuple[str, Fraction]:
    kind = d.pick(("qty", "qty", "notional", "margin", "risk"))
    if kind == "risk" and has_stop:
        return kind, Fraction(d.between(1, 20), 100)
    if kind == "margin":
        return kind, Fraction(d.pick((d.between(1, 100), 100)), 100)
    if kind == "notional":
        return kind, market.lot_notional * d.between(0, market.size * 2)
    lots = d.pick((market.size, market.size, market.size * 2, market.size // 2, None))
    return "qty", market.lot * (d.between(0, market.size * 3) if lots is None else lots)


def _grid(d: Draws, market: Market, close: int) -> Fraction:
    """A price near ``close``; now and then half a tick off the grid."""
    price = max(1, close + d.between(-market.near, market.near))
    return market.tick * price + (market.tick / 2 if d.between(0, 9) == 9 else 0)


def _distance(d: Draws, market: Market, most_bps: int = 1_500) -> tuple[str, Fraction]:
    """A kind of distance and its value, of the order of the scenario's moves."""
    kind = d.pick(("points", "price", "roi"))
    if kind == "points":
        return kind, market.tick * d.between(1, market.near * 2)
    moves = max(2, 20_000 * market.near // market.usual)
    return kind, _bps(d, 1, min(most_bps, moves)) * (market.leverage if kind == "roi" else 1)


def _stop(d: Draws, market: Market, side: int, close: int) -> Stop:
    kind, value = _distance(d, market)
    if d.between(0, 2) == 2:
        away = d.between(-(market.near // 8) - 1, market.near * 2)
        kind, value = "level", market.tick * max(1, close - side * away)
    return Stop(kind, value, d.pick(SOURCES))


def _ladder(d: Draws, market: Market, side: int, close: int, has_stop: bool) -> tuple[Target, ...]:
    """Up to five targets that close at most everything; the last may take the rest."""
    count = d.pick((0, 1, 2, 3, 5))
    made: list[Target] = []
    left = 100
    for place in range(count):
        part: Fraction | None = None
        if place < count - 1 or d.between(0, 1):
            percent = d.between(1, max(1, left - (count - place)))
            left -= percent
            part = Fraction(percent, 100)
        kind, value = _distance(d, market)
        choice = d.between(0, 3)
        if choice == 3:
            away = d.between(-(market.near // 8) - 1, market.near)
            kind, value = "level", market.tick * max(1, close + side * away)
        elif choice == 2 and has_stop:
            kind, value = "rr", Fraction(d.between(1, 12), 4)
        made.append(
            Target(kind, value, part, d.pick(("limit", "limit", "market")), d.pick(SOURCES))
        )
    return tuple(made)


def _reach(d: Draws, market: Market, has_stop: bool) -> Reach:
    if has_stop and d.between(0, 1):
        return Reach("R", Fraction(d.between(1, 8), 4))
    return Reach(*_distance(d, market))


def _break_even(d: Draws, market: Market, has_stop: bool) -> BreakEven | None:
    if d.between(0, 3) < 3:
        return None
    return BreakEven(_reach(d, market, has_stop), _bps(d, 0, 20))


def _trail(d: Draws, market: Market, has_stop: bool) -> Trail | None:
    if d.between(0, 2) < 2:
        return None
    kind = d.pick(("price", "points", "atr"))
    if kind == "points":
        value = market.tick * d.between(1, market.near)
    elif kind == "atr":
        value = Fraction(d.between(1, 6), 2)
    else:
        value = _bps(d, 1, max(2, 10_000 * market.near // market.usual))
    return Trail(kind, value, _reach(d, market, has_stop) if d.between(0, 1) else None)


def _bps(d: Draws, low: int, high: int) -> Fraction:
    """A rate in whole basis points."""
    return Fraction(d.between(low, high), 10_000)


def _decimal(value: Fraction) -> Decimal:
    """A fraction of at most 8 decimals as a decimal."""
    scaled = value * E8
    assert scaled.denominator == 1, value
    return Decimal(int(scaled)) / E8
