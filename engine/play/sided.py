"""Expressions by side: one in a one-sided play, else ``{ long: EXPR, short: EXPR }``."""

from __future__ import annotations

from collections.abc import Callable

from engine.play.ast import Expr
from engine.play.document import Mapping, Node
from engine.play.issues import Code, Issues
from engine.play.model import Sided
from engine.play.operators import NUMBERS, type_name
from engine.play.resolve import Context, Resolver
from engine.play.scope import Value
from engine.play.sections import Section
from engine.play.structured import parse_condition
from engine.play.syntax import Syntax, start

SIDES = ("long", "short")


class SidedReader:
    """Reads prices and conditions for the ``sides`` a play trades."""

    def __init__(self, resolver: Resolver, sides: tuple[str, ...], issues: Issues) -> None:
        self.sides = sides
        self._resolver, self._issues = resolver, issues

    def price(self, node: Node, path: str) -> Sided | None:
        """A price for each side; a two-sided play has to state both."""
        return self._read(node, path, self._number, shared=False)

    def condition(self, node: Node, path: str) -> Sided | None:
        """A condition for each side; one alone is that of both."""
        return self._read(node, path, self._resolver.truth, shared=True)

    def _number(self, syntax: Syntax) -> Value | None:
        value = self._resolver.expression(syntax, Context(self._resolver.clock))
        if value is None or value.expr.type in NUMBERS:
            return value
        self._issues.error(
            Code.TYPE, start(syntax), f"a price is due here, not {type_name(value.expr)}"
        )
        return None

    def _read(
        self, node: Node, path: str, resolve: Callable[[Syntax], Value | None], *, shared: bool
    ) -> Sided | None:
        if isinstance(node, Mapping) and any(key.text in SIDES for key, _ in node.entries):
            return self._by_side(node, path, resolve)
        if len(self.sides) > 1 and not shared:
            self._issues.error(
                Code.SHAPE,
                node.mark(path),
                "the play trades both sides, and each needs its own price",
                "write long: EXPR and short: EXPR under it",
            )
            return None
        expr = self._expression(node, path, resolve)
        if expr is None or not self.sides:
            return None
        return Sided(*(expr if side in self.sides else None for side in SIDES))

    def _by_side(
        self, node: Mapping, path: str, resolve: Callable[[Syntax], Value | None]
    ) -> Sided | None:
        section = Section(node, path, self._issues, allowed=SIDES)
        found: dict[str, Expr | None] = {}
        for side in SIDES:
            one = section.get(side)
            found[side] = (
                self._expression(one, section.path(side), resolve) if one is not None else None
            )
            if one is None and side in self.sides:
                section.require(side, "the play trades both sides")
            elif one is not None and self.sides and side not in self.sides:
                self._issues.error(
                    Code.KEY_UNKNOWN,
                    one.mark(section.path(side)),
                    f"the play has no enter_{side}",
                    f"remove {side!r}, or write the rule",
                )
        if any(found[side] is None for side in self.sides):
            return None
        return Sided(*(found[side] if side in self.sides else None for side in SIDES))

    def _expression(
        self, node: Node, path: str, resolve: Callable[[Syntax], Value | None]
    ) -> Expr | None:
        syntax = parse_condition(node, path, self._issues)
        value = resolve(syntax) if syntax is not None else None
        return value.expr if value is not None else None
