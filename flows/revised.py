"""Which runs read rows that the venue has rewritten since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import DataError
from tasks.artifacts import list_runs
from tasks.artifacts.folder import sealed_manifest
from tasks.store import Snapshot
from tasks.window import recorded_series, require_same_rows


def affected_runs(artifacts: Path, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Committed runs of the snapshot's environment whose rows it no longer holds as they were read.

    Each with its id, folder and ``reason``: the series and the first UTC day that differs.
    """
    affected = []
    for entry in list_runs(artifacts):
        if entry.problem is not None:
            continue
        inputs = sealed_manifest(entry.path)["inputs"]
        if inputs["data"]["environment"] != snapshot.env:
            continue
        try:
            require_same_rows(snapshot, recorded_series(inputs))
        except DataError as error:
            affected.append(
                {
                    "run_id": entry.run_id,
                    "play": entry.play,
                    "directory": str(entry.path),
                    "reason": error.message,
                }
            )
    return affected
