"""``lockstep data``: bring market data in, and say what is there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command import command
from flows.cli.errors import OK, UNUSABLE
from flows.cli.options import (
    Environment,
    Kind,
    MaybeKind,
    MaybeSymbol,
    MaybeTimeframe,
    OnlyTimeframe,
    Since,
    Symbol,
    Until,
    funding_has_no_timeframe,
    window_is_ordered,
)
from flows.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="Market data: import, generate, look at what is held.")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="data")


@command(
    app,
    "import",
    examples=[
        "lockstep data import BTCUSDT_5m.parquet --symbol BTCUSDT --kind kline --timeframe 5m",
        "lockstep data import funding.csv --symbol BTCUSDT --kind funding",
    ],
    rules=[funding_has_no_timeframe],
)
def import_(
    shell: Shell,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .parquet or .csv file.")],
    symbol: Symbol,
    kind: Kind,
    timeframe: MaybeTimeframe = None,
    env: Environment = "backtest",
) -> int:
    """Bring a file's rows into a store: all of them, or, if any is bad, none."""
    from flows.requests import ImportRequest, inspect_import

    request = ImportRequest(
        home=str(shell.home.base),
        file=str(file),
        symbol=symbol,
        kind=kind,
        timeframe=timeframe if kind == "funding" else timeframe or "1m",
        env=env,
    )
    document = inspect_import(request, time.time_ns() // 1_000_000)
    if document is None:
        shell.orchestrate()
        from flows.imports import import_data

        with shell.progress():
            document = import_data(request)
    shell.answer(document, lambda console: _show_import(console, document))
    return UNUSABLE if document["rejected"] else OK


@command(
    app,
    "generate",
    examples=[
        "lockstep data generate --pattern mixed --symbol BTCUSDT --since 2026-01-01 "
        "--until 2026-03-01 --seed 7",
    ],
    rules=[window_is_ordered],
)
def generate(
    shell: Shell,
    pattern: Annotated[
        str, typer.Option(metavar="P", help="mixed, trend_up, trend_down, range or crash.")
    ],
    symbol: Symbol,
    since: Since,
    until: Until,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Equal seeds, equal markets.")],
    env: Environment = "backtest",
) -> int:
    """Make up a market (one-minute candles, mark price, funding) and store it as if imported."""
    from flows.requests import GenerateRequest, inspect_generate

    request = GenerateRequest(
        home=str(shell.home.base),
        pattern=pattern,
        symbol=symbol,
        since_ms=since,
        until_ms=until,
        seed=seed,
        env=env,
    )
    inspect_generate(request)
    shell.orchestrate()
    from flows.imports import generate_data

    with shell.progress():
        document = generate_data(request)
    shell.answer(document, lambda console: _show_items(console, document))
    return OK


@command(
    app,
    "status",
    examples=["lockstep data status", "lockstep data status --symbol BTCUSDT --kind kline --json"],
    rules=[funding_has_no_timeframe],
)
def status(
    shell: Shell,
    symbol: MaybeSymbol = None,
    timeframe: OnlyTimeframe = None,
    kind: MaybeKind = None,
    env: Environment = "backtest",
) -> int:
    """What an environment's store holds, and what it lacks in between."""
    from flows.holdings import holdings
    from tasks.store import Store

    document = holdings(
        Store(shell.home.base, env).snapshot(), symbol=symbol, kind=kind, timeframe=timeframe
    )
    shell.answer(document, lambda console: _show_items(console, document))
    return OK


def _show_import(console: Console, document: Mapping[str, Any]) -> None:
    from engine.timeframe import format_ms
    from flows.cli.tables import facts, listing

    series = f"{document['symbol']} {document['kind']} {document['timeframe'] or ''}".rstrip()
    if document["rejected"]:
        console.print(
            f"nothing stored: {document['rejected_rows']:,} of the rows of {series} are bad",
            markup=False,
        )
        shown = document["rejected"][:20]
        console.print(listing(("row", "reason"), [(r["row"], r["reason"]) for r in shown]))
        if document["rejected_rows"] > len(shown):
            console.print(f"... and {document['rejected_rows'] - len(shown):,} more rows")
        return
    console.print(
        facts(
            {
                "series": series,
                "rows": f"{document['rows']:,}",
                "new": f"{document['added']:,}",
                "revised": f"{document['revised']:,}",
                "first": format_ms(document["first_ms"]),
                "last": format_ms(document["last_ms"]),
                "quality": document["quality"],
                "snapshot": document["snapshot"][:16],
            }
        )
    )


def _show_items(console: Console, document: Mapping[str, Any]) -> None:
    from flows.cli.tables import listing, minute

    console.print(
        f"environment {document['env']}, snapshot {document['snapshot'][:16]}", markup=False
    )
    console.print(
        listing(
            ("symbol", "kind", "timeframe", "rows", "from (UTC)", "until", "status", "holes"),
            [
                (
                    item["symbol"],
                    item["kind"],
                    item["timeframe"] or "-",
                    f"{item['rows']:,}",
                    minute(item["obtained"][0][0]),
                    minute(item["obtained"][-1][1]),
                    item["status"],
                    len(item["missing"]),
                )
                for item in document["items"]
            ],
        )
    )
