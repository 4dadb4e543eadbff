"""The typed syntax tree of expressions: what both notations compile to.

The loader builds these nodes with names resolved, parameters defaulted and types checked; the
feature compiler reads them. Every node is an immutable value, so equal expressions are equal
nodes and are computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from engine.play.own_indicators import UserIndicator
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
    #: One zone of a structure: only ``.field`` may follow.
    ZONE = "zone"
    #: A bare multi-output indicator or structure: only ``.field`` may follow.
    MULTI = "multi"


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, percent (in percent), R multiple, duration (in ms), truth value or enum word.

    ``members``: of an enum word, every word of its enum in declared order; features carry an enum
    as the place of its word among them.
    """

    type: Type
    value: Decimal | bool | str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Param:
    """A play parameter by name, with the value it has in this play."""

    name: str
    literal: Literal

    @property
    def type(self) -> Type:
        return self.literal.type

    @property
    def value(self) -> Decimal | bool | str:
        return self.literal.value


@dataclass(frozen=True, slots=True)
class Ticks:
    """A whole number of the instrument's price steps, as a distance in units of the price."""

    count: Decimal
    type: Type = Type.FLOAT


@dataclass(frozen=True, slots=True)
class Price:
    """A column of the bar itself: ``open high low close volume hl2 hlc3 ohlc4 turnover mark_close
    index_close open_interest`` (floats), ``funding_rate`` (the last with timestamp <= the close),
    ``hour`` (0..23) and ``weekday`` (0 = Monday) of the close, UTC (ints)."""

    name: str
    type: Type = Type.FLOAT


@dataclass(frozen=True, slots=True)
class Position:
    """A field of the open position, as known at the clock close; only in exit rules.

    ``bars`` (int: clock bars since the entry), ``side`` (enum ``long short none``),
    ``entry_price`` (average), ``pnl_pct`` (percent of the entry price, positive in profit), ``r``
    (open profit in R). Null when flat, but ``side``, which is then ``none``.
    """

    field: str
    type: Type


@dataclass(frozen=True, slots=True)
class Ref:
    """A series, structure or setup of the play by id.

    ``field`` selects an output of a multi-output series or a structure, as
    :class:`Indicator` and :class:`Structure` name it in ``output``.
    """

    kind: str  # "series" | "structure" | "setup"
    id: str
    field: str
    type: Type


@dataclass(frozen=True, slots=True)
class Indicator:
    """A call of an indicator, every parameter named, in declared order.

    ``output`` is the selected output; "" for the whole of a multi-output indicator (type MULTI).
    ``user`` is the declaration if it is one of the play's project, None for a built-in one.
    """

    name: str
    inputs: tuple[Expr, ...]
    params: tuple[tuple[str, Param | Literal], ...]
    output: str
    type: Type
    user: UserIndicator | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure of the play: a call of a registered one, in the play's section ``structures``.

    ``id`` is its id in the play. ``sources`` are what it reads, by name in declared order: other
    structures as ``Ref`` of kind "structure" (on the same timeframe, so even under an ``At``), and
    numbers as expressions on its own timeframe; optional ones that are not given are left out.
    Every parameter is named, in declared order; a list (``levels``) is a tuple of literals.
    ``output`` is the selected output by its full name (``high``, ``level[0.618]``,
    ``up[0].lower``, ``up.nearest.upper``, ``up.count``, ``down.born``); "" for the whole.
    """

    id: str
    name: str
    sources: tuple[tuple[str, Expr], ...]
    params: tuple[tuple[str, Param | Literal | tuple[Literal, ...]], ...]
    output: str
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function over expressions; ``n`` is the bar count of those that take one.

    Bars are those of the clock, or of the ``At`` it stands under; windows end at the current bar,
    which they include. "null" is a missing number (NaN) or an unknown truth value. Unless said
    otherwise an operand that is null makes the result null, and so does a window that reaches
    back before history begins.

    Numbers: ``add sub mul div`` (x/0 is null), ``neg``, ``abs``; ``min max`` (two operands or
    more). ``highest lowest sum avg`` (x over the last ``n`` bars; ``sum`` and ``avg`` add the
    oldest first, ``avg`` divides by n).
    Comparisons: ``lt le gt ge``; ``eq ne`` (ints and enums); a chain is an ``and`` of comparisons.
    ``near`` (a, b, t): |a - b| <= t, null when t < 0. ``near_pct`` (a, b, f): |a - b| <= f * |b|,
    f a constant >= 0; null when b = 0.
    Logic (Kleene): ``and or`` (two operands or more, flattened), ``not``.
    ``within`` (e, ``n``): ``or`` of e over the last n bars; ``held`` (e, ``n``): their ``and``; a
    bar before history counts as null. ``count`` (e, ``n``): on how many of the last n bars e was
    true; null if it was null on any.
    Events: ``cross_above`` (a, b): a[1] <= b[1] and a > b, null if any of the four is;
    ``cross_below`` mirrors. ``changed`` (x): x != x[1] (number, truth value or enum).
    Memory: ``bars_since`` (e): bars since e was last true, 0 on the bar itself; null if it never
    was. ``since`` (a, b): a was true on a later bar than the last on which b was; null as long as
    b never was. ``value_when`` (e, x): x on the last bar on which e was true, be it null; null if
    e never was. In these three a bar on which e (a, b) is null is one on which it is not true.
    ``lookback`` (x, ``n`` >= 1): x as it was n bars ago; over a held ``At`` it is the explicit
    ``prev``.
    Nulls: ``coalesce`` (two operands or more): the first that is not null. ``defined`` (x): true
    or false, never null. ``if`` (c, a, b): a when c is true, b when it is false, null when it is
    null; the branch not taken may be null.
    """

    op: str
    args: tuple[Expr, ...]
    type: Type
    n: int | Param = 0


@dataclass(frozen=True, slots=True)
class At:
    """``expr@tf``: the whole expression on closed bars of ``timeframe``, held until the next.

    Names are expanded, so no ``Ref`` stands under it but to the sources of a ``Structure``, which
    keeps its own timeframe. ``timeframe`` is not the clock's; under
    another ``At`` it is slower than that one's. A number, bool or enum is that of the latest
    closed bar. An event is true on a clock bar when it fired at one or more closes of
    ``timeframe`` in (previous clock close, this close]: from a slower timeframe that is a pulse on
    the first clock bar at or after the close.
    """

    expr: Expr
    timeframe: Timeframe
    type: Type


Expr = Literal | Param | Ticks | Price | Position | Ref | Indicator | Structure | Call | At
