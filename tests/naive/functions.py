"""The language's functions at one bar, over lists; None is a missing number or unknown truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

Value = float | bool | str | None
Column = Sequence[Value]


def window(column: Column, i: int, n: int) -> list[Value] | None:
    """The last ``n`` values, oldest first; None where it reaches back before history."""
    return None if i - n + 1 < 0 else list(column[i - n + 1 : i + 1])


def kleene_and(values: Sequence[Value]) -> Value:
    if any(v is False for v in values):
        return False
    return None if any(v is None for v in values) else True


def kleene_or(values: Sequence[Value]) -> Value:
    if any(v is True for v in values):
        return True
    return None if any(v is None for v in values) else False


def at(column: Column, i: int) -> Value:
    return column[i] if i >= 0 else None


def _numbers(make: Callable[..., Any]) -> Callable[..., Value]:
    """An operator that is missing when an operand is, or when its value is not finite."""

    def run(columns: Sequence[Column], i: int, n: int) -> Value:
        values = [column[i] for column in columns]
        if any(v is None for v in values):
            return None
        result = make(*values)
        if isinstance(result, float) and (result != result or abs(result) == float("inf")):
            return None
        return result

    return run


def _divide(a: float, b: float) -> float:
    return float("nan") if b == 0 else a / b


def _over_window(reduce: Callable[[list[Any]], Any]) -> Callable[..., Value]:
    def run(columns: Sequence[Column], i: int, n: int) -> Value:
        values = window(columns[0], i, n)
        return None if values is None or None in values else reduce(values)

    return run


def _added(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


def _cross_above(columns: Sequence[Column], i: int, n: int) -> Value:
    a, b = columns
    four = [at(a, i - 1), at(b, i - 1), a[i], b[i]]
    if None in four:
        return None
    return four[0] <= four[1] and four[2] > four[3]


def _cross_below(columns: Sequence[Column], i: int, n: int) -> Value:
    return _cross_above([columns[1], columns[0]], i, n)


def _near(columns: Sequence[Column], i: int, n: int) -> Value:
    a, b, t = (column[i] for column in columns)
    if a is None or b is None or t is None or t < 0:
        return None
    return abs(a - b) <= t


def _near_pct(columns: Sequence[Column], i: int, n: int) -> Value:
    a, b, f = (column[i] for column in columns)
    if a is None or b is None or f is None or b == 0:
        return None
    return abs(a - b) <= f * abs(b)


def _within(columns: Sequence[Column], i: int, n: int) -> Value:
    return kleene_or([at(columns[0], k) for k in range(i - n + 1, i + 1)])


def _held(columns: Sequence[Column], i: int, n: int) -> Value:
    return kleene_and([at(columns[0], k) for k in range(i - n + 1, i + 1)])


def _count(columns: Sequence[Column], i: int, n: int) -> Value:
    values = window(columns[0], i, n)
    return None if values is None or None in values else float(sum(v is True for v in values))


def _changed(columns: Sequence[Column], i: int, n: int) -> Value:
    x, before = columns[0][i], at(columns[0], i - 1)
    return None if x is None or before is None else x != before


def _steps(sign: int) -> Callable[..., Value]:
    def run(columns: Sequence[Column], i: int, n: int) -> Value:
        values = window(columns[0], i, n + 1)
        if values is None or None in values:
            return None
        return all((b - a) * sign > 0 for a, b in pairwise(values))

    return run


def _last_true(column: Column, i: int) -> int | None:
    return next((k for k in range(i, -1, -1) if column[k] is True), None)


def _bars_since(columns: Sequence[Column], i: int, n: int) -> Value:
    last = _last_true(columns[0], i)
    return None if last is None else float(i - last)


def _since(columns: Sequence[Column], i: int, n: int) -> Value:
    last = _last_true(columns[1], i)
    return None if last is None else any(columns[0][k] is True for k in range(last + 1, i + 1))


def _value_when(columns: Sequence[Column], i: int, n: int) -> Value:
    last = _last_true(columns[0], i)
    return None if last is None else columns[1][last]


def _if(columns: Sequence[Column], i: int, n: int) -> Value:
    condition, a, b = (column[i] for column in columns)
    return None if condition is None else a if condition else b


def _first_known(columns: Sequence[Column], i: int, n: int) -> Value:
    return next((column[i] for column in columns if column[i] is not None), None)


def _not(columns: Sequence[Column], i: int, n: int) -> Value:
    value = columns[0][i]
    return None if value is None else not value


FUNCTIONS: dict[str, Callable[[Sequence[Column], int, int], Value]] = {
    "add": _numbers(lambda a, b: a + b),
    "sub": _numbers(lambda a, b: a - b),
    "mul": _numbers(lambda a, b: a * b),
    "div": _numbers(_divide),
    "neg": _numbers(lambda a: -a),
    "abs": _numbers(abs),
    "min": _numbers(min),
    "max": _numbers(max),
    "lt": _numbers(lambda a, b: a < b),
    "le": _numbers(lambda a, b: a <= b),
    "gt": _numbers(lambda a, b: a > b),
    "ge": _numbers(lambda a, b: a >= b),
    "eq": _numbers(lambda a, b: a == b),
    "ne": _numbers(lambda a, b: a != b),
    "highest": _over_window(max),
    "lowest": _over_window(min),
    "sum": _over_window(_added),
    "avg": _over_window(lambda values: _added(values) / len(values)),
    "and": lambda columns, i, n: kleene_and([column[i] for column in columns]),
    "or": lambda columns, i, n: kleene_or([column[i] for column in columns]),
    "not": _not,
    "cross_above": _cross_above,
    "cross_below": _cross_below,
    "near": _near,
    "near_pct": _near_pct,
    "within": _within,
    "held": _held,
    "count": _count,
    "changed": _changed,
    "rising": _steps(1),
    "falling": _steps(-1),
    "bars_since": _bars_since,
    "since": _since,
    "value_when": _value_when,
    "if": _if,
    "coalesce": _first_known,
    "defined": lambda columns, i, n: columns[0][i] is not None,
    "lookback": lambda columns, i, n: at(columns[0], i - n),
}
