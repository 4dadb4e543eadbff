"""A backtest: the engine's features and rules with the simulated exchange between fill bars.

1. :func:`run_backtest` converts prices to the ledger's units and advances the features over the
   warm-up before the window.
2. Block by block, features advance over the fill bars and the exchange steps over the same bars;
   at each clock close it decides by :func:`engine.rules.decide` with the position it holds.
3. The end of data closes what is open (or marks it), and the accounting identity is asserted.

The result is a :class:`Result`: exact integer rows, from which tables, metrics and hashes are made
when they are asked for. It does not depend on the size of blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine import tables
from engine.canonical import hash_table, hash_value, merkle_root
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import EngineError
from engine.exchange.curve import EquityCurve
from engine.exchange.instrument import Instrument
from engine.exchange.layout import DecisionRow, Table
from engine.facts import run_facts
from engine.features import Features
from engine.inputs import Inputs, check_clock
from engine.metrics import RunFacts, compute_metrics
from engine.play.model import Play
from engine.session import rule_ids, rules_text
from engine.timeframe import format_ms

Int64 = npt.NDArray[np.int64]

#: Fill bars computed at a time: few enough for their columns to stay in the cache, many enough for
#: what a block costs beside its bars to vanish. Results do not depend on it.
BLOCK_BARS = 32_768

#: The tables of a result, in the order they are listed.
TABLES = ("decisions", "orders", "fills", "trades", "ledger", "equity")


@dataclass(eq=False)
class Result:
    """What a run computed. Tables are Arrow tables with units in their schema; ``metrics`` maps a
    name to ``{value, unit}`` (with ``reason`` beside a null); ``flags`` says what was assumed,
    ``warnings`` what a reader must know; ``status`` is COMPLETED.

    ``leaves`` are the content hashes of the outputs, ``result_hash`` their Merkle root: no run id,
    time, or code enters it.
    """

    play: Play = field(repr=False)
    symbol: str
    status: str
    flags: dict[str, Any]
    warnings: list[str]
    _raw: _Raw = field(repr=False)

    @cached_property
    def decisions(self) -> pa.Table:
        """Clock closes at which something was decided."""
        return self._raw.decisions_table()

    @cached_property
    def orders(self) -> pa.Table:
        """Every order at its end."""
        return tables.orders_table(self._raw.orders, self._raw.ledger_units, self._raw.ids)

    @cached_property
    def fills(self) -> pa.Table:
        """Every fill."""
        return tables.fills_table(self._raw.fills, self._raw.ledger_units)

    @cached_property
    def trades(self) -> pa.Table:
        """Every round trip."""
        raw = self._raw
        return tables.trades_table(raw.trades, raw.ledger_units, self.symbol, raw.ids)

    @cached_property
    def ledger(self) -> pa.Table:
        """Every movement of the wallet."""
        return tables.ledger_table(self._raw.ledger, self._raw.ledger_units)

    @cached_property
    def equity(self) -> pa.Table:
        """Equity at clock closes and at the end."""
        return tables.equity_table(self._raw.curve, self._raw.ledger_units)

    @cached_property
    def events(self) -> pa.Table:
        """The event stream; EngineError unless the run was told to write it."""
        if not len(self._raw.events):
            raise EngineError("this run has no event stream", hint="run_backtest(..., events=True)")
        return tables.events_table(self._raw.events, self._raw.ledger_units)

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The metrics table."""
        return compute_metrics(self._raw.facts(self.trades))

    @cached_property
    def leaves(self) -> dict[str, str]:
        """Content hash of each output by name."""
        found = {name: hash_table(getattr(self, name)) for name in TABLES}
        return {**found, "metrics": hash_value(self.metrics), "status": hash_value(self.status)}

    @cached_property
    def result_hash(self) -> str:
        """Merkle root over :attr:`leaves`."""
        return merkle_root(self.leaves)


@dataclass(frozen=True, eq=False)
class _Raw:
    """The exchange's rows and state at the end, and what was recorded beside them."""

    orders: Int64
    fills: Int64
    trades: Int64
    ledger: Int64
    decisions: Int64
    events: Int64
    curve: EquityCurve
    state: Int64
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    ids: tuple[tuple[str, ...], ...]
    ledger_units: tables.Ledger
    window: tuple[int, int]
    hold_return_pct: float

    def decisions_table(self) -> pa.Table:
        column = np.ascontiguousarray(self.decisions.T)
        actions = column[DecisionRow.ACTION]
        alternatives = self.decisions[:, DecisionRow.RULES : DecisionRow.RULES + 4]
        # Few combinations of action and alternatives: one number for each, its text made once. A
        # file holds fewer than 2^14 alternatives (``engine.play.document.MAX_NODES``).
        key = actions.copy()
        for alternative in column[DecisionRow.RULES : DecisionRow.RULES + 4]:
            key = key << 14 | alternative + 1
        _, first, rules = np.unique(key, return_index=True, return_inverse=True)
        texts = [
            rules_text(self.ids, int(actions[at]), alternatives[at].tolist())
            for at in first.tolist()
        ]
        return tables.decisions_table(
            column[DecisionRow.TS_MS], actions, (texts, rules), self.names, self.values
        )

    def facts(self, trades: pa.Table) -> RunFacts:
        """What the metrics are computed from."""
        return run_facts(
            self.state, self.trades, trades, self.curve, self.window, self.hold_return_pct
        )


def run_backtest(
    play: Play,
    dataset: Dataset,
    config: RunConfig,
    *,
    block_bars: int = BLOCK_BARS,
    events: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run ``play`` over ``dataset`` (see there) as ``config`` says.

    ``block_bars``: fill bars computed at a time; the result does not depend on it.
    ``events``: write the event stream too (:attr:`Result.events`); nothing else changes.
    ``progress(done, total)`` counts fill bars. Raises ConfigError for what does not fit together
    or is not built, DataError or BarsError for bars that cannot be run over.
    """
    check_clock(play, dataset)
    inputs = Inputs.of(dataset, config)
    dataset = inputs.dataset
    exchange, plan = inputs.exchange(play, events=events), inputs.plan(play)
    features, fed = Features(plan, block_bars), dataset.fed_bars(plan.columns)
    begin, end = inputs.begin, len(dataset.bars)
    for lo, hi in inputs.blocks(0, begin, block_bars):
        features.advance(fed, lo, hi)
    values = []
    for lo, hi in inputs.blocks(begin, end, block_bars):
        block = features.advance(fed, lo, hi)
        made = exchange.step(lo, hi, block, 0)
        values.append(features.values(made[:, DecisionRow.CLOCK_INDEX]))
        if progress is not None:
            progress(hi - begin, end - begin)
    exchange.finish(dataset.until_ms, close=config.end == "close")
    names = tuple(features.plan.values)
    raw = _Raw(
        orders=exchange.rows(Table.ORDERS),
        fills=exchange.rows(Table.FILLS),
        trades=exchange.rows(Table.TRADES),
        ledger=exchange.rows(Table.LEDGER),
        decisions=exchange.rows(Table.DECISIONS),
        events=exchange.rows(Table.EVENTS),
        curve=exchange.curve(),
        state=exchange.state.copy(),
        names=names,
        values=np.concatenate(values) if values else np.empty((0, len(names))),
        ids=rule_ids(play),
        ledger_units=tables.Ledger(inputs.scale, inputs.instrument.qty_step),
        window=(dataset.since_ms, dataset.until_ms),
        hold_return_pct=inputs.hold_return_pct,
    )
    short = begin < features.plan.warmup.base_bars
    return Result(
        play=play,
        symbol=dataset.symbol,
        status=exchange.status.name,
        flags=_flags(config, inputs.instrument, short),
        warnings=_warnings(play, inputs, features),
        _raw=raw,
    )


def _flags(config: RunConfig, instrument: Instrument, short: bool) -> dict[str, Any]:
    """What the result assumes."""
    return {
        "funding": config.funding,
        "gaps": config.gaps,
        "liquidation": config.liquidation,
        "mark": config.mark,
        "path": config.path,
        "fill": config.fill,
        "fill_timeframe": config.fill_timeframe,
        "instrument": instrument.source,
        "instrument_overrides": ", ".join(instrument.overridden) or "none",
        "warmup_short": short,
    }


def _warnings(play: Play, inputs: Inputs, features: Features) -> list[str]:
    warnings = list(play.warnings)
    instrument, had_bars = inputs.instrument, inputs.begin
    if inputs.missing:
        warnings.append(
            f"gaps={inputs.config.gaps}: {inputs.missing} bars of the fill series are missing"
        )
    wanted = features.plan.warmup.base_bars
    if had_bars < wanted:
        warnings.append(
            f"warmup_short: {had_bars} of {wanted} warm-up bars; nothing is decided until every "
            "feature is defined"
        )
    if instrument.is_bundled:
        warnings.append(
            f"the store has no instrument facts of {instrument.symbol}; taken from the table "
            f"bundled with the project (valid from {format_ms(instrument.valid_from_ms)})"
        )
    if instrument.overridden:
        warnings.append(f"instrument facts overridden: {', '.join(instrument.overridden)}")
    return warnings
