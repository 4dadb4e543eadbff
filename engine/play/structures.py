"""Structure calls: sources and parameters matched to the declaration, one timeframe for all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import StructureError
from engine.play.ast import At, Expr, Literal, Param, Structure, Type
from engine.play.calls import by_slot, parameter
from engine.play.issues import Code, suggestion
from engine.play.operators import NUMBERS, type_name
from engine.play.outputs import structure_params
from engine.play.quantity import literal_of
from engine.play.references import structure_reference, timeframe_of
from engine.play.scope import Value
from engine.play.syntax import (
    Argument,
    AtTimeframe,
    CallOf,
    ListOf,
    Name,
    Negative,
    Number,
    Syntax,
    start,
)
from engine.play.text import expression_text
from engine.play.timeframes import at_timeframe, held, refuse_faster
from engine.structures.registry import STRUCTURES
from engine.structures.spec import RatiosSpec, SourceSpec, StructureSpec
from engine.timeframe import Timeframe

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver


def define_structure(resolver: Resolver, id: str, node: Syntax, context: Context) -> Value | None:
    """The structure ``id`` of the play: a call, or a call under ``@tf``.

    Without ``@`` it has the timeframe of the structures it hangs on, or the clock's.
    """

    def call(inner: Syntax, where: Context) -> Value | None:
        return _call(resolver, id, inner, where)

    if isinstance(node, AtTimeframe) and isinstance(node.of, CallOf):
        return at_timeframe(resolver, node, context, whole=call)
    inherited = _inherited(resolver, node)
    if inherited is None or inherited is context.timeframe:
        return call(node, context)
    value = call(node, replace(context, timeframe=inherited))
    return value and held(value, inherited, context)


def on_timeframe(resolver: Resolver, value: Value, node: Name, context: Context) -> Value | None:
    """A structure named under ``@``: it keeps its own timeframe, which may not be faster."""
    own = timeframe_of(value, resolver.clock)
    if own.ms < context.timeframe.ms:
        refuse_faster(resolver, f"{node.id!r} on {own} bars", node.mark, context)
        return None
    inner = value.expr.expr if isinstance(value.expr, At) else value.expr
    bare = Value(inner, own)
    return bare if own is context.timeframe else held(bare, own, context)


def _inherited(resolver: Resolver, node: Syntax) -> Timeframe | None:
    """The timeframe of the first structure that stands as an argument; None without one."""
    arguments = node.arguments if isinstance(node, CallOf) else ()
    for argument in arguments:
        if isinstance(argument.value, Name):
            definition = resolver.scope.definitions.get(argument.value.id)
            if definition is not None and definition.kind == "structure":
                value = resolver.scope.value(definition.id)
                if value is not None:
                    return timeframe_of(value, resolver.clock)
    return None


def _call(resolver: Resolver, id: str, node: Syntax, context: Context) -> Value | None:
    if not isinstance(node, CallOf):
        form = "write a call such as swing(left=5, right=5), or one with @1h after it"
        resolver.fail(context, Code.SHAPE, start(node), "this is no structure", form)
        return None
    if node.name not in STRUCTURES:
        hint = suggestion(node.name, STRUCTURES, listed=100)
        resolver.fail(
            context, Code.CALL_UNKNOWN, node.mark, f"unknown structure {node.name!r}", hint
        )
        return None
    spec = STRUCTURES[node.name]
    given = by_slot(resolver, node, [argument.name for argument in spec.arguments], context)
    if given is None:
        return None
    sources = _sources(resolver, spec, given, context)
    params = _params(resolver, spec, node, given, context)
    if sources is None or params is None:
        return None
    expr = Structure(id, spec.name, sources, params, "", Type.MULTI)
    try:
        resolved = spec.resolve(structure_params(expr), key=id)
        spec.check_sources([name for name, _ in sources], resolved)
    except StructureError as error:
        message = f"{spec.name}: {error.message}"
        resolver.fail(context, Code.ARGUMENT, node.mark, message, error.hint)
        return None
    return Value(expr, context.timeframe)


def _sources(
    resolver: Resolver, spec: StructureSpec, given: dict[str, Argument], context: Context
) -> tuple[tuple[str, Expr], ...] | None:
    found: list[tuple[str, Expr]] = []
    good = True
    for source in spec.sources:
        argument = given.get(source.name)
        if argument is None:
            continue
        expr: Expr | None
        if source.structure:
            expr = structure_reference(
                resolver, spec.name, source.name, source.structure, argument, context
            )
        else:
            expr = _number_source(resolver, spec, source, argument, context)
        if expr is None:
            good = False
        else:
            found.append((source.name, expr))
    return tuple(found) if good else None


def _number_source(
    resolver: Resolver,
    spec: StructureSpec,
    source: SourceSpec,
    argument: Argument,
    context: Context,
) -> Expr | None:
    value = resolver.expression(argument.value, context)
    if value is None:
        return None
    place = start(argument.value)
    if value.expr.type not in NUMBERS or value.pace is None:
        what = "a constant" if value.pace is None else type_name(value.expr)
        message = f"{source.name!r} of {spec.name} is a changing number, not {what}"
        resolver.fail(context, Code.TYPE, place, message, "name a series such as atr(14)")
        return None
    if value.pace.ms > context.timeframe.ms:
        resolver.fail(
            context,
            Code.TIMEFRAME_MIX,
            place,
            f"{expression_text(value.expr)} is held from {value.pace}, {spec.name} is on "
            f"{context.timeframe} bars",
            f"give it a source of its own timeframe, or write {spec.name}(...)@{value.pace}",
        )
        return None
    return value.expr


def _params(
    resolver: Resolver,
    spec: StructureSpec,
    node: CallOf,
    given: dict[str, Argument],
    context: Context,
) -> tuple[tuple[str, Param | Literal | tuple[Literal, ...]], ...] | None:
    resolved: list[tuple[str, Param | Literal | tuple[Literal, ...]]] = []
    for param in spec.params:
        argument = given.get(param.name)
        value: Param | Literal | tuple[Literal, ...] | None
        if isinstance(param, RatiosSpec):
            value = _ratios(resolver, spec, param, argument, context)
        else:
            value = parameter(resolver, spec.name, param, node, argument, context)
        if value is not None:
            resolved.append((param.name, value))
    return tuple(resolved) if len(resolved) == len(spec.params) else None


def _ratios(
    resolver: Resolver,
    spec: StructureSpec,
    param: RatiosSpec,
    argument: Argument | None,
    context: Context,
) -> tuple[Literal, ...] | None:
    if argument is None:
        return tuple(Literal(Type.FLOAT, ratio) for ratio in param.default)
    node = argument.value
    items = node.items if isinstance(node, ListOf) else ()
    values = [_ratio(item) for item in items]
    literals = tuple(literal for literal in values if literal is not None)
    hint = f"write {param.name}=[0.5, 0.618]"
    if not literals or len(literals) < len(values):
        message = f"{param.name!r} of {spec.name} is a list of numbers"
        resolver.fail(context, Code.ARGUMENT, start(node), message, hint)
        return None
    problem = param.problem([literal.value for literal in literals])
    if problem is not None:
        resolver.fail(context, Code.ARGUMENT, start(node), f"{spec.name}: {problem}", hint)
        return None
    return literals


def _ratio(node: Syntax) -> Literal | None:
    number, sign = (node.of, -1) if isinstance(node, Negative) else (node, 1)
    literal = literal_of(number.quantity) if isinstance(number, Number) else None
    if literal is None or literal.type not in NUMBERS or isinstance(literal.value, str | bool):
        return None
    value = literal.value.copy_negate() if sign < 0 else literal.value
    return Literal(Type.FLOAT, value)
