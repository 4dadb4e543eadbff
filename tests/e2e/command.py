"""The ``lockstep`` command run as a user runs it: a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ERROR_LINE = re.compile(r"error\[([A-Z_]+)\]: [^\n]+")


@dataclass(frozen=True)
class Answer:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """Codes of the error lines on stderr, in order."""
        return [match[1] for match in map(ERROR_LINE.fullmatch, self.err.splitlines()) if match]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *map(str, arguments)]


def environment(**changed: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "LOCKSTEP_HOME"}
    return {**kept, "PYTHONPATH": str(ROOT), **changed}


def interruptible() -> None:
    """For a process about to begin (``preexec_fn``): an interrupt reaches it, also where the tests
    run in the background of a script, whose commands ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def lockstep(*arguments: object, cwd: Path = ROOT, **changed: str) -> Answer:
    """Run the command to its end; ``changed`` are environment variables."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**changed),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def good(*arguments: object, **changed: str) -> Any:
    """The JSON document of a command that must succeed."""
    answer = lockstep(*arguments, "--json", **changed)
    assert answer.code == 0, answer.err + answer.out
    return answer.document


def refused(*arguments: object, code: int = 2, **changed: str) -> dict[str, str]:
    """The error document of a command that must fail, which says the same on stderr without
    ``--json``, on one line."""
    answer = lockstep(*arguments, "--json", **changed)
    assert answer.code == code, answer.err + answer.out
    error: dict[str, str] = answer.document["error"]
    assert {"code", "message", "where", "hint"} <= error.keys()
    return error


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` but logs and the orchestrator's own, with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "prefect" not in path.parts and path.suffix != ".lock"
    }
