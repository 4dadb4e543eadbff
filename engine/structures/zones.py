"""The one lifecycle of all zones.

A zone is a band ``lower < upper`` on one side: up (demand, price comes from above) or down
(supply). Its near edge is the one price meets first, its far edge the other. On every bar after
the one it was born on:

1. *touched*: the bar reaches the near edge. The first touch takes it from fresh to touched;
   ``touches`` counts visits, bars that touch after one that did not. ``fill_pct`` is how deep it
   has been entered, in percent of its width.
2. *mitigated*: it has been entered by the fraction its detector states (0: at the first touch).
3. *broken*: the close lies strictly beyond the far edge, by more than its tolerance. Final.
4. expired: it is more than ``max_age`` bars old (0: never). Final.

Fresh, touched and mitigated zones are live. Then births of the bar follow; of the live zones of
a side the ``keep`` newest stay. A birth needs finite bounds and ``upper > lower`` (M8), else it
changes nothing, version included. A missing bar only ages zones. The events of a side are true on
the bar on which any of its zones is born, touched for the first time, mitigated or broken.

State cells from ``k``: the head (version, events, counts), then ``keep`` slots of the up side,
newest first, then of the down side.
"""

from __future__ import annotations

import math
from decimal import Decimal

from numba.extending import register_jitable

from engine.indicators.spec import Block, OutputSpec, ParamSpec, Rows, Vector
from engine.jit import njit
from engine.structures.identity import identity
from engine.structures.spec import bools, enum, events, floats, ints

UP_SIDE, DOWN_SIDE = 0, 1

#: Most live zones of one side.
KEEP_MAX = 20

STATES = ("fresh", "touched", "mitigated")
_FRESH, _TOUCHED, _MITIGATED = 0.0, 1.0, 2.0

#: Cells of the head: zones born so far; the four events of each side; live zones of each side.
VERSION, EVENTS, COUNTS = 0, 1, 9
BORN, TOUCH, MITIGATE, BREAK = range(4)
_HEAD = 11

#: Cells of a slot. ``LEVEL`` is the price it is built on, ``HALF`` for its detector's use.
BORN_BAR, ID, LOWER, UPPER, STATE, TOUCHES, INSIDE, DEPTH, TOLERANCE, LEVEL, HALF = range(11)
_SLOT = 11

#: Never mitigated by being entered.
NEVER = math.inf

#: Outputs of one zone, without ``live``.
_FIELDS = 7


@register_jitable
def zone_cells(keep: float) -> int:
    """State cells of the zones of a structure."""
    return _HEAD + 2 * int(keep) * _SLOT


@register_jitable
def slot_at(k: int, keep: int, side: int, place: int) -> int:
    """First cell of a slot; ``place`` 0 is the newest zone of the side."""
    return k + _HEAD + (side * keep + place) * _SLOT


@njit(cache=True, error_model="numpy")
def clear_events(s: Vector, k: int) -> None:
    for j in range(8):
        s[k + EVENTS + j] = 0.0


@njit(cache=True, error_model="numpy")
def raise_event(s: Vector, k: int, side: int, event: int) -> None:
    s[k + EVENTS + 4 * side + event] = 1.0


@njit(cache=True, error_model="numpy")
def mitigate(s: Vector, k: int, side: int, z: int) -> None:
    """Takes a zone to mitigated, past touched when it was fresh."""
    if s[z + STATE] == _FRESH:
        raise_event(s, k, side, TOUCH)
    if s[z + STATE] != _MITIGATED:
        s[z + STATE] = _MITIGATED
        raise_event(s, k, side, MITIGATE)


@njit(cache=True, error_model="numpy")
def is_mitigated(s: Vector, z: int) -> bool:
    return bool(s[z + STATE] == _MITIGATED)


@njit(cache=True, error_model="numpy")
def _enter(
    s: Vector, k: int, side: int, z: int, depth: float, mitigated_at: float, visits: bool
) -> None:
    """A bar entered the zone by ``depth`` (0: it met the edge). Depths that differ by rounding
    alone are equal: the margin is far below one tick."""
    if s[z + INSIDE] == 0.0 and visits:
        s[z + TOUCHES] += 1.0
    s[z + INSIDE] = 1.0
    width = s[z + UPPER] - s[z + LOWER]
    s[z + DEPTH] = min(width, max(depth, s[z + DEPTH]))
    if s[z + STATE] == _FRESH:
        s[z + STATE] = _TOUCHED
        raise_event(s, k, side, TOUCH)
    margin = 1e-12 * (abs(s[z + UPPER]) + abs(s[z + LOWER]))
    if s[z + DEPTH] >= mitigated_at * width - margin:
        mitigate(s, k, side, z)


@njit(cache=True, error_model="numpy")
def _beyond(s: Vector, z: int, side: int, close: float) -> bool:
    """Whether a close lies beyond the far edge by more than the tolerance."""
    if side == UP_SIDE:
        return bool(close < s[z + LOWER] - s[z + TOLERANCE])
    return bool(close > s[z + UPPER] + s[z + TOLERANCE])


@njit(cache=True, error_model="numpy")
def advance(
    s: Vector,
    k: int,
    keep: int,
    high: float,
    low: float,
    close: float,
    bar: float,
    mitigated_at: float,
    max_age: float,
    visits: bool,
) -> None:
    """Moves the live zones on by one bar. Its prices are all present or all missing; ``visits``
    False leaves the touches to the detector."""
    for side in range(2):
        kept = 0
        for place in range(int(s[k + COUNTS + side])):
            z = slot_at(k, keep, side, place)
            depth = s[z + UPPER] - low if side == UP_SIDE else high - s[z + LOWER]
            if depth >= 0.0:
                _enter(s, k, side, z, depth, mitigated_at, visits)
            elif depth < 0.0:
                s[z + INSIDE] = 0.0
            if _beyond(s, z, side, close):
                raise_event(s, k, side, BREAK)
                continue
            if 0.0 < max_age < bar - s[z + BORN_BAR]:
                continue
            to = slot_at(k, keep, side, kept)
            if to != z:
                for j in range(_SLOT):
                    s[to + j] = s[z + j]
            kept += 1
        s[k + COUNTS + side] = kept


@njit(cache=True, error_model="numpy")
def give_birth(
    s: Vector,
    k: int,
    keep: int,
    side: int,
    lower: float,
    upper: float,
    key: float,
    version: float,
    level: float,
    bar: float,
) -> bool:
    """A new zone, the newest of its side; False, and nothing changed, unless its bounds are
    finite and ``upper > lower``. ``version`` is the one the source has on this bar (M9)."""
    finite = upper - lower < math.inf and level - level == 0.0 and version - version == 0.0
    if not (finite and upper - lower > 0.0):
        return False
    count = min(int(s[k + COUNTS + side]), keep - 1)
    for place in range(count, 0, -1):
        z, to = slot_at(k, keep, side, place - 1), slot_at(k, keep, side, place)
        for j in range(_SLOT):
            s[to + j] = s[z + j]
    z = slot_at(k, keep, side, 0)
    for j in range(_SLOT):
        s[z + j] = 0.0
    s[z + BORN_BAR] = bar
    s[z + ID] = identity(key, version, level)
    s[z + LOWER] = lower
    s[z + UPPER] = upper
    s[z + LEVEL] = level
    s[k + COUNTS + side] = count + 1
    s[k + VERSION] += 1.0
    raise_event(s, k, side, BORN)
    return True


@njit(cache=True, error_model="numpy")
def nearest(s: Vector, k: int, keep: int, side: int, close: float) -> int:
    """Place of the live zone of a side nearest to the close, the newest of equals; -1: none."""
    best = -1
    least = math.inf
    for place in range(int(s[k + COUNTS + side])):
        z = slot_at(k, keep, side, place)
        away = max(0.0, s[z + LOWER] - close, close - s[z + UPPER])
        if close == close and away < least:
            least = away
            best = place
    return best


@njit(cache=True, error_model="numpy")
def _emit_zone(
    s: Vector, z: int, live: bool, F: Block, i: int, outs: Rows, row: int, bar: float
) -> None:
    F[outs[row], i] = s[z + LOWER] if live else math.nan
    F[outs[row + 1], i] = s[z + UPPER] if live else math.nan
    F[outs[row + 2], i] = s[z + STATE] if live else math.nan
    F[outs[row + 3], i] = bar - s[z + BORN_BAR] if live else math.nan
    F[outs[row + 4], i] = s[z + TOUCHES] if live else math.nan
    width = s[z + UPPER] - s[z + LOWER]
    F[outs[row + 5], i] = 100.0 * s[z + DEPTH] / width if live else math.nan
    F[outs[row + 6], i] = s[z + ID] if live else math.nan


@njit(cache=True, error_model="numpy")
def emit(
    s: Vector, k: int, keep: int, F: Block, i: int, outs: Rows, close: float, bar: float
) -> int:
    """Writes the outputs of :func:`zone_outputs`; the first row behind them."""
    row = 0
    for side in range(2):
        count = int(s[k + COUNTS + side])
        for place in range(keep):
            z = slot_at(k, keep, side, place)
            _emit_zone(s, z, place < count, F, i, outs, row, bar)
            F[outs[row + _FIELDS], i] = 1.0 if place < count else 0.0
            row += _FIELDS + 1
        close_by = nearest(s, k, keep, side, close)
        z = slot_at(k, keep, side, max(0, close_by))
        _emit_zone(s, z, close_by >= 0, F, i, outs, row, bar)
        F[outs[row + _FIELDS], i] = 1.0 if close_by >= 0 else 0.0
        row += _FIELDS + 1
        F[outs[row], i] = count
        for j in range(4):
            F[outs[row + 1 + j], i] = s[k + EVENTS + 4 * side + j]
        row += 5
    count = int(s[k + COUNTS] + s[k + COUNTS + 1])
    F[outs[row], i] = 1.0 if count > 0 else 0.0
    F[outs[row + 1], i] = count
    F[outs[row + 2], i] = s[k + VERSION]
    return row + 3


@njit(cache=True, error_model="numpy")
def emit_one_side(
    s: Vector, k: int, keep: int, side: int, F: Block, i: int, outs: Rows, row: int, bar: float
) -> None:
    """Writes the outputs of :func:`one_side_outputs` from ``row`` on."""
    live = s[k + COUNTS + side] > 0.0
    _emit_zone(s, slot_at(k, keep, side, 0), live, F, i, outs, row, bar)


def _fields(prefix: str) -> tuple[OutputSpec, ...]:
    return (
        *floats(f"{prefix}lower", f"{prefix}upper"),
        enum(f"{prefix}state", STATES),
        *ints(f"{prefix}age", f"{prefix}touches"),
        *floats(f"{prefix}fill_pct"),
        *ints(f"{prefix}id"),
    )


def zone_outputs(keep: float) -> tuple[OutputSpec, ...]:
    """``up[0]`` (the newest) to ``up[keep - 1]``, ``up.nearest``, ``up.count`` and the events of
    the side, the same of ``down``, then ``live count version`` of both sides together."""
    found: list[OutputSpec] = []
    for side in ("up", "down"):
        for place in range(int(keep)):
            found.extend((*_fields(f"{side}[{place}]."), *bools(f"{side}[{place}].live")))
        found.extend((*_fields(f"{side}.nearest."), *bools(f"{side}.nearest.live")))
        found.extend(ints(f"{side}.count"))
        found.extend(events(*(f"{side}.{e}" for e in ("born", "touched", "mitigated", "broken"))))
    return (*found, *bools("live"), *ints("count", "version"))


def one_side_outputs(keep: float) -> tuple[OutputSpec, ...]:
    """The outputs of a structure with zones on one side: the fields of its newest zone also
    stand by themselves, ``lower upper ...``."""
    return (*zone_outputs(keep), *_fields(""))


def keep_param(default: int) -> ParamSpec:
    """How many live zones a side keeps."""
    return ParamSpec("keep", "int", Decimal(default), Decimal(1), Decimal(KEEP_MAX))
