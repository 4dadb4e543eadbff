"""What an exchange is driven with: facts, config, bars, funding and commands. Nothing runs here."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.oracle.instrument import Fixed, Instrument, ScenarioError
from tests.oracle.numbers import E8, decimals_of

OHLC = tuple[Decimal, Decimal, Decimal, Decimal]


@dataclass(frozen=True)
class Config(Fixed):
    """The part of a run config that an exchange reads; the contract's names and defaults."""

    equity: Decimal = Decimal(10_000)
    taker: Fraction = Fraction(55, 100_000)
    maker: Fraction = Fraction(2, 10_000)
    slippage: Fraction = Fraction(2, 10_000)
    slippage_stop: Fraction = Fraction(5, 10_000)
    latency_ms: int = 0
    fill: str = "through"
    path: str = "pessimistic"
    brackets_on_entry_bar: bool = True
    participation: Fraction | None = None
    funding: str = "on"
    mark: str = "series"
    liquidation: str = "on"
    end: str = "close"
    max_drawdown: Fraction | None = None

    @property
    def dearer_fee(self) -> Fraction:
        """ "f = the larger of taker and maker fee" """
        return max(self.taker, self.maker)


@dataclass(frozen=True)
class Bar(Fixed):
    """One fill bar: last, mark and index prices, and the volume in base units."""

    last: OHLC
    mark: OHLC | None = None
    index: OHLC | None = None
    volume: Decimal = Decimal(0)


@dataclass(frozen=True)
class FundingEvent(Fixed):
    """A funding rate that is due at ``ts_ms``."""

    ts_ms: int
    rate: Fraction


@dataclass(frozen=True)
class Stop(Fixed):
    """A stop-loss: ``price`` and ``roi`` are rates, ``points`` (an ATR distance too) and ``level``
    are USDT. ``by``: last, mark or index."""

    kind: str
    value: Fraction
    by: str = "last"


@dataclass(frozen=True)
class Target(Fixed):
    """One level of a ladder: kinds as of a stop, and ``rr``. ``close`` is a rate of the original
    quantity, None for the rest. A ``limit`` rests in the book; a ``market`` one triggers ``by``."""

    kind: str
    value: Fraction
    close: Fraction | None = None
    order: str = "limit"
    by: str = "last"


@dataclass(frozen=True)
class Reach(Fixed):
    """How far the peak must have gone: in ``R``, ``price`` (rate), ``roi`` (rate) or ``points``."""

    kind: str
    value: Fraction


@dataclass(frozen=True)
class BreakEven(Fixed):
    """Move the stop to the average fill plus ``offset`` (a rate) once the peak has reached."""

    at: Reach
    offset: Fraction = Fraction(0)


@dataclass(frozen=True)
class Trail(Fixed):
    """A stop at a distance from the peak: ``price`` (rate), ``points`` (USDT) or ``atr`` (multiple
    of the scenario's ``atr`` column)."""

    kind: str
    value: Fraction
    after: Reach | None = None


@dataclass(frozen=True)
class Entry(Fixed):
    """An order that opens, adds, reduces or flips. ``size_kind``: risk, margin (rates), notional
    (USDT) or qty. ``expires`` in clock bars. ``tif``: GTC, IOC, FOK or PostOnly."""

    side: int
    size_kind: str
    size: Fraction
    order: str = "market"
    price: Fraction | None = None
    trigger: Fraction | None = None
    tif: str = "GTC"
    expires: int | None = None
    leverage: Fraction = Fraction(1)
    trigger_by: str = "last"
    stop: Stop | None = None
    targets: tuple[Target, ...] = ()
    break_even: BreakEven | None = None
    trail: Trail | None = None


@dataclass(frozen=True)
class Exit(Fixed):
    """Close the position, or ``close`` (a rate) of its original quantity, at market."""

    close: Fraction | None = None


@dataclass(frozen=True)
class Cancel(Fixed):
    """Cancel the entry order with this id."""

    order: int


Command = Entry | Exit | Cancel


@dataclass(frozen=True)
class Decision(Fixed):
    """Commands decided together at the close of fill bar ``bar``, which closes a clock bar.

    Entries and exits get the ids 1, 2, 3, ... in the order in which the scenario lists them.
    """

    bar: int
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class Scenario(Fixed):
    """One run. ``clock`` is the number of fill bars in a clock bar; ``atr`` has one value (USDT) or
    None for each clock bar."""

    instrument: Instrument
    bars: tuple[Bar, ...]
    config: Config = field(default_factory=Config)
    decisions: tuple[Decision, ...] = ()
    funding: tuple[FundingEvent, ...] = ()
    atr: tuple[Fraction | None, ...] = ()
    clock: int = 1
    fill_ms: int = 60_000
    start_ms: int = 0

    def open_ms(self, bar: int) -> int:
        """The open of a fill bar, which is the close of the one before."""
        return self.start_ms + bar * self.fill_ms

    @cached_property
    def decimals(self) -> int:
        """ "Prices are int32 units of 10^-k, k = the most decimals of tick, mark and index series"

        Choice: the last series too, where it has more (on the venue it lies on ticks); and the
        mark series only where it is used.
        """
        values = [self.instrument.tick_size]
        for bar in self.bars:
            mark = bar.mark if self.config.mark == "series" else None
            for series in (bar.last, mark, bar.index):
                values.extend(series or ())
        return max(decimals_of(value) for value in values)

    def __post_init__(self) -> None:
        check(self)


def check(scenario: Scenario) -> None:
    """Refuse what the page refuses before a run."""
    unit_lot = scenario.instrument.qty_step * E8 / 10**scenario.decimals
    if unit_lot != unit_lot.to_integral_value() or unit_lot < 1:
        raise ScenarioError('"unit x lot x 1e8 must be a whole number >= 1"')
    for bar in scenario.bars:
        for series in (bar.last, bar.mark, bar.index):
            check_bar(series)
        if scenario.config.mark == "series" and bar.mark is None:
            raise ScenarioError('"The mark series must have the fill timeframe; otherwise refuse"')
    for rate in (scenario.config.taker, scenario.config.maker):
        if (rate * 10**7).denominator != 1 or rate < 0:
            raise ScenarioError('"Rates are integers: fees in 1e-7"')
    if any((event.rate * E8).denominator != 1 for event in scenario.funding):
        raise ScenarioError('"Rates are integers: ... funding in 1e-8"')
    for decision in scenario.decisions:
        if (decision.bar + 1) % scenario.clock or decision.bar >= len(scenario.bars):
            raise ScenarioError(f"bar {decision.bar} does not close a clock bar")
        for command in decision.commands:
            if isinstance(command, Entry):
                check_entry(command, scenario)


def check_bar(series: OHLC | None) -> None:
    """A bar's high and low enclose its open and close, and prices are positive."""
    if series is not None:
        o, h, low, c = series
        if not 0 < low <= min(o, c) <= max(o, c) <= h:
            raise ScenarioError(f"not a bar: {series}")


def check_entry(entry: Entry, scenario: Scenario) -> None:
    """ "up to 5 levels"; "sum > 100 is a load error"; "no stop: load error" for `risk`; and
    "without that series the run is refused" """
    if len(entry.targets) > 5:
        raise ScenarioError("more than 5 targets")
    if any(target.close is None for target in entry.targets[:-1]):
        raise ScenarioError("only the last target may take the rest")
    if sum(target.close or 0 for target in entry.targets) > 1:
        raise ScenarioError("targets close more than 100 %")
    needs_stop = entry.size_kind == "risk" or any(t.kind == "rr" for t in entry.targets)
    reaches = [entry.break_even.at if entry.break_even else None]
    reaches.append(entry.trail.after if entry.trail else None)
    needs_stop = needs_stop or any(reach and reach.kind == "R" for reach in reaches)
    if needs_stop and entry.stop is None:
        raise ScenarioError("risk and R need a stop")
    if (entry.leverage / scenario.instrument.leverage_step).denominator != 1:
        raise ScenarioError("leverage is not on its step")
    if entry.leverage < 1:
        raise ScenarioError("leverage is below 1")
    sources = {entry.trigger_by, *(t.by for t in entry.targets)}
    sources.add(entry.stop.by if entry.stop else "last")
    if "index" in sources and any(bar.index is None for bar in scenario.bars):
        raise ScenarioError("no index series for its trigger")
