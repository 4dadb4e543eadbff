"""Structures over real bars, where ticks are coarse and ATR is never constant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.indicators import compute as indicator
from engine.structures import compute
from tests.engine.structures import oracle

pytestmark = pytest.mark.realdata
BARS = 20_000


def bars_of(folder: Path, name: str) -> dict[str, np.ndarray]:
    table = pq.read_table(folder / "klines" / f"{name}.parquet").slice(0, BARS)
    return {c: table[c].to_numpy() for c in ("open", "high", "low", "close")}


@pytest.mark.parametrize("name", ["BTCUSDT_5m", "SOLUSDT_5m", "ADAUSDT_1m_gappy"])
def test_pivots_of_real_bars(name: str, shared_data: Path) -> None:
    """Every fractal pivot, by the slow definition; the tick of ADA makes many equal highs."""
    bars = bars_of(shared_data, name)
    swing = compute("swing", bars)
    pivots = oracle.fractals(bars["high"].tolist(), bars["low"].tolist(), 5, 5)
    for kind in ("high", "low"):
        mine = [p for p in pivots if p.kind == kind]
        at = np.flatnonzero(swing[f"new_{kind}"])
        assert at.tolist() == [p.confirmed for p in mine]
        assert swing[kind][at].tolist() == [p.level for p in mine]
        assert len(mine) > 500


@pytest.mark.parametrize("name", ["BTCUSDT_5m", "ADAUSDT_1m_gappy"])
def test_trend_and_breaks_of_real_bars(name: str, shared_data: Path) -> None:
    """Over a zigzag in real ATR: bias, events and the levels told before them agree."""
    bars = bars_of(shared_data, name)
    atr = indicator("atr", bars, length=14)["value"]
    swing = compute("swing", bars, {"atr": atr}, mode="zigzag", atr_mult=3)
    structure = compute("market_structure", bars, {"swing": swing})
    bos, choch = structure["bos"] == 1.0, structure["choch"] == 1.0
    assert bos.sum() > 100
    assert choch.sum() > 50
    assert not (bos & choch).any()
    bias = structure["bias"]
    changed = np.flatnonzero(np.diff(bias)) + 1
    assert (choch[changed] | (bias[changed - 1] == 2.0)).all(), "only a CHoCH turns a bias"
    assert (np.diff(structure["version"]) == (bos | choch)[1:]).all()
    before_high, before_low = structure["break_high"][:-1], structure["break_low"][:-1]
    up, close = bias[1:] == 0.0, bars["close"][1:]
    beyond = np.where(up, close - before_high, before_low - close)
    told = (bos | choch)[1:] & ~np.isnan(beyond)
    assert told.sum() > 100
    assert (beyond[told] > 0).all(), "an event closes beyond the level told on the bar before"
