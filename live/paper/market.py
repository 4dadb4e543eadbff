"""The market door: the venue's public endpoints under /v5/market, with their habits.

Lists come newest first, pages have the documented limits, the candle that is forming is included,
amounts and times are text. Sources: the pages of the v5 documentation named after each endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.canonical import decimal_text
from engine.errors import TimeError
from engine.exchange.intervals import candle_timeframe, interest_timeframe
from engine.timeframe import HOUR_MS, MINUTE_MS, Timeframe, floor_ms
from live.paper.candles import page_of_candles
from live.paper.query import Query, limit_of, linear, required, whole
from live.paper.replies import PARAMS_ERROR, RequestRefused, number_text
from live.paper.source import Price
from live.paper.venue import Venue

Result = dict[str, Any]
Handler = Callable[[Venue, Query], Result]
Code = TypeVar("Code")
DAY_MINUTES = 1440


def server_time(venue: Venue, query: Query) -> Result:
    """GET /v5/market/time."""
    now_ms = venue.clock.now_ms()
    return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}


def kline(venue: Venue, query: Query) -> Result:
    """GET /v5/market/kline."""
    return _candles(venue, query, Price.LAST)


def mark_price_kline(venue: Venue, query: Query) -> Result:
    """GET /v5/market/mark-price-kline."""
    return _candles(venue, query, Price.MARK)


def index_price_kline(venue: Venue, query: Query) -> Result:
    """GET /v5/market/index-price-kline."""
    return _candles(venue, query, Price.INDEX)


def funding_history(venue: Venue, query: Query) -> Result:
    """GET /v5/market/funding/history; a start alone is an error."""
    linear(query)
    symbol = venue.known(required(query, "symbol"))
    start_ms, end_ms = whole(query, "startTime"), whole(query, "endTime")
    if start_ms is not None and end_ms is None:
        raise RequestRefused(PARAMS_ERROR, "params error: endTime is required with startTime")
    ts, rates = venue.source.funding(symbol)
    kept = _newest(ts, start_ms, end_ms, venue.clock.now_ms(), limit_of(query, 200, 200))
    return {
        "category": "linear",
        "list": [
            {
                "symbol": symbol,
                "fundingRate": decimal_text(Decimal(int(rates[k])).scaleb(-8)),
                "fundingRateTimestamp": str(int(ts[k])),
            }
            for k in kept
        ],
    }


def open_interest(venue: Venue, query: Query) -> Result:
    """GET /v5/market/open-interest; a cursor leads to older values."""
    linear(query)
    symbol = venue.known(required(query, "symbol"))
    timeframe = _coded(interest_timeframe, required(query, "intervalTime"))
    start_ms, end_ms = whole(query, "startTime"), whole(query, "endTime")
    cursor = unquote(query.get("cursor", ""))
    if cursor:
        end_ms = _cursor_value(cursor, "lasttime") - 1
    ts, values = venue.source.open_interest(symbol)
    on_grid = np.array([floor_ms(int(t), timeframe) == t for t in ts], bool)
    ts, values = ts[on_grid], values[on_grid]
    limit = limit_of(query, 50, 200)
    kept = _newest(ts, start_ms, end_ms, venue.clock.now_ms(), limit)
    more = (
        len(kept) == limit and kept[-1] > 0 and (start_ms is None or ts[kept[-1] - 1] >= start_ms)
    )
    return {
        "symbol": symbol,
        "category": "linear",
        "list": [
            {"openInterest": number_text(float(values[k])), "timestamp": str(int(ts[k]))}
            for k in kept
        ],
        "nextPageCursor": quote(f"lasttime={int(ts[kept[-1]])}", safe="") if more else "",
    }


def instruments_info(venue: Venue, query: Query) -> Result:
    """GET /v5/market/instruments-info: all that trade, or one."""
    linear(query)
    if query.get("symbol"):
        listed: Sequence[str] = [venue.known(query["symbol"])]
    else:
        listed = [symbol for symbol in venue.source.symbols() if venue.is_listed(symbol)]
    limit = limit_of(query, 500, 1000)
    cursor = unquote(query.get("cursor", ""))
    first = _cursor_value(cursor, "first") if cursor else 0
    page = listed[first : first + limit]
    more = first + limit < len(listed)
    return {
        "category": "linear",
        "list": [_instrument(venue, symbol) for symbol in page],
        "nextPageCursor": quote(f"first={first + limit}", safe="") if more else "",
    }


def risk_limit(venue: Venue, query: Query) -> Result:
    """GET /v5/market/risk-limit of one symbol."""
    linear(query)
    symbol = venue.known(required(query, "symbol"))
    tiers = venue.source.risk_tiers(symbol)
    return {
        "category": "linear",
        "list": [
            {
                "id": tier["tier"],
                "symbol": symbol,
                "riskLimitValue": tier["risk_limit_usdt"],
                "maintenanceMargin": tier["maintenance_margin"],
                "initialMargin": tier["initial_margin"],
                "isLowestRisk": int(k == 0),
                "maxLeverage": tier["max_leverage"],
                "mmDeduction": "" if k == 0 else tier["maintenance_deduction_usdt"],
            }
            for k, tier in enumerate(tiers)
        ],
        "nextPageCursor": "",
    }


def tickers(venue: Venue, query: Query) -> Result:
    """GET /v5/market/tickers: the state of the market now."""
    linear(query)
    if query.get("symbol"):
        listed: Sequence[str] = [venue.known(query["symbol"])]
    else:
        listed = [symbol for symbol in venue.source.symbols() if venue.is_listed(symbol)]
    shown = [ticker for ticker in (_ticker(venue, symbol) for symbol in listed) if ticker]
    return {"category": "linear", "list": shown}


ROUTES: dict[str, Handler] = {
    "/v5/market/time": server_time,
    "/v5/market/kline": kline,
    "/v5/market/mark-price-kline": mark_price_kline,
    "/v5/market/index-price-kline": index_price_kline,
    "/v5/market/funding/history": funding_history,
    "/v5/market/open-interest": open_interest,
    "/v5/market/instruments-info": instruments_info,
    "/v5/market/risk-limit": risk_limit,
    "/v5/market/tickers": tickers,
}


def _candles(venue: Venue, query: Query, price: Price) -> Result:
    linear(query)
    symbol = venue.known(required(query, "symbol"))
    timeframe = _coded(candle_timeframe, required(query, "interval"))
    held = venue.source.candles(symbol, price)
    rows: list[list[str]] = []
    if held is not None:
        page = page_of_candles(
            *held,
            timeframe,
            venue.clock.now_ms(),
            whole(query, "start"),
            whole(query, "end"),
            limit_of(query, 200, 1000),
        )
        rows = candle_rows(page, with_volume=price is Price.LAST)
    return {"symbol": symbol, "category": "linear", "list": rows[::-1]}


def candle_rows(bars: Bars, *, with_volume: bool) -> list[list[str]]:
    """Candles as the venue writes them: open time, OHLC; of the last price volume and turnover."""
    columns = [bars.open, bars.high, bars.low, bars.close]
    if with_volume:
        turnover = bars.turnover
        columns += [bars.volume, bars.close * bars.volume if turnover is None else turnover]
    texts = [map(number_text, column.tolist()) for column in columns]
    return [list(row) for row in zip(map(str, bars.open_ms.tolist()), *texts, strict=True)]


def _newest(
    ts: npt.NDArray[np.int64],
    start_ms: int | None,
    end_ms: int | None,
    now_ms: int,
    limit: int,
) -> list[int]:
    """Places of the newest ``limit`` moments in ``[start_ms, end_ms]``, newest first."""
    last = int(np.searchsorted(ts, min(now_ms, now_ms if end_ms is None else end_ms), "right"))
    first = 0 if start_ms is None else int(np.searchsorted(ts, start_ms))
    return list(range(last - 1, max(first, last - limit) - 1, -1))


def _coded(decode: Callable[[str], Timeframe], code: str) -> Timeframe:
    try:
        return decode(code)
    except TimeError:
        raise RequestRefused(PARAMS_ERROR, "params error: interval invalid") from None


def _cursor_value(cursor: str, name: str) -> int:
    found, _, value = cursor.partition("=")
    if found != name or not value.isdecimal():
        raise RequestRefused(PARAMS_ERROR, "params error: cursor invalid")
    return int(value)


def _instrument(venue: Venue, symbol: str) -> Result:
    facts = venue.source.instrument(symbol)
    largest = facts.max_qty or 1_000_000 * facts.qty_step
    return {
        "symbol": symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": symbol.removesuffix("USDT"),
        "quoteCoin": "USDT",
        "launchTime": str(facts.launch_ms or 0),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(-int(facts.tick_size.as_tuple().exponent), 0)),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": decimal_text(facts.max_leverage),
            "leverageStep": decimal_text(facts.leverage_step),
        },
        "priceFilter": {
            "minPrice": decimal_text(facts.tick_size),
            "maxPrice": decimal_text(facts.tick_size * 19_999_998),
            "tickSize": decimal_text(facts.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": decimal_text(largest),
            "minOrderQty": decimal_text(facts.min_qty),
            "qtyStep": decimal_text(facts.qty_step),
            "postOnlyMaxOrderQty": decimal_text(largest),
            "maxMktOrderQty": decimal_text(facts.max_market_qty or largest),
            "minNotionalValue": decimal_text(facts.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": facts.funding_interval_min,
        "settleCoin": "USDT",
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "symbolType": "",
    }


def _ticker(venue: Venue, symbol: str) -> Result | None:
    """The ticker by the newest candles; None before there is any."""
    now_ms = venue.clock.now_ms()
    prices = {price: venue.source.candles(symbol, price) for price in Price}
    last = prices[Price.LAST]
    if last is None:
        return None
    base, bars = last
    day = page_of_candles(base, bars, base, now_ms, now_ms - DAY_MINUTES * MINUTE_MS, now_ms, 1440)
    if not len(day):
        return None
    close = float(day.close[-1])
    newest = {
        price: page_of_candles(*held, held[0], now_ms, None, None, 1).close
        for price, held in prices.items()
        if held is not None
    }
    shown = {price: number_text(float(c[-1])) for price, c in newest.items() if len(c)}
    ts, rates = venue.source.funding(symbol)
    paid = int(np.searchsorted(ts, now_ms, "right"))
    facts = venue.source.instrument(symbol)
    tick, step_ms = float(facts.tick_size), facts.funding_interval_min * MINUTE_MS
    interest_ts, interest = venue.source.open_interest(symbol)
    counted = int(np.searchsorted(interest_ts, now_ms, "right"))
    opened = float(day.open[0])
    return {
        "symbol": symbol,
        "lastPrice": number_text(close),
        "markPrice": shown.get(Price.MARK, number_text(close)),
        "indexPrice": shown.get(Price.INDEX, number_text(close)),
        "prevPrice24h": number_text(opened),
        "price24hPcnt": number_text(round(close / opened - 1.0, 6)),
        "highPrice24h": number_text(float(day.high.max())),
        "lowPrice24h": number_text(float(day.low.min())),
        "prevPrice1h": number_text(_price_before(day, now_ms - HOUR_MS)),
        "openInterest": number_text(float(interest[counted - 1])) if counted else "0",
        "turnover24h": number_text(float(0.0 if day.turnover is None else day.turnover.sum())),
        "volume24h": number_text(float(day.volume.sum())),
        "fundingRate": decimal_text(Decimal(int(rates[paid - 1])).scaleb(-8)) if paid else "",
        "nextFundingTime": str(now_ms // step_ms * step_ms + step_ms),
        "bid1Price": number_text(round(close - tick, 10)),
        "bid1Size": decimal_text(facts.min_qty),
        "ask1Price": number_text(close),
        "ask1Size": decimal_text(facts.min_qty),
        "deliveryTime": "0",
        "fundingIntervalHour": str(facts.funding_interval_min // 60),
    }


def _price_before(bars: Bars, ms: int) -> float:
    at = int(np.searchsorted(bars.open_ms, ms, "right")) - 1
    return float(bars.close[max(at, 0)])
