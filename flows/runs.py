"""Runs between request and document: prepared from a request, found again, shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ArtifactError
from tasks.artifacts import RunFolder, open_run, read_verifications

if TYPE_CHECKING:
    from flows.requests import BacktestRequest
    from tasks.run import PreparedRun


def prepare(request: BacktestRequest) -> PreparedRun:
    """The request's run, resolved against its store's current snapshot and read."""
    from engine.config import RunConfig
    from tasks.run import prepare_run

    return prepare_run(
        request.store,
        request.play.load(),
        RunConfig.from_resolved(request.config),
        request.since_ms,
        request.until_ms,
    )


def find_existing(root: Path, run_id: str) -> RunFolder | None:
    """The committed run of this id with every byte verified, or None if there is none."""
    try:
        return open_run(root, run_id)
    except ArtifactError as error:
        if error.code == "RUN_UNKNOWN":
            return None
        raise


def last_verdict(root: Path, run_id: str) -> str | None:
    """The verdict of the run's latest rerun in a fresh process; None if it was never rerun."""
    reruns = [r["verdict"] for r in read_verifications(root, run_id) if r["kind"] == "rerun"]
    return str(reruns[-1]) if reruns else None


def proved(root: Path, run_id: str) -> bool:
    """Whether the run's latest rerun found it identical."""
    return last_verdict(root, run_id) == "IDENTICAL"


def _root_of(folder: RunFolder, root: Path) -> Path:
    """Where the run's verifications lie: ``root``, unless the run was named by a path elsewhere,
    whose own root is above ``runs/<play>/<symbol>/<run_id>``."""
    path = folder.path.resolve()
    return root if path.is_relative_to(root.resolve()) else path.parents[3]


def run_document(root: Path, folder: RunFolder, **more: Any) -> dict[str, Any]:
    """A run as the command line shows it; metrics carry their units, times are epoch ms UTC."""
    summary, inputs = folder.summary(), folder.inputs
    return {
        "run_id": folder.run_id,
        "result_hash": folder.result_hash,
        "status": folder.status,
        "verdict": last_verdict(_root_of(folder, root), folder.run_id),
        **more,
        "directory": str(folder.path),
        "report": None if folder.report is None else str(folder.report),
        "play": folder.manifest["play"]["name"],
        "play_hash": folder.manifest["play"]["play_hash"],
        "symbol": inputs["window"]["symbol"],
        "since_ms": inputs["window"]["since_ms"],
        "until_ms": inputs["window"]["until_ms"],
        "env": inputs["data"]["environment"],
        "metrics": summary["metrics"],
        "trades": folder.table("trades").num_rows,
        "flags": summary["flags"],
        "warnings": summary["warnings"],
    }
