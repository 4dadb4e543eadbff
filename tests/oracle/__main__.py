"""``python -m tests.oracle [--cases N] [--seed N] [--jobs N]``: the compiled exchange against the
oracle, one random scenario per seed, until every case agreed or one did not."""

from __future__ import annotations

import argparse
import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from tasks.kernels import use_kernel_cache


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="how many scenarios")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--terse", action="store_true", help="the difference alone, not shrunk")
    asked = parser.parse_args()
    use_kernel_cache()
    from tests.oracle.comparing import compared, report

    console = Console(stderr=True, quiet=asked.terse)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began, found = time.perf_counter(), None
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=asked.cases)
        for done, now_found in compared(asked.seed, asked.cases, asked.jobs):
            progress.update(bar, completed=done)
            found = now_found
    if found:
        print(f"seed {found.seed}: {found.difference}" if asked.terse else report(found))  # noqa: T201
        return 1
    seconds = time.perf_counter() - began
    print(  # noqa: T201
        f"{asked.cases:,} cases from seed {asked.seed}: every event the same"
        f" ({asked.cases / seconds:,.0f} cases/s in {asked.jobs} processes)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
