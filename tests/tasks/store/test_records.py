"""Facts and records: kept when they change, and read back as they went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from engine.exchange.instrument import Instrument
from tasks.store import Series, Store
from tasks.store.database import DATABASE_FILE
from tasks.store.schema import MIGRATIONS, SCHEMA_VERSION
from tests.tasks.store.samples import DAY, HOUR, T0, candles

LADDER = [{"id": 1, "risk_limit_usdt": "2000000", "maintenance_rate": "0.005"}]


def test_instruments_seen_again_unchanged_make_no_new_row(tmp_path: Path) -> None:
    seen = Instrument.default("BTCUSDT")
    later = replace(seen, valid_from_ms=seen.valid_from_ms + DAY, source="venue")
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        assert writer.put_instrument(seen, {"symbol": "BTCUSDT"}) is True
        assert writer.put_instrument(later) is False
        (facts,) = writer.instruments()["BTCUSDT"]
        assert facts["valid_from_ms"] == seen.valid_from_ms


def test_risk_tiers_are_kept_by_date_and_the_newest_are_read(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    wider = [{**LADDER[0], "risk_limit_usdt": "3000000"}]
    with store.writer() as writer:
        assert writer.put_risk_tiers("BTCUSDT", T0, LADDER) is True
        assert writer.put_risk_tiers("BTCUSDT", T0 + DAY, LADDER) is False
        writer.ingest(Series.of("BTCUSDT", "kline", "1h"), candles(3, step=HOUR))
        before = store.publish_snapshot(writer)
        assert writer.put_risk_tiers("BTCUSDT", T0 + 2 * DAY, wider) is True
        store.publish_snapshot(writer)
    assert store.snapshot(before).risk_tiers("BTCUSDT") == LADDER
    assert store.snapshot().risk_tiers("BTCUSDT") == wider
    assert store.snapshot().risk_tiers("ETHUSDT") is None


def test_a_sync_is_recorded_when_it_begins_and_how_it_ended(tmp_path: Path) -> None:
    item = {
        "symbol": "BTCUSDT",
        "kind": "kline",
        "timeframe": "1m",
        "requested": [[T0, T0 + DAY]],
        "obtained": [[T0, T0 + HOUR]],
        "missing": [[T0 + HOUR, T0 + DAY]],
        "rows": 60,
        "status": "partial",
        "cause": "ip_banned",
    }
    with Store(tmp_path, "backtest").writer() as writer:
        writer.begin_sync("run-1", "flow-1", {"symbols": ["BTCUSDT"]})
        (running,) = writer.sync_runs()
        assert (running["state"], running["ended_ms"], running["items"]) == ("Running", None, [])
        writer.end_sync("run-1", "PartialFailure", [item], "ab" * 32)
        (run,) = writer.sync_runs()
    assert (run["run_id"], run["flow_run"], run["state"]) == ("run-1", "flow-1", "PartialFailure")
    assert run["request"] == {"symbols": ["BTCUSDT"]}
    assert run["items"] == [{"run_id": "run-1", **item}]


def test_a_ban_is_remembered_by_address(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.put_ban("http://127.0.0.1:1", T0)
        writer.put_ban("http://127.0.0.1:1", T0 + HOUR)
    with store.writer() as writer:
        assert writer.banned_until_ms("http://127.0.0.1:1") == T0 + HOUR
        assert writer.banned_until_ms("http://127.0.0.1:2") is None


def test_a_store_of_the_first_version_is_brought_forward_with_all_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, hourly = Store(tmp_path, "backtest"), Series.of("BTCUSDT", "kline", "1h")
    store.directory.mkdir(parents=True)
    with duckdb.connect(str(store.directory / DATABASE_FILE)) as old:
        old.execute("CREATE TABLE schema_version (version INTEGER, applied_at_ms BIGINT)")
        old.execute(MIGRATIONS[0]).fetchall()
        old.execute("INSERT INTO schema_version VALUES (1, 0)")
        old.execute("INSERT INTO store_info VALUES ('an-id', 'backtest')")
        row = f"('BTCUSDT', 'last', '1h', {T0}, 1, 2, 0.5, 1.5, 10, NULL)"
        old.execute(f"INSERT INTO klines VALUES {row}")
        old.execute(f"INSERT INTO coverage VALUES ('BTCUSDT','kline','1h',{T0},{T0 + HOUR})")
        old.execute("INSERT INTO quality_runs VALUES ('BTCUSDT','kline','1h',0,'c','PASS','{}')")
    with store.writer() as writer:
        versions = writer.arrow("SELECT version FROM schema_version ORDER BY ALL", [])
        assert versions["version"].to_pylist() == list(range(1, SCHEMA_VERSION + 1))
        assert writer.rows(hourly, 0, 2**62)["close"].tolist() == [1.5]
        assert writer.coverage(hourly) == [(T0, T0 + HOUR)]
        assert writer.store_id() == "an-id"
        (quality,) = writer.arrow("SELECT status, run_id, page FROM quality_runs", []).to_pylist()
        assert quality == {"status": "PASS", "run_id": None, "page": None}
        assert writer.problems() == []
