"""The ``rules`` section: conditions, their alternatives, tags, and how much an exit closes."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from engine.play.ast import Expr, Type
from engine.play.document import Mapping, Node, Sequence
from engine.play.issues import Code, Issues
from engine.play.model import RULE_KINDS, Rule
from engine.play.resolve import Resolver
from engine.play.sections import ID, ID_HINT, Constants, Section
from engine.play.structured import parse_condition

#: The rules of a play in RULE_KINDS order, only the kinds present.
Rules: TypeAlias = tuple[tuple[str, tuple[Rule, ...]], ...]

HUNDRED = Decimal(100)
RULE_KEYS = ("id", "when", "tags")


class RuleReader:
    """Reads the rules of one play."""

    def __init__(self, resolver: Resolver, issues: Issues) -> None:
        self._resolver, self._issues = resolver, issues
        self._constants = Constants(resolver.scope, resolver.clock, issues)

    def read(self, top: Section) -> Rules:
        """The rules that are written and good; the others are reported."""
        if top.get("rules") is None:
            top.require("rules", "write rules: with enter_long or enter_short")
            return ()
        node = top.mapping("rules", "enter_long, exit_long, enter_short, exit_short")
        if node is None:
            return ()
        section = Section(node, "rules", self._issues, allowed=RULE_KINDS)
        if section.get("enter_long") is None and section.get("enter_short") is None:
            self._issues.error(
                Code.KEY_MISSING,
                node.mark("rules"),
                "a play without enter_long or enter_short never trades",
                "write at least one of them",
            )
        for kind in ("exit_long", "exit_short"):
            written, entry = section.get(kind), kind.replace("exit", "enter")
            if written is not None and section.get(entry) is None:
                self._issues.warn(
                    Code.UNUSED, written.mark(section.path(kind)), f"{kind} without {entry}"
                )
        rules = []
        for kind in RULE_KINDS:
            written = section.get(kind)
            if written is not None:
                rules.append((kind, self._once(written, kind)))
        return tuple(rules)

    def _once(self, node: Node, kind: str) -> tuple[Rule, ...]:
        return self._resolver.once(f"rules.{kind}", lambda: self._rule(node, kind))

    def _rule(self, node: Node, kind: str) -> tuple[Rule, ...]:
        """The alternatives of one rule, in written order; a single condition has the kind's id."""
        path = f"rules.{kind}"
        if isinstance(node, Sequence) and _is_alternatives(node):
            places = [(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
        else:
            places = [(node, path)]
        rules: list[Rule] = []
        seen: set[str] = set()
        for item, place in places:
            if isinstance(item, Mapping) and _has_rule_keys(item):
                rule = self._alternative(item, place, kind, seen, listed=place != path)
            else:
                when = self._condition(item, place, kind)
                rule = Rule(kind, when) if when is not None else None
            if rule is not None:
                rules.append(rule)
        return tuple(rules)

    def _alternative(
        self, node: Mapping, path: str, kind: str, seen: set[str], *, listed: bool
    ) -> Rule | None:
        allowed = (*RULE_KEYS, "close") if kind.startswith("exit") else RULE_KEYS
        section = Section(node, path, self._issues, allowed=allowed)
        id = self._id(section, kind, seen, listed=listed)
        tags = self._tags(section, kind)
        close = self._close(section)
        when = section.require("when")
        expr = self._condition(when, section.path("when"), kind) if when is not None else None
        return Rule(id, expr, tags, close) if expr is not None else None

    def _id(self, section: Section, kind: str, seen: set[str], *, listed: bool) -> str:
        id = section.text("id", required=listed, hint="every alternative has an id of its own")
        if id is None:
            return kind
        mark = id.mark(section.path("id"))
        if not ID.fullmatch(id.text):
            self._issues.error(Code.ID_INVALID, mark, f"{id.text[:70]!r} is no id", ID_HINT)
        elif id.text in seen:
            message = f"the id {id.text!r} stands twice in {kind}"
            self._issues.error(Code.ID_DUPLICATE, mark, message)
        seen.add(id.text)
        return id.text

    def _tags(self, section: Section, kind: str) -> tuple[tuple[str, Expr], ...]:
        written = section.mapping("tags", "names to expressions")
        tags: list[tuple[str, Expr]] = []
        for key, node in written.entries if written is not None else ():
            path = f"{section.path('tags')}.{key.text[:60]}"
            if not ID.fullmatch(key.text):
                message = f"{key.text[:70]!r} is no name of a tag"
                self._issues.error(Code.ID_INVALID, key.mark(path), message, ID_HINT)
            syntax = parse_condition(node, path, self._issues)
            if syntax is None:
                continue
            value = self._resolver.recorded(syntax, position=kind.startswith("exit"))
            if value is not None:
                tags.append((key.text, value.expr))
        return tuple(sorted(tags, key=lambda tag: tag[0]))

    def _close(self, section: Section) -> Decimal:
        """Percent of the original size an exit closes; the whole by default."""
        node = section.get("close")
        if node is None:
            return HUNDRED
        value = self._constants.read(
            node,
            section.path("close"),
            types=(Type.PERCENT,),
            words="a percent of the position such as 50%",
            above=Decimal(0),
            at_most=HUNDRED,
        )
        return HUNDRED if value is None else value

    def _condition(self, node: Node, path: str, kind: str) -> Expr | None:
        syntax = parse_condition(node, path, self._issues)
        if syntax is None:
            return None
        value = self._resolver.truth(syntax, position=kind.startswith("exit"))
        return value.expr if value is not None else None


def _has_rule_keys(node: Mapping) -> bool:
    return any(key.text in {*RULE_KEYS, "close"} for key, _ in node.entries)


def _is_alternatives(node: Sequence) -> bool:
    """A list of maps with rule keys, as against a condition ``[left, op, right]``."""
    maps = [item for item in node.items if isinstance(item, Mapping)]
    return bool(maps) and len(maps) == len(node.items) and any(map(_has_rule_keys, maps))
