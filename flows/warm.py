"""Compiling the kernels, once a machine: a tiny backtest of every example play.

Later processes load what is compiled here in moments (:mod:`tasks.kernels`).
"""

from __future__ import annotations

from engine.backtest import run_backtest
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.exchange.instrument import Instrument
from engine.play import load_play
from engine.timeframe import DAY_MS, Timeframe
from flows.examples import PLAYS
from flows.progress import step
from tasks.generate import GeneratedMarket, generate_market
from tasks.kernels import forget_other_kernels

#: 2026-01-01T00:00Z, and how much of a market is enough to reach every kernel.
_SINCE_MS = 1_767_225_600_000
_DAYS = 3


def warm() -> list[str]:
    """Compile every kernel the example plays and the exchange use; the plays' names."""
    forget_other_kernels()
    report = step("compiling the market generator")
    names: list[str] = []
    markets: dict[str, GeneratedMarket] = {}
    files = sorted(PLAYS.glob("*.yml"))
    for done, file in enumerate(files):
        play = load_play(file)
        if play.market not in markets:
            until_ms = _SINCE_MS + _DAYS * DAY_MS
            markets[play.market] = generate_market(play.market, _SINCE_MS, until_ms, seed=1)
        report = step(f"compiling what {play.name} uses") if done == 0 else report
        run_backtest(play, _dataset(markets[play.market]), RunConfig())
        report(done + 1, len(files))
        names.append(play.name)
    return names


def _dataset(market: GeneratedMarket) -> Dataset:
    return Dataset(
        symbol=market.symbol,
        base_timeframe=Timeframe.M1,
        bars=market.klines,
        instrument=Instrument.default(market.symbol),
        since_ms=_SINCE_MS,
        until_ms=_SINCE_MS + _DAYS * DAY_MS,
        mark=market.mark,
        funding_ms=market.funding_ms,
        funding_rate_e8=market.funding_rate_e8,
    )
