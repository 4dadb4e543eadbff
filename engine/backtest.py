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

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine import tables
from engine.bars import Bars, check_bars
from engine.canonical import hash_table, hash_value, merkle_root
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import ConfigError, DataError, EngineError
from engine.exchange.codes import OrderState, Refusal
from engine.exchange.instrument import MAX_LOTS, Instrument
from engine.exchange.layout import DecisionRow, FillRow, OrderRow, State, Table, TradeRow
from engine.exchange.prices import price_columns
from engine.exchange.simulator import NO_VOLUME, SimulatedExchange
from engine.exchange.terms import terms_of
from engine.features import CAPACITY, Features, compile_features
from engine.gaps import pieces, settled
from engine.metrics import RunFacts, compute_metrics
from engine.play.model import Play
from engine.session import rule_ids, rules_text
from engine.timeframe import bar_indices, bar_opens, divides, format_ms

Int64 = npt.NDArray[np.int64]

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
        return tables.equity_table(self._raw.points, self._raw.ledger_units)

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
    points: Int64
    state: Int64
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    ids: tuple[tuple[str, ...], ...]
    ledger_units: tables.Ledger
    window: tuple[int, int]
    hold_return_pct: float

    def decisions_table(self) -> pa.Table:
        column = self.decisions.T
        actions = column[DecisionRow.ACTION]
        alternatives = self.decisions[:, DecisionRow.RULES : DecisionRow.RULES + 4]
        texts: dict[tuple[int, ...], str] = {}
        rules = []
        for action, row in zip(actions.tolist(), alternatives.tolist(), strict=True):
            key = (action, *row)
            if key not in texts:
                texts[key] = rules_text(self.ids, action, row)
            rules.append(texts[key])
        return tables.decisions_table(
            column[DecisionRow.TS_MS], actions, rules, self.names, self.values
        )

    def facts(self, trades: pa.Table) -> RunFacts:
        """What the metrics are computed from."""
        state, rows = self.state, self.trades.T
        fills = self.fills.T
        value_e8 = self.ledger_units.value_e8
        away = fills[FillRow.PRICE_UNITS] - fills[FillRow.REFERENCE_UNITS]
        slipped = fills[FillRow.SIDE] * away * fills[FillRow.LOTS] * value_e8
        orders = self.orders.T
        refused = orders[OrderRow.REFUSAL][orders[OrderRow.STATE] == OrderState.REJECTED]
        codes, counts = np.unique(refused, return_counts=True)
        return RunFacts(
            since_ms=self.window[0],
            until_ms=self.window[1],
            initial_e8=int(state[State.INITIAL_E8]),
            final_e8=int(self.points[1, -1]),
            fees_e8=int(state[State.FEES_E8]),
            funding_e8=int(state[State.FUNDING_E8]),
            slippage_e8=_total(slipped),
            turnover_e8=_total(fills[FillRow.NOTIONAL_E8]),
            worst_peak_e8=int(state[State.WORST_PEAK_E8]),
            worst_trough_e8=int(state[State.WORST_TROUGH_E8]),
            longest_drawdown_ms=int(state[State.LONGEST_DRAWDOWN_MS]),
            bars_seen=int(state[State.BARS_SEEN]),
            bars_held=int(state[State.BARS_HELD]),
            hold_return_pct=self.hold_return_pct,
            points=self.points,
            side=rows[TradeRow.SIDE],
            net=rows[TradeRow.GROSS_E8] - rows[TradeRow.FEES_E8] + rows[TradeRow.FUNDING_E8],
            gross=rows[TradeRow.GROSS_E8],
            bars=rows[TradeRow.BARS],
            r=_floats(trades, "r"),
            mae_pct=_floats(trades, "mae_pct"),
            mfe_pct=_floats(trades, "mfe_pct"),
            refused={Refusal(c): n for c, n in zip(codes.tolist(), counts.tolist(), strict=True)},
        )


def run_backtest(
    play: Play,
    dataset: Dataset,
    config: RunConfig,
    *,
    block_bars: int = CAPACITY,
    events: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run ``play`` over ``dataset`` (see there) as ``config`` says.

    ``block_bars``: fill bars computed at a time; the result does not depend on it.
    ``events``: write the event stream too (:attr:`Result.events`); nothing else changes.
    ``progress(done, total)`` counts fill bars. Raises ConfigError for what does not fit together
    or is not built, DataError or BarsError for bars that cannot be run over.
    """
    instrument = config.instrument_for(dataset.instrument)
    dataset, missing = settled(dataset, config.gaps)
    _check(play, dataset, config)
    bars, mark = dataset.bars, dataset.mark if config.mark == "series" else None
    index = dataset.index if config.trigger_by == "index" else None
    prices = price_columns(bars, mark, instrument, index)
    scale = instrument.scale(prices.decimals, prices.largest)
    terms = terms_of(play, config, instrument, scale)
    plan = compile_features(
        play,
        dataset.base_timeframe,
        float(config.warmup_weight),
        tick_size=instrument.tick_size,
    )
    features, fed = Features(plan, block_bars), dataset.fed_bars(plan.columns)
    begin = int(np.searchsorted(bars.open_ms, dataset.since_ms))
    whole = [(0, len(bars))] if config.gaps != "skip" else pieces(bars, dataset.base_timeframe)
    for lo, hi in _blocks(whole, 0, begin, block_bars):
        features.advance(fed, lo, hi)

    funding_ms, funding_rate_e8 = _funding(dataset, config)
    exchange = SimulatedExchange(
        terms=terms,
        prices=prices,
        open_ms=bars.open_ms,
        close_ms=_closes(dataset),
        points=np.empty((4, _clock_closes(dataset, play) + 1), np.int64),
        funding_ms=funding_ms,
        funding_rate_e8=funding_rate_e8,
        volume_lots=_fillable(bars, config, instrument),
    )
    exchange.open_account(int(config.equity * tables.E8), dataset.since_ms)
    exchange.state[State.EVENTS] = events
    values = []
    for lo, hi in _blocks(whole, begin, len(bars), block_bars):
        block = features.advance(fed, lo, hi)
        made = exchange.step(lo, hi, block, 0)
        values.append(features.values(made[:, DecisionRow.CLOCK_INDEX]))
        if progress is not None:
            progress(hi - begin, len(bars) - begin)
    exchange.finish(dataset.until_ms, close=config.end == "close")
    names = tuple(features.plan.values)
    raw = _Raw(
        orders=exchange.rows(Table.ORDERS),
        fills=exchange.rows(Table.FILLS),
        trades=exchange.rows(Table.TRADES),
        ledger=exchange.rows(Table.LEDGER),
        decisions=exchange.rows(Table.DECISIONS),
        events=exchange.rows(Table.EVENTS),
        points=exchange.points[:, : exchange.point_count],
        state=exchange.state.copy(),
        names=names,
        values=np.concatenate(values) if values else np.empty((0, len(names))),
        ids=rule_ids(play),
        ledger_units=tables.Ledger(scale, instrument.qty_step),
        window=(dataset.since_ms, dataset.until_ms),
        hold_return_pct=100.0 * (float(bars.close[-1]) / float(bars.open[begin]) - 1.0),
    )
    short = begin < features.plan.warmup.base_bars
    return Result(
        play=play,
        symbol=dataset.symbol,
        status=exchange.status.name,
        flags=_flags(config, instrument, short),
        warnings=_warnings(play, instrument, features, begin, config.gaps, missing),
        _raw=raw,
    )


def _blocks(
    stretches: list[tuple[int, int]], begin: int, end: int, block_bars: int
) -> Iterator[tuple[int, int]]:
    """``[begin, end)`` in blocks of at most ``block_bars``, none reaching over two stretches."""
    for first, last in stretches:
        stop = min(last, end)
        for lo in range(max(first, begin), stop, block_bars):
            yield lo, min(lo + block_bars, stop)


def _check(play: Play, dataset: Dataset, config: RunConfig) -> None:
    if not divides(dataset.base_timeframe, play.clock):
        raise ConfigError(
            f"bars of {play.clock.value} are not made of whole {dataset.base_timeframe.value} bars",
            where="fill_timeframe",
            hint=f"use fill_timeframe={play.clock.value}",
        )
    check_bars(dataset.bars, dataset.base_timeframe, holes=config.gaps == "skip")
    times = dataset.bars.open_ms
    if not len(times) or not dataset.since_ms <= int(times[-1]) < dataset.until_ms:
        raise DataError(
            f"the bars do not end in the window from {format_ms(dataset.since_ms)} to "
            f"{format_ms(dataset.until_ms)}",
            where=dataset.symbol,
            code="WINDOW_EMPTY",
        )
    if config.mark == "series":
        _check_grid(dataset, "mark", dataset.mark, "set mark=last")
    if config.trigger_by == "mark" and config.mark == "last":
        raise ConfigError(
            "trigger_by=mark without a series of mark prices",
            where="trigger_by",
            hint="set mark=series",
            code="TRIGGER_SERIES_MISSING",
        )
    if config.trigger_by == "index":
        _check_grid(dataset, "index", dataset.index, "set trigger_by=last")
    if config.funding == "on" and dataset.funding_ms is None:
        raise DataError(
            f"no funding history of {dataset.symbol}",
            hint="give the dataset its funding, or set funding=off",
            code="FUNDING_MISSING",
        )


def _check_grid(dataset: Dataset, kind: str, series: Bars | None, otherwise: str) -> None:
    if series is None or not np.array_equal(series.open_ms, dataset.bars.open_ms):
        other = "" if series is None else " of other bars than the fill series"
        raise DataError(
            f"{'no ' if series is None else ''}{kind} prices{other} of {dataset.symbol}",
            hint=f"give {kind} bars on the fill series' grid, or {otherwise}",
            code=f"{kind.upper()}_MISSING",
        )


def _fillable(bars: Bars, config: RunConfig, instrument: Instrument) -> Int64:
    """Lots of each bar's volume that may fill, int64[n]; empty without a participation cap."""
    if config.participation is None:
        return NO_VOLUME
    lots = bars.volume * float(config.participation / instrument.qty_step)
    # A whole number of lots may lie a rounding error below itself.
    return np.floor(np.minimum(lots, MAX_LOTS) + 1e-6).astype(np.int64)


def _closes(dataset: Dataset) -> Int64:
    base = dataset.base_timeframe
    if base.is_month:
        return bar_opens(bar_indices(dataset.bars.open_ms, base) + 1, base)
    return dataset.bars.open_ms + base.ms


def _clock_closes(dataset: Dataset, play: Play) -> int:
    """Most clock closes there can be among the bars."""
    if play.clock is dataset.base_timeframe:
        return len(dataset.bars)
    return len(dataset.bars) // max(1, play.clock.ms // dataset.base_timeframe.ms) + 32


def _funding(dataset: Dataset, config: RunConfig) -> tuple[Int64, Int64]:
    """Times and rates (1e-8) of the window's funding events, none when it is off."""
    times, rates = dataset.funding_ms, dataset.funding_rate_e8
    if config.funding == "off" or times is None or rates is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    inside = (times >= dataset.since_ms) & (times < dataset.until_ms)
    return np.ascontiguousarray(times[inside]), np.ascontiguousarray(rates[inside])


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


def _warnings(
    play: Play, instrument: Instrument, features: Features, had_bars: int, gaps: str, missing: int
) -> list[str]:
    warnings = list(play.warnings)
    if missing:
        warnings.append(f"gaps={gaps}: {missing} bars of the fill series are missing")
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


def _floats(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False), np.float64)


def _total(values: Int64) -> int:
    total = 0
    for value in values.tolist():
        total += value
    return total
