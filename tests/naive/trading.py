"""A play traded the slow way: its rules by :mod:`tests.naive.plays`, its orders on the oracle.

At each clock close the position is read off the oracle's account, the rules are evaluated on it,
and what they ask for goes to the oracle as commands. Of the engine only the loaded play and the
instrument's facts are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import floor

from engine import Instrument
from engine.play.ast import Expr
from engine.play.model import Amount, Play, Sided, Stop, Target, Trail
from engine.timeframe import DAY_MS, MINUTE_MS
from tasks.generate import GeneratedMarket
from tests.naive.plays import Evaluation, Holding
from tests.oracle import events as ev
from tests.oracle import instrument as facts
from tests.oracle import scenario as sc
from tests.oracle.exchange import decide, drive
from tests.oracle.state import State

E8 = 10**8
NAMES = {1: "long", -1: "short"}
TIFS = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "PostOnly"}


@dataclass
class Traded:
    """What the oracle told, and what the play meant by its orders: ``asked`` is the reason and the
    rule's id of each entry and exit, by order id. ``unknown``: entries that could not be sent, a
    price or distance they state being missing. ``scale``: price units in a USDT."""

    events: list[ev.Event] = field(default_factory=list)
    asked: dict[str, tuple[str, str]] = field(default_factory=dict)
    unknown: int = 0
    scale: int = 1


def trade(play: Play, market: GeneratedMarket, equity: Decimal) -> Traded:
    """The play over the whole market with ``equity`` USDT and every other value of a run config
    at its default."""
    return _Trader(play, market, equity).run()


def oracle_instrument(symbol: str) -> facts.Instrument:
    """The bundled facts of a symbol as the oracle takes them."""
    known = Instrument.default(symbol)
    return facts.Instrument(
        symbol=symbol,
        tick_size=known.tick_size,
        qty_step=known.qty_step,
        min_qty=known.min_qty,
        max_market_qty=known.max_market_qty,
        min_notional=known.min_notional,
        max_leverage=Fraction(known.max_leverage),
        leverage_step=Fraction(known.leverage_step),
        tiers=tuple(
            facts.Tier(t.cap_usdt, Fraction(t.rate), t.deduction_usdt, Fraction(t.max_leverage))
            for t in known.risk_tiers
        ),
    )


def usdt(value: float) -> Fraction:
    """A price or distance of a play, a float, as the money it is: whole 1e-8 USDT, the nearest."""
    return Fraction(floor(Fraction(value) * E8 + Fraction(1, 2)), E8)


def percent(value: Decimal) -> Fraction:
    return Fraction(value) / 100


def fill_bars(market: GeneratedMarket) -> tuple[sc.Bar, ...]:
    """The market's minutes, last and mark."""

    def rows(bars: object) -> list[sc.OHLC]:
        columns = (getattr(bars, name).tolist() for name in ("open", "high", "low", "close"))
        return [tuple(Decimal(repr(v)) for v in row) for row in zip(*columns, strict=True)]  # type: ignore[misc]

    pairs = zip(rows(market.klines), rows(market.mark), strict=True)
    return tuple(sc.Bar(last, mark) for last, mark in pairs)


class _Trader:
    def __init__(self, play: Play, market: GeneratedMarket, equity: Decimal) -> None:
        self._play = play
        self._instrument = oracle_instrument(market.symbol)
        self._tick = Fraction(self._instrument.tick_size)
        self._evaluation = Evaluation(play, market.klines, self._instrument.tick_size)
        self._scenario = self._make_scenario(market, equity)
        self._traded = Traded(scale=10**self._scenario.decimals)
        self._places = self._seen = 0
        self._closed_bar: int | None = None
        self._day_entries: dict[int, set[str]] = {}

    def run(self) -> Traded:
        self._traded.events = drive(self._scenario, self._at_close)
        return self._traded

    def _make_scenario(self, market: GeneratedMarket, equity: Decimal) -> sc.Scenario:
        play, times = self._play, market.klines.open_ms
        start_ms, until_ms = int(times[0]), int(times[-1]) + MINUTE_MS
        assert start_ms % play.clock.ms == 0, "the market begins with a whole clock bar"
        drawdown, trail = play.risk.max_drawdown_pct, play.risk.trail
        atr = self._evaluation.column(trail.of, play.clock) if trail and trail.of else []
        return sc.Scenario(
            instrument=self._instrument,
            bars=fill_bars(market),
            config=sc.Config(
                equity=equity, max_drawdown=percent(drawdown) if drawdown is not None else None
            ),
            funding=tuple(
                sc.FundingEvent(ts_ms, Fraction(rate_e8, E8))
                for ts_ms, rate_e8 in zip(
                    market.funding_ms.tolist(), market.funding_rate_e8.tolist(), strict=True
                )
                if start_ms <= ts_ms < until_ms
            ),
            atr=tuple(None if value is None else usdt(float(value)) for value in atr),
            clock=play.clock.ms // MINUTE_MS,
            start_ms=start_ms,
        )

    # -- a clock close ------------------------------------------------------------------------

    def _at_close(self, state: State) -> None:
        if (state.bar + 1) % self._scenario.clock:
            return
        i = (state.bar + 1) // self._scenario.clock - 1
        self._notice(state)
        commands = self._commands(state, i)
        ids = {}
        for nth, (command, reason, rule) in enumerate(commands):
            if not isinstance(command, sc.Cancel):
                number = len(self._traded.asked) + 1
                ids[self._places, nth] = number
                self._traded.asked[str(number)] = (reason, rule)
        decide(state, [(self._places, tuple(command for command, _, _ in commands))], ids)
        self._places += 1

    def _notice(self, state: State) -> None:
        """What the limits go by, of the events since the last clock close."""
        for event in state.out[self._seen :]:
            if isinstance(event, ev.Trade):
                since_start = event.exit_ms - self._scenario.start_ms
                self._closed_bar = since_start // self._play.clock.ms
            elif isinstance(event, ev.Fill) and event.effect == "open":
                self._day_entries.setdefault(event.ts_ms // DAY_MS, set()).add(event.order)
        self._seen = len(state.out)

    def _holding(self, state: State) -> Holding:
        position = state.account.position
        if position is None:
            return Holding()
        scale = state.units.scale
        risk = position.brackets.risk
        since_start = position.legs[0].ts_ms - self._scenario.start_ms
        return Holding(
            side=position.side,
            entry_price=float(position.average(state.units.value_e8) / scale),
            entry_bar=since_start // self._play.clock.ms - 1,
            risk=None if risk is None else float(risk / scale),
        )

    def _commands(self, state: State, i: int) -> list[tuple[sc.Command, str, str]]:
        """ "exits before entries; entries only when flat, where flat means after the exits of the
        same decision"; with their reason and rule's id."""
        holding = self._holding(state)
        evaluation, side = self._evaluation, holding.side
        fired = {
            (part, s): evaluation.first(f"{part}_{NAMES[s]}", i, holding)
            for part in ("exit", "enter")
            for s in (1, -1)
        }
        found: list[tuple[sc.Command, str, str]] = []
        cancelled = self._cancelled(state, i, holding)
        found += [(sc.Cancel(number), "", "") for number in sorted(cancelled)]
        leaves = fired["exit", side] if side else None
        if leaves:
            assert all(r.close_pct == 100 for r in self._play.rule(f"exit_{NAMES[side]}"))
            found.append((sc.Exit(), "exit_rule", leaves))
        elif side:
            limit = self._play.limits.max_bars
            if limit is not None and i - holding.entry_bar >= limit:
                found.append((sc.Exit(), "max_bars", ""))
            return found
        enters = [s for s in (1, -1) if fired["enter", s]]
        if len(enters) == 1 and self._allowed(state, i, leaves=bool(leaves)):
            rule = fired["enter", enters[0]]
            assert rule is not None
            found += self._entering(state, i, enters[0], rule, cancelled)
        return found

    def _cancelled(self, state: State, i: int, holding: Holding) -> set[int]:
        """ "cancel_when": condition evaluated at clock closes that cancels the side's order"""
        when = self._play.entry.cancel_when
        if when is None:
            return set()
        return {
            order.id
            for side, condition in ((1, when.long), (-1, when.short))
            if condition is not None and self._evaluation.at_close(condition, i, holding) is True
            for order in state.entries
            if order.side == side
        }

    def _allowed(self, state: State, i: int, leaves: bool) -> bool:
        """Whether the limits let an entry be decided: ``cooldown`` clock closes after the one at,
        or after, which a position closed do not, nor do full days."""
        limits = self._play.limits
        assert limits.daily_loss_pct is None, "no example play has it"
        if limits.cooldown_bars is not None:
            since = None if self._closed_bar is None else i - self._closed_bar
            if leaves or (since is not None and since < limits.cooldown_bars):
                return False
        most = limits.max_trades_per_day
        return most is None or len(self._day_entries.get(state.ts_ms // DAY_MS, ())) < most

    def _entering(
        self, state: State, i: int, side: int, rule: str, cancelled: set[int]
    ) -> list[tuple[sc.Command, str, str]]:
        """ "A rule firing while its own order rests: `pending: keep` (default) or `replace`" """
        own = [o.id for o in state.entries if o.side == side and o.id not in cancelled]
        if own and self._play.entry.pending == "keep":
            return []
        found: list[tuple[sc.Command, str, str]] = [(sc.Cancel(number), "", "") for number in own]
        entry = self._entry(i, side)
        if entry is None:
            self._traded.unknown += 1
            return found
        return [*found, (entry, "entry", rule)]

    # -- the play's orders --------------------------------------------------------------------

    def _entry(self, i: int, side: int) -> sc.Entry | None:
        """The order of an entry decided at clock close ``i``; None where a number it needs is
        missing."""
        play = self._play
        entry, risk, size = play.entry, play.risk, play.risk.size
        away = -side if entry.order == "limit" else side
        stated = self._price(entry.price, i, side, entry.offset, away)
        released = self._price(entry.limit, i, side, None, 0)
        numbers = [self._number(part, i, side, -side) for part in [risk.stop]]
        numbers += [self._number(part, i, side, side) for part in risk.targets]
        if None in (stated, released, *numbers):
            return None
        stop, *targets = [value for value in numbers if value is not None]
        assert stated is not None
        assert released is not None
        is_stop, has_limit = entry.order == "stop", entry.limit is not None
        order = "stop-limit" if is_stop and has_limit else entry.order
        price = {"limit": stated, "stop-limit": released}.get(order)
        relative = size.kind in ("risk", "margin")
        return sc.Entry(
            side=side,
            size_kind=size.kind,
            size=percent(size.value) if relative else Fraction(size.value),
            order=order,
            price=price,
            trigger=stated if is_stop else None,
            tif=TIFS[entry.tif],
            expires=entry.expires_bars,
            leverage=Fraction(risk.leverage),
            stop=None if risk.stop.kind == "none" else sc.Stop(*stop),
            targets=tuple(
                sc.Target(*value, close=percent(part.close_pct), order=part.order)
                for part, value in zip(risk.targets, targets, strict=True)
            ),
            break_even=self._break_even(),
            trail=self._trail(risk.trail),
        )

    def _price(
        self, both: Sided | None, i: int, side: int, offset: Amount | None, away: int
    ) -> Fraction | None:
        """A price the play states for ``side``, moved by its offset; zero where it states none."""
        if both is None:
            return Fraction(0)
        value = self._value(both.long if side > 0 else both.short, i)
        return None if value is None else self._moved(value, offset, away)

    def _moved(self, price: Fraction, offset: Amount | None, away: int) -> Fraction:
        if offset is None:
            return price
        if offset.unit == "ticks":
            return price + away * Fraction(offset.value) * self._tick
        return price * (1 + away * percent(offset.value))

    def _value(self, expr: Expr | None, i: int) -> Fraction | None:
        assert expr is not None
        value = self._evaluation.column(expr, self._play.clock)[i]
        return None if value is None else usdt(float(value))

    def _number(
        self, part: Stop | Target, i: int, side: int, away: int
    ) -> tuple[str, Fraction] | None:
        """A bracket's kind and value as the oracle takes them; None where a number is missing."""
        value = Fraction(part.value)
        if part.kind in ("price", "roi"):
            return part.kind, percent(part.value)
        if part.kind == "atr":
            of = self._value(part.of, i)
            return None if of is None else ("points", value * of)
        if part.kind == "points":
            return "points", value * self._tick if part.unit == "ticks" else value
        if part.kind == "level":
            level = self._price(part.level, i, side, part.offset, away)
            return None if level is None else ("level", level)
        assert part.kind in ("rr", "none"), part.kind
        return part.kind, value

    def _reach(self, amount: Amount) -> sc.Reach:
        if amount.unit == "R":
            return sc.Reach("R", Fraction(amount.value))
        if amount.unit == "ticks":
            return sc.Reach("points", Fraction(amount.value) * self._tick)
        return sc.Reach("price", percent(amount.value))

    def _break_even(self) -> sc.BreakEven | None:
        even = self._play.risk.break_even
        if even is None:
            return None
        assert even.offset.unit == "percent", "the oracle's offset is a rate"
        return sc.BreakEven(self._reach(even.at), percent(even.offset.value))

    def _trail(self, trail: Trail | None) -> sc.Trail | None:
        if trail is None:
            return None
        after = None if trail.after is None else self._reach(trail.after)
        if trail.kind == "points":
            step = self._tick if trail.unit == "ticks" else 1
            return sc.Trail("points", Fraction(trail.value) * step, after)
        value = percent(trail.value) if trail.kind == "price" else Fraction(trail.value)
        return sc.Trail(trail.kind, value, after)
