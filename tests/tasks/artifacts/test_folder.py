"""A run's folder: written once, complete or absent, verified at every read. Covers M17, M2."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import ArtifactError, DeterminismViolation, HashCollision
from engine.play import loads_play
from tasks.artifacts import (
    collect_dead_writers,
    list_runs,
    open_folder,
    open_run,
    read_verifications,
)
from tasks.identity import run_id
from tests.tasks.artifacts import runs

FILES = [
    "manifest.json",
    "manifest.sha256",
    "play.yml",
    "inputs.json",
    "result.json",
    "environment.json",
    "report.html",
    *(f"{name}.parquet" for name in runs.tables()),
]


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and modification time of every file."""
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_m17_the_folder_is_named_by_its_id_and_holds_the_listed_files(tmp_path: Path):
    committed = runs.commit(tmp_path)
    identity = run_id(runs.run_tree())
    assert not committed.reused
    assert committed.folder.path == tmp_path / "runs" / "sma_cross" / "BTCUSDT" / identity
    assert sorted(p.name for p in committed.folder.path.iterdir()) == sorted(FILES)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_m17_the_seal_covers_the_manifest_and_the_manifest_every_other_file(tmp_path: Path):
    path = runs.commit(tmp_path).folder.path
    manifest_bytes = (path / "manifest.json").read_bytes()
    digest = hashlib.sha256(manifest_bytes).hexdigest()
    assert (path / "manifest.sha256").read_text() == f"{digest}  manifest.json\n"
    listed = json.loads(manifest_bytes)["files"]
    assert set(listed) == set(FILES) - {"manifest.json", "manifest.sha256"}
    for name, entry in listed.items():
        data = (path / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def test_m2_the_manifest_names_path_and_digest_of_the_text_that_ran(tmp_path: Path):
    folder = runs.commit(tmp_path).folder
    assert folder.manifest["audit"]["play_path"] == "plays/sma_cross.yml"
    expected = hashlib.sha256(runs.PLAY_TEXT.encode()).hexdigest()
    assert folder.manifest["play_source_sha256"] == expected
    assert folder.read("play.yml") == runs.PLAY_TEXT.encode()
    assert folder.play() == replace(runs.PLAY, path=str(folder.path / "play.yml"))


def test_m2_a_play_is_read_back_with_the_parameters_and_market_it_was_run_with(tmp_path: Path):
    raw = b"\xef\xbb\xbf" + runs.PLAY_TEXT.encode()  # a byte-order mark is part of the file
    play = loads_play(raw, params={"fast": 5, "leave": "1.5%"}, market="ETHUSDT")
    folder = runs.commit(tmp_path, play=play).folder
    assert folder.path.parts[-3:-1] == ("sma_cross", "ETHUSDT")
    assert (folder.path / "play.yml").read_bytes() == raw
    assert folder.manifest["play_source_sha256"] == hashlib.sha256(raw).hexdigest()
    again = folder.play()
    assert again.play_hash == play.play_hash != runs.PLAY.play_hash
    assert (again.params, again.market) == (play.params, "ETHUSDT")


def test_tables_are_zstd_parquet_with_units_and_read_back_equal(tmp_path: Path):
    folder = runs.commit(tmp_path).folder
    for name, table in runs.tables().items():
        meta = pq.ParquetFile(folder.path / f"{name}.parquet").metadata
        chunks = [
            meta.row_group(g).column(c)
            for g in range(meta.num_row_groups)
            for c in range(meta.num_columns)
        ]
        assert {chunk.compression for chunk in chunks} <= {"ZSTD"}
        read = folder.table(name)
        assert read.schema.equals(table.schema, check_metadata=True)
        assert str(read.to_pylist()) == str(table.to_pylist())
    assert folder.table("trades").schema.field("mae_pct").metadata == {b"unit": b"pct"}


@pytest.mark.parametrize("name", FILES)
def test_m17_one_flipped_byte_anywhere_is_an_error_naming_the_file(tmp_path: Path, name: str):
    committed = runs.commit(tmp_path).folder
    target = committed.path / name
    whole = target.read_bytes()
    for at in sorted({0, len(whole) // 3, len(whole) // 2, len(whole) - 1}):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        target.write_bytes(flipped)
        with pytest.raises(ArtifactError) as raised:
            open_run(tmp_path, committed.run_id)
        assert name in str(raised.value)
        if not name.startswith("manifest"):
            with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
                committed.read(name)
    target.write_bytes(whole)
    assert open_run(tmp_path, committed.run_id).run_id == committed.run_id


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_cut_file_is_an_error_naming_it(tmp_path: Path, name: str):
    path = runs.commit(tmp_path).folder.path
    whole = (path / name).read_bytes()
    (path / name).write_bytes(whole[:-1])
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        open_folder(path)
    (path / name).unlink()
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        open_folder(path)


def test_a_file_that_is_no_part_of_the_run_is_an_error_naming_it(tmp_path: Path):
    path = runs.commit(tmp_path).folder.path
    (path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"notes\.txt"):
        open_folder(path)
    (path / "notes.txt").unlink()
    (path / "trades.parquet").rename(tmp_path / "elsewhere.parquet")
    (path / "trades.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(ArtifactError, match=r"trades\.parquet"):
        open_folder(path)


def reseal(path: Path, manifest: dict) -> None:
    data = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    (path / "manifest.sha256").write_text(f"{digest}  manifest.json\n")


def test_m17_a_resealed_manifest_whose_inputs_are_not_its_id_is_refused(tmp_path: Path):
    path = runs.commit(tmp_path).folder.path
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["inputs"]["window"]["since_ms"] += 60_000
    data = json.dumps(manifest["inputs"]).encode()
    (path / "inputs.json").write_bytes(data)
    manifest["files"]["inputs.json"] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    reseal(path, manifest)
    with pytest.raises(ArtifactError, match="run id is not the hash of the inputs"):
        open_folder(path)


def test_m17_a_folder_under_another_runs_name_is_refused(tmp_path: Path):
    path = runs.commit(tmp_path).folder.path
    other = path.with_name("0" * 64)
    path.rename(other)
    with pytest.raises(ArtifactError, match="is named 0000000000000000 but holds"):
        open_folder(other)


def test_m17_the_same_run_again_leaves_the_first_untouched_and_is_recorded(tmp_path: Path):
    first = runs.commit(tmp_path)
    before = content(first.folder.path)
    again = runs.commit(tmp_path, report="<p>another page</p>")
    assert again.reused
    assert again.folder.path == first.folder.path
    assert content(first.folder.path) == before
    (record,) = read_verifications(tmp_path, first.folder.run_id)
    assert record["verdict"] == "IDENTICAL"
    assert record["result_hash"] == first.folder.result_hash


def test_identical_inputs_with_other_outputs_keep_both_and_raise(tmp_path: Path):
    first = runs.commit(tmp_path).folder
    before = content(first.path)
    other = runs.with_cell("trades", "net_usdt", 1, 11.25)
    with pytest.raises(DeterminismViolation, match="row 1, column net_usdt") as raised:
        runs.commit(tmp_path, held=other)
    assert raised.value.exit_code == 1
    assert content(first.path) == before
    kept = open_folder(tmp_path / "verifications" / first.run_id / "attempt-1")
    assert kept.table("trades").column("net_usdt").to_pylist() == [-22.5, 11.25]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_m17_a_folder_with_the_same_short_id_raises_hash_collision(tmp_path: Path):
    identity = run_id(runs.run_tree())
    parent = tmp_path / "runs" / "sma_cross" / "BTCUSDT"
    for name in (identity[:16], identity[:16] + "0" * 48):
        (parent / name).mkdir(parents=True)
        with pytest.raises(HashCollision, match=identity[:16]):
            runs.commit(tmp_path)
        (parent / name).rmdir()
    assert list(parent.iterdir()) == []


def test_m17_something_else_under_the_whole_id_is_never_overwritten(tmp_path: Path):
    taken = tmp_path / "runs" / "sma_cross" / "BTCUSDT" / run_id(runs.run_tree())
    taken.mkdir(parents=True)
    (taken / "mine.txt").write_text("mine")
    with pytest.raises(HashCollision):
        runs.commit(tmp_path)
    assert [p.name for p in taken.iterdir()] == ["mine.txt"]
    assert (taken / "mine.txt").read_text() == "mine"


def test_outputs_whose_hash_is_not_that_of_their_content_are_never_committed(tmp_path: Path):
    good = runs.outputs()
    changed = runs.with_cell("fills", "price", 0, 50_000.1).tables
    with pytest.raises(ArtifactError, match="leaf fills"):
        runs.commit(tmp_path, held=replace(good, tables=changed))
    assert not (tmp_path / "runs").exists()


def test_a_number_without_a_unit_is_never_committed(tmp_path: Path):
    bare = pa.table({"ts_ms": pa.array([runs.T0], pa.int64())})
    with pytest.raises(ArtifactError, match=r"orders\.ts_ms states no unit"):
        runs.commit(tmp_path, held=runs.outputs(orders=bare))
    assert not (tmp_path / "runs").exists()


WRITER = """
import os, sys, time
from pathlib import Path
from tests.tasks.artifacts import runs
root, stop_at = Path(sys.argv[1]), int(sys.argv[2])
real, calls = os.fsync, 0
def fsync(handle):
    global calls
    calls += 1
    if calls == stop_at:
        (root / "stopped").touch()
        time.sleep(600)
    real(handle)
os.fsync = fsync
runs.commit(root)
"""


@pytest.mark.parametrize("stop_at", [1, 7, 13])
def test_m17_kill_9_mid_write_leaves_no_final_folder_and_its_temp_dir_is_collected(
    tmp_path: Path, stop_at: int
):
    (tmp_path / "runs").mkdir()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(stop_at)])
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "stopped").exists():
            assert writer.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (temp,) = (tmp_path / "tmp").iterdir()
        assert collect_dead_writers(tmp_path) == []  # it lives: its temp dir is its own
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert temp.is_dir()
    assert list((tmp_path / "runs").rglob("manifest.json")) == []
    committed = runs.commit(tmp_path)
    assert not committed.reused
    assert list((tmp_path / "tmp").iterdir()) == []
    assert open_run(tmp_path, committed.folder.run_id).run_id == committed.folder.run_id


def test_a_run_is_found_by_id_by_unique_prefix_and_by_path(tmp_path: Path, monkeypatch):
    folder = runs.commit(tmp_path).folder
    for ref in (folder.run_id, folder.run_id[:8], str(folder.path), folder.path):
        assert open_run(tmp_path, ref).run_id == folder.run_id
    monkeypatch.chdir(folder.path.parent)
    assert open_run(tmp_path, f"./{folder.run_id}").run_id == folder.run_id


@pytest.mark.parametrize("ref", ["deadbeef", "abc", "no_such_run", "./nowhere", ""])
def test_what_names_no_run_is_one_clear_error(tmp_path: Path, ref: str):
    runs.commit(tmp_path)
    with pytest.raises(ArtifactError) as raised:
        open_run(tmp_path, ref)
    assert raised.value.code == "RUN_UNKNOWN"
    assert raised.value.exit_code == 2


def test_a_prefix_of_several_runs_is_ambiguous(tmp_path: Path):
    folder = runs.commit(tmp_path).folder
    twin = folder.run_id[:20] + "0" * 44
    shutil.copytree(folder.path, tmp_path / "runs" / "other" / "BTCUSDT" / twin)
    with pytest.raises(ArtifactError) as raised:
        open_run(tmp_path, folder.run_id[:12])
    assert raised.value.code == "RUN_AMBIGUOUS"


def test_the_list_tells_a_damaged_manifest_instead_of_hiding_it(tmp_path: Path):
    folder = runs.commit(tmp_path).folder
    (entry,) = list_runs(tmp_path)
    assert (entry.run_id, entry.play, entry.symbol) == (folder.run_id, "sma_cross", "BTCUSDT")
    assert (entry.status, entry.result_hash) == ("COMPLETED", folder.result_hash)
    assert (entry.committed_ms, entry.problem) == (runs.T0, None)
    with (folder.path / "manifest.json").open("ab") as file:
        file.write(b" ")
    (entry,) = list_runs(tmp_path)
    assert entry.status is None
    assert "manifest.json" in (entry.problem or "")


def test_a_damaged_verification_record_is_an_error_naming_it(tmp_path: Path):
    folder = runs.commit(tmp_path).folder
    runs.commit(tmp_path)
    runs.commit(tmp_path)
    area = tmp_path / "verifications" / folder.run_id
    assert sorted(p.name for p in area.iterdir()) == ["1.json", "2.json"]
    second = area / "2.json"
    second.write_text(second.read_text().replace("IDENTICAL", "DIFFERENT"))
    with pytest.raises(ArtifactError, match=r"2\.json"):
        read_verifications(tmp_path, folder.run_id)
