"""What every run over one dataset and config shares: bars checked and converted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.bars import Bars, check_bars
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import ConfigError, DataError
from engine.exchange.instrument import MAX_LOTS, Instrument, Scale
from engine.exchange.layout import State
from engine.exchange.prices import PriceColumns, price_columns
from engine.exchange.simulator import NO_VOLUME, SimulatedExchange, new_segment
from engine.exchange.terms import E8, Terms, terms_of
from engine.exchange.times import BarTimes
from engine.features import FeaturePlan
from engine.features.compiler import compile_together
from engine.gaps import pieces, settled
from engine.play.model import Play
from engine.timeframe import divides, format_ms

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Inputs:
    """A dataset as a config reads it.

    ``given``: the dataset as it was; ``dataset``: its holes settled, ``missing`` bars in all.
    ``times`` of the fill bars; ``begin``: the first bar of the window; funding events of
    the window; ``volume_lots``: see :class:`SimulatedExchange`.
    """

    given: Dataset
    dataset: Dataset
    config: RunConfig
    instrument: Instrument
    prices: PriceColumns
    scale: Scale
    times: BarTimes
    begin: int
    funding_ms: Int64
    funding_rate_e8: Int64
    volume_lots: Int64
    missing: int

    @classmethod
    def of(cls, dataset: Dataset, config: RunConfig) -> Inputs:
        """Check and convert; ConfigError for what does not fit together, DataError or BarsError
        for bars that cannot be run over."""
        instrument = config.instrument_for(dataset.instrument)
        given = dataset
        dataset, missing = settled(given, config.gaps)
        _check(dataset, config)
        bars, mark = dataset.bars, dataset.mark if config.mark == "series" else None
        index = dataset.index if config.trigger_by == "index" else None
        prices = price_columns(bars, mark, instrument, index)
        funding_ms, funding_rate_e8 = _funding(dataset, config)
        return cls(
            given=given,
            dataset=dataset,
            config=config,
            instrument=instrument,
            prices=prices,
            scale=instrument.scale(prices.decimals, prices.largest),
            times=BarTimes.of(bars.open_ms, dataset.base_timeframe),
            begin=int(np.searchsorted(bars.open_ms, dataset.since_ms)),
            funding_ms=funding_ms,
            funding_rate_e8=funding_rate_e8,
            volume_lots=_fillable(bars, config, instrument),
            missing=missing,
        )

    def blocks(self, first: int, end: int, most: int) -> Iterator[tuple[int, int]]:
        """The bars ``[first, end)`` in blocks of at most ``most``, none reaching over a hole."""
        bars, whole = self.dataset.bars, [(0, len(self.dataset.bars))]
        stretches = pieces(bars, self.dataset.base_timeframe) if self.missing else whole
        for begin, last in stretches:
            stop = min(last, end)
            for lo in range(max(begin, first), stop, most):
                yield lo, min(lo + most, stop)

    @property
    def hold_return_pct(self) -> float:
        """What holding one unit over the window would have returned."""
        bars = self.dataset.bars
        return 100.0 * (float(bars.close[-1]) / float(bars.open[self.begin]) - 1.0)

    def plan(self, play: Play) -> FeaturePlan:
        """What ``play`` computes over these bars."""
        return self.plans([play])[0]

    def plans(self, plays: Sequence[Play]) -> list[FeaturePlan]:
        """What ``plays`` compute over these bars, together."""
        return compile_together(
            plays,
            self.dataset.base_timeframe,
            float(self.config.warmup_weight),
            tick_size=self.instrument.tick_size,
        )

    def exchange(
        self,
        play: Play,
        *,
        events: bool = False,
        segment: Int64 | None = None,
        terms: Terms | None = None,
    ) -> SimulatedExchange:
        """An account of ``play`` at the beginning of the window; ``events``: it writes the event
        stream too; ``segment``: where it writes, shared by accounts that are drained in turn;
        ``terms`` of the play, where they are known."""
        exchange = SimulatedExchange(
            terms=terms or terms_of(play, self.config, self.instrument, self.scale),
            prices=self.prices,
            times=self.times,
            funding_ms=self.funding_ms,
            funding_rate_e8=self.funding_rate_e8,
            volume_lots=self.volume_lots,
            _rows=new_segment() if segment is None else segment,
        )
        exchange.open_account(int(self.config.equity * E8), self.dataset.since_ms)
        exchange.state[State.EVENTS] = events
        return exchange


def check_clock(play: Play, dataset: Dataset) -> None:
    """Raise ConfigError unless the play's clock bars are made of whole fill bars."""
    if not divides(dataset.base_timeframe, play.clock):
        raise ConfigError(
            f"bars of {play.clock.value} are not made of whole {dataset.base_timeframe.value} bars",
            where="fill_timeframe",
            hint=f"use fill_timeframe={play.clock.value}",
        )


def _check(dataset: Dataset, config: RunConfig) -> None:
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


def _funding(dataset: Dataset, config: RunConfig) -> tuple[Int64, Int64]:
    """Times and rates (1e-8) of the window's funding events, none when it is off."""
    times, rates = dataset.funding_ms, dataset.funding_rate_e8
    if config.funding == "off" or times is None or rates is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    inside = (times >= dataset.since_ms) & (times < dataset.until_ms)
    return np.ascontiguousarray(times[inside]), np.ascontiguousarray(rates[inside])
