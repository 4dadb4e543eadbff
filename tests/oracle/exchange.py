"""The oracle's door: :func:`run` takes a scenario and tells everything that happened.

:func:`drive` is the same for whoever decides bar by bar, with the exchange's state in view.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from math import floor

from tests.oracle import events as ev
from tests.oracle.account import Account
from tests.oracle.bar import choose_path, open_bar
from tests.oracle.close import close_bar, tell_equity
from tests.oracle.fills import after_closing, close_chunks
from tests.oracle.numbers import E8, limit_units, slipped, trigger_units
from tests.oracle.orders import EntryOrder, ExitOrder
from tests.oracle.scenario import Cancel, Command, Entry, Exit, Scenario
from tests.oracle.sizing import SizingInput, size_lots
from tests.oracle.state import State, UnitBar, Units, move_exit, move_order, unit_bar


def run(scenario: Scenario) -> list[ev.Event]:
    """Every event of a scenario, in order."""
    ids, decisions = command_ids(scenario), decisions_by_bar(scenario)

    def decide_as_listed(state: State) -> None:
        if state.bar in decisions:
            decide(state, decisions[state.bar], ids)

    return drive(scenario, decide_as_listed)


def drive(scenario: Scenario, at_close: Callable[[State], None]) -> list[ev.Event]:
    """Every event of a scenario whose commands come from ``at_close``, which is called after the
    close of each fill bar but the last and gives them to :func:`decide`."""
    units = Units.of(scenario)
    equity = int(Fraction(scenario.config.equity) * E8)
    state = State(scenario, units, Account(equity, equity), peak_equity_e8=equity)
    bars = [unit_bar(bar, scenario, units) for bar in scenario.bars]
    for index, bar in enumerate(bars):
        state = run_bar(state, index, bar, bars[index - 1] if index else bar)
        check_invariants(state, bar.mark[3])
        if state.ended:
            break
        if index < len(bars) - 1:
            at_close(state)
    finish(state, bars[state.bar])
    return state.out


def run_bar(state: State, index: int, bar: UnitBar, previous: UnitBar) -> State:
    """The three parts of a fill bar; a run that ends in one skips the rest."""
    state.bar = index
    state.ts_ms = state.scenario.open_ms(index)
    open_bar(state, bar, previous.mark[3])
    if not state.ended:
        state = choose_path(state, bar)
    if not state.ended:
        close_bar(state, bar)
    return state


def finish(state: State, bar: UnitBar) -> None:
    """ "end of data | `end=close`: closed at the last close, taker, with slippage, reason
    `end_of_data`"; then the one terminal equity point, at the time of what ended the run."""
    if not state.ended:
        position = state.account.position
        if state.scenario.config.end == "close" and position is not None:
            rate = state.scenario.config.slippage
            price = slipped(state.now["last"], -position.side, rate, state.units.tick)
            close_chunks(state, "end_of_data", position.lots, price, "end_of_data")
            after_closing(state, "end_of_data", "end_of_data")
        state.status = "STOPPED_DRAWDOWN" if state.drawdown_hit else "COMPLETED"
    tell_equity(state, bar.mark[3], terminal=True)
    check_invariants(state, bar.mark[3])
    state.tell(ev.Status(state.ts_ms, state.status))


def check_invariants(state: State, mark: int) -> None:
    """ "`final - initial == gross - fees + funding + open_upnl` holds *exactly* per bar, trade and
    run"; "So the wallet never goes negative" """
    account, position = state.account, state.account.position
    booked = account.gross_e8 - account.fees_e8 + account.funding_e8
    assert account.wallet_e8 == account.initial_e8 + booked
    equity = account.equity_e8(mark, state.units.value_e8)
    open_profit = equity - account.wallet_e8
    assert equity - account.initial_e8 == booked + open_profit
    assert account.wallet_e8 >= 0
    assert account.free_e8 >= 0
    assert all(reserve >= 0 for reserve in account.reserves_e8.values())
    assert set(account.reserves_e8) <= {order.id for order in state.resting()}
    if position is None:
        assert not state.exits
    else:
        assert position.lots > 0
        assert position.margin_e8 >= 0
        assert sum(target.lots for target in position.brackets.targets) <= position.lots
        assert all(target.lots > 0 for target in position.brackets.targets)


# --- decisions ------------------------------------------------------------------------------------


def command_ids(scenario: Scenario) -> dict[tuple[int, int], int]:
    """ "Ids are deterministic": entries and exits count 1, 2, 3, ... as they are listed."""
    ids: dict[tuple[int, int], int] = {}
    for where, decision in enumerate(scenario.decisions):
        for nth, command in enumerate(decision.commands):
            if not isinstance(command, Cancel):
                ids[where, nth] = len(ids) + 1
    return ids


Decided = list[tuple[int, tuple[Command, ...]]]


def decisions_by_bar(scenario: Scenario) -> dict[int, Decided]:
    """The decisions of each bar, with their places in the scenario."""
    found: dict[int, Decided] = {}
    for place, decision in enumerate(scenario.decisions):
        found.setdefault(decision.bar, []).append((place, decision.commands))
    return found


def decide(state: State, decided: Decided, ids: dict[tuple[int, int], int]) -> None:
    """Take in what is decided at this close: "what they ask acts from the next fill bar's open. A
    command handled at bar close T is processed before any later event".

    Choice: exits of the decision are taken first (their effect on sizes is the same in any order),
    then entries and cancels as listed; after a drawdown stop nothing is taken.
    """
    if state.drawdown_hit:
        return
    commands = [
        (ids.get((where, nth), 0), command)
        for where, listed in decided
        for nth, command in enumerate(listed)
    ]
    for order_id, command in commands:
        if isinstance(command, Exit):
            queue_exit(state, order_id, command)
    for order_id, command in commands:
        if isinstance(command, Entry):
            queue_entry(state, order_id, command)
        elif isinstance(command, Cancel):
            cancel(state, command)


def arrival_bar(state: State) -> int:
    """ "zero latency, plus `latency_ms` if configured".

    Choice: a late order arrives at the first fill bar open at or after T + latency; "Jumps exist
    only here", so nothing arrives inside a bar.
    """
    return state.bar + 1 - (-state.scenario.config.latency_ms // state.scenario.fill_ms)


def queue_exit(state: State, order_id: int, command: Exit) -> None:
    """A reduce-only order for "percent of the original size", floored to lots; without a position
    there is nothing to exit."""
    position = state.account.position
    if position is None:
        return
    lots = None
    if command.close is not None:
        lots = floor(position.original_lots * command.close)
    order = ExitOrder(str(order_id), lots, arrival_bar(state))
    state.exits.append(order)
    move_exit(state, order, "new", position.lots if lots is None else lots)


def queue_entry(state: State, order_id: int, entry: Entry) -> None:
    """An entry with its rounded prices and its quantity, fixed now."""
    units, tick = state.units, state.units.tick
    price = trigger = None
    if entry.price is not None:
        price = limit_units(entry.price * units.scale, entry.side, tick)
    if entry.trigger is not None:
        trigger = trigger_units(entry.trigger * units.scale, entry.side, tick)
    reference = reference_units(state, price, trigger)
    lots = size_lots(entry, sizing_input(state, reference))
    expires = None
    if entry.expires is not None:
        expires = (state.bar + 1) // state.scenario.clock - 1 + entry.expires
    order = EntryOrder(
        order_id, entry, lots, lots, reference, price, trigger, arrival_bar(state), expires
    )
    state.entries.append(order)
    move_order(state, order, "new")


def reference_units(state: State, price: int | None, trigger: int | None) -> int:
    """ "Reference = signal close (market), limit price, trigger". Choice: a stop-limit's is its
    limit price."""
    if price is not None:
        return price
    if trigger is not None:
        return trigger
    close = state.now["last"]
    assert isinstance(close, int)
    return close


def sizing_input(state: State, reference: int) -> SizingInput:
    """ "sizes are computed as the account would be after this decision's exits at the signal
    close".

    Choice: the exits are thought filled as exits are, with slippage, fee and settlement.
    """
    after = thought_exits(state)
    mark = after.now["mark"]
    assert isinstance(mark, int)
    return SizingInput(
        equity_e8=after.account.equity_e8(mark, state.units.value_e8),
        free_e8=after.account.free_e8,
        reference=reference,
        value_e8=state.units.value_e8,
        scale=state.units.scale,
        tick=state.units.tick,
        qty_step=state.scenario.instrument.qty_step,
        config=state.scenario.config,
    )


def thought_exits(state: State) -> State:
    """A copy in which the exits decided at this close have filled at the close."""
    own = [order.name for order in state.exits if order.arrives == arrival_bar(state)]
    if not own or state.account.position is None:
        return state
    told, state.out = state.out, []
    copy = deepcopy(state)
    state.out = told
    for order in [o for o in copy.exits if o.name in own]:
        position = copy.account.position
        if position is None:
            break
        lots = position.lots if order.lots is None else min(order.lots, position.lots)
        rate = copy.scenario.config.slippage
        price = slipped(copy.now["last"], -position.side, rate, copy.units.tick)
        close_chunks(copy, order.name, lots, price, "exit")
        after_closing(copy, order.name, "exit")
    return copy


def cancel(state: State, command: Cancel) -> None:
    """Cancel a waiting entry; one that is over stays as it is.

    Choice: cancels are not delayed by latency, "processed before any later event".
    """
    for order in list(state.entries):
        if order.id == command.order:
            move_order(state, order, "cancelled", "cancelled")
