"""Bringing what a store lacks of one series, or of one symbol's facts, into it.

``wanted - covered - known absent`` is fetched in page-aligned windows, oldest first; each page is
validated and staged durably before the next is asked for. A page that is refused leaves its window
missing and the rest goes on; a venue that does not answer ends the item. Whatever is still missing
in the end raises PartialFetch: coverage never claims more than the rows there are (H14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from engine.errors import InstrumentError, PartialFetch, SchemaError, VenueError
from engine.exchange.instrument import Instrument
from engine.timeframe import format_ms
from tasks.download.gateway import VenueGateway
from tasks.download.models import InstrumentInfo, RiskTier
from tasks.download.pages import fetch_window
from tasks.download.plan import (
    Window,
    launched_from,
    page_windows,
    wanted_window,
)
from tasks.store import (
    Ingested,
    Interval,
    Series,
    StoreWriter,
    intersect,
    merge,
    subtract,
    under_lock,
)
from tasks.store.rows import layout_of
from tasks.store.series import INSTRUMENTS

Status = Literal["up_to_date", "complete", "partial", "failed"]
#: ``(done, total)`` in pages.
Report = Callable[[int, int], None]
SOURCE = "GET /v5/market/instruments-info"


@dataclass(frozen=True, slots=True)
class SeriesWork:
    """One series to sync: what was asked for, by the venue's clock and its listing.

    ``server_ms`` the venue's time, ``launch_ms`` when the symbol was listed; ``run_id`` names the
    sync run, because only two separate runs prove an absence.
    """

    series: Series
    since_ms: int
    until_ms: int
    server_ms: int
    grace_ms: int
    launch_ms: int
    run_id: str

    @property
    def wanted(self) -> Window:
        """What can exist of what was asked for; DataError if nothing can."""
        return wanted_window(
            self.series, self.since_ms, self.until_ms, self.server_ms, self.grace_ms
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an item ended. ``obtained`` and ``missing`` are intervals of ``requested``; ``rows`` were
    stored by this run; ``absent`` is what the venue is known to have nothing of."""

    status: Status
    requested: tuple[Interval, ...] = ()
    obtained: tuple[Interval, ...] = ()
    missing: tuple[Interval, ...] = ()
    absent: tuple[Interval, ...] = ()
    rows: int = 0
    cause: str | None = None


@dataclass
class _Progress:
    """What one item has got so far."""

    rows: int = 0
    empty: list[Interval] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)


@under_lock
def sync_series(
    writer: StoreWriter, gateway: VenueGateway, work: SeriesWork, report: Report | None = None
) -> Outcome:
    """Fetch what the store lacks of a series; ``report`` counts pages.

    Raises PartialFetch with what is covered and what is missing, DataError for a window that cannot
    be. Rows stored before a failure stay stored.
    """
    series, wanted = work.series, work.wanted
    launch_ms = launched_from(series, work.launch_ms)
    if wanted[0] < launch_ms:
        writer.note_before_launch(series, (wanted[0], min(launch_ms, wanted[1])))
    missing = subtract([wanted], _settled(writer, series))
    if not missing:
        return _outcome(writer, work, "up_to_date", rows=0)
    done = _fetch_pages(writer, gateway, work, missing, report)
    writer.note_absent(series, done.empty, work.run_id)
    missing = subtract([wanted], _settled(writer, series))
    if not missing:
        return _outcome(writer, work, "complete", rows=done.rows)
    causes = done.causes or [
        "absent_unconfirmed: the venue has no rows there; sync again to settle"
    ]
    raise PartialFetch(
        f"{series} was not obtained whole: {causes[0]}",
        covered=intersect([wanted], writer.coverage(series)),
        missing=missing,
        cause="; ".join(dict.fromkeys(causes)),
        rows=done.rows,
        hint="sync again; only what is missing is asked for",
    )


def windows_of(series: Series, covered: Iterable[Interval]) -> list[Window]:
    """What is held of a series, in pieces of a page each, oldest first."""
    return list(page_windows(series, covered))


@under_lock
def refetch(
    writer: StoreWriter, gateway: VenueGateway, series: Series, window: Window, server_ms: int
) -> Ingested:
    """Fetch a window that is held again, and store what the venue says now.

    A differing value replaces the stored one and both are kept in ``revisions``. Raises VenueError
    if the venue does not answer, or no longer has rows that are held.
    """
    columns, asked = fetch_window(gateway, series, window, server_ms)
    time = layout_of(series.kind).time
    held = writer.rows(series, *asked)[time]
    gone = held[~np.isin(held, columns[time])]
    if len(gone):
        raise VenueError(
            f"the venue lacks {len(gone)} of the rows held, first {format_ms(int(gone[0]))}",
            where=str(series),
            code="ROWS_GONE",
        )
    return writer.ingest(series, columns, within=[asked])


@under_lock
def sync_facts(
    writer: StoreWriter, gateway: VenueGateway, kind: str, info: InstrumentInfo, server_ms: int
) -> Outcome:
    """Record a symbol's instrument facts, or its ladder of risk tiers, if they changed."""
    if kind == INSTRUMENTS:
        received = info.model_dump(mode="json", by_alias=True)
        new = writer.put_instrument(instrument_of(info, server_ms), received)
    else:
        tiers = gateway.risk_tiers(info.symbol)
        if not tiers or any(tier.symbol != info.symbol for tier in tiers):
            raise VenueError(f"the venue answers with no risk tiers of {info.symbol}")
        new = writer.put_risk_tiers(info.symbol, server_ms, [tier_facts(tier) for tier in tiers])
    return Outcome("complete" if new else "up_to_date", rows=int(new))


def instrument_of(info: InstrumentInfo, valid_from_ms: int) -> Instrument:
    """The venue's facts as the engine takes them; InstrumentError for what it cannot trade."""
    if info.contract_type != "LinearPerpetual" or info.quote_coin != "USDT":
        raise InstrumentError(
            f"{info.symbol} is a {info.contract_type} in {info.quote_coin}",
            hint="only USDT linear perpetuals are traded here",
            code="INSTRUMENT_UNSUPPORTED",
        )
    if info.lot_size.min_notional is None:
        raise InstrumentError(f"the venue states no minimum notional of {info.symbol}")
    return Instrument(
        symbol=info.symbol,
        tick_size=info.price.tick_size.normalize(),
        qty_step=info.lot_size.qty_step.normalize(),
        min_qty=info.lot_size.min_qty.normalize(),
        max_qty=info.lot_size.max_qty.normalize(),
        max_market_qty=info.lot_size.max_market_qty and info.lot_size.max_market_qty.normalize(),
        min_notional=info.lot_size.min_notional.normalize(),
        max_leverage=info.leverage.max_leverage.normalize(),
        leverage_step=info.leverage.leverage_step.normalize(),
        funding_interval_min=info.funding_interval_min,
        valid_from_ms=valid_from_ms,
        launch_ms=info.launch_ms,
        source=SOURCE,
    )


def tier_facts(tier: RiskTier) -> dict[str, str | int]:
    """A risk tier in the shape stores and snapshots keep it: amounts as shortest decimal text."""
    from engine.canonical import decimal_text

    return {
        "tier": tier.tier,
        "risk_limit_usdt": decimal_text(tier.risk_limit_usdt),
        "maintenance_margin": decimal_text(tier.maintenance_margin),
        "initial_margin": decimal_text(tier.initial_margin),
        "max_leverage": decimal_text(tier.max_leverage),
        "maintenance_deduction_usdt": decimal_text(tier.maintenance_deduction_usdt),
    }


def _fetch_pages(
    writer: StoreWriter,
    gateway: VenueGateway,
    work: SeriesWork,
    missing: list[Interval],
    report: Report | None,
) -> _Progress:
    series, found = work.series, _Progress()
    time = layout_of(series.kind).time
    windows = list(page_windows(series, missing))
    for done, window in enumerate(windows):
        if report:
            report(done, len(windows))
        try:
            columns, asked = fetch_window(gateway, series, window, work.server_ms - work.grace_ms)
        except SchemaError as error:
            found.causes.append(str(error.message))
            continue
        except VenueError as error:
            found.causes.append(_cause(error))
            break
        covered: list[Interval] = []
        if len(columns[time]):
            covered = writer.stage(series, columns, asked)
            found.rows += len(columns[time])
        found.empty += subtract([window], covered)
    if report:
        report(len(windows), len(windows))
    return found


def _cause(error: VenueError) -> str:
    """A stable word first where there is one: ``ip_banned: ...``."""
    return f"{error.code.lower()}: {error.message}"


def _settled(writer: StoreWriter, series: Series) -> list[Interval]:
    return merge([*writer.coverage(series), *writer.known_absent(series)])


def _outcome(writer: StoreWriter, work: SeriesWork, status: Status, rows: int) -> Outcome:
    wanted = [work.wanted]
    return Outcome(
        status,
        requested=tuple(wanted),
        obtained=tuple(intersect(wanted, writer.coverage(work.series))),
        absent=tuple(intersect(wanted, writer.known_absent(work.series))),
        rows=rows,
    )
