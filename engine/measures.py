"""What is read of a clock close beside the rules: prices and distances of the play.

``measures`` is float64[len(Measure), m] in USDT (truth values for ``CANCEL``), one column for each
clock close; each row is taken times ``scales[0]`` plus ``scales[1]`` (offsets).
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

from engine.kernel import kernel
from engine.play.ast import Expr
from engine.play.model import MAX_TARGETS, Play, Sided, Stop, Target


class Measure(IntEnum):
    """Rows of the measures, apart for each side where a play may state both."""

    PRICE_LONG = 0  # limit price, or trigger
    PRICE_SHORT = 1
    LIMIT_LONG = 2  # limit price of a stop-limit
    LIMIT_SHORT = 3
    CANCEL_LONG = 4
    CANCEL_SHORT = 5
    TRAIL = 6
    STOP_LONG = 7  # distance, or level
    STOP_SHORT = 8
    TARGET_LONG = 9
    TARGET_SHORT = 14
    COUNT = 19


assert Measure.TARGET_SHORT == Measure.TARGET_LONG + MAX_TARGETS
UNKNOWN = -1
#: Largest price or distance taken over from a float, 1e-8 USDT.
_FAR_E8 = 4.0e17


@kernel
def measure_e8(measures: Any, scales: Any, row: int, j: int) -> int:
    """Row ``row`` at clock close ``j`` in whole 1e-8 USDT, the nearest; ``UNKNOWN`` when it is
    missing, negative or absurd."""
    value = (measures[row, j] * scales[0, row] + scales[1, row]) * 1e8
    if not (0.0 <= value < _FAR_E8):
        return UNKNOWN
    nearest: int = math.floor(value + 0.5)
    return nearest


def measured(play: Play) -> dict[int, Expr]:
    """The expression behind each row of the measures that ``play`` states, by row."""
    found: dict[int, Expr | None] = {}

    def sided(long: int, short: int, both: Sided | None) -> None:
        if both is not None:
            found[long], found[short] = both.long, both.short

    sided(Measure.PRICE_LONG, Measure.PRICE_SHORT, play.entry.price)
    sided(Measure.LIMIT_LONG, Measure.LIMIT_SHORT, play.entry.limit)
    sided(Measure.CANCEL_LONG, Measure.CANCEL_SHORT, play.entry.cancel_when)
    if play.risk.trail is not None:
        found[Measure.TRAIL] = play.risk.trail.of
    parts: list[tuple[int, int, Stop | Target]] = [
        (Measure.STOP_LONG, Measure.STOP_SHORT, play.risk.stop)
    ]
    for k, target in enumerate(play.risk.targets):
        parts.append((Measure.TARGET_LONG + k, Measure.TARGET_SHORT + k, target))
    for long, short, part in parts:
        if part.kind == "atr":
            found[long] = found[short] = part.of
        else:
            sided(long, short, part.level)
    return {row: expr for row, expr in sorted(found.items()) if expr is not None}
