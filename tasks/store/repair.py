"""Mending a store: what its invariants do not allow is found, said, and set right.

Rows are never deleted unless an equal copy stays. Where coverage claims too much it is taken back,
so that the next sync fetches what is missing; a damaged month file is moved aside and written anew
from the database. Everything done is recorded in ``repairs``.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.store.door import under_lock
from tasks.store.intervals import Interval, intersect, merge, runs, subtract
from tasks.store.objects import object_path
from tasks.store.prune import objects_of
from tasks.store.publish import CURRENT_FILE, publish, snapshots_directory
from tasks.store.rows import layout_of, support_bound
from tasks.store.series import Series
from tasks.store.writer import StoreWriter

#: A damaged file is kept under this suffix.
DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing to mend: ``action`` with the series or file it concerns, and what it covers."""

    action: str
    subject: str
    intervals: tuple[Interval, ...] = ()
    rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {**asdict(self), "intervals": [list(interval) for interval in self.intervals]}


@under_lock
def plan_repair(writer: StoreWriter) -> list[Repair]:
    """Everything a repair would do; nothing for a store whose invariants hold."""
    found: list[Repair] = []
    for series in writer.series():
        found += _of_series(writer, series)
    found += [Repair("rewrite_file", path.name) for path in _damaged_objects(writer.directory)]
    return found


@under_lock
def apply_repair(writer: StoreWriter, repairs: list[Repair]) -> None:
    """Do what a plan lists, one recorded step after the other, then publish what was mended."""
    by_name = {str(series): series for series in writer.series()}
    for repair in repairs:
        series = by_name.get(repair.subject)
        if repair.action == "rewrite_file":
            path = snapshots_directory(writer.directory) / "objects" / repair.subject
            if path.exists():
                path.rename(path.with_name(path.name + DAMAGED))
        elif series is not None and repair.action == "drop_copies":
            writer.drop_repeated_rows(series)
        elif series is not None:
            covered = writer.coverage(series)
            change = subtract if repair.action == "uncover" else _added
            writer.limit_coverage(series, change(covered, repair.intervals))
        detail = repair.to_dict()
        writer.put_repair(detail.pop("action"), detail)
    if any(repair.action == "rewrite_file" for repair in repairs):
        publish(writer)


def _of_series(writer: StoreWriter, series: Series) -> list[Repair]:
    layout = layout_of(series.kind)
    columns = writer.rows(series, 0, 2**62)
    times, first = np.unique(columns[layout.time], return_index=True)
    found: list[Repair] = []
    conflicting: list[Interval] = []
    copies = len(columns[layout.time]) - len(times)
    if copies:
        ends = support_bound(series, {layout.time: times})
        conflicting = _conflicts(columns, layout.time, times, ends)
        found.append(Repair("drop_copies", str(series), rows=copies - len(conflicting)))
    kept = {name: column[first] for name, column in columns.items()}
    reach = runs(times, support_bound(series, kept))
    claimed = writer.coverage(series)
    false = merge([*subtract(claimed, reach), *intersect(claimed, conflicting)])
    if false:
        found.append(Repair("uncover", str(series), tuple(false)))
    instants = list(zip(times.tolist(), (times + 1).tolist(), strict=True))
    bare = {start for start, _ in subtract(subtract(instants, claimed), conflicting)}
    if bare:
        loose = np.isin(times, np.array(sorted(bare)))
        own = {name: column[loose] for name, column in kept.items()}
        reached = intersect(runs(times[loose], support_bound(series, own)), reach)
        found.append(Repair("cover", str(series), tuple(reached), rows=len(bare)))
    return found


def _conflicts(columns: dict[str, Any], time: str, times: Any, ends: Any) -> list[Interval]:
    """What rows stand for that are stored twice with different values."""
    found = []
    for at, end in zip(times.tolist(), ends.tolist(), strict=True):
        same = columns[time] == at
        if np.count_nonzero(same) < 2:
            continue
        values = [column[same] for name, column in columns.items() if name != time]
        if any(len(np.unique(value)) > 1 for value in values):
            found.append((at, end))
    return found


def _damaged_objects(store: Path) -> list[Path]:
    """Month files of the current snapshot that are missing, or do not hash to their names."""
    directory = snapshots_directory(store)
    current = directory / CURRENT_FILE
    if not current.is_file():
        return []
    found = []
    for name in sorted(objects_of(directory / f"{current.read_text()}.json")):
        path = object_path(directory / "objects", name.removesuffix(".arrow"))
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
            found.append(path)
    return found


def _added(a: list[Interval], b: tuple[Interval, ...]) -> list[Interval]:
    return merge([*a, *b])
