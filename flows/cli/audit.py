"""``lockstep audit``: prove runs again, compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command import command
from flows.cli.errors import NOT_GOOD, OK
from flows.cli.options import Run
from flows.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="Proofs: rerun a run in a fresh process, compare two, say why they differ.")

OtherRun = Annotated[
    str, typer.Argument(metavar="B", help="The run to compare with, named like the first.")
]


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="audit")


@command(
    app,
    "rerun",
    examples=["lockstep audit rerun 3f9c2a7be1d04c55", "lockstep audit rerun 3f9c2a7b --pinned"],
)
def rerun(
    shell: Shell,
    run: Run,
    pinned: Annotated[
        bool, typer.Option("--pinned", help="Read the snapshot the run pinned, not today's rows.")
    ] = False,
) -> int:
    """Run it again from its manifest alone: other process, hash seed, time zone and chunking.

    Exits 0 only on the verdict IDENTICAL.
    """
    from flows.requests import RerunRequest
    from tasks.artifacts import open_run

    folder = open_run(shell.home.artifacts, run)
    request = RerunRequest(
        home=str(shell.home.base),
        artifacts=str(shell.home.artifacts),
        run=str(folder.path),
        pinned=pinned,
    )
    shell.orchestrate()
    from flows.audit import audit_rerun

    with shell.progress():
        state = audit_rerun(request, return_state=True)
        document = state.result(raise_on_failure=False)
        if isinstance(document, BaseException):
            raise document
    shell.answer(document, lambda console: _show(console, document))
    return OK if document["verdict"] == "IDENTICAL" else NOT_GOOD


@command(app, "compare", examples=["lockstep audit compare 3f9c2a7b 81d0ee42"])
def compare(shell: Shell, run: Run, other: OtherRun) -> int:
    """Compare the outputs of two runs, every hash computed anew from the tables.

    Exits 0 only on the verdict IDENTICAL.
    """
    from tasks.artifacts import find_run
    from tasks.compare import compare as compare_folders

    a, b = (find_run(shell.home.artifacts, reference) for reference in (run, other))
    document = compare_folders(a, b).to_dict()
    shell.answer(document, lambda console: _show(console, document))
    return OK if document["verdict"] == "IDENTICAL" else NOT_GOOD


@command(app, "why", examples=["lockstep audit why 3f9c2a7b 81d0ee42"])
def why(shell: Shell, run: Run, other: OtherRun) -> int:
    """List the inputs in which two runs differ: play, config, data, code."""
    from tasks.artifacts import find_run
    from tasks.compare import why as differing

    a, b = (find_run(shell.home.artifacts, reference) for reference in (run, other))
    found = differing(a, b)

    def show(console: Console) -> None:
        from flows.cli.tables import listing

        if not found:
            console.print("the inputs are the same")
            return
        rows = [(leaf["leaf"], _side(leaf, "a"), _side(leaf, "b")) for leaf in found]
        console.print(listing(("input", "a", "b"), rows))

    shell.answer({"differences": found}, show)
    return OK


def _show(console: Console, document: Mapping[str, Any]) -> None:
    from flows.cli.tables import facts, listing

    shown = {"verdict": document["verdict"], "why": document["reason"]}
    console.print(facts({name: value for name, value in shown.items() if value}))
    if document["differences"]:
        columns = ("leaf", "row", "column", "a", "b")
        rows = [[difference[name] for name in columns] for difference in document["differences"]]
        console.print(listing(columns, rows))


def _side(leaf: Mapping[str, Any], side: str) -> Any:
    return "(absent)" if leaf["absent"] == side else leaf[side]
