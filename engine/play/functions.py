"""Calls of the language's functions: declared here once, operands to one typed node.

:data:`FUNCTIONS` is what the grammar's names, hints, the reference and the JSON Schema read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from engine.play import operators
from engine.play.ast import Call, Expr, Param, Type
from engine.play.counts import count_bars
from engine.play.issues import Code
from engine.play.operators import NUMBERS, TRUTHS, Problem, type_name
from engine.play.outputs import held_under
from engine.play.scope import Value
from engine.play.syntax import CallOf, Chain, Syntax, start
from engine.play.text import expression_text
from engine.play.timeframes import looked_back

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver

Build: TypeAlias = "Callable[[Resolver, CallOf, list[Syntax], Context], Value | None]"


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function of the language. ``operands``: their names in order; one that ends in ``...``
    may be repeated. ``summary``: what it is, in words."""

    name: str
    operands: tuple[str, ...]
    summary: str
    build: Build

    @property
    def form(self) -> str:
        return f"{self.name}({', '.join(self.operands)})"


def call_function(resolver: Resolver, node: CallOf, context: Context) -> Value | None:
    """The typed node of a function call; None when something was reported."""
    spec = FUNCTIONS[node.name]
    for argument in node.arguments:
        if argument.name:
            message = f"{node.name} has no keyword {argument.name!r}"
            resolver.fail(context, Code.ARGUMENT, argument.mark, message, f"write {spec.form}")
            return None
    given = [argument.value for argument in node.arguments]
    repeated = spec.operands[-1].endswith("...")
    least = len(spec.operands) - 1 if repeated else len(spec.operands)
    if len(given) < least or (len(given) > least and not repeated):
        wanted = f"at least {least}" if repeated else str(least)
        message = f"{node.name} takes {wanted} arguments, not {len(given)}"
        resolver.fail(context, Code.ARGUMENT, node.mark, message, f"write {spec.form}")
        return None
    return spec.build(resolver, node, given, context)


# -- comparisons and events --------------------------------------------------------------------


def _between(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    x, low, high = given
    return resolver.chain(Chain((low, x, high), ("<=", "<="), node.mark), context)


def _cross(resolver: Resolver, node: CallOf, given: list[Syntax], context: Context) -> Value | None:
    def make(left: Expr, right: Expr) -> Expr | Problem:
        return operators.cross(node.name, left, right)

    return _on_each_bar(resolver.built(context, node.mark, make, *given), context)


def _near(resolver: Resolver, node: CallOf, given: list[Syntax], context: Context) -> Value | None:
    return resolver.built(context, node.mark, operators.near, *given)


def _changed(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    value = _changing(resolver, node, given[0], context, (*NUMBERS, *TRUTHS, Type.ENUM, Type.R))
    return value and Value(Call("changed", (value.expr,), Type.EVENT), context.timeframe)


# -- windows and memory over truth values ------------------------------------------------------

_TRUTH_WINDOWS = {"within": Type.BOOL, "held": Type.BOOL, "count": Type.INT}


def _truth_window(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    n = count_bars(resolver, given[0], context, low=1)
    value = _changing(resolver, node, given[1], context, TRUTHS)
    if value is None or n is None:
        return None
    call = Call(node.name, (value.expr,), _TRUTH_WINDOWS[node.name], n)
    return Value(call, context.timeframe)


def _bars_since(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    value = _changing(resolver, node, given[0], context, TRUTHS)
    return value and Value(Call("bars_since", (value.expr,), Type.INT), context.timeframe)


def _since(resolver: Resolver, node: CallOf, given: list[Syntax], context: Context) -> Value | None:
    values = [_changing(resolver, node, operand, context, TRUTHS) for operand in given]
    known = [value.expr for value in values if value is not None]
    if len(known) < 2:
        return None
    return Value(Call("since", tuple(known), Type.BOOL), context.timeframe)


def _value_when(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    event = _changing(resolver, node, given[0], context, TRUTHS)
    types = (*NUMBERS, *TRUTHS, Type.ENUM, Type.R)
    x = _changing(resolver, node, given[1], context, types)
    if event is None or x is None:
        return None
    type = Type.BOOL if x.expr.type is Type.EVENT else x.expr.type
    call = Call("value_when", (event.expr, x.expr), type)
    return Value(call, context.timeframe, x.members)


# -- windows over numbers ----------------------------------------------------------------------


def _number_window(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    n = count_bars(resolver, given[1], context, low=1)
    value = _changing(resolver, node, given[0], context, (*NUMBERS, Type.R))
    if value is None or n is None or _refuse_held(resolver, node, given, value, context):
        return None
    return Value(operators.number_window(node.name, value.expr, n), context.timeframe)


def _prev(resolver: Resolver, node: CallOf, given: list[Syntax], context: Context) -> Value | None:
    value = resolver.expression(given[0], context)
    n = count_bars(resolver, given[1], context, low=1)
    if value is None or n is None:
        return None
    return looked_back(resolver, value, n, node.mark, context)


def _refuse_held(
    resolver: Resolver, node: CallOf, given: list[Syntax], value: Value, context: Context
) -> bool:
    """Reports a window over a value held from a slower timeframe: it would count each twice."""
    if value.pace is None or value.pace.ms <= context.timeframe.ms:
        return False
    held = held_under(value.expr, resolver.scope)
    n = count_bars(resolver, given[1], context, low=1)
    bars = n.name if isinstance(n, Param) else str(n)
    inside = expression_text(held.expr) if held is not None else "..."
    resolver.fail(
        context,
        Code.TIMEFRAME_MIX,
        start(given[0]),
        f"{expression_text(value.expr)} is held from {value.pace}: {node.name} would count each "
        "value many times",
        f"write ({node.name}({inside}, {bars}))@{value.pace}",
    )
    return True


# -- numbers and nulls -------------------------------------------------------------------------


def _extreme(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    def make(*operands: Expr) -> Expr | Problem:
        return operators.extreme(node.name, operands)

    return resolver.built(context, node.mark, make, *given)


def _abs(resolver: Resolver, node: CallOf, given: list[Syntax], context: Context) -> Value | None:
    return resolver.built(context, node.mark, operators.absolute, *given)


def _if(resolver: Resolver, node: CallOf, given: list[Syntax], context: Context) -> Value | None:
    condition, *branches = resolver.values(given, context)
    common = _common(resolver, node, given[1:], branches, context)
    if condition is None or common is None:
        return None
    if condition.expr.type not in TRUTHS:
        _refuse_type(resolver, node, condition.expr, given[0], context, "a truth value first")
        return None
    type, members, exprs = common
    if type is Type.EVENT:
        type = Type.BOOL
    call = Call("if", (condition.expr, *exprs), type)
    return resolver.paced(call, [condition, *_known(branches)], members)


def _coalesce(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    values = resolver.values(given, context)
    common = _common(resolver, node, given, values, context)
    if common is None:
        return None
    type, members, exprs = common
    return resolver.paced(Call("coalesce", exprs, type), _known(values), members)


def _defined(
    resolver: Resolver, node: CallOf, given: list[Syntax], context: Context
) -> Value | None:
    types = (*NUMBERS, *TRUTHS, Type.ENUM, Type.R)
    value = _changing(resolver, node, given[0], context, types)
    return value and Value(Call("defined", (value.expr,), Type.BOOL), value.pace)


def _common(
    resolver: Resolver,
    node: CallOf,
    given: list[Syntax],
    values: list[Value | None],
    context: Context,
) -> tuple[Type, tuple[str, ...], tuple[Expr, ...]] | None:
    """The one type of several operands, the members of an enum, and the operands."""
    known = _known(values)
    if len(known) < len(values):
        return None
    found = operators.common_type([value.expr for value in known])
    members = {value.members for value in known}
    if found is None or len(members) > 1:
        shown = ", ".join(type_name(value.expr) for value in known)
        message = f"{node.name} needs operands of one type, not {shown}"
        resolver.fail(context, Code.TYPE, start(given[0]), message)
        return None
    return found, known[0].members, tuple(value.expr for value in known)


def _known(values: list[Value | None]) -> list[Value]:
    return [value for value in values if value is not None]


def _on_each_bar(value: Value | None, context: Context) -> Value | None:
    """An event is news of its own bar, whatever timeframe its operands are held from."""
    return value and Value(value.expr, context.timeframe)


def _changing(
    resolver: Resolver, node: CallOf, operand: Syntax, context: Context, types: tuple[Type, ...]
) -> Value | None:
    """An operand of one of ``types`` that is no constant; None when something was reported."""
    value = resolver.expression(operand, context)
    if value is None:
        return None
    if value.expr.type not in types:
        wanted = "a truth value" if types == TRUTHS else "a number"
        _refuse_type(resolver, node, value.expr, operand, context, wanted)
        return None
    if value.pace is None:
        message = f"{node.name} over a constant has no meaning"
        resolver.fail(context, Code.TYPE, start(operand), message)
        return None
    return value


def _refuse_type(
    resolver: Resolver, node: CallOf, expr: Expr, operand: Syntax, context: Context, wanted: str
) -> None:
    message = f"{node.name} needs {wanted}, not {type_name(expr)}"
    hint = f"write {FUNCTIONS[node.name].form}"
    resolver.fail(context, Code.TYPE, start(operand), message, hint)


FUNCTIONS = {
    spec.name: spec
    for spec in (
        FunctionSpec("abs", ("x",), "x without its sign", _abs),
        FunctionSpec("avg", ("x", "n"), "mean of the last n bars", _number_window),
        FunctionSpec(
            "bars_since", ("e",), "bars since e was last true, 0 on the bar itself", _bars_since
        ),
        FunctionSpec("between", ("x", "lo", "hi"), "lo <= x <= hi", _between),
        FunctionSpec("changed", ("x",), "event: x differs from the bar before", _changed),
        FunctionSpec("coalesce", ("a", "b", "..."), "the first that is not missing", _coalesce),
        FunctionSpec(
            "count", ("n", "e"), "on how many of the last n bars e was true", _truth_window
        ),
        FunctionSpec("cross_above", ("a", "b"), "event: a was at or below b, is above it", _cross),
        FunctionSpec("cross_below", ("a", "b"), "event: a was at or above b, is below it", _cross),
        FunctionSpec("defined", ("x",), "whether x is there", _defined),
        FunctionSpec("falling", ("x", "n"), "n strict steps down", _number_window),
        FunctionSpec("held", ("n", "e"), "e was true on all of the last n bars", _truth_window),
        FunctionSpec("highest", ("x", "n"), "largest of the last n bars", _number_window),
        FunctionSpec("if", ("c", "a", "b"), "a when c is true, b when it is false", _if),
        FunctionSpec("lowest", ("x", "n"), "smallest of the last n bars", _number_window),
        FunctionSpec("max", ("a", "b", "..."), "the largest operand", _extreme),
        FunctionSpec("min", ("a", "b", "..."), "the smallest operand", _extreme),
        FunctionSpec(
            "near", ("a", "b", "t"), "a is at most t from b: a percent of b, or a distance", _near
        ),
        FunctionSpec("prev", ("x", "n"), "x as it was n bars of the clock ago", _prev),
        FunctionSpec("rising", ("x", "n"), "n strict steps up", _number_window),
        FunctionSpec("since", ("a", "b"), "a was true after b last was", _since),
        FunctionSpec("sum", ("x", "n"), "sum of the last n bars", _number_window),
        FunctionSpec(
            "value_when", ("e", "x"), "x on the last bar on which e was true", _value_when
        ),
        FunctionSpec(
            "within", ("n", "e"), "e was true on at least one of the last n bars", _truth_window
        ),
    )
}
