"""``python -m benchmarks [--rounds N]``: measure, print one table, keep the figures."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import asdict

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.rows import Row, all_rows, results_file
from benchmarks.workers import PEERS_PYTHON, ROOT

LOCK = ROOT / "benchmarks" / "requirements.lock"


def ensure_peers(console: Console) -> None:
    """The peers' own environment, made once."""
    if PEERS_PYTHON.exists():
        return
    console.print("==> installing the peers into benchmarks/.venv (about a minute)")
    subprocess.run([sys.executable, "-m", "venv", str(PEERS_PYTHON.parents[1])], check=True)
    subprocess.run(
        [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--require-hashes", "-r", str(LOCK)],
        check=True,
    )  # fmt: skip


def table_of(rows: list[Row]) -> Table:
    """The figures beside what performance goals say of them."""
    table = Table(title=f"Lockstep and its peers, {platform.machine()}")
    for name in ("measured", "value", "goal", "bound", "verdict", "note"):
        table.add_column(name, justify="left" if name in {"measured", "note"} else "right")
    for row in rows:
        sign = ">=" if row.more_is_better else "<="
        goal, bound = (
            "" if v is None else f"{sign} {v:g} {row.unit}" for v in (row.goal, row.bound)
        )
        table.add_row(row.what, f"{row.value:.3g} {row.unit}", goal, bound, row.verdict, row.note)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each side (default 7)")
    rounds = parser.parse_args().rounds
    console = Console(width=140)
    ensure_peers(console)
    rows: list[Row] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=None)
        for row in all_rows(rounds):
            rows.append(row)
            progress.update(task, description=row.what)
    console.print(table_of(rows))
    file = results_file()
    file.write_text(json.dumps([{**asdict(r), "verdict": r.verdict} for r in rows], indent=1))
    console.print(f"figures: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
