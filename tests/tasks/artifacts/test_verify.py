"""Proving a run again, in a fresh process, from its manifest alone. Covers M19, H19, H2."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.errors import ArtifactError
from tasks.artifacts import open_folder, read_verifications
from tasks.store import Store
from tasks.verify import rerun
from tests.tasks.artifacts import market, proof
from tests.tasks.artifacts.market import DAY, T0


@dataclass(frozen=True)
class Place:
    home: Path
    root: Path
    run: Path


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    base = tmp_path_factory.mktemp("proof")
    home, root = base / "home", base / "artifacts"
    market.fill(home)
    return Place(home, root, proof.commit(home, root).folder.path)


@pytest.fixture
def place(committed: Place, tmp_path: Path) -> Place:
    """A copy of the committed run and its store that a test may change."""
    home, root = tmp_path / "home", tmp_path / "artifacts"
    shutil.copytree(committed.home, home)
    shutil.copytree(committed.root, root)
    return Place(home, root, root / committed.run.relative_to(committed.root))


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def revise(place: Place, day: int) -> None:
    """Change one close by one tick, as a revision of the source would."""
    rows = market.candles(T0, T0 + 6 * DAY)
    at = day * 288 + 100
    one = {name: column[at : at + 1].copy() for name, column in rows.items()}
    one["close"][0] = round(one["close"][0] - 0.1, 1)
    market.put(place.home, "BTCUSDT", "kline", "5m", one, "backtest")


def test_the_run_trades(committed: Place):
    folder = open_folder(committed.run)
    assert folder.table("trades").num_rows > 5
    assert folder.table("equity").num_rows > 90


def test_m19_a_rerun_is_identical_and_leaves_the_run_as_it_was(place: Place):
    before = state(place.run)
    found = rerun(place.root, place.run, place.home)
    assert (found.verdict, found.reason, found.differences) == ("IDENTICAL", "", [])
    assert (found.outputs, found.kept) == ("same", None)
    assert state(place.run) == before
    (record,) = read_verifications(place.root, found.run_id)
    assert (record["kind"], record["verdict"]) == ("rerun", "IDENTICAL")
    assert record["circumstances"]["time_zone"]
    assert record["circumstances"]["block_bars"] == 1021
    assert list((place.root / "tmp").iterdir()) == []


def test_m19_rows_added_after_the_window_do_not_matter(place: Place):
    more = market.candles(T0 + 6 * DAY, T0 + 8 * DAY)
    market.put(place.home, "BTCUSDT", "kline", "5m", more, "backtest")
    assert rerun(place.root, place.run, place.home).verdict == "IDENTICAL"


def test_m19_a_revised_candle_is_data_changed_not_different(place: Place):
    revise(place, day=2)
    found = rerun(place.root, place.run, place.home)
    assert found.verdict == "DATA_CHANGED"
    assert "kline 5m" in found.reason
    assert "2026-01-03" in found.reason
    assert found.outputs is None


def test_m19_pinned_proves_from_the_snapshot_the_run_pinned(place: Place):
    revise(place, day=2)
    assert rerun(place.root, place.run, place.home, pinned=True).verdict == "IDENTICAL"


def test_m19_a_damaged_pinned_file_is_invalid(place: Place):
    objects = place.home / "store" / "backtest" / "snapshots" / "objects"
    for path in objects.rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.chmod(0o644)
            path.write_bytes(data)
    assert rerun(place.root, place.run, place.home, pinned=True).verdict == "INVALID"


def test_m19_a_store_that_is_gone_is_invalid(place: Place, tmp_path: Path):
    found = rerun(place.root, place.run, tmp_path / "nowhere")
    assert found.verdict == "INVALID"
    assert "holds no data" in found.reason


def test_a_damaged_run_is_an_error_naming_the_file(place: Place):
    with (place.run / "trades.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtifactError, match=r"trades\.parquet"):
        rerun(place.root, place.run, place.home)


HASH_ORDER = """
original = run.run_backtest
def run_backtest(play, dataset, config, **rest):
    rank = sorted(["a", "b", "c", "d", "e", "f", "g", "h"], key=hash).index("a")
    changed = run.RunConfig.from_mapping(
        {"equity": 100_000, "fill_timeframe": "5m", "slippage": f"{RANK}bps"}
    )
    return original(play, dataset, changed, **rest)
run.run_backtest = run_backtest
"""

COMMIT = """
import sys
from pathlib import Path
from tests.tasks.artifacts import proof
print(proof.commit(Path(sys.argv[1]), Path(sys.argv[2])).folder.path)
"""


def test_m19_planted_hash_order_is_different_and_both_are_kept(
    committed: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = proof.plant(tmp_path / "plant", HASH_ORDER.replace("{RANK}", "{1 + rank}"))
    root = tmp_path / "artifacts"
    first = Path(
        proof.in_fresh_process(COMMIT, committed.home, root, PYTHONPATH=path, PYTHONHASHSEED="7")
    )
    monkeypatch.setenv("PYTHONPATH", path)
    verdicts = []
    for _ in range(6):  # one in eight hash seeds ranks the names alike
        found = rerun(root, first, committed.home)
        verdicts.append(found.verdict)
        if found.verdict == "DIFFERENT":
            break
    assert verdicts[-1] == "DIFFERENT"
    assert {d["leaf"] for d in found.differences} >= {"trades", "fills", "equity", "metrics"}
    trade = next(d for d in found.differences if d["leaf"] == "trades")
    assert (trade["table"], trade["row"]) == ("trades", 0)
    assert trade["a"] != trade["b"]
    assert found.kept is not None
    kept = open_folder(Path(found.kept))
    assert kept.run_id == open_folder(first).run_id
    assert kept.result_hash != open_folder(first).result_hash


def test_m19_the_same_plant_without_hash_order_is_identical(
    committed: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = proof.plant(tmp_path / "plant", HASH_ORDER.replace("{RANK}", "3"))
    root = tmp_path / "artifacts"
    first = Path(proof.in_fresh_process(COMMIT, committed.home, root, PYTHONPATH=path))
    monkeypatch.setenv("PYTHONPATH", path)
    assert rerun(root, first, committed.home).verdict == "IDENTICAL"


CHANGED_DEFAULTS = """
def from_mapping(values):
    raise AssertionError("a rerun takes its config from the manifest")
run.RunConfig.from_mapping = staticmethod(from_mapping)
for name, field in run.RunConfig.model_fields.items():
    if name in {"slippage", "slippage_stop", "equity"}:
        field.default = type(field.default)(77)
run.RunConfig.model_rebuild(force=True)
"""


def test_m19_a_changed_default_does_not_matter(place: Place, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", proof.plant(tmp_path / "plant", CHANGED_DEFAULTS))
    assert rerun(place.root, place.run, place.home).verdict == "IDENTICAL"


OTHER_LIBRARY = """
import tasks.identity
real = tasks.identity.version
tasks.identity.version = lambda name: "0.0.1" if name == "numba" else real(name)
"""


def test_other_code_with_the_same_outputs_is_code_changed_same(
    place: Place, tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", proof.plant(tmp_path / "plant", OTHER_LIBRARY))
    found = rerun(place.root, place.run, place.home)
    assert (found.verdict, found.outputs) == ("CODE_CHANGED", "same")
    assert [leaf["leaf"] for leaf in found.code] == ["/versions/numba"]


def test_other_code_with_other_outputs_is_code_changed_different(
    place: Place, tmp_path: Path, monkeypatch
):
    code = OTHER_LIBRARY + HASH_ORDER.replace("{RANK}", "9")
    monkeypatch.setenv("PYTHONPATH", proof.plant(tmp_path / "plant", code))
    found = rerun(place.root, place.run, place.home)
    assert (found.verdict, found.outputs) == ("CODE_CHANGED", "different")
    assert "trades" in {d["leaf"] for d in found.differences}
    assert found.kept is not None


NETWORK = """
import socket
original = run.run_backtest
def run_backtest(*args, **rest):
    socket.create_connection(("127.0.0.1", 9), timeout=1)
    return original(*args, **rest)
run.run_backtest = run_backtest
"""


def test_m19_a_rerun_has_no_network(place: Place, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", proof.plant(tmp_path / "plant", NETWORK))
    found = rerun(place.root, place.run, place.home)
    assert found.verdict == "INVALID"
    assert "a rerun has no network" in found.reason


RESULT_HASH = """
import sys
from pathlib import Path
from tasks.run import execute
from tests.tasks.artifacts import proof
run = proof.prepared(Path(sys.argv[1]))
print(run.run_id, execute(run, block_bars=int(sys.argv[2])).result_hash)
"""


def test_hash_seed_time_zone_and_chunking_do_not_change_id_or_result(committed: Place):
    folder = open_folder(committed.run)
    for seed, zone, block in (("0", "UTC", 1), ("99", "Asia/Kolkata", 100_000)):
        said = proof.in_fresh_process(
            RESULT_HASH, committed.home, block, PYTHONHASHSEED=seed, TZ=zone
        )
        assert said == f"{folder.run_id} {folder.result_hash}"


def test_h19_the_same_rows_in_another_environment_are_another_run(place: Place):
    market.fill(place.home, "live")
    here, there = proof.prepared(place.home), proof.prepared(place.home, env="live")
    assert here.inputs["data"]["series"] == there.inputs["data"]["series"]
    assert (here.inputs["data"]["environment"], there.inputs["data"]["environment"]) == (
        "backtest",
        "live",
    )
    assert here.run_id != there.run_id


def test_h19_one_close_changed_by_one_tick_is_another_run(place: Place):
    before = proof.prepared(place.home)
    revise(place, day=3)
    after = proof.prepared(place.home)
    name = "kline 5m"
    assert (
        before.inputs["data"]["series"][name]["content_sha256"]
        != after.inputs["data"]["series"][name]["content_sha256"]
    )
    assert before.run_id != after.run_id


def test_h19_facts_and_rows_of_the_dataset_are_one(committed: Place):
    run = proof.prepared(committed.home)
    data = run.inputs["data"]
    kline = data["series"]["kline 5m"]
    assert kline["rows"] == len(run.dataset.bars)
    assert kline["first_ms"] == run.dataset.bars.open_ms[0]
    assert kline["until_ms"] == run.dataset.bars.open_ms[-1] + 5 * market.MINUTE
    assert data["series"]["funding"]["rows"] == len(run.dataset.funding_ms) == 12
    assert run.dataset.provenance == data
    assert data["schema_version"] == Store(committed.home, "backtest").snapshot().schema_version
