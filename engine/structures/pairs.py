"""Pairs of pivots: the one rule by which successive pivots become legs and waves.

One pivot is pending. An opposite pivot completes a pair with it (low then high is up) and is the
pending one from then on; a newcomer of the same kind replaces the pending pivot only if it is
more extreme. Of two pivots on one bar the high comes first. The swing, the trend and the
structures built on legs all follow this rule, each from the swing's events, so that none loses
the first of two pairs completed on one bar.
"""

from __future__ import annotations

from engine.indicators.spec import Vector
from engine.jit import njit

#: Kinds of a pivot; the sign makes a low the mirror of a high.
HIGH, LOW = 1.0, -1.0

#: State cells from ``k``: kind of the pending pivot (0 none), its level and bar, then level and
#: bar of the pivot the last completed pair began with.
PENDING, LEVEL, BAR, START_LEVEL, START_BAR = 0, 1, 2, 3, 4
PAIR_CELLS = 5


@njit(cache=True, error_model="numpy")
def completes(s: Vector, k: int, kind: float, level: float, bar: float) -> bool:
    """Takes a pivot; True when it completes a pair, which began at the START cells."""
    pending = s[k + PENDING]
    if pending == kind and kind * level <= kind * s[k + LEVEL]:
        return False
    if pending == -kind:
        s[k + START_LEVEL] = s[k + LEVEL]
        s[k + START_BAR] = s[k + BAR]
    s[k + PENDING] = kind
    s[k + LEVEL] = level
    s[k + BAR] = bar
    return bool(pending == -kind)
