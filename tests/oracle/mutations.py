"""``python -m tests.oracle.mutations [--cases N] [--jobs N] [--page FILE]``: does the comparison
notice? Each mutation of ``mutations.toml`` is put into a copy of ``engine/``, which is then held
against the oracle, seed by seed, until a case differs.

The copy runs as plain Python: compiling it would take longer than the few cases it needs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parent.parent.parent
LIST = Path(__file__).with_name("mutations.toml")
CASES = 20_000
#: One process; numpy warns where plain Python would overflow, which compiled kernels do silently.
_COMMAND = ("-W", "ignore::RuntimeWarning", "-m", "tests.oracle", "--terse", "--jobs", "1")


@dataclass(frozen=True)
class Mutation:
    """``old`` in ``file`` of ``engine/`` becomes ``new``, against ``rule`` of the page."""

    rule: str
    file: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        """The mutated source; ValueError unless ``old`` stands in it exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: {text.count(self.old)} times\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Outcome:
    """How a mutation fared: cases until one differed and in what, or 0 for a survivor."""

    mutation: Mutation
    cases: int
    difference: str


def mutations() -> list[Mutation]:
    """The list, in its order."""
    return [Mutation(**row) for row in tomllib.loads(LIST.read_text())["mutation"]]


def tried(mutation: Mutation | None, cases: int) -> Outcome:
    """Hold a copy of the exchange against the oracle, mutated or, with None, as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "engine"
        shutil.copytree(ROOT / "engine", copy, ignore=shutil.ignore_patterns("__pycache__"))
        if mutation is not None:
            file = copy / mutation.file
            file.write_text(mutation.applied_to(file.read_text()))
        ran = subprocess.run(
            [sys.executable, *_COMMAND, "--cases", str(cases)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "NUMBA_DISABLE_JIT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.match(r"seed (\d+): (.*)", ran.stdout)
    if found:
        return Outcome(mutation or _NONE, int(found[1]) + 1, found[2])
    if ran.returncode or "every event the same" not in ran.stdout:
        raise RuntimeError(f"{mutation}: {ran.stdout}\n{ran.stderr}")
    return Outcome(mutation or _NONE, 0, "")


_NONE = Mutation("no mutation", "", "", "")


def page(outcomes: Sequence[Outcome], cases: int) -> str:
    """The generated part of ``docs/exchange-proof.md``."""
    caught = [outcome for outcome in outcomes if outcome.cases]
    lines = [
        f"{len(caught)} of {len(outcomes)} mutations are caught within {cases:,} cases.",
        "",
        "| rule | in | cases | first seen in |",
        "|---|---|--:|---|",
    ]
    for outcome in outcomes:
        seen = re.sub(r"(\w+) \d+ differs", r"\1", outcome.difference).replace("|", "\\|")
        count = f"{outcome.cases:,}" if outcome.cases else "**survives**"
        rule = outcome.mutation.rule.replace("|", "\\|")
        lines.append(f"| {rule} | `{outcome.mutation.file}` | {count} | {seen[:60]} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.mutations", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="at most, for each mutation")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--only", default="", help="rules that contain this text")
    parser.add_argument("--page", type=Path, help="rewrite the table of this page")
    asked = parser.parse_args()
    chosen = [mutation for mutation in mutations() if asked.only in mutation.rule]
    with ThreadPoolExecutor(asked.jobs) as pool:
        results = pool.map(partial(tried, cases=asked.cases), chosen)
        outcomes = list(track(results, total=len(chosen), console=Console(stderr=True)))
    table = page(outcomes, asked.cases)
    print(table)  # noqa: T201
    if asked.page:
        kept, mark, _ = asked.page.read_text().partition("<!-- generated below -->\n")
        asked.page.write_text(f"{kept}{mark}\n{table}")
    return 0 if all(outcome.cases for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
