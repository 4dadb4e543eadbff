"""Rerun verification: a run proved again from its manifest alone, in a fresh process (M19).

Verdicts: ``IDENTICAL`` (every output hash recomputed and equal), ``DIFFERENT`` (the rerun's folder
is kept), ``DATA_CHANGED`` (the store no longer holds the rows the run read; nothing was computed),
``CODE_CHANGED`` (computed with other code or libraries; ``outputs`` says what came of it),
``INVALID`` (the run, or what it must be rerun from, is damaged). Only the first is a pass.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tasks.artifacts import keep_attempt, open_folder, record_verification
from tasks.artifacts.commit import scratch_directory
from tasks.artifacts.manifest import encode_json
from tasks.compare import compare

#: The file in which the fresh process leaves its answer, beside the request.
ANSWER = "answer.json"
#: Bars a rerun computes with at a time: prime, so it shares no boundary with a run's own blocks.
BLOCK_BARS = 1021
#: A rerun that takes longer than this is stopped and INVALID.
TIMEOUT_S = 6 * 3600
_ZONES = ("Asia/Kathmandu", "America/St_Johns")


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on one run.

    ``differences`` as :func:`tasks.compare.compare` gives them; ``outputs`` is ``same`` or
    ``different`` where both could be compared, else None; ``kept`` the rerun's folder when its
    outputs differ; ``circumstances`` what was set otherwise than usual.
    """

    run_id: str
    verdict: str
    reason: str = ""
    differences: list[dict[str, Any]] = field(default_factory=list)
    outputs: str | None = None
    code: list[dict[str, Any]] = field(default_factory=list)
    kept: str | None = None
    circumstances: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The verification as the command line's JSON document."""
        return asdict(self)


def rerun(root: Path, run: Path, home: Path, *, pinned: bool = False) -> Verification:
    """Prove the run in folder ``run`` again and record the verdict under ``root``.

    ``home`` holds the stores; the environment is the manifest's. ``pinned`` reads the snapshot the
    run pinned instead of the store's current one. Raises ArtifactError if the run is damaged.
    """
    folder = open_folder(run)
    circumstances = _circumstances(pinned)
    with scratch_directory(root, folder.run_id) as scratch:
        said = _fresh_process(scratch, folder.path, home, circumstances)
        found = _judge(root, folder.path, folder.run_id, said, circumstances)
    open_folder(run)  # a rerun writes elsewhere: the run is as it was
    record_verification(root, found.run_id, {"kind": "rerun", **found.to_dict()})
    return found


def _circumstances(pinned: bool) -> dict[str, Any]:
    """Another hash seed, time zone and chunking than this process's."""
    here = os.environ.get("TZ")
    return {
        "python_hash_seed": 1 + secrets.randbelow(2**32 - 1),
        "time_zone": next(zone for zone in _ZONES if zone != here),
        "block_bars": BLOCK_BARS,
        "pinned": pinned,
    }


def _fresh_process(
    scratch: Path, run: Path, home: Path, circumstances: dict[str, Any]
) -> dict[str, Any]:
    request = {
        "folder": str(run.resolve()),
        "home": str(home.resolve()),
        "out": str(scratch.resolve() / "rerun"),
        "pinned": circumstances["pinned"],
    }
    request_path = scratch / "request.json"
    request_path.write_bytes(encode_json(request))
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(circumstances["python_hash_seed"]),
        "TZ": circumstances["time_zone"],
    }
    command = [sys.executable, "-m", "tasks.rerun_child", str(request_path.resolve())]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=Path(__file__).resolve().parent.parent,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"verdict": "INVALID", "reason": f"the rerun did not end within {TIMEOUT_S} s"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"verdict": "INVALID", "reason": f"the rerun broke off: {lines[-1]}"}
    said: dict[str, Any] = json.loads((scratch / ANSWER).read_bytes())
    return said


def _judge(
    root: Path, run: Path, run_id: str, said: dict[str, Any], circumstances: dict[str, Any]
) -> Verification:
    code = said.get("code", [])
    if "verdict" in said:
        return Verification(
            run_id, said["verdict"], said["reason"], code=code, circumstances=circumstances
        )
    attempt = Path(said["folder"])
    compared = compare(run, attempt)
    if compared.verdict == "INVALID":
        return Verification(run_id, "INVALID", compared.reason, circumstances=circumstances)
    same = compared.verdict == "IDENTICAL"
    reason = compared.reason
    if code:
        leaves = ", ".join(leaf["leaf"] for leaf in code)
        reason = f"changed since the run: {leaves}" + (f"; {reason}" if reason else "")
    return Verification(
        run_id,
        "CODE_CHANGED" if code else compared.verdict,
        reason,
        compared.differences,
        outputs="same" if same else "different",
        code=code,
        kept=None if same else str(keep_attempt(root, run_id, attempt)),
        circumstances=circumstances,
    )
