"""Everything that changes a store goes through a writer inside the lock (H13)."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tasks
from engine.errors import LockRequired
from tasks.store import Series, Store, StoreWriter
from tasks.store.rows import layout_of
from tests.tasks.store.samples import MINUTE, ROOT, T0, candles, run

SERIES = Series.of("BTCUSDT", "kline", "1m")


@pytest.fixture
def released(tmp_path: Path) -> StoreWriter:
    """A writer whose lock context has ended."""
    with Store(tmp_path, "backtest").writer() as writer:
        pass
    return writer


def writer_methods() -> list[str]:
    plain = {"release"}
    return [
        name
        for name, member in inspect.getmembers(StoreWriter, inspect.isfunction)
        if not name.startswith("_") and name not in plain
    ]


def functions_that_take_a_writer() -> list[Callable[..., Any]]:
    """Every public function or method under ``tasks`` with a parameter called ``writer``."""
    found: dict[str, Callable[..., Any]] = {}
    for module_info in pkgutil.walk_packages(tasks.__path__, "tasks."):
        if module_info.name.endswith("__main__"):
            continue
        module = importlib.import_module(module_info.name)
        holders = [module, *(c for _, c in inspect.getmembers(module, inspect.isclass))]
        for holder in holders:
            for name, member in inspect.getmembers(holder, inspect.isfunction):
                own = member.__module__.startswith("tasks.") and not name.startswith("_")
                if own and "writer" in inspect.signature(member).parameters:
                    found[f"{member.__module__}.{member.__qualname__}"] = member
    return list(found.values())


@pytest.mark.parametrize("name", writer_methods())
def test_h13_every_method_of_a_writer_raises_outside_the_lock(
    name: str, released: StoreWriter
) -> None:
    with pytest.raises(LockRequired):
        getattr(released, name)()


def test_h13_every_function_that_takes_a_writer_raises_outside_the_lock(
    released: StoreWriter, tmp_path: Path
) -> None:
    functions = functions_that_take_a_writer()
    assert {f.__name__ for f in functions} >= {"import_file", "publish_snapshot", "check_stored"}
    for function in functions:
        first = (
            [Store(tmp_path, "backtest")]
            if "self" in inspect.signature(function).parameters
            else []
        )
        with pytest.raises(LockRequired):
            function(*first, released)
        with pytest.raises(LockRequired):
            function(*first, None)


#: The rooms of the door: what a writer is made of, and the schema.
DOOR = {f"tasks/store/{name}.py" for name in ("writer", "facts", "records", "schema")}


def test_h13_the_mutating_statements_stand_in_the_writer_and_the_schema_only() -> None:
    offenders = []
    for path in sorted((ROOT / "tasks").rglob("*.py")) + sorted((ROOT / "flows").rglob("*.py")):
        if path.relative_to(ROOT).as_posix() in DOOR:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and text.startswith(("INSERT INTO", "UPDATE ", "DELETE FROM")):
                offenders.append(f"{path.name}:{node.lineno}")
    # The one exception: the row that names a store when its file is made.
    assert [o.split(":")[0] for o in offenders] == ["database.py"]


def test_h13_only_one_place_opens_a_database() -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tasks").rglob("*.py")
        if "duckdb.connect(" in path.read_text()
    }
    assert callers == {"tasks/store/database.py"}


def test_h13_a_reader_has_no_connection_and_cannot_change_what_it_reads(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.ingest(SERIES, candles(10))
        store.publish_snapshot(writer)
    code = """
import sys
from pathlib import Path
from tasks.store import Store
snapshot = Store(Path(sys.argv[1]), "backtest").snapshot()
since, until = int(sys.argv[2]), int(sys.argv[2]) + 600_000
bars = snapshot.bars("BTCUSDT", "kline", "1m", since, until)
close = bars.close[0]
bars.close[:] = 0.0
assert snapshot.bars("BTCUSDT", "kline", "1m", since, until).close[0] == close == 107.0
for name in ("execute", "sql", "connection", "ingest"):
    assert not hasattr(snapshot, name)
print("duckdb" in sys.modules)
"""
    assert run(code, tmp_path, T0) == "False\n"
    modes = {
        path.stat().st_mode & 0o222 for path in (store.directory / "snapshots").rglob("*.arrow")
    }
    assert modes == {0}


def test_h13_a_failure_between_rows_and_coverage_leaves_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, "backtest")
    with store.writer() as writer:
        writer.ingest(SERIES, candles(5))

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with store.writer() as writer:
        with monkeypatch.context() as patched:
            patched.setattr(StoreWriter, "_replace_coverage", fail)
            with pytest.raises(KeyboardInterrupt):
                writer.ingest(SERIES, candles(9))
        assert len(writer.rows(SERIES, 0, 2**62)["open_ms"]) == 5
        assert writer.coverage(SERIES) == [(T0, T0 + 5 * MINUTE)]
        assert writer.ingest(SERIES, candles(9)).added == 4
        assert writer.problems() == []


def test_rows_out_of_order_are_refused_at_the_door(tmp_path: Path) -> None:
    rows = {name: column[::-1].copy() for name, column in candles(4).items()}
    with Store(tmp_path, "backtest").writer() as writer:
        with pytest.raises(Exception, match="not strictly increasing"):
            writer.ingest(SERIES, rows)
        assert writer.series() == []


def test_problems_names_rows_stored_twice_and_coverage_without_rows(tmp_path: Path) -> None:
    """The check that crash tests rely on must itself see damage."""
    with Store(tmp_path, "backtest").writer() as writer:
        writer.ingest(SERIES, candles(4))
        assert writer.problems() == []
        writer._run("UPDATE coverage SET end_ms = end_ms + 60000", [])
        assert "has no rows" in writer.problems()[0]
        writer._run("UPDATE coverage SET end_ms = end_ms - 120000", [])
        assert "is not covered" in writer.problems()[0]
        writer._run("INSERT INTO klines SELECT * FROM klines LIMIT 1", [])
        assert writer.problems() == ["BTCUSDT kline 1m: rows are stored twice"]


def test_stored_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    rows = candles(7)
    rows["turnover"] = np.array([1.5, np.nan, 2.5, np.nan, 0.0, 1e-9, 3e12])
    with Store(tmp_path, "backtest").writer() as writer:
        writer.ingest(SERIES, rows)
        stored = writer.rows(SERIES, 0, 2**62)
    assert list(stored) == [layout_of(SERIES.kind).time, *layout_of(SERIES.kind).values]
    for name, column in rows.items():
        np.testing.assert_array_equal(stored[name], column)
