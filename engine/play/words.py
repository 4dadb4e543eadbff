"""Conditions and numbers of a play as phrases a person reads."""

from __future__ import annotations

from engine.play.ast import At, Call, Expr, Param, Ref, Structure, Type
from engine.play.text import expression_text

_COMPARE = {
    "lt": "is below",
    "le": "is at or below",
    "gt": "is above",
    "ge": "is at or above",
    "eq": "equals",
    "ne": "differs from",
}
_CROSS = {"cross_above": "crosses above", "cross_below": "crosses below"}


def condition_words(expr: Expr) -> str:
    """A condition as a phrase: ``ema_f crosses above ema_s and close is above ema_h``."""
    if isinstance(expr, At) and isinstance(expr.expr, Structure):
        return condition_words(expr.expr)
    if isinstance(expr, At):
        return f"({condition_words(expr.expr)}) on closed {expr.timeframe} bars"
    if isinstance(expr, Ref | Structure) and expr.type in (Type.BOOL, Type.EVENT):
        verb = "fires" if expr.type is Type.EVENT else "holds"
        return f"{expression_text(expr)} {verb}"
    if not isinstance(expr, Call):
        return expression_text(expr)
    return _call_words(expr)


def _call_words(expr: Call) -> str:
    words = _COMPARE.get(expr.op) or _CROSS.get(expr.op)
    if words:
        left, right = expr.args
        return f"{number_words(left)} {words} {number_words(right)}"
    if expr.op == "not":
        return f"not ({condition_words(expr.args[0])})"
    if expr.op in {"and", "or"}:
        return f" {expr.op} ".join(_inside(arg, expr.op) for arg in expr.args)
    of = [condition_words(arg) for arg in expr.args]
    bars = _bars(expr.n)
    match expr.op:
        case "within":
            return f"({of[0]}) on at least one of the last {bars}"
        case "held":
            return f"({of[0]}) on all of the last {bars}"
        case "since":
            return f"({of[0]}) after the last time that ({of[1]})"
        case "changed":
            return f"{of[0]} differs from the bar before"
        case "defined":
            return f"{of[0]} is there"
        case "near":
            return f"{of[0]} is at most {of[2]} from {of[1]}"
        case "near_pct":
            call = expression_text(expr)
            return f"{of[0]} is at most {call.rpartition(', ')[2].rstrip(')')} from {of[1]}"
        case "lookback" if expr.type in (Type.BOOL, Type.EVENT):
            return f"({of[0]}) {bars} before"
    return expression_text(expr)


def number_words(expr: Expr) -> str:
    """A number as a phrase; what has no better words stands as written."""
    if not isinstance(expr, Call):
        return expression_text(expr)
    of = [condition_words(arg) for arg in expr.args]
    match expr.op:
        case "count":
            return f"the number of the last {_bars(expr.n)} on which ({of[0]})"
        case "bars_since":
            return f"the number of bars since ({of[0]})"
        case "value_when":
            return f"{of[1]} at the last time that ({of[0]})"
    return expression_text(expr)


def _bars(n: int | Param) -> str:
    return f"{n.name} bars" if isinstance(n, Param) else f"{n} bar{'' if n == 1 else 's'}"


def _inside(expr: Expr, op: str) -> str:
    words = condition_words(expr)
    mixed = isinstance(expr, Call) and expr.op in {"and", "or"} and expr.op != op
    return f"({words})" if mixed else words
