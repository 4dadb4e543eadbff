"""The example plays' trades on generated data: golden lists, the oracle, the engine.

``tests/golden/trades/*.txt`` holds, for each play, the market that was generated, the account, one
line per round trip with its fills below it, and how the run ended. The lists were written by the
slow evaluation of the play trading on the oracle (``python -m tests.naive.trade_lists``), never by
the engine.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine import Dataset, Instrument, RunConfig, load_play, run_backtest
from engine.timeframe import MINUTE_MS, Timeframe
from tests.naive.golden import Market
from tests.naive.trade_lists import (
    GOLDEN,
    end_line,
    fill_line,
    oracle_lines,
    read_trades,
    trade_line,
    whole_market,
)

PLAYS = Path(__file__).resolve().parents[3] / "plays"
FILES = sorted(PLAYS.glob("*.yml"))


def engine_lines(file: Path, market: Market, equity: Decimal) -> list[str]:
    """The list of the play by the engine, from its tables."""
    made = whole_market(market)
    opens = made.klines.open_ms
    instrument = Instrument.default(market.symbol)
    dataset = Dataset(
        symbol=market.symbol,
        base_timeframe=Timeframe.M1,
        bars=made.klines,
        instrument=instrument,
        since_ms=int(opens[0]),
        until_ms=int(opens[-1]) + MINUTE_MS,
        mark=made.mark,
        funding_ms=made.funding_ms,
        funding_rate_e8=made.funding_rate_e8,
    )
    result = run_backtest(load_play(file), dataset, RunConfig(equity=equity))
    fills: dict[int, list[str]] = {}
    for fill in result.fills.to_pylist():
        fills.setdefault(fill["trade_id"], []).append(
            fill_line(
                fill["ts_ms"],
                fill["side"],
                fill["qty_lots"] * instrument.qty_step,
                Decimal(fill["price_e8"]).scaleb(-8),
                fill["liquidity"],
                fill["reason"],
                fill["fee_e8"],
                fill["gross_e8"],
            )
        )
    lines: list[str] = []
    for number, row in enumerate(result.trades.to_pylist(), 1):
        lines += [_line(number, row, instrument.qty_step), *fills[row["trade_id"]]]
    refused = Counter(o["refusal"] for o in result.orders.to_pylist() if o["state"] == "rejected")
    return [*lines, end_line(result.status, result.equity["equity_e8"][-1].as_py(), refused)]


def _line(number: int, row: dict[str, Any], lot: Decimal) -> str:
    return trade_line(
        number,
        row["side"],
        row["qty_lots"] * lot,
        row["entry_rule"],
        row["exit_reason"],
        row["exit_rule"] or "",
        row["gross_e8"],
        row["fees_e8"],
        row["funding_e8"],
        row["net_e8"],
    )


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_engine_trades_as_the_golden_list_says(file: Path):
    market, equity, lines = read_trades(GOLDEN / f"{file.stem}.txt")
    assert engine_lines(file, market, equity) == lines


@pytest.mark.full
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_oracle_trades_as_the_golden_list_says(file: Path):
    market, equity, lines = read_trades(GOLDEN / f"{file.stem}.txt")
    assert oracle_lines(file, market, equity) == lines


def test_each_play_has_a_list_with_trades_in_it():
    lists = {path.stem: read_trades(path)[2] for path in GOLDEN.glob("*.txt")}
    assert set(lists) == {file.stem for file in FILES}
    assert all(lines[0].startswith("trade 1 ") for lines in lists.values())
