"""Structures named as arguments: what hangs on a structure has its timeframe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.play.ast import At, Ref, Structure, Type
from engine.play.issues import Code, suggestion
from engine.play.scope import Value
from engine.play.syntax import Argument, Name, start
from engine.timeframe import Timeframe

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver


def timeframe_of(value: Value, clock: Timeframe) -> Timeframe:
    """The timeframe whose bars a structure counts."""
    return value.expr.timeframe if isinstance(value.expr, At) else clock


def structure_reference(
    resolver: Resolver, owner: str, slot: str, kind: str, argument: Argument, context: Context
) -> Ref | None:
    """The structure that ``argument`` names, of ``kind`` and on the context's timeframe.

    ``owner`` and ``slot`` are what it is given to, for messages. None when it was reported.
    """
    node = argument.value
    scope = resolver.scope
    known = {
        id: one.value
        for id, one in scope.definitions.items()
        if one.kind == "structure" and one.value is not None
    }
    if not isinstance(node, Name) or node.id not in known:
        if not isinstance(node, Name) or not _is_reported(resolver, node.id):
            hint = suggestion(node.id, known) if isinstance(node, Name) else f"{slot}=ID"
            message = f"{slot!r} of {owner} is the id of a {kind}"
            resolver.fail(context, Code.ARGUMENT, start(node), message, hint)
        return None
    scope.named(node.id)
    value = scope.value(node.id)
    assert value is not None, "what is known has a value"
    name = _name_of(value)
    if name != kind:
        message = f"{slot!r} of {owner} is a {kind}, not a {name}"
        same = [id for id, one in known.items() if _name_of(one) == kind]
        hint = suggestion(node.id, same) if same else f"declare one: sw: {kind}(...)"
        resolver.fail(context, Code.ARGUMENT, node.mark, message, hint)
        return None
    own = timeframe_of(value, resolver.clock)
    if own is not context.timeframe:
        resolver.fail(
            context,
            Code.TIMEFRAME_MIX,
            node.mark,
            f"{node.id!r} is on {own} bars, {owner} on {context.timeframe} bars",
            f"what hangs on a structure has its timeframe: write {owner}(...)@{own}",
        )
        return None
    return Ref("structure", node.id, "", Type.MULTI)


def _is_reported(resolver: Resolver, id: str) -> bool:
    """Whether ``id`` is a structure with something wrong about it."""
    definition = resolver.scope.definitions.get(id)
    broken = definition is not None and definition.kind == "structure"
    return broken or id in resolver.scope.broken


def _name_of(value: Value) -> str:
    inner = value.expr.expr if isinstance(value.expr, At) else value.expr
    return inner.name if isinstance(inner, Structure) else ""
