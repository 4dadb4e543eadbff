"""The words of the language: prices, position fields, timeframes; what an id may not be."""

from __future__ import annotations

from engine.play.ast import Type
from engine.play.grammar import KEYWORDS
from engine.timeframe import Timeframe

#: What a bar states, and its type.
PRICES = {
    "open": Type.FLOAT,
    "high": Type.FLOAT,
    "low": Type.FLOAT,
    "close": Type.FLOAT,
    "volume": Type.FLOAT,
    "hl2": Type.FLOAT,
    "hlc3": Type.FLOAT,
    "ohlc4": Type.FLOAT,
    "turnover": Type.FLOAT,
    "mark_close": Type.FLOAT,
    "index_close": Type.FLOAT,
    "open_interest": Type.FLOAT,
    "funding_rate": Type.FLOAT,
    "hour": Type.INT,
    "weekday": Type.INT,
}

#: Fields of ``position``, which only exit rules may read.
POSITION_FIELDS = {
    "bars": Type.INT,
    "side": Type.ENUM,
    "entry_price": Type.FLOAT,
    "pnl_pct": Type.FLOAT,
    "r": Type.R,
}
SIDES = ("long", "short", "none")

RESERVED_IDS = frozenset((*PRICES, *KEYWORDS, "position"))

TIMEFRAMES = tuple(timeframe.value for timeframe in Timeframe)

#: Spellings other tools use, and the name of the same timeframe here.
_OTHER_SPELLINGS = {
    "60m": "1h",
    "120m": "2h",
    "240m": "4h",
    "360m": "6h",
    "720m": "12h",
    "1440m": "1d",
    "24h": "1d",
    "7d": "1w",
    "30d": "1mo",
    "60": "1h",
    "120": "2h",
    "240": "4h",
    "360": "6h",
    "720": "12h",
    "1M": "1mo",
    "M": "1mo",
    "D": "1d",
    "W": "1w",
}


def timeframe_hint(written: str) -> str:
    """The timeframe somebody who wrote ``written`` probably means, and the thirteen names."""
    guess = _OTHER_SPELLINGS.get(written)
    if guess is None:
        lowered = written.lower()
        digits = lowered.strip("abcdefghijklmnopqrstuvwxyz_")
        candidates = (lowered, f"{digits}m", _OTHER_SPELLINGS.get(lowered, ""))
        guess = next((name for name in candidates if name in TIMEFRAMES), None)
    allowed = "allowed: " + ", ".join(TIMEFRAMES)
    return f"did you mean {guess!r}? {allowed}" if guess else allowed
