"""Removing snapshots that no run refers to, and month files that no snapshot left refers to.

The current snapshot and those that runs have pinned are kept, always; so is what is unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.store.door import under_lock
from tasks.store.publish import CURRENT_FILE, snapshots_directory
from tasks.store.writer import StoreWriter


@dataclass(frozen=True, slots=True)
class Prune:
    """What a prune keeps and removes: snapshot ids with the runs that pin them, and files."""

    kept: dict[str, int]
    removed: tuple[str, ...]
    files: tuple[Path, ...] = field(repr=False)
    bytes: int


@under_lock
def plan_prune(writer: StoreWriter, pins: Mapping[str, int]) -> Prune:
    """What a prune would do; ``pins`` counts the runs that refer to each snapshot."""
    directory = snapshots_directory(writer.directory)
    manifests = {path.stem: path for path in sorted(directory.glob("*.json"))}
    current_file = directory / CURRENT_FILE
    current = current_file.read_text() if current_file.is_file() else ""
    kept = {name: pins.get(name, 0) for name in manifests if name == current or name in pins}
    used = {name for snapshot in kept for name in objects_of(manifests[snapshot])}
    removed = tuple(name for name in manifests if name not in kept)
    files = [manifests[name] for name in removed]
    files += [path for path in sorted((directory / "objects").glob("*")) if path.name not in used]
    return Prune(kept, removed, tuple(files), sum(path.stat().st_size for path in files))


@under_lock
def apply_prune(writer: StoreWriter, prune: Prune) -> None:
    """Remove what a plan lists, manifests first: no snapshot is ever left without its files."""
    for path in prune.files:
        path.unlink(missing_ok=True)


def objects_of(manifest: Path) -> set[str]:
    """The names of the files a snapshot's manifest refers to."""
    content: dict[str, Any] = json.loads(manifest.read_bytes())
    names = {month["sha256"] for entry in content["series"] for month in entry["months"]}
    if content["revisions"]:
        names.add(content["revisions"]["sha256"])
    return {f"{name}.arrow" for name in names}
