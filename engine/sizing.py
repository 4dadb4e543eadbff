"""Quantity at the decision close, shared by simulation and live; all in the ledger's integers.

``price`` is the reference moved against us by slippage, P = reference x (1 +/- slippage), in price
units; ``value_e8`` is one unit times one lot in 1e-8 USDT; the result is whole lots, floored.
"""

from __future__ import annotations

from engine.exchange.codes import SizeKind
from engine.exchange.rounding import mul_div_floor
from engine.kernel import kernel

_E7 = 10**7
_E8 = 10**8
_RISK = int(SizeKind.RISK)
_NOTIONAL = int(SizeKind.NOTIONAL)
_MARGIN = int(SizeKind.MARGIN)


@kernel
def cap_lots(
    free_e8: int, price: int, value_e8: int, side: int, leverage_e2: int, fee_e7: int
) -> int:
    """Largest quantity whose order cost at ``price`` the free balance covers:
    floor(free / (P (1/L + f + f (1 - side/L)))), f the larger of taker and maker fee."""
    if free_e8 <= 0 or price <= 0:
        return 0
    # Times 1e7 L: 1e7 + f (2 L - side), with L in hundredths.
    factor = 100 * _E7 + fee_e7 * (2 * leverage_e2 - 100 * side)
    within_range = min(free_e8, (1 << 62) // leverage_e2 * 100)
    notional = mul_div_floor(within_range, _E7 * leverage_e2, factor)
    return notional // (price * value_e8)


@kernel
def size_lots(
    kind: int,
    amount: int,
    equity_e8: int,
    free_e8: int,
    price: int,
    stop: int,
    value_e8: int,
    side: int,
    leverage_e2: int,
    fee_e7: int,
) -> int:
    """Lots of a new position; 0 when not even one lot is meant.

    ``amount``: ``risk`` the fraction of equity in 1e-8, lost if price goes from ``price`` to
    ``stop`` (costs are outside); ``margin`` the fraction of the free balance in 1e-8, put up at the
    leverage; ``notional`` 1e-8 USDT; ``qty`` lots. Only risk and margin sizes are capped by the
    free balance: explicit ones are never resized.
    """
    if kind == _RISK:
        cap = cap_lots(free_e8, price, value_e8, side, leverage_e2, fee_e7)
        distance = abs(price - stop)
        if equity_e8 <= 0:
            return 0
        if distance == 0:
            return 0
        return min(mul_div_floor(equity_e8, amount, _E8) // (distance * value_e8), cap)
    if kind == _MARGIN:
        cap = cap_lots(free_e8, price, value_e8, side, leverage_e2, fee_e7)
        if free_e8 <= 0:
            return 0
        within_range = min(free_e8, (1 << 62) // leverage_e2 * 100)
        notional = mul_div_floor(within_range, amount * leverage_e2, _E8 * 100)
        return min(notional // (price * value_e8), cap)
    if kind == _NOTIONAL:
        return amount // (price * value_e8) if price > 0 else 0
    return amount
