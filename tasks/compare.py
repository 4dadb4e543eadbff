"""Comparing two runs by content: ``IDENTICAL | DIFFERENT | INVALID`` (M18).

Both sides are validated first: a manifest with a missing, empty, short or mistyped hash, schema
versions that are not equal, or a path given twice is INVALID. Then every hash is computed anew
from the tables and the result, and the recorded ones are believed of neither side. Only IDENTICAL
is a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.canonical import merkle_root, sha256_hex
from engine.errors import ArtifactError
from tasks.artifacts.folder import open_folder
from tasks.artifacts.manifest import MANIFEST, SEAL, check_manifest, decode_json, seal_of
from tasks.artifacts.outputs import Outputs, first_difference
from tasks.artifacts.tables import TABLES, decode_table, file_of
from tasks.identity import differing_inputs


@dataclass(frozen=True, slots=True)
class Comparison:
    """``differences``: the first one of each differing leaf, ``{leaf, table, row, column, a, b}``;
    ``reason`` says why the verdict is not IDENTICAL."""

    verdict: str
    reason: str = ""
    differences: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as the command line's JSON document."""
        return {"verdict": self.verdict, "reason": self.reason, "differences": self.differences}


@dataclass(frozen=True, slots=True)
class _Side:
    manifest: dict[str, Any]
    outputs: Outputs
    leaves: dict[str, str]
    damage: ArtifactError | None


def compare(a: Path, b: Path) -> Comparison:
    """Compare the outputs of the runs in folders ``a`` and ``b``, recomputing every hash."""
    if a.resolve() == b.resolve():
        return Comparison("INVALID", f"both are the same folder: {a.resolve()}")
    try:
        sides = _side(a), _side(b)
    except ArtifactError as error:
        return Comparison("INVALID", str(error))
    return compare_sides(*sides)


def compare_sides(a: _Side, b: _Side) -> Comparison:
    """The verdict on two sides that could be read."""
    differing = [n for n in sorted(a.leaves.keys() | b.leaves.keys()) if a.leaves[n] != b.leaves[n]]
    if differing:
        found = [first_difference(leaf, a.outputs, b.outputs) for leaf in differing]
        return Comparison("DIFFERENT", _in_words(found[0]), found)
    for side in (a, b):
        if side.damage is not None:
            return Comparison("INVALID", str(side.damage))
    return Comparison("IDENTICAL")


def why(a: Path, b: Path) -> list[dict[str, Any]]:
    """The input leaves in which two verified runs differ: ``[{leaf, a, b, absent}]``."""
    return differing_inputs(open_folder(a).inputs, open_folder(b).inputs)


def _side(path: Path) -> _Side:
    """One side, read from content. Damage that leaves the content readable is held, not raised:
    a changed trade is to be named as a difference, whatever the recorded hashes say."""
    data = _bytes(path, MANIFEST)
    manifest = check_manifest(decode_json(data, str(path / MANIFEST)), str(path / MANIFEST))
    damage = None
    if _bytes(path, SEAL) != seal_of(data):
        damage = ArtifactError(f"{SEAL} does not seal {MANIFEST}", where=str(path / MANIFEST))
    contents = {}
    for name in ("result.json", *map(file_of, TABLES)):
        contents[name] = _bytes(path, name)
        entry = manifest["files"].get(name, {})
        if damage is None and sha256_hex(contents[name]) != entry.get("sha256"):
            damage = ArtifactError(f"{name} is not what the run wrote", where=str(path / name))
    summary = decode_json(contents["result.json"], str(path / "result.json"))
    outputs = Outputs(
        tables={
            name: decode_table(contents[file_of(name)], str(path / file_of(name)))
            for name in TABLES
        },
        summary=_check_summary(summary, path),
        recorded=manifest["outputs"]["result_hash"],
        recorded_leaves=manifest["outputs"]["leaves"],
    )
    leaves = outputs.leaves()
    if damage is None:
        damage = _recorded_wrongly(path, outputs, leaves) or _damaged_elsewhere(path)
    return _Side(manifest, outputs, leaves, damage)


def _check_summary(summary: object, path: Path) -> dict[str, Any]:
    where = str(path / "result.json")
    if not isinstance(summary, dict):
        raise ArtifactError("result.json is not an object", where=where)
    if not isinstance(summary.get("metrics"), dict) or not isinstance(summary.get("status"), str):
        raise ArtifactError("result.json lacks metrics or status", where=where)
    return summary


def _recorded_wrongly(path: Path, outputs: Outputs, leaves: dict[str, str]) -> ArtifactError | None:
    if dict(outputs.recorded_leaves) == leaves and outputs.recorded == merkle_root(leaves):
        if outputs.summary.get("result_hash") == outputs.recorded:
            return None
        return ArtifactError("result.json names another result hash", where=str(path))
    return ArtifactError("the recorded hashes are not those of the content", where=str(path))


def _damaged_elsewhere(path: Path) -> ArtifactError | None:
    """Damage in a file that holds no output (the play, the report, the inputs)."""
    try:
        open_folder(path)
    except ArtifactError as error:
        return error
    return None


def _bytes(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{name} cannot be read: {error.strerror}", where=str(path / name)
        ) from error


def _in_words(difference: dict[str, Any]) -> str:
    place = "".join(
        f", {name} {difference[name]}" for name in ("row", "column") if difference[name] is not None
    )
    return f"{difference['leaf']} differs{place}: {difference['a']!r} and {difference['b']!r}"
