"""``data prune``, ``repair``, ``vacuum`` and ``export`` through the command line."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest

from tasks.store import Series, Store
from tests.flows.commands import lockstep
from tests.live.paper.markets import DAY, HOUR, T0, paper_venue

pytestmark = pytest.mark.prefect

KLINE = Series.of("BTCUSDT", "kline", "5m")


def synced(home: Path, url: str, until: str) -> dict[str, Any]:
    code, document = lockstep(
        *("data", "sync", "--symbol", "BTCUSDT", "--timeframe", "5m", "--kinds"),
        *("kline,mark,funding,instruments,risk_tiers", "--since", "2026-01-01", "--until", until),
        *("--exchange-url", url),
        home=home,
    )
    assert code == 0, document
    return document


def test_prune_keeps_the_snapshot_a_run_pinned_and_refuses_when_a_run_cannot_be_read(
    tmp_path: Path,
) -> None:
    with paper_venue() as (_, url):
        pinned = synced(tmp_path, url, "2026-01-04")["snapshot"]
        code, run = lockstep(
            *("backtest", "run", "plays/sma_always_in.yml", "--set", "fill_timeframe=5m"),
            "--no-verify",
            home=tmp_path,
        )
        assert code == 0, run
        loose = synced(tmp_path, url, "2026-01-06")["snapshot"]
        current = synced(tmp_path, url, "2026-01-08")["snapshot"]
    code, plan = lockstep("data", "prune", "--dry-run", home=tmp_path)
    assert (code, plan["removed"], plan["dry_run"]) == (0, [loose], True)
    store = Store(tmp_path, "backtest")
    assert store.snapshot(loose).id == loose
    manifest = Path(run["directory"]) / "manifest.json"
    whole = manifest.read_bytes()
    manifest.chmod(0o644)
    manifest.write_bytes(whole[:-2])
    code, refused = lockstep("data", "prune", home=tmp_path)
    assert (code, run["run_id"][:16] in refused["error"]["message"]) == (2, True)
    assert store.snapshot(loose).id == loose
    manifest.write_bytes(whole)
    code, done = lockstep("data", "prune", home=tmp_path)
    kept = {entry["snapshot"]: entry["runs"] for entry in done["kept"]}
    assert (code, kept) == (0, {pinned: 1, current: 0})
    assert not (store.directory / "snapshots" / f"{loose}.json").exists()
    code, again = lockstep("audit", "rerun", run["run_id"], "--pinned", home=tmp_path)
    assert (code, again["verdict"]) == (0, "IDENTICAL")


def test_repair_says_what_it_would_do_and_then_does_it(tmp_path: Path) -> None:
    with paper_venue() as (_, url):
        synced(tmp_path, url, "2026-01-03")
        store = Store(tmp_path, "backtest")
        with store.writer() as writer:
            writer.limit_coverage(KLINE, [(T0 - HOUR, T0 + 2 * DAY)])
        for dry_run, problems in ((True, 1), (False, 0)):
            code, document = lockstep(
                "data", "repair", *(["--dry-run"] if dry_run else []), home=tmp_path
            )
            assert (code, document["dry_run"]) == (0, dry_run)
            (action,) = document["actions"]
            assert (action["action"], action["intervals"]) == ("uncover", [[T0 - HOUR, T0]])
            assert len(document["problems"]) == problems
    code, document = lockstep("data", "vacuum", home=tmp_path)
    assert code == 0
    assert document["bytes_after"] <= document["bytes_before"]


def test_export_tells_the_digest_of_what_it_wrote(tmp_path: Path) -> None:
    with paper_venue() as (_, url):
        synced(tmp_path, url, "2026-01-03")
    file = tmp_path / "btc.parquet"
    where = ("--symbol", "BTCUSDT", "--kind", "kline", "--timeframe", "5m")
    code, document = lockstep("data", "export", file, *where, home=tmp_path)
    assert (code, document["rows"]) == (0, 2 * 288)
    assert document["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    code, document = lockstep(
        "data", "export", file, *where, "--since", "2026-02-01", home=tmp_path
    )
    assert (code, document["error"]["code"]) == (2, "WINDOW_WITHOUT_DATA")


@pytest.mark.parametrize("command", ["status", "coverage", "gaps", "repair", "prune", "vacuum"])
def test_an_empty_environment_is_exit_2_and_named(tmp_path: Path, command: str) -> None:
    code, document = lockstep("data", command, "--env", "live", home=tmp_path)
    assert (code, document["error"]["code"]) == (2, "STORE_EMPTY")
    assert "'live'" in document["error"]["message"]


def test_a_venue_out_of_reach_fails_every_item_and_keeps_what_there_is(tmp_path: Path) -> None:
    with paper_venue() as (_, url):
        before = synced(tmp_path, url, "2026-01-03")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, document = lockstep(
            *("data", "sync", "--symbol", "BTCUSDT", "--since", "2026-01-01", "--kinds", "kline"),
            *("--set", "sync.attempts=2", "--set", "sync.backoff_s=0.1"),
            *("--exchange-url", nowhere),
            home=tmp_path,
        )
    assert (code, document["state"]) == (1, "Failed")
    assert "connection" in document["items"][0]["cause"]
    assert document["snapshot"] == before["snapshot"]


def test_the_sync_goes_by_the_venues_time_and_tells_the_hosts_drift(tmp_path: Path) -> None:
    with paper_venue(now_ms=T0 + 5 * DAY + 30_000) as (_, url):
        document = synced(tmp_path, url, "2026-01-20")
    assert document["drift_ms"] > 0
    kline = next(item for item in document["items"] if item["kind"] == "kline")
    assert kline["obtained"] == [[T0, T0 + 5 * DAY]]
