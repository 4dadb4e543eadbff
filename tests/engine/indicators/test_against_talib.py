"""Agreement with TA-Lib 0.8 from the first common bar, on random and on real bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.engine.indicators.driving import Columns, market
from tests.engine.indicators.oracles import Case, check, disagreement
from tests.engine.indicators.talib_cases import CASES, rounded_ties

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)


def columns_of(path: Path, tick: float) -> Columns:
    table = pq.read_table(path)
    names = ("open", "high", "low", "close", "volume")
    columns = {name: table[name].to_numpy().astype(np.float64) for name in names}
    columns["open_ms"] = table["ts"].to_numpy().astype(np.float64)
    columns["tick"] = np.full(len(table), tick)
    return columns


@pytest.fixture(scope="module")
def bitcoin(shared_data: Path) -> Columns:
    return columns_of(shared_data / "klines" / "BTCUSDT_5m.parquet", 0.1)


@pytest.fixture(scope="module")
def cardano_runs(shared_data: Path) -> list[Columns]:
    """The five longest runs without a hole: a coin of small price with bars without a trade."""
    whole = columns_of(shared_data / "klines" / "ADAUSDT_1m_gappy.parquet", 0.0001)
    edges = np.flatnonzero(np.diff(whole["open_ms"]) != 60_000) + 1
    runs = [
        {name: column[a:b] for name, column in whole.items()}
        for a, b in zip([0, *edges], [*edges, len(whole["open_ms"])], strict=True)
    ]
    return sorted(runs, key=lambda run: -len(run["close"]))[:5]


@EVERY_CASE
@pytest.mark.parametrize("price", [0.004, 1.0, 60_000.0])
def test_random_bars(case: Case, price: float) -> None:
    for seed in (1, 2):
        check(case, market(3000, seed, price=price, tick=price * 1e-4))


@pytest.mark.realdata
@EVERY_CASE
def test_bitcoin_five_minutes(case: Case, bitcoin: Columns) -> None:
    check(case, bitcoin)


@pytest.mark.realdata
@EVERY_CASE
def test_cardano_runs_with_silent_bars(case: Case, cardano_runs: list[Columns]) -> None:
    for run in cardano_runs:
        check(case, run)


@pytest.mark.realdata
def test_ties_the_oracle_rounds_are_rare(bitcoin: Columns, cardano_runs: list[Columns]) -> None:
    """Bars on which TA-Lib's MFI calls equal typical prices unequal: they are not compared."""
    assert rounded_ties(bitcoin).mean() <= 1e-3
    for run in cardano_runs:
        assert rounded_ties(run).mean() <= 0.02


def test_a_wrong_value_is_seen() -> None:
    """The rule itself: a late start, a gap and a relative error of 2e-9 are all refused."""
    oracle = np.array([np.nan, 10.0, 20.0, 30.0])
    assert disagreement(oracle.copy(), oracle, 0.0, None) == ""
    assert disagreement(np.array([1.0, 10.0, 20.0, 30.0]), oracle, 0.0, None)
    assert disagreement(np.array([np.nan, np.nan, 20.0, 30.0]), oracle, 0.0, None)
    assert disagreement(np.array([np.nan, 10.0, 20.0 * (1 + 2e-9), 30.0]), oracle, 0.0, None)
