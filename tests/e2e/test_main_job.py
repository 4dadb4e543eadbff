"""The main job through the command line: import, check, backtest, prove, show."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.command import ROOT, good, lockstep, refused, tree

RUN_FIELDS = {"run_id", "result_hash", "status", "verdict", "reused", "directory", "metrics",
              "trades"}  # fmt: skip


def test_the_demo_ends_with_identical_and_shows_only_what_happened(tmp_path: Path):
    document = good("demo", "--home", tmp_path)
    assert document.keys() >= {"steps", "run_id", "result_hash", "verdict", "parity", "report"}
    assert document["verdict"] == "IDENTICAL"
    assert document["parity"] is None
    assert [step["name"] for step in document["steps"]] == ["sync", "quality", "backtest", "rerun"]
    assert all({"name", "status"} <= step.keys() for step in document["steps"])
    assert Path(document["report"]).is_file()


def test_a_run_is_described_as_the_contract_says(ran: tuple[Path, dict]):
    _, document = ran
    assert document.keys() >= RUN_FIELDS
    assert (document["status"], document["verdict"], document["reused"]) == (
        "COMPLETED",
        "IDENTICAL",
        False,
    )
    assert all({"value", "unit"} <= metric.keys() for metric in document["metrics"].values())
    assert document["trades"] > 0
    assert Path(document["directory"]).name == document["run_id"]


def test_the_same_run_twice_is_reused(home: Path, ran: tuple[Path, dict]):
    first = ran[1]
    again = good("backtest", "run", "plays/ema_pullback.yml", "--home", home)
    assert (again["run_id"], again["result_hash"]) == (first["run_id"], first["result_hash"])
    assert again["reused"] is True


def test_hash_seed_time_zone_and_a_forced_run_change_nothing(home: Path, ran: tuple[Path, dict]):
    first = ran[1]
    again = good("backtest", "run", "plays/ema_pullback.yml", "--home", home, "--force",
                 "--no-verify", PYTHONHASHSEED="4242", TZ="Pacific/Lord_Howe")  # fmt: skip
    assert (again["run_id"], again["result_hash"]) == (first["run_id"], first["result_hash"])
    assert again["reused"] is False


def test_a_run_is_named_by_id_prefix_or_path(ran: tuple[Path, dict]):
    home, run = ran
    for name in (run["run_id"], run["run_id"][:8], run["directory"]):
        assert good("backtest", "show", name, "--home", home)["run_id"] == run["run_id"]
    elsewhere = good("backtest", "show", run["directory"], "--home", home.parent / "other")
    assert elsewhere["verdict"] == "IDENTICAL"
    assert refused("backtest", "show", run["run_id"][:7], "--home", home)["code"]
    assert refused("backtest", "show", "0" * 64, "--home", home)["code"] == "RUN_UNKNOWN"


def test_runs_are_listed_and_reported(ran: tuple[Path, dict]):
    home, run = ran
    (entry,) = good("backtest", "list", "--home", home)["runs"]
    assert entry["run_id"] == run["run_id"]
    report = Path(good("backtest", "report", run["run_id"], "--home", home)["report"])
    assert "plotly" in report.read_text("utf-8").lower()


def test_one_flipped_byte_in_any_file_is_named(home: Path, ran: tuple[Path, dict]):
    run = ran[1]
    folder = next((home / "artifacts").glob(f"runs/*/*/{run['run_id']}"))
    for file in sorted(folder.iterdir()):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        mode = file.stat().st_mode
        file.chmod(0o644)
        good_bytes = file.read_bytes()
        file.write_bytes(bytes(data))
        error = refused("backtest", "show", run["run_id"], "--home", home)
        said = error["message"] + error["where"]
        assert file.name in said or file.name == "manifest.sha256", (file.name, error)
        file.write_bytes(good_bytes)
        file.chmod(mode)
    assert good("backtest", "show", run["run_id"], "--home", home)


def test_a_rerun_is_identical_until_a_stored_candle_changes(home: Path, ran: tuple[Path, dict]):
    run = ran[1]
    found = good("audit", "rerun", run["run_id"], "--home", home)
    assert found["verdict"] == "IDENTICAL"
    assert found["differences"] == []
    # The same market with another seed rewrites the window.
    good("data", "generate", "--pattern", "mixed", "--symbol", "BTCUSDT", "--since", "2026-01-01",
         "--until", "2026-01-15", "--seed", 4, "--home", home)  # fmt: skip
    changed = lockstep("audit", "rerun", run["run_id"], "--home", home, "--json")
    assert (changed.code, changed.document["verdict"]) == (1, "DATA_CHANGED")
    pinned = good("audit", "rerun", run["run_id"], "--pinned", "--home", home)
    assert pinned["verdict"] == "IDENTICAL"


def test_runs_are_compared_and_their_inputs_told_apart(home: Path, ran: tuple[Path, dict]):
    run = ran[1]
    other = good("backtest", "run", "plays/ema_pullback.yml", "--home", home, "--no-verify",
                 "--set", "slippage=3bps")  # fmt: skip
    assert other["run_id"] != run["run_id"]
    compared = lockstep("audit", "compare", run["run_id"], other["run_id"], "--home", home,
                        "--json")  # fmt: skip
    assert (compared.code, compared.document["verdict"]) == (1, "DIFFERENT")
    first = compared.document["differences"][0]
    assert first.keys() >= {"leaf", "table", "row", "column", "a", "b"}
    why = good("audit", "why", run["run_id"], other["run_id"], "--home", home)["differences"]
    assert [leaf["leaf"] for leaf in why] == ["/config/slippage_e7"]
    same = lockstep("audit", "compare", run["run_id"], run["run_id"], "--home", home, "--json")
    assert (same.code, same.document["verdict"]) == (1, "INVALID")


def test_flows_run_on_the_orchestrators_own_server_and_leave_their_states(ran: tuple[Path, dict]):
    """Prefect's database in the home holds the flow runs, all completed."""
    home, _ = ran
    (database,) = (home / "prefect").rglob("prefect.db")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        query = (
            "select flow.name, flow_run.state_type from flow_run "
            "join flow on flow.id = flow_run.flow_id"
        )
        states = dict(connection.execute(query).fetchall())
    assert states.get("backtest") == "COMPLETED"


def test_a_default_home_is_two_folders_beside_the_user(tmp_path: Path):
    file = ROOT / "plays" / "ema_bracket.yml"
    shutil.copy(file, tmp_path / "mine.yml")
    done = lockstep("data", "generate", "--pattern", "range", "--symbol", "BTCUSDT", "--since",
                    "2026-01-01", "--until", "2026-01-02", "--seed", 1, cwd=tmp_path)  # fmt: skip
    assert done.code == 0, done.err
    done = lockstep("backtest", "run", "mine.yml", "--no-verify", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lockstep", "artifacts", "mine.yml"]


def test_lockstep_home_says_where(tmp_path: Path):
    good("data", "generate", "--pattern", "range", "--symbol", "BTCUSDT", "--since", "2026-01-01",
         "--until", "2026-01-02", "--seed", 1, LOCKSTEP_HOME=str(tmp_path / "there"))  # fmt: skip
    status = good("data", "status", LOCKSTEP_HOME=str(tmp_path / "there"))
    assert {item["kind"] for item in status["items"]} == {"kline", "mark", "funding"}
    item = next(item for item in status["items"] if item["kind"] == "kline")
    assert item["obtained"] == [[1_767_225_600_000, 1_767_312_000_000]]
    assert (item["rows"], item["missing"], item["status"]) == (1440, [], "complete")


def test_config_file_then_set_and_everything_is_in_the_manifest(home: Path, tmp_path: Path):
    config = tmp_path / "run.yml"
    config.write_text("equity: 5000\nfees:\n  taker: 6bps\nslippage: 1bps\n")
    run = good("backtest", "run", "plays/ema_pullback.yml", "--home", home, "--no-verify",
               "--config", config, "--set", "slippage=4bps")  # fmt: skip
    inputs = json.loads((Path(run["directory"]) / "inputs.json").read_text())
    resolved = inputs["config"]
    assert resolved["equity_e8"] == 5000 * 10**8
    assert resolved["fees"] == {"taker_e7": 6000, "maker_e7": 2000}
    assert resolved["slippage_e7"] == 4000


@pytest.mark.parametrize(
    ("assignment", "code"),
    [
        ("slipage=1bps", "CONFIG_UNKNOWN"),
        ("slippage=1", "CONFIG_INVALID"),
        ("gaps=bridge", "CONFIG_INVALID"),
        ("path=sideways", "CONFIG_INVALID"),
        ("fees.taker=", "CONFIG_INVALID"),
        ("instrument.tick_size=-1", "CONFIG_INVALID"),
    ],
)
def test_m3_unknown_settings_are_refused(ran, assignment: str, code: str):
    home, _ = ran
    error = refused("backtest", "run", "plays/ema_pullback.yml", "--home", home, "--set",
                    assignment)  # fmt: skip
    assert error["code"] == code
    assert assignment.partition("=")[0] in error["message"] + error["where"]


def test_m1_m2_a_play_is_run_by_its_path_and_an_id_must_be_unique(home: Path, tmp_path: Path):
    """Two files with one id: by path each is itself; by id the command names both."""
    text = (ROOT / "plays" / "ema_pullback.yml").read_text()
    plays = tmp_path / "plays"
    plays.mkdir()
    (plays / "a.yml").write_text(text)
    (plays / "b.yml").write_text(text.replace("fast: 9", "fast: 7"))
    run = good("backtest", "run", plays / "b.yml", "--home", home, "--no-verify")
    stored = (Path(run["directory"]) / "play.yml").read_text()
    assert "fast: 7" in stored
    by_id = lockstep("backtest", "run", "ema_pullback", "--home", home, "--json", cwd=tmp_path)
    assert by_id.code == 2
    error = by_id.document["error"]
    assert "a.yml" in str(error)
    assert "b.yml" in str(error)


def test_nothing_but_loopback_is_reached(home: Path, tmp_path: Path):
    """Every socket of the command and of the fresh process connects to this machine alone."""
    plant = tmp_path / "plant"
    plant.mkdir()
    log = tmp_path / "connections"
    (plant / "sitecustomize.py").write_text(
        "import sys\n"
        "def hook(event, args):\n"
        "    if event == 'socket.connect':\n"
        f"        open({str(log)!r}, 'a').write(repr(args[1]) + chr(10))\n"
        "sys.addaudithook(hook)\n"
    )
    answer = lockstep("backtest", "run", "plays/sma_always_in.yml", "--home", home, "--set",
                      "fill_timeframe=1m", "--json",
                      PYTHONPATH=f"{plant}{os.pathsep}{ROOT}")  # fmt: skip
    assert answer.code == 0, answer.err
    told = log.read_text().splitlines()
    assert told
    assert all("127.0.0.1" in line or "'::1'" in line or line.startswith(("'", "b'"))
               for line in told), set(told)  # fmt: skip


def test_help_and_play_check_load_nothing_heavy(tmp_path: Path):
    heavy = {
        *("prefect", "duckdb", "numba", "pandas", "great_expectations"),
        *("pyarrow", "polars", "plotly", "pybit"),
    }
    for arguments in (["--help"], ["backtest", "run", "--help"]):
        found = _loaded(tmp_path, arguments)
        assert not found & heavy, arguments
    assert not _loaded(tmp_path, ["play", "check", "plays/ema_bracket.yml"]) & {
        "prefect", "pandas", "great_expectations", "duckdb", "plotly", "pybit", "pyarrow",
    }  # fmt: skip


def _loaded(tmp_path: Path, arguments: list[str]) -> set[str]:
    """Top-level modules a command has loaded by its end."""
    plant = tmp_path / "plant"
    plant.mkdir(exist_ok=True)
    out = tmp_path / "modules"
    (plant / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        f"atexit.register(lambda: open({str(out)!r}, 'w').write(' '.join(sys.modules)))\n"
    )
    done = lockstep(*arguments, PYTHONPATH=f"{plant}{os.pathsep}{ROOT}")
    assert done.code == 0, done.err
    return {name.partition(".")[0] for name in out.read_text().split()}


def test_the_store_is_untouched_by_reading(ran: tuple[Path, dict]):
    home, run = ran
    before = tree(home)
    for arguments in (
        ("data", "status"),
        ("backtest", "list"),
        ("backtest", "show", run["run_id"]),
    ):
        good(*arguments, "--home", home)
    assert tree(home) == before
