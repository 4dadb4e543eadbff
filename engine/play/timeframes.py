"""Time in expressions: ``expr@tf``, ``x[n]`` and ``prev``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import TimeError
from engine.play import operators
from engine.play.ast import At, Param, Type
from engine.play.counts import count_bars
from engine.play.issues import Code, Mark
from engine.play.outputs import held_under
from engine.play.scope import Value
from engine.play.syntax import AtTimeframe, Index, Name, Syntax
from engine.play.text import expression_text
from engine.play.vocabulary import timeframe_hint
from engine.timeframe import Timeframe, parse_timeframe

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver


def at_timeframe(
    resolver: Resolver,
    node: AtTimeframe,
    context: Context,
    *,
    whole: Callable[[Syntax, Context], Value | None] | None = None,
) -> Value | None:
    """``of@tf``: on the clock any timeframe, under another ``@`` an equal or slower one.

    ``whole`` resolves what stands before ``@`` (by default any expression).
    """
    inside = whole or resolver.whole
    try:
        timeframe = parse_timeframe(node.timeframe)
    except TimeError as error:
        hint = timeframe_hint(node.timeframe)
        resolver.fail(context, Code.TIMEFRAME, node.mark, error.message, hint)
        return None
    if timeframe is context.timeframe:
        return inside(node.of, context)
    if timeframe.ms < context.timeframe.ms and context.timeframe is not resolver.clock:
        refuse_faster(resolver, f"@{timeframe}", node.mark, context)
        return None
    value = inside(node.of, replace(context, timeframe=timeframe, position=False))
    if value is None:
        return None
    if value.pace is None:
        resolver.fail(
            context, Code.TYPE, node.mark, "a constant has no timeframe", f"drop @{timeframe}"
        )
        return None
    return held(value, timeframe, context)


def held(value: Value, timeframe: Timeframe, context: Context) -> Value:
    """``value``, computed on ``timeframe``, as the context's bars see it."""
    expr = At(value.expr, timeframe, value.expr.type)
    assert value.pace is not None
    news = value.expr.type is Type.EVENT or value.pace.ms < context.timeframe.ms
    return Value(expr, context.timeframe if news else value.pace, value.members)


def refuse_faster(resolver: Resolver, what: str, mark: Mark, context: Context) -> None:
    """Reports something faster than the ``@`` it stands under."""
    resolver.fail(
        context,
        Code.TIMEFRAME_MIX,
        mark,
        f"{what} stands under the slower @{context.timeframe}",
        "what stands under '@' keeps that timeframe or a slower one",
    )


def look_back(resolver: Resolver, value: Value, node: Index, context: Context) -> Value | None:
    """``value[n]``: n bars back, of a value that is not held from a slower timeframe."""
    n = count_bars(resolver, node.index, context, low=0)
    if n is None:
        return None
    if value.pace is not None and value.pace.ms > context.timeframe.ms:
        at = held_under(value.expr, resolver.scope)
        bars = node.index.id if isinstance(node.index, Name) else str(n)
        inside = f"({expression_text(at.expr)})[{bars}]@{at.timeframe}" if at else None
        form = inside or "(...)[n]@tf"
        resolver.fail(
            context,
            Code.TIMEFRAME_MIX,
            node.mark,
            f"{expression_text(value.expr)} is held from {value.pace}, so it has no look-back",
            f"write {form} for the {value.pace} bar before, or prev(x, n) for clock bars",
        )
        return None
    return looked_back(resolver, value, n, node.mark, context)


def looked_back(
    resolver: Resolver, value: Value, n: int | Param, mark: Mark, context: Context
) -> Value | None:
    """``value`` as it was ``n`` bars of the context ago."""
    if value.pace is None:
        resolver.fail(context, Code.TYPE, mark, "a constant has no look-back")
        return None
    return replace(value, expr=operators.look_back(value.expr, n))
