"""The ``params`` section: typed constants of a play, and their values in a sweep."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from decimal import Decimal
from typing import TypeAlias

from engine.play.ast import Literal, Type
from engine.play.document import Mapping, Scalar, SourceText, child_path
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.scope import Scope
from engine.play.sections import as_text, constant_of, is_new_id
from engine.play.text import literal_text

ParamValue: TypeAlias = str | int | float | Decimal


def read_params(section: Mapping | None, scope: Scope, issues: Issues) -> dict[str, Mark]:
    """Declares every parameter in ``scope``; where each stands in the file."""
    declared: dict[str, Mark] = {}
    for key, node in section.entries if section is not None else ():
        path = child_path("params", key.text)
        declared[key.text] = node.mark(path)
        literal = None
        if is_new_id(key, path, scope, issues):
            scalar = as_text(node, path, issues)
            literal = constant_of(scalar, path, issues) if scalar is not None else None
        if literal is None:
            scope.broken.add(key.text)
        else:
            scope.params[key.text] = literal
    return declared


def override_params(
    section: Mapping | None,
    declared: MappingOf[str, Mark],
    overrides: MappingOf[str, ParamValue],
    scope: Scope,
    issues: Issues,
) -> None:
    """Gives parameters that ``section`` has ``declared`` the overriding value where there is
    one."""
    place = section.mark("params") if section is not None else Mark("params", 1, 1)
    for id, value in sorted(overrides.items()):
        if id in declared:
            _override(id, value, declared[id], scope, issues)
        else:
            issues.error(
                Code.PARAM_UNKNOWN,
                Mark(child_path("params", id), place.line, place.column),
                f"the play has no parameter {id[:60]!r} to override",
                suggestion(id, declared),
            )


def _override(id: str, value: ParamValue, mark: Mark, scope: Scope, issues: Issues) -> None:
    """Replaces the value of a declared parameter by one of the same kind."""
    own = scope.params.get(id)
    if own is None:
        return
    text = _text(value)
    found = Issues()
    literal = constant_of(Scalar(text, SourceText(text), 0, len(text), ""), mark.path, found)
    if literal is None:
        problem = found.errors[0]
        issues.error(Code(problem.code), mark, f"override: {problem.message}", problem.hint)
    elif _kind(literal) is not _kind(own):
        issues.error(
            Code.TYPE,
            mark,
            f"override: {text[:40]!r} is a {literal.type}, the parameter a {own.type}",
            f"write it like {literal_text(own)}",
        )
    else:
        scope.params[id] = literal


def _text(value: ParamValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else str(value)


def _kind(literal: Literal) -> Type:
    """Ints and floats replace each other; every other type only itself."""
    return Type.FLOAT if literal.type is Type.INT else literal.type
