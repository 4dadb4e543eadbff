"""Everything an exchange remembers between two events, and the events it has told."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle import events as ev
from tests.oracle.account import Account, liquidation_units
from tests.oracle.brackets import TargetOrder
from tests.oracle.numbers import E8
from tests.oracle.orders import NEXT_STATES, EntryOrder, ExitOrder, IllegalTransitionError
from tests.oracle.scenario import OHLC, Bar, Scenario

Price = Fraction | int


@dataclass(frozen=True)
class Units:
    """The integers of a run: ``scale`` units in a USDT, ``tick`` units in a tick, one unit times
    one lot is ``value_e8``."""

    scale: int
    tick: int
    value_e8: int

    @classmethod
    def of(cls, scenario: Scenario) -> Units:
        scale = 10**scenario.decimals
        facts = scenario.instrument
        return cls(
            scale=scale,
            tick=int(facts.tick_size * scale),
            value_e8=int(facts.qty_step * E8 / scale),
        )


@dataclass(frozen=True)
class UnitBar:
    """A fill bar in units: open, high, low, close of each series, and the volume in lots."""

    last: tuple[int, int, int, int]
    mark: tuple[int, int, int, int]
    index: tuple[int, int, int, int]
    volume_lots: Fraction


def unit_bar(bar: Bar, scenario: Scenario, units: Units) -> UnitBar:
    """ "otherwise refuse, or `mark=last`" """
    mark = bar.last if scenario.config.mark == "last" or bar.mark is None else bar.mark
    return UnitBar(
        last=_in_units(bar.last, units),
        mark=_in_units(mark, units),
        index=_in_units(bar.index or bar.last, units),
        volume_lots=Fraction(bar.volume) / Fraction(scenario.instrument.qty_step),
    )


def _in_units(series: OHLC, units: Units) -> tuple[int, int, int, int]:
    o, h, low, c = (int(price * units.scale) for price in series)
    return o, h, low, c


@dataclass
class State:
    """The exchange between two events. ``now`` holds the prices of the moment by series,
    ``budget`` the lots that entries may still take from this bar (None: no participation cap)."""

    scenario: Scenario
    units: Units
    account: Account
    bar: int = 0
    ts_ms: int = 0
    now: dict[str, Price] = field(default_factory=dict)
    budget: int | None = None
    entries: list[EntryOrder] = field(default_factory=list)
    exits: list[ExitOrder] = field(default_factory=list)
    out: list[ev.Event] = field(default_factory=list)
    peak_equity_e8: int = 0
    drawdown_hit: bool = False
    status: str = ""

    @property
    def ended(self) -> bool:
        return bool(self.status)

    def tell(self, event: ev.Event) -> None:
        self.out.append(event)

    def fork(self) -> State:
        """A copy with a life of its own, to try another path of a bar; told events are shared."""
        told, self.out = self.out, []
        copy = deepcopy(self)
        self.out, copy.out = told, list(told)
        return copy

    def resting(self) -> list[EntryOrder]:
        """Entries that have arrived and wait."""
        return [o for o in self.entries if o.waits_for_trigger or o.rests_as_limit]

    def liquidation_units(self) -> int | None:
        """The mark at which the position is liquidated, or None."""
        position = self.account.position
        if position is None or self.scenario.config.liquidation == "off":
            return None
        return liquidation_units(position, self.units.value_e8, self.scenario.instrument.tiers)

    def active_targets(self) -> list[TargetOrder]:
        position = self.account.position
        if position is None or position.brackets.active_from > self.bar:
            return []
        return list(position.brackets.targets)

    def active_stop(self) -> int | None:
        position = self.account.position
        if position is None or position.brackets.active_from > self.bar:
            return None
        return position.brackets.stop


def move_order(state: State, order: EntryOrder, to: str, cause: str = "") -> None:
    """One transition of an entry: "illegal transitions raise; every transition is an event with its
    time". An order that is over leaves the book and its reserve."""
    if to not in NEXT_STATES[order.state]:
        raise IllegalTransitionError(f"order {order.id}: {order.state} > {to}")
    order.state = to
    state.tell(
        ev.Order(state.ts_ms, str(order.id), to, order.lots, order.price, order.trigger, cause)
    )
    if not NEXT_STATES[to]:
        state.account.reserves_e8.pop(order.id, None)
        state.entries = [other for other in state.entries if other.id != order.id]


def move_exit(state: State, order: ExitOrder, to: str, lots: int, cause: str = "") -> None:
    """One transition of an exit."""
    if to not in NEXT_STATES[order.state]:
        raise IllegalTransitionError(f"exit {order.name}: {order.state} > {to}")
    order.state = to
    state.tell(ev.Order(state.ts_ms, order.name, to, lots, cause=cause))
    if not NEXT_STATES[to]:
        state.exits = [other for other in state.exits if other.name != order.name]


def refuse(state: State, order: EntryOrder, code: str) -> None:
    """ "Each refusal has a stable code" """
    move_order(state, order, "rejected", code)
    state.tell(ev.Refusal(state.ts_ms, str(order.id), code))
