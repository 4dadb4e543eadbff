"""What follows a point, and what brackets select: outputs, zones, levels, position fields."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.canonical import decimal_text
from engine.play.ast import Expr, Position, Type
from engine.play.issues import Code, Mark, suggestion
from engine.play.outputs import choices_of, outputs_of, select
from engine.play.scope import Value
from engine.play.syntax import Index, Member, Name, Number, start
from engine.play.text import expression_text
from engine.play.timeframes import look_back
from engine.play.vocabulary import POSITION_FIELDS, SIDES

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver


def member(resolver: Resolver, node: Member, context: Context) -> Value | None:
    """``of.field``."""
    if isinstance(node.of, Name) and node.of.id == "position":
        return _position(resolver, node, context)
    value = resolver.whole(node.of, context)
    if value is None:
        return None
    outputs = outputs_of(value.expr, resolver.scope)
    if node.field in outputs:
        output = outputs[node.field]
        pace = context.timeframe if output.type is Type.EVENT else value.pace
        return Value(select(value.expr, node.field, output.type), pace, output.members)
    if outputs:
        what = f"unknown output {node.field!r}"
        resolver.fail(context, Code.FIELD, node.mark, what, suggestion(node.field, outputs))
    else:
        what = f"{expression_text(value.expr)} has no field {node.field!r}"
        resolver.fail(context, Code.FIELD, node.mark, what)
    return None


def index(resolver: Resolver, node: Index, context: Context) -> Value | None:
    """``of[n]``: one of several things of a structure, else the value n bars back."""
    of = resolver.whole(node.of, context)
    if of is None:
        return None
    if of.expr.type not in (Type.MULTI, Type.ZONE):
        return look_back(resolver, of, node, context)
    choices = choices_of(of.expr, resolver.scope)
    if not choices:
        refuse_bare(resolver, of.expr, start(node.of), context)
        return None
    written = _selector(resolver, node.index)
    if written is None or written not in choices:
        what = expression_text(of.expr)
        shown = node.index.id if isinstance(node.index, Name) else str(node.index.quantity.value)
        resolver.fail(
            context,
            Code.FIELD,
            node.mark,
            f"{what} has no [{shown}]",
            f"allowed: {', '.join(f'{what}[{choice}]' for choice in choices)}",
        )
        return None
    output = choices[written]
    pace = context.timeframe if output.type is Type.EVENT else of.pace
    return Value(select(of.expr, f"[{written}]", output.type), pace, output.members)


def _selector(resolver: Resolver, node: Number | Name) -> str | None:
    """What stands between the brackets, as output names spell it."""
    if isinstance(node, Number):
        return decimal_text(node.quantity.value) if not node.quantity.unit else None
    literal = resolver.scope.param(node.id)
    if literal is None or literal.type is not Type.INT or not isinstance(literal.value, Decimal):
        return None
    return decimal_text(literal.value)


def _position(resolver: Resolver, node: Member, context: Context) -> Value | None:
    if node.field not in POSITION_FIELDS:
        resolver.fail(
            context,
            Code.FIELD,
            node.mark,
            f"'position' has no field {node.field!r}",
            suggestion(node.field, POSITION_FIELDS),
        )
        return None
    if not context.position:
        resolver.fail(
            context,
            Code.TYPE,
            node.mark,
            f"'position.{node.field}' is known in exit rules only, on the clock",
            "move the condition into exit_long or exit_short, outside '@'",
        )
        return None
    type = POSITION_FIELDS[node.field]
    members = SIDES if type is Type.ENUM else ()
    return Value(Position(node.field, type), context.timeframe, members)


def only_output(resolver: Resolver, value: Value) -> Value:
    """The value of a structure with a single output called ``value``; anything else unchanged."""
    outputs = outputs_of(value.expr, resolver.scope)
    if list(outputs) != ["value"]:
        return value
    output = outputs["value"]
    return Value(select(value.expr, "value", output.type), value.pace, output.members)


def refuse_bare(resolver: Resolver, expr: Expr, mark: Mark, context: Context) -> None:
    """Reports a whole multi-output indicator, structure or zone where one value is due."""
    outputs = list(outputs_of(expr, resolver.scope))
    brackets = choices_of(expr, resolver.scope)
    hint = f"write one after a point: {', '.join(outputs)}"
    if brackets:
        hint = f"choose one: [{'], ['.join(brackets)}]" + (f"; or {hint}" if outputs else "")
    message = f"{expression_text(expr)} has several outputs"
    resolver.fail(context, Code.OUTPUT_MISSING, mark, message, hint)
