"""A backtest: load the play, pin a snapshot, gate on quality, simulate, commit, prove, report.

A run that exists is verified and returned, not computed again; ``force`` computes it again, and
outputs that then differ are a DeterminismViolation that fails the flow. With ``verify`` the run is
proved again in a fresh process before the flow ends.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from engine.backtest import Result
from flows.progress import step
from flows.requests import BacktestRequest
from flows.runs import find_existing, prepare, proved, run_document
from tasks.artifacts import Commit, RunFolder, commit_run, outputs_of
from tasks.quality import QualityReport, check_snapshot
from tasks.report import render_report
from tasks.run import PreparedRun, execute
from tasks.store import Store
from tasks.verify import Verification, rerun


@task(name="prepare", cache_policy=NO_CACHE)
def prepare_inputs(request: BacktestRequest) -> PreparedRun:
    """Load the play, resolve config and window, pin the snapshot and read its rows."""
    step("reading the data")
    return prepare(request)


@task(name="quality gate", cache_policy=NO_CACHE)
def gate(store: Store, prepared: PreparedRun) -> list[QualityReport]:
    """Check the rows the run reads; QualityError if a check of severity ``error`` fails."""
    snapshot = store.snapshot(prepared.snapshot_id)
    report = step("checking the quality of the data")
    series = list(prepared.inputs["data"]["series"].values())
    reports = []
    for done, facts in enumerate(series):
        place = (facts["symbol"], facts["kind"], facts["timeframe"])
        reports.append(check_snapshot(snapshot, *place, facts["first_ms"], facts["until_ms"]))
        reports[-1].require()
        report(done + 1, len(series))
    return reports


@task(name="simulate", cache_policy=NO_CACHE)
def simulate(prepared: PreparedRun) -> Result:
    """Compute the run."""
    return execute(prepared, progress=step(f"simulating {prepared.play.name}"))


@task(name="commit", cache_policy=NO_CACHE)
def commit(root: Path, prepared: PreparedRun, result: Result, audit: dict[str, Any]) -> Commit:
    """Draw the report and write the run's folder, once."""
    step("writing the run")
    outputs, play, dataset = outputs_of(result), prepared.play, prepared.dataset
    first = int((dataset.bars.open_ms < dataset.since_ms).sum())
    report = render_report(
        play.name, play.source, prepared.inputs, outputs, dataset.bars[slice(first, None)]
    )
    return commit_run(root, play, prepared.inputs, outputs, audit=audit, report_html=report)


@task(name="verify", cache_policy=NO_CACHE)
def verify(root: Path, folder: RunFolder, home: Path) -> Verification:
    """Prove the run again in a fresh process, from the snapshot it pinned."""
    step("proving the run again in a fresh process")
    return rerun(root, folder.path, home, pinned=True)


@flow(name="backtest")
def backtest(request: BacktestRequest) -> dict[str, Any]:
    """Run a backtest; the document ``backtest run`` prints."""
    root, home = Path(request.artifacts), Path(request.home)
    prepared = prepare_inputs(request)
    folder = find_existing(root, prepared.run_id)
    reused = folder is not None and not request.force
    if folder is None or request.force:
        began = time.monotonic()
        reports = gate(request.store, prepared)
        result = simulate(prepared)
        audit = {
            "snapshot_id": prepared.snapshot_id,
            "store_id": prepared.store_id,
            "committed_ms": time.time_ns() // 1_000_000,
            "duration_s": round(time.monotonic() - began, 3),
            "host": platform.node(),
            "flow_run": flow_run.get_id(),
            "quality": {f"{r.kind.value} {r.timeframe}".rstrip(): r.status.value for r in reports},
        }
        folder = commit(root, prepared, result, audit).folder
    if request.verify and (request.force or not proved(root, folder.run_id)):
        verify(root, folder, home)
    document = run_document(root, folder, reused=reused)
    create_table_artifact(
        key="backtest",
        table=[{"metric": name, **metric} for name, metric in document["metrics"].items()],
        description=f"{folder.run_id}: {document['status']}, rerun {document['verdict']}",
    )
    return document
