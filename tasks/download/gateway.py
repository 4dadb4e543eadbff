"""The door to the venue: pybit's public REST endpoints, typed, limited, retried where that helps.

Each thread has its own pybit session; all share one :class:`RequestLimiter`. pybit's own retries
are off: it would sleep through a stop and count nothing.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from engine.errors import IpBanned, SchemaError, VenueError
from engine.exchange.intervals import candle_code, interest_code
from tasks.download.address import endpoint_of, is_loopback
from tasks.download.envelope import unwrap
from tasks.download.limiter import RequestLimiter
from tasks.download.models import (
    Candles,
    Funding,
    FundingEvent,
    InstrumentInfo,
    Instruments,
    InterestValue,
    LastCandle,
    OpenInterest,
    PriceCandle,
    RiskTier,
    RiskTiers,
    ServerTime,
)
from tasks.download.paginate import Page, paginate
from tasks.download.retry import RetryPolicy, Trouble, trouble_of
from tasks.store import Interval, Kind, Series

if TYPE_CHECKING:
    from pybit.unified_trading import HTTP

CATEGORY = "linear"
#: The code of the error for a symbol the venue does not list.
UNKNOWN_SYMBOL = "SYMBOL_UNKNOWN"
#: Rows a page holds at most, by the venue's documentation of each endpoint.
PAGE_ROWS = {
    Kind.KLINE: 1000,
    Kind.MARK: 1000,
    Kind.INDEX: 1000,
    Kind.FUNDING: 200,
    Kind.OPEN_INTEREST: 200,
}
_FACTS_PAGE_ROWS = 1000
_CANDLES = {
    Kind.KLINE: ("get_kline", Candles[LastCandle]),
    Kind.MARK: ("get_mark_price_kline", Candles[PriceCandle]),
    Kind.INDEX: ("get_index_price_kline", Candles[PriceCandle]),
}
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The venue's time, and how far the host's clock is ahead of it, both in ms."""

    server_ms: int
    drift_ms: int


class VenueGateway:
    """Public market data of the venue at ``url``; may be used by many threads at once.

    ``timeout_s`` bounds each request; ``jitter_seed`` makes the waits between attempts repeatable.
    """

    def __init__(
        self,
        url: str,
        limiter: RequestLimiter | None = None,
        policy: RetryPolicy | None = None,
        *,
        timeout_s: float = 10.0,
        ban_wait_s: float = 600.0,
        jitter_seed: int = 0,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.url = endpoint_of(url)
        self.limiter = limiter or RequestLimiter()
        self._policy = policy or RetryPolicy()
        self._timeout_s, self._ban_wait_s = timeout_s, ban_wait_s
        self._jitter = random.Random(jitter_seed)
        self._now_ms = now_ms
        self._sessions = threading.local()

    def server_time(self) -> ClockReading:
        """The venue's time as it last told it, and the drift by the median of three readings."""
        readings = []
        for _ in range(3):
            sent_ms = self._now_ms()
            server_ms = self._ask("get_server_time", ServerTime).ms
            received_ms = self._now_ms()
            readings.append((sent_ms + received_ms) // 2 - server_ms)
        return ClockReading(server_ms=server_ms, drift_ms=int(median(readings)))

    def candles(self, series: Series, window: Interval) -> list[tuple[str, ...]]:
        """Candles that open in the window, newest first, as the venue writes them."""
        method, model = _CANDLES[series.kind]
        assert series.timeframe is not None
        asked = {"symbol": series.symbol, "interval": candle_code(series.timeframe)}

        def page(end_ms: int | None) -> Page[tuple[str, ...], int]:
            answer = self._ask(method, model, **asked, **_between("start", "end", window, end_ms))
            _same_symbol(answer.symbol, series)
            return _time_page(answer.rows, [int(row[0]) for row in answer.rows], series, window)

        return paginate(page, str(series))

    def funding(self, series: Series, window: Interval) -> list[FundingEvent]:
        """Funding events in the window, newest first."""

        def page(end_ms: int | None) -> Page[FundingEvent, int]:
            answer = self._ask(
                "get_funding_rate_history",
                Funding,
                symbol=series.symbol,
                **_between("startTime", "endTime", window, end_ms, PAGE_ROWS[Kind.FUNDING]),
            )
            for event in answer.rows:
                _same_symbol(event.symbol, series)
            return _time_page(answer.rows, [int(e.ts) for e in answer.rows], series, window)

        return paginate(page, str(series))

    def open_interest(self, series: Series, window: Interval) -> list[InterestValue]:
        """Open interest at the grid's opens in the window, newest first."""
        assert series.timeframe is not None
        asked = {"symbol": series.symbol, "intervalTime": interest_code(series.timeframe)}
        bounds = _between("startTime", "endTime", window, None, PAGE_ROWS[Kind.OPEN_INTEREST])

        def page(cursor: str | None) -> Page[InterestValue, str]:
            answer = self._ask("get_open_interest", OpenInterest, **asked, **bounds, cursor=cursor)
            _same_symbol(answer.symbol, series)
            return Page(answer.rows, answer.cursor or None)

        return paginate(page, str(series))

    def instruments(self, symbol: str | None = None) -> list[InstrumentInfo]:
        """Facts of one linear instrument, or of all that trade."""

        def page(cursor: str | None) -> Page[InstrumentInfo, str]:
            answer = self._ask(
                "get_instruments_info",
                Instruments,
                symbol=symbol,
                limit=_FACTS_PAGE_ROWS,
                cursor=cursor,
            )
            return Page(answer.rows, answer.cursor or None)

        return paginate(page, "instruments")

    def risk_tiers(self, symbol: str) -> list[RiskTier]:
        """The ladder of risk tiers of one symbol, lowest first."""

        def page(cursor: str | None) -> Page[RiskTier, str]:
            answer = self._ask("get_risk_limit", RiskTiers, symbol=symbol, cursor=cursor)
            return Page(answer.rows, answer.cursor or None)

        tiers = paginate(page, f"risk tiers of {symbol}")
        return sorted(tiers, key=lambda tier: tier.risk_limit_usdt)

    def _ask(self, method: str, model: type[Model], **parameters: Any) -> Model:
        """One answer of the venue, or VenueError once no attempt is left that could help."""
        if method != "get_server_time":
            parameters["category"] = CATEGORY
        waits = self._policy.waits(self._jitter)
        left_s = self._policy.backoff_s
        while True:
            self.limiter.acquire()
            try:
                answer, _, headers = getattr(self._session(), method)(**parameters)
            except _failures() as error:
                trouble = trouble_of(error)
            except (AttributeError, KeyError, TypeError) as error:
                raise SchemaError(f"the venue's answer to {method} is no envelope") from error
            else:
                self.limiter.observe(headers)
                return unwrap(answer, model, method)
            if trouble.banned:
                raise self._banned()
            wait_s = next(waits, None)
            if trouble.limited and wait_s is not None:
                wait_s = max(wait_s, self.limiter.reset_wait_s(trouble.headers or {}))
                self.limiter.hold(wait_s)
            if not trouble.passing or wait_s is None or wait_s > left_s:
                raise _given_up(method, parameters, trouble)
            left_s -= wait_s
            self.limiter.pause(wait_s)

    def _banned(self) -> IpBanned:
        until_ms = self._now_ms() + int(self._ban_wait_s * 1000)
        self.limiter.ban(until_ms)
        return IpBanned(
            "the venue answered HTTP 403: too many requests, or a region it does not serve",
            until_ms=until_ms,
            where=self.url,
            hint=f"requests stop for {self._ban_wait_s:g} s; sync again after that",
        )

    def _session(self) -> HTTP:
        session: HTTP | None = getattr(self._sessions, "session", None)
        if session is None:
            from pybit.unified_trading import HTTP

            session = HTTP(
                timeout=self._timeout_s,
                max_retries=1,
                retry_codes={-1},
                return_response_headers=True,
                logging_level=logging.CRITICAL,
            )
            session.endpoint = self.url
            if is_loopback(urlsplit(self.url).hostname or ""):
                session.client.trust_env = False  # no proxy stands between us and ourselves
            self._sessions.session = session
        return session


def _failures() -> tuple[type[Exception], ...]:
    import requests
    from pybit.exceptions import FailedRequestError, InvalidRequestError

    return (FailedRequestError, InvalidRequestError, requests.exceptions.RequestException)


def _given_up(method: str, parameters: Mapping[str, Any], trouble: Trouble) -> VenueError:
    asked = " ".join(str(v) for k, v in parameters.items() if k in ("symbol", "interval"))
    return VenueError(
        f"{method} {asked}".rstrip() + f" failed: {trouble.cause}",
        hint="sync again; what was obtained is kept",
        code=UNKNOWN_SYMBOL if _is_unknown_symbol(trouble.cause) else None,
    )


def _is_unknown_symbol(cause: str) -> bool:
    """The venue has one code, 10001, for every bad parameter, and says "symbol" of a bad symbol."""
    return cause.startswith("ret_code_10001") and "symbol" in cause.lower()


def _between(
    start: str, end: str, window: Interval, end_ms: int | None, limit: int = 1000
) -> dict[str, int]:
    """Query parameters of a window; the venue's ends are inclusive."""
    last_ms = window[1] - 1 if end_ms is None else end_ms
    return {start: window[0], end: last_ms, "limit": limit}


def _time_page(
    rows: list[Any], times: list[int], series: Series, window: Interval
) -> Page[Any, int]:
    """A page of a list without cursor: one that is full may have older rows behind it."""
    full = len(rows) >= PAGE_ROWS[series.kind]
    oldest = min(times, default=window[0])
    return Page(rows, oldest - 1 if full and oldest > window[0] else None)


def _same_symbol(answered: str, series: Series) -> None:
    if answered != series.symbol:
        raise SchemaError(f"asked for {series.symbol}, the venue answered with {answered}")
