"""The canonical form of a play: what its hash covers.

Meaning only: comments, description, key order, spacing and notation are not in it; parentheses
are gone, ``and`` / ``or`` flat, parameters named and defaulted, numbers decimal text (12 and 12.0
are one number). Ids are part of it.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from engine.canonical import decimal_text
from engine.play.ast import (
    At,
    Call,
    Expr,
    Indicator,
    Literal,
    Param,
    Position,
    Price,
    Ref,
    Structure,
    Ticks,
    Type,
)
from engine.play.model import Play, Rule

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
        case Ticks():
            return {"ticks": decimal_text(expr.count)}
        case Price():
            return {"price": expr.name}
        case Position():
            return {"position": expr.field}
        case Ref():
            return {expr.kind: expr.id} | ({"output": expr.field} if expr.field else {})
        case Indicator():
            return {
                "indicator": expr.name,
                "inputs": [expression_form(source) for source in expr.inputs],
                "params": {name: expression_form(value) for name, value in expr.params},
                "output": expr.output,
            }
        case Structure():
            return {
                "structure": expr.id,
                "call": expr.name,
                "sources": {name: expression_form(source) for name, source in expr.sources},
                "params": {name: _param_form(value) for name, value in expr.params},
                "output": expr.output,
            }
        case At():
            return {"at": expr.timeframe.value, "of": expression_form(expr.expr)}
        case Call():
            form: dict[str, Any] = {"op": expr.op, "of": [expression_form(a) for a in expr.args]}
            if expr.n:
                form["n"] = expression_form(expr.n) if isinstance(expr.n, Param) else expr.n
            return form


def _param_form(value: Param | Literal | tuple[Literal, ...]) -> Any:
    return list(map(literal_form, value)) if isinstance(value, tuple) else expression_form(value)


def section_form(value: Any) -> Any:
    """A part of the entry, risk or limits section, every default written out, by field name;
    what is not there is left out."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Expr):
        return expression_form(value)
    if isinstance(value, tuple):
        return [section_form(item) for item in value]
    if not is_dataclass(value):
        return value
    forms = {one.name: section_form(getattr(value, one.name)) for one in fields(value)}
    return {name: form for name, form in forms.items() if form is not None}


def rule_form(rule: Rule) -> dict[str, Any]:
    """An alternative of a rule with its tags."""
    form: dict[str, Any] = {"id": rule.id, "when": expression_form(rule.when)}
    if rule.tags:
        form["tags"] = {name: expression_form(expr) for name, expr in rule.tags}
    form["close_pct"] = decimal_text(rule.close_pct)
    return form


def play_form(play: Play) -> dict[str, Any]:
    """The whole play; maps are sorted by key when they are encoded.

    An indicator of the play's project means what its file says, so its file's hash is part of the
    play's meaning; a play without such has no section for them.
    """
    own = {indicator.name: indicator.sha256 for indicator in play.indicators}
    return ({"indicators": own} if own else {}) | {
        "language": LANGUAGE_VERSION,
        "name": play.name,
        "market": play.market,
        "clock": play.clock.value,
        "params": {id: literal_form(literal) for id, literal in play.params},
        "series": {id: expression_form(expr) for id, expr in play.series},
        "structures": {id: expression_form(expr) for id, expr in play.structures},
        "setups": {id: expression_form(expr) for id, expr in play.setups},
        "rules": {kind: [rule_form(rule) for rule in rules_] for kind, rules_ in play.rules},
        "entry": section_form(play.entry),
        "risk": section_form(play.risk),
        "limits": section_form(play.limits),
    }
