"""The position an engine has been told of: executions, cancels and funding, in time order.

The engine never assumes that what it decided happened; it goes by what it is told. Quantities are
whole lots, money 1e-8 USDT; a part that closes takes the floor of its share of the cost, as in the
simulated exchange.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from engine.errors import EngineError

E8 = 10**8


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill: ``qty`` base units bought or sold at ``price`` USDT at ``ts_ms``.

    ``stop``: where the first stop of what the fill opens stands, USDT; None: it has none. Exit
    rules that read ``position.r`` measure by it.
    """

    ts_ms: int
    side: Literal["buy", "sell"]
    qty: Decimal
    price: Decimal
    stop: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order of this play came to its end at ``ts_ms`` without a further fill."""

    ts_ms: int
    order_id: str


@dataclass(frozen=True, slots=True)
class Funding:
    """Funding of ``amount`` USDT at ``ts_ms``, positive when received."""

    ts_ms: int
    amount: Decimal


Event: TypeAlias = Execution | Cancel | Funding


@dataclass(slots=True)
class Position:
    """What has been told: signed lots, their cost, what funding they received or paid, and how
    many clock closes they have been held over; of the newest fill that opened, R of the whole
    position (-1: it has no stop) and the lots held then."""

    lots: int = 0
    cost_e8: int = 0
    funding_e8: int = 0
    entry_ms: int = -1
    bars: int = 0
    last_event_ms: int = -1
    risk_e8: int = -1
    original_lots: int = 0

    @property
    def side(self) -> int:
        """-1 short, 0 flat, 1 long."""
        return (self.lots > 0) - (self.lots < 0)

    def take(self, event: Event, qty_step: Decimal) -> None:
        """Take one event in; EngineError if it goes back in time or is no whole number of lots."""
        if event.ts_ms < self.last_event_ms:
            raise EngineError(
                f"an event of {event.ts_ms} after one of {self.last_event_ms}",
                hint="events are told in time order",
                code="EVENT_ORDER",
            )
        match event:
            case Execution():
                self._execution(event, qty_step)
            case Funding():
                self.funding_e8 += _whole(event.amount * E8, f"funding of {event.amount} USDT")
            case Cancel():
                pass  # an order that ends changes no position
        self.last_event_ms = event.ts_ms

    def _execution(self, event: Execution, qty_step: Decimal) -> None:
        if event.side not in ("buy", "sell") or not event.qty > 0 or not event.price > 0:
            raise EngineError(
                f"no execution: {event.side} {event.qty} at {event.price}", code="EVENT_INVALID"
            )
        lots = _whole(event.qty / qty_step, f"a quantity of {event.qty}")
        signed = lots if event.side == "buy" else -lots
        notional_e8 = _whole(event.qty * event.price * E8, f"{event.qty} at {event.price}")
        closing = min(lots, abs(self.lots)) if signed * self.lots < 0 else 0
        if closing:
            self.cost_e8 -= self.cost_e8 * closing // abs(self.lots)
            self.lots += closing if signed > 0 else -closing
        opening = lots - closing
        if opening:
            if self.lots == 0:
                self.entry_ms, self.cost_e8, self.funding_e8 = event.ts_ms, 0, 0
                self.bars = 0
            self.cost_e8 += notional_e8 * opening // lots
            self.lots += opening if signed > 0 else -opening
            self.original_lots, self.risk_e8 = abs(self.lots), -1
            if event.stop is not None:
                at_stop = abs(self.lots) * qty_step * event.stop * E8
                self.risk_e8 = abs(self.cost_e8 - _whole(at_stop, f"a stop at {event.stop}"))
        elif self.lots == 0:
            self.entry_ms, self.funding_e8, self.bars = -1, 0, 0
            self.risk_e8, self.original_lots = -1, 0

    def fields(self, close: float, qty_step: Decimal) -> dict[str, float]:
        """What exit rules may read of the open position at a clock close of price ``close``: the
        side as 0 long, 1 short; ``r`` is NaN without a stop. The same sums, bit for bit, as the
        simulated exchange's (:mod:`engine.exchange.position_rules`)."""
        # A price beside its 1e-8 by a double's error is that price, as where a run's are converted.
        price_e8 = (Decimal(repr(close)) * E8).to_integral_value()
        worth_e8 = int(abs(self.lots) * qty_step * price_e8)
        profit = float(self.side * (worth_e8 - self.cost_e8))
        risk = math.nan
        if self.risk_e8 > 0:
            risk = self.risk_e8 * (float(abs(self.lots)) / float(self.original_lots))
        return {
            "bars": float(self.bars),
            "side": 0.0 if self.lots > 0 else 1.0,
            "entry_price": self.cost_e8 / (float(abs(self.lots)) * float(qty_step * E8)),
            "pnl_pct": 100.0 * profit / self.cost_e8,
            "r": profit / risk,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the inverse of ``Position(**values)``."""
        return {name: getattr(self, name) for name in self.__slots__}


def _whole(value: Decimal, what: str) -> int:
    if value != value.to_integral_value():
        raise EngineError(f"{what} is finer than the ledger", code="EVENT_INVALID")
    return int(value)
