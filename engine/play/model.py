"""The immutable play: what the loader returns and everything later takes (M1, M2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.play.ast import Expr, Literal
from engine.timeframe import Timeframe

#: The four rule kinds in the order they are evaluated: exits before entries.
RULE_KINDS = ("exit_long", "exit_short", "enter_long", "enter_short")


@dataclass(frozen=True, slots=True)
class Rule:
    """One alternative of a rule; the first true one of its kind wins and is recorded by id."""

    id: str
    when: Expr


@dataclass(frozen=True, slots=True)
class Stop:
    """Protective stop. ``kind``: ``price`` (``value`` percent of the average fill), ``atr``
    (``value`` multiples of ``of``), ``none`` (written out by the author)."""

    kind: str
    value: Decimal = Decimal(0)
    of: Expr | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Profit target. ``kind``: ``price`` (percent), ``rr`` (multiples of R), ``atr`` (of ``of``).
    ``order`` is ``limit`` or ``market``."""

    kind: str
    value: Decimal
    of: Expr | None = None
    order: str = "limit"
    close_pct: Decimal = Decimal(100)


@dataclass(frozen=True, slots=True)
class Size:
    """``kind``: ``risk`` or ``margin`` (``value`` percent of equity / free margin), ``notional``
    (USDT), ``qty`` (base units)."""

    kind: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Risk:
    size: Size
    stop: Stop
    targets: tuple[Target, ...] = ()
    leverage: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Play:
    """A resolved play. ``play_hash`` covers meaning only: not comments, key order or notation.

    ``path``, ``source`` and ``source_sha256`` say which text it was read from (M1, M2); they are
    no part of equality of meaning.
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
    canonical: dict[str, Any] = field(repr=False)
    play_hash: str
    path: str = ""
    source: str = field(default="", repr=False)
    source_sha256: str = ""
    warnings: tuple[str, ...] = ()

    def rule(self, kind: str) -> tuple[Rule, ...]:
        """The alternatives of rule ``kind``; empty when the play does not have it."""
        return next((rules for name, rules in self.rules if name == kind), ())
