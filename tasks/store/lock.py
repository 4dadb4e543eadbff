"""The write lock: one holder at a time, by the operating system, whatever the lock file's age (C5).

An ``flock`` on ``write.lock``, a file that is created once and never deleted. The kernel releases
it when the holder's descriptor closes, so a killed holder frees it at once and nothing is ever
evicted by age. ``writer.json`` beside it says who the holder is; it informs and decides nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import LockBusy, StoreError

LOCK_FILE = "write.lock"
OWNER_FILE = "writer.json"


@contextlib.contextmanager
def write_lock(directory: Path, timeout_s: float, flow_run: str | None = None) -> Iterator[None]:
    """Hold the write lock of the store in ``directory`` for the length of the context.

    Waits up to ``timeout_s`` seconds (0: not at all), then raises LockBusy naming the holder.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(
        directory / LOCK_FILE,
        timeout=max(timeout_s, 0.0),
        thread_local=False,
        fallback_to_soft=False,
        preserve_lock_file=True,
    )
    try:
        lock.acquire()
        _write_owner(directory, flow_run)
    except Timeout:
        owner = read_owner(directory)
        pid = owner.get("pid")
        raise LockBusy(
            f"the store is being written by process {pid if pid else '(unknown)'}",
            pid=pid if isinstance(pid, int) else None,
            where=str(directory),
            hint="wait for it to end, or stop it",
        ) from None
    except OSError as error:
        lock.release()
        raise StoreError(
            f"the write lock cannot be taken: {error.strerror or error}",
            where=str(directory / LOCK_FILE),
            hint="check that the directory exists, is writable and supports flock",
            code="LOCK_UNAVAILABLE",
        ) from error
    try:
        yield
    finally:
        lock.release()


def read_owner(directory: Path) -> dict[str, Any]:
    """The last holder's facts: pid, process start, host, boot id, flow run, time; {} if unknown."""
    try:
        facts = json.loads((directory / OWNER_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _write_owner(directory: Path, flow_run: str | None) -> None:
    facts = {
        "pid": os.getpid(),
        "process_start_ticks": _process_start_ticks(),
        "host": socket.gethostname(),
        "boot_id": _boot_id(),
        "flow_run": flow_run,
        "acquired_at_ms": time.time_ns() // 1_000_000,
    }
    temporary = directory / f"{OWNER_FILE}.{os.getpid()}"
    temporary.write_text(json.dumps(facts))
    temporary.replace(directory / OWNER_FILE)


def _process_start_ticks() -> int | None:
    """Clock ticks from boot to this process's start (Linux ``/proc``), else None."""
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
