"""The venue's codes for timeframes: the one place where they meet our names (M14).

Source: the ``interval`` and ``intervalTime`` parameters of the venue's v5 market endpoints. Both
codecs are bijective; the candles' one is total over :class:`Timeframe`.
"""

from __future__ import annotations

from engine.errors import TimeError
from engine.timeframe import Timeframe

#: ``interval`` of candles, in REST queries and in the topics of streams.
CANDLE_CODES = {
    Timeframe.M1: "1",
    Timeframe.M3: "3",
    Timeframe.M5: "5",
    Timeframe.M15: "15",
    Timeframe.M30: "30",
    Timeframe.H1: "60",
    Timeframe.H2: "120",
    Timeframe.H4: "240",
    Timeframe.H6: "360",
    Timeframe.H12: "720",
    Timeframe.D1: "D",
    Timeframe.W1: "W",
    Timeframe.MO1: "M",
}
#: ``intervalTime`` of open interest, which the venue keeps for these timeframes only.
INTEREST_CODES = {
    Timeframe.M5: "5min",
    Timeframe.M15: "15min",
    Timeframe.M30: "30min",
    Timeframe.H1: "1h",
    Timeframe.H4: "4h",
    Timeframe.D1: "1d",
}
_OF_CANDLES = {code: timeframe for timeframe, code in CANDLE_CODES.items()}
_OF_INTEREST = {code: timeframe for timeframe, code in INTEREST_CODES.items()}


def candle_code(timeframe: Timeframe) -> str:
    """The venue's code of a candle timeframe: ``15`` for ``15m``, ``D`` for ``1d``."""
    return CANDLE_CODES[timeframe]


def candle_timeframe(code: str) -> Timeframe:
    """The timeframe of a candle code; TimeError for a code the venue does not have."""
    return _decoded(code, _OF_CANDLES)


def interest_code(timeframe: Timeframe) -> str:
    """The venue's code of an open-interest timeframe; TimeError where it keeps none."""
    code = INTEREST_CODES.get(timeframe)
    if code is None:
        allowed = ", ".join(t.value for t in INTEREST_CODES)
        raise TimeError(
            f"the venue keeps no {timeframe.value} open interest",
            hint=f"one of {allowed}",
            code="TIMEFRAME_UNKNOWN",
        )
    return code


def interest_grid(timeframe: Timeframe) -> Timeframe:
    """The open-interest timeframe that goes with candles of ``timeframe``: the fastest the venue
    keeps that is not faster, else the slowest it keeps.

    >>> interest_grid(Timeframe.M1).value, interest_grid(Timeframe.H2).value
    ('5m', '4h')
    """
    kept = sorted(INTEREST_CODES, key=lambda one: one.ms)
    return next((one for one in kept if one.ms >= timeframe.ms), kept[-1])


def interest_timeframe(code: str) -> Timeframe:
    """The timeframe of an open-interest code; TimeError for a code the venue does not have."""
    return _decoded(code, _OF_INTEREST)


def _decoded(code: str, codes: dict[str, Timeframe]) -> Timeframe:
    timeframe = codes.get(code)
    if timeframe is None:
        raise TimeError(
            f"the venue has no interval {code!r}",
            hint=f"one of {', '.join(codes)}",
            code="TIMEFRAME_UNKNOWN",
        )
    return timeframe
