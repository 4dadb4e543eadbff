"""UTC-millisecond timeframe arithmetic, in integers only (H21).

All times in Lockstep are ``int`` epoch milliseconds, UTC. A bar of a timeframe is named by its
open; it spans the half-open interval ``[open, next_open)`` and closes at ``next_open``.
Weeks start Monday 00:00 UTC, months are calendar months, everything else is a fixed number of
milliseconds counted from the epoch. Naive datetimes are refused: they have no place in time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.errors import TimeError

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
#: 1970-01-01 was a Thursday; the first Monday 00:00 UTC lies four days later.
FIRST_MONDAY_MS = 4 * DAY_MS


class Timeframe(StrEnum):
    """The venue's thirteen bar intervals, by the name plays use for them."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H12 = "12h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"

    @property
    def ms(self) -> int:
        """Length in milliseconds; for ``1mo`` the longest month (31 days), for ordering only."""
        return _MS[self]

    @property
    def is_month(self) -> bool:
        return self is Timeframe.MO1


_MS = {
    Timeframe.M1: MINUTE_MS,
    Timeframe.M3: 3 * MINUTE_MS,
    Timeframe.M5: 5 * MINUTE_MS,
    Timeframe.M15: 15 * MINUTE_MS,
    Timeframe.M30: 30 * MINUTE_MS,
    Timeframe.H1: HOUR_MS,
    Timeframe.H2: 2 * HOUR_MS,
    Timeframe.H4: 4 * HOUR_MS,
    Timeframe.H6: 6 * HOUR_MS,
    Timeframe.H12: 12 * HOUR_MS,
    Timeframe.D1: DAY_MS,
    Timeframe.W1: WEEK_MS,
    Timeframe.MO1: 31 * DAY_MS,
}


def parse_timeframe(name: str) -> Timeframe:
    """The timeframe called ``name`` (exactly: ``1h``, not ``60m`` or ``1H``); else TimeError."""
    try:
        return Timeframe(name)
    except ValueError:
        allowed = ", ".join(t.value for t in Timeframe)
        raise TimeError(
            f"unknown timeframe {name!r}", hint=f"one of {allowed}", code="TIMEFRAME_UNKNOWN"
        ) from None


def _require_int(ms: int) -> None:
    if isinstance(ms, bool) or not isinstance(ms, (int, np.integer)):
        raise TypeError(
            f"a time is an int of epoch milliseconds UTC, not {type(ms).__name__}; "
            "convert an aware datetime with engine.timeframe.from_datetime"
        )


def _month_index(ms: int) -> int:
    """Months since 1970-01 of the calendar month that holds ``ms``."""
    days = ms // DAY_MS
    # Civil-from-days over 400-year eras, in integers (proleptic Gregorian calendar).
    z = days + 719_468
    era = z // 146_097
    day_of_era = z - era * 146_097
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return (year - 1970) * 12 + month - 1


def _month_open_ms(index: int) -> int:
    """Open of the calendar month ``index`` months after 1970-01."""
    year, month0 = 1970 + index // 12, index % 12
    month = month0 + 1
    y = year - 1 if month <= 2 else year
    era = y // 400
    year_of_era = y - era * 400
    shifted = month - 3 if month > 2 else month + 9
    day_of_year = (153 * shifted + 2) // 5
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return (era * 146_097 + day_of_era - 719_468) * DAY_MS


def bar_index(ms: int, timeframe: Timeframe) -> int:
    """Absolute number of the bar that holds the instant ``ms``: the phase of finite windows."""
    _require_int(ms)
    if timeframe is Timeframe.MO1:
        return _month_index(int(ms))
    if timeframe is Timeframe.W1:
        return int((ms - FIRST_MONDAY_MS) // WEEK_MS)
    return int(ms // _MS[timeframe])


def bar_open_ms(index: int, timeframe: Timeframe) -> int:
    """Open of the bar with absolute number ``index``; inverse of :func:`bar_index`."""
    if timeframe is Timeframe.MO1:
        return _month_open_ms(index)
    if timeframe is Timeframe.W1:
        return FIRST_MONDAY_MS + index * WEEK_MS
    return index * _MS[timeframe]


def floor_ms(ms: int, timeframe: Timeframe) -> int:
    """Open of the bar that holds ``ms``; ``ms`` itself when it lies on the grid."""
    return bar_open_ms(bar_index(ms, timeframe), timeframe)


def ceil_ms(ms: int, timeframe: Timeframe) -> int:
    """The first grid point at or after ``ms``: ``ceil(ceil(x)) == ceil(x)`` (H21)."""
    floor = floor_ms(ms, timeframe)
    return floor if floor == ms else next_open_ms(floor, timeframe)


def next_open_ms(open_ms: int, timeframe: Timeframe) -> int:
    """The close of the bar that opens at ``open_ms``: the open of the next one."""
    return bar_open_ms(bar_index(open_ms, timeframe) + 1, timeframe)


def divides(fast: Timeframe, slow: Timeframe) -> bool:
    """Whether every bar of ``slow`` is made of whole bars of ``fast``."""
    if slow is fast:
        return True
    if slow is Timeframe.MO1:
        return fast.ms <= DAY_MS
    if fast is Timeframe.MO1:
        return False
    return fast.ms <= slow.ms and slow.ms % fast.ms == 0


def bar_indices(open_ms: npt.NDArray[np.int64], timeframe: Timeframe) -> npt.NDArray[np.int64]:
    """Vector form of :func:`bar_index`: int64[n] of absolute bar numbers."""
    if timeframe is Timeframe.MO1:
        months = open_ms.astype("datetime64[ms]").astype("datetime64[M]")
        return np.asarray(months.astype(np.int64))
    if timeframe is Timeframe.W1:
        return np.asarray((open_ms - FIRST_MONDAY_MS) // WEEK_MS)
    return np.asarray(open_ms // _MS[timeframe])


def bar_opens(indices: npt.NDArray[np.int64], timeframe: Timeframe) -> npt.NDArray[np.int64]:
    """Vector form of :func:`bar_open_ms`: int64[n] of opens; inverse of :func:`bar_indices`."""
    if timeframe is Timeframe.MO1:
        months = indices.astype("datetime64[M]")
        return np.asarray(months.astype("datetime64[ms]").astype(np.int64))
    if timeframe is Timeframe.W1:
        return np.asarray(FIRST_MONDAY_MS + indices * WEEK_MS)
    return np.asarray(indices * _MS[timeframe])


def from_datetime(moment: datetime) -> int:
    """Epoch milliseconds of an *aware* datetime; a naive one raises TypeError (H21)."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise TypeError(
            f"naive datetime {moment.isoformat()} has no place in time; attach a time zone (UTC)"
        )
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def parse_time(text: str) -> int:
    """Epoch ms of ISO-8601 UTC text: ``2026-03-01T00:00Z``, or a date alone (midnight UTC)."""
    raw = text.strip()
    try:
        if len(raw) == 10:
            moment = datetime.fromisoformat(raw).replace(tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(raw)
    except ValueError:
        raise TimeError(
            f"not a time: {text!r}", hint="write 2026-03-01T00:00Z or 2026-03-01"
        ) from None
    if moment.tzinfo is None:
        raise TimeError(
            f"time without a zone: {text!r}", hint="end it with Z for UTC: 2026-03-01T00:00Z"
        )
    return from_datetime(moment)


def format_ms(ms: int) -> str:
    """ISO-8601 UTC text of epoch ms, for people: ``2026-03-01T00:00:00Z``."""
    days, rest = divmod(int(ms), DAY_MS)
    date = datetime.fromordinal(719_163 + days)
    seconds, millis = divmod(rest, 1000)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{millis:03d}" if millis else ""
    return f"{date:%Y-%m-%d}T{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}Z"
