"""Publishing a snapshot: the store's rows as immutable files, and one manifest that names them.

The manifest's name is the SHA-256 of its bytes; it holds no time, so equal stores publish equal
snapshots. Only months whose rows changed since the last snapshot are written; the others are
shared with it. Readers see the new snapshot when ``current`` is replaced, in one rename.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.canonical import canonical_bytes, sha256_hex
from tasks.store.door import under_lock
from tasks.store.objects import object_path, write_durably, write_object
from tasks.store.rows import layout_of, month_bounds
from tasks.store.schema import SCHEMA_VERSION
from tasks.store.series import Series
from tasks.store.writer import Progress, StoreWriter

#: Version of the manifest's own shape.
MANIFEST_VERSION = 2
CURRENT_FILE = "current"


def snapshots_directory(store: Path) -> Path:
    """Where a store's manifests lie; their objects lie in ``objects`` beneath."""
    return store / "snapshots"


@under_lock
def publish(writer: StoreWriter, progress: Progress | None = None) -> str:
    """Publish what the store holds now; the snapshot's id (64 hex)."""
    directory = snapshots_directory(writer.directory)
    objects = directory / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    previous = _previous_months(directory)
    stored = writer.series()
    listed = []
    for done, series in enumerate(stored):
        listed.append(_publish_series(writer, series, previous.get(str(series), {}), objects))
        if progress:
            progress(done + 1, len(stored))
    manifest = {
        "manifest": MANIFEST_VERSION,
        "env": writer.env,
        "store_id": writer.store_id(),
        "schema_version": SCHEMA_VERSION,
        "series": listed,
        "instruments": writer.instruments(),
        "risk_tiers": writer.risk_tiers(),
        "generated": writer.generated(),
        "revisions": _publish_revisions(writer, objects),
    }
    content = canonical_bytes(manifest)
    snapshot_id = sha256_hex(content)
    if not (directory / f"{snapshot_id}.json").exists():
        write_durably(directory / f"{snapshot_id}.json", content)
    write_durably(directory / CURRENT_FILE, snapshot_id.encode())
    writer.mark_published()
    return snapshot_id


def _publish_series(
    writer: StoreWriter, series: Series, previous: Mapping[str, Any], objects: Path
) -> dict[str, Any]:
    layout = layout_of(series.kind)
    coverage = writer.coverage(series)
    changed = writer.unpublished(series)
    months = []
    for month in _covered_months(coverage):
        entry = previous.get(month)
        if entry is None or month in changed or not _present(objects, entry):
            columns = writer.rows(series, *month_bounds(month))
            times = columns[layout.time]
            if not len(times):
                continue
            name, size = write_object(objects, layout.arrow(columns))
            entry = {
                "month": month,
                "rows": len(times),
                "first_ms": int(times[0]),
                "last_ms": int(times[-1]),
                "sha256": name,
                "bytes": size,
            }
        months.append(entry)
    return {
        "symbol": series.symbol,
        "kind": series.kind.value,
        "timeframe": series.timeframe_text,
        "rows": sum(entry["rows"] for entry in months),
        "first_ms": months[0]["first_ms"],
        "last_ms": months[-1]["last_ms"],
        "coverage": [list(interval) for interval in coverage],
        "known_absent": [list(interval) for interval in writer.known_absent(series)],
        "months": months,
    }


def _covered_months(coverage: list[tuple[int, int]]) -> list[str]:
    """The UTC months that any interval touches, sorted."""
    found: set[str] = set()
    for start, end in coverage:
        first, last = np.array([start, end - 1], "datetime64[ms]").astype("datetime64[M]")
        found.update(str(month) for month in np.arange(first, last + 1))
    return sorted(found)


def _publish_revisions(writer: StoreWriter, objects: Path) -> dict[str, Any] | None:
    table = writer.revisions()
    if not table.num_rows:
        return None
    name, size = write_object(objects, table)
    return {"rows": table.num_rows, "sha256": name, "bytes": size}


def _previous_months(directory: Path) -> dict[str, dict[str, Any]]:
    """Month entries of the last snapshot by series name; none if it cannot be trusted."""
    try:
        snapshot_id = (directory / CURRENT_FILE).read_text()
        content = (directory / f"{snapshot_id}.json").read_bytes()
    except OSError:
        return {}
    if sha256_hex(content) != snapshot_id:
        return {}
    return {
        str(Series.of(entry["symbol"], entry["kind"], entry["timeframe"])): {
            month["month"]: month for month in entry["months"]
        }
        for entry in json.loads(content)["series"]
    }


def _present(objects: Path, entry: Mapping[str, Any]) -> bool:
    path = object_path(objects, entry["sha256"])
    return path.exists() and path.stat().st_size == entry["bytes"]
