"""``lockstep data repair``, ``prune`` and ``vacuum``: keeping a store in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from flows.cli.command import command
from flows.cli.errors import NOT_GOOD, OK
from flows.cli.options import DryRun, Environment
from flows.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the commands to ``data``."""

    @command(
        app, "repair", examples=["lockstep data repair --dry-run", "lockstep data repair --json"]
    )
    def repair(shell: Shell, dry_run: DryRun = False, env: Environment = "backtest") -> int:
        """Find what a store's invariants do not allow and mend it; rows are never lost.

        Exit code 1 if something is left that it cannot mend.
        """
        from flows.upkeep import repair as mend
        from tasks.store import Store

        document = mend(Store(shell.home.base, env).existing(), dry_run=dry_run)
        shell.answer(document, lambda console: _show_repair(console, document))
        return NOT_GOOD if document["problems"] and not dry_run else OK

    @command(
        app, "prune", examples=["lockstep data prune --dry-run", "lockstep data prune --env live"]
    )
    def prune(shell: Shell, dry_run: DryRun = False, env: Environment = "backtest") -> int:
        """Remove old snapshots that no committed run refers to."""
        from flows.upkeep import prune as remove
        from tasks.store import Store

        store = Store(shell.home.base, env).existing()
        document = remove(store, shell.home.artifacts, dry_run=dry_run)
        shell.answer(document, lambda console: _show_prune(console, document))
        return OK

    @command(app, "vacuum", examples=["lockstep data vacuum"])
    def vacuum(shell: Shell, env: Environment = "backtest") -> int:
        """Give the space of deleted rows back to the disk."""
        from tasks.store import Store

        before, after = Store(shell.home.base, env).existing().vacuum()
        document = {"env": env, "bytes_before": before, "bytes_after": after}
        shell.answer(
            document,
            lambda console: console.print(f"{before:,} bytes before, {after:,} after"),
        )
        return OK


def _show_repair(console: Console, document: Mapping[str, Any]) -> None:
    from flows.cli.tables import listing

    if not document["actions"]:
        console.print("nothing to mend")
    else:
        rows = [
            (a["action"], a["subject"], len(a["intervals"]), a["rows"]) for a in document["actions"]
        ]
        console.print(listing(("action", "subject", "intervals", "rows"), rows))
    if document["dry_run"]:
        console.print("dry run: nothing was changed")
    for problem in [] if document["dry_run"] else document["problems"]:
        console.print(f"left: {problem}", markup=False)


def _show_prune(console: Console, document: Mapping[str, Any]) -> None:
    from flows.cli.tables import listing

    rows = [(kept["snapshot"][:16], "kept", kept["runs"]) for kept in document["kept"]]
    word = "would go" if document["dry_run"] else "removed"
    rows += [(name[:16], word, 0) for name in document["removed"]]
    console.print(listing(("snapshot", "what", "runs"), rows))
    console.print(f"{document['files']:,} files, {document['bytes']:,} bytes: {word}")
