"""What the store holds: kinds of market data, and the name of one series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import DataError
from engine.timeframe import Timeframe, parse_timeframe

_SYMBOL = re.compile(r"[A-Z0-9]{2,40}")

#: Kinds that are dated facts of a symbol, not rows of a series.
INSTRUMENTS, RISK_TIERS = "instruments", "risk_tiers"
FACT_KINDS = (INSTRUMENTS, RISK_TIERS)


class Kind(StrEnum):
    """A kind of market data, by the name the command line uses."""

    KLINE = "kline"
    MARK = "mark"
    INDEX = "index"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"

    @property
    def is_candles(self) -> bool:
        """Whether the rows are candles: of the last, the mark or the index price."""
        return self in (Kind.KLINE, Kind.MARK, Kind.INDEX)

    @property
    def price(self) -> str:
        """The price a candle is of, as the ``klines`` table calls it: last, mark or index."""
        return "last" if self is Kind.KLINE else self.value


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One series of the store. ``timeframe`` is None for funding, which is a list of events."""

    symbol: str
    kind: Kind
    timeframe: Timeframe | None

    @classmethod
    def of(cls, symbol: str, kind: str, timeframe: str | None) -> Series:
        """The series by its parts as text; DataError names a part that cannot be."""
        if not _SYMBOL.fullmatch(symbol):
            raise DataError(
                f"{symbol!r} is not a symbol",
                hint="a symbol is upper-case letters and digits, like BTCUSDT",
                code="SYMBOL_INVALID",
            )
        try:
            known = Kind(kind)
        except ValueError:
            allowed = ", ".join(k.value for k in Kind)
            raise DataError(
                f"unknown kind of data {kind!r}", hint=f"one of {allowed}", code="KIND_UNKNOWN"
            ) from None
        if known is Kind.FUNDING:
            return cls(symbol, known, None)
        if not timeframe:
            raise DataError(f"{kind} data needs a timeframe", hint="like 1m or 4h")
        return cls(symbol, known, parse_timeframe(timeframe))

    @property
    def timeframe_text(self) -> str:
        """The timeframe's name; empty for funding."""
        return "" if self.timeframe is None else self.timeframe.value

    def __str__(self) -> str:
        return f"{self.symbol} {self.kind.value} {self.timeframe_text}".rstrip()


def series_key(series: Series) -> list[str]:
    """What names a series in the tables that have a row or more a series."""
    return [series.symbol, series.kind.value, series.timeframe_text]


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """What a snapshot holds of one series.

    ``first_ms`` and ``last_ms`` are the times of the first and last row (a bar's open),
    ``until_ms`` is the end of the last covered interval (the last bar's close); epoch ms UTC.
    """

    symbol: str
    kind: Kind
    timeframe: str
    first_ms: int
    last_ms: int
    until_ms: int
    rows: int
