"""Bringing data into a store: lock, validate and commit, check quality, publish a snapshot.

Rows that fail a quality check of severity ``error`` stay in the store but are not published:
readers go on with the snapshot before.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.holdings import holdings
from flows.progress import step
from flows.requests import GenerateRequest, ImportRequest, import_document
from tasks.quality import QualityReport, Status, check_stored, write_quality_page
from tasks.store import ImportReport, Store, StoreWriter, import_file

#: From best to worst: a document shows the worst of several reports.
_WORSE = (Status.PASS, Status.WARN, Status.FAIL)


@task(name="commit file", cache_policy=NO_CACHE)
def commit_file(writer: StoreWriter, request: ImportRequest) -> ImportReport:
    """Validate the file's rows and store them all, or, if any is bad, none."""
    return import_file(
        writer,
        Path(request.file),
        request.symbol,
        request.kind,
        request.timeframe,
        now_ms=time.time_ns() // 1_000_000,
        progress=step(f"importing {Path(request.file).name}"),
    )


@task(name="generate market", cache_policy=NO_CACHE)
def commit_generated(writer: StoreWriter, request: GenerateRequest) -> int:
    """Generate the market and store it; the number of rows."""
    from tasks.generate import generate_market, store_generated

    step(f"generating {request.symbol}, pattern {request.pattern}, seed {request.seed}")
    market = generate_market(
        request.symbol, request.since_ms, request.until_ms, request.seed, request.pattern
    )
    return store_generated(writer, market)


@task(name="check quality", cache_policy=NO_CACHE)
def check_changed(writer: StoreWriter, run_id: str | None = None) -> list[QualityReport]:
    """Reports on every series with rows no snapshot holds yet, also shown on a page of the store.

    Not only the series just stored: what is published is all that changed. ``run_id`` names the
    sync they belong to, else this run of a flow.
    """
    changed = [series for series in writer.series() if writer.unpublished(series)]
    run_id = run_id or str(flow_run.get_id() or uuid.uuid4())
    page = quality_page(writer.directory, run_id)
    reports = []
    for done, series in enumerate(changed):
        step(f"checking the quality of {series}")(done, len(changed))
        reports.append(check_stored(writer, series, run_id=run_id, page=str(page)))
    if reports:
        write_quality_page(page.parent, run_id, reports)
        create_table_artifact(key="quality", table=[_quality_row(report) for report in reports])
    return reports


def quality_page(store: Path, run_id: str) -> Path:
    """Where the quality page of a run lies in a store's directory."""
    return store / "quality" / f"{run_id}.html"


def require_quality(reports: Sequence[QualityReport]) -> None:
    """Raise QualityError for the first report that FAILs: its rows must not be published."""
    for report in reports:
        report.require()


@task(name="publish snapshot", cache_policy=NO_CACHE)
def publish(store: Store, writer: StoreWriter) -> str:
    """Publish what the store holds; the snapshot's id."""
    return store.publish_snapshot(writer, step("publishing a snapshot"))


@flow(name="import")
def import_data(request: ImportRequest) -> dict[str, Any]:
    """Import one file; the import command's document."""
    store = request.store
    with store.writer(flow_run=flow_run.get_id()) as writer:
        report = commit_file(writer, request)
        if report.rejected_rows:
            return import_document(
                request, rejected=list(report.rejected), rejected_rows=report.rejected_rows
            )
        reports = check_changed(writer)
        require_quality(reports)
        snapshot_id = publish(store, writer)
    document = import_document(
        request,
        rejected=[],
        rejected_rows=0,
        rows=report.rows,
        first_ms=report.first_ms,
        last_ms=report.last_ms,
        added=report.added,
        revised=report.revised,
        quality=worst(reports),
        snapshot=snapshot_id,
    )
    create_table_artifact(
        key="import", table=[{k: v for k, v in document.items() if k != "rejected"}]
    )
    return document


@flow(name="generate")
def generate_data(request: GenerateRequest) -> dict[str, Any]:
    """Generate a market; what the store then holds of its symbol, as ``data status`` says it."""
    store = request.store
    with store.writer(flow_run=flow_run.get_id()) as writer:
        rows = commit_generated(writer, request)
        reports = check_changed(writer)
        require_quality(reports)
        publish(store, writer)
    document = holdings(store.snapshot(), symbol=request.symbol)
    create_table_artifact(key="generate", table=document["items"])
    return {**document, "generated_rows": rows, "quality": worst(reports)}


def worst(reports: Sequence[QualityReport]) -> Status | None:
    """The worst status of several reports; None of none: nothing was checked."""
    return max((report.status for report in reports), key=_WORSE.index, default=None)


def _quality_row(report: QualityReport) -> dict[str, Any]:
    return {
        "series": f"{report.symbol} {report.kind.value} {report.timeframe}".rstrip(),
        "rows": report.rows,
        "status": report.status.value,
        "failed": ", ".join(f"{check.name} ({check.unexpected})" for check in report.failed()),
    }
