"""What hangs on the open position: its program, carried out at one clock close at a time.

The columns and instructions are those of :mod:`engine.features.program`; here they may also be
windows and memory, which read the columns themselves: n steps for a window of n bars, one for
memory without end. Nothing is allocated, so the exchange may call it.

Numbered invariant: at every clock close before a position's first one, each of its fields is what
it is while flat (missing; the side ``none``), whatever was held then. So at the first close what is
read back of those bars is copied from nodes that know no position (:data:`BEGIN`,
:data:`BEGIN_TRUTH`).
"""

from __future__ import annotations

import math

from engine.features.memory import Memory
from engine.features.program import Code, Floats, Truths, evaluate
from engine.jit import njit

#: Copy ``n`` bars before a position's first close: destination, source; numbers and truth values.
BEGIN, BEGIN_TRUTH = 98, 99
#: The operation of a :class:`Memory` is this and its number.
MEMORY = 100


@njit(cache=True, error_model="numpy")
def _truth_window(op: int, T: Truths, p: int, n: int, at: int) -> int:
    """Kleene's or (``within``), his and (``held``) of the last ``n`` truths of row ``p``."""
    decisive = 2 if op == MEMORY + Memory.WITHIN else 0
    unknown = False
    for i in range(at + 1 - n, at + 1):
        if T[p, i] == decisive:
            return decisive
        unknown |= T[p, i] == 1
    return 1 if unknown else 2 - decisive


@njit(cache=True, error_model="numpy")
def _trues(T: Truths, p: int, n: int, at: int) -> float:
    """How many of the last ``n`` truths of row ``p`` are true; missing if one is null."""
    found = 0.0
    for i in range(at + 1 - n, at + 1):
        if T[p, i] == 1:
            return math.nan
        found += T[p, i] == 2
    return found


@njit(cache=True, error_model="numpy")
def _number_window(op: int, F: Floats, p: int, n: int, at: int) -> float:
    """Highest, lowest, sum or mean of the last ``n`` numbers of row ``p``, oldest first; missing if
    one is. The mean is taken of differences to the newest, so that of equal numbers is exact."""
    newest = float(F[p, at])
    about = newest if op == MEMORY + Memory.AVG else 0.0
    best, total = float(F[p, at + 1 - n]), 0.0
    for i in range(at + 1 - n, at + 1):
        x = float(F[p, i])
        if x != x:
            return math.nan
        if op == MEMORY + Memory.HIGHEST:
            best = max(best, x)
        elif op == MEMORY + Memory.LOWEST:
            best = min(best, x)
        else:
            total += x - about
    if op == MEMORY + Memory.HIGHEST or op == MEMORY + Memory.LOWEST:
        return best
    if op == MEMORY + Memory.AVG:
        total = newest + total / n
    return total if total - total == 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def _remember(op: int, F: Floats, T: Truths, dst: int, p: int, q: int, n: int, at: int) -> None:
    """Windows and memory at ``at``; what has no end goes on from its own value a bar ago."""
    if op == MEMORY + Memory.WITHIN or op == MEMORY + Memory.HELD:
        T[dst, at] = _truth_window(op, T, p, n, at)
    elif op == MEMORY + Memory.COUNT:
        F[dst, at] = _trues(T, p, n, at)
    elif op == MEMORY + Memory.BARS_SINCE:
        F[dst, at] = 0.0 if T[p, at] == 2 else F[dst, at - 1] + 1.0
    elif op == MEMORY + Memory.VALUE_WHEN:
        F[dst, at] = F[q, at] if T[p, at] == 2 else F[dst, at - 1]
    elif op == MEMORY + Memory.VALUE_WHEN_TRUTH:
        T[dst, at] = T[q, at] if T[p, at] == 2 else T[dst, at - 1]
    else:
        F[dst, at] = _number_window(op, F, p, n, at)


@njit(cache=True, error_model="numpy")
def evaluate_late(code: Code, F: Floats, T: Truths, at: int, first: bool) -> None:
    """Carry out ``code`` at clock close ``at``; ``first``: the position's first one."""
    k, size = 0, len(code)
    while k < size:
        op, dst, p, q, n = code[k, 0], code[k, 1], code[k, 2], code[k, 3], code[k, 4]
        end = k + 1
        if op < BEGIN:
            while end < size and code[end, 0] < BEGIN:
                end += 1
            evaluate(code[k:end], F, T, at, at + 1)
        elif op >= MEMORY:
            _remember(op, F, T, dst, p, q, n, at)
        elif first and op == BEGIN:
            for i in range(at - n, at):
                F[dst, i] = F[p, i]
        elif first:
            for i in range(at - n, at):
                T[dst, i] = T[p, i]
        k = end
