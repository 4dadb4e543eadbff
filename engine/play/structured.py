"""The structured notation (lists and maps) to the same syntax nodes as expression strings.

``all`` / ``any`` / ``not``, ``setup``, ``[lhs, op, rhs]``, ``{lhs, op, rhs}``, ``between`` and
arithmetic (``[a, "-", b]``, ``{"-": [a, b]}``); every text operand is an expression.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.play.document import MAX_DEPTH, Mapping, Node, Scalar, Sequence, child_path
from engine.play.grammar import parse_expression
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.syntax import (
    Argument,
    Arithmetic,
    CallOf,
    Chain,
    Junction,
    Name,
    Negation,
    Syntax,
)

_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_ARITHMETIC = ("+", "-", "*", "/")
_CROSS = ("cross_above", "cross_below")
_OPS = (*_COMPARE, *_ARITHMETIC, *_CROSS, "between")
_OPS_NOT_BUILT = ("near", "near_pct", "near_abs", "in")
_FORMS = ("all", "any", "not", "setup", "lhs", *_ARITHMETIC)
_FORMS_NOT_BUILT = ("within", "held", "count", "bars_since", "since")


def parse_condition(node: Node, path: str, issues: Issues) -> Syntax | None:
    """The syntax of an expression in either notation; None when an issue was recorded."""
    return _Structured(issues).node(node, path, 1)


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
        ops = [i.text for i in node.items[1:2] if isinstance(i, Scalar)]
        if ops and ops[0] in _OPS_NOT_BUILT:
            self._issues.error(
                Code.NOT_BUILT, node.items[1].mark(f"{path}[1]"), f"{ops[0]!r} is not built yet"
            )
            return None
        if len(node.items) != 3 or not ops:
            self._issues.error(
                Code.SHAPE,
                node.mark(path),
                "a list that is a condition is [left, operator, right]",
                "in a flow list an expression with ',' must be quoted",
            )
            return None
        left, op, right = node.items
        assert isinstance(op, Scalar)
        places = (f"{path}[0]", f"{path}[1]", f"{path}[2]")
        return self._operation((left, op, right), places, depth)

    def _operation(
        self, parts: tuple[Node, Scalar, Node], places: tuple[str, str, str], depth: int
    ) -> Syntax | None:
        left_node, op_node, right_node = parts
        op, mark = op_node.text.strip(), op_node.mark(places[1])
        if op not in _OPS:
            hint = suggestion(op, _OPS)
            self._issues.error(Code.VALUE, mark, f"unknown operator {op[:40]!r}", hint)
            return None
        left = self.node(left_node, places[0], depth + 1)
        if op == "between":
            return self._between(left, right_node, mark, places[2], depth)
        right = self.node(right_node, places[2], depth + 1)
        if left is None or right is None:
            return None
        if op in _COMPARE:
            return Chain((left, right), (op,), mark)
        if op in _ARITHMETIC:
            return Arithmetic(op, left, right, mark)
        return CallOf(op, (Argument("", left, left.mark), Argument("", right, right.mark)), mark)

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
        if len(keys) != 1 or keys[0] not in _FORMS:
            self._refuse_map(node, keys, path)
            return None
        key, value = node.entries[0]
        here = child_path(path, key.text)
        forms: dict[str, Callable[[Scalar, Node, str, int], Syntax | None]] = {
            "all": self._junction,
            "any": self._junction,
            "not": self._negation,
            "setup": self._setup,
        }
        return forms.get(key.text, self._operator_map)(key, value, here, depth)

    def _refuse_map(self, node: Mapping, keys: list[str], path: str) -> None:
        odd = next((k for k in keys if k not in _FORMS), None)
        if odd in _FORMS_NOT_BUILT:
            self._issues.error(
                Code.NOT_BUILT,
                node.entries[keys.index(odd)][0].mark(child_path(path, odd)),
                f"{odd!r} is not built yet",
            )
        elif odd is not None:
            self._issues.error(
                Code.KEY_UNKNOWN,
                node.entries[keys.index(odd)][0].mark(child_path(path, odd)),
                f"unknown condition {odd[:40]!r}",
                suggestion(odd, _FORMS),
            )
        else:
            self._issues.error(
                Code.SHAPE,
                node.mark(path),
                "a condition has one key",
                "join several with all: [...] or any: [...]",
            )

    def _named_operation(self, node: Mapping, path: str, depth: int) -> Syntax | None:
        good = True
        for key, _ in node.entries:
            if key.text not in ("lhs", "op", "rhs"):
                self._issues.error(
                    Code.KEY_UNKNOWN,
                    key.mark(child_path(path, key.text)),
                    f"unknown key {key.text[:40]!r}",
                    suggestion(key.text, ("lhs", "op", "rhs")),
                )
                good = False
        left, op, right = node.get("lhs"), node.get("op"), node.get("rhs")
        if left is None or right is None or not isinstance(op, Scalar):
            self._issues.error(
                Code.KEY_MISSING, node.mark(path), "an operation has lhs, op and rhs"
            )
            return None
        places = (f"{path}.lhs", f"{path}.op", f"{path}.rhs")
        return self._operation((left, op, right), places, depth) if good else None

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
