"""The immutable play: what the loader returns and everything later takes (M1, M2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from engine.canonical import hash_value
from engine.play.ast import Expr, Literal
from engine.play.own_indicators import UserIndicator
from engine.timeframe import Timeframe

#: The four rule kinds in the order they are evaluated: exits before entries.
RULE_KINDS = ("exit_long", "exit_short", "enter_long", "enter_short")

#: Most targets of a ladder.
MAX_TARGETS = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """One alternative of a rule; the first true one of its kind wins and is recorded by id.

    ``tags``: names and expressions whose values are recorded with the decision and the trade,
    never read by a rule. ``close_pct`` (exits only): percent of the position's original size that
    it closes, once per position; 100 closes the whole.
    """

    id: str
    when: Expr
    tags: tuple[tuple[str, Expr], ...] = ()
    close_pct: Decimal = Decimal(100)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit: ``percent`` (1 is 1 %), ``R`` (multiples of the first stop
    distance) or ``ticks`` (whole price steps of the instrument)."""

    value: Decimal
    unit: str


NO_OFFSET = Amount(Decimal(0), "percent")


@dataclass(frozen=True, slots=True)
class Sided:
    """An expression for each side the play trades; None for a side without an entry rule."""

    long: Expr | None
    short: Expr | None


@dataclass(frozen=True, slots=True)
class Entry:
    """How a position is entered.

    ``order``: ``market`` (next fill bar's open; nothing else of this applies), ``limit`` or
    ``stop`` (a trigger, then a market order, or with ``limit`` a limit order).
    ``price``: limit price or trigger, evaluated at the signal close.
    ``limit`` (stop only): price of the limit order that the trigger releases.
    ``offset``: percent or ticks that move ``price`` away from the market, mirrored by side: a buy
    limit and a sell stop down, a sell limit and a buy stop up; negative towards the market.
    ``expires_bars``: live in that many clock bars after the decision's; None: never expires.
    ``tif``: ``gtc | ioc | fok | post_only``. ``pending``: what a rule that fires while its own
    order rests does: ``keep`` the order or ``replace`` it. ``cancel_when``: condition evaluated at
    clock closes that cancels the side's resting order.
    """

    order: str = "market"
    price: Sided | None = None
    limit: Sided | None = None
    offset: Amount | None = None
    expires_bars: int | None = None
    tif: str = "gtc"
    pending: str = "keep"
    cancel_when: Sided | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """``kind``: ``risk`` (``value`` percent of equity lost at the stop), ``margin`` (percent of
    free margin, times leverage), ``notional`` (USDT), ``qty`` (base units)."""

    kind: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Stop:
    """Protective stop.

    ``kind``: ``price`` (``value`` percent of the average fill), ``roi`` (percent of margin),
    ``atr`` (``value`` multiples of ``of`` at the reference), ``points`` (``value`` in ``unit``:
    ``price`` in units of the price, ``ticks`` in price steps), ``level`` (the price ``level``,
    moved by ``offset`` away from the market: down for a long), ``none`` (written by the author).
    """

    kind: str
    value: Decimal = Decimal(0)
    of: Expr | None = None
    unit: str = "price"
    level: Sided | None = None
    offset: Amount | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Profit target; ``kind`` also ``rr`` (multiples of R), otherwise as :class:`Stop`.

    ``order`` is ``limit`` or ``market``; ``close_pct`` percent of the original quantity. A
    ``level`` is moved by ``offset`` away from the market: up for a long.
    """

    kind: str
    value: Decimal = Decimal(0)
    of: Expr | None = None
    order: str = "limit"
    close_pct: Decimal = Decimal(100)
    unit: str = "price"
    level: Sided | None = None
    offset: Amount | None = None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The stop moves to the average entry plus ``offset`` (in the position's favour) once the
    peak profit reached ``at`` (R, or percent of the average entry price)."""

    at: Amount
    offset: Amount = NO_OFFSET


@dataclass(frozen=True, slots=True)
class Trail:
    """The stop follows the peak and only tightens.

    ``kind``: ``price`` (``value`` percent of the peak), ``atr`` (multiples of ``of`` at the last
    clock close), ``points`` (in ``unit``, as in :class:`Stop`). ``after``: peak profit from which
    it follows (R or percent of the average entry price); None: from the entry on.
    """

    kind: str
    value: Decimal
    of: Expr | None = None
    unit: str = "price"
    after: Amount | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """How much is risked and how a position is closed without a rule.

    ``targets``: at most MAX_TARGETS, their ``close_pct`` at most 100 in all; what is left over is
    a runner. ``max_drawdown_pct``: fall of equity from its peak that ends the run; None: no limit.
    """

    size: Size
    stop: Stop
    targets: tuple[Target, ...] = ()
    leverage: Decimal = Decimal(1)
    break_even: BreakEven | None = None
    trail: Trail | None = None
    max_drawdown_pct: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on trading; None: no limit.

    ``max_trades_per_day``: entries filled per UTC day. ``cooldown_bars``: clock bars after a
    position closed in which no entry is decided. ``max_bars``: clock bars a position is held
    before it is closed at the next open. ``daily_loss_pct``: loss of a UTC day, in percent of
    equity at its start, from which no entry is decided until the next day.
    """

    max_trades_per_day: int | None = None
    cooldown_bars: int | None = None
    max_bars: int | None = None
    daily_loss_pct: Decimal | None = None


@dataclass(frozen=True)
class Play:
    """A resolved play.

    ``series``, ``structures`` and ``setups`` stand in an order in which each comes after what it
    names. ``indicators`` are those of its project that it calls, by name. ``path``, ``source`` and
    ``source_sha256`` say which text it was read from (M1, M2); they are no part of equality of
    meaning.
    """

    name: str
    description: str
    market: str
    clock: Timeframe
    params: tuple[tuple[str, Literal], ...]
    series: tuple[tuple[str, Expr], ...]
    setups: tuple[tuple[str, Expr], ...]
    rules: tuple[tuple[str, tuple[Rule, ...]], ...]  # in RULE_KINDS order, only kinds present
    risk: Risk
    structures: tuple[tuple[str, Expr], ...] = ()
    entry: Entry = Entry()
    limits: Limits = Limits()
    path: str = ""
    source: str = field(default="", repr=False)
    source_sha256: str = ""
    warnings: tuple[str, ...] = ()
    indicators: tuple[UserIndicator, ...] = ()

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """The canonical form (:mod:`engine.play.canonical_form`)."""
        from engine.play.canonical_form import play_form  # which reads plays

        return play_form(self)

    @cached_property
    def play_hash(self) -> str:
        """Hash of what the play means: not of comments, key order or notation."""
        return hash_value(self.canonical)

    def rule(self, kind: str) -> tuple[Rule, ...]:
        """The alternatives of rule ``kind``; empty when the play does not have it."""
        return next((rules for name, rules in self.rules if name == kind), ())
