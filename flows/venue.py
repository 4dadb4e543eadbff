"""Markets the venue on this machine can be served from: a generated one, or a stored snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.canonical import decimal_text
from engine.errors import DataError
from engine.exchange.instrument import Instrument
from engine.timeframe import MINUTE_MS, Timeframe
from live.paper import Price

if TYPE_CHECKING:
    from tasks.generate import GeneratedMarket
    from tasks.store import Snapshot

Events = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
Values = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]

FIVE_MINUTES_MS = 5 * MINUTE_MS
#: Position value each tier of a generated ladder adds, USDT, and how many tiers there are.
TIER_USDT, TIERS = 2_000_000, 6
_KINDS = {Price.LAST: "kline", Price.MARK: "mark", Price.INDEX: "index"}


class GeneratedSource:
    """A venue's market made of generated ones, each listed when its first bar opens.

    A generated market has no index price apart from its mark: the mark serves as both. Its open
    interest swells and shrinks with the traded volume, by the direction of each bar.
    """

    def __init__(self, markets: Iterable[GeneratedMarket]) -> None:
        self._markets = {market.symbol: market for market in markets}

    def symbols(self) -> Sequence[str]:
        return sorted(self._markets)

    def instrument(self, symbol: str) -> Instrument:
        listed_ms = int(self._markets[symbol].klines.open_ms[0])
        return replace(Instrument.default(symbol), launch_ms=listed_ms)

    def risk_tiers(self, symbol: str) -> Sequence[Mapping[str, str | int]]:
        return ladder(self.instrument(symbol).max_leverage)

    def candles(self, symbol: str, price: Price) -> tuple[Timeframe, Bars]:
        market = self._markets[symbol]
        return Timeframe.M1, market.klines if price is Price.LAST else market.mark

    def funding(self, symbol: str) -> Events:
        market = self._markets[symbol]
        paid = market.funding_ms >= market.klines.open_ms[0]
        return market.funding_ms[paid], market.funding_rate_e8[paid]

    def open_interest(self, symbol: str) -> Values:
        bars = self._markets[symbol].klines
        lot = float(self.instrument(symbol).qty_step)
        flow = np.sign(bars.close - bars.open) * np.rint(bars.volume / lot * 0.02)
        lots = 2.0 * np.rint(bars.volume.sum() / lot * 0.01) + np.cumsum(flow)
        on_grid = bars.open_ms % FIVE_MINUTES_MS == 0
        return bars.open_ms[on_grid], np.rint(np.maximum(lots[on_grid], 0.0)) * lot


class StoredSource:
    """A venue's market out of a snapshot: whatever it holds of each symbol, at its fastest."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._held: dict[tuple[str, str], str] = {}
        for info in snapshot.series():
            key = (info.symbol, info.kind.value)
            if key not in self._held or _faster(info.timeframe, self._held[key]):
                self._held[key] = info.timeframe

    def symbols(self) -> Sequence[str]:
        return sorted({symbol for symbol, kind in self._held if kind == "kline"})

    def instrument(self, symbol: str) -> Instrument:
        return self._snapshot.instrument(symbol) or Instrument.default(symbol)

    def risk_tiers(self, symbol: str) -> Sequence[Mapping[str, str | int]]:
        stored = self._snapshot.risk_tiers(symbol)
        return ladder(self.instrument(symbol).max_leverage) if stored is None else stored

    def candles(self, symbol: str, price: Price) -> tuple[Timeframe, Bars] | None:
        timeframe = self._held.get((symbol, _KINDS[price]))
        if timeframe is None:
            return None
        window = self._range(symbol, _KINDS[price], timeframe)
        bars = self._snapshot.bars(symbol, _KINDS[price], timeframe, *window, complete=False)
        return Timeframe(timeframe), bars

    def funding(self, symbol: str) -> Events:
        if (symbol, "funding") not in self._held:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return self._snapshot.funding(symbol, *self._range(symbol, "funding", ""))

    def open_interest(self, symbol: str) -> Values:
        if self._held.get((symbol, "open_interest")) != Timeframe.M5.value:
            return np.empty(0, np.int64), np.empty(0)
        window = self._range(symbol, "open_interest", "5m")
        return self._snapshot.open_interest(symbol, "5m", *window)

    def _range(self, symbol: str, kind: str, timeframe: str) -> tuple[int, int]:
        for info in self._snapshot.series():
            if (info.symbol, info.kind.value, info.timeframe) == (symbol, kind, timeframe):
                return info.first_ms, info.until_ms
        raise DataError(f"environment {self._snapshot.env!r} holds no {symbol} {kind} {timeframe}")


def ladder(max_leverage: Decimal) -> list[dict[str, Any]]:
    """Risk tiers in the venue's manner: each holds more, needs more margin, allows less leverage.

    The deduction makes the maintenance margin continuous where one tier meets the next.
    """
    tiers: list[dict[str, Any]] = []
    deduction, before = Decimal(0), Decimal(0)
    for k in range(1, TIERS + 1):
        initial = (Decimal(k) / max_leverage).quantize(Decimal("0.0001"))
        maintenance = initial / 2
        deduction += TIER_USDT * (k - 1) * (maintenance - before)
        before = maintenance
        tiers.append(
            {
                "tier": k,
                "risk_limit_usdt": str(TIER_USDT * k),
                "maintenance_margin": decimal_text(maintenance),
                "initial_margin": decimal_text(initial),
                "max_leverage": decimal_text((1 / initial).quantize(Decimal("0.01"))),
                "maintenance_deduction_usdt": decimal_text(deduction),
            }
        )
    return tiers


def _faster(a: str, b: str) -> bool:
    return bool(a) and bool(b) and Timeframe(a).ms < Timeframe(b).ms
