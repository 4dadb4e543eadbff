"""Agreement with plain Python for every indicator that TA-Lib does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.indicators import INDICATORS, get
from tests.engine.indicators import naive, talib_cases
from tests.engine.indicators.driving import Columns, market
from tests.engine.indicators.oracles import Case, check
from tests.engine.indicators.test_against_talib import columns_of

EVERY_CASE = pytest.mark.parametrize("case", naive.CASES, ids=str)


@EVERY_CASE
@pytest.mark.parametrize("price", [1.0, 60_000.0])
def test_random_bars(case: Case, price: float) -> None:
    check(case, market(420, 7, price=price, tick=price * 1e-4))


@pytest.mark.full
@EVERY_CASE
def test_many_random_bars(case: Case) -> None:
    for seed in range(12):
        price = (0.01, 1.0, 300.0, 60_000.0)[seed % 4]
        check(case, market(900, seed, price=price, tick=price * (1e-3, 1e-4, 1e-5)[seed % 3]))


def with_swings(columns: Columns) -> Columns:
    """The bars with versions that count every 37th and every 53rd bar as a pivot."""
    bars = np.arange(len(columns["close"]))
    high, low = bars // 37 * 1.0, (bars + 20) // 53 * 1.0
    versions = {"high": high, "low": low, "pair": np.minimum(high, low)}
    named = {f"swing.{name}_version": column for name, column in versions.items()}
    return {**columns, **named, "swing.version": high + low}


@pytest.mark.realdata
@EVERY_CASE
def test_real_bars(case: Case, shared_data: Path) -> None:
    """Bitcoin (17 days where the calendar counts), and Cardano's longest run with silent bars."""
    bars = 5000 if "open_ms" in get(case.name).inputs else 700
    for name, tick in (("BTCUSDT_5m", 0.1), ("ADAUSDT_1m_gappy", 0.0001)):
        whole = columns_of(shared_data / "klines" / f"{name}.parquet", tick)
        steps = np.diff(whole["open_ms"])
        edges = np.flatnonzero(steps != np.min(steps)) + 1
        runs = list(zip([0, *edges], [*edges, len(whole["close"])], strict=True))
        first, last = max(runs, key=lambda run: run[1] - run[0])
        check(case, with_swings({n: c[first : min(last, first + bars)] for n, c in whole.items()}))


def test_every_indicator_has_an_independent_oracle() -> None:
    known = {case.name for case in (*talib_cases.CASES, *naive.CASES)}
    assert known == set(INDICATORS)
