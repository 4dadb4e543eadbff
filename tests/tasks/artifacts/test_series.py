"""A run reads every series its play or config names, states it among its inputs, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import DataError
from engine.play import loads_play
from tasks.artifacts import commit_run, outputs_of
from tasks.run import execute, prepare_run
from tasks.store import Store
from tasks.verify import rerun
from tests.tasks.artifacts import market, proof
from tests.tasks.artifacts.market import DAY, HOUR, T0

TEXT = """\
version: 1
name: crowded
market: BTCUSDT
clock: 1h
rules:
  enter_long: {when}
  exit_long: open_interest < 1005
risk: {{ size: {{ qty: 0.5 }}, stop: none }}
"""
#: For a play that reads no open interest.
INSTEAD = ("open_interest < 1005", "close < open")
ALL = "index_close <= close and open_interest > 1003 and funding_rate > 0"


def filled(home: Path) -> Store:
    store = market.fill(home)
    rows = market.candles(T0, T0 + 6 * DAY)
    market.put(home, "BTCUSDT", "index", "5m", {**rows, "volume": 0 * rows["volume"]}, "backtest")
    market.put(
        home, "BTCUSDT", "open_interest", "1h", market.interest(T0, T0 + 6 * DAY), "backtest"
    )
    return store


def prepared(home: Path, when: str, **config: object):
    text = TEXT.format(when=when)
    play = loads_play(text if "interest" in when else text.replace(*INSTEAD))
    return prepare_run(
        Store(home, "backtest"), play, proof.config(**config), proof.SINCE, proof.UNTIL
    )


def test_what_the_play_reads_is_read_and_stated(tmp_path: Path):
    filled(tmp_path)
    run = prepared(tmp_path, ALL, funding="off", mark="last")
    assert sorted(run.inputs["data"]["series"]) == [
        "funding",
        "index 5m",
        "kline 5m",
        "open_interest 1h",
    ]
    by_index = prepared(tmp_path, "close > open", trigger_by="index")
    assert sorted(by_index.inputs["data"]["series"]) == [
        "funding",
        "index 5m",
        "kline 5m",
        "mark 5m",
    ]
    result = execute(run)
    assert result.trades.num_rows
    # Open interest is a day's clock: 1003 + 1 is reached at 04:00 at the earliest, and by 05:00
    # exit_long no longer holds; funding is positive in every other eight hours.
    for trade in result.trades.to_pylist():
        hours = (trade["entry_ms"] - T0) // HOUR % 24
        assert hours >= 4
        assert (trade["entry_ms"] // (8 * HOUR)) % 2 == 0


def test_it_is_proved_from_the_manifest_and_a_changed_value_is_found(tmp_path: Path):
    home, root = tmp_path / "home", tmp_path / "artifacts"
    filled(home)
    run = prepared(home, ALL)
    folder = commit_run(root, run.play, run.inputs, outputs_of(execute(run)), audit={}).folder
    assert rerun(root, folder.path, home).verdict == "IDENTICAL"
    one = market.interest(T0 + 2 * DAY, T0 + 2 * DAY + HOUR)
    market.put(
        home, "BTCUSDT", "open_interest", "1h", {**one, "value": one["value"] + 9}, "backtest"
    )
    found = rerun(root, folder.path, home)
    assert found.verdict == "DATA_CHANGED"
    assert "open_interest 1h" in found.reason
    assert "UTC day 2026-01-03" in found.reason


@pytest.mark.parametrize("policy", ["skip", "flat"])
def test_a_run_over_holes_is_proved_like_any_other(tmp_path: Path, policy: str):
    """Two hours of day 2 are missing from the candles, as are three bars of the mark."""
    home, root = tmp_path / "home", tmp_path / "artifacts"
    rows = market.candles(T0, T0 + 6 * DAY)
    for kind, first, last in (("kline", 600, 624), ("mark", 700, 703)):
        for piece in (slice(None, first), slice(last, None)):
            part = {name: column[piece] for name, column in rows.items()}
            market.put(home, "BTCUSDT", kind, "5m", part, "backtest")
    with pytest.raises(DataError) as refused:
        prepared(home, "close > open", funding="off")
    assert refused.value.code == "DATA_HOLE"
    run = prepared(home, "close > open", funding="off", gaps=policy)
    result = execute(run)
    missing = {"skip": 27, "flat": 24}[policy]
    assert f"gaps={policy}: {missing} bars of the fill series are missing" in result.warnings
    folder = commit_run(root, run.play, run.inputs, outputs_of(result), audit={}).folder
    assert rerun(root, folder.path, home).verdict == "IDENTICAL"


@pytest.mark.parametrize(
    ("when", "config", "code", "hint"),
    [
        ("close > open", {"trigger_by": "index"}, "INDEX_MISSING", "--set trigger_by=last"),
        ("index_close > open", {}, "INDEX_MISSING", "import or sync"),
        ("open_interest > 1", {}, "INTEREST_MISSING", "open_interest"),
    ],
)
def test_a_series_that_is_not_held_is_named(
    tmp_path: Path, when: str, config: dict, code: str, hint: str
):
    market.fill(tmp_path)
    with pytest.raises(DataError) as refused:
        prepared(tmp_path, when, **config)
    assert refused.value.code == code
    assert hint in refused.value.hint
