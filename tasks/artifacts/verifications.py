"""What is said about a run after it was committed: ``verifications/<run_id>/<n>.json``.

A run's folder is never touched again, so every later recomputation is recorded beside it: one
numbered file each, write-once, with its own digest. An attempt whose outputs differ is kept whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.canonical import hash_value
from engine.errors import ArtifactError
from tasks.artifacts.manifest import decode_json, encode_json

RECORD_SCHEMA = 1


def record_verification(root: Path, run_id: str, record: Mapping[str, Any]) -> Path:
    """Write ``record`` under the run's next free number; returns its path."""
    area = root / "verifications" / run_id
    area.mkdir(parents=True, exist_ok=True)
    body = {"schema_version": RECORD_SCHEMA, "run_id": run_id, **record}
    data = encode_json({"record": body, "sha256": hash_value(body)})
    with tempfile.NamedTemporaryFile(dir=area, prefix=".", suffix=".tmp") as scratch:
        scratch.write(data)
        scratch.flush()
        os.fsync(scratch.fileno())
        number = 1 + max((int(p.stem) for p in _numbered(area)), default=0)
        while True:
            path = area / f"{number}.json"
            try:
                os.link(scratch.name, path)
            except FileExistsError:
                number += 1
                continue
            break
    path.chmod(0o644)
    fsync_directory(area)
    return path


def read_verifications(root: Path, run_id: str) -> list[dict[str, Any]]:
    """All records of a run in order, each checked against its digest; ArtifactError if damaged."""
    records = []
    area = root / "verifications" / run_id
    for path in sorted(_numbered(area), key=lambda p: int(p.stem)):
        held = decode_json(path.read_bytes(), str(path))
        if not isinstance(held, dict) or held.get("sha256") != hash_value(held.get("record")):
            raise ArtifactError(f"{path.name} is not what was recorded", where=str(path))
        records.append(held["record"])
    return records


def keep_attempt(root: Path, run_id: str, attempt: Path) -> Path:
    """Move an attempt whose outputs differ to ``verifications/<run_id>/attempt-<n>``."""
    area = root / "verifications" / run_id
    area.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        kept = area / f"attempt-{number}"
        try:
            kept.mkdir()
        except FileExistsError:
            number += 1
            continue
        attempt.rename(kept)  # over the empty directory that claimed the number
        fsync_directory(area)
        return kept


def fsync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _numbered(area: Path) -> list[Path]:
    return [p for p in area.glob("*.json") if p.stem.isdecimal()] if area.is_dir() else []
