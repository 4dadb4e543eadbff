"""``python -m tests.oracle.mutations [--cases N] [--jobs N] [--page FILE]``: does the comparison
notice? Each mutation of ``mutations.toml`` is put into a copy of ``engine/``, which is then held
against the oracle, seed by seed, until a case differs.

The copy runs as plain Python: compiling it would take longer than the few cases it needs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numba
import numpy
from rich.console import Console
from rich.progress import track

from tests.oracle.events import Event
from tests.oracle.exchange import run
from tests.oracle.random_scenarios import seeded
from tests.oracle.scenario import Scenario

ROOT = Path(__file__).resolve().parent.parent.parent
LIST = Path(__file__).with_name("mutations.toml")
CASES = 20_000
#: How many scenarios are drawn and told by the oracle once, for all mutations.
KNOWN = 500
#: Modules that import the exchange: imported anew beside each copy.
_COMPARISON = ("tests.oracle.comparing", "tests.engine.exchange.driving")

_known: list[tuple[Scenario, list[Event]]] = []


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


def known() -> list[tuple[Scenario, list[Event]]]:
    """The first scenarios with what the oracle tells of them, most of what mutations need."""
    return [(scenario, run(scenario)) for scenario in map(seeded, range(KNOWN))]


def tried(mutation: Mutation, cases: int) -> Outcome:
    """Hold a copy of the exchange with a mutation against the oracle, in a process of its own."""
    (outcome,) = all_tried([mutation], cases, 1)
    return outcome


def all_tried(chosen: Sequence[Mutation], cases: int, jobs: int) -> Iterator[Outcome]:
    """As :func:`tried`, one after the other, ``jobs`` at a time."""
    global _known
    _known = _known or known()
    with get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        yield from pool.imap(partial(_in_copy, cases=cases), chosen)


def _in_copy(mutation: Mutation, cases: int) -> Outcome:
    """In a fresh process: import the copy as plain Python and compare until a case differs."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    numba.config.reload_config()  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "engine"
        shutil.copytree(ROOT / "engine", copy, ignore=shutil.ignore_patterns("__pycache__"))
        if mutation.file:
            file = copy / mutation.file
            file.write_text(mutation.applied_to(file.read_text()))
        for name in [name for name in sys.modules if name.split(".")[0] == "engine"]:
            del sys.modules[name]
        for name in _COMPARISON:
            sys.modules.pop(name, None)
        sys.path.insert(0, folder)
        comparing = importlib.import_module("tests.oracle.comparing")
        assert Path(sys.modules["engine"].__file__ or "").is_relative_to(folder)
        # Numpy warns where compiled kernels overflow silently.
        numpy.seterr(over="ignore")
        for seed in range(cases):
            scenario, expected = _known[seed] if seed < KNOWN else (seeded(seed), None)
            text = comparing.difference(scenario, expected)
            if text:
                return Outcome(mutation, seed + 1, text.split("\n")[0])
    return Outcome(mutation, 0, "")


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
    console, outcomes = Console(stderr=True), []
    results = all_tried(chosen, asked.cases, asked.jobs)
    for outcome in track(results, total=len(chosen), console=console):
        outcomes.append(outcome)
        console.print(f"{outcome.cases or 'survives':>8}  {outcome.mutation.rule}")
    table = page(outcomes, asked.cases)
    print(table)  # noqa: T201
    if asked.page:
        kept, mark, _ = asked.page.read_text().partition("<!-- generated below -->\n")
        asked.page.write_text(f"{kept}{mark}\n{table}")
    return 0 if all(outcome.cases for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
