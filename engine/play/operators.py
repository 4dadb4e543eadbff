"""Typing of operators: operands to one typed node, or the reason they do not go together.

float and int mix freely (int/int is a float); ``x + p`` and ``x - p`` with a percent p mean
``x * (1 +/- p)`` and ``p * x`` is a float; percent compares only with percent, R with R; equality
is for ints and truth values only (``b == true`` is ``b``), and for enums, which the resolver
compares with their own members.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TypeAlias

from engine.play.ast import Call, Expr, Literal, Param, Type
from engine.play.issues import Code
from engine.play.quantity import DECIMAL

NUMBERS = (Type.FLOAT, Type.INT)
TRUTHS = (Type.BOOL, Type.EVENT)

_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_COMPARE = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why operands do not go together."""

    message: str
    hint: str = ""
    code: Code = Code.TYPE


#: Builds a node of operands, or says why they do not go together.
Make: TypeAlias = Callable[..., Expr | Problem]


def type_name(expr: Expr) -> str:
    """The type of ``expr`` as messages name it."""
    names = {Type.FLOAT: "a number", Type.INT: "an int", Type.PERCENT: "a percent"}
    names |= {Type.R: "an R multiple", Type.DURATION: "a duration", Type.BOOL: "a truth value"}
    names |= {Type.EVENT: "an event", Type.MULTI: "a multi-output indicator"}
    names |= {Type.ENUM: "an enum word", Type.ZONE: "a zone"}
    return names.get(expr.type, expr.type.value)


def constant(expr: Expr) -> Decimal | None:
    """The number a literal or parameter states, in its own unit; None for anything else."""
    literal = expr.literal if isinstance(expr, Param) else expr
    if isinstance(literal, Literal) and isinstance(literal.value, Decimal):
        return literal.value
    return None


def negative(of: Expr) -> Expr | Problem:
    """``-of``; of a constant it is a constant."""
    if of.type not in (*NUMBERS, Type.PERCENT, Type.R):
        return Problem(f"'-' needs a number, not {type_name(of)}")
    value = constant(of)
    if value is not None and (isinstance(of, Literal) or of.type not in NUMBERS):
        return Literal(of.type, DECIMAL.minus(value))
    return Call("neg", (of,), of.type)


def arithmetic(op: str, left: Expr, right: Expr) -> Expr | Problem:
    """``left op right`` for op one of ``+ - * /``."""
    types = (left.type, right.type)
    if left.type in NUMBERS and right.type in NUMBERS:
        whole = types == (Type.INT, Type.INT) and op != "/"
        return Call(_ARITHMETIC[op], (left, right), Type.INT if whole else Type.FLOAT)
    if Type.PERCENT in types:
        return _with_percent(op, left, right)
    if types == (Type.R, Type.R) and op in "+-":
        if constant(left) is not None and constant(right) is not None:
            return _folded(op, left, right, Type.R)
        return Call(_ARITHMETIC[op], (left, right), Type.R)
    return Problem(f"{type_name(left)} {op} {type_name(right)} has no meaning")


def _folded(op: str, left: Expr, right: Expr, result: Type) -> Expr | Problem:
    a, b = constant(left), constant(right)
    if a is None or b is None:
        return Problem(f"{type_name(left)} {op} {type_name(right)} needs constants")
    return Literal(result, DECIMAL.add(a, b) if op == "+" else DECIMAL.subtract(a, b))


def _with_percent(op: str, left: Expr, right: Expr) -> Expr | Problem:
    if left.type is right.type and op in "+-":
        return _folded(op, left, right, Type.PERCENT)
    if right.type is Type.PERCENT and left.type in NUMBERS:
        percent = constant(right)
        if percent is not None and op in "+-":
            share = DECIMAL.divide(percent, Decimal(100))
            factor = DECIMAL.add(Decimal(1), share if op == "+" else DECIMAL.minus(share))
            return Call("mul", (left, Literal(Type.FLOAT, factor)), Type.FLOAT)
        if percent is not None and op == "*":
            return Call("mul", (left, _fraction(percent)), Type.FLOAT)
    if left.type is Type.PERCENT and right.type in NUMBERS and op == "*":
        percent = constant(left)
        if percent is not None:
            return Call("mul", (_fraction(percent), right), Type.FLOAT)
    hint = "a percent is added to or subtracted from a number (x + 2%), or multiplies one (2% * x)"
    return Problem(f"{type_name(left)} {op} {type_name(right)} has no meaning", hint)


def _fraction(percent: Decimal) -> Literal:
    return Literal(Type.FLOAT, DECIMAL.divide(percent, Decimal(100)))


def comparison(op: str, left: Expr, right: Expr) -> Expr | Problem:
    """``left op right`` for one comparison operator."""
    if op in {"==", "!="}:
        return _equality(op, left, right)
    numbers = left.type in NUMBERS and right.type in NUMBERS
    alike = left.type is right.type and left.type in (Type.PERCENT, Type.R)
    if numbers or alike:
        return Call(_COMPARE[op], (left, right), Type.BOOL)
    message = f"{type_name(left)} {op} {type_name(right)} do not compare"
    if Type.PERCENT in (left.type, right.type):
        return Problem(
            message, "percent compares only with percent; fields named *_pct are plain numbers"
        )
    if left.type in TRUTHS or right.type in TRUTHS:
        return Problem(message, "a truth value stands alone: join it with 'and' / 'or'")
    if Type.ENUM in (left.type, right.type):
        return Problem(message, "an enum has no order: compare it with '==', '!=' or 'in'")
    return Problem(message)


def _equality(op: str, left: Expr, right: Expr) -> Expr | Problem:
    if left.type in TRUTHS and right.type in TRUTHS:
        return _same_truth(op, left, right)
    if left.type is Type.INT and right.type is Type.INT:
        return Call(_COMPARE[op], (left, right), Type.BOOL)
    message = f"{type_name(left)} {op} {type_name(right)} do not compare"
    if Type.ENUM in (left.type, right.type):
        return Problem(message, "an enum is compared with one of its own words")
    if Type.FLOAT in (left.type, right.type):
        return Problem(message, "prices and indicators are never exactly equal: use < <= > >=")
    if left.type in TRUTHS or right.type in TRUTHS:
        return Problem(message, "a truth value is no number: write it alone, or 'not' before it")
    return Problem(message)


def _same_truth(op: str, left: Expr, right: Expr) -> Expr:
    """Equality of truth values by and/or/not, which gives Kleene's null whenever one is null."""
    for value, other in ((left, right), (right, left)):
        if isinstance(value, Literal):
            keep = value.value if op == "==" else not value.value
            return other if keep else inverse(other)
    if op == "!=":
        right = inverse(right)
    both = junction("and", (left, right))
    neither = junction("and", (inverse(left), inverse(right)))
    return junction("or", (both, neither))


def inverse(of: Expr) -> Expr:
    """``not of``; ``of`` is a truth value."""
    return Call("not", (of,), Type.BOOL)


def negation(of: Expr) -> Expr | Problem:
    """``not of``."""
    if of.type not in TRUTHS:
        return Problem(f"'not' needs a truth value, not {type_name(of)}", "compare it first")
    return inverse(of)


def junction(op: str, operands: tuple[Expr, ...]) -> Expr:
    """``and`` / ``or`` of truth values, nested ones of the same kind flattened in order.

    event and X is an event; event or event too; every other mix is a bool.
    """
    flat: list[Expr] = []
    for operand in operands:
        if isinstance(operand, Call) and operand.op == op:
            flat.extend(operand.args)
        else:
            flat.append(operand)
    events = [operand.type is Type.EVENT for operand in operands]
    is_event = any(events) if op == "and" else all(events)
    return Call(op, tuple(flat), Type.EVENT if is_event else Type.BOOL)


def chain(ops: tuple[str, ...], operands: tuple[Expr, ...]) -> Expr | Problem:
    """``a < b <= c``: the comparisons of neighbours, joined by ``and``."""
    parts: list[Expr] = []
    for op, (left, right) in zip(ops, pairwise(operands), strict=True):
        part = comparison(op, left, right)
        if isinstance(part, Problem):
            return part
        parts.append(part)
    low, high = constant(operands[0]), constant(operands[-1])
    if ops[0].startswith(">"):
        low, high = high, low
    if len(ops) > 1 and low is not None and high is not None and low > high:
        return Problem(
            f"nothing lies between {low} and {high}", "the lower bound comes first", Code.VALUE
        )
    return parts[0] if len(parts) == 1 else junction("and", tuple(parts))


def cross(name: str, left: Expr, right: Expr) -> Expr | Problem:
    """``cross_above(left, right)`` or its mirror, of two numbers or two R multiples: an event."""
    if left.type is right.type is Type.R:
        return Call(name, (left, right), Type.EVENT)
    for operand, other in ((left, right), (right, left)):
        if operand.type not in NUMBERS:
            hint = "R crosses only R, as in cross_above(position.r, 1R)"
            r_beside_number = operand.type is Type.R and other.type in NUMBERS
            message = f"{name} needs two numbers, not {type_name(operand)}"
            return Problem(message, hint if r_beside_number else "")
    return Call(name, (left, right), Type.EVENT)


def near(a: Expr, b: Expr, tolerance: Expr) -> Expr | Problem:
    """``a`` at most ``tolerance`` from ``b``: a constant percent of ``b``, or a distance."""
    for operand in (a, b):
        if operand.type not in NUMBERS:
            return Problem(f"near needs two numbers, not {type_name(operand)}")
    value = constant(tolerance)
    if tolerance.type not in (*NUMBERS, Type.PERCENT):
        hint = "write a percent (1%, 20bps) or a distance (0.5 * atr14, 3 ticks)"
        return Problem(f"the tolerance of near is not {type_name(tolerance)}", hint)
    if value is not None and value < 0:
        return Problem("the tolerance of near is negative", "", Code.VALUE)
    if tolerance.type is not Type.PERCENT:
        return Call("near", (a, b, tolerance), Type.BOOL)
    assert value is not None  # a percent is a constant
    return Call("near_pct", (a, b, _fraction(value)), Type.BOOL)


def number_window(name: str, x: Expr, n: int | Param) -> Expr:
    """``highest lowest sum avg`` of ``x``; ``rising`` and ``falling``, which are n steps held."""
    if name in {"rising", "falling"}:
        step = Call("gt" if name == "rising" else "lt", (x, look_back(x, 1)), Type.BOOL)
        return Call("held", (step,), Type.BOOL, n)
    return Call(name, (x,), Type.FLOAT if name == "avg" and x.type is Type.INT else x.type, n)


def extreme(name: str, operands: tuple[Expr, ...]) -> Expr | Problem:
    """``min`` or ``max`` of two operands or more."""
    type = common_type(operands)
    if type not in (*NUMBERS, Type.R):
        shown = ", ".join(map(type_name, operands))
        return Problem(f"{name} needs numbers, not {shown}")
    return Call(name, operands, type)


def absolute(x: Expr) -> Expr | Problem:
    """``abs(x)``."""
    if x.type not in (*NUMBERS, Type.R):
        return Problem(f"abs needs a number, not {type_name(x)}")
    return Call("abs", (x,), x.type)


def common_type(operands: Sequence[Expr]) -> Type | None:
    """The one type of operands: ints among floats are floats, events among bools are bools."""
    types = {operand.type for operand in operands}
    if types <= set(NUMBERS):
        return Type.INT if types == {Type.INT} else Type.FLOAT
    if types <= set(TRUTHS):
        return Type.EVENT if types == {Type.EVENT} else Type.BOOL
    return types.pop() if types in ({Type.ENUM}, {Type.R}) else None


def look_back(of: Expr, n: int | Param) -> Expr:
    """``of`` as it was ``n`` bars ago; 0 bars ago is now."""
    return of if n == 0 else Call("lookback", (of,), of.type, n)
