"""``lockstep backtest``: run a play over history, and look at runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command import command
from flows.cli.errors import NOT_GOOD, OK
from flows.cli.options import Environment, MaybeSince, MaybeUntil, Play, Run, window_is_ordered
from flows.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="Backtests: run a play, list runs, show one, find its report.")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="backtest")


@command(
    app,
    "run",
    examples=[
        "lockstep backtest run plays/ema_pullback.yml --since 2026-01-01 --until 2026-03-01",
        "lockstep backtest run plays/ema_pullback.yml --set equity=500 --set fees.taker=4bps",
    ],
    rules=[window_is_ordered],
)
def run(
    shell: Shell,
    play: Play,
    since: MaybeSince = None,
    until: MaybeUntil = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="Run it on this symbol, not the play's.")
    ] = None,
    env: Environment = "backtest",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A run config, YAML.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One key of the run config; repeatable."),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not prove the run again in a fresh process.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Compute the run again even if it exists.")
    ] = False,
) -> int:
    """Run a play over an environment's data, commit the run, and prove it again.

    A run that exists is verified and returned without computing it again.
    """
    from flows.config_file import read_config
    from flows.plays import find_play
    from flows.requests import BacktestRequest, PlaySource
    from flows.runs import find_existing, prepare, proved, run_document

    request = BacktestRequest(
        home=str(shell.home.base),
        artifacts=str(shell.home.artifacts),
        env=env,
        play=PlaySource.of(find_play(play, market=symbol)),
        config=read_config(config, assignments or []).resolved(),
        since_ms=since,
        until_ms=until,
        verify=not no_verify,
        force=force,
    )
    root = shell.home.artifacts
    prepared = prepare(request)
    existing = None if force else find_existing(root, prepared.run_id)
    if existing is not None and (no_verify or proved(root, prepared.run_id)):
        document = run_document(root, existing, reused=True)
    else:
        shell.orchestrate()
        from flows.backtest import backtest

        with shell.progress():
            document = backtest(request)
    shell.answer(document, lambda console: _show_run(console, document))
    return OK if document["verdict"] in (None, "IDENTICAL") else NOT_GOOD


@command(app, "list", examples=["lockstep backtest list"])
def list_(shell: Shell) -> int:
    """The committed runs, newest first."""
    from tasks.artifacts import list_runs

    runs = [
        {
            "run_id": entry.run_id,
            "play": entry.play,
            "symbol": entry.symbol,
            "status": entry.status,
            "result_hash": entry.result_hash,
            "committed_ms": entry.committed_ms,
            "directory": str(entry.path),
            "problem": entry.problem,
        }
        for entry in list_runs(shell.home.artifacts)
    ]
    shell.answer({"runs": runs}, lambda console: _show_list(console, runs))
    return OK


@command(app, "show", examples=["lockstep backtest show 3f9c2a7be1d04c55"])
def show(shell: Shell, run: Run) -> int:
    """One run: its metrics, what was assumed, how its equity went. Every byte is verified first."""
    from flows.runs import run_document
    from tasks.artifacts import open_run

    root = shell.home.artifacts
    folder = open_run(root, run)
    document = run_document(root, folder, config=folder.inputs["config"])

    def render(console: Console) -> None:
        from flows.cli.tables import sparkline

        _show_run(console, document)
        equity = folder.table("equity").column("equity_usdt").to_numpy()
        if len(equity):
            console.print(f"equity {sparkline(equity)}")

    shell.answer(document, render)
    return OK


@command(app, "report", examples=["lockstep backtest report 3f9c2a7be1d04c55"])
def report(shell: Shell, run: Run) -> int:
    """The path of a run's HTML report; the run is verified first."""
    from engine.errors import ArtifactError
    from tasks.artifacts import open_run

    folder = open_run(shell.home.artifacts, run)
    if folder.report is None:
        raise ArtifactError(
            "the run has no report",
            where=str(folder.path),
            hint="it was committed without one",
            code="REPORT_MISSING",
        )
    document = {"run_id": folder.run_id, "report": str(folder.report)}
    shell.answer(
        document, lambda console: console.print(document["report"], markup=False, soft_wrap=True)
    )
    return OK


def _show_run(console: Console, document: Mapping[str, Any]) -> None:
    from engine.timeframe import format_ms
    from flows.cli.tables import facts, listing, metric_rows

    window = f"{format_ms(document['since_ms'])} to {format_ms(document['until_ms'])}"
    reused = " (it was there already)" if document.get("reused") else ""
    console.print(
        facts(
            {
                "play": f"{document['play']} on {document['symbol']}",
                "window": f"{window}, environment {document['env']}",
                "run": document["run_id"][:16] + reused,
                "result": document["result_hash"][:16],
                "status": document["status"],
                "rerun": document["verdict"] or "not proved again",
                "trades": f"{document['trades']:,}",
            }
        )
    )
    console.print(listing(("metric", "value", "unit"), metric_rows(document["metrics"])))
    for warning in document["warnings"]:
        console.print(f"warning: {warning}", markup=False)
    assumed = ", ".join(f"{name} {value}" for name, value in sorted(document["flags"].items()))
    console.print(f"assumed: {assumed}", markup=False)
    console.print(f"folder: {document['directory']}", markup=False, soft_wrap=True)
    if document["report"]:
        console.print(f"report: {document['report']}", markup=False, soft_wrap=True)


def _show_list(console: Console, runs: list[dict[str, Any]]) -> None:
    from flows.cli.tables import listing, minute

    rows = [
        (
            run["run_id"][:16],
            run["play"],
            run["symbol"],
            run["problem"] or run["status"],
            "-" if run["committed_ms"] is None else minute(run["committed_ms"]),
        )
        for run in runs
    ]
    console.print(listing(("run", "play", "symbol", "status", "committed (UTC)"), rows))
