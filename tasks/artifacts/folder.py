"""Reading a run's folder: every byte is verified before it is used (M17)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.canonical import canonical_bytes, merkle_root, sha256_hex
from engine.errors import ArtifactError
from engine.play import Play, loads_play
from engine.play.own_indicators import IndicatorSource
from tasks.artifacts.manifest import (
    MANIFEST,
    SEAL,
    check_manifest,
    decode_json,
    indicator_file,
    is_sha256,
    seal_of,
)
from tasks.artifacts.outputs import Outputs
from tasks.artifacts.tables import TABLES, decode_table, file_of
from tasks.identity import SHORT_ID, run_id

#: Files every run's folder holds beside its manifest; ``report.html`` is there when one was drawn.
REQUIRED_FILES = frozenset(
    {"play.yml", "inputs.json", "result.json", "environment.json", *map(file_of, TABLES)}
)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A verified run: ``manifest`` is sealed, and every file is verified again when read."""

    path: Path
    manifest: dict[str, Any] = field(repr=False)

    @property
    def run_id(self) -> str:
        return str(self.manifest["run_id"])

    @property
    def short_id(self) -> str:
        return self.run_id[:SHORT_ID]

    @property
    def result_hash(self) -> str:
        return str(self.manifest["outputs"]["result_hash"])

    @property
    def status(self) -> str:
        return str(self.manifest["status"])

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs tree: everything a rerun is driven by."""
        inputs: dict[str, Any] = self.manifest["inputs"]
        return inputs

    @property
    def report(self) -> Path | None:
        """The drawn report, or None if this run has none."""
        return self.path / "report.html" if "report.html" in self.manifest["files"] else None

    def read(self, name: str) -> bytes:
        """The verified bytes of one file; ArtifactError naming it if they are not as written."""
        entry = self.manifest["files"].get(name)
        if entry is None:
            raise ArtifactError(f"the run has no file {name}", where=str(self.path))
        data = _bytes_of(self.path / name)
        if len(data) != entry["bytes"] or sha256_hex(data) != entry["sha256"]:
            raise ArtifactError(
                f"{name} is not what the run wrote: its SHA-256 differs from the manifest's",
                where=str(self.path / name),
                hint="restore the file from a backup, or run the backtest again elsewhere",
            )
        return data

    def table(self, name: str) -> pa.Table:
        """One of :data:`tasks.artifacts.tables.TABLES`, units in the schema's field metadata."""
        file = file_of(name)
        return decode_table(self.read(file), str(self.path / file))

    def summary(self) -> dict[str, Any]:
        """``result.json``: metrics with units, status, warnings, flags, and the result hash."""
        loaded: dict[str, Any] = decode_json(
            self.read("result.json"), str(self.path / "result.json")
        )
        return loaded

    def play(self) -> Play:
        """The play as run: its text with the parameters and the market it was run with, and the
        user-defined indicators of the files that the run holds.

        Raises ArtifactError if this code reads another play from it than the run did.
        """
        told = self.manifest["play"]
        where = str(self.path / "play.yml")
        play = loads_play(
            self.read("play.yml"),
            where,
            params=told["params"],
            market=told["market"],
            indicators=[self._indicators(entry) for entry in told.get("indicators", [])],
        )
        if play.play_hash != told["play_hash"]:
            raise ArtifactError(
                "play.yml reads as another play than the one that was run",
                where=where,
                hint="it was run by other code",
                code="PLAY_CHANGED",
            )
        return play

    def _indicators(self, entry: dict[str, str]) -> IndicatorSource:
        file = indicator_file(entry["sha256"])
        text = self.read(file).decode("utf-8")
        return IndicatorSource(entry["name"], str(self.path / file), text)

    def outputs(self) -> Outputs:
        """All outputs, read back and verified."""
        return Outputs(
            tables={name: self.table(name) for name in TABLES},
            summary=self.summary(),
            recorded=self.result_hash,
            recorded_leaves=self.manifest["outputs"]["leaves"],
        )


def open_folder(path: Path) -> RunFolder:
    """The run in ``path``, with every byte verified; ArtifactError naming the first bad file."""
    folder = RunFolder(path, sealed_manifest(path))
    check_file_set(folder)
    for name in sorted(folder.manifest["files"]):
        folder.read(name)
    check_identity(folder)
    return folder


def sealed_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the folder ``path``, if the seal fits it and its fields are well formed."""
    if not path.is_dir():
        raise ArtifactError("no such run folder", where=str(path), code="RUN_UNKNOWN")
    data = _bytes_of(path / MANIFEST)
    if _bytes_of(path / SEAL) != seal_of(data):
        raise ArtifactError(
            f"{SEAL} does not seal {MANIFEST}: one of the two was changed",
            where=str(path / MANIFEST),
            hint="restore both from a backup, or run the backtest again elsewhere",
        )
    return check_manifest(decode_json(data, str(path / MANIFEST)), str(path / MANIFEST))


def check_file_set(folder: RunFolder) -> None:
    """Raise ArtifactError unless the folder holds exactly the manifest, its seal and its files."""
    listed = set(folder.manifest["files"])
    lacking = sorted(REQUIRED_FILES - listed)
    if lacking:
        raise ArtifactError(f"the manifest lists no {lacking[0]}", where=str(folder.path))
    present = set()
    for entry in folder.path.iterdir():
        if entry.is_symlink() or not entry.is_file():
            raise ArtifactError(f"{entry.name} is not a plain file", where=str(entry))
        present.add(entry.name)
    for name in sorted(listed - present):
        raise ArtifactError(f"{name} is missing", where=str(folder.path / name))
    for name in sorted(present - listed - {MANIFEST, SEAL}):
        raise ArtifactError(
            f"{name} is no part of the run", where=str(folder.path / name), hint="move it elsewhere"
        )


def check_identity(folder: RunFolder) -> None:
    """Raise ArtifactError unless name, run id, inputs tree and hashes belong together."""
    manifest, path = folder.manifest, folder.path
    inputs = decode_json(folder.read("inputs.json"), str(path / "inputs.json"))
    if canonical_bytes(inputs) != canonical_bytes(manifest["inputs"]):
        raise ArtifactError(
            "inputs.json differs from the manifest's inputs", where=str(path / "inputs.json")
        )
    if run_id(inputs) != folder.run_id:
        raise ArtifactError("the run id is not the hash of the inputs", where=str(path / MANIFEST))
    if is_sha256(path.name) and path.name != folder.run_id:
        raise ArtifactError(
            f"the folder is named {path.name[:SHORT_ID]} but holds run {folder.short_id}",
            where=str(path),
        )
    outputs = manifest["outputs"]
    if merkle_root(outputs["leaves"]) != outputs["result_hash"]:
        raise ArtifactError(
            "the result hash is not the root of its leaves", where=str(path / MANIFEST)
        )
    if sha256_hex(folder.read("play.yml")) != manifest["play_source_sha256"]:
        raise ArtifactError(
            "play.yml is not the text the manifest names", where=str(path / "play.yml")
        )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(f"{path.name} is missing", where=str(path)) from None
    except OSError as error:
        raise ArtifactError(f"{path.name} cannot be read: {error}", where=str(path)) from error
