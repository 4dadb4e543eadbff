"""``lockstep data sync`` and ``data verify``: what is held against what the venue has."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command import command
from flows.cli.errors import NOT_GOOD, OK
from flows.cli.options import (
    Environment,
    ExchangeUrl,
    MaybeKind,
    MaybeSymbol,
    MaybeUntil,
    OnlyTimeframe,
    Since,
    SyncSetting,
    funding_has_no_timeframe,
    window_is_ordered,
)
from flows.cli.shell import Shell
from flows.defaults import DEFAULT_KINDS, DEFAULT_URL

if TYPE_CHECKING:
    from prefect import Flow
    from rich.console import Console

DAY_S = 86_400
#: A host clock this far off the venue's is worth a line; the sync goes by the venue's time.
DRIFT_SHOWN_MS = 250


def register(app: typer.Typer) -> None:
    """Add the commands to ``data``."""

    @command(
        app,
        "sync",
        examples=[
            "lockstep data sync --symbol BTCUSDT --timeframe 1m --since 2026-01-01",
            "lockstep data sync --symbol BTCUSDT --symbol ETHUSDT --timeframe 5m "
            "--since 2026-01-01 --until 2026-02-01 --kinds kline,funding",
        ],
        rules=[window_is_ordered],
    )
    def sync(
        shell: Shell,
        symbol: Annotated[
            list[str],
            typer.Option(metavar="SYMBOL", help="The venue's symbol; may be given several times."),
        ],
        since: Since,
        until: MaybeUntil = None,
        timeframe: Annotated[str, typer.Option(metavar="TF", help="Of candles.")] = "1m",
        kinds: Annotated[
            str,
            typer.Option(
                metavar="LIST",
                help="Of kline, mark, index, funding, open_interest, instruments, risk_tiers.",
            ),
        ] = ",".join(DEFAULT_KINDS),
        more: Annotated[
            list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="More symbols.")
        ] = None,
        env: Environment = "backtest",
        exchange_url: ExchangeUrl = DEFAULT_URL,
        setting: SyncSetting = None,
    ) -> int:
        """Bring a store up to date with the venue: only what it lacks is fetched.

        Exit code 1 if anything is missing in the end; the next sync asks for exactly that.
        """
        from flows.requests import SyncRequest, inspect_sync, sync_settings

        request = SyncRequest(
            home=str(shell.home.base),
            artifacts=str(shell.home.artifacts),
            env=env,
            symbols=tuple(s for text in (*symbol, *(more or ())) for s in text.split(",") if s),
            timeframe=timeframe,
            since_ms=since,
            until_ms=until,
            kinds=tuple(kind.strip() for kind in kinds.split(",") if kind.strip()),
            exchange_url=exchange_url,
            settings=sync_settings(setting or ()),
        )
        inspect_sync(request)
        shell.orchestrate()
        from flows.sync import sync as sync_flow

        document = _report_of(shell, sync_flow, request)
        shell.answer(document, lambda console: _show(console, document))
        return OK if document["state"] == "Completed" else NOT_GOOD

    @command(
        app,
        "verify",
        examples=["lockstep data verify", "lockstep data verify --symbol BTCUSDT --pages 20"],
        rules=[funding_has_no_timeframe],
    )
    def verify(
        shell: Shell,
        symbol: MaybeSymbol = None,
        timeframe: OnlyTimeframe = None,
        kind: MaybeKind = None,
        pages: Annotated[
            int, typer.Option(metavar="N", min=1, help="Pages of each series to fetch again.")
        ] = 3,
        seed: Annotated[
            int | None,
            typer.Option(metavar="N", min=0, help="Which pages; the day's number if unsaid."),
        ] = None,
        env: Environment = "backtest",
        exchange_url: ExchangeUrl = DEFAULT_URL,
        setting: SyncSetting = None,
    ) -> int:
        """Fetch a sample of what is held again and compare; rewritten rows are taken over.

        Exit code 1 if the venue and the store differ, or the store's invariants do not hold.
        """
        from flows.requests import VerifyRequest, sync_settings
        from tasks.download.address import endpoint_of

        request = VerifyRequest(
            home=str(shell.home.base),
            artifacts=str(shell.home.artifacts),
            env=env,
            exchange_url=endpoint_of(exchange_url),
            symbol=symbol,
            kind=kind,
            timeframe=timeframe,
            pages=pages,
            seed=int(time.time()) // DAY_S if seed is None else seed,
            settings=sync_settings(setting or ()),
        )
        with request.store.writer() as writer:
            request.chosen(writer.series())
        shell.orchestrate()
        from flows.verify_data import verify_data

        document = _report_of(shell, verify_data, request)
        shell.answer(document, lambda console: _show(console, document))
        return OK if document["state"] == "Completed" else NOT_GOOD


def _report_of(shell: Shell, flow: Flow[..., Any], request: object) -> dict[str, Any]:
    """The report a flow ends with, whatever its state; an error of the flow's is raised."""
    with shell.progress():
        state = flow(request, return_state=True)
        found = state.result(raise_on_failure=False)
    if isinstance(found, BaseException):
        raise found
    document: dict[str, Any] = found
    return document


def _show(console: Console, document: Mapping[str, Any]) -> None:
    from flows.cli.tables import listing, minute

    def span(intervals: list[list[int]]) -> str:
        if not intervals:
            return "-"
        return f"{minute(intervals[0][0])} .. {minute(intervals[-1][1])}"

    rows = [
        (
            item["symbol"],
            item["kind"],
            item["timeframe"] or "-",
            item["status"],
            f"{item['rows']:,}",
            span(item["obtained"]),
            len(item["missing"]),
            item["cause"] or "",
        )
        for item in document["items"]
    ]
    columns = ("symbol", "kind", "timeframe", "status", "rows", "obtained (UTC)", "holes", "cause")
    console.print(listing(columns, rows))
    if abs(document.get("drift_ms") or 0) > DRIFT_SHOWN_MS:
        console.print(f"the host's clock is {document['drift_ms']:,} ms off the venue's")
    for problem in document.get("problems", []):
        console.print(f"problem: {problem}", markup=False)
    for audit in document.get("aggregates", []):
        series = f"{audit['symbol']} {audit['kind']} {audit['timeframe']} from {audit['base']}"
        console.print(f"{series}: {audit['differing']:,} of {audit['bars']:,} candles differ")
    for run in document["affected_runs"]:
        console.print(f"run {run['run_id'][:16]}: {run['reason']}", markup=False)
    snapshot = document["snapshot"]
    console.print(
        f"{document['state']}, environment {document['env']}, snapshot "
        f"{snapshot[:16] if snapshot else 'none'}",
        markup=False,
    )
    if document.get("quality_page"):
        console.print(f"quality: {document['quality_page']}", markup=False, soft_wrap=True)
