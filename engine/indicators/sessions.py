"""Days, weeks and months of the calendar in UTC, and the levels they leave: session_levels.

A session is known whole only when history holds its beginning: a bar that opens with it, or any
bar of the session before it. What is known in part is undefined, so that a value never depends on
where history begins.
"""

from __future__ import annotations

import math

from engine.indicators.columns import TILE, load_three, store, tile
from engine.indicators.spec import Block, IndicatorSpec, OutputSpec, Rows, Vector
from engine.jit import njit
from engine.play.ast import Type
from engine.timeframe import DAY_MS, FIRST_MONDAY_MS, WEEK_MS

#: What a session may be, in the order kernels number them.
SESSIONS = ("D", "W", "M")
DAY, WEEK, MONTH = 0, 1, 2

# Cells of a session: whether a bar was seen, its number, whether it is known whole, its highest
# and lowest so far; whether the one before is known whole, its highest and lowest.
_SEEN, _NUMBER, _WHOLE, _HIGH, _LOW, _PAST_WHOLE, _PAST_HIGH, _PAST_LOW = 0, 1, 2, 3, 4, 5, 6, 7
_SESSION_CELLS = 8


@njit(cache=True, error_model="numpy")
def _month(day: int) -> tuple[int, int]:
    """Months since the year 0 and the day of the month from 0, of a day since 1970-01-01.

    H. Hinnant, civil_from_days: years begin in March, in eras of 400 years.
    """
    shifted = day + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (era * 400 + year) * 12 + month + 2, of_year - (153 * month + 2) // 5


@njit(cache=True, error_model="numpy")
def session_of(open_ms: float, session: int) -> tuple[float, bool]:
    """Number of the day, week (from Monday) or month a bar opens in, and whether it opens it."""
    ms = int(open_ms)
    day = ms // DAY_MS
    midnight = ms == day * DAY_MS
    if session == DAY:
        return float(day), midnight
    if session == WEEK:
        week = (ms - FIRST_MONDAY_MS) // WEEK_MS
        return float(week), ms - FIRST_MONDAY_MS == week * WEEK_MS
    month, of_month = _month(day)
    return float(month), midnight and of_month == 0


@njit(cache=True, error_model="numpy")
def _advance(open_ms: float, high: float, low: float, session: int, s: Vector) -> None:
    number, opens = session_of(open_ms, session)
    if s[_SEEN] > 0.0 and s[_NUMBER] == number:
        s[_HIGH] = max(s[_HIGH], high)
        s[_LOW] = min(s[_LOW], low)
        return
    s[_PAST_WHOLE], s[_PAST_HIGH], s[_PAST_LOW] = s[_WHOLE], s[_HIGH], s[_LOW]
    s[_WHOLE] = 1.0 if s[_SEEN] > 0.0 or opens else 0.0
    s[_SEEN], s[_NUMBER], s[_HIGH], s[_LOW] = 1.0, number, high, low


@njit(cache=True, error_model="numpy", nogil=True)
def session_levels_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """State: the day's cells, the week's."""
    day, week = s[:_SESSION_CELLS], s[_SESSION_CELLS:]
    high = tile(hi - lo)
    low = tile(hi - lo)
    time = tile(hi - lo)
    x = tile(hi - lo)
    y = tile(hi - lo)
    u = tile(hi - lo)
    v = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load_three(F, ins, start, n, high, low, time)
        for i in range(n):
            top, bottom, moment = high[i], low[i], time[i]
            x[i] = y[i] = u[i] = v[i] = high[i] = low[i] = math.nan
            if top + bottom + moment != top + bottom + moment:
                continue
            _advance(moment, top, bottom, DAY, day)
            _advance(moment, top, bottom, WEEK, week)
            if day[_PAST_WHOLE] > 0.0:
                x[i], y[i] = day[_PAST_HIGH], day[_PAST_LOW]
            if day[_WHOLE] > 0.0:
                u[i], v[i] = day[_HIGH], day[_LOW]
            if week[_PAST_WHOLE] > 0.0:
                high[i], low[i] = week[_PAST_HIGH], week[_PAST_LOW]
        store(F, outs[0], start, n, x)
        store(F, outs[1], start, n, y)
        store(F, outs[2], start, n, u)
        store(F, outs[3], start, n, v)
        store(F, outs[4], start, n, high)
        store(F, outs[5], start, n, low)


def _level(name: str, undefined: str) -> OutputSpec:
    return OutputSpec(name, Type.FLOAT, undefined=undefined)


_BEFORE_DAY = "until a day has begun in history"
_BEFORE_PAST_DAY = "until a whole day lies in history"
_BEFORE_PAST_WEEK = "until a whole week lies in history"

SPECS = (
    IndicatorSpec(
        name="session_levels",
        summary="Highest and lowest of the last day that traded, of the current day so far, this "
        "bar included, and of the last week; days and weeks (from Monday) in UTC.",
        formula="highest high and lowest low of the bars that open in the day or week",
        source="the calendar of UTC",
        inputs=("high", "low", "open_ms"),
        params=(),
        outputs=(
            _level("prev_day_high", _BEFORE_PAST_DAY),
            _level("prev_day_low", _BEFORE_PAST_DAY),
            _level("current_day_high", _BEFORE_DAY),
            _level("current_day_low", _BEFORE_DAY),
            _level("prev_week_high", _BEFORE_PAST_WEEK),
            _level("prev_week_low", _BEFORE_PAST_WEEK),
        ),
        kernel=session_levels_kernel,
        state_size=lambda p: 2 * _SESSION_CELLS,
        first_valid=lambda p: 0,
        warmup_bars=lambda p, w: 1,
        warmup_ms=lambda p: 2 * WEEK_MS,
    ),
)
