"""What a sync asks for unless told otherwise; light, so that ``lockstep --help`` can show it."""

from __future__ import annotations

DEFAULT_URL = "https://api.bybit.com"
#: What a backtest reads of a symbol.
DEFAULT_KINDS = ("kline", "mark", "funding", "instruments", "risk_tiers")
