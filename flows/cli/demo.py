"""``lockstep demo``: the main job end to end on generated data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from flows.cli.command import command
from flows.cli.errors import NOT_GOOD, OK
from flows.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console


def register(parent: typer.Typer) -> None:
    @command(parent, "demo", examples=["lockstep demo", "lockstep demo --home /tmp/lockstep"])
    def demo(shell: Shell) -> int:
        """Sync a generated market, check it, backtest a play, and prove the run in a fresh process.

        Needs no network, no keys, no other service.
        """
        shell.orchestrate()
        with shell.progress() as progress:
            progress.step("starting Prefect's own server on this machine")
            from flows.demo import demo as run_demo
            from flows.demo import requests

            document = run_demo(*requests(shell.home))
        shell.answer(document, lambda console: _show(console, document))
        return OK if document["verdict"] == "IDENTICAL" else NOT_GOOD


def _show(console: Console, document: Mapping[str, Any]) -> None:
    from flows.cli.tables import facts, listing

    rows = [(s["name"], s["status"], s["what"]) for s in document["steps"]]
    console.print(listing(("step", "status", "what"), rows))
    console.print(facts({"run": document["run_id"], "result": document["result_hash"]}))
    console.print(f"artifacts: {document['directory']}", markup=False, soft_wrap=True)
    console.print(f"report: {document['report']}", markup=False, soft_wrap=True)
