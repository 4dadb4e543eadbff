"""A sweep: one play with many sets of parameters over the same bars.

1. Bars are checked and converted once; features that several sets have in common are computed once
   (:mod:`engine.features.shared`).
2. Bars outside, sets inside: block by block the features advance, then each set's exchange steps
   over the block while its bars are in the cache. Every account is its own, so each set gives what
   :func:`engine.backtest.run_backtest` gives it alone, value for value.
3. Of each set its trades, equity curve and sums are kept; orders, fills, ledger and decisions are
   written again by a run of its own when somebody asks (:meth:`Trial.result`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine import tables
from engine.backtest import Result, run_backtest
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import ConfigError
from engine.exchange.curve import EquityCurve
from engine.exchange.layout import State, Table, TradeRow
from engine.exchange.simulator import SimulatedExchange, new_segment
from engine.facts import run_facts, total
from engine.features.shared import SharedFeatures
from engine.inputs import Inputs, check_clock
from engine.metrics import compute_metrics
from engine.play.loader import vary_play
from engine.play.model import Play
from engine.play.params import ParamValue
from engine.session import rule_ids

Int64 = npt.NDArray[np.int64]

#: Sets that share their features; results do not depend on it.
GROUP = 128


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of parameters: ``params`` as they were given, the ``play`` they make, the ``status``
    its run ended with, and what is computed when it is asked for."""

    params: Mapping[str, ParamValue]
    play: Play = field(repr=False)
    status: str
    _state: Int64 = field(repr=False)
    _trades: Int64 = field(repr=False)
    _curve: EquityCurve = field(repr=False)
    _inputs: Inputs = field(repr=False)

    @property
    def trade_count(self) -> int:
        """Round trips."""
        return len(self._trades)

    @property
    def entries_ms(self) -> Int64:
        """When the trades began, int64[trades] epoch ms."""
        return self._trades[:, TradeRow.ENTRY_MS]

    @property
    def net_e8(self) -> int:
        """Sum of the trades' nets, 1e-8 USDT."""
        gross, fees, funding = (
            total(self._trades[:, at])
            for at in (TradeRow.GROSS_E8, TradeRow.FEES_E8, TradeRow.FUNDING_E8)
        )
        return gross - fees + funding

    @property
    def final_e8(self) -> int:
        """Equity at the end, 1e-8 USDT."""
        return self._curve.final_e8

    @property
    def max_drawdown_pct(self) -> float:
        """Largest fall of equity from its peak so far, at fill-bar closes."""
        peak = int(self._state[State.WORST_PEAK_E8])
        return 100.0 * (peak - int(self._state[State.WORST_TROUGH_E8])) / peak

    @cached_property
    def trades(self) -> pa.Table:
        """As :attr:`Result.trades`."""
        inputs = self._inputs
        symbol, ids = inputs.dataset.symbol, rule_ids(self.play)
        return tables.trades_table(self._trades, self._ledger, symbol, ids)

    @cached_property
    def equity(self) -> pa.Table:
        """As :attr:`Result.equity`."""
        return tables.equity_table(self._curve, self._ledger)

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """As :attr:`Result.metrics`."""
        dataset = self._inputs.dataset
        window = (dataset.since_ms, dataset.until_ms)
        hold = self._inputs.hold_return_pct
        return compute_metrics(
            run_facts(self._state, self._trades, self.trades, self._curve, window, hold)
        )

    def result(self) -> Result:
        """The whole result, by a run of its own."""
        return run_backtest(self.play, self._inputs.given, self._inputs.config)

    @property
    def _ledger(self) -> tables.Ledger:
        return tables.Ledger(self._inputs.scale, self._inputs.instrument.qty_step)


def sweep(
    play: Play,
    dataset: Dataset,
    config: RunConfig,
    params: Sequence[Mapping[str, ParamValue]],
    *,
    block_bars: int | None = None,
    group: int = GROUP,
    progress: Callable[[int, int], None] | None = None,
) -> list[Trial]:
    """Run ``play`` with each of ``params``, in their order, over ``dataset`` as ``config`` says.

    ``params`` name declared parameters, as for :func:`load_play`. ``block_bars`` fill bars are
    computed at a time, as many as fit the memory set aside for features if not said; ``group`` sets
    share their features; results depend on neither. ``progress(done, total)`` counts fill bars
    times sets. Raises as :func:`run_backtest` and :func:`load_play` do.

    >>> trials = sweep(play, dataset, config, [{"fast": f, "slow": 100} for f in (10, 20, 30)])
    >>> best = max(trials, key=lambda trial: trial.net_e8)
    """
    if not params:
        raise ConfigError("a sweep without a set of parameters", hint='params=[{"fast": 10}, ...]')
    check_clock(play, dataset)
    inputs = Inputs.of(dataset, config)
    plays = vary_play(play, params)
    trials: list[Trial] = []
    bars = len(inputs.dataset.bars) - inputs.begin
    for at in range(0, len(plays), group):
        segment = new_segment()
        accounts: list[_Account] = []
        for varied in plays[at : at + group]:
            accounts.append(_Account.of(varied, inputs, segment, accounts))
        for done in _advance(accounts, inputs, block_bars):
            if progress is not None:
                progress(at * bars + len(accounts) * done, len(plays) * bars)
        sets = params[at : at + group]
        trials += [a.trial(own, inputs) for a, own in zip(accounts, sets, strict=True)]
    return trials


@dataclass(eq=False)
class _Account:
    """One set of parameters under way."""

    play: Play
    exchange: SimulatedExchange

    @classmethod
    def of(cls, play: Play, inputs: Inputs, segment: Int64, before: Sequence[_Account]) -> _Account:
        """An account; one before it that trades by the same terms lends them."""
        terms = None
        if before and _traded(before[-1].play) == _traded(play):
            terms = before[-1].exchange.terms
        return cls(play, inputs.exchange(play, segment=segment, terms=terms))

    def trial(self, params: Mapping[str, ParamValue], inputs: Inputs) -> Trial:
        dataset, exchange = inputs.dataset, self.exchange
        exchange.finish(dataset.until_ms, close=inputs.config.end == "close")
        return Trial(
            params=dict(params),
            play=self.play,
            status=exchange.status.name,
            _state=exchange.state,
            _trades=exchange.rows(Table.TRADES),
            _curve=exchange.curve(),
            _inputs=inputs,
        )


def _traded(play: Play) -> tuple[Any, ...]:
    """What the terms of a play's trading are made of (see ``engine.exchange.terms.terms_of``)."""
    exits = [[rule.close_pct for rule in play.rule(kind)] for kind in ("exit_long", "exit_short")]
    return play.risk, play.entry, play.limits, exits


def _advance(accounts: list[_Account], inputs: Inputs, block_bars: int | None) -> Iterator[int]:
    """Step all accounts over the window; yields the fill bars done after each block."""
    plans = inputs.plans([account.play for account in accounts])
    features = SharedFeatures(plans, block_bars)
    fed = inputs.dataset.fed_bars(plans[0].columns)
    begin, end = inputs.begin, len(fed)
    for lo, hi in inputs.blocks(0, begin, features.capacity):
        features.advance(fed, lo, hi)
    for lo, hi in inputs.blocks(begin, end, features.capacity):
        features.advance(fed, lo, hi)
        for which, account in enumerate(accounts):
            if account.exchange.stop_ms is None:
                account.exchange.step(lo, hi, features.block(which), 0)
                account.exchange.drain()
        yield hi - begin
