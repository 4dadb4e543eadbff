"""Comparison validates first and recomputes every hash from content. Covers M18."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.artifacts import open_folder
from tasks.compare import compare, why
from tests.tasks.artifacts import runs


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The same run, committed under two roots."""
    return (
        runs.commit(tmp_path / "one").folder.path,
        runs.commit(tmp_path / "two").folder.path,
    )


def edit_manifest(path: Path, edit: Any, *, seal: bool = True) -> None:
    manifest = json.loads((path / "manifest.json").read_bytes())
    edit(manifest)
    data = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(data)
    if seal:
        digest = hashlib.sha256(data).hexdigest()
        (path / "manifest.sha256").write_text(f"{digest}  manifest.json\n")


def rewrite_table(path: Path, name: str, column: str, row: int, value: Any, *, seal: bool) -> None:
    """Change one cell on disk, as a tamperer would; ``seal`` renews the file digests as well."""
    file = path / f"{name}.parquet"
    table = pq.read_table(file)
    values = table.column(column).to_pylist()
    values[row] = value
    at = table.schema.get_field_index(column)
    field = table.schema.field(at)
    sink = io.BytesIO()
    pq.write_table(table.set_column(at, field, pa.array(values, field.type)), sink)
    data = sink.getvalue()
    file.write_bytes(data)
    if seal:
        entry = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        edit_manifest(path, lambda m: m["files"].update({file.name: entry}))


def test_m18_two_equal_runs_are_identical(pair: tuple[Path, Path]):
    verdict = compare(*pair)
    assert (verdict.verdict, verdict.reason, verdict.differences) == ("IDENTICAL", "", [])


def test_m18_the_same_path_twice_is_invalid(pair: tuple[Path, Path], tmp_path: Path):
    a, _ = pair
    link = tmp_path / "link"
    link.symlink_to(a)
    for other in (a, a / ".." / a.name, link):
        assert compare(a, other).verdict == "INVALID"


@pytest.mark.parametrize("seal", [True, False], ids=["resealed", "plain"])
def test_m18_one_changed_trade_with_result_json_untouched_is_different(
    pair: tuple[Path, Path], seal: bool
):
    a, b = pair
    rewrite_table(b, "trades", "exit_price", 1, 50_000.1, seal=seal)
    verdict = compare(a, b)
    assert verdict.verdict == "DIFFERENT"
    assert verdict.differences == [
        {
            "leaf": "trades",
            "table": "trades",
            "row": 1,
            "column": "exit_price",
            "a": 50_000.0,
            "b": 50_000.1,
        }
    ]


def test_m18_the_same_change_on_both_sides_is_invalid_not_identical(pair: tuple[Path, Path]):
    for path in pair:
        rewrite_table(path, "trades", "exit_price", 1, 50_000.1, seal=True)
    verdict = compare(*pair)
    assert verdict.verdict == "INVALID"
    assert "not those of the content" in verdict.reason


BAD_HASHES = {
    "missing": ...,
    "empty": "",
    "short": "abc",
    "upper": "AB" * 32,
    "type": 7,
    "null": None,
}
FIELDS = [
    ("outputs", "result_hash"),
    ("outputs", "leaves", "trades"),
    ("files", "equity.parquet", "sha256"),
    ("run_id",),
    ("play_source_sha256",),
]


@pytest.mark.parametrize("bad", BAD_HASHES.values(), ids=BAD_HASHES)
@pytest.mark.parametrize("field", FIELDS, ids="/".join)
def test_m18_a_missing_or_malformed_hash_is_invalid(
    pair: tuple[Path, Path], field: tuple[str, ...], bad: Any
):
    def spoil(manifest: dict) -> None:
        holder = manifest
        for key in field[:-1]:
            holder = holder[key]
        if bad is ...:
            del holder[field[-1]]
        else:
            holder[field[-1]] = bad

    a, b = pair
    edit_manifest(b, spoil)
    assert compare(a, b).verdict == "INVALID"
    assert compare(b, a).verdict == "INVALID"
    edit_manifest(a, spoil)  # missing on both sides is not equal
    assert compare(a, b).verdict == "INVALID"


def test_m18_a_leaf_both_sides_lack_is_invalid(pair: tuple[Path, Path]):
    for path in pair:
        edit_manifest(path, lambda m: m["outputs"]["leaves"].clear())
    assert compare(*pair).verdict == "INVALID"


def test_m18_another_schema_version_is_invalid(pair: tuple[Path, Path]):
    edit_manifest(pair[1], lambda m: m.update(schema_version=2))
    verdict = compare(*pair)
    assert verdict.verdict == "INVALID"
    assert "schema_version" in verdict.reason


@pytest.mark.parametrize("name", ["manifest.json", "result.json", "trades.parquet"])
def test_m18_a_missing_or_unreadable_file_is_invalid_naming_it(pair: tuple[Path, Path], name: str):
    (pair[1] / name).write_bytes(b"PAR1 not really")
    verdict = compare(*pair)
    assert verdict.verdict == "INVALID"
    assert name in verdict.reason
    (pair[1] / name).unlink()
    verdict = compare(*pair)
    assert verdict.verdict == "INVALID"
    assert name in verdict.reason


@pytest.mark.parametrize("name", ["play.yml", "report.html", "inputs.json", "environment.json"])
def test_damage_in_a_file_without_outputs_is_invalid_naming_it(pair: tuple[Path, Path], name: str):
    with (pair[1] / name).open("ab") as file:
        file.write(b" ")
    verdict = compare(*pair)
    assert verdict.verdict == "INVALID"
    assert name in verdict.reason


def different_runs(tmp_path: Path, **what: Any) -> list[dict[str, Any]]:
    a = runs.commit(tmp_path / "one").folder.path
    b = runs.commit(tmp_path / "two", **what).folder.path
    verdict = compare(a, b)
    assert verdict.verdict == "DIFFERENT"
    return verdict.differences


@pytest.mark.parametrize(
    ("name", "column", "row", "old", "new"),
    [
        ("trades", "side", 0, "long", "short"),
        ("trades", "entry_ms", 1, runs.T0 + 120_000, runs.T0 + 120_001),
        ("trades", "r", 0, None, 0.0),
        ("trades", "r", 1, "nan", 1.5),
        ("decisions", "values", 1, [2.0, None], [2.0, 0.0]),
        ("equity", "equity_usdt", 1, 9_977.5, 9_977.500000000002),
        ("orders", "ts_ms", 0, runs.T0, runs.T0 + 1),
    ],
)
def test_the_first_differing_cell_is_named(
    tmp_path: Path, name: str, column: str, row: int, old: Any, new: Any
):
    (found,) = different_runs(tmp_path, held=runs.with_cell(name, column, row, new))
    assert found == {"leaf": name, "table": name, "row": row, "column": column, "a": old, "b": new}


def test_a_missing_last_row_is_named_by_its_number(tmp_path: Path):
    short = runs.tables()["trades"][:1]
    (found,) = different_runs(tmp_path, held=runs.outputs(trades=short))
    assert (found["table"], found["row"], found["column"]) == ("trades", 1, None)
    assert (found["a"], found["b"]) == ("2 rows", "1 rows")


def test_a_changed_metric_is_named(tmp_path: Path):
    changed = runs.summary()
    changed["metrics"]["net"]["value"] = -11.25
    (found,) = different_runs(tmp_path, held=runs.seal_outputs(runs.tables(), changed))
    assert (found["leaf"], found["column"]) == ("metrics", "net")
    assert found["a"]["value"] == -11.3
    assert found["b"]["value"] == -11.25


def test_why_lists_the_input_leaves_that_differ(tmp_path: Path):
    a = runs.commit(tmp_path / "one").folder.path
    b = runs.commit(
        tmp_path / "two",
        inputs=runs.run_tree(environment="live", config={"equity_e8": 5, "funding": "off"}),
    ).folder.path
    assert [(d["leaf"], d["a"], d["b"], d["absent"]) for d in why(a, b)] == [
        ("/config/equity_e8", 10**12, 5, None),
        ("/config/fees/taker_e7", 5500, None, "b"),
        ("/data/environment", "backtest", "live", None),
    ]
    assert why(a, a) == []


def test_a_copy_elsewhere_compares_by_content(pair: tuple[Path, Path], tmp_path: Path):
    copy = tmp_path / "my copy"
    shutil.copytree(pair[0], copy)
    assert compare(pair[0], copy).verdict == "IDENTICAL"
    assert open_folder(copy).run_id == open_folder(pair[0]).run_id
