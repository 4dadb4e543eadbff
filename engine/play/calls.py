"""Calls of declared things: arguments matched to the declaration, named, defaulted, bounded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.errors import IndicatorSourceError
from engine.indicators.user import prove
from engine.play import operators
from engine.play.ast import Indicator, Literal, Param, Price, Ref, Type
from engine.play.issues import Code, suggestion
from engine.play.outputs import held_under
from engine.play.quantity import literal_of
from engine.play.references import structure_reference
from engine.play.scope import Value
from engine.play.syntax import Argument, CallOf, Name, Negative, Number, Syntax, Truth, start
from engine.play.text import expression_text, literal_text

if TYPE_CHECKING:
    from engine.indicators.spec import IndicatorSpec, ParamSpec
    from engine.play.resolve import Context, Resolver

_LITERAL_TYPES = {"int": Type.INT, "float": Type.FLOAT, "percent": Type.PERCENT}
_LITERAL_TYPES |= {"bool": Type.BOOL, "choice": Type.ENUM}

#: What may be given for a parameter of each type.
_ACCEPTED = {
    "int": (Type.INT,),
    "float": (Type.INT, Type.FLOAT),
    "percent": (Type.PERCENT,),
    "bool": (Type.BOOL,),
    "choice": (Type.ENUM,),
}
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "percent": "a percent",
    "bool": "true or false",
    "choice": "one word",
}


def call_indicator(resolver: Resolver, node: CallOf, context: Context) -> Value | None:
    """The typed node of ``name(source, param, ...)``; None when something was reported.

    A source-taking indicator has its source first, one that hangs on a structure that structure;
    the others take parameters only, in declared order, by keyword afterwards.
    """
    spec = resolver.declaration(node.name)
    assert spec is not None, "the resolver sends only calls of indicators here"
    structures = spec.structures
    first = ("source",) if spec.takes_source else structures
    slots = [*first, *(param.name for param in spec.params)]
    given = by_slot(resolver, node, slots, context)
    if given is None:
        return None
    if structures:
        read = {name: given.pop(name, None) for name in structures}
        inputs = _structure_inputs(resolver, spec, node, read, context)
    else:
        source = given.pop("source", None) if spec.takes_source else None
        inputs = _inputs(resolver, spec, node, source, context)
    params = _params(resolver, spec, node, given, context)
    if inputs is None or params is None:
        return None
    sources = tuple(value.expr for value in inputs)
    own = resolver.own.get(spec.name)
    if own is not None:
        resolver.scope.looked.called.add(spec.name)
    if len(spec.outputs) > 1:
        whole = Indicator(spec.name, sources, params, "", Type.MULTI, own)
        return Value(whole, context.timeframe)
    (output,) = spec.outputs
    expr = Indicator(spec.name, sources, params, output.name, output.type, own)
    return Value(expr, context.timeframe, output.members)


def _structure_inputs(
    resolver: Resolver,
    spec: IndicatorSpec,
    node: CallOf,
    read: dict[str, Argument | None],
    context: Context,
) -> list[Value] | None:
    """The inputs of an indicator that hangs on structures, all on one timeframe."""
    found: dict[str, Ref] = {}
    for kind, argument in read.items():
        if argument is None:
            hint = f"the structure comes first: {spec.name}(sw, ...)"
            message = f"{spec.name} needs a {kind}"
            resolver.fail(context, Code.ARGUMENT, node.mark, message, hint)
            continue
        ref = structure_reference(resolver, spec.name, kind, kind, argument, context)
        if ref is not None:
            found[kind] = ref
    if len(found) < len(read):
        return None
    values = []
    for name in spec.inputs:
        kind, _, output = name.partition(".")
        expr = replace(found[kind], field=output, type=Type.INT) if output else Price(name)
        values.append(Value(expr, context.timeframe))
    return values


def by_slot(
    resolver: Resolver, node: CallOf, slots: list[str], context: Context
) -> dict[str, Argument] | None:
    """The arguments by the name of what they are given for; None when one fits nowhere."""
    given: dict[str, Argument] = {}
    good = True
    form = f"{node.name}({', '.join(slots)})"
    for place, argument in enumerate(node.arguments):
        slot = argument.name or (slots[place] if place < len(slots) else "")
        if not slot:
            message, hint = f"{node.name} takes at most {len(slots)} arguments", f"write {form}"
        elif slot not in slots:
            message = f"{node.name} has no parameter {slot!r}"
            hint = suggestion(slot, slots)
        elif slot in given:
            message, hint = f"{slot!r} is given twice", f"write {form}"
        else:
            given[slot] = argument
            continue
        resolver.fail(context, Code.ARGUMENT, argument.mark, message, hint)
        good = False
    return given if good else None


def _inputs(
    resolver: Resolver,
    spec: IndicatorSpec,
    node: CallOf,
    source: Argument | None,
    context: Context,
) -> list[Value] | None:
    if not spec.takes_source:
        return [Value(Price(name), context.timeframe) for name in spec.inputs]
    if source is None:
        hint = f"the source comes first: {spec.name}(close, ...)"
        resolver.fail(context, Code.ARGUMENT, node.mark, f"{spec.name} needs a source", hint)
        return None
    value = resolver.expression(source.value, context)
    if value is None:
        return None
    if value.expr.type not in operators.NUMBERS or value.pace is None:
        what = "a constant" if value.pace is None else operators.type_name(value.expr)
        hint = f"the source comes first: {spec.name}(close, ...)"
        message = f"the source of {spec.name} is a changing number, not {what}"
        resolver.fail(context, Code.TYPE, start(source.value), message, hint)
        return None
    if value.pace.ms > context.timeframe.ms:
        _refuse_held(resolver, spec, node, value, source, context)
        return None
    return [value]


def _refuse_held(
    resolver: Resolver,
    spec: IndicatorSpec,
    node: CallOf,
    value: Value,
    source: Argument,
    context: Context,
) -> None:
    held = held_under(value.expr, resolver.scope)
    form = f"{spec.name}(...)@{value.pace}"
    if held is not None:
        rest = [argument for argument in node.arguments if argument is not source]
        shown = [expression_text(held.expr), *filter(None, map(_argument_text, rest))]
        form = f"{spec.name}({', '.join(shown)})@{held.timeframe}"
    resolver.fail(
        context,
        Code.TIMEFRAME_MIX,
        start(source.value),
        f"{expression_text(value.expr)} is held from {value.pace}: {spec.name} would count each "
        "value many times",
        f"write {form}",
    )


def _argument_text(argument: Argument) -> str:
    prefix = f"{argument.name}=" if argument.name else ""
    if isinstance(argument.value, Name):
        return prefix + argument.value.id
    if isinstance(argument.value, Number):
        literal = literal_of(argument.value.quantity)
        return prefix + literal_text(literal) if literal is not None else ""
    return ""


def _params(
    resolver: Resolver,
    spec: IndicatorSpec,
    node: CallOf,
    given: dict[str, Argument],
    context: Context,
) -> tuple[tuple[str, Param | Literal], ...] | None:
    resolved: list[tuple[str, Param | Literal]] = []
    for param in spec.params:
        value = parameter(resolver, spec.name, param, node, given.get(param.name), context)
        if value is not None:
            resolved.append((param.name, value))
    if len(resolved) < len(spec.params):
        return None
    floats = tuple(
        param.as_float(value.value) for param, (_, value) in zip(spec.params, resolved, strict=True)
    )
    try:
        problem = spec.rule(floats) if spec.rule is not None else None
        if problem is None and spec.name in resolver.own:
            prove(resolver.own[spec.name], floats)
    except IndicatorSourceError as error:
        resolver.issues.source_error(error)
        return None
    if problem is not None:
        resolver.fail(context, Code.ARGUMENT, node.mark, f"{spec.name}: {problem}")
        return None
    return tuple(resolved)


def parameter(
    resolver: Resolver,
    owner: str,
    param: ParamSpec,
    node: CallOf,
    argument: Argument | None,
    context: Context,
) -> Param | Literal | None:
    """A literal or a parameter of the play, of the declared type and within its bounds; the
    default where there is no argument. ``owner`` is the name of what is called."""
    if argument is None:
        if param.default is not None:
            return Literal(_LITERAL_TYPES[param.type], param.default)
        message = f"{owner} needs its parameter {param.name!r}"
        resolver.fail(context, Code.ARGUMENT, node.mark, message)
        return None
    if param.type == "choice":
        return _choice(resolver, param, argument, context)
    value = _constant(resolver, argument.value)
    if value is None:
        if not (isinstance(argument.value, Name) and argument.value.id in resolver.scope.broken):
            resolver.fail(
                context,
                Code.ARGUMENT,
                start(argument.value),
                f"{param.name!r} of {owner} is {_WORDS[param.type]} or a parameter",
                _parameter_hint(resolver, argument.value),
            )
        return None
    if value.type not in _ACCEPTED[param.type]:
        message = f"{param.name!r} of {owner} is {_WORDS[param.type]}, not "
        message += operators.type_name(value)
        resolver.fail(context, Code.ARGUMENT, start(argument.value), message)
        return None
    problem = param.problem(value.value)
    if problem is not None:
        resolver.fail(context, Code.ARGUMENT, start(argument.value), f"{owner}: {problem}")
        return None
    if isinstance(value, Param):
        return value
    return Literal(_LITERAL_TYPES[param.type], value.value)


def _choice(
    resolver: Resolver, param: ParamSpec, argument: Argument, context: Context
) -> Literal | None:
    """A word of a closed set: beside an enum parameter a name is only that enum's member."""
    word = argument.value.id if isinstance(argument.value, Name) else ""
    if word in param.choices:
        return Literal(Type.ENUM, word)
    message = f"{param.name!r} is not {word!r}" if word else f"{param.name!r} is one word"
    resolver.fail(
        context, Code.ARGUMENT, start(argument.value), message, suggestion(word, param.choices)
    )
    return None


def _parameter_hint(resolver: Resolver, node: Syntax) -> str:
    if isinstance(node, Name) and resolver.scope.params:
        return suggestion(node.id, resolver.scope.params)
    return "write the number, or name it in params"


def _constant(resolver: Resolver, node: Syntax) -> Param | Literal | None:
    match node:
        case Number():
            return literal_of(node.quantity)
        case Truth():
            return Literal(Type.BOOL, node.value)
        case Name():
            literal = resolver.scope.param(node.id)
            return Param(node.id, literal) if literal is not None else None
        case Negative(of=Number() as number):
            literal = literal_of(number.quantity)
            if literal is not None and isinstance(literal.value, Decimal):
                return Literal(literal.type, literal.value.copy_negate())
    return None
