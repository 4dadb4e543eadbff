"""What an exchange answers: one flat stream of typed, exact values in time order.

Times are epoch ms: what happens at a bar's open or on its path carries the bar's open, what
happens at its close the close (Choice: the page leaves the time of an event on a path open; this
keeps every event before the funding instant that follows it). Prices are in units of
10^-``Scenario.decimals``, quantities in lots, money in 1e-8 USDT. Orders are named by their id, and
a position's brackets ``stop`` and ``target1`` to ``target5``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """A transition of an order. ``lots`` is its whole quantity; ``price`` and ``trigger`` are None
    where it has none; ``cause`` says why it was cancelled or rejected."""

    ts_ms: int
    order: str
    state: str
    lots: int
    price: int | None = None
    trigger: int | None = None
    cause: str = ""


@dataclass(frozen=True)
class Refusal:
    """A refusal with its stable code."""

    ts_ms: int
    order: str
    code: str


@dataclass(frozen=True)
class Fill:
    """An execution. ``effect``: open or close; ``gross_e8`` is the profit a close realised."""

    ts_ms: int
    order: str
    side: str
    effect: str
    lots: int
    price: int
    liquidity: str
    reason: str
    fee_e8: int
    gross_e8: int


@dataclass(frozen=True)
class Bracket:
    """A stop or target came to be with an opening fill (``cause`` entry), or a stop was moved by
    ``trail`` or ``break_even``."""

    ts_ms: int
    order: str
    price: int
    lots: int
    cause: str


@dataclass(frozen=True)
class Funding:
    """A funding payment, positive when received; ``lots`` is signed."""

    ts_ms: int
    lots: int
    mark: int
    rate_e8: int
    amount_e8: int


@dataclass(frozen=True)
class Ledger:
    """A change of the wallet, and the wallet after it. ``kind``: fee, realised or funding."""

    ts_ms: int
    kind: str
    amount_e8: int
    wallet_e8: int


@dataclass(frozen=True)
class Trade:
    """One round trip: ``lots`` opened in all, at ``entry_notional_e8`` in all."""

    side: str
    lots: int
    entry_ms: int
    exit_ms: int
    entry_notional_e8: int
    exit_notional_e8: int
    exit_reason: str
    gross_e8: int
    fees_e8: int
    funding_e8: int
    net_e8: int
    legs: tuple[Fill, ...]


@dataclass(frozen=True)
class Equity:
    """Wallet plus unrealised profit at mark, at a clock close or, once, at the end."""

    ts_ms: int
    equity_e8: int
    wallet_e8: int
    lots: int
    terminal: bool = False


@dataclass(frozen=True)
class Status:
    """How the run ended: COMPLETED, STOPPED_LIQUIDATED or STOPPED_DRAWDOWN."""

    ts_ms: int
    status: str


Event = Order | Refusal | Fill | Bracket | Funding | Ledger | Trade | Equity | Status
