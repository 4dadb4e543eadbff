"""The manifest: what a run's folder holds and hashes to, and the seal over it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from engine.canonical import sha256_hex
from engine.errors import ArtifactError

MANIFEST_SCHEMA = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")
#: What may name a folder or file of a run: names are checked before they become paths.
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def is_sha256(value: object) -> bool:
    """Whether ``value`` is text of 64 lower-case hex characters."""
    return isinstance(value, str) and _HEX64.match(value) is not None


def check_folder_name(name: str) -> str:
    """``name`` if it can safely name a folder; else ArtifactError."""
    if not _FOLDER_NAME.match(name):
        raise ArtifactError(
            f"{name!r} cannot name a folder or file", hint="use letters, digits, '_', '-' and '.'"
        )
    return name


def indicator_file(sha256: str) -> str:
    """What a run's folder calls the file of user-defined indicators with this hash."""
    return f"indicators-{sha256[:16]}.py"


def encode_json(value: Any) -> bytes:
    """Readable JSON with sorted keys; NaN has no place in it (ValueError)."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def decode_json(data: bytes, where: str) -> Any:
    """The JSON value in ``data``; ArtifactError naming ``where`` if it cannot be read."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise ArtifactError(f"not readable JSON: {error}", where=where) from error


def seal_of(manifest_bytes: bytes) -> bytes:
    """What ``manifest.sha256`` holds for these manifest bytes (the form of ``sha256sum``)."""
    return f"{sha256_hex(manifest_bytes)}  {MANIFEST}\n".encode("ascii")


def check_manifest(manifest: object, where: str) -> dict[str, Any]:
    """The manifest, if every field that later steps rely on is there and well formed.

    Every hash must be lower-case 64-hex text: a missing, empty, short or mistyped one is an
    ArtifactError naming the field (M18), never an empty string that compares equal to another.
    """
    if not isinstance(manifest, dict):
        raise ArtifactError("the manifest is not an object", where=where)
    outputs = _object(manifest, "outputs", where)
    leaves = _object(outputs, "leaves", where, "outputs.")
    files = _object(manifest, "files", where)
    for name in ("inputs", "audit", "play"):
        _object(manifest, name, where)
    if not isinstance(manifest.get("status"), str):
        raise ArtifactError("manifest field status is missing or malformed", where=where)
    if manifest.get("schema_version") != MANIFEST_SCHEMA:
        raise ArtifactError(
            f"manifest schema_version {manifest.get('schema_version')!r}, not {MANIFEST_SCHEMA}",
            where=where,
        )
    hashes = {
        "run_id": manifest.get("run_id"),
        "play_source_sha256": manifest.get("play_source_sha256"),
        "outputs.result_hash": outputs.get("result_hash"),
        **{f"outputs.leaves.{name}": value for name, value in leaves.items()},
    }
    for name, entry in files.items():
        check_folder_name(name)
        if not isinstance(entry, Mapping) or type(entry.get("bytes")) is not int:
            raise ArtifactError(f"manifest field files.{name} is malformed", where=where)
        hashes[f"files.{name}.sha256"] = entry.get("sha256")
    for name, value in hashes.items():
        if not is_sha256(value):
            raise ArtifactError(
                f"manifest field {name} is not a lower-case 64-hex hash: {value!r}", where=where
            )
    return manifest


def _object(holder: Mapping[str, Any], name: str, where: str, prefix: str = "") -> dict[str, Any]:
    value = holder.get(name)
    if not isinstance(value, dict):
        raise ArtifactError(f"manifest field {prefix}{name} is missing or malformed", where=where)
    return value
