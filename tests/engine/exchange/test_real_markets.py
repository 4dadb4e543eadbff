"""The exchange on real markets: a crash that last and mark price saw differently, and trades that
another tool exported. The data is not the project's; without it these tests skip."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import Instrument, RunConfig, run_backtest
from engine.backtest import Result
from engine.bars import Bars
from engine.dataset import Dataset
from engine.errors import DataError
from engine.play import loads_play
from engine.timeframe import Timeframe

HOUR_MS = 3_600_000
CRASH_MS = 1_760_130_000_000  # 2025-10-10 21:00 UTC


def read(path: Path, since: int, until: int, step_ms: int) -> Bars:
    """Bars of ``step_ms`` in ``[since, until)`` made of the file's."""
    frame = pl.read_parquet(path).filter((pl.col("ts") >= since) & (pl.col("ts") < until))
    if "volume" not in frame.columns:
        frame = frame.with_columns(volume=pl.lit(0.0))
    grouped = (
        frame.sort("ts")
        .group_by((pl.col("ts") // step_ms * step_ms).alias("open_ms"), maintain_order=True)
        .agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(),
            pl.col("close").last(), pl.col("volume").sum(),
        )
    )  # fmt: skip
    columns = [grouped[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    return Bars(grouped["open_ms"].to_numpy().astype(np.int64), *columns)


CRASH = """
version: 1
name: crash
market: SOLUSDT
clock: 1h
rules:
  enter_long: close > 210
risk:
  size: { qty: 10 }
  leverage: 3.4
  stop: none
"""


def crash(shared_data: Path, fills_ms: int, **config: object) -> Result:
    since, until = CRASH_MS - 5 * HOUR_MS, CRASH_MS + HOUR_MS
    base = Timeframe.H1 if fills_ms == HOUR_MS else Timeframe.M5
    klines = shared_data / "klines"
    dataset = Dataset(
        symbol="SOLUSDT",
        base_timeframe=base,
        bars=read(klines / "SOLUSDT_5m.parquet", since, until, fills_ms),
        instrument=Instrument.default("SOLUSDT"),
        since_ms=since,
        until_ms=until,
        mark=read(klines / "SOLUSDT_mark_1h.parquet", since, until, HOUR_MS),
    )
    run_config = RunConfig(funding="off", fill_timeframe=base.value, slippage="0", **config)
    return run_backtest(loads_play(CRASH), dataset, run_config)


@pytest.mark.realdata
def test_a_long_survives_the_crash_on_the_mark_price(shared_data: Path) -> None:
    """Long 10 at the open of 17:00, 211.11, 3.4x: IM = 2,111.1 / 3.4 = 620.91176471 (up). The
    first tier's maintenance is 0.65 %, so the position falls where
    620.91176471 + 10 (mark - 211.11) <= 0.065 mark, at mark <= 150.0..., between the last price's
    low of 146.57 and the mark's of 152.023."""
    initial = Decimal("620.91176471")
    falls_at = (Decimal("2111.1") - initial) / (10 - Decimal("0.065"))
    assert Decimal("146.57") < falls_at < Decimal("152.023")
    assert round(falls_at, 3) == Decimal("149.994")
    result = crash(shared_data, HOUR_MS)
    assert result.status == "COMPLETED"
    assert result.trades.to_pydict()["exit_reason"] == ["end_of_data"]


@pytest.mark.realdata
def test_the_same_long_is_liquidated_on_the_last_price(shared_data: Path) -> None:
    """Its loss is the order cost: IM 620.91176471, the entry fee 2,111.1 x 5.5 bps = 1.161105 and
    the fee of closing at BP = 2,111.1 (1 - 1/3.4) x 5.5 bps = 0.81960353 (up)."""
    result = crash(shared_data, HOUR_MS, mark="last")
    assert result.status == "STOPPED_LIQUIDATED"
    (trade,) = result.trades.to_pylist()
    assert trade["exit_reason"] == "liquidation"
    assert trade["net_e8"] == -(620_91176471 + 1_16110500 + 81960353)
    assert trade["exit_ms"] == CRASH_MS


@pytest.mark.realdata
def test_hourly_marks_under_five_minute_fills_are_refused(shared_data: Path) -> None:
    with pytest.raises(DataError, match="mark prices of other bars") as refused:
        crash(shared_data, 300_000)
    assert refused.value.code == "MARK_MISSING"


TRADINGVIEW = """
version: 1
name: rsi14
market: BTCUSDT
clock: 30m
series:
  r: rsi(close, 14)
rules:
  enter_long: cross_above(r, 18) and r > 10 and r < 40
  enter_short: cross_below(r, 63) and r > 50 and r < 65
risk:
  size: { notional: 1000 }
  leverage: 10
  stop: { price: 9.1% }
  target: { price: 1.5% }
"""


@pytest.mark.realdata
def test_every_exported_trade_of_a_chart_is_reproduced(shared_data: Path) -> None:
    """Entry and exit times, reasons, prices within a tick; profit within the export's rounding of
    quantities to 1e-6 and of money to a cent."""
    folder = shared_data / "backtests"
    exported = pl.read_csv(folder / "btc_30m_rsi14_trades.csv")
    assert json.loads((folder / "btc_30m_rsi14_rules.json").read_text())["tick"] == 0.1
    since, until = 1_735_689_600_000, 1_771_891_200_000  # 2025-01-01 to 2026-02-24
    bars = read(shared_data / "klines/BTCUSDT_5m.parquet", since, until, 1_800_000)
    dataset = Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.M30,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=since,
        until_ms=int(bars.open_ms[-1]) + 1_800_000,
    )
    config = RunConfig.from_mapping(
        {
            "fill_timeframe": "30m",
            "instrument.qty_step": "0.000001",
            "brackets_on_entry_bar": False,
            "path": "ohlc",
            "fill": "touch",
            "slippage": "0",
            "slippage_stop": "0",
            "fees.taker": "0.07%",
            "fees.maker": "0.07%",
            "funding": "off",
            "mark": "last",
            "end": "mark",
        }
    )
    trades = run_backtest(loads_play(TRADINGVIEW), dataset, config).trades
    found = pl.from_arrow(trades)
    assert isinstance(found, pl.DataFrame)
    found = found.head(len(exported))
    assert len(exported) == 104
    assert found["side"].to_list() == exported["side"].to_list()
    assert found["entry_ms"].to_list() == exported["entry_ts"].to_list()
    assert found["exit_ms"].to_list() == exported["exit_ts"].to_list()
    reasons = {"SL": "stop", "TP": "target"}
    assert found["exit_reason"].to_list() == [reasons[r] for r in exported["exit_reason"]]
    for name in ("entry_price", "exit_price"):
        assert (found[name] - exported[name]).abs().max() < 0.1 + 1e-6
    assert (found["net_usdt"] - exported["net_pnl"]).abs().max() < 0.02
