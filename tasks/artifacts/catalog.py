"""Finding runs: by id, by a unique prefix of it, by path; and listing them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ArtifactError
from tasks.artifacts.folder import RunFolder, open_folder, sealed_manifest
from tasks.artifacts.manifest import is_sha256

MIN_PREFIX = 8
_PREFIX = re.compile(r"[0-9a-f]{8,64}\Z")


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of the list: a run whose manifest is sealed, or ``problem`` saying what is wrong.

    ``committed_ms`` is the time the manifest's audit part tells, or None.
    """

    path: Path
    run_id: str
    play: str
    symbol: str
    status: str | None
    result_hash: str | None
    committed_ms: int | None
    problem: str | None


def _run_paths(root: Path) -> list[Path]:
    return sorted(p for p in (root / "runs").glob("*/*/*") if is_sha256(p.name) and p.is_dir())


def find_run(root: Path, ref: str | Path) -> Path:
    """The folder ``ref`` means: a path, a whole run id, or a unique prefix of 8 or more characters.

    Raises ArtifactError: ``RUN_UNKNOWN`` if there is none, ``RUN_AMBIGUOUS`` if there are several.
    """
    text = os.fspath(ref)
    if os.sep in text or (text and not _PREFIX.match(text) and Path(text).is_dir()):
        path = Path(text)
        if not path.is_dir():
            raise ArtifactError("no such run folder", where=text, code="RUN_UNKNOWN")
        return path
    if not _PREFIX.match(text):
        raise ArtifactError(
            f"{text!r} is neither a run id nor a folder",
            hint=f"give {MIN_PREFIX} or more of the id's hex characters, or a path",
            code="RUN_UNKNOWN",
        )
    matches = [path for path in _run_paths(root) if path.name.startswith(text)]
    if not matches:
        raise ArtifactError(
            f"no run {text}",
            where=str(root / "runs"),
            hint="see `lockstep backtest list`",
            code="RUN_UNKNOWN",
        )
    if len(matches) > 1:
        raise ArtifactError(
            f"{text} names {len(matches)} runs",
            where=", ".join(str(path) for path in matches[:3]),
            hint="give more characters of the id",
            code="RUN_AMBIGUOUS",
        )
    return matches[0]


def open_run(root: Path, ref: str | Path) -> RunFolder:
    """The run ``ref`` means, with every byte of its folder verified."""
    return open_folder(find_run(root, ref))


def list_runs(root: Path) -> list[RunEntry]:
    """All runs under ``root``, newest first; a damaged manifest is listed with its problem.

    Only the sealed manifests are read; files are verified when a run is opened.
    """
    entries = [_entry(path) for path in _run_paths(root)]
    return sorted(entries, key=lambda e: (-(e.committed_ms or 0), e.play, e.symbol, e.run_id))


def _entry(path: Path) -> RunEntry:
    play, symbol, identity = path.parts[-3:]
    try:
        manifest = sealed_manifest(path)
    except ArtifactError as error:
        return RunEntry(path, identity, play, symbol, None, None, None, str(error))
    committed = manifest["audit"].get("committed_ms")
    return RunEntry(
        path=path,
        run_id=manifest["run_id"],
        play=play,
        symbol=symbol,
        status=manifest["status"],
        result_hash=manifest["outputs"]["result_hash"],
        committed_ms=committed if isinstance(committed, int) else None,
        problem=None,
    )
