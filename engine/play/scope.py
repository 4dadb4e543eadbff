"""What the names of a play stand for, and the order in which definitions depend on each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal as OneOf

from engine.play.ast import Expr, Literal
from engine.play.issues import Code, Issues, Mark
from engine.play.syntax import Syntax, measure, names_in
from engine.timeframe import Timeframe

#: Levels of an expression with everything it is built on; keeps walks within the stack.
MAX_LEVELS = 100


@dataclass(frozen=True, slots=True)
class Value:
    """A typed expression and the timeframe on whose closes it changes (None: a constant).

    ``members``: the words of an enum, in declared order.
    """

    expr: Expr
    pace: Timeframe | None
    members: tuple[str, ...] = ()


@dataclass(slots=True)
class Definition:
    """A series, structure or setup: as written (None when refused), once resolved its value and
    the number of the reading that gave it (:mod:`engine.play.readings`).

    ``size`` and ``levels`` measure the tree with every name in it written out.
    """

    kind: OneOf["series", "structure", "setup"]
    id: str
    syntax: Syntax | None
    mark: Mark
    value: Value | None = None
    resolved: bool = False
    reading: int = 0
    size: int = 0
    levels: int = 0


@dataclass(slots=True)
class Looked:
    """What reading looked at: the ids ``used``, of which a parameter shows its value, a definition
    only its type, pace and members; the definitions ``opened`` for their whole value; the
    project's indicators ``called``; the nodes that names under ``@`` ``expanded`` to."""

    used: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    expanded: int = 0

    def add(self, other: Looked) -> None:
        """Take what ``other`` looked at."""
        self.used |= other.used
        self.opened |= other.opened
        self.called |= other.called
        self.expanded += other.expanded


@dataclass(slots=True)
class Scope:
    """The one id space of a play. A name in ``broken`` is declared, but something is wrong with
    it that has already been reported.

    Whoever looks at a value goes through :meth:`param`, :meth:`named` or :meth:`value`, which note
    it in ``looked``.
    """

    params: dict[str, Literal] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    looked: Looked = field(default_factory=Looked)

    def undefined(self) -> Scope:
        """The same names, none of the definitions resolved and nothing looked at yet."""
        definitions = {id: replace(one) for id, one in self.definitions.items()}
        return Scope(dict(self.params), definitions, set(self.broken))

    def param(self, id: str) -> Literal | None:
        """The value of a parameter, which counts as used; None when ``id`` is none."""
        literal = self.params.get(id)
        if literal is not None:
            self.looked.used.add(id)
        return literal

    def named(self, id: str) -> Definition | None:
        """The definition ``id``, which counts as used; None when ``id`` is none. Of its value no
        more may be looked at than type, pace and members, the rest with :meth:`value`."""
        definition = self.definitions.get(id)
        if definition is not None:
            self.looked.used.add(id)
        return definition

    def value(self, id: str) -> Value | None:
        """The whole value of the definition ``id``, which counts as opened; None if it has
        none."""
        self.looked.opened.add(id)
        return self.definitions[id].value

    def ids(self) -> list[str]:
        """Every id of the play, sorted."""
        return sorted({*self.params, *self.definitions, *self.broken})


def in_dependency_order(scope: Scope, issues: Issues) -> list[Definition]:
    """The definitions, each after those it names, ties by id; cycles and towers are reported.

    What takes part in a cycle is moved to ``scope.broken`` and left out.
    """
    needs = _needs(scope, words=True)
    ordered = _topological(needs)
    if len(ordered) < len(needs):
        # A word of an enum may be called like a definition: ``up: ms.bias == up`` is no cycle.
        firm = _needs(scope, words=False)
        needs |= {id: firm[id] for id in sorted(set(needs) - set(ordered))}
        ordered = _topological(needs)
    for id in sorted(set(needs) - set(ordered)):
        definition = scope.definitions[id]
        loop = _cycle_through(id, needs, set(ordered))
        if loop:
            issues.error(
                Code.CYCLE,
                definition.mark,
                f"{id!r} depends on itself: {' -> '.join(loop)}",
                "a definition may only name others that do not lead back to it",
            )
        scope.broken.add(id)
        del scope.definitions[id]
    for id in ordered:
        _measure(scope.definitions[id], scope, issues)
    return [scope.definitions[id] for id in ordered]


def _needs(scope: Scope, *, words: bool) -> dict[str, list[str]]:
    """The definitions that each names; ``words``: also where it may be a word of an enum."""
    return {
        definition.id: sorted(
            {n for n in names_in(definition.syntax, words=words) if n in scope.definitions}
            if definition.syntax is not None
            else ()
        )
        for definition in scope.definitions.values()
    }


def _topological(needs: dict[str, list[str]]) -> list[str]:
    ordered: list[str] = []
    left = {id: set(names) for id, names in needs.items()}
    ready = sorted(id for id, names in left.items() if not names)
    users: dict[str, list[str]] = {id: [] for id in needs}
    for id, names in needs.items():
        for name in names:
            users[name].append(id)
    while ready:
        ordered.extend(ready)
        freed = []
        for id in ready:
            for user in users[id]:
                left[user].discard(id)
                if not left[user]:
                    freed.append(user)
        ready = sorted(set(freed))
    return ordered


def _cycle_through(id: str, needs: dict[str, list[str]], done: set[str]) -> list[str]:
    """A shortest way from ``id`` back to itself, [] when it only leads into a cycle."""
    came_from = {name: id for name in needs[id] if name not in done}
    frontier = sorted(came_from)
    while frontier and id not in came_from:
        following: dict[str, str] = {}
        for name in frontier:
            for need in needs[name]:
                if need not in came_from and need not in done:
                    following.setdefault(need, name)
        came_from |= following
        frontier = sorted(following)
    if id not in came_from:
        return []
    way = [id]
    node = came_from[id]
    while node != id:
        way.append(node)
        node = came_from[node]
    return [id, *reversed(way)]


def _measure(definition: Definition, scope: Scope, issues: Issues) -> None:
    if definition.syntax is None:
        return
    definition.size, definition.levels = measure(definition.syntax)
    built_on = [scope.definitions[n] for n in names_in(definition.syntax) if n in scope.definitions]
    definition.size += sum(other.size for other in built_on)
    definition.levels += max((other.levels for other in built_on), default=0)
    if definition.levels > MAX_LEVELS:
        issues.error(
            Code.LIMIT,
            definition.mark,
            f"{definition.id!r} is more than {MAX_LEVELS} levels deep with all it is built on",
            "shorten the chain of definitions",
        )
        # Whatever is built on it would be deeper still; one report is enough.
        definition.syntax, definition.size, definition.levels = None, 0, 0
