"""The compiled exchange held against the oracle over scenarios by the thousand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

from engine.errors import LockstepError
from engine.exchange.layout import DecisionRow, FillRow, LedgerRow, OrderRow, TradeRow
from tests.engine.exchange.driving import Driven
from tests.oracle.compare import first_difference
from tests.oracle.events import Event
from tests.oracle.exchange import run
from tests.oracle.minimal import minimal
from tests.oracle.random_scenarios import seeded
from tests.oracle.scenario import Scenario
from tests.oracle.writing import text_of

#: Cases handed to a process at a time.
CHUNK = 250
#: What an exchange that is wrong can raise on its way.
_RAISED = (LockstepError, ArithmeticError, LookupError, AssertionError, ValueError)


@dataclass(frozen=True)
class Found:
    """The first seed at which the exchanges differ, and in what."""

    seed: int
    difference: str


def difference(scenario: Scenario, expected: Sequence[Event] | None = None) -> str:
    """Where the exchanges first differ, empty if nowhere; an error of the compiled one counts.
    ``expected`` is what the oracle tells, where that is known."""
    expected = run(scenario) if expected is None else expected
    try:
        driven = Driven(scenario)
        actual = driven.run()
        quiet = Driven(scenario, events=False, like=driven)
        quiet.advance()
    except _RAISED as error:
        return f"Error: {type(error).__name__}: {error}"
    return first_difference(expected, actual) or _unlike(driven, quiet)


#: Cells of the rows of an outcome.
_CELLS = {"orders": OrderRow, "fills": FillRow, "trades": TradeRow, "ledger": LedgerRow,
          "decisions": DecisionRow}  # fmt: skip


def _unlike(told: Driven, quiet: Driven) -> str:
    """What an exchange that writes no events makes otherwise, empty if nothing."""
    ours, theirs = quiet.outcome(), told.outcome()
    for name, rows in ours.items():
        for at, (row, other) in enumerate(zip_longest(rows, theirs[name])):
            if row == other:
                continue
            if row is None or other is None:
                return f"Without events {len(rows)} {name}\nWith them {len(theirs[name])}"
            if name not in _CELLS:
                return f"Without events, {name} {at} is {row}\nWith them {other}"
            cell = next(cell for cell in _CELLS[name] if row[cell] != other[cell])
            return (
                f"Without events, {cell.name.lower()} of {name} {at} is {row[cell]}\n"
                f"With them {other[cell]}"
            )
    return ""


def first_found(first: int, count: int) -> Found | None:
    """The first of ``count`` seeds from ``first`` on at which the exchanges differ."""
    for seed in range(first, first + count):
        text = difference(seeded(seed))
        if text:
            return Found(seed, text)
    return None


def compared(first: int, count: int, jobs: int) -> Iterator[tuple[int, Found | None]]:
    """Compare in ``jobs`` processes; after each chunk, in order, how many cases are done and what
    was found, with which it ends."""
    starts = range(first, first + count, CHUNK)
    sizes = [min(CHUNK, first + count - start) for start in starts]
    if jobs == 1:
        yield from _until_found(sizes, map(first_found, starts, sizes))
        return
    with ProcessPoolExecutor(jobs) as pool:
        try:
            yield from _until_found(sizes, pool.map(first_found, starts, sizes))
        finally:
            pool.shutdown(cancel_futures=True)


def _until_found(
    sizes: list[int], results: Iterator[Found | None]
) -> Iterator[tuple[int, Found | None]]:
    done = 0
    for size, found in zip(sizes, results, strict=True):
        done += size
        yield done, found
        if found:
            return


def report(found: Found) -> str:
    """The seed, the difference, and the smallest scenario with it as the text of a golden case."""
    kind = _kind(found.difference)
    small = minimal(seeded(found.seed), lambda made: _kind(difference(made)) == kind)
    return (
        f"seed {found.seed}: {found.difference}\n\n"
        f"The same in small, as a golden case:\n\n"
        f"{text_of(small, f'seed_{found.seed}')}\n{difference(small)}"
    )


def _kind(text: str) -> str:
    """What differs, whichever row it is: a smaller scenario must not show something else."""
    return re.sub(r"\d+ ", "", text.split("\n", 1)[0])
