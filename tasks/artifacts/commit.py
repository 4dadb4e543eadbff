"""Writing a run's folder: temp dir, fsync, verify, atomic rename (M17).

A writer works in ``<root>/tmp/<name>`` and holds an advisory lock on that directory for as long
as it lives. The lock goes when the process dies, however it dies, so a directory whose lock can be
taken belongs to a dead writer and is collected by the next one.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.canonical import canonical_bytes, merkle_root, sha256_hex
from engine.errors import ArtifactError, DeterminismViolation, HashCollision
from engine.play.own_indicators import sources_of
from engine.play.text import literal_text
from tasks.artifacts.folder import RunFolder, check_file_set, open_folder
from tasks.artifacts.manifest import (
    MANIFEST,
    MANIFEST_SCHEMA,
    SEAL,
    check_folder_name,
    encode_json,
    indicator_file,
    seal_of,
)
from tasks.artifacts.outputs import Outputs, first_difference
from tasks.artifacts.tables import check_schema, encode_table, file_of
from tasks.artifacts.verifications import fsync_directory, keep_attempt, record_verification
from tasks.identity import SHORT_ID, run_id

if TYPE_CHECKING:
    from engine.play.model import Play

_LIBRARIES = ("duckdb", "numba", "numpy", "prefect", "pyarrow")


@dataclass(frozen=True, slots=True)
class Commit:
    """``folder``: the verified run; ``reused``: it stood there already and was left untouched."""

    folder: RunFolder
    reused: bool


def commit_run(
    root: Path,
    play: Play,
    inputs: Mapping[str, Any],
    outputs: Outputs,
    *,
    audit: Mapping[str, Any],
    report_html: str | None = None,
) -> Commit:
    """Write the run under ``root/runs`` and return it, verified.

    An id that exists is never overwritten: with the same inputs and outputs the existing run is
    verified and returned, and the recomputation recorded beside it; other inputs under its name
    raise HashCollision; other outputs raise DeterminismViolation, and the attempt is kept under
    ``root/verifications/<run_id>/``.
    """
    identity = run_id(inputs)
    parent = root / "runs" / check_folder_name(play.name) / check_folder_name(play.market)
    final = parent / identity
    collect_dead_writers(root)
    _refuse_collision(parent, identity)
    files = _files(play, inputs, outputs, report_html)
    with scratch_directory(root, identity) as scratch:
        _write(scratch, files, _manifest(identity, play, inputs, outputs, audit, files))
        _verify_written(scratch, outputs)
        parent.mkdir(parents=True, exist_ok=True)
        if not final.exists():
            try:
                scratch.rename(final)
            except OSError:
                if not final.exists():  # another writer of the same id may have been first
                    raise
            else:
                for directory in (parent, parent.parent, parent.parent.parent):
                    fsync_directory(directory)
                return Commit(open_folder(final), reused=False)
        return Commit(_settle_existing(root, final, inputs, outputs, scratch), reused=True)


def collect_dead_writers(root: Path) -> list[Path]:
    """Remove temp dirs whose writer no longer lives; returns them. Living writers are left."""
    collected = []
    area = root / "tmp"
    for path in sorted(area.iterdir()) if area.is_dir() else []:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
            collected.append(path)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
    return collected


@contextmanager
def scratch_directory(root: Path, identity: str) -> Iterator[Path]:
    """A locked temp dir on the same filesystem as the runs; removed unless it was renamed away."""
    area = root / "tmp"
    area.mkdir(parents=True, exist_ok=True)
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{identity[:SHORT_ID]}-", dir=area))
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a collector took it for dead in the instant before the lock
            os.close(handle)
            continue
        if path.exists():
            break
        os.close(handle)
    try:
        path.chmod(0o755)
        yield path
    finally:
        if path.exists():
            shutil.rmtree(path)
        os.close(handle)


def _files(
    play: Play, inputs: Mapping[str, Any], outputs: Outputs, report_html: str | None
) -> dict[str, bytes]:
    files = {
        "play.yml": _text_as_run(play),
        "inputs.json": encode_json(inputs),
        "result.json": encode_json({**outputs.summary, "result_hash": outputs.recorded}),
        "environment.json": encode_json(environment()),
    }
    for source in sources_of(play.indicators):
        files[indicator_file(source.sha256)] = source.text.encode("utf-8")
    for name, table in outputs.tables.items():
        files[file_of(name)] = encode_table(table)
    if report_html is not None:
        files["report.html"] = report_html.encode("utf-8")
    return files


def _text_as_run(play: Play) -> bytes:
    """The play's text with the very bytes that were read; a byte-order mark is no part of
    ``play.source``."""
    for text in (play.source, "\ufeff" + play.source):
        data = text.encode("utf-8")
        if sha256_hex(data) == play.source_sha256:
            return data
    raise ArtifactError("the play's text is not the text it was read from", where=play.path)


def environment() -> dict[str, Any]:
    """Facts about the machine and libraries a run was computed with."""
    return {
        "python": sys.version,
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _manifest(
    identity: str,
    play: Play,
    inputs: Mapping[str, Any],
    outputs: Outputs,
    audit: Mapping[str, Any],
    files: Mapping[str, bytes],
) -> dict[str, Any]:
    return {
        "schema_version": MANIFEST_SCHEMA,
        "run_id": identity,
        "play": {
            "name": play.name,
            "market": play.market,
            "params": {name: literal_text(literal) for name, literal in play.params},
            "play_hash": play.play_hash,
            "indicators": [
                {
                    "name": source.name,
                    "sha256": source.sha256,
                    "file": indicator_file(source.sha256),
                }
                for source in sources_of(play.indicators)
            ],
        },
        "play_source_sha256": play.source_sha256,
        "inputs": inputs,
        "outputs": {"result_hash": outputs.recorded, "leaves": dict(outputs.recorded_leaves)},
        "files": {
            name: {"sha256": sha256_hex(data), "bytes": len(data)} for name, data in files.items()
        },
        "status": outputs.summary["status"],
        "audit": {"play_path": play.path, **audit},
    }


def _write(scratch: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    manifest_bytes = encode_json(manifest)
    sealed = {**files, MANIFEST: manifest_bytes, SEAL: seal_of(manifest_bytes)}
    for name, data in sealed.items():
        with (scratch / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    fsync_directory(scratch)


def _verify_written(scratch: Path, outputs: Outputs) -> None:
    """Read the temp dir back as any reader would, and recompute every hash from its content."""
    folder = open_folder(scratch)
    check_file_set(folder)
    written = folder.outputs()
    for name, table in written.tables.items():
        where = str(scratch / file_of(name))
        check_schema(name, table, where)
        if not table.schema.equals(outputs.tables[name].schema, check_metadata=True):
            raise ArtifactError(f"the schema of {name} did not survive being written", where=where)
    leaves = written.leaves()
    for leaf, digest in outputs.recorded_leaves.items():
        if leaves.get(leaf) != digest:
            raise ArtifactError(
                f"leaf {leaf} of the result is not the hash of its content", where=str(scratch)
            )
    if merkle_root(leaves) != outputs.recorded:
        raise ArtifactError("the result hash is not the hash of its content", where=str(scratch))


def _refuse_collision(parent: Path, identity: str) -> None:
    """Ids are shown short: two runs that look alike must not stand side by side."""
    for entry in parent.iterdir() if parent.is_dir() else []:
        if entry.name != identity and entry.name[:SHORT_ID] == identity[:SHORT_ID]:
            raise HashCollision(
                f"a folder with the short id {identity[:SHORT_ID]} exists and is not this run",
                where=str(entry),
                hint="move it away; run folders are named by the whole id",
            )


def _settle_existing(
    root: Path, final: Path, inputs: Mapping[str, Any], outputs: Outputs, attempt: Path
) -> RunFolder:
    """The existing run, if it has these inputs and outputs; else raise, keeping both."""
    try:
        existing = open_folder(final)
    except ArtifactError as error:
        raise HashCollision(
            f"the run's folder is taken by something that is not this run ({error.message})",
            where=error.where,
            hint="move it away; an existing folder is never overwritten",
        ) from error
    if canonical_bytes(existing.inputs) != canonical_bytes(inputs):
        raise HashCollision("the folder holds a run of other inputs", where=str(final))
    if existing.result_hash == outputs.recorded:
        record_verification(
            root,
            existing.run_id,
            {"kind": "recomputed", "verdict": "IDENTICAL", "result_hash": outputs.recorded},
        )
        return existing
    leaf = _differing_leaf(existing.manifest["outputs"]["leaves"], outputs.recorded_leaves)
    difference = first_difference(leaf, existing.outputs(), outputs)
    kept = keep_attempt(root, existing.run_id, attempt)
    raise DeterminismViolation(
        f"identical inputs gave different outputs: {leaf} differs at row {difference['row']}, "
        f"column {difference['column']} ({difference['a']!r}, now {difference['b']!r})",
        where=str(final),
        hint=f"both are kept; the second attempt is in {kept}",
    )


def _differing_leaf(a: Mapping[str, str], b: Mapping[str, str]) -> str:
    return next(leaf for leaf in sorted(a.keys() | b.keys()) if a.get(leaf) != b.get(leaf))
