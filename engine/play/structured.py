"""The structured notation (lists and maps) to the same syntax nodes as expression strings.

``all`` / ``any`` / ``not``, ``setup``, windows (``within`` and ``held`` of ``{bars, expr}``,
``count`` of ``{bars, min, expr}``), ``[lhs, op, rhs]`` and ``{lhs, op, rhs}`` with comparisons,
crosses, ``between``, ``in``, ``near`` / ``near_abs`` / ``near_pct`` and arithmetic
(``[a, "-", b]``, ``{"-": [a, b]}``); every text operand is an expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.play.document import MAX_DEPTH, Mapping, Node, Scalar, Sequence, child_path
from engine.play.grammar import parse_expression
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.quantity import Quantity
from engine.play.syntax import (
    Argument,
    Arithmetic,
    CallOf,
    Chain,
    Junction,
    ListOf,
    Membership,
    Name,
    Negation,
    Number,
    Syntax,
)

_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_ARITHMETIC = ("+", "-", "*", "/")
_CROSS = ("cross_above", "cross_below")
_NEAR = ("near", "near_abs", "near_pct")
_OPS = (*_COMPARE, *_ARITHMETIC, *_CROSS, *_NEAR, "between", "in")
#: Keys of each window besides ``expr``.
WINDOWS = {"within": ("bars",), "held": ("bars",), "count": ("bars", "min")}
FORMS = ("all", "any", "not", "setup", "lhs", *WINDOWS, *_ARITHMETIC)


def parse_condition(node: Node, path: str, issues: Issues) -> Syntax | None:
    """The syntax of an expression in either notation; None when an issue was recorded. What one
    file says at one place is read once, however often the file is."""
    syntax: Syntax | None
    before, syntax = issues.read.get(path, (None, None))
    if before is node:
        return syntax
    syntax = _Structured(issues).node(node, path, 1)
    if syntax is not None:
        issues.read[path] = node, syntax
    return syntax


@dataclass(frozen=True, slots=True)
class _Operation:
    """Operands and operator of one operation, and the YAML paths of the four."""

    left: Node
    op: Scalar
    right: Node
    tolerance: Node | None
    places: tuple[str, ...]


def _call(name: str, mark: Mark, *operands: Syntax) -> CallOf:
    return CallOf(name, tuple(Argument("", operand, operand.mark) for operand in operands), mark)


class _Structured:
    def __init__(self, issues: Issues) -> None:
        self._issues = issues

    def node(self, node: Node, path: str, depth: int) -> Syntax | None:
        if depth > MAX_DEPTH:
            self._issues.error(
                Code.LIMIT, node.mark(path), f"nested more than {MAX_DEPTH} levels deep"
            )
            return None
        if isinstance(node, Scalar):
            return parse_expression(node, path, self._issues)
        if isinstance(node, Sequence):
            return self._list(node, path, depth)
        return self._map(node, path, depth)

    def _list(self, node: Sequence, path: str, depth: int) -> Syntax | None:
        op = node.items[1] if len(node.items) > 1 else None
        wanted = 4 if isinstance(op, Scalar) and op.text.strip() in _NEAR else 3
        if not isinstance(op, Scalar) or len(node.items) != wanted:
            form = "[left, operator, right]" if wanted == 3 else "[left, near, right, tolerance]"
            self._issues.error(
                Code.SHAPE,
                node.mark(path),
                f"a list that is a condition is {form}",
                "in a flow list an expression with ',' must be quoted",
            )
            return None
        operation = _Operation(
            node.items[0], op, node.items[2], node.items[3] if wanted == 4 else None,
            tuple(f"{path}[{place}]" for place in range(4)),
        )  # fmt: skip
        return self._operation(operation, depth)

    def _operation(self, of: _Operation, depth: int) -> Syntax | None:
        op, mark = of.op.text.strip(), of.op.mark(of.places[1])
        if op not in _OPS:
            hint = suggestion(op, _OPS)
            self._issues.error(Code.VALUE, mark, f"unknown operator {op[:40]!r}", hint)
            return None
        left = self.node(of.left, of.places[0], depth + 1)
        if op == "between":
            return self._between(left, of.right, mark, of.places[2], depth)
        if op == "in":
            return self._membership(left, of.right, mark, of.places[2], depth)
        right = self.node(of.right, of.places[2], depth + 1)
        if op in _NEAR:
            return self._near(op, left, right, of, depth)
        if left is None or right is None:
            return None
        if op in _COMPARE:
            return Chain((left, right), (op,), mark)
        if op in _ARITHMETIC:
            return Arithmetic(op, left, right, mark)
        return _call(op, mark, left, right)

    def _near(
        self, op: str, left: Syntax | None, right: Syntax | None, of: _Operation, depth: int
    ) -> Syntax | None:
        """``near_pct``: the tolerance is a number of percent; else as in ``near(a, b, t)``."""
        node, path = of.tolerance, of.places[3]
        if node is None:
            message = f"{op} needs a tolerance"
            self._issues.error(Code.KEY_MISSING, of.op.mark(of.places[1]), message)
            return None
        tolerance = self.node(node, path, depth + 1)
        if tolerance is not None and op == "near_pct":
            if not isinstance(tolerance, Number) or tolerance.quantity.unit not in {"", "%"}:
                self._issues.error(
                    Code.VALUE,
                    node.mark(path),
                    "the tolerance of near_pct is a number of percent such as 3",
                    "a parameter or a distance stands in near: [a, near, b, tolerance]",
                )
                return None
            tolerance = Number(Quantity(tolerance.quantity.value, "%"), tolerance.mark)
        if left is None or right is None or tolerance is None:
            return None
        return _call("near", of.op.mark(of.places[1]), left, right, tolerance)

    def _membership(
        self, x: Syntax | None, choices: Node, mark: Mark, path: str, depth: int
    ) -> Syntax | None:
        if not isinstance(choices, Sequence):
            message, hint = "'in' takes a list", "write [x, in, [1, 2]]"
            self._issues.error(Code.SHAPE, choices.mark(path), message, hint)
            return None
        items = [
            self.node(item, f"{path}[{place}]", depth + 1)
            for place, item in enumerate(choices.items)
        ]
        good = tuple(item for item in items if item is not None)
        if x is None or len(good) < len(items):
            return None
        return Membership(x, ListOf(good, choices.mark(path)), mark)

    def _between(
        self, x: Syntax | None, bounds: Node, mark: Mark, path: str, depth: int
    ) -> Syntax | None:
        ends: list[tuple[Node, str]] = []
        if isinstance(bounds, Sequence):
            ends = [(item, f"{path}[{i}]") for i, item in enumerate(bounds.items)]
        elif isinstance(bounds, Mapping):
            keys = {key.text for key, _ in bounds.entries}
            if keys == {"low", "high"}:
                ends = [(n, f"{path}.{k}") for k in ("low", "high") if (n := bounds.get(k))]
        if len(ends) != 2:
            self._issues.error(
                Code.SHAPE,
                bounds.mark(path),
                "between takes exactly two bounds",
                "write [30, 70] or {low: 30, high: 70}",
            )
            return None
        low, high = (self.node(node, place, depth + 1) for node, place in ends)
        if x is None or low is None or high is None:
            return None
        return Chain((low, x, high), ("<=", "<="), mark)

    def _map(self, node: Mapping, path: str, depth: int) -> Syntax | None:
        keys = [key.text for key, _ in node.entries]
        if "lhs" in keys:
            return self._named_operation(node, path, depth)
        if len(keys) != 1 or keys[0] not in FORMS:
            self._refuse_map(node, keys, path)
            return None
        key, value = node.entries[0]
        here = child_path(path, key.text)
        forms: dict[str, Callable[[Scalar, Node, str, int], Syntax | None]] = {
            "all": self._junction,
            "any": self._junction,
            "not": self._negation,
            "setup": self._setup,
            **dict.fromkeys(WINDOWS, self._window),
        }
        return forms.get(key.text, self._operator_map)(key, value, here, depth)

    def _refuse_map(self, node: Mapping, keys: list[str], path: str) -> None:
        odd = next((k for k in keys if k not in FORMS), None)
        if odd is not None:
            self._issues.error(
                Code.KEY_UNKNOWN,
                node.entries[keys.index(odd)][0].mark(child_path(path, odd)),
                f"unknown condition {odd[:40]!r}",
                suggestion(odd, FORMS),
            )
        else:
            self._issues.error(
                Code.SHAPE,
                node.mark(path),
                "a condition has one key",
                "join several with all: [...] or any: [...]",
            )

    def _named_operation(self, node: Mapping, path: str, depth: int) -> Syntax | None:
        op = node.get("op")
        is_near = isinstance(op, Scalar) and op.text.strip() in _NEAR
        keys = ("lhs", "op", "rhs", "tolerance") if is_near else ("lhs", "op", "rhs")
        if not self._only(node, keys, path):
            return None
        left, right = node.get("lhs"), node.get("rhs")
        if left is None or right is None or not isinstance(op, Scalar):
            self._issues.error(
                Code.KEY_MISSING, node.mark(path), "an operation has lhs, op and rhs"
            )
            return None
        places = tuple(f"{path}.{key}" for key in ("lhs", "op", "rhs", "tolerance"))
        return self._operation(_Operation(left, op, right, node.get("tolerance"), places), depth)

    def _only(self, node: Mapping, keys: tuple[str, ...], path: str) -> bool:
        odd = [key for key, _ in node.entries if key.text not in keys]
        for key in odd:
            self._issues.error(
                Code.KEY_UNKNOWN,
                key.mark(child_path(path, key.text)),
                f"unknown key {key.text[:40]!r}",
                suggestion(key.text, keys),
            )
        return not odd

    def _window(self, key: Scalar, value: Node, path: str, depth: int) -> Syntax | None:
        """``within`` and ``held`` of ``{bars, expr}``; ``count`` of ``{bars, min, expr}``."""
        keys = (*WINDOWS[key.text], "expr")
        form = f"write {key.text}: {{ {', '.join(keys)} }}"
        if not isinstance(value, Mapping):
            message = f"{key.text!r} is a map of {', '.join(keys)}"
            self._issues.error(Code.SHAPE, value.mark(path), message, form)
            return None
        if not self._only(value, keys, path):
            return None
        parts: dict[str, Syntax | None] = {}
        for name in keys:
            written = value.get(name)
            if written is None:
                message = f"{key.text!r} needs the key {name!r}"
                place = value.mark(child_path(path, name))
                self._issues.error(Code.KEY_MISSING, place, message, form)
                parts[name] = None
            else:
                parts[name] = self.node(written, f"{path}.{name}", depth + 1)
        bars, expr, least = parts["bars"], parts["expr"], parts.get("min")
        if bars is None or expr is None or (key.text == "count" and least is None):
            return None
        call = _call(key.text, key.mark(path), bars, expr)
        return call if least is None else Chain((call, least), (">=",), key.mark(path))

    def _junction(self, key: Scalar, value: Node, path: str, depth: int) -> Syntax | None:
        if not isinstance(value, Sequence) or not value.items:
            self._issues.error(
                Code.SHAPE, value.mark(path), f"{key.text!r} takes a list of conditions"
            )
            return None
        operands = [
            self.node(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(value.items)
        ]
        good = [operand for operand in operands if operand is not None]
        if len(good) < len(operands):
            return None
        if len(good) == 1:
            return good[0]
        return Junction("and" if key.text == "all" else "or", tuple(good), key.mark(path))

    def _negation(self, key: Scalar, value: Node, path: str, depth: int) -> Syntax | None:
        of = self.node(value, path, depth + 1)
        return None if of is None else Negation(of, key.mark(path))

    def _setup(self, key: Scalar, value: Node, path: str, depth: int) -> Syntax | None:
        named = self.node(value, path, depth + 1) if isinstance(value, Scalar) else None
        if named is not None and isinstance(named, Name):
            return named
        if named is not None or not isinstance(value, Scalar):
            self._issues.error(Code.SHAPE, value.mark(path), "'setup' takes the id of a setup")
        return None

    def _operator_map(self, key: Scalar, value: Node, path: str, depth: int) -> Syntax | None:
        if not isinstance(value, Sequence) or len(value.items) != 2:
            self._issues.error(Code.SHAPE, value.mark(path), f"{key.text!r} takes two operands")
            return None
        left, right = (
            self.node(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(value.items)
        )
        if left is None or right is None:
            return None
        return Arithmetic(key.text, left, right, key.mark(path))
