"""The untyped syntax of expressions: what was written, each node with its place in the file.

Both notations (expression strings and the structured one) build these nodes; :mod:`.resolve`
gives them names and types.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from engine.play.issues import Mark
from engine.play.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity."""

    quantity: Quantity
    mark: Mark


@dataclass(frozen=True, slots=True)
class Truth:
    """``true`` or ``false``."""

    value: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier on its own."""

    id: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Member:
    """``of.field``."""

    of: Syntax
    field: str
    mark: Mark  # of the field


@dataclass(frozen=True, slots=True)
class Index:
    """``of[index]``: look-back, or selection after ``level``, ``up``, ``down``."""

    of: Syntax
    index: Number | Name
    mark: Mark  # of the index


@dataclass(frozen=True, slots=True)
class AtTimeframe:
    """``of@timeframe``, the timeframe as written."""

    of: Syntax
    timeframe: str
    mark: Mark  # of the timeframe


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call; ``name`` is "" for a positional one."""

    name: str
    value: Syntax
    mark: Mark


@dataclass(frozen=True, slots=True)
class CallOf:
    """``name(arguments)``."""

    name: str
    arguments: tuple[Argument, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Negative:
    """``-of``."""

    of: Syntax
    mark: Mark


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left op right`` with op one of ``+ - * /``."""

    op: str
    left: Syntax
    right: Syntax
    mark: Mark  # of the operator


@dataclass(frozen=True, slots=True)
class Chain:
    """``a < b <= c``: operands and the comparisons between them (one more operand than ops)."""

    operands: tuple[Syntax, ...]
    ops: tuple[str, ...]
    mark: Mark  # of the first operator


@dataclass(frozen=True, slots=True)
class Membership:
    """``of in [a, b]``."""

    of: Syntax
    choices: ListOf
    mark: Mark  # of the operator


@dataclass(frozen=True, slots=True)
class Junction:
    """``and`` / ``or`` of two or more operands."""

    op: str
    operands: tuple[Syntax, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Negation:
    """``not of``."""

    of: Syntax
    mark: Mark


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, b]`` as an argument."""

    items: tuple[Syntax, ...]
    mark: Mark


Syntax: TypeAlias = (
    Number
    | Truth
    | Name
    | Member
    | Index
    | AtTimeframe
    | CallOf
    | Negative
    | Arithmetic
    | Chain
    | Membership
    | Junction
    | Negation
    | ListOf
)


def children(node: Syntax) -> tuple[Syntax, ...]:
    """The direct operands of a node."""
    match node:
        case Number() | Truth() | Name():
            return ()
        case Member() | AtTimeframe() | Negative() | Negation():
            return (node.of,)
        case Index():
            return (node.of, node.index)
        case CallOf():
            return tuple(argument.value for argument in node.arguments)
        case Arithmetic():
            return (node.left, node.right)
        case Chain() | Junction():
            return node.operands
        case Membership():
            return (node.of, node.choices)
        case ListOf():
            return node.items


def start(node: Syntax) -> Mark:
    """Where the text of ``node`` begins (its own mark may be that of an operator)."""
    while isinstance(node, (Member, Index, AtTimeframe, Arithmetic, Chain, Membership, Junction)):
        node = children(node)[0]
    return node.mark


def names_in(node: Syntax, *, words: bool = True) -> list[str]:
    """Every bare name under ``node``, as often as it stands there; ``words``: also those that may
    be a word of an enum (beside ``==``, ``!=`` and ``in``, and as an argument)."""
    found, pending = [], [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Name):
            found.append(current.id)
        below = children(current)
        if not words and _takes_words(current):
            below = tuple(child for child in below if not isinstance(child, Name))
        pending.extend(below)
    return found


def _takes_words(node: Syntax) -> bool:
    is_equality = isinstance(node, Chain) and node.ops[0] in {"==", "!="}
    return is_equality or isinstance(node, CallOf | ListOf)


def measure(node: Syntax) -> tuple[int, int]:
    """Number of nodes and levels of a tree."""
    count = deepest = 0
    pending = [(node, 1)]
    while pending:
        current, depth = pending.pop()
        count += 1
        deepest = max(deepest, depth)
        pending.extend((child, depth + 1) for child in children(current))
    return count, deepest


def as_text(node: Syntax) -> str:
    """The tree fully parenthesised, operator first: ``(< close (@ (ema close 20) 1h))``."""
    match node:
        case Number():
            return f"{_plain(node.quantity.value)}{node.quantity.unit}"
        case Truth():
            return "true" if node.value else "false"
        case Name():
            return node.id
        case Member():
            return f"(. {as_text(node.of)} {node.field})"
        case Index():
            return f"([] {as_text(node.of)} {as_text(node.index)})"
        case AtTimeframe():
            return f"(@ {as_text(node.of)} {node.timeframe})"
        case CallOf():
            parts = [
                (f"{a.name}={as_text(a.value)}" if a.name else as_text(a.value))
                for a in node.arguments
            ]
            return "(" + " ".join([node.name, *parts]) + ")"
        case Negative():
            return f"(- {as_text(node.of)})"
        case Arithmetic():
            return f"({node.op} {as_text(node.left)} {as_text(node.right)})"
        case Chain():
            return f"({' '.join(node.ops)} {' '.join(map(as_text, node.operands))})"
        case Membership():
            return f"(in {as_text(node.of)} {as_text(node.choices)})"
        case Junction():
            return f"({node.op} {' '.join(map(as_text, node.operands))})"
        case Negation():
            return f"(not {as_text(node.of)})"
        case ListOf():
            return f"[{' '.join(map(as_text, node.items))}]"


def _plain(value: Decimal) -> str:
    return format(value, "f")
