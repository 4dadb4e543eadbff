"""Calls of the language's functions, and the bar counts some of them take."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.play import operators
from engine.play.ast import Expr, Literal, Param, Type
from engine.play.issues import Code, Mark
from engine.play.operators import Problem
from engine.play.quantity import DECIMAL, literal_of
from engine.play.scope import Value
from engine.play.syntax import CallOf, Chain, Name, Number, Syntax
from engine.play.text import literal_text

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver

MAX_BARS = 5000

_OPERANDS = {
    "between": ("x", "lo", "hi"),
    "cross_above": ("a", "b"),
    "cross_below": ("a", "b"),
    "prev": ("x", "n"),
}


def call_function(resolver: Resolver, node: CallOf, context: Context) -> Value | None:
    """The typed node of a function call; None when something was reported."""
    operands = _operands(resolver, node, _OPERANDS[node.name], context)
    if operands is None:
        return None
    if node.name == "prev":
        value = resolver.expression(operands[0], context)
        n = count_bars(resolver, operands[1], context, low=1)
        if value is None or n is None:
            return None
        return resolver.looked_back(value, n, node.mark, context)
    if node.name == "between":
        x, low, high = operands
        return resolver.chain(Chain((low, x, high), ("<=", "<="), node.mark), context)

    def make(left: Expr, right: Expr) -> Expr | Problem:
        return operators.cross(node.name, left, right)

    return resolver.built(context, node.mark, make, *operands)


def _operands(
    resolver: Resolver, node: CallOf, names: tuple[str, ...], context: Context
) -> list[Syntax] | None:
    """The arguments of a function by position; functions take no keywords."""
    form = f"write {node.name}({', '.join(names)})"
    for argument in node.arguments:
        if argument.name:
            message = f"{node.name} has no keyword {argument.name!r}"
            resolver.fail(context, Code.ARGUMENT, argument.mark, message, form)
            return None
    if len(node.arguments) != len(names):
        message = f"{node.name} takes {len(names)} arguments, not {len(node.arguments)}"
        resolver.fail(context, Code.ARGUMENT, node.mark, message, form)
        return None
    return [argument.value for argument in node.arguments]


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
            bars = _whole_bars(literal, context)
    elif isinstance(node, Name) and node.id in resolver.scope.params:
        resolver.scope.used.add(node.id)
        literal = resolver.scope.params[node.id]
        bars = _whole_bars(literal, context)
        param = Param(node.id, literal) if literal.type is Type.INT and bars else None
    elif isinstance(node, Name) and node.id in resolver.scope.broken:
        return None
    if bars is None:
        _refuse(resolver, node.mark, context, _what(node, resolver, context), low)
        return None
    if not low <= bars <= MAX_BARS:
        _refuse(resolver, node.mark, context, f"{bars} bars is out of range", low)
        return None
    return param if param is not None else bars


def _whole_bars(literal: Literal, context: Context) -> int | None:
    """Bars an int or a duration states; None when it is neither, or no whole number of bars."""
    value = literal.value
    if not isinstance(value, Decimal):
        return None
    if literal.type is Type.INT:
        return int(value)
    bar_ms = Decimal(context.timeframe.ms)
    if literal.type is not Type.DURATION or context.timeframe.is_month:
        return None
    return None if DECIMAL.remainder(value, bar_ms) else int(DECIMAL.divide_int(value, bar_ms))


def _what(node: Syntax, resolver: Resolver, context: Context) -> str:
    literal = None
    if isinstance(node, Number):
        literal = literal_of(node.quantity)
    elif isinstance(node, Name):
        literal = resolver.scope.params.get(node.id)
    if literal is not None and literal.type is Type.DURATION:
        return f"{literal_text(literal)} is not a whole number of {context.timeframe} bars"
    return "a number of bars is an int or an int parameter"


def _refuse(resolver: Resolver, mark: Mark, context: Context, message: str, low: int) -> None:
    resolver.fail(context, Code.ARGUMENT, mark, message, f"from {low} to {MAX_BARS} bars")
