"""Wallet, position and isolated margin: who owes what, when a position is liquidated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from tests.oracle.brackets import Brackets
from tests.oracle.events import Fill
from tests.oracle.instrument import Tier, maintenance_e8
from tests.oracle.numbers import LONG, fee_e8, share


@dataclass(frozen=True)
class OrderCost:
    """ "order cost = IM + QEf + Q BP f"; "initial margin and reserved fees ceil at 1e-8" """

    initial_e8: int
    open_fee_e8: int
    close_fee_e8: int

    @property
    def margin_e8(self) -> int:
        """ "Position margin is one integer: IM + ceil(Q BP f)" """
        return self.initial_e8 + self.close_fee_e8

    @property
    def total_e8(self) -> int:
        return self.margin_e8 + self.open_fee_e8


def order_cost(side: int, notional_e8: int, leverage: Fraction, fee: Fraction) -> OrderCost:
    """ "IM = QE/L", "BP = E(1 - s/L)" """
    bankrupt = notional_e8 * (1 - side / leverage)
    return OrderCost(
        initial_e8=ceil(notional_e8 / leverage),
        open_fee_e8=ceil(notional_e8 * fee),
        close_fee_e8=ceil(bankrupt * fee),
    )


@dataclass
class Position:
    """An open position. ``side`` is +1 or -1; ``original_lots`` is what it held after its newest
    opening fill; the totals of the trade follow the round trip."""

    side: int
    leverage: Fraction
    lots: int = 0
    cost_e8: int = 0
    initial_e8: int = 0
    shortfall_e8: int = 0
    margin_e8: int = 0
    original_lots: int = 0
    brackets: Brackets = field(default_factory=Brackets)
    peak: Fraction = Fraction(0)
    opened_lots: int = 0
    entry_notional_e8: int = 0
    exit_notional_e8: int = 0
    gross_e8: int = 0
    fees_e8: int = 0
    funding_e8: int = 0
    legs: list[Fill] = field(default_factory=list)

    def average(self, value_e8: int) -> Fraction:
        """The average entry price in units, exact: "entry cost is kept as a notional" """
        return Fraction(self.cost_e8, self.lots * value_e8)

    def unrealised_e8(self, price: int, value_e8: int) -> int:
        return self.side * (self.lots * price * value_e8 - self.cost_e8)

    def add(self, lots: int, notional_e8: int, cost: OrderCost) -> None:
        """ "added at each opening fill" """
        self.lots += lots
        self.cost_e8 += notional_e8
        self.initial_e8 += cost.initial_e8
        self.margin_e8 += cost.margin_e8

    def bankruptcy_units(self, value_e8: int) -> int:
        """ "the shown price is BP rounded to a unit against the account" """
        price = self.average(value_e8) * (1 - self.side / self.leverage)
        return floor(price) if self.side == LONG else ceil(price)


def is_liquidated(position: Position, mark: int, value_e8: int, tiers: tuple[Tier, ...]) -> bool:
    """ "liquidate as soon as IM + sQ(mark - E) <= Q mark m - d (in integers; ...)"; "less funding
    shortfalls (which lower IM in the inequality, not the shown BP)" """
    initial = position.initial_e8 - position.shortfall_e8
    needed = maintenance_e8(tiers, position.lots * mark * value_e8)
    return initial + position.unrealised_e8(mark, value_e8) <= needed


def liquidation_units(position: Position, value_e8: int, tiers: tuple[Tier, ...]) -> int | None:
    """ "LP is the first whole price unit at which the inequality holds"; None if no price does.

    A long's lies below what does not liquidate it, a short's above; the margin left over
    maintenance moves one way with the price, so halving an interval finds the unit.
    """

    def holds(mark: int) -> bool:
        return is_liquidated(position, mark, value_e8, tiers)

    if position.side == LONG:
        if not holds(1):
            return None
        beyond = 2
        while holds(beyond):
            beyond *= 2
        return _last_true(holds, 1, beyond)
    beyond = 1
    while not holds(beyond):
        beyond *= 2
    return 1 if holds(1) else _last_true(lambda mark: not holds(mark), 1, beyond) + 1


def _last_true(test: Callable[[int], bool], true: int, false: int) -> int:
    """The last value for which ``test`` is true, given one for which it is and one above not."""
    while false - true > 1:
        middle = (true + false) // 2
        if test(middle):
            true = middle
        else:
            false = middle
    return true


@dataclass(frozen=True)
class Closing:
    """What closing some lots at a price does."""

    price: int
    gross_e8: int
    fee_e8: int
    settled: bool


def close_lots(position: Position, lots: int, price: int, value_e8: int, fee: Fraction) -> Closing:
    """ "A closing fill of any kind ... whose loss with its fee would exceed its share of the
    position margin takes exactly that share, also with liquidation=off"; its row carries "fee 0,
    gross = minus the margin taken" and shows BP. The position gives up floor(total x lots / lots
    held) "of cost, IM, shortfalls and position margin"."""
    held = position.lots
    cost = share(position.cost_e8, lots, held)
    margin = share(position.margin_e8, lots, held)
    notional = lots * price * value_e8
    gross = position.side * (notional - cost)
    due = fee_e8(notional, fee)
    settled = due - gross > margin
    if settled:
        price, gross, due = position.bankruptcy_units(value_e8), -margin, 0
    position.cost_e8 -= cost
    position.margin_e8 -= margin
    position.initial_e8 -= share(position.initial_e8, lots, held)
    position.shortfall_e8 -= share(position.shortfall_e8, lots, held)
    position.lots -= lots
    return Closing(price, gross, due, settled)


@dataclass
class Account:
    """Wallet, the position, and what resting entries reserve (by order id), in 1e-8 USDT."""

    wallet_e8: int
    initial_e8: int
    position: Position | None = None
    reserves_e8: dict[int, int] = field(default_factory=dict)
    gross_e8: int = 0
    fees_e8: int = 0
    funding_e8: int = 0

    @property
    def free_e8(self) -> int:
        """ "Free = wallet - position margins - reserves; unrealised profit or loss does not
        enter" """
        held = self.position.margin_e8 if self.position else 0
        return self.wallet_e8 - held - sum(self.reserves_e8.values())

    def equity_e8(self, mark: int, value_e8: int) -> int:
        """ "equity = wallet + unrealised at mark" """
        if self.position is None:
            return self.wallet_e8
        return self.wallet_e8 + self.position.unrealised_e8(mark, value_e8)

    def pay_funding(self, due_e8: int) -> int:
        """Take or credit a payment (positive: received) and return what really moved.

        "A payment beyond free balance reduces the position's margin and moves LP; it is capped at
        free (if positive) + position margin, the rest is not charged"
        """
        position = self.position
        assert position is not None
        if due_e8 < 0:
            free = max(self.free_e8, 0)
            paid = min(-due_e8, free + position.margin_e8)
            shortfall = max(paid - free, 0)
            position.margin_e8 -= shortfall
            position.shortfall_e8 += shortfall
            due_e8 = -paid
        self.wallet_e8 += due_e8
        self.funding_e8 += due_e8
        position.funding_e8 += due_e8
        return due_e8
