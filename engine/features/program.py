"""The compiled evaluator: a program of expression nodes over a range of bars.

One evaluator serves every play. Numbers stand in ``F`` float64[rows, width] (missing is NaN),
truth values in ``T`` uint8[rows, width] (0 false, 1 null, 2 true; and = min, or = max,
not = 2 - x). Each instruction is one row of ``code``: the operation, the row it writes, two rows
it reads, and a count of bars or the third row it reads; it is carried out over the bars
``[lo, hi)`` before the next.
Reading ``n`` bars back reads the columns before ``lo``: history stands there.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.jit import njit
from engine.search import first_above

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.uint8]
Code = npt.NDArray[np.int64]

FALSE, NULL, TRUE = 0, 1, 2


class Op(IntEnum):
    """Operations; what each reads and writes: N numbers, T truth values."""

    # N, N -> N; not finite is missing
    ADD = 0
    SUB = 1
    MUL = 2
    DIV = 3
    # N -> N
    NEG = 4
    ABS = 5
    # N, N -> N; null if either is missing
    MIN = 6
    MAX = 7
    # N, N -> N: the first unless it is missing
    COALESCE = 8
    # N, N -> T; null if either is missing
    LT = 10
    LE = 11
    GT = 12
    GE = 13
    EQ = 14
    NE = 15
    # T, T -> T (Kleene)
    AND = 20
    OR = 21
    # T -> T
    NOT = 22
    # T, T -> T; null if either is null
    SAME = 23
    DIFFERENT = 24
    # T, T -> T: the first unless it is null
    COALESCE_TRUTH = 25
    # N, N -> T; reads one bar back, null if any of the four is missing
    CROSS_ABOVE = 30
    CROSS_BELOW = 31
    # n bars back; null beyond history
    LOOKBACK = 40
    LOOKBACK_TRUTH = 41
    # N -> T and T -> T; reads one bar back, null if either is missing
    CHANGED = 42
    CHANGED_TRUTH = 43
    # N -> T: an indicator's 0 or 1
    TRUTH = 50
    # N -> T and T -> T: whether it is there
    DEFINED = 51
    DEFINED_TRUTH = 52
    # N, N, N -> T: |a - b| <= t (null if t < 0), |a - b| <= f * |b| (null if b is 0)
    NEAR = 60
    NEAR_PCT = 61
    # T, N, N -> N and T, T, T -> T: the second where the first is true, the third where false
    IF = 62
    IF_TRUTH = 63


#: Operations whose result is a truth value.
TRUTH_OPS = frozenset(
    {
        Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ, Op.NE, Op.AND, Op.OR, Op.NOT, Op.SAME, Op.DIFFERENT,
        Op.COALESCE_TRUTH, Op.CROSS_ABOVE, Op.CROSS_BELOW, Op.LOOKBACK_TRUTH, Op.CHANGED,
        Op.CHANGED_TRUTH, Op.TRUTH, Op.DEFINED, Op.DEFINED_TRUTH, Op.NEAR, Op.NEAR_PCT, Op.IF_TRUTH,
    }
)  # fmt: skip
#: Operations that read a third row, where others have a count of bars.
THREE_OPERANDS = frozenset({Op.NEAR, Op.NEAR_PCT, Op.IF, Op.IF_TRUTH})
#: Cells of one instruction: operation, destination, two operands, bars or third operand.
CODE_WIDTH = 5


@njit(cache=True, error_model="numpy")
def _arithmetic(op: int, a: Floats, b: Floats, out: Floats) -> None:
    n = len(out)
    if op == Op.ADD:
        for i in range(n):
            out[i] = a[i] + b[i]
    elif op == Op.SUB:
        for i in range(n):
            out[i] = a[i] - b[i]
    elif op == Op.MUL:
        for i in range(n):
            out[i] = a[i] * b[i]
    elif op == Op.DIV:
        for i in range(n):
            out[i] = a[i] / b[i]
    elif op == Op.NEG:
        for i in range(n):
            out[i] = -a[i]
    elif op == Op.ABS:
        for i in range(n):
            out[i] = abs(a[i])
    elif op == Op.MIN:
        for i in range(n):
            out[i] = a[i] if a[i] < b[i] or a[i] != a[i] else b[i]
    elif op == Op.MAX:
        for i in range(n):
            out[i] = a[i] if a[i] > b[i] or a[i] != a[i] else b[i]
    else:
        for i in range(n):
            out[i] = a[i] if a[i] == a[i] else b[i]
    for i in range(n):
        out[i] = out[i] if out[i] - out[i] == 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def _compare(op: int, a: Floats, b: Floats, out: Truths) -> None:
    """``2 * holds`` where both are there, 1 where one is missing (only NaN differs from itself)."""
    n = len(out)
    if op == Op.LT:
        for i in range(n):
            out[i] = np.uint8(2) * (a[i] < b[i]) + ((a[i] != a[i]) | (b[i] != b[i]))
    elif op == Op.LE:
        for i in range(n):
            out[i] = np.uint8(2) * (a[i] <= b[i]) + ((a[i] != a[i]) | (b[i] != b[i]))
    elif op == Op.GT:
        for i in range(n):
            out[i] = np.uint8(2) * (a[i] > b[i]) + ((a[i] != a[i]) | (b[i] != b[i]))
    elif op == Op.GE:
        for i in range(n):
            out[i] = np.uint8(2) * (a[i] >= b[i]) + ((a[i] != a[i]) | (b[i] != b[i]))
    elif op == Op.EQ:
        for i in range(n):
            out[i] = np.uint8(2) * (a[i] == b[i]) + ((a[i] != a[i]) | (b[i] != b[i]))
    else:
        for i in range(n):
            missing = (a[i] != a[i]) | (b[i] != b[i])
            out[i] = 1 if missing else np.uint8(2) * (a[i] != b[i])


@njit(cache=True, error_model="numpy")
def _logic(op: int, a: Truths, b: Truths, out: Truths) -> None:
    n = len(out)
    if op == Op.AND:
        for i in range(n):
            out[i] = min(a[i], b[i])
    elif op == Op.OR:
        for i in range(n):
            out[i] = max(a[i], b[i])
    elif op == Op.NOT:
        for i in range(n):
            out[i] = np.uint8(2) - a[i]
    elif op == Op.SAME:
        for i in range(n):
            out[i] = 1 if a[i] == 1 or b[i] == 1 else np.uint8(2) * (a[i] == b[i])
    elif op == Op.DIFFERENT or op == Op.CHANGED_TRUTH:
        for i in range(n):
            out[i] = 1 if a[i] == 1 or b[i] == 1 else np.uint8(2) * (a[i] != b[i])
    else:
        for i in range(n):
            out[i] = b[i] if a[i] == 1 else a[i]


@njit(cache=True, error_model="numpy")
def _near(op: int, a: Floats, b: Floats, t: Floats, out: Truths) -> None:
    for i in range(len(out)):
        distance = abs(a[i] - b[i])
        most = t[i] if op == Op.NEAR else t[i] * abs(b[i])
        meaningless = t[i] < 0.0 if op == Op.NEAR else b[i] == 0.0
        missing = meaningless or distance != distance or most != most
        out[i] = 1 if missing else np.uint8(2) * (distance <= most)


@njit(cache=True, error_model="numpy")
def _if(c: Truths, a: Floats, b: Floats, out: Floats) -> None:
    for i in range(len(out)):
        chosen = a[i] if c[i] == 2 else b[i]
        out[i] = math.nan if c[i] == 1 else chosen


@njit(cache=True, error_model="numpy")
def _if_truth(c: Truths, a: Truths, b: Truths, out: Truths) -> None:
    for i in range(len(out)):
        chosen = a[i] if c[i] == 2 else b[i]
        out[i] = np.uint8(1) if c[i] == 1 else chosen


@njit(cache=True, error_model="numpy")
def _cross(a: Floats, b: Floats, a_last: Floats, b_last: Floats, out: Truths) -> None:
    """``a`` crosses above ``b``: not above it a bar ago, above it now."""
    for i in range(len(out)):
        missing = (a[i] != a[i]) | (b[i] != b[i])
        missing |= (a_last[i] != a_last[i]) | (b_last[i] != b_last[i])
        crossed = (a_last[i] <= b_last[i]) & (a[i] > b[i])
        out[i] = np.uint8(2) * crossed + missing


@njit(cache=True, error_model="numpy")
def _truth(a: Floats, out: Truths) -> None:
    for i in range(len(out)):
        out[i] = np.uint8(2) * (a[i] > 0.0) + (a[i] != a[i])


@njit(cache=True, error_model="numpy")
def evaluate(code: Code, F: Floats, T: Truths, lo: int, hi: int) -> None:
    """Carry out ``code`` int64[instructions, CODE_WIDTH] over the bars ``[lo, hi)``.

    ``lo`` is at least the largest number of bars any instruction reads back.
    """
    for k in range(len(code)):
        op, dst, p, q, n = code[k, 0], code[k, 1], code[k, 2], code[k, 3], code[k, 4]
        if op <= Op.COALESCE:
            _arithmetic(op, F[p, lo:hi], F[q, lo:hi], F[dst, lo:hi])
        elif op <= Op.NE:
            _compare(op, F[p, lo:hi], F[q, lo:hi], T[dst, lo:hi])
        elif op <= Op.COALESCE_TRUTH:
            _logic(op, T[p, lo:hi], T[q, lo:hi], T[dst, lo:hi])
        elif op == Op.CROSS_ABOVE:
            _cross(
                F[p, lo:hi], F[q, lo:hi], F[p, lo - 1 : hi - 1], F[q, lo - 1 : hi - 1],
                T[dst, lo:hi],
            )  # fmt: skip
        elif op == Op.CROSS_BELOW:
            _cross(
                F[q, lo:hi], F[p, lo:hi], F[q, lo - 1 : hi - 1], F[p, lo - 1 : hi - 1],
                T[dst, lo:hi],
            )  # fmt: skip
        elif op == Op.LOOKBACK:
            source, out = F[p, lo - n : hi - n], F[dst, lo:hi]
            for i in range(hi - lo):
                out[i] = source[i]
        elif op == Op.LOOKBACK_TRUTH:
            before, truth = T[p, lo - n : hi - n], T[dst, lo:hi]
            for i in range(hi - lo):
                truth[i] = before[i]
        elif op == Op.CHANGED:
            _compare(Op.NE, F[p, lo:hi], F[p, lo - 1 : hi - 1], T[dst, lo:hi])
        elif op == Op.CHANGED_TRUTH:
            _logic(op, T[p, lo:hi], T[p, lo - 1 : hi - 1], T[dst, lo:hi])
        elif op == Op.TRUTH:
            _truth(F[p, lo:hi], T[dst, lo:hi])
        elif op == Op.DEFINED:
            number, there = F[p, lo:hi], T[dst, lo:hi]
            for i in range(hi - lo):
                there[i] = np.uint8(2) * (number[i] == number[i])
        elif op == Op.DEFINED_TRUTH:
            asked, known = T[p, lo:hi], T[dst, lo:hi]
            for i in range(hi - lo):
                known[i] = np.uint8(2) * (asked[i] != 1)
        elif op <= Op.NEAR_PCT:
            _near(op, F[p, lo:hi], F[q, lo:hi], F[n, lo:hi], T[dst, lo:hi])
        elif op == Op.IF:
            _if(T[p, lo:hi], F[q, lo:hi], F[n, lo:hi], F[dst, lo:hi])
        else:
            _if_truth(T[p, lo:hi], T[q, lo:hi], T[n, lo:hi], T[dst, lo:hi])


@njit(cache=True)
def hold(
    source_close: npt.NDArray[np.int64],
    source_end: int,
    source: npt.NDArray[np.generic],
    close_ms: npt.NDArray[np.int64],
    out: npt.NDArray[np.generic],
    lo: int,
    hi: int,
) -> None:
    """``out[lo:hi]`` = the value of the last source bar closed at or before each bar's close."""
    at = first_above(source_close, close_ms[lo], 0, source_end) - 1
    for i in range(lo, hi):
        while at + 1 < source_end and source_close[at + 1] <= close_ms[i]:
            at += 1
        out[i] = source[at]


@njit(cache=True)
def pulse(
    source_close: npt.NDArray[np.int64],
    source_end: int,
    source: Truths,
    open_ms: npt.NDArray[np.int64],
    close_ms: npt.NDArray[np.int64],
    out: Truths,
    lo: int,
    hi: int,
) -> None:
    """``out[lo:hi]`` = whether the event fired on a source bar that closed within each bar, that
    is in (open, close]. Without one it did not fire, unless the last one's truth is unknown."""
    at = first_above(source_close, open_ms[lo], 0, source_end) - 1
    for i in range(lo, hi):
        fired = np.uint8(1) if source[at] == 1 else np.uint8(0)
        first = True
        while at + 1 < source_end and source_close[at + 1] <= close_ms[i]:
            at += 1
            fired = source[at] if first else max(fired, source[at])
            first = False
        out[i] = fired


@njit(cache=True)
def rule_columns(
    T: Truths, rows: Code, ends: Code, lo: int, hi: int, truth: Truths, alternative: Any
) -> None:
    """Truth and first true alternative of each rule kind; a kind's rows are those of ``rows`` up
    to ``ends[kind]``, none: false."""
    begin, n = 0, hi - lo
    for kind in range(4):
        out, which = truth[kind], alternative[kind]
        if ends[kind] == begin:
            for i in range(n):
                out[i] = 0
                which[i] = -1
            continue
        row = T[rows[begin], lo:hi]
        for i in range(n):
            out[i] = row[i]
            which[i] = np.int16(row[i] // 2) - np.int16(1)  # only true, 2, is the first one
        for place in range(1, ends[kind] - begin):
            row = T[rows[begin + place], lo:hi]
            for i in range(n):
                if (row[i] == 2) & (out[i] != 2):
                    which[i] = place
                out[i] = max(out[i], row[i])
        begin = ends[kind]
