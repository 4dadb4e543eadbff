"""The words of the language: what is executable, and what is known but refused as not built."""

from __future__ import annotations

from engine.play.grammar import KEYWORDS
from engine.timeframe import Timeframe

#: Columns of a bar that expressions may name.
PRICES = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4")

#: Prices of the language that no data feeds yet.
PRICES_NOT_BUILT = (
    "turnover",
    "mark_close",
    "index_close",
    "open_interest",
    "funding_rate",
    "hour",
    "weekday",
)

FUNCTIONS = ("cross_above", "cross_below", "between", "prev")

FUNCTIONS_NOT_BUILT = (
    "near",
    "within",
    "held",
    "count",
    "bars_since",
    "since",
    "value_when",
    "changed",
    "rising",
    "falling",
    "highest",
    "lowest",
    "sum",
    "avg",
    "min",
    "max",
    "abs",
    "if",
    "coalesce",
    "defined",
)

STRUCTURES_NOT_BUILT = (
    "swing",
    "trend",
    "market_structure",
    "fibonacci",
    "zone",
    "rolling_window",
    "derived_zone",
    "displacement",
    "fair_value_gap",
    "order_block",
    "liquidity_zones",
    "premium_discount",
    "breaker_block",
)

#: The indicators of version 1; those the registry declares are executable.
INDICATOR_NAMES = (
    "sma",
    "ema",
    "wma",
    "dema",
    "tema",
    "trima",
    "zlma",
    "kama",
    "alma",
    "hma",
    "vwma",
    "rma",
    "linreg",
    "rsi",
    "cci",
    "willr",
    "cmo",
    "mfi",
    "uo",
    "stoch",
    "stochrsi",
    "fisher",
    "tsi",
    "roc",
    "mom",
    "adx",
    "dm",
    "aroon",
    "supertrend",
    "psar",
    "vortex",
    "trix",
    "ppo",
    "macd",
    "ichimoku",
    "atr",
    "natr",
    "bbands",
    "kc",
    "donchian",
    "squeeze",
    "stddev",
    "zscore",
    "chop",
    "obv",
    "cmf",
    "kvo",
    "ad",
    "adosc",
    "vwap",
    "anchored_vwap",
    "volume_profile",
    "anchored_volume_profile",
    "midprice",
    "heikin_ashi",
    "session_levels",
)

RESERVED_IDS = frozenset((*PRICES, *PRICES_NOT_BUILT, *KEYWORDS, "position"))

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
