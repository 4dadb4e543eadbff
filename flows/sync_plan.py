"""What a sync is about to do, and what became of it, in the shapes its report has."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import LockstepError, PartialFetch, VenueError
from flows.requests import SyncRequest, VerifyRequest
from tasks.download import Outcome, RequestLimiter, RetryPolicy, SeriesWork, VenueGateway
from tasks.download.gateway import UNKNOWN_SYMBOL
from tasks.download.models import InstrumentInfo
from tasks.store import Interval, Series, StoreWriter, intersect, under_lock

#: Symbol, kind and timeframe of an item; the timeframe is empty where there is none.
Place = tuple[str, str, str]
GOOD = ("up_to_date", "complete")
COMPLETED, PARTIAL, FAILED = "Completed", "PartialFailure", "Failed"
#: Errors of a listing that say its series cannot be had either.
HOPELESS = (UNKNOWN_SYMBOL, "IP_BANNED", "CANCELLED")
#: A host clock further off than this is worth a warning; the sync goes by the venue's time.
DRIFT_WARN_MS = 250


@dataclass(frozen=True, slots=True)
class Plan:
    """The venue's time, and each symbol's listing or why there is none."""

    server_ms: int
    drift_ms: int
    listings: Mapping[str, InstrumentInfo | LockstepError]

    def refusal(self, symbol: str) -> LockstepError | None:
        """Why nothing of a symbol can be synced; None if its series can.

        A listing that could not be read is no reason: without it the launch is unknown, and nothing
        is taken for absent because of it.
        """
        listing = self.listings[symbol]
        if isinstance(listing, LockstepError) and listing.code in HOPELESS:
            return listing
        return None

    def no_facts(self, symbol: str) -> LockstepError | None:
        """Why a symbol's facts cannot be synced; None if they can."""
        listing = self.listings[symbol]
        return listing if isinstance(listing, LockstepError) else None

    def work(self, request: SyncRequest, series: Series, run_id: str) -> SeriesWork:
        """The work on one series; DataError if its window cannot be."""
        listing = self.listings[series.symbol]
        work = SeriesWork(
            series=series,
            since_ms=request.since_ms,
            until_ms=self.server_ms if request.until_ms is None else request.until_ms,
            server_ms=self.server_ms,
            grace_ms=request.settings.grace_ms,
            launch_ms=listing.launch_ms if isinstance(listing, InstrumentInfo) else 0,
            run_id=run_id,
        )
        assert work.wanted  # an impossible window is refused here, before any request for rows
        return work


@under_lock
def open_gateway(writer: StoreWriter, request: SyncRequest | VerifyRequest) -> VenueGateway:
    """The gateway to the venue: one limiter for all, closed while a ban is remembered."""
    settings = request.settings
    gateway = VenueGateway(
        request.exchange_url,
        RequestLimiter(),
        RetryPolicy(settings.attempts, settings.backoff_s),
        timeout_s=settings.timeout_s,
        ban_wait_s=settings.ban_wait_s,
        jitter_seed=time.time_ns() % 2**32,
    )
    until_ms = writer.banned_until_ms(gateway.url)
    if until_ms is not None:
        gateway.limiter.ban(until_ms)
    return gateway


@under_lock
def remember_ban(writer: StoreWriter, gateway: VenueGateway) -> None:
    """Keep the ban the gateway has met, if one is in force, for the next sync."""
    until_ms = gateway.limiter.banned_until_ms
    if until_ms is not None:
        writer.put_ban(gateway.url, until_ms)


def look_around(gateway: VenueGateway, symbols: Iterable[str]) -> Plan:
    """Ask the venue for its time and each symbol's listing.

    Raises VenueError if it does not tell the time: without it no candle is known to be closed.
    """
    reading = gateway.server_time()
    listings: dict[str, InstrumentInfo | LockstepError] = {}
    for symbol in dict.fromkeys(symbols):
        try:
            found = [one for one in gateway.instruments(symbol) if one.symbol == symbol]
        except VenueError as error:
            if error.code != UNKNOWN_SYMBOL:
                listings[symbol] = error
                continue
            found = []
        unlisted = VenueError(f"the venue lists no {symbol}", code=UNKNOWN_SYMBOL)
        listings[symbol] = found[0] if found else unlisted
    return Plan(reading.server_ms, reading.drift_ms, listings)


def item_of(place: Place, outcome: Outcome) -> dict[str, Any]:
    """An item of the report."""
    symbol, kind, timeframe = place
    return {
        "symbol": symbol,
        "kind": kind,
        "timeframe": timeframe,
        "status": outcome.status,
        "requested": _lists(outcome.requested),
        "obtained": _lists(outcome.obtained),
        "missing": _lists(outcome.missing),
        "absent": _lists(outcome.absent),
        "rows": outcome.rows,
        "cause": outcome.cause,
    }


def outcome_of(error: LockstepError, requested: Sequence[Interval]) -> Outcome:
    """How an item that raised has ended: partial if anything of it is held, else failed."""
    if not isinstance(error, PartialFetch):
        cause = f"{error.code.lower()}: {error.message}"
        return Outcome("failed", tuple(requested), missing=tuple(requested), cause=cause)
    return Outcome(
        "partial" if error.covered else "failed",
        requested=tuple(requested),
        obtained=tuple(intersect(requested, error.covered)),
        missing=tuple(error.missing),
        rows=error.rows,
        cause=error.cause,
    )


def state_of(items: Sequence[Mapping[str, Any]], *, publishable: bool) -> str:
    """Completed, PartialFailure, or Failed if nothing asked for is held."""
    if publishable and all(item["status"] in GOOD for item in items):
        return COMPLETED
    held = any(item["status"] in GOOD or item["obtained"] for item in items)
    return PARTIAL if held else FAILED


def place_of(series: Series) -> Place:
    """What names a series in a report."""
    return series.symbol, series.kind.value, series.timeframe_text


def place_of_item(item: Mapping[str, Any]) -> Place:
    """What names an item of a report."""
    return item["symbol"], item["kind"], item["timeframe"]


def _lists(intervals: Iterable[Interval]) -> list[list[int]]:
    return [[start, end] for start, end in intervals]
