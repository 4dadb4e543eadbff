"""Each environment has its own store, made from configuration and passed on (H19, H20)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engine.errors import DataError, StoreError
from tasks.store import ENVIRONMENTS, Series, Store
from tasks.store.database import DATABASE_FILE
from tests.tasks.store.samples import DAY, HOUR, ROOT, T0, candles

HOURLY = Series.of("BTCUSDT", "kline", "1h")


def fill(home: Path, env: str, *, since: int = T0, n: int = 240) -> Store:
    store = Store(home, env)
    with store.writer() as writer:
        writer.ingest(HOURLY, candles(n, since=since, step=HOUR))
        store.publish_snapshot(writer)
    return store


def test_h20_each_environment_answers_from_its_own_range(tmp_path: Path) -> None:
    fill(tmp_path, "backtest")
    fill(tmp_path, "live", since=T0 + 100 * DAY, n=48)
    ranges = {
        env: [(s.first_ms, s.until_ms) for s in Store(tmp_path, env).snapshot().series()]
        for env in ("backtest", "live")
    }
    assert ranges == {
        "backtest": [(T0, T0 + 10 * DAY)],
        "live": [(T0 + 100 * DAY, T0 + 102 * DAY)],
    }
    with pytest.raises(DataError, match="'live'"):
        Store(tmp_path, "live").snapshot().bars("BTCUSDT", "kline", "1h", T0, T0 + DAY)


def test_h20_data_in_another_environment_only_is_an_error_naming_the_asked_one(
    tmp_path: Path,
) -> None:
    fill(tmp_path, "live")
    with pytest.raises(DataError) as refused:
        Store(tmp_path, "backtest").snapshot()
    assert "'backtest'" in refused.value.message
    assert not (tmp_path / "store" / "backtest").exists(), "reading made a store"
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.ingest(Series.of("ETHUSDT", "kline", "1h"), candles(5, step=HOUR))
        store.publish_snapshot(writer)
    with pytest.raises(DataError, match="environment 'backtest' holds no BTCUSDT kline 1h"):
        store.snapshot().bars("BTCUSDT", "kline", "1h", T0, T0 + DAY)


def test_h20_no_module_makes_a_store_of_its_own() -> None:
    """A store made when a module is imported would be a default nobody configured."""
    makers = []
    for room in ("engine", "tasks", "live", "flows"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                    continue
                for call in ast.walk(node):
                    name = getattr(call, "func", None)
                    if isinstance(call, ast.Call) and getattr(name, "id", "") == "Store":
                        makers.append(f"{path}:{call.lineno}")
    assert makers == []


def test_h19_provenance_differs_by_environment_while_equal_rows_hash_alike(tmp_path: Path) -> None:
    a, b = (fill(tmp_path, env).snapshot() for env in ("backtest", "live"))
    window = ("BTCUSDT", "kline", "1h", T0, T0 + 10 * DAY)
    assert (a.env, b.env) == ("backtest", "live")
    assert a.store_id != b.store_id
    assert a.id != b.id
    assert a.schema_version == b.schema_version
    assert a.content_sha256(*window) == b.content_sha256(*window)
    (info,) = a.series()
    assert (info.rows, info.first_ms, info.last_ms) == (240, T0, T0 + 239 * HOUR)


def test_h19_one_close_changed_by_one_tick_changes_the_content_hash(tmp_path: Path) -> None:
    store = fill(tmp_path, "backtest")
    window = ("BTCUSDT", "kline", "1h", T0, T0 + 10 * DAY)
    before = store.snapshot().content_sha256(*window)
    rows = candles(240, step=HOUR)
    rows["close"][200] += 0.1
    with store.writer() as writer:
        writer.ingest(HOURLY, rows)
        store.publish_snapshot(writer)
    assert store.snapshot().content_sha256(*window) != before


def test_a_database_of_another_environment_is_refused(tmp_path: Path) -> None:
    live, backtest = fill(tmp_path, "live"), Store(tmp_path, "backtest")
    backtest.directory.mkdir(parents=True)
    content = (live.directory / DATABASE_FILE).read_bytes()
    (backtest.directory / DATABASE_FILE).write_bytes(content)
    with pytest.raises(StoreError) as refused, backtest.writer():
        pass
    assert refused.value.code == "STORE_FOREIGN"


def test_an_unknown_environment_is_refused_naming_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        Store(tmp_path, "prod")
    assert refused.value.hint == "one of backtest, live, demo"
    assert ENVIRONMENTS == ("backtest", "live", "demo")


def test_a_home_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="cannot be made"),
        Store(tmp_path / "file", "live").writer(),
    ):
        pass
