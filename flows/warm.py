"""Compiling the kernels, once a machine: a tiny backtest of every example play.

1. Two processes take one play after the other and compute its features; one of them begins with a
   backtest, which compiles the exchange. Each keeps what it compiles on disk, where both find it.
2. Then every play is run here, which finds all of it there and compiles what both wrote at the same
   moment and one of them lost.

Later processes load what is compiled here in moments (:mod:`tasks.kernels`).
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from engine.backtest import run_backtest
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.exchange.instrument import Instrument
from engine.features import Features
from engine.inputs import Inputs
from engine.play import load_play
from engine.timeframe import DAY_MS, Timeframe
from flows.examples import PLAYS
from flows.progress import step
from tasks.generate import generate_market
from tasks.kernels import forget_other_kernels, use_kernel_cache

#: 2026-01-01T00:00Z, and how much of a market is enough to reach every kernel.
_SINCE_MS = 1_767_225_600_000
_DAYS = 3
_PROCESSES = 2


def warm() -> list[str]:
    """Compile every kernel the example plays and the exchange use; the plays' names."""
    forget_other_kernels()
    files = sorted(PLAYS.glob("*.yml"))
    _market(load_play(files[0]).market)  # the generator, before two processes want it
    report = step("compiling the kernels")
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn"), use_kernel_cache) as pool:
        jobs = [pool.submit(_backtest, files[0]), *(pool.submit(_features, f) for f in files)]
        for done, job in enumerate(as_completed(jobs)):
            job.result()
            report(done + 1, len(jobs))
    report = step("trying them")
    names = []
    for done, file in enumerate(files):
        names.append(_backtest(file))
        report(done + 1, len(files))
    return names


def _backtest(file: Path) -> str:
    """Run a play; its name."""
    play = load_play(file)
    run_backtest(play, _market(play.market), RunConfig())
    return play.name


def _features(file: Path) -> None:
    """Compute a play's features alone."""
    play = load_play(file)
    inputs = Inputs.of(_market(play.market), RunConfig())
    features = Features(inputs.plan(play))
    fed = inputs.dataset.fed_bars(features.plan.columns)
    for lo, hi in inputs.blocks(0, len(fed), features.capacity):
        features.advance(fed, lo, hi)


@cache
def _market(symbol: str) -> Dataset:
    until_ms = _SINCE_MS + _DAYS * DAY_MS
    made = generate_market(symbol, _SINCE_MS, until_ms, seed=1)
    return Dataset(
        symbol=symbol,
        base_timeframe=Timeframe.M1,
        bars=made.klines,
        instrument=Instrument.default(symbol),
        since_ms=_SINCE_MS,
        until_ms=until_ms,
        mark=made.mark,
        funding_ms=made.funding_ms,
        funding_rate_e8=made.funding_rate_e8,
    )
