"""What stands behind a name: the outputs of an indicator, the timeframe it is held from."""

from __future__ import annotations

from dataclasses import replace

from engine.indicators.registry import INDICATORS
from engine.play.ast import At, Expr, Indicator, Ref, Type
from engine.play.scope import Scope


def outputs_of(expr: Expr, scope: Scope) -> dict[str, Type]:
    """Names and types of the outputs of an indicator, of a series that is one, or of one under
    ``@tf``; empty for anything else, and for an output already selected of several."""
    while not isinstance(expr, Indicator):
        if isinstance(expr, At):
            expr = expr.expr
            continue
        if not isinstance(expr, Ref) or expr.field:
            return {}
        definition = scope.definitions[expr.id]
        if definition.value is None:
            return {}
        expr = definition.value.expr
    outputs = INDICATORS[expr.name].outputs
    if expr.output and len(outputs) > 1:
        return {}
    return {output.name: output.type for output in outputs}


def select(expr: Expr, field: str, type: Type) -> Expr:
    """Output ``field`` of ``expr``; the single output of an indicator is the indicator."""
    if expr.type is not Type.MULTI:
        return expr
    if isinstance(expr, At):
        return At(select(expr.expr, field, type), expr.timeframe, type)
    if isinstance(expr, Ref):
        return replace(expr, field=field, type=type)
    assert isinstance(expr, Indicator)
    return replace(expr, output=field, type=type)


def held_under(expr: Expr, scope: Scope) -> At | None:
    """The ``@tf`` an expression stands under as a whole, through names; None if it does not."""
    while isinstance(expr, Ref):
        definition = scope.definitions[expr.id]
        if definition.value is None:
            return None
        inner = definition.value.expr
        expr = select(inner, expr.field, expr.type) if expr.field else inner
    return expr if isinstance(expr, At) else None
