"""Print the result hash of runs of the example plays; run in processes that differ.

``python -m tests.engine.result_hashes DAYS BLOCK_BARS PLAY...``: each play over the first DAYS days
of the market of its golden trades, its bars handed over in blocks of BLOCK_BARS. The first line
says which processor the process computes for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from numba.core import config
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from engine import Dataset, Instrument, RunConfig, load_play, run_backtest
from engine.backtest import Result
from engine.timeframe import DAY_MS, Timeframe
from tests.naive.golden import SINCE_MS
from tests.naive.trade_lists import GOLDEN, read_trades, whole_market

PLAYS = Path(__file__).resolve().parents[2] / "plays"


def dispatched_features() -> list[str]:
    """Groups of processor features beyond its baseline that numpy uses in this process."""
    return [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]


def processor() -> str:
    """What this process computes on, in a line."""
    compiled = "none" if config.DISABLE_JIT else config.CPU_NAME or "host"
    return f"compiled for {compiled}, numpy with {' '.join(dispatched_features()) or 'none'}"


def result(play: str, days: int, block_bars: int, *, events: bool = False) -> Result:
    """A run of ``play`` over the first ``days`` of its golden market, at most all of it."""
    market, equity, _ = read_trades(GOLDEN / f"{play}.txt")
    days = min(days, market.days)
    made = whole_market(replace(market, days=days))
    dataset = Dataset(
        symbol=market.symbol,
        base_timeframe=Timeframe.M1,
        bars=made.klines,
        instrument=Instrument.default(market.symbol),
        since_ms=SINCE_MS,
        until_ms=SINCE_MS + days * DAY_MS,
        mark=made.mark,
        funding_ms=made.funding_ms,
        funding_rate_e8=made.funding_rate_e8,
    )
    loaded = load_play(PLAYS / f"{play}.yml")
    config = RunConfig(equity=equity)
    return run_backtest(loaded, dataset, config, block_bars=block_bars, events=events)


def result_hashes(plays: Iterable[str], days: int, block_bars: int) -> dict[str, str]:
    """Play -> the hash of its run."""
    return {play: result(play, days, block_bars).result_hash for play in plays}


if __name__ == "__main__":
    given_days, given_block, *names = sys.argv[1:]
    sys.stdout.write(f"{processor()}\n")
    for name, found in result_hashes(names, int(given_days), int(given_block)).items():
        sys.stdout.write(f"{name} {found}\n")
