"""What stands behind a name: its outputs, and the timeframe it is held from.

The outputs of a structure have names of several parts (``up[0].lower``); an expression that has
followed a few of them is of type MULTI, or ZONE where only the fields of a zone are left.
"""

from __future__ import annotations

from dataclasses import replace

from engine.indicators.registry import spec_of
from engine.indicators.spec import OutputSpec
from engine.play.ast import At, Expr, Indicator, Ref, Structure, Type
from engine.play.scope import Scope
from engine.structures.registry import STRUCTURES


def outputs_of(expr: Expr, scope: Scope) -> dict[str, OutputSpec]:
    """What may follow ``expr`` after a point, by name; empty when nothing may.

    A part that leads to further parts has type MULTI (ZONE for ``nearest``).
    """
    return _parts(expr, scope, ".")


def choices_of(expr: Expr, scope: Scope) -> dict[str, OutputSpec]:
    """What may follow ``expr`` in brackets, by the text between them; empty when it looks back."""
    return _parts(expr, scope, "[")


def select(expr: Expr, part: str, type: Type) -> Expr:
    """``expr`` with ``part`` of its outputs chosen; the one output of an indicator is itself.

    ``part`` in brackets (``[0]``) follows the name at once, any other after a point.
    """
    if expr.type not in (Type.MULTI, Type.ZONE):
        return expr
    if isinstance(expr, At):
        return At(select(expr.expr, part, type), expr.timeframe, type)
    if isinstance(expr, Ref):
        return replace(expr, field=_joined(expr.field, part), type=type)
    assert isinstance(expr, Indicator | Structure)
    return replace(expr, output=_joined(expr.output, part), type=type)


def held_under(expr: Expr, scope: Scope) -> At | None:
    """The ``@tf`` an expression stands under as a whole, through names; None if it does not."""
    while isinstance(expr, Ref):
        value = scope.value(expr.id)
        if value is None:
            return None
        inner = value.expr
        expr = select(inner, expr.field, expr.type) if expr.field else inner
    return expr if isinstance(expr, At) else None


def all_outputs(expr: Indicator | Structure) -> tuple[OutputSpec, ...]:
    """Every output of an indicator or structure by its full name, in declared order."""
    if isinstance(expr, Indicator):
        return spec_of(expr).outputs
    spec = STRUCTURES[expr.name]
    return spec.outputs(spec.resolve(structure_params(expr), key=expr.id))


def structure_params(expr: Structure) -> dict[str, object]:
    """The parameters of a structure as its declaration resolves them."""
    return {
        name: [literal.value for literal in value] if isinstance(value, tuple) else value.value
        for name, value in expr.params
    }


def _joined(path: str, part: str) -> str:
    return f"{path}.{part}" if path and not part.startswith("[") else path + part


def _parts(expr: Expr, scope: Scope, mark: str) -> dict[str, OutputSpec]:
    path = ""
    while not isinstance(expr, Indicator | Structure):
        if isinstance(expr, At):
            expr = expr.expr
            continue
        if not isinstance(expr, Ref) or expr.type not in (Type.MULTI, Type.ZONE):
            return {} if not isinstance(expr, Ref) or expr.field else _of_series(expr, scope, mark)
        path = path or expr.field
        value = scope.value(expr.id)
        if value is None:
            return {}
        expr = value.expr
    return _following(expr, path or expr.output, mark)


def _of_series(ref: Ref, scope: Scope, mark: str) -> dict[str, OutputSpec]:
    """``x.value`` of a series that is an indicator of one output is ``x``."""
    value = scope.value(ref.id)
    inner = value.expr if value is not None else None
    while isinstance(inner, At):
        inner = inner.expr
    if isinstance(inner, Ref) and not inner.field:
        return _of_series(inner, scope, mark)
    return _following(inner, "", mark) if isinstance(inner, Indicator) else {}


def _following(expr: Indicator | Structure, path: str, mark: str) -> dict[str, OutputSpec]:
    found: dict[str, OutputSpec] = {}
    outputs = all_outputs(expr)
    if isinstance(expr, Indicator) and (len(outputs) == 1 or path):
        single = len(outputs) == 1 and mark == "."
        return {outputs[0].name: outputs[0]} if single else {}
    for output in outputs:
        rest = output.name
        if path:
            if not rest.startswith(path + mark):
                continue
            rest = rest[len(path) + 1 :]
        elif mark == "[":
            continue
        part = rest.partition("]")[0] if mark == "[" else rest.partition(".")[0].partition("[")[0]
        if part == rest or (mark == "[" and rest == part + "]"):
            found[part] = replace(output, name=part)
        elif part not in found:
            zone = mark == "[" or part == "nearest"
            found[part] = OutputSpec(part, Type.ZONE if zone else Type.MULTI)
    return found
