"""Bad input: one clear line with where and how to mend it, exit code 2, and nothing changed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.command import (
    ROOT,
    command,
    environment,
    good,
    interruptible,
    lockstep,
    refused,
    tree,
)
from tests.tasks.store.samples import HOUR, MINUTE, T0, candles, write_candles

BAD_PLAY = """\
version: 1
name: three_mistakes
market: BTCUSDT
clock: 60m
series:
  fast: ema(clsoe, 9)
rules:
  enter_long: cross_abvoe(close, fast)
risk: { size: { qty: 1 }, stop: { price: 2% } }
"""


def test_a_play_with_three_mistakes_reports_all_three(tmp_path: Path):
    file = tmp_path / "bad.yml"
    file.write_text(BAD_PLAY)
    answer = lockstep("play", "check", file, "--json")
    assert answer.code == 2
    (play,) = answer.document["plays"]
    assert play["ok"] is False
    found = {(e["line"], e["column"]): e for e in play["errors"]}
    assert set(found) == {(4, 8), (6, 13), (8, 15)}
    assert all({"code", "path", "message", "hint"} <= error.keys() for error in play["errors"])
    assert "1h" in found[4, 8]["hint"]
    assert "close" in found[6, 13]["hint"]
    assert "cross_above" in found[8, 15]["hint"]
    shown = lockstep("play", "check", file)
    assert len(shown.errors) == 3
    run = lockstep("backtest", "run", file, "--home", tmp_path / "home")
    assert run.code == 2
    assert len(run.errors) == 3


def rows_of(changed) -> dict:
    rows = candles(60)
    changed(rows)
    return rows


def unsorted(rows: dict) -> None:
    rows["open_ms"][[10, 11]] = rows["open_ms"][[11, 10]]


def duplicate(rows: dict) -> None:
    rows["open_ms"][20] = rows["open_ms"][19]


def off_grid(rows: dict) -> None:
    rows["open_ms"][30] += 1


def not_finite(rows: dict) -> None:
    rows["close"][40] = np.nan


def high_below_low(rows: dict) -> None:
    rows["high"][50] = rows["low"][50] - 1


@pytest.mark.parametrize(
    ("changed", "row"),
    [(unsorted, 11), (duplicate, 20), (off_grid, 30), (not_finite, 40), (high_below_low, 50)],
)
def test_bad_rows_are_named_and_nothing_is_stored(changed, row: int, tmp_path: Path):
    file = write_candles(tmp_path / "bad.parquet", rows_of(changed))
    home = tmp_path / "home"
    answer = lockstep("data", "import", file, "--symbol", "BTCUSDT", "--kind", "kline", "--home",
                      home, "--json")  # fmt: skip
    assert answer.code == 2
    document = answer.document
    assert row in [entry["row"] for entry in document["rejected"]]
    assert all(entry["reason"] for entry in document["rejected"])
    assert document["rows"] == 0
    assert answer.errors == ["ROWS_REJECTED"]
    assert refused("data", "status", "--home", home)["code"]


def test_a_window_without_data_names_the_environment(market_home: Path):
    error = refused("backtest", "run", "plays/ema_pullback.yml", "--home", market_home, "--since",
                    "2027-01-01", "--until", "2027-02-01")  # fmt: skip
    assert "backtest" in str(error)


def test_an_unknown_symbol_names_those_there_are(market_home: Path):
    error = refused("backtest", "run", "plays/ema_pullback.yml", "--home", market_home, "--symbol",
                    "NOPEUSDT")  # fmt: skip
    assert error["code"] == "SYMBOL_UNKNOWN"
    assert "BTCUSDT" in error["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("backtest", "run", "nowhere.yml"),
        ("data", "import", "nowhere.parquet", "--symbol", "BTCUSDT", "--kind", "kline"),
        ("play", "explain", "nowhere.yml"),
        ("backtest", "run", "plays/ema_pullback.yml", "--config", "nowhere.yml"),
    ],
)
def test_a_missing_file_is_named(arguments: tuple[str, ...], market_home: Path):
    before = tree(market_home)
    error = refused(*arguments, "--home", market_home)
    assert "nowhere" in str(error)
    assert tree(market_home) == before


def test_a_truncated_database_is_named_and_left_as_it_is(tmp_path: Path):
    file = write_candles(tmp_path / "good.parquet", candles(60))
    home = tmp_path / "home"
    imported = ("data", "import", file, "--symbol", "BTCUSDT", "--kind", "kline", "--home", home)
    good(*imported)
    (database,) = home.rglob("*.duckdb")
    database.write_bytes(database.read_bytes()[:4096])
    error = refused(*imported)
    assert database.name in str(error)
    assert database.stat().st_size == 4096


@pytest.mark.parametrize(
    "arguments",
    [
        ("backtest", "run", "plays/ema_pullback.yml", "--since", "2026-01-05", "--until",
         "2026-01-02"),
        ("data", "generate", "--pattern", "range", "--symbol", "BTCUSDT", "--since", "2026-01-05",
         "--until", "2026-01-02", "--seed", "1"),
        ("data", "import", "x.parquet", "--symbol", "BTCUSDT", "--kind", "kline", "--timeframe",
         "7m"),
        ("data", "import", "x.parquet", "--symbol", "BTCUSDT", "--kind", "klines"),
        ("backtest", "run", "plays/ema_pullback.yml", "--since", "yesterday"),
        ("backtest", "run", "plays/ema_pullback.yml", "--since", "2026-01-05T00:00"),
        ("backtest", "run"),
        ("backtest", "walk"),
        ("data", "import", "x.parquet", "--symbol", "BTCUSDT", "--kind", "funding",
         "--timeframe", "1m"),
    ],
)  # fmt: skip
def test_m12_illegal_options_and_combinations_exit_2_before_any_work(
    arguments: tuple[str, ...], tmp_path: Path
):
    answer = lockstep(*arguments, "--home", tmp_path / "home")
    assert answer.code == 2
    assert answer.err.strip()
    assert not (tmp_path / "home").exists()


def start_holder(home: Path) -> subprocess.Popen[str]:
    """A process that holds the store's write lock and does nothing."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tasks.store import Store\n"
        f"with Store(Path({str(home)!r}), 'backtest').writer():\n"
        "    print('held', flush=True)\n    time.sleep(120)\n"
    )
    holder = subprocess.Popen(
        [command()[0], "-c", code], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    return holder


def test_c5_a_second_writer_is_told_who_holds_the_lock_and_succeeds_after_it_is_killed(
    tmp_path: Path,
):
    home = tmp_path / "home"
    file = write_candles(tmp_path / "good.parquet", candles(60))
    imported = ("data", "import", file, "--symbol", "BTCUSDT", "--kind", "kline", "--home", home)
    good(*imported)
    holder = start_holder(home)
    try:
        error = refused(*imported, code=3)
        assert error["code"] == "LOCK_BUSY"
        assert str(holder.pid) in error["message"] + error["where"]
    finally:
        holder.kill()
        holder.wait()
    good(*imported)


def test_kill_during_an_import_leaves_a_store_that_opens_and_claims_no_row_it_lacks(
    tmp_path: Path,
):
    home = tmp_path / "home"
    file = write_candles(tmp_path / "big.parquet", candles(400_000))
    imported = ("data", "import", file, "--symbol", "BTCUSDT", "--kind", "kline", "--home", home)
    for wait_s in (2.5, 3.5, 5.0):
        process = subprocess.Popen(
            command(*imported), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(wait_s)
        process.kill()
        process.wait()
        answer = lockstep("data", "status", "--home", home, "--json")
        if answer.code == 0:
            (item,) = answer.document["items"]
            covered = sum((b - a) // MINUTE for a, b in item["obtained"])
            assert covered == item["rows"]
    assert good(*imported)["rows"] == 400_000
    (item,) = good("data", "status", "--home", home)["items"]
    assert item["rows"] == 400_000
    assert item["obtained"] == [[T0, T0 + 400_000 * MINUTE]]


@pytest.mark.parametrize("later_s", [0.0, 0.1, 0.2, 0.4, 1.0])
def test_an_interrupted_command_exits_130(tmp_path: Path, later_s: float):
    """Whenever it is interrupted, while it still imports what it needs too."""
    process = subprocess.Popen(
        command("data", "generate", "--pattern", "mixed", "--symbol", "BTCUSDT", "--since",
                "2020-01-01", "--until", "2026-01-01", "--seed", 1, "--home", tmp_path),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=interruptible,  # noqa: PLW1509  it only sets a signal
    )  # fmt: skip
    while process.poll() is None and not any(tmp_path.iterdir()):
        time.sleep(0.05)  # a crowded machine may load for longer than any fixed time
    time.sleep(later_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert re.search(r"error\[INTERRUPTED\]", err)
    assert "Traceback" not in err


QUERY = """
import os, signal, threading, duckdb
from flows.cli.errors import failure_of

# With more threads, the one that hears interrupts may wait for the others.
duckdb.sql("set threads = 1")
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    duckdb.sql("select count(*) from range(1000000000000) where hash(range) = 1").fetchall()
except (RuntimeError, KeyboardInterrupt) as error:
    print(failure_of(error).exit_code)
"""


def test_an_interrupted_query_is_an_interrupt_and_no_defect():
    done = subprocess.run(
        [sys.executable, "-c", QUERY], cwd=ROOT, env=environment(), capture_output=True, text=True,
        timeout=120, check=False, preexec_fn=interruptible,
    )  # fmt: skip
    assert done.stdout == "130\n", done.stderr


def test_quality_refuses_rows_that_cannot_be_run_over(tmp_path: Path):
    """A hole in the fill series: the run is refused, naming it."""
    home = tmp_path / "home"
    rows = candles(300)
    keep = np.arange(300) != 150
    good("data", "import",
         write_candles(tmp_path / "hole.parquet", {k: v[keep] for k, v in rows.items()}),
         "--symbol", "BTCUSDT", "--kind", "kline", "--home", home)  # fmt: skip
    answer = lockstep("backtest", "run", "plays/ema_bracket.yml", "--home", home, "--set",
                      "mark=last", "--set", "funding=off", "--json")  # fmt: skip
    assert answer.code in (1, 2)
    assert "2026-01-01T02:30" in str(answer.document["error"])
    assert HOUR
