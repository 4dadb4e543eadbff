"""The fresh process in which a run is proved again: ``python -m tasks.rerun_child REQUEST``.

Started by :mod:`tasks.verify` with another hash seed and time zone. It is told nothing but the
run's folder and where the stores are; what to do it reads from the run's manifest (M19). It reaches
no network, computes with another chunking, writes its own folder elsewhere, and leaves its answer
beside the request.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from engine.errors import ArtifactError, LockstepError
from tasks.artifacts import RunFolder, commit_run, open_folder, outputs_of
from tasks.artifacts.manifest import encode_json
from tasks.identity import code_identity, differing_inputs, versions
from tasks.run import execute, prepare_again
from tasks.store import Store
from tasks.verify import ANSWER, BLOCK_BARS

_NETWORK_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}
)


def forbid_network() -> None:
    """From here on any use of a socket in this process raises; there is no way back."""

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event in _NETWORK_EVENTS:
            raise PermissionError(f"a rerun has no network ({event})")

    sys.addaudithook(refuse)


def changed_code(folder: RunFolder) -> list[dict[str, Any]]:
    """The code and version leaves in which this process differs from the run.

    User-defined indicators do not: a rerun computes with the sources that the run holds.
    """
    then = {name: folder.inputs.get(name) for name in ("code", "versions")}
    code = {**code_identity(), "indicators": folder.inputs["code"].get("indicators", {})}
    return differing_inputs(then, {"code": code, "versions": versions()})


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What came of the rerun: ``{verdict, reason}`` where it could not be compared, else
    ``{folder, code}`` with the rerun's own folder and the code leaves that changed."""
    folder = open_folder(Path(request["folder"]))
    store = Store(Path(request["home"]), folder.inputs["data"]["environment"])
    code = changed_code(folder)
    snapshot_id = folder.manifest["audit"]["snapshot_id"] if request["pinned"] else None
    try:
        prepared = prepare_again(store, folder.play(), folder.inputs, snapshot_id=snapshot_id)
        result = execute(prepared, block_bars=BLOCK_BARS)
    except LockstepError as error:
        if error.code == "DATA_CHANGED":
            return {"verdict": "DATA_CHANGED", "reason": error.message}
        if code:
            return {"verdict": "CODE_CHANGED", "reason": str(error), "code": code}
        raise
    unexpected = [
        leaf["leaf"]
        for leaf in differing_inputs(folder.inputs, prepared.inputs)
        if not leaf["leaf"].startswith(("/code/", "/versions/"))
    ]
    if unexpected and not code:
        raise ArtifactError(f"the manifest's {unexpected[0]} is not what it describes")
    attempt = commit_run(
        Path(request["out"]),
        prepared.play,
        prepared.inputs,
        outputs_of(result),
        audit={"pid": os.getpid()},
    )
    return {"folder": str(attempt.folder.path), "code": code}


def main() -> int:
    request_path = Path(sys.argv[1])
    forbid_network()
    try:
        said = answer(json.loads(request_path.read_bytes()))
    except LockstepError as error:
        said = {"verdict": "INVALID", "reason": str(error)}
    request_path.with_name(ANSWER).write_bytes(encode_json(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
