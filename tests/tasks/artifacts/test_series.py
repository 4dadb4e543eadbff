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
    play = loads_play(TEXT.format(when=when))
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
    assert prepared(tmp_path, "close > open", trigger_by="index").dataset.index is not None
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
    play = loads_play(TEXT.format(when=when).replace("open_interest < 1005", "close < open"))
    if "interest" in when:
        play = loads_play(TEXT.format(when=when))
    with pytest.raises(DataError) as refused:
        prepare_run(Store(tmp_path, "backtest"), play, proof.config(**config))
    assert refused.value.code == code
    assert hint in refused.value.hint
