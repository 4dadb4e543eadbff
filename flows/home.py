"""Where Lockstep keeps things: stores, runs, and the orchestrator's own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """``base`` holds ``store/<env>/`` and Prefect's files; ``artifacts`` the runs."""

    base: Path
    artifacts: Path

    @classmethod
    def at(cls, directory: Path | None) -> Home:
        """Everything under ``directory``; without one, ``./.lockstep`` and runs in ``./artifacts``.

        Paths are made absolute here, once: a later change of directory changes nothing.
        """
        if directory is None:
            return cls(Path(".lockstep").absolute(), Path("artifacts").absolute())
        base = directory.expanduser().absolute()
        return cls(base, base / "artifacts")

    @property
    def prefect(self) -> Path:
        """Prefect's home: its database, profiles and results."""
        return self.base / "prefect"
