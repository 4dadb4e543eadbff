"""Conservation on the compiled exchange itself, over random runs: no money appears or vanishes, no
quantity is negative, no order is left on a closed position. Read from its own tables and state;
the oracle has no part in it. The seeds are others than those of the comparison."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.exchange.codes import (
    EventKind,
    LedgerKind,
    OrderKind,
    OrderState,
    Reason,
    Status,
)
from engine.exchange.layout import (
    EventRow,
    FillRow,
    LedgerRow,
    OrderRow,
    Param,
    Slot,
    State,
    Table,
    TradeRow,
)
from tests.engine.exchange.driving import Driven
from tests.oracle.random_scenarios import seeded

FIRST = 10_000_000
FINAL = (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)
OF_A_POSITION = (OrderKind.STOP, OrderKind.TARGET, OrderKind.EXIT)


class Run:
    """One seed's run: its tables as plain integers, its state at the end."""

    def __init__(self, seed: int) -> None:
        driven = Driven(seeded(seed))
        driven.run()
        exchange = driven.exchange
        self.state = exchange.state.tolist()
        self.params = exchange.terms.params.tolist()
        self.initial = int(Fraction(driven.scenario.config.equity) * 10**8)
        tables = (Table.FILLS, Table.LEDGER, Table.TRADES, Table.ORDERS, Table.EVENTS)
        self.fills, self.ledger, self.trades, self.orders, self.events = (
            exchange.rows(table).tolist() for table in tables
        )
        self.last_equity = int(exchange.curve().columns((1, 1)).equity_e8[-1])
        self.last_mark = int(exchange.prices.mark_close[exchange._last_bar])


def money(run: Run) -> None:
    """The wallet moves only by ledger rows, each of which belongs to a fill or to funding."""
    wallet = run.initial
    booked = dict.fromkeys(LedgerKind, 0)
    of_fills: dict[int, list[int]] = {}
    for row in run.ledger:
        wallet += row[LedgerRow.AMOUNT_E8]
        assert row[LedgerRow.BALANCE_E8] == wallet >= 0
        booked[LedgerKind(row[LedgerRow.KIND])] += row[LedgerRow.AMOUNT_E8]
        if row[LedgerRow.KIND] != LedgerKind.FUNDING:
            of_fills.setdefault(row[LedgerRow.FILL_ID], []).append(row[LedgerRow.AMOUNT_E8])
    for fill in run.fills:
        moved = of_fills.pop(fill[FillRow.FILL_ID])
        assert sum(moved) == fill[FillRow.GROSS_E8] - fill[FillRow.FEE_E8]
    assert not of_fills
    state = run.state
    assert state[State.WALLET_E8] == wallet
    assert state[State.GROSS_E8] == booked[LedgerKind.PNL]
    assert state[State.FEES_E8] == -booked[LedgerKind.FEE] >= 0
    assert state[State.FUNDING_E8] == booked[LedgerKind.FUNDING]
    open_profit = state[State.SIDE] * (
        state[State.LOTS] * run.last_mark * run.params[Param.VALUE_E8] - state[State.COST_E8]
    )
    assert run.last_equity == wallet + open_profit


def positions(run: Run) -> None:
    """What fills open is what fills close; a position never turns over inside one fill; margin and
    reserves are those of what is open."""
    held, cost, opened = 0, 0, {}
    value = run.params[Param.VALUE_E8]
    trades = {trade[TradeRow.TRADE_ID]: trade for trade in run.trades}
    closing = {
        row[LedgerRow.FILL_ID] for row in run.ledger if row[LedgerRow.KIND] == LedgerKind.PNL
    }
    for fill in run.fills:
        lots, side = fill[FillRow.LOTS], fill[FillRow.SIDE]
        notional = lots * fill[FillRow.PRICE_UNITS] * value
        assert lots > 0
        assert fill[FillRow.PRICE_UNITS] >= 0
        assert fill[FillRow.FEE_E8] >= 0
        assert fill[FillRow.NOTIONAL_E8] == notional
        if fill[FillRow.FILL_ID] in closing:
            assert held * side < 0
            assert lots <= abs(held)
            share = cost * lots // abs(held)
            takes_margin = fill[FillRow.FEE_E8] == 0 and fill[FillRow.GROSS_E8] <= 0
            assert takes_margin or fill[FillRow.GROSS_E8] == -side * (notional - share)
            cost -= share
        else:
            assert held * side >= 0
            assert fill[FillRow.GROSS_E8] == 0
            cost += notional
            opened[fill[FillRow.TRADE_ID]] = opened.get(fill[FillRow.TRADE_ID], 0) + lots
        held += side * lots
        assert held or not cost
    state = run.state
    assert state[State.SIDE] * state[State.LOTS] == held
    assert state[State.COST_E8] == cost
    assert state[State.MARGIN_E8] >= 0
    if not held:
        assert state[State.MARGIN_E8] == state[State.INITIAL_MARGIN_E8] == 0
    slots = range(State.SLOTS, len(state), Slot.SIZE)
    reserves = [state[slot + Slot.RESERVE_E8] for slot in slots if state[slot + Slot.USED]]
    assert state[State.RESERVED_E8] == sum(reserves)
    assert all(reserve >= 0 for reserve in reserves)
    assert set(opened) - set(trades) == ({state[State.TRADE_ID]} if held else set())
    assert all(opened[trade] == row[TradeRow.LOTS] for trade, row in trades.items())


def trades_add_up(run: Run) -> None:
    """A trade's sums are its fills' and its funding's; flat, they are the change of the wallet."""
    for trade in run.trades:
        fills = [f for f in run.fills if f[FillRow.TRADE_ID] == trade[TradeRow.TRADE_ID]]
        funding = [
            row[LedgerRow.AMOUNT_E8]
            for row in run.ledger
            if row[LedgerRow.KIND] == LedgerKind.FUNDING
            and row[LedgerRow.TRADE_ID] == trade[TradeRow.TRADE_ID]
        ]
        assert trade[TradeRow.GROSS_E8] == sum(fill[FillRow.GROSS_E8] for fill in fills)
        assert trade[TradeRow.FEES_E8] == sum(fill[FillRow.FEE_E8] for fill in fills)
        assert trade[TradeRow.FUNDING_E8] == sum(funding)
    if not run.state[State.LOTS]:
        nets = sum(
            trade[TradeRow.GROSS_E8] - trade[TradeRow.FEES_E8] + trade[TradeRow.FUNDING_E8]
            for trade in run.trades
        )
        assert run.state[State.WALLET_E8] == run.initial + nets


def orders(run: Run) -> None:
    """Every order ends once; nothing of a position outlives it; filled is what fills say."""
    live: dict[int, int] = {}
    ended: set[int] = set()
    held = 0
    fills = {fill[FillRow.FILL_ID]: fill for fill in run.fills}
    for event in run.events:
        kind, which = event[EventRow.KIND], event[EventRow.ID]
        if kind == EventKind.FILL:
            fill = fills[which]
            assert fill[FillRow.ORDER_ID] not in ended
            grows = held * fill[FillRow.SIDE] >= 0
            held += fill[FillRow.SIDE] * fill[FillRow.LOTS]
            if grows:
                # The newest opening fill's brackets replace what there was, exits go on.
                live = {order: k for order, k in live.items() if k == OrderKind.EXIT}
        elif kind == EventKind.BRACKET:
            live[which] = event[EventRow.ORDER_KIND]
        elif kind == EventKind.ORDER:
            of_position = event[EventRow.ORDER_KIND] in OF_A_POSITION
            assert event[EventRow.LOTS] >= 0
            if event[EventRow.STATE] in FINAL:
                assert which not in ended
                ended.add(which)
                live.pop(which, None)
            elif of_position:
                live[which] = event[EventRow.ORDER_KIND]
        elif kind == EventKind.EQUITY:
            assert held or not live, live
    rows = [row[OrderRow.ORDER_ID] for row in run.orders]
    assert len(rows) == len(set(rows))
    assert set(rows) == ended
    for row in run.orders:
        filled = sum(
            fill[FillRow.LOTS]
            for fill in run.fills
            if fill[FillRow.ORDER_ID] == row[OrderRow.ORDER_ID]
        )
        assert filled == row[OrderRow.FILLED_LOTS] <= row[OrderRow.LOTS]


CHECKS = (money, positions, trades_add_up, orders)


def check(first: int, count: int) -> None:
    stopped = 0
    for seed in range(first, first + count):
        run = Run(seed)
        if run.state[State.STATUS] == Status.STOPPED_LIQUIDATED:
            stopped += 1
            assert run.fills[-1][FillRow.REASON] == Reason.LIQUIDATION
        for holds in CHECKS:
            try:
                holds(run)
            except AssertionError as broken:
                raise AssertionError(f"seed {seed}: {holds.__name__}: {broken}") from broken
    assert stopped > 0


@pytest.mark.parametrize("first", range(FIRST, FIRST + 1_000, 500))
def test_nothing_appears_or_vanishes(first: int) -> None:
    check(first, 500)


@pytest.mark.full
@pytest.mark.parametrize("first", range(FIRST + 1_000, FIRST + 10_000, 1_000))
def test_nothing_appears_or_vanishes_in_10_000_runs(first: int) -> None:
    check(first, 1_000)
