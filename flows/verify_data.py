"""Verifying a store against the venue: pages fetched again and compared, the invariants checked,
and slower candles as plays are given them compared with the venue's own.

Which pages is drawn from a seed, by default the day's number, so that daily runs roll over the
whole of what is held. What the venue has rewritten replaces what was stored, both values are kept
in ``revisions``, and the runs that read the old ones are listed.
"""

from __future__ import annotations

import random
import uuid
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Failed

from engine.errors import VenueError
from flows.imports import check_changed, publish, require_quality
from flows.progress import step
from flows.requests import VerifyRequest
from flows.revised import affected_runs
from flows.sync_plan import open_gateway, remember_ban
from tasks.download import Window, refetch, windows_of
from tasks.quality import audit_aggregates
from tasks.store import Series, Snapshot, StoreWriter


@task(name="verify series", task_run_name="{series}", cache_policy=NO_CACHE)
def verify_series(
    writer: StoreWriter, gateway: Any, series: Series, windows: list[Window], server_ms: int
) -> dict[str, Any]:
    """Fetch pages of a series again; an item of the report."""
    report = step(f"verifying {series}")
    item: dict[str, Any] = {
        "symbol": series.symbol,
        "kind": series.kind.value,
        "timeframe": series.timeframe_text,
        "status": "complete",
        "obtained": [],
        "missing": [],
        "rows": 0,
        "revised": 0,
        "cause": None,
    }
    for done, window in enumerate(windows):
        report(done, len(windows))
        try:
            found = refetch(writer, gateway, series, window, server_ms)
        except VenueError as error:
            item["missing"].append(list(window))
            item["status"], item["cause"] = "failed", f"{error.code.lower()}: {error.message}"
            break
        item["obtained"].append(list(window))
        item["rows"] += found.added + found.equal + found.revised
        item["revised"] += found.revised
    if item["status"] == "complete" and item["revised"]:
        item["status"] = "partial"
        item["cause"] = f"revised: the venue has rewritten {item['revised']} rows since"
    return item


@task(name="audit aggregates", cache_policy=NO_CACHE)
def audit(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Compare slower candles as plays are given them with the venue's own."""
    step("comparing aggregated candles with the venue's own")
    return [one.model_dump(mode="json") for one in audit_aggregates(snapshot)]


@flow(name="verify data")
def verify_data(request: VerifyRequest) -> Any:
    """Compare a sample of a store's pages with the venue; Failed if anything differs."""
    store = request.store
    jitter = random.Random(request.seed)
    with store.writer(flow_run=flow_run.get_id()) as writer:
        problems = writer.problems()
        gateway = open_gateway(writer, request)
        server_ms = gateway.server_time().server_ms
        items = []
        for series in request.chosen(writer.series()):
            windows = windows_of(series, writer.coverage(series))
            picked = sorted(jitter.sample(windows, min(request.pages, len(windows))))
            items.append(verify_series(writer, gateway, series, picked, server_ms))
        remember_ban(writer, gateway)
        revised = sum(item["revised"] for item in items)
        if revised:
            require_quality(check_changed(writer, uuid.uuid4().hex))
            publish(store, writer)
    snapshot = store.snapshot()
    aggregates = audit(snapshot)
    good = not problems and all(item["status"] == "complete" for item in items)
    good = good and not any(one["differing"] for one in aggregates)
    document = {
        "state": "Completed" if good else "Failed",
        "env": request.env,
        "items": items,
        "problems": problems,
        "aggregates": aggregates,
        "snapshot": snapshot.id,
        "affected_runs": affected_runs(Path(request.artifacts), snapshot) if revised else [],
    }
    create_table_artifact(key="verify", table=[{**item, "obtained": None} for item in items])
    if good:
        return document
    return Failed(name="Differences", message="the store differs from the venue", data=document)
