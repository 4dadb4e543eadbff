"""Syncing market data from the venue: lock, plan, fetch and commit, check quality, publish, report.

Each item (a series, or a symbol's facts) is a task on a pool of threads; pages are committed as
they come, so that a run that is killed or cancelled resumes at the first page it lacks. The state
says what happened: Completed, ``PartialFailure`` (of type FAILED, its data the report) if anything
is missing, Failed if nothing was obtained.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from engine.errors import InstrumentError, LockstepError, VenueError
from flows.imports import check_changed, publish, quality_page, worst
from flows.progress import Report, step, track
from flows.requests import SyncRequest
from flows.revised import affected_runs
from flows.sync_plan import (
    COMPLETED,
    DRIFT_WARN_MS,
    FAILED,
    GOOD,
    Place,
    Plan,
    item_of,
    look_around,
    open_gateway,
    outcome_of,
    place_of,
    place_of_item,
    remember_ban,
    state_of,
)
from tasks.download import Outcome, SeriesWork, VenueGateway, sync_facts, sync_series
from tasks.quality import QualityReport, Status
from tasks.store import Interval, StoreWriter

#: Items at a time: the venue's rate limit, not this, is what bounds a sync.
WORKERS = 4
Running = tuple[Place, Sequence[Interval], PrefectFuture[Outcome] | LockstepError]
#: A progress artifact is updated in steps of so many percent: each is a call to the server.
PROGRESS_STEP_PCT = 20.0


@task(name="plan", cache_policy=NO_CACHE)
def plan_sync(gateway: VenueGateway, symbols: Sequence[str]) -> Plan:
    """Ask for the venue's time and the symbols' listings."""
    step("asking the venue for its time and instruments")
    return look_around(gateway, symbols)


@task(name="sync series", task_run_name="{work.series}", cache_policy=NO_CACHE)
def sync_one(
    writer: StoreWriter, gateway: VenueGateway, work: SeriesWork, report: Report
) -> Outcome:
    """Bring one series up to date; PartialFetch if anything of it is missing in the end."""
    return sync_series(writer, gateway, work, _with_artifact(str(work.series), report))


@task(name="sync facts", task_run_name="{symbol} {kind}", cache_policy=NO_CACHE)
def sync_one_fact(
    writer: StoreWriter, gateway: VenueGateway, plan: Plan, symbol: str, kind: str
) -> Outcome:
    """Record a symbol's instrument facts or risk tiers."""
    return sync_facts(writer, gateway, kind, plan.listings[symbol], plan.server_ms)


@flow(name="sync", task_runner=ThreadPoolTaskRunner(max_workers=WORKERS))
def sync(request: SyncRequest) -> Any:
    """Bring an environment's store up to date with the venue; the sync command's document."""
    run_id, store = uuid.uuid4().hex, request.store
    with store.writer(request.settings.lock_wait_s, flow_run=flow_run.get_id()) as writer:
        writer.begin_sync(run_id, flow_run.get_id(), request.model_dump(mode="json"))
        with _recording_failure(writer, run_id):
            items, notes = _obtain(writer, request, run_id)
            reports = check_changed(writer, run_id)
            publishable = worst(reports) is not Status.FAIL
            if publishable and writer.series():
                publish(store, writer)
        state = state_of(items, publishable=publishable)
        snapshot = store.snapshot() if store.has_snapshot() else None
        writer.end_sync(run_id, state, items, snapshot and snapshot.id)
        revised = writer.revised_rows(run_id)
    document = {
        "state": state,
        "env": request.env,
        "run_id": run_id,
        "items": items,
        "snapshot": snapshot and snapshot.id,
        "quality": worst(reports),
        "quality_page": str(quality_page(store.directory, run_id)) if reports else None,
        "revised_rows": revised,
        "affected_runs": affected_runs(Path(request.artifacts), snapshot)
        if revised and snapshot
        else [],
        **notes,
    }
    create_table_artifact(key="sync", table=[_row(item) for item in items], description=state)
    step("done")
    if state == COMPLETED:
        return document
    return Failed(name=state, message=_summary(items, reports), data=document)


def _obtain(
    writer: StoreWriter, request: SyncRequest, run_id: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every item's end, and what is to be noted of the venue."""
    gateway = open_gateway(writer, request)
    try:
        plan = plan_sync(gateway, request.symbols)
    except VenueError as error:
        remember_ban(writer, gateway)
        asked = (request.since_ms, request.until_ms or request.since_ms)
        ended = outcome_of(error, [asked])
        return [item_of(place, ended) for place in _places(request)], _notes(None, gateway)
    if abs(plan.drift_ms) > DRIFT_WARN_MS:
        get_run_logger().warning("the host's clock is %d ms off the venue's", plan.drift_ms)
    step(f"syncing {len(_places(request))} items")
    try:
        running = [
            *_submit_series(writer, gateway, request, plan, run_id),
            *_submit_facts(writer, gateway, request, plan),
        ]
        items = [_ended(*one) for one in running]
    finally:
        # Left early, by a cancel or a failing disk: what runs ends at its next request.
        gateway.limiter.stop()
    remember_ban(writer, gateway)
    return items, _notes(plan, gateway)


def _submit_series(
    writer: StoreWriter, gateway: VenueGateway, request: SyncRequest, plan: Plan, run_id: str
) -> list[Running]:
    running: list[Running] = []
    for series in request.series():
        refusal, place = plan.refusal(series.symbol), place_of(series)
        if refusal is not None:
            asked = (request.since_ms, request.until_ms or plan.server_ms)
            running.append((place, [asked], refusal))
            continue
        work = plan.work(request, series, run_id)
        future = sync_one.submit(writer, gateway, work, track(str(series)))
        running.append((place, [work.wanted], future))
    return running


def _submit_facts(
    writer: StoreWriter, gateway: VenueGateway, request: SyncRequest, plan: Plan
) -> list[Running]:
    return [
        (
            (symbol, kind, ""),
            [],
            plan.no_facts(symbol) or sync_one_fact.submit(writer, gateway, plan, symbol, kind),
        )
        for symbol, kind in request.facts()
    ]


def _ended(
    place: Place, requested: Sequence[Interval], running: PrefectFuture[Outcome] | LockstepError
) -> dict[str, Any]:
    """An item once its task has ended; what is no trouble of the venue's is raised."""
    if isinstance(running, LockstepError):
        return item_of(place, outcome_of(running, requested))
    running.wait()
    found = running.result(raise_on_failure=False)
    if isinstance(found, VenueError | InstrumentError):
        return item_of(place, outcome_of(found, requested))
    if isinstance(found, BaseException):
        raise found
    return item_of(place, found)


def _with_artifact(what: str, report: Report) -> Report:
    """Reports that also move a progress artifact of the running task."""
    artifact = create_progress_artifact(progress=0.0, description=what)
    shown_pct = 0.0

    def both(done: int, total: int) -> None:
        nonlocal shown_pct
        report(done, total)
        reached_pct = 100.0 * done / max(total, 1)
        if reached_pct >= shown_pct + PROGRESS_STEP_PCT or done == total:
            shown_pct = reached_pct
            update_progress_artifact(artifact_id=artifact, progress=reached_pct)

    return both


@contextmanager
def _recording_failure(writer: StoreWriter, run_id: str) -> Iterator[None]:
    """An error that ends the whole sync is in its record too."""
    try:
        yield
    except LockstepError:
        writer.end_sync(run_id, FAILED, [], None)
        raise


def _places(request: SyncRequest) -> list[Place]:
    return [
        *map(place_of, request.series()),
        *((symbol, kind, "") for symbol, kind in request.facts()),
    ]


def _notes(plan: Plan | None, gateway: VenueGateway) -> dict[str, Any]:
    return {
        "drift_ms": None if plan is None else plan.drift_ms,
        "banned_until_ms": gateway.limiter.banned_until_ms,
    }


def _row(item: dict[str, Any]) -> dict[str, Any]:
    """An item as the table artifact shows it."""
    return {
        "series": " ".join(part for part in place_of_item(item) if part),
        "status": item["status"],
        "rows": item["rows"],
        "missing": len(item["missing"]),
        "cause": item["cause"],
    }


def _summary(items: Sequence[dict[str, Any]], reports: Sequence[QualityReport]) -> str:
    bad = [item for item in items if item["status"] not in GOOD]
    named = ", ".join(" ".join(place_of_item(item)).rstrip() for item in bad[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    quality = "; quality checks failed" if worst(reports) is Status.FAIL else ""
    return f"{len(bad)} of {len(items)} items are not complete: {named}{more}{quality}"
