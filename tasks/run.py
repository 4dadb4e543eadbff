"""A run, from what was asked for to a result: resolve, read, identify, compute.

:func:`prepare_run` resolves what the user left open (window, warm-up, instrument) against one
pinned snapshot of one environment's store (H20) and reads exactly the rows the run needs, with
their provenance (H19). :func:`prepare_again` reads the same rows again from a manifest's inputs
alone, so that no changed default, plan or environment can slip in (M19).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.backtest import BLOCK_BARS, Result, run_backtest
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import ConfigError
from engine.exchange.instrument import Instrument
from engine.features import compile_features
from engine.play.model import Play
from engine.timeframe import MINUTE_MS, Timeframe, divides, parse_timeframe
from tasks.identity import SeriesFacts, run_id, run_inputs
from tasks.window import (
    facts_of,
    interest_grid,
    recorded_series,
    require_funding,
    require_prices,
    require_same_rows,
    resolve_window,
    warmup_from,
)

if TYPE_CHECKING:
    from tasks.store import Snapshot, Store


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """Everything a run computes from, read and checked; ``run_id`` is the hash of ``inputs``.

    ``snapshot_id`` is the pinned snapshot: where the rows were read, no part of the identity.
    """

    play: Play
    config: RunConfig
    dataset: Dataset = field(repr=False)
    inputs: dict[str, Any] = field(repr=False)
    run_id: str
    snapshot_id: str
    store_id: str


def prepare_run(
    store: Store,
    play: Play,
    config: RunConfig,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> PreparedRun:
    """Resolve and read a run of ``play`` on its market, from the store's current snapshot.

    An end of the window that is None is that of the rows the store holds for the symbol. Raises
    ConfigError if the fill timeframe does not fit the clock, DataError naming the environment if
    the store lacks what the run needs.
    """
    snapshot = store.snapshot()
    symbol, base = play.market, parse_timeframe(config.fill_timeframe)
    if not divides(base, play.clock):
        raise ConfigError(
            f"bars of {play.clock.value} are not made of whole {base.value} bars",
            where="fill_timeframe",
            hint=f"--set fill_timeframe={play.clock.value}",
        )
    window = resolve_window(snapshot, symbol, base, play.clock, since_ms, until_ms)
    features = compile_features(play, base, float(config.warmup_weight))
    plan, reads = features.warmup, features.columns
    holes = config.gaps != "refuse"
    begin = warmup_from(snapshot, symbol, base, window[0], plan.base_bars, holes=holes)
    instrument = snapshot.instrument(symbol) or Instrument.default(symbol)
    candles = partial(facts_of, snapshot, symbol, holes=holes)
    series = [candles("kline", base.value, begin, window[1])]
    if config.mark == "series" or "mark_close" in reads:
        otherwise = "" if "mark_close" in reads else "--set mark=last"
        require_prices(snapshot, symbol, "mark", base, otherwise)
        series.append(candles("mark", base.value, begin, window[1]))
    if config.trigger_by == "index" or "index_close" in reads:
        otherwise = "" if "index_close" in reads else "--set trigger_by=last"
        require_prices(snapshot, symbol, "index", base, otherwise)
        series.append(candles("index", base.value, begin, window[1]))
    if config.funding == "on" or "funding_rate" in reads:
        require_funding(snapshot, symbol, *window, instrument.funding_interval_min)
        since = window[0]
        if "funding_rate" in reads:  # what was in force at the first bar read was told before it
            since = begin - instrument.funding_interval_min * MINUTE_MS
        series.append(facts_of(snapshot, symbol, "funding", "", since, window[1]))
    if "open_interest" in reads:
        grid = interest_grid(snapshot, symbol, *window)
        since = begin - grid.ms
        series.append(facts_of(snapshot, symbol, "open_interest", grid.value, since, window[1]))
    warmup = {**plan.to_dict(), "read_from_ms": begin}
    generators = snapshot.generators(symbol, begin, window[1])
    return _assemble(snapshot, play, config, base, window, warmup, series, instrument, generators)


def prepare_again(
    store: Store, play: Play, inputs: Mapping[str, Any], *, snapshot_id: str | None = None
) -> PreparedRun:
    """Read a recorded run again, from its inputs tree alone.

    ``snapshot_id`` is the pinned snapshot to read, None for the store's current one. Raises
    DataError ``DATA_CHANGED`` if the snapshot does not hold exactly the rows the run read.
    """
    snapshot = store.snapshot(snapshot_id)
    series = recorded_series(inputs)
    require_same_rows(snapshot, series)
    return _assemble(
        snapshot,
        play,
        RunConfig.from_resolved(inputs["config"]),
        parse_timeframe(inputs["timeframes"]["base"]),
        (inputs["window"]["since_ms"], inputs["window"]["until_ms"]),
        inputs["warmup"],
        series,
        Instrument.from_dict(inputs["instrument"]),
        inputs["data"]["generators"],
    )


def execute(
    prepared: PreparedRun,
    *,
    block_bars: int = BLOCK_BARS,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Compute the run. ``progress(done, total)`` counts fill bars."""
    return run_backtest(
        prepared.play,
        prepared.dataset,
        prepared.config,
        block_bars=block_bars,
        progress=progress,
    )


def _assemble(
    snapshot: Snapshot,
    play: Play,
    config: RunConfig,
    base: Timeframe,
    window: tuple[int, int],
    warmup: Mapping[str, Any],
    series: Sequence[SeriesFacts],
    instrument: Instrument,
    generators: Sequence[Mapping[str, Any]],
) -> PreparedRun:
    """Read the series' rows and state all inputs; the same whether first run or rerun."""
    by_kind = {facts.kind: facts for facts in series}
    kline = by_kind["kline"]
    symbol, span = kline.symbol, (kline.first_ms, kline.until_ms)
    prices = {
        kind: snapshot.bars(symbol, kind, base.value, *span, complete=config.gaps == "refuse")
        for kind in ("kline", "mark", "index")
        if kind in by_kind
    }
    funding, interest = by_kind.get("funding"), by_kind.get("open_interest")
    funding_ms, funding_rate_e8 = (
        snapshot.funding(symbol, funding.first_ms, funding.until_ms) if funding else (None, None)
    )
    interest_ms, interest_values = (
        snapshot.open_interest(symbol, interest.timeframe, interest.first_ms, interest.until_ms)
        if interest
        else (None, None)
    )
    inputs = run_inputs(
        play=play.canonical,
        config=config.resolved(),
        symbol=symbol,
        since_ms=window[0],
        until_ms=window[1],
        base_timeframe=base.value,
        clock_timeframe=play.clock.value,
        warmup=warmup,
        environment=snapshot.env,
        schema_version=snapshot.schema_version,
        series=series,
        instrument=instrument.to_dict(),
        generators=generators,
        indicators=play.indicators,
    )
    dataset = Dataset(
        symbol=symbol,
        base_timeframe=base,
        bars=prices["kline"],
        instrument=instrument,
        since_ms=window[0],
        until_ms=window[1],
        mark=prices.get("mark"),
        index=prices.get("index"),
        funding_ms=funding_ms,
        funding_rate_e8=funding_rate_e8,
        interest_ms=interest_ms,
        interest=interest_values,
        provenance=inputs["data"],
    )
    return PreparedRun(
        play, config, dataset, inputs, run_id(inputs), snapshot.id, snapshot.store_id
    )
