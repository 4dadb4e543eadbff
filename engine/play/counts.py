"""Numbers of bars: ints, ``5 bars``, durations of whole bars, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.play.ast import Param, Type
from engine.play.issues import Code, Mark
from engine.play.quantity import literal_of, whole_bars
from engine.play.syntax import Name, Number, Syntax, start
from engine.play.text import literal_text

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver

MAX_BARS = 5000


def count_bars(
    resolver: Resolver, node: Syntax, context: Context, *, low: int
) -> int | Param | None:
    """A number of bars of the context: an int, ``5 bars``, a duration of whole bars, a parameter.

    From ``low`` to MAX_BARS. A parameter of 0 is the plain 0, so it looks nowhere back.
    """
    bars: int | None = None
    param: Param | None = None
    if isinstance(node, Number):
        literal = literal_of(node.quantity)
        if node.quantity.unit == "bars":
            bars = int(node.quantity.value)
        elif literal is not None:
            bars = whole_bars(literal, context.timeframe)
    elif isinstance(node, Name) and (literal := resolver.scope.param(node.id)) is not None:
        bars = whole_bars(literal, context.timeframe)
        param = Param(node.id, literal) if literal.type is Type.INT and bars else None
    elif isinstance(node, Name) and node.id in resolver.scope.broken:
        return None
    if bars is None:
        _refuse(resolver, start(node), context, _what(node, resolver, context), low)
        return None
    if not low <= bars <= MAX_BARS:
        _refuse(resolver, start(node), context, f"{bars} bars is out of range", low)
        return None
    return param if param is not None else bars


def _what(node: Syntax, resolver: Resolver, context: Context) -> str:
    literal = None
    if isinstance(node, Number):
        literal = literal_of(node.quantity)
    elif isinstance(node, Name):
        literal = resolver.scope.param(node.id)
    if literal is not None and literal.type is Type.DURATION:
        return f"{literal_text(literal)} is not a whole number of {context.timeframe} bars"
    return "a number of bars is an int or an int parameter"


def _refuse(resolver: Resolver, mark: Mark, context: Context, message: str, low: int) -> None:
    resolver.fail(context, Code.ARGUMENT, mark, message, f"from {low} to {MAX_BARS} bars")
