"""The canonical form of a play: what its hash covers.

Meaning only: comments, description, key order, spacing and notation are not in it; parentheses
are gone, ``and`` / ``or`` flat, parameters named and defaulted, numbers decimal text (12 and 12.0
are one number). Ids are part of it.
"""

from __future__ import annotations

from typing import Any

from engine.canonical import decimal_text
from engine.play.ast import At, Call, Expr, Indicator, Literal, Param, Price, Ref, Type
from engine.play.model import Risk, Rule
from engine.timeframe import Timeframe

#: Raised whenever the meaning of this encoding changes.
LANGUAGE_VERSION = 1


def literal_form(literal: Literal) -> Any:
    """A constant: ``true``, or its kind and decimal text (ints and floats are one kind)."""
    value = literal.value
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"word": value}
    kind = "number" if literal.type in (Type.INT, Type.FLOAT) else literal.type.value
    return {kind: decimal_text(value)}


def expression_form(expr: Expr) -> Any:
    """An expression as nested JSON-like values."""
    match expr:
        case Literal():
            return literal_form(expr)
        case Param():
            return {"param": expr.name}
        case Price():
            return {"price": expr.name}
        case Ref():
            return {expr.kind: expr.id} | ({"output": expr.field} if expr.field else {})
        case Indicator():
            return {
                "indicator": expr.name,
                "inputs": [expression_form(source) for source in expr.inputs],
                "params": {name: expression_form(value) for name, value in expr.params},
                "output": expr.output,
            }
        case At():
            return {"at": expr.timeframe.value, "of": expression_form(expr.expr)}
        case Call():
            form: dict[str, Any] = {"op": expr.op, "of": [expression_form(a) for a in expr.args]}
            if expr.n:
                form["n"] = expression_form(expr.n) if isinstance(expr.n, Param) else expr.n
            return form


def risk_form(risk: Risk) -> dict[str, Any]:
    """The risk section with every default written out; what does not apply is left out."""
    stop: dict[str, Any] = {"kind": risk.stop.kind}
    if risk.stop.kind != "none":
        stop["value"] = decimal_text(risk.stop.value)
    if risk.stop.of is not None:
        stop["of"] = expression_form(risk.stop.of)
    targets = []
    for target in risk.targets:
        form = {"kind": target.kind, "value": decimal_text(target.value), "order": target.order}
        form["close_pct"] = decimal_text(target.close_pct)
        if target.of is not None:
            form["of"] = expression_form(target.of)
        targets.append(form)
    return {
        "size": {"kind": risk.size.kind, "value": decimal_text(risk.size.value)},
        "leverage": decimal_text(risk.leverage),
        "stop": stop,
        "targets": targets,
    }


def play_form(
    *,
    name: str,
    market: str,
    clock: Timeframe,
    params: tuple[tuple[str, Literal], ...],
    series: tuple[tuple[str, Expr], ...],
    setups: tuple[tuple[str, Expr], ...],
    rules: tuple[tuple[str, tuple[Rule, ...]], ...],
    risk: Risk,
) -> dict[str, Any]:
    """The whole play; maps are sorted by key when they are encoded."""
    return {
        "language": LANGUAGE_VERSION,
        "name": name,
        "market": market,
        "clock": clock.value,
        "params": {id: literal_form(literal) for id, literal in params},
        "series": {id: expression_form(expr) for id, expr in series},
        "setups": {id: expression_form(expr) for id, expr in setups},
        "rules": {
            kind: [{"id": rule.id, "when": expression_form(rule.when)} for rule in alternatives]
            for kind, alternatives in rules
        },
        "entry": {"order": "market"},
        "risk": risk_form(risk),
    }
