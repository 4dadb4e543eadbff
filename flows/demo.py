"""The main job on generated data: sync, check quality, backtest, prove it again.

A venue on this machine serves a generated market over HTTP, and the sync fetches it from there page
by page as it would from the real one. The data lives in the environment ``demo``, so that it never
mixes with anybody's own. A second demo finds data and run in place and proves the run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow

from engine.config import RunConfig
from engine.errors import VenueError
from engine.play import load_play
from engine.timeframe import MINUTE_MS
from flows.audit import audit_rerun
from flows.backtest import backtest, gate, prepare_inputs
from flows.examples import PLAYS
from flows.home import Home
from flows.imports import worst
from flows.progress import step
from flows.requests import (
    BacktestRequest,
    GenerateRequest,
    PlaySource,
    RerunRequest,
    SyncRequest,
)
from flows.sync import sync
from flows.sync_plan import COMPLETED
from flows.venue import GeneratedSource
from live.paper import SetClock, Venue, serving, venue_app
from tasks.generate import generate_market

ENVIRONMENT = "demo"
SYMBOL = "BTCUSDT"
#: Ninety days of one-minute candles: 2026-01-01 to 2026-04-01, UTC.
SINCE_MS, UNTIL_MS = 1_767_225_600_000, 1_775_001_600_000
SEED = 7
PLAY = "ema_pullback.yml"


def requests(home: Home) -> tuple[GenerateRequest, BacktestRequest]:
    """What the demo asks of the flows it runs."""
    market = GenerateRequest(
        home=str(home.base),
        env=ENVIRONMENT,
        pattern="mixed",
        symbol=SYMBOL,
        since_ms=SINCE_MS,
        until_ms=UNTIL_MS,
        seed=SEED,
    )
    run = BacktestRequest(
        home=str(home.base),
        env=ENVIRONMENT,
        artifacts=str(home.artifacts),
        play=PlaySource.of(load_play(PLAYS / PLAY, market=SYMBOL)),
        config=RunConfig().resolved(),
        since_ms=None,
        until_ms=None,
        verify=True,
        force=False,
    )
    return market, run


@flow(name="demo")
def demo(market: GenerateRequest, run: BacktestRequest) -> dict[str, Any]:
    """The whole line once; the document ``demo`` prints. ``parity`` is null: no paper session has
    run, and nothing is shown that did not happen."""
    items = _synced(market, run)
    new = sum(item["rows"] for item in items)
    status = "complete" if new else "up_to_date"
    what = f"{new:,} rows in {len(items)} items from the venue on this machine"
    steps = [_step("sync", status, what)]

    reports = gate(run.store, prepare_inputs(run))
    checked = sum(len(report.expectations) for report in reports)
    steps.append(
        _step("quality", str(worst(reports)), f"{checked} checks over {len(reports)} series")
    )

    done = backtest(run)
    how = "found in place, verified" if done["reused"] else "computed"
    steps.append(_step("backtest", done["status"], f"{how}; {done['trades']} trades"))

    verdict = done["verdict"]
    if done["reused"]:
        verdict = _proved_again(run, done)
    steps.append(_step("rerun", verdict, "fresh process, other hash seed, time zone, chunking"))
    step("done")
    return {
        "steps": steps,
        "run_id": done["run_id"],
        "result_hash": done["result_hash"],
        "verdict": verdict,
        "parity": None,
        "report": done["report"],
        "directory": done["directory"],
    }


def _synced(market: GenerateRequest, run: BacktestRequest) -> list[dict[str, Any]]:
    """The items of a sync of the generated market from a venue on this machine."""
    step(f"generating {market.symbol}, pattern {market.pattern}, seed {market.seed}")
    window = (market.since_ms, market.until_ms)
    generated = generate_market(market.symbol, *window, market.seed, market.pattern)
    venue = Venue(GeneratedSource([generated]), SetClock(market.until_ms + MINUTE_MS))
    with market.store.writer() as writer:
        writer.put_generated(market.symbol, *window, generated.spec)
    with serving(venue_app(venue)) as url:
        request = SyncRequest(
            home=market.home,
            artifacts=run.artifacts,
            env=market.env,
            symbols=(market.symbol,),
            since_ms=market.since_ms,
            until_ms=market.until_ms,
            exchange_url=url,
        )
        state = sync(request, return_state=True)
        found = state.result(raise_on_failure=False)
    if isinstance(found, BaseException):
        raise found
    if found["state"] != COMPLETED:
        causes = sorted({item["cause"] for item in found["items"] if item["cause"]})
        raise VenueError(f"the sync ended {found['state']}: {'; '.join(causes)}")
    items: list[dict[str, Any]] = found["items"]
    return items


def _proved_again(run: BacktestRequest, done: Mapping[str, Any]) -> str:
    request = RerunRequest(
        home=run.home, artifacts=run.artifacts, run=done["directory"], pinned=False
    )
    state = audit_rerun(request, return_state=True)
    found = state.result(raise_on_failure=False)
    if isinstance(found, BaseException):
        raise found
    return str(found["verdict"])


def _step(name: str, status: str, what: str) -> dict[str, str]:
    return {"name": name, "status": status, "what": what}
