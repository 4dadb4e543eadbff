"""``lockstep data``: bring market data in, and say what is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import sync, upkeep
from flows.cli.command import command
from flows.cli.errors import OK, UNUSABLE, Failure
from flows.cli.options import (
    Environment,
    Kind,
    MaybeKind,
    MaybeSince,
    MaybeSymbol,
    MaybeTimeframe,
    MaybeUntil,
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

#: After any time there is data of.
FOREVER_MS = 2**62

app = typer.Typer(help="Market data: sync, import, generate, export, verify, keep in order.")


def register(parent: typer.Typer) -> None:
    sync.register(app)
    upkeep.register(app)
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
    if not document["rejected"]:
        return OK
    first = document["rejected"][0]
    shell.complain(
        Failure(
            "ROWS_REJECTED",
            f"nothing stored: {document['rejected_rows']} of the rows are bad",
            where=f"{request.file}, row {first['row']}: {first['reason']}",
            hint="mend the rows in the file and import it again",
        )
    )
    return UNUSABLE


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
        str,
        typer.Option(
            metavar="P", help="A named shape: mixed, trend_up, range, squeeze, crash, halt ..."
        ),
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


def _look(name: str, example: str, what: str, show: Callable[..., None]) -> None:
    """Register a command that shows what an environment's store holds, in one way."""

    def look(
        shell: Shell,
        symbol: MaybeSymbol = None,
        timeframe: OnlyTimeframe = None,
        kind: MaybeKind = None,
        env: Environment = "backtest",
    ) -> int:
        from flows.holdings import holdings
        from tasks.store import Store

        snapshot = Store(shell.home.base, env).snapshot()
        document = holdings(snapshot, symbol=symbol, kind=kind, timeframe=timeframe)
        if name == "gaps":
            document["items"] = [item for item in document["items"] if item["missing"]]
        shell.answer(document, lambda console: show(console, document))
        return OK

    look.__doc__ = what
    examples = [f"lockstep data {name}", f"lockstep data {name} {example}"]
    command(app, name, examples=examples, rules=[funding_has_no_timeframe])(look)


@command(
    app,
    "export",
    examples=[
        "lockstep data export btc.parquet --symbol BTCUSDT --kind kline --timeframe 1m",
        "lockstep data export funding.parquet --symbol BTCUSDT --kind funding --since 2026-01-01",
    ],
    rules=[window_is_ordered, funding_has_no_timeframe],
)
def export(
    shell: Shell,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The Parquet file to write.")],
    symbol: Symbol,
    kind: Kind,
    timeframe: MaybeTimeframe = None,
    since: MaybeSince = None,
    until: MaybeUntil = None,
    env: Environment = "backtest",
) -> int:
    """Write a series as one canonical Parquet file: equal rows, equal bytes."""
    from tasks.store import Series, Store, export_series

    snapshot = Store(shell.home.base, env).snapshot()
    series = Series.of(symbol, kind, timeframe if kind == "funding" else timeframe or "1m")
    bounds = (0 if since is None else since, FOREVER_MS if until is None else until)
    written = export_series(snapshot, series, file, *bounds)
    document = {
        "env": env,
        "symbol": symbol,
        "kind": kind,
        "timeframe": series.timeframe_text,
        "file": str(file),
        "snapshot": snapshot.id,
        "rows": written.rows,
        "sha256": written.sha256,
    }
    shell.answer(
        document,
        lambda console: console.print(
            f"{written.rows:,} rows of {series} in {file}, sha256 {written.sha256}", markup=False
        ),
    )
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


def _show_intervals(console: Console, document: Mapping[str, Any], which: str) -> None:
    from engine.timeframe import format_ms
    from flows.cli.tables import listing

    rows = [
        (item["symbol"], item["kind"], item["timeframe"] or "-", format_ms(start), format_ms(end))
        for item in document["items"]
        for start, end in item[which]
    ]
    columns = ("symbol", "kind", "timeframe", "from (UTC)", "until")
    console.print(listing(columns, rows) if rows else "none")


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


_look(
    "status",
    "--symbol BTCUSDT --kind kline --json",
    "What an environment's store holds, and what it lacks in between.",
    _show_items,
)
_look(
    "coverage",
    "--symbol BTCUSDT --json",
    "Every interval that is known complete, one a line.",
    partial(_show_intervals, which="obtained"),
)
_look(
    "gaps",
    "--symbol ADAUSDT --timeframe 1m",
    "Every hole between the first and the last row of a series, one a line.",
    partial(_show_intervals, which="missing"),
)
