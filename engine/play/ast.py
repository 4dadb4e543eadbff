"""The typed syntax tree of expressions: what both notations compile to.

The loader builds these nodes with names resolved, parameters defaulted and types checked; the
feature compiler reads them. Every node is an immutable value, so equal expressions are equal
nodes and are computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from engine.timeframe import Timeframe


class Type(StrEnum):
    """The types of the language. ``*_pct`` numbers are floats; percent is its own type."""

    FLOAT = "float"
    INT = "int"
    PERCENT = "percent"
    R = "R"
    DURATION = "duration"
    BOOL = "bool"
    EVENT = "event"
    ENUM = "enum"
    ZONE = "zone"
    #: A bare multi-output indicator or structure: only ``.field`` may follow.
    MULTI = "multi"


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, percent (in percent), R multiple, duration (in ms), truth value or enum word."""

    type: Type
    value: Decimal | bool | str


@dataclass(frozen=True, slots=True)
class Param:
    """A play parameter by name, with the value it has in this play."""

    name: str
    literal: Literal

    @property
    def type(self) -> Type:
        return self.literal.type


@dataclass(frozen=True, slots=True)
class Price:
    """A column of the bar itself: ``open high low close volume hl2 hlc3 ohlc4 ...``."""

    name: str
    type: Type = Type.FLOAT


@dataclass(frozen=True, slots=True)
class Ref:
    """A series or setup of the play by id; ``field`` selects an output of a multi-output series."""

    kind: str  # "series" | "setup"
    id: str
    field: str
    type: Type


@dataclass(frozen=True, slots=True)
class Indicator:
    """A call of a registered indicator, every parameter named, in declared order.

    ``output`` is the selected output; "" for the whole of a multi-output indicator (type MULTI).
    """

    name: str
    inputs: tuple[Expr, ...]
    params: tuple[tuple[str, Param | Literal], ...]
    output: str
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function over expressions.

    ``op``: ``add sub mul div neg`` (numbers) · ``lt le gt ge eq ne`` (comparison; a chain is an
    ``and`` of comparisons) · ``and or not`` (``and`` and ``or`` take two or more, flattened) ·
    ``cross_above cross_below`` · ``lookback`` (``n`` >= 1 bars back, in bars of the clock or of
    the ``At`` it stands under; over a held ``At`` it is the explicit ``prev``). ``n`` is the bar
    count of functions that take one, else 0.
    """

    op: str
    args: tuple[Expr, ...]
    type: Type
    n: int | Param = 0


@dataclass(frozen=True, slots=True)
class At:
    """``expr@tf``: the whole expression on closed bars of ``timeframe``, held until the next.

    Names are expanded, so no ``Ref`` stands under it. ``timeframe`` is slower than the clock, or
    than the ``At`` it stands under. A bool holds; an event is a pulse.
    """

    expr: Expr
    timeframe: Timeframe
    type: Type


Expr = Literal | Param | Price | Ref | Indicator | Call | At
