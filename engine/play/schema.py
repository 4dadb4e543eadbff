"""JSON Schema of a play, for editors: generated from what the loader itself reads by.

It is looser than the loader where JSON Schema cannot follow (names, types, timeframes inside
expressions) and never stricter: every play that loads is valid by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.indicators.registry import INDICATORS
from engine.play.brackets import STOPS, TARGET_ORDERS, TARGETS, TRAILS
from engine.play.document import MAX_DEPTH
from engine.play.entry import ENTRY_KEYS, LIMIT_KEYS, ORDERS, PENDING, TIFS
from engine.play.functions import FUNCTIONS
from engine.play.loader import MARKET, SECTIONS
from engine.play.model import MAX_TARGETS, RULE_KINDS
from engine.play.risk import RISK_KEYS, SIZES
from engine.play.rules import RULE_KEYS
from engine.play.sections import ID
from engine.play.sided import SIDES
from engine.play.structured import FORMS, WINDOWS
from engine.play.vocabulary import PRICES, TIMEFRAMES
from engine.structures.registry import STRUCTURES

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Sections every play has.
REQUIRED = ("version", "name", "market", "clock", "rules", "risk")


def play_schema() -> dict[str, Any]:
    """The schema as JSON values."""
    sections = {
        "version": {"description": "version of the language", "enum": [1, "1"]},
        "name": {"description": "id of the play", "type": "string", "pattern": _whole(ID.pattern)},
        "description": {"type": "string"},
        "market": {
            "description": "the venue's symbol of a USDT perpetual",
            "type": "string",
            "pattern": _whole(MARKET.pattern),
        },
        "clock": {"description": "rules are evaluated at its closes", "enum": list(TIMEFRAMES)},
        "params": _named("a constant: 12, 0.5, 1%, 50bps, 2R, 4h, true", _CONSTANT),
        "series": _named("a number or truth value over time", _ref("expression")),
        "structures": _named(
            "a structure: " + ", ".join(STRUCTURES) + "; as a call", {"type": "string"}
        ),
        "setups": _named("a condition", _ref("expression")),
        "rules": _map({kind: _ref(_rule_of(kind)) for kind in RULE_KINDS}),
        "entry": _entry(),
        "risk": _risk(),
        "limits": _map(dict.fromkeys(LIMIT_KEYS, _CONSTANT)),
    }
    assert tuple(sections) == SECTIONS, "the schema knows every section of the loader"
    return {
        "$schema": DIALECT,
        "title": "Lockstep play",
        **_map(sections, required=REQUIRED),
        "$defs": {
            "expression": _expression(),
            "entry_rule": _rule(RULE_KEYS),
            "exit_rule": _rule((*RULE_KEYS, "close")),
            "target": _distance(TARGETS, {"order": _enum(TARGET_ORDERS), "close": _CONSTANT}),
        },
    }


_CONSTANT: dict[str, Any] = {"type": ["string", "number", "boolean"]}


def _whole(pattern: str) -> str:
    return f"^{pattern}$"


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _enum(values: Iterable[str]) -> dict[str, Any]:
    return {"enum": list(values)}


def _map(properties: dict[str, Any], *, required: Iterable[str] = ()) -> dict[str, Any]:
    """A closed map, as every section is."""
    shape: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {**shape, "required": list(required)} if required else shape


def _named(what: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": f"ids, each {what}",
        "type": "object",
        "propertyNames": {"pattern": _whole(ID.pattern)},
        "additionalProperties": value,
    }


def _expression() -> dict[str, Any]:
    text = {
        "type": ["string", "number", "boolean"],
        "description": "prices: " + ", ".join(PRICES) + "; functions: "
        + ", ".join(spec.form for spec in FUNCTIONS.values())
        + "; indicators: " + ", ".join(INDICATORS),
    }  # fmt: skip
    operation = {"type": "array", "minItems": 3, "maxItems": 4}
    windows = {
        name: _map(dict.fromkeys((*keys, "expr"), _ref("expression")), required=(*keys, "expr"))
        for name, keys in WINDOWS.items()
    }
    simple: dict[str, Any] = {name: {} for name in FORMS if name not in WINDOWS}
    form = {
        "type": "object",
        "properties": {**simple, **windows, "op": {"type": "string"}, "rhs": {}, "tolerance": {}},
        "additionalProperties": False,
        "description": f"structured notation, at most {MAX_DEPTH} levels deep",
    }
    return {"anyOf": [text, operation, form]}


def _rule_of(kind: str) -> str:
    return "exit_rule" if kind.startswith("exit") else "entry_rule"


def _rule(keys: tuple[str, ...]) -> dict[str, Any]:
    parts = {
        "id": {"type": "string", "pattern": _whole(ID.pattern)},
        "when": _ref("expression"),
        "tags": _named("a value recorded with the decision", _ref("expression")),
        "close": {**_CONSTANT, "description": "percent of the original size, such as 50%"},
    }
    one = _map({key: parts[key] for key in keys}, required=("when",))
    listed = {**one, "required": ["id", "when"]}
    return {"anyOf": [_ref("expression"), one, {"type": "array", "minItems": 1, "items": listed}]}


def _by_side() -> dict[str, Any]:
    return {"anyOf": [_ref("expression"), _map(dict.fromkeys(SIDES, _ref("expression")))]}


def _entry() -> dict[str, Any]:
    parts = {
        "order": _enum(ORDERS),
        "price": _by_side(),
        "limit": _by_side(),
        "offset": _CONSTANT,
        "expires": {**_CONSTANT, "description": "bars, a duration, or never"},
        "tif": _enum((*TIFS, *TIFS.values())),
        "pending": _enum(PENDING),
        "cancel_when": _by_side(),
    }
    return _map({key: parts[key] for key in ENTRY_KEYS}, required=("order",))


def _distance(kinds: tuple[str, ...], more: dict[str, Any]) -> dict[str, Any]:
    """One of several kinds of distance."""
    parts: dict[str, Any] = dict.fromkeys(kinds, _CONSTANT)
    if "level" in kinds:
        parts |= {"level": _by_side(), "offset": _CONSTANT}
    shape = _map({**parts, "of": _ref("expression"), **more})
    return {**shape, "oneOf": [{"required": [kind]} for kind in kinds]}


def _risk() -> dict[str, Any]:
    size = {
        **_map(dict.fromkeys(SIZES, _CONSTANT)),
        "minProperties": 1,
        "maxProperties": 1,
    }
    ladder = {"type": "array", "minItems": 1, "maxItems": MAX_TARGETS, "items": _ref("target")}
    parts = {
        "size": size,
        "leverage": _CONSTANT,
        "stop": {"anyOf": [{"const": "none"}, _distance(STOPS, {})]},
        "target": {"anyOf": [_ref("target"), ladder]},
        "break_even": _map({"at": _CONSTANT, "offset": _CONSTANT}, required=("at",)),
        "trail": _distance(TRAILS, {"after": _CONSTANT}),
        "max_drawdown": _CONSTANT,
    }
    return _map({key: parts[key] for key in RISK_KEYS}, required=("size", "stop"))
