"""What was read of a file before, taken again where nothing it hangs on has changed.

A sweep reads one file with many sets of parameters. What a part of it (a definition, a rule, a
section) comes to is a function of the file and of what reading it looked at in the scope: values
of parameters, and definitions (:class:`~engine.play.scope.Looked`). :class:`Readings` keeps what
was found by exactly that, so a part is read anew only for values it has not been read with.

Kept for one sweep's plays, at most one reading of each part per set. A set with a problem is
refused, and its readings with it, so whatever is taken again was read without one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.play.scope import Looked, Scope

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """``found`` in reading ``number``, which looked at ``looked``."""

    number: int
    found: Any
    looked: Looked


class Readings:
    """The readings of the parts of one file."""

    def __init__(self) -> None:
        #: By part, by the names looked at (used, opened), by what they stood for.
        self._parts: dict[str, dict[_Names, dict[Hashable, Reading]]] = {}
        self._count = 0

    def once(self, part: str, scope: Scope, read: Callable[[], T]) -> tuple[T, int]:
        """What ``read`` finds, read now or before, and the number of that reading; the scope has
        looked at what it looks at either way. ``part`` names what ``read`` reads."""
        known = self._parts.setdefault(part, {})
        for names, readings in known.items():
            reading = readings.get(_facts(names, scope))
            if reading is not None:
                scope.looked.add(reading.looked)
                return reading.found, reading.number
        before, scope.looked = scope.looked, Looked(expanded=scope.looked.expanded)
        found = read()
        looked, scope.looked = scope.looked, before
        looked.expanded -= before.expanded
        before.add(looked)
        self._count += 1
        names = tuple(sorted(looked.used)), tuple(sorted(looked.opened))
        readings = known.setdefault(names, {})
        readings[_facts(names, scope)] = Reading(self._count, found, looked)
        return found, self._count


_Names = tuple[tuple[str, ...], tuple[str, ...]]


def _facts(names: _Names, scope: Scope) -> Hashable:
    """All that can be seen of ``names``: of a parameter its value as written, since equal numbers
    may be written differently; of a definition its face, of an opened one the reading."""
    used, opened = names
    return (
        tuple(_value(id, scope) if id in scope.params else _face(id, scope) for id in used),
        tuple(scope.definitions[id].reading for id in opened),
    )


def _value(id: str, scope: Scope) -> Hashable:
    literal = scope.params[id]
    return literal.type, str(literal.value)


def _face(id: str, scope: Scope) -> Hashable:
    value = scope.definitions[id].value
    return None if value is None else (value.expr.type, value.pace, value.members)
