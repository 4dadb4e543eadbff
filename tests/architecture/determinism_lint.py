"""The determinism lint over folders: ``python -m tests.architecture.determinism_lint engine``."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.determinism import Violation, check_source


def check_folder(folder: Path) -> list[Violation]:
    """Every violation in the Python files below ``folder``."""
    files = sorted(folder.rglob("*.py"))
    return [v for file in files for v in check_source(file.read_text("utf-8"), str(file))]


def main(arguments: list[str]) -> int:
    """Check folders; prints the violations and returns 1 if there are any."""
    found = [violation for folder in arguments for violation in check_folder(Path(folder))]
    for violation in found:
        sys.stdout.write(f"{violation}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
