"""Windows and memory: functions that know earlier bars, each in constant work per bar.

One kernel for each kind of operand. A kernel advances a state over the bars ``[lo, hi)`` of the
columns ``F`` float64[rows, width] and ``T`` uint8[rows, width] (0 false, 1 null, 2 true); an
all-zero state is a fresh start, before which everything is missing. Any split of the bars gives
the same bits. What each function means stands in :class:`engine.play.ast.Call`.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from engine.features.program import Floats, Truths
from engine.indicators import extremes, windows
from engine.indicators.windows import DIRECT_MAX
from engine.jit import njit

State = npt.NDArray[np.float64]


class Memory(IntEnum):
    """What is remembered; N numbers, T truth values."""

    # T -> T over n bars
    WITHIN = 0
    HELD = 1
    # T -> N over n bars
    COUNT = 2
    # T -> N; T, T -> T
    BARS_SINCE = 3
    SINCE = 4
    # T, N -> N; T, T -> T
    VALUE_WHEN = 5
    VALUE_WHEN_TRUTH = 6
    # N -> N over n bars
    HIGHEST = 7
    LOWEST = 8
    AVG = 9
    SUM = 10


#: Those whose result is a truth value.
TRUTHS = frozenset({Memory.WITHIN, Memory.HELD, Memory.SINCE, Memory.VALUE_WHEN_TRUTH})
#: Those over a window of numbers.
NUMBER_WINDOWS = frozenset({Memory.HIGHEST, Memory.LOWEST, Memory.AVG, Memory.SUM})

_COUNT_HEAD = 4
_NEVER = 1e18


def state_cells(kind: Memory, n: int) -> int:
    """float64 cells of the state of ``kind`` over ``n`` bars."""
    if kind is Memory.COUNT:
        return _COUNT_HEAD + n
    if kind in (Memory.HIGHEST, Memory.LOWEST):
        return int(extremes.extreme_cells(n))
    if kind is Memory.AVG:
        return int(windows.moment_cells(n))
    if kind is Memory.SUM:
        return n if n <= DIRECT_MAX else 2 + 2 * n
    return 3


@njit(cache=True, error_model="numpy")
def remember_truths(
    kind: int, n: int, s: State, F: Floats, T: Truths, p: int, q: int, out: int, lo: int, hi: int
) -> None:
    """The kinds up to VALUE_WHEN_TRUTH; ``p`` is the row of the condition, ``q`` of the second
    operand."""
    if kind == Memory.WITHIN or kind == Memory.HELD:
        # Kleene's or is true with one true, his and false with one false; else null with a null.
        decisive = np.uint8(2) if kind == Memory.WITHIN else np.uint8(0)
        if s[0] == 0.0:
            s[0], s[1], s[2] = 1.0, _NEVER, 0.0
        since_decisive, since_null = s[1], s[2]
        for i in range(lo, hi):
            e = T[p, i]
            since_decisive = 0.0 if e == decisive else since_decisive + 1.0
            since_null = 0.0 if e == 1 else since_null + 1.0
            if since_decisive < n:
                T[out, i] = decisive
            elif since_null < n:
                T[out, i] = 1
            else:
                T[out, i] = np.uint8(2) - decisive
        s[1], s[2] = since_decisive, since_null
    elif kind == Memory.COUNT:
        # A ring of the last n truths; the bars before history are null.
        if s[0] == 0.0:
            s[0], s[1], s[2], s[3] = 1.0, 0.0, 0.0, 0.0
            for j in range(n):
                s[_COUNT_HEAD + j] = 1.0
        since_null, trues, place = s[1], s[2], int(s[3])
        for i in range(lo, hi):
            e = T[p, i]
            trues += (e == 2) - (s[_COUNT_HEAD + place] == 2.0)
            s[_COUNT_HEAD + place] = e
            place = 0 if place + 1 == n else place + 1
            since_null = 0.0 if e == 1 else since_null + 1.0
            F[out, i] = trues if since_null >= n else math.nan
        s[1], s[2], s[3] = since_null, trues, place
    elif kind == Memory.BARS_SINCE:
        age = s[1] if s[0] == 1.0 else math.nan
        for i in range(lo, hi):
            age = 0.0 if T[p, i] == 2 else age + 1.0
            F[out, i] = age
        s[0], s[1] = 1.0, age
    elif kind == Memory.SINCE:
        first = s[1] if s[0] == 1.0 else _NEVER
        second = s[2] if s[0] == 1.0 else math.nan
        for i in range(lo, hi):
            first = 0.0 if T[p, i] == 2 else first + 1.0
            second = 0.0 if T[q, i] == 2 else second + 1.0
            T[out, i] = 1 if second != second else np.uint8(2) * (first < second)
        s[0], s[1], s[2] = 1.0, first, second
    elif kind == Memory.VALUE_WHEN:
        value = s[1] if s[0] == 1.0 else math.nan
        for i in range(lo, hi):
            value = F[q, i] if T[p, i] == 2 else value
            F[out, i] = value
        s[0], s[1] = 1.0, value
    else:
        truth = np.uint8(s[1]) if s[0] == 1.0 else np.uint8(1)
        for i in range(lo, hi):
            truth = T[q, i] if T[p, i] == 2 else truth
            T[out, i] = truth
        s[0], s[1] = 1.0, truth


@njit(cache=True, error_model="numpy")
def _sum(x: Floats, y: Floats, n: int, s: State, i0: int) -> None:
    """Short windows anew, oldest first; long ones as the end of the last block of ``n`` bars and
    the beginning of the current one, blocks anchored to the absolute bar index."""
    if n <= DIRECT_MAX:
        w = windows.with_history(x, len(x), n, s, 0)
        for i in range(len(x)):
            total = w[i]
            for j in range(1, n):
                total += w[i + j]
            y[i] = total
        return
    if s[0] == 0.0:
        s[0] = 1.0
        for j in range(1, 2 + 2 * n):
            s[j] = math.nan
    total = s[1]
    for i in range(len(x)):
        place = (i0 + i) % n
        if place == 0:
            tail = 0.0
            for j in range(n):
                tail += s[2 + n - 1 - j]
                s[2 + n + n - 1 - j] = tail
            total = 0.0
        s[2 + place] = x[i]
        total += x[i]
        y[i] = total if place + 1 == n else s[2 + n + place + 1] + total
    s[1] = total


@njit(cache=True, error_model="numpy")
def remember_numbers(
    kind: int, n: int, s: State, F: Floats, p: int, out: int, lo: int, hi: int, i0: int
) -> None:
    """The windows over numbers of row ``p``; ``i0`` is the absolute index of bar ``lo``."""
    x, y = F[p, lo:hi], F[out, lo:hi]
    if kind == Memory.HIGHEST:
        extremes.highest(x, hi - lo, y, n, s, 0, i0)
    elif kind == Memory.LOWEST:
        extremes.lowest(x, hi - lo, y, n, s, 0, i0)
    elif kind == Memory.AVG:
        windows.mean(x, hi - lo, y, n, s, 0, i0)
    else:
        _sum(x, y, n, s, i0)
    for i in range(len(y)):
        y[i] = y[i] if y[i] - y[i] == 0.0 else math.nan
