"""The venue as an ASGI application: every door's routes behind one reception.

The reception records the request, counts it against the rate limit, lets the fault plan act, wraps
what the door answers in the venue's envelope and adds the rate-limit headers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.timeframe import Timeframe
from live.paper.candles import page_of_candles
from live.paper.faults import Fault, FaultKind
from live.paper.market import ROUTES, Handler, candle_rows
from live.paper.replies import RequestRefused, encoded, envelope, json_response
from live.paper.source import Price
from live.paper.venue import Received, Venue

Endpoint = Callable[[Request], Awaitable[Response]]


def venue_app(venue: Venue) -> Starlette:
    """The application that serves ``venue``."""
    return Starlette(
        routes=[
            Route(path, _endpoint(venue, handler), methods=["GET"])
            for path, handler in ROUTES.items()
        ]
    )


def _endpoint(venue: Venue, handler: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        path, query = request.url.path, dict(request.query_params)
        venue.received.append(Received(venue.clock.now_ms(), request.method, path, query))
        address = request.client.host if request.client else ""
        left = venue.limits.admit(address)
        if left is None:
            return _forbidden()
        now_ms = venue.clock.now_ms()
        headers = {
            "X-Bapi-Limit": str(venue.limits.requests_max),
            "X-Bapi-Limit-Status": str(left),
            "X-Bapi-Limit-Reset-Timestamp": str(now_ms + venue.limits.refill_ms(address)),
        }
        faults = {fault.kind: fault for fault in venue.faults.strike(path, query)}
        refused = await _refused(faults, now_ms, headers)
        if refused is not None:
            return refused
        try:
            document = envelope(handler(venue, query), now_ms)
        except RequestRefused as error:
            document = envelope({}, now_ms, error.code, error.message)
        return _sent(venue, path, document, faults, headers)

    return endpoint


async def _refused(
    faults: dict[FaultKind, Fault], now_ms: int, headers: dict[str, str]
) -> Response | None:
    """The answer to a request that a fault keeps from being served at all."""
    if FaultKind.TIMEOUT in faults:
        await asyncio.sleep(faults[FaultKind.TIMEOUT].seconds)
    if FaultKind.FORBIDDEN in faults:
        return _forbidden()
    if FaultKind.SERVER_ERROR in faults:
        return Response("<html>502 Bad Gateway</html>", 502, media_type="text/html")
    if FaultKind.RATE_LIMIT in faults:
        reset = {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(now_ms + 100)}
        document = envelope({}, now_ms, 10006, "Too many visits. Exceeded the API Rate Limit.")
        return json_response(document, {**headers, **reset})
    if FaultKind.RET_CODE in faults:
        code = faults[FaultKind.RET_CODE].ret_code
        return json_response(envelope({}, now_ms, code, "Server error."), headers)
    return None


def _sent(
    venue: Venue,
    path: str,
    document: dict[str, Any],
    faults: dict[FaultKind, Fault],
    headers: dict[str, str],
) -> Response:
    """The answer as it leaves, changed by the faults that act on what is said."""
    result = document["result"]
    if FaultKind.WRONG_SYMBOL in faults and "symbol" in result:
        result["symbol"] = "OTHERUSDT"
    if FaultKind.REWRITTEN_CANDLE in faults:
        _rewrite(result["list"], str(faults[FaultKind.REWRITTEN_CANDLE].at_ms))
    if FaultKind.MISSING_ROW in faults:
        at = str(faults[FaultKind.MISSING_ROW].at_ms)
        result["list"] = [row for row in result["list"] if _time_of(row) != at]
    if FaultKind.FORMING_CANDLE in faults and result["list"]:
        result["list"].insert(0, _forming(venue, result["symbol"], result["list"][0]))
    body = encoded(document)
    previous = venue.answered.get(path)
    venue.answered[path] = body
    if FaultKind.DUPLICATE_PAGE in faults and previous is not None:
        body = encoded({**json.loads(previous), "time": document["time"]})
    if FaultKind.TRUNCATED in faults:
        body = body[: len(body) // 2]
    return Response(body, media_type="application/json", headers=headers)


def _forbidden() -> Response:
    return Response("access too frequent", 403, media_type="text/plain")


def _time_of(row: Any) -> str:
    if isinstance(row, list):
        return str(row[0])
    return str(row.get("fundingRateTimestamp", row.get("timestamp")))


def _rewrite(rows: list[list[str]], at: str) -> None:
    """Close the candle at ``at`` at its low: a possible candle, and not the true one."""
    for row in rows:
        if row[0] == at:
            row[4] = row[3]


def _forming(venue: Venue, symbol: str, newest: list[str]) -> list[str]:
    """The minute that has opened by now and not closed, as wide as the rows of the page."""
    held = venue.source.candles(symbol, Price.LAST)
    assert held is not None
    page = page_of_candles(*held, Timeframe.M1, venue.clock.now_ms(), None, None, 1)
    return candle_rows(page, with_volume=True)[0][: len(newest)]
