"""Keeping a store in order: each plan said, and carried out unless only the plan is wanted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ArtifactError

if TYPE_CHECKING:
    from tasks.store import Store


def repair(store: Store, *, dry_run: bool) -> dict[str, Any]:
    """Mend a store; ``{env, dry_run, actions, problems}``, the problems that are left."""
    from tasks.store import apply_repair, plan_repair

    with store.writer() as writer:
        repairs = plan_repair(writer)
        if not dry_run:
            apply_repair(writer, repairs)
        return {
            "env": store.env,
            "dry_run": dry_run,
            "actions": [one.to_dict() for one in repairs],
            "problems": writer.problems(),
        }


def prune(store: Store, artifacts: Path, *, dry_run: bool) -> dict[str, Any]:
    """Remove snapshots no run refers to; ``{env, dry_run, kept, removed, files, bytes}``.

    Raises ArtifactError if a run cannot be read: what it refers to is unknown, so nothing is
    removed.
    """
    from tasks.store import apply_prune, plan_prune

    pins = pinned_snapshots(artifacts, store.env)
    with store.writer() as writer:
        plan = plan_prune(writer, pins)
        if not dry_run:
            apply_prune(writer, plan)
    return {
        "env": store.env,
        "dry_run": dry_run,
        "kept": [{"snapshot": name, "runs": runs} for name, runs in plan.kept.items()],
        "removed": list(plan.removed),
        "files": len(plan.files),
        "bytes": plan.bytes,
    }


def pinned_snapshots(artifacts: Path, env: str) -> Counter[str]:
    """How many committed runs of an environment refer to each snapshot."""
    from tasks.artifacts import list_runs
    from tasks.artifacts.folder import sealed_manifest

    pins: Counter[str] = Counter()
    for entry in list_runs(artifacts):
        if entry.problem is not None:
            raise ArtifactError(
                f"run {entry.run_id[:16]} cannot be read, so the snapshot it needs is unknown",
                where=str(entry.path),
                hint="restore or remove that run first; nothing was pruned",
            )
        manifest = sealed_manifest(entry.path)
        if manifest["inputs"]["data"]["environment"] == env:
            pins[manifest["audit"]["snapshot_id"]] += 1
    return pins
