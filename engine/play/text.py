"""Typed expressions back to the language: one spelling for one tree, fewest parentheses."""

from __future__ import annotations

from decimal import Decimal

from engine.canonical import decimal_text
from engine.indicators.registry import spec_of
from engine.play.ast import (
    At,
    Call,
    Expr,
    Indicator,
    Literal,
    Param,
    Position,
    Price,
    Ref,
    Structure,
    Ticks,
    Type,
)
from engine.play.quantity import DECIMAL, DURATION_MS

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_SYMBOLS |= {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_SYMBOLS |= {"and": "and", "or": "or"}

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _NEGATIVE, _POSTFIX = range(8)
_LEVELS = {"or": _OR, "and": _AND, "not": _NOT, "add": _SUM, "sub": _SUM, "neg": _NEGATIVE}
_LEVELS |= {"mul": _PRODUCT, "div": _PRODUCT}
_LEVELS |= dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne"), _COMPARE)

#: Functions that take their number of bars before the operand.
_COUNT_FIRST = ("within", "held", "count")

#: Units of durations, the longest first.
_DURATIONS = sorted(DURATION_MS.items(), key=lambda item: -item[1])


def literal_text(literal: Literal) -> str:
    """A literal as plays write it: ``1%``, ``2R``, ``4h``, ``true``, ``0.5``."""
    value = literal.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if literal.type is Type.PERCENT:
        return decimal_text(value) + "%"
    if literal.type is Type.R:
        return decimal_text(value) + "R"
    if literal.type is Type.DURATION:
        unit = next(
            unit for unit, ms in _DURATIONS if not DECIMAL.remainder(value, ms) or unit == "m"
        )
        return decimal_text(DECIMAL.divide(value, DURATION_MS[unit])) + unit
    return decimal_text(value)


def expression_text(expr: Expr) -> str:
    """The expression in string notation; parsing it again gives the same canonical form."""
    return _text(expr)[0]


def _text(expr: Expr) -> tuple[str, int]:
    """The text of ``expr`` and how tightly its outermost operator binds."""
    match expr:
        case Literal():
            value = expr.value
            negative = isinstance(value, Decimal) and value < 0
            return literal_text(expr), _NEGATIVE if negative else _POSTFIX
        case Param():
            return expr.name, _POSTFIX
        case Ticks():
            return f"{decimal_text(expr.count)}tick", _POSTFIX
        case Price():
            return expr.name, _POSTFIX
        case Position():
            return f"position.{expr.field}", _POSTFIX
        case Ref():
            return (f"{expr.id}.{expr.field}" if expr.field else expr.id), _POSTFIX
        case Indicator():
            return _indicator_text(expr), _POSTFIX
        case Structure():
            return (f"{expr.id}.{expr.output}" if expr.output else expr.id), _POSTFIX
        case At(expr=Structure() as structure):
            return _text(structure)  # it keeps its own timeframe wherever it is named
        case At():
            return f"{_within(expr.expr, _POSTFIX)}@{expr.timeframe.value}", _POSTFIX
        case Call():
            return _call_text(expr)


def _within(expr: Expr, level: int) -> str:
    """``expr`` as an operand that must bind at least as tightly as ``level``."""
    text, own = _text(expr)
    return text if own >= level else f"({text})"


def _indicator_text(expr: Indicator) -> str:
    spec = spec_of(expr)
    inputs = [expression_text(i) for i in expr.inputs] if spec.takes_source else []
    for name, source in zip(spec.inputs, expr.inputs, strict=True):
        kind, _, output = name.partition(".")
        if output and isinstance(source, Ref) and f"{kind}={source.id}" not in inputs:
            inputs.append(f"{kind}={source.id}")
    params = [f"{name}={_value_text(value)}" for name, value in expr.params]
    output = f".{expr.output}" if expr.output and len(spec.outputs) > 1 else ""
    return f"{expr.name}({', '.join(inputs + params)}){output}"


def structure_text(expr: Expr) -> str:
    """The definition of a structure: ``swing(left=5, right=5)@1h``."""
    if isinstance(expr, At):
        return f"{structure_text(expr.expr)}@{expr.timeframe.value}"
    assert isinstance(expr, Structure)
    sources = [f"{name}={expression_text(source)}" for name, source in expr.sources]
    params = [f"{name}={_value_text(value)}" for name, value in expr.params]
    return f"{expr.name}({', '.join(sources + params)})"


def _value_text(value: Param | Literal | tuple[Literal, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal_text, value))}]"
    return value.name if isinstance(value, Param) else literal_text(value)


def _call_text(expr: Call) -> tuple[str, int]:
    op, args = expr.op, expr.args
    if op == "near_pct":
        fraction = args[2].value if isinstance(args[2], Literal) else Decimal(0)
        assert isinstance(fraction, Decimal)
        tolerance = literal_text(Literal(Type.PERCENT, DECIMAL.multiply(fraction, Decimal(100))))
        return (
            f"near({expression_text(args[0])}, {expression_text(args[1])}, {tolerance})",
            _POSTFIX,
        )
    if expr.n:
        return _counted_text(expr), _POSTFIX
    if op not in _LEVELS:
        return f"{op}({', '.join(map(expression_text, args))})", _POSTFIX
    level = _LEVELS[op]
    if op == "not":
        return f"not {_within(args[0], level)}", level
    if op == "neg":
        return f"-{_within(args[0], level)}", level
    # Left to right: the right operand of - and / (and any comparison's) binds more tightly.
    first = _within(args[0], level + 1 if level == _COMPARE else level)
    rest = [_within(arg, level + 1) for arg in args[1:]]
    return f" {_SYMBOLS[op]} ".join([first, *rest]), level


def _counted_text(expr: Call) -> str:
    """A function of a number of bars."""
    n = expr.n.name if isinstance(expr.n, Param) else str(expr.n)
    (of,) = expr.args
    if expr.op == "lookback" and not isinstance(of, (At, Ref, Structure)):
        return f"{_within(of, _POSTFIX)}[{n}]"
    name = "prev" if expr.op == "lookback" else expr.op
    operands = (n, expression_text(of)) if name in _COUNT_FIRST else (expression_text(of), n)
    return f"{name}({', '.join(operands)})"
