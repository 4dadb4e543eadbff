"""Running the command line: in this process, or in one of its own that can be killed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.command import interruptible
from tests.tasks.store.samples import ROOT


def lockstep(*arguments: object, home: Path) -> tuple[int, Any]:
    """``lockstep ... --json`` under ``home``: the exit code and the JSON document it printed.

    In this process, so that Prefect's own server starts once for all tests.
    """
    from flows.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.chdir(ROOT):
        code = main([*map(str, arguments), "--json", "--home", str(home)])
    return code, json.loads(out.getvalue())


def started(*arguments: object, home: Path) -> subprocess.Popen[str]:
    """The same command as a process of its own and its own group, its output piped.

    Prefect's server runs as its child: :func:`kill_9` ends both, the child last.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *map(str, arguments), "--json", "--home", str(home)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=interruptible,  # noqa: PLW1509  it only sets a signal
    )


def kill_9(process: subprocess.Popen[str]) -> None:
    """Kill the command's process as a crash would, then what it left running."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
