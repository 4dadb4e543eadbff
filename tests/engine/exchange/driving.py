"""The compiled exchange driven by a scenario of the oracle, its answer as the oracle's events."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from engine.config import RunConfig
from engine.exchange.book import cancel, new_slot, send
from engine.exchange.codes import (
    AmountKind,
    Cause,
    EventKind,
    LedgerKind,
    Liquidity,
    Moved,
    OrderKind,
    OrderState,
    OrderType,
    Reason,
    Refusal,
    SizeKind,
    Status,
    StopKind,
    TargetKind,
    TimeInForce,
)
from engine.exchange.exits import request_exit
from engine.exchange.instrument import Instrument, RiskTier
from engine.exchange.layout import (
    ROW_WIDTH,
    EventRow,
    FillRow,
    LedgerRow,
    Param,
    Slot,
    State,
    Table,
    Term,
    TradeRow,
)
from engine.exchange.prices import PriceColumns
from engine.exchange.requests import size_entry
from engine.exchange.simulator import NO_VOLUME, SEGMENT_ROWS, SimulatedExchange, new_state
from engine.exchange.terms import SOURCES, Terms, assemble, run_values, term_offset
from engine.exchange.times import BarTimes
from engine.features.blocks import ClockBlock, PositionRules
from engine.measures import Measure
from tests.oracle import events as ev
from tests.oracle import scenario as sc

E8 = 10**8
ENTRY_TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop-limit": OrderType.STOP_LIMIT,
}
TIFS = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.POST_ONLY,
}
SIZES = {
    "risk": SizeKind.RISK,
    "margin": SizeKind.MARGIN,
    "notional": SizeKind.NOTIONAL,
    "qty": SizeKind.QTY,
}
REACHES = {
    "R": AmountKind.R,
    "price": AmountKind.PRICE,
    "roi": AmountKind.ROI,
    "points": AmountKind.POINTS,
}
STOPS = {
    "price": StopKind.PRICE,
    "roi": StopKind.ROI,
    "points": StopKind.POINTS,
    "atr": StopKind.DISTANCE,
    "level": StopKind.LEVEL,
    "rr": TargetKind.RR,
}


#: Rows handed to every exchange in turn: each writes every cell of what it reads back.
_ROWS = np.full((len(Table), ROW_WIDTH, SEGMENT_ROWS), -7, np.int64)

NO_RULES = PositionRules(
    code=np.empty((0, 5), np.int64),
    F=np.empty((0, 0)),
    T=np.empty((0, 0), np.uint8),
    lo=0,
    fields=np.full(5, -1, np.int64),
    rows=np.empty(0, np.int64),
    ends=np.zeros(4, np.int64),
    kinds=np.zeros(2, np.int64),
)


#: Words of the oracle that differ from ours.
WORDS = {"rule": "cancelled", "exit_rule": "exit", "post_only": "POST_ONLY_WOULD_TAKE"}
#: Of brackets the oracle tells how they end; of orders that are sent, everything.
BRACKET_ENDS = (OrderState.FILLED, OrderState.CANCELLED)
SENT = (OrderKind.ENTRY, OrderKind.EXIT)
BRACKETS = (OrderKind.STOP, OrderKind.TARGET)


def reason(value: int) -> str:
    word = Reason(value).text
    return WORDS.get(word, word)


def whole(value: Fraction) -> int:
    """A fraction in 1e-8 that must be whole."""
    scaled = Fraction(value) * E8
    assert scaled.denominator == 1, f"{value} is finer than 1e-8"
    return int(scaled)


def decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


class Driven:
    """One scenario on the compiled exchange; ``block`` cuts the bars between decisions. Without
    its ``events`` the exchange passes over stretches of bars at once, as in a backtest. ``like``:
    another one of the same scenario, whose inputs it takes."""

    def __init__(
        self,
        scenario: sc.Scenario,
        block: int = 1 << 30,
        *,
        events: bool = True,
        like: Driven | None = None,
    ) -> None:
        self.scenario, self.block = scenario, block
        self.ids: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._full: set[int] = set()
        if like is None:
            self._config()
        else:
            self.scale, self.qty_step = like.scale, like.qty_step
            self.entries, self.params, self.terms = like.entries, like.params, like.terms
        n, clock = len(scenario.bars), scenario.clock
        opens = np.array([scenario.open_ms(i) for i in range(n + 1)], np.int64)
        self.closes = n // clock
        measures = np.full((Measure.COUNT, self.closes), np.nan)
        for k, value in enumerate(scenario.atr[: self.closes]):
            measures[Measure.TRAIL, k] = np.nan if value is None else float(value)
        self.clock_block = ClockBlock(
            close_ms=opens[clock::clock][: self.closes].copy(),
            base_index=np.arange(clock - 1, n, clock, dtype=np.int64)[: self.closes],
            truth=np.zeros((4, self.closes), np.uint8),
            alternative=np.full((4, self.closes), -1, np.int16),
            measures=measures,
            position=NO_RULES,
        )
        funding = scenario.funding if scenario.config.funding == "on" else ()
        self.exchange = SimulatedExchange(
            terms=self.terms,
            prices=self._prices() if like is None else like.exchange.prices,
            times=BarTimes(opens[:-1].copy(), 0, opens[1:].copy()),
            funding_ms=np.array([f.ts_ms for f in funding], np.int64),
            funding_rate_e8=np.array([whole(f.rate) for f in funding], np.int64),
            volume_lots=self._volumes(),
            state=new_state(len(self.entries) + len(scenario.decisions) + 4),
            _rows=_ROWS,
        )
        self.exchange.open_account(whole(Fraction(scenario.config.equity)), scenario.start_ms)
        self.exchange.state[State.EVENTS] = events

    # -- inputs -------------------------------------------------------------------------------

    def _config(self) -> None:
        s, c = self.scenario, self.scenario.config
        config = RunConfig(
            equity=c.equity,
            fees={"taker": decimal(c.taker), "maker": decimal(c.maker)},
            slippage=decimal(c.slippage),
            slippage_stop=decimal(c.slippage_stop),
            latency_ms=c.latency_ms,
            fill=c.fill,
            path=c.path,
            brackets_on_entry_bar=c.brackets_on_entry_bar,
            participation="none"
            if c.participation is None
            else f"{decimal(c.participation * 100)}%",
            mark=c.mark,
            liquidation=c.liquidation,
            end=c.end,
        )
        facts = s.instrument
        instrument = Instrument(
            symbol=facts.symbol,
            tick_size=facts.tick_size,
            qty_step=facts.qty_step,
            min_qty=facts.min_qty,
            max_qty=None,
            max_market_qty=facts.max_market_qty,
            min_notional=facts.min_notional,
            max_leverage=decimal(facts.max_leverage),
            leverage_step=decimal(facts.leverage_step),
            funding_interval_min=480,
            valid_from_ms=0,
            launch_ms=None,
            source="oracle",
            risk_tiers=tuple(
                RiskTier(t.cap, decimal(t.rate), Decimal(t.deduction), decimal(t.max_leverage))
                for t in facts.tiers
            ),
        )
        highest = max(
            value * 10**s.decimals
            for bar in s.bars
            for series in (bar.last, bar.mark, bar.index)
            for value in series or ()
        )
        self.scale = instrument.scale(s.decimals, int(highest))
        self.qty_step = facts.qty_step
        values = run_values(config, instrument, self.scale)
        if c.max_drawdown is not None:
            values[Param.MAX_DRAWDOWN_E8] = whole(c.max_drawdown)
        self.entries = [
            command
            for decision in s.decisions
            for command in decision.commands
            if isinstance(command, sc.Entry)
        ]
        self.params = assemble(values, instrument, [self._term(entry) for entry in self.entries])
        scales = np.zeros((2, Measure.COUNT))
        scales[0] = 1.0
        self.terms = Terms(self.params, scales)

    def _term(self, entry: sc.Entry) -> dict[int, int]:
        term: dict[int, int] = {Term.LEVERAGE_E2: int(entry.leverage * 100)}
        if entry.stop is not None:
            term[Term.STOP_KIND] = STOPS[entry.stop.kind]
            term[Term.STOP_VALUE_E8] = self._value(entry.stop)
            term[Term.STOP_SOURCE] = SOURCES[entry.stop.by]
        term[Term.TARGET_COUNT] = len(entry.targets)
        left = Fraction(1)
        for k, target in enumerate(entry.targets):
            close = left if target.close is None else target.close
            left -= close
            term[Term.TARGET_KIND + k] = STOPS[target.kind]
            term[Term.TARGET_VALUE_E8 + k] = self._value(target)
            term[Term.TARGET_CLOSE_E8 + k] = whole(close)
            term[Term.TARGET_IS_MARKET + k] = target.order == "market"
            term[Term.TARGET_SOURCE + k] = SOURCES[target.by]
        if entry.trail is not None:
            term[Term.TRAIL_KIND] = STOPS[entry.trail.kind]
            term[Term.TRAIL_VALUE_E8] = self._value(entry.trail)
            if entry.trail.after is not None:
                term[Term.AFTER_KIND] = REACHES[entry.trail.after.kind]
                term[Term.AFTER_VALUE_E8] = whole(entry.trail.after.value)
        if entry.break_even is not None:
            term[Term.BREAK_EVEN_KIND] = REACHES[entry.break_even.at.kind]
            term[Term.BREAK_EVEN_VALUE_E8] = whole(entry.break_even.at.value)
            term[Term.OFFSET_KIND] = AmountKind.PRICE
            term[Term.OFFSET_VALUE] = whole(entry.break_even.offset)
        return term

    @staticmethod
    def _value(part: Any) -> int:
        if part.kind == "points":
            return ceil(Fraction(part.value) * E8)
        return 0 if part.kind == "level" else whole(part.value)

    def _prices(self) -> PriceColumns:
        s = self.scenario
        scale = 10**s.decimals

        def columns(series: list[Any]) -> list[Any]:
            return [np.array([int(bar[k] * scale) for bar in series], np.int32) for k in range(4)]

        last = columns([bar.last for bar in s.bars])
        use_mark = s.config.mark == "series"
        mark = columns([bar.mark for bar in s.bars]) if use_mark else last
        has_index = all(bar.index is not None for bar in s.bars)
        index = columns([bar.index for bar in s.bars]) if has_index else last
        marks = mark[3] / scale
        return PriceColumns(*last, *mark, *index, s.decimals, largest=0, mark_close_usdt=marks)

    def _volumes(self) -> Any:
        s = self.scenario
        if s.config.participation is None:
            return NO_VOLUME
        lots = [
            floor(Fraction(bar.volume) * s.config.participation / Fraction(self.qty_step))
            for bar in s.bars
        ]
        return np.array(lots, np.int64)

    # -- commands -----------------------------------------------------------------------------

    def _enter(self, number: int, entry: sc.Entry, bar: int, ts: int) -> int:
        S, P = self.exchange.state, self.params
        side = entry.side
        slot = new_slot(S)
        assert slot >= 0
        unit = 10 ** (8 - self.scenario.decimals)
        S[slot + Slot.KIND] = OrderKind.ENTRY
        S[slot + Slot.TYPE] = ENTRY_TYPES[entry.order]
        S[slot + Slot.SIDE] = side
        S[slot + Slot.TIF] = TIFS[entry.tif]
        S[slot + Slot.SOURCE] = SOURCES[entry.trigger_by]
        S[slot + Slot.TERMS] = term_offset(P, number)
        S[slot + Slot.REFERENCE_UNITS] = int(self.exchange.prices.close[bar])
        S[slot + Slot.RULE] = -1
        if entry.expires is not None:
            S[slot + Slot.EXPIRE_CLOCK] = S[State.CLOCKS] + entry.expires
        if entry.price is not None:
            S[slot + Slot.LIMIT_UNITS] = self._grid(entry.price, -side)
        if entry.trigger is not None:
            S[slot + Slot.TRIGGER_UNITS] = self._grid(entry.trigger, side)
        if entry.stop is not None and entry.stop.kind == "level":
            S[slot + Slot.STOP_MEASURE_E8] = self._grid(entry.stop.value, -side) * unit
        for k, target in enumerate(entry.targets):
            if target.kind == "level":
                S[slot + Slot.TARGET_MEASURE_E8 + k] = self._grid(target.value, side) * unit
        value = floor(entry.size * E8)
        if entry.size_kind == "qty":
            value = floor(entry.size / Fraction(self.qty_step))
        prices = self.exchange.prices
        size_entry(
            S, P, slot, ts, int(SIZES[entry.size_kind]), value, int(prices.close[bar]),
            int(prices.mark_close[bar]),
        )  # fmt: skip
        send(S, P, self.exchange._rows, ts, slot)
        return int(S[slot + Slot.ID])

    def _grid(self, price: Fraction, direction: int) -> int:
        tick = self.scale.tick_units
        ticks = Fraction(price) * 10**self.scenario.decimals / tick
        return max(floor(ticks) if direction < 0 else ceil(ticks), 1) * tick

    def _decide(self, decision: sc.Decision, entries: list[int], number: int) -> int:
        """Carry out a decision's commands; exits first, as sizes see them."""
        S, P, rows = self.exchange.state, self.params, self.exchange._rows
        ts = self.scenario.open_ms(decision.bar + 1)
        numbered = []
        for command in decision.commands:
            number += not isinstance(command, sc.Cancel)
            numbered.append((number, command))
        for at, command in numbered:
            if isinstance(command, sc.Exit) and S[State.SIDE] != 0:
                close = E8 if command.close is None else whole(command.close)
                slot = request_exit(S, P, rows, ts, close, int(Reason.EXIT_RULE), -1)
                self._know(at, int(S[slot + Slot.ID]))
                if close == E8:
                    self._full.add(self.ids[at])
        for at, command in numbered:
            if isinstance(command, sc.Cancel):
                if command.order in self.ids:
                    cancel(S, rows, ts, self.ids[command.order], int(Cause.RULE))
            elif isinstance(command, sc.Entry):
                self._know(at, self._enter(len(entries), command, decision.bar, ts))
                entries.append(at)
        return number

    def _know(self, number: int, order: int) -> None:
        """Command ``number`` of the scenario is our ``order``."""
        self.ids[number] = order
        self._names[order] = str(number)

    # -- the run ------------------------------------------------------------------------------

    def run(self) -> list[Any]:
        """The events of the whole scenario."""
        self.advance()
        return self._events()

    def advance(self) -> None:
        """Run the scenario to its end."""
        scenario = self.scenario
        n, number = len(scenario.bars), 0
        entries: list[int] = []
        by_bar = {decision.bar: decision for decision in scenario.decisions}
        ends = sorted({*(bar + 1 for bar in by_bar), *range(self.block, n, self.block), n})
        at = 0
        for end in ends:
            self._step(at, end)
            at = end
            if end - 1 in by_bar and end < n and self.exchange.status is Status.COMPLETED:
                number = self._decide(by_bar[end - 1], entries, number)
        self.exchange.finish(scenario.open_ms(n), close=scenario.config.end == "close")

    def outcome(self) -> dict[str, list[Any]]:
        """All rows but events, the equity curve written out (how it is cut into runs is no part of
        the result), and the state but what counts rows."""
        curve = self.exchange.curve().columns((1, 1))
        state = self.exchange.state.copy()
        state[State.EVENTS] = 0
        found = {
            table.name.lower(): self.exchange.rows(table).tolist()
            for table in Table
            if table not in (Table.EVENTS, Table.MARKS)
        }
        state[State.ROWS : State.ROWS + len(Table)] = 0
        found |= {
            name: getattr(curve, name).tolist() for name in ("ts_ms", "equity_e8", "drawdown_pct")
        }
        return {**found, "state": state.tolist()}

    def _step(self, first: int, last: int) -> None:
        whole = self.clock_block
        lo, hi = np.searchsorted(whole.base_index, [first, last])
        block = ClockBlock(
            close_ms=whole.close_ms[lo:hi],
            base_index=whole.base_index[lo:hi] - first,
            truth=whole.truth[:, lo:hi],
            alternative=whole.alternative[:, lo:hi],
            measures=whole.measures[:, lo:hi],
            position=NO_RULES,
        )
        self.exchange.step(first, last, block, 0)

    # -- the answer ---------------------------------------------------------------------------

    def _events(self) -> list[Any]:
        exchange = self.exchange
        rows = exchange.rows(Table.EVENTS).tolist()
        self._fills = exchange.rows(Table.FILLS).tolist()
        self._ledger = exchange.rows(Table.LEDGER).tolist()
        self._trades = exchange.rows(Table.TRADES).tolist()
        self._closing = {
            row[LedgerRow.FILL_ID] for row in self._ledger if row[LedgerRow.KIND] == LedgerKind.PNL
        }
        curve = exchange.curve().columns((1, 1))
        self._equities, self._lots = curve.equity_e8.tolist(), curve.position_lots.tolist()
        self._wallet = whole(Fraction(self.scenario.config.equity))
        for row in rows:
            self._name(row)
        out: list[Any] = []
        for row in rows:
            out.extend(self._event(row))
        return [*out, ev.Status(out[-1].ts_ms, exchange.status.name)]

    def _name(self, row: Any) -> None:
        if row[EventRow.KIND] in (EventKind.ORDER, EventKind.BRACKET):
            kind, order = OrderKind(row[EventRow.ORDER_KIND]), int(row[EventRow.ID])
            if kind is OrderKind.STOP:
                self._names[order] = "stop"
            elif kind is OrderKind.TARGET:
                self._names[order] = f"target{row[EventRow.LEVEL]}"
            elif kind in (OrderKind.LIQUIDATION, OrderKind.END_OF_DATA):
                self._names[order] = kind.text

    def _event(self, row: Any) -> list[Any]:
        ts, which = int(row[EventRow.TS_MS]), int(row[EventRow.ID])
        match EventKind(row[EventRow.KIND]):
            case EventKind.ORDER:
                kind = row[EventRow.ORDER_KIND]
                of_bracket = kind in BRACKETS and row[EventRow.STATE] in BRACKET_ENDS
                return [self._order(ts, row)] if of_bracket or kind in SENT else []
            case EventKind.BRACKET:
                name = self._names[which]
                price, lots = int(row[EventRow.PRICE_UNITS]), int(row[EventRow.LOTS])
                return [ev.Bracket(ts, name, price, lots, Moved(row[EventRow.CAUSE]).text)]
            case EventKind.REFUSAL:
                return [ev.Refusal(ts, self._names[which], Refusal(row[EventRow.REFUSAL]).name)]
            case EventKind.FILL:
                return [self._fill(which)]
            case EventKind.LEDGER:
                return self._movement(ts, which)
            case EventKind.TRADE:
                return [self._trade(which)]
            case EventKind.EQUITY:
                return [self._equity(ts, which)]

    def _order(self, ts: int, row: Any) -> ev.Order:
        def price(cell: EventRow) -> int | None:
            return None if row[cell] < 0 else int(row[cell])

        cause = Cause(row[EventRow.CAUSE]).text if row[EventRow.CAUSE] >= 0 else ""
        cause = WORDS.get(cause, cause)
        if row[EventRow.STATE] == OrderState.REJECTED:
            cause = Refusal(row[EventRow.REFUSAL]).name
        lots, limit = int(row[EventRow.LOTS]), price(EventRow.PRICE_UNITS)
        kind = OrderKind(row[EventRow.ORDER_KIND])
        if kind in BRACKETS:
            if row[EventRow.STATE] == OrderState.CANCELLED:
                lots, cause = 0, "scaled_down" if cause == "reduced" else "position_closed"
            limit = None if kind is OrderKind.STOP else limit
        order = int(row[EventRow.ID])
        if order not in self._names:
            self._names[order] = "drawdown"
            self._full.add(order)
        if kind is OrderKind.EXIT and row[EventRow.STATE] == OrderState.CANCELLED:
            cause = "drawdown" if cause == "drawdown" else "position_closed"
            # A full exit asks for what is left, which is nothing by then.
            lots = 0 if order in self._full else lots
        if self._names[order] == "drawdown" and row[EventRow.STATE] == OrderState.NEW:
            lots = 0
        return ev.Order(
            ts, self._names[int(row[EventRow.ID])], OrderState(row[EventRow.STATE]).text,
            lots, limit, None if kind is OrderKind.TARGET else price(EventRow.TRIGGER_UNITS), cause,
        )  # fmt: skip

    def _fill(self, which: int) -> ev.Fill:
        row = self._fills[which]
        closes = which in self._closing
        return ev.Fill(
            int(row[FillRow.TS_MS]), self._names[int(row[FillRow.ORDER_ID])],
            "buy" if row[FillRow.SIDE] > 0 else "sell", "close" if closes else "open",
            int(row[FillRow.LOTS]), int(row[FillRow.PRICE_UNITS]),
            Liquidity(row[FillRow.LIQUIDITY]).text, reason(row[FillRow.REASON]),
            int(row[FillRow.FEE_E8]), int(row[FillRow.GROSS_E8]),
        )  # fmt: skip

    def _movement(self, ts: int, which: int) -> list[Any]:
        row = self._ledger[which]
        kind, amount = LedgerKind(row[LedgerRow.KIND]), int(row[LedgerRow.AMOUNT_E8])
        self._wallet = int(row[LedgerRow.BALANCE_E8])
        words = {LedgerKind.PNL: "realised", LedgerKind.FEE: "fee", LedgerKind.FUNDING: "funding"}
        out: list[Any] = [ev.Ledger(ts, words[kind], amount, self._wallet)] if amount else []
        if kind is LedgerKind.FUNDING:
            lots = int(row[LedgerRow.LOTS]) * self._side(ts, row)
            rate, mark = int(row[LedgerRow.RATE_E8]), int(row[LedgerRow.PRICE_UNITS])
            out.insert(0, ev.Funding(ts, lots, mark, rate, amount))
        return out

    def _side(self, ts: int, row: Any) -> int:
        """Side of the position a funding row charged: that of its trade's first fill."""
        trade = row[LedgerRow.TRADE_ID]
        first = next(f for f in self._fills if f[FillRow.TRADE_ID] == trade)
        return int(first[FillRow.SIDE])

    def _trade(self, which: int) -> ev.Trade:
        row = next(r for r in self._trades if r[TradeRow.TRADE_ID] == which)
        legs = tuple(
            self._fill(int(f[FillRow.FILL_ID])) for f in self._fills if f[FillRow.TRADE_ID] == which
        )
        gross, fees = int(row[TradeRow.GROSS_E8]), int(row[TradeRow.FEES_E8])
        funding = int(row[TradeRow.FUNDING_E8])
        return ev.Trade(
            "long" if row[TradeRow.SIDE] > 0 else "short", int(row[TradeRow.LOTS]),
            int(row[TradeRow.ENTRY_MS]), int(row[TradeRow.EXIT_MS]),
            int(row[TradeRow.ENTRY_NOTIONAL_E8]), int(row[TradeRow.EXIT_NOTIONAL_E8]),
            reason(row[TradeRow.REASON]), gross, fees, funding, gross - fees + funding, legs,
        )  # fmt: skip

    def _equity(self, ts: int, which: int) -> ev.Equity:
        equity, lots = self._equities[which], self._lots[which]
        last = which == self.exchange.point_count - 1
        return ev.Equity(ts, equity, self._wallet, lots, last)
