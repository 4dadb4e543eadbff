"""Isolated margin: what an order ties up, risk tiers, and the price of liquidation.

Long s = +1, short s = -1; entry E, size Q, leverage L, f the larger of taker and maker fee:
``IM = Q E / L``, bankruptcy price ``BP = E (1 - s/L)``, order cost ``IM + Q E f + Q BP f``. A
position is liquidated as soon as ``IM - shortfalls + s Q (mark - E) <= Q mark m - d`` with (m, d)
of the tier that holds Q x mark. Everything in integers; products exact.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.layout import FAR, Param, State, Tier
from engine.exchange.rounding import mul_div_ceil, mul_div_floor
from engine.kernel import inlined, kernel

E7 = 10**7
E8 = 10**8
#: Largest price and notional of the ledger.
_LARGEST_UNITS = 2**31 - 1
_LARGEST_E8 = 1 << 62


@kernel
def initial_margin(cost: int, leverage_e2: int) -> int:
    """IM = cost / L, in 1e-8 USDT, rounded up."""
    return mul_div_ceil(cost, 100, leverage_e2)


@kernel
def largest_fee(P: Cells) -> int:
    """f, in 1e-7."""
    return max(P[Param.TAKER_E7], P[Param.MAKER_E7])


@kernel
def reserve_for_close(P: Cells, side: int, cost: int, leverage_e2: int) -> int:
    """Fee of closing at the bankruptcy price, Q BP f = cost (1 - side/L) f, rounded up."""
    return mul_div_ceil(cost, largest_fee(P) * (leverage_e2 - 100 * side), E7 * leverage_e2)


@kernel
def order_cost(P: Cells, side: int, cost: int, leverage_e2: int) -> int:
    """What an opening order ties up: initial margin and the fees of opening and closing."""
    fee = mul_div_ceil(cost, largest_fee(P), E7)
    return initial_margin(cost, leverage_e2) + fee + reserve_for_close(P, side, cost, leverage_e2)


@kernel
def free_balance(S: Cells) -> int:
    """Wallet less position margin and what resting entries reserve, 1e-8 USDT."""
    return S[State.WALLET_E8] - S[State.MARGIN_E8] - S[State.RESERVED_E8]


@kernel
def unrealised(S: Cells, P: Cells, mark: int) -> int:
    """Open profit at ``mark`` (price units), 1e-8 USDT; 0 when flat."""
    if S[State.SIDE] == 0:
        return 0
    value = S[State.LOTS] * mark * P[Param.VALUE_E8]
    return S[State.SIDE] * (value - S[State.COST_E8])


@kernel
def bankruptcy_price(P: Cells, side: int, lots: int, cost: int, leverage_e2: int) -> int:
    """BP = E (1 - side/L) in units, rounded against the account: down for a long."""
    size = lots * P[Param.VALUE_E8]
    keep = leverage_e2 - 100 * side
    whole, rest = cost // size, cost % size
    if side > 0:
        return (whole * keep + mul_div_floor(rest, keep, size)) // leverage_e2
    return -(-(whole * keep + mul_div_ceil(rest, keep, size)) // leverage_e2)


@kernel
def _tier_at(P: Cells, notional: int) -> int:
    """Offset of the tier that holds ``notional``; the last one for anything larger."""
    at = Param.TIERS + 0
    last = Param.TIERS + Tier.SIZE * (P[Param.TIER_COUNT] - 1)
    while at < last and P[at + Tier.CAP_E8] < notional:
        at += Tier.SIZE
    return at


@inlined
def tier_cap(P: Cells, leverage_e2: int) -> int:
    """Largest position value at which the leverage is allowed, 1e-8 USDT; 0 if at none."""
    cap = 0
    for k in range(P[Param.TIER_COUNT]):
        at = Param.TIERS + Tier.SIZE * k
        if P[at + Tier.MAX_LEVERAGE_E2] >= leverage_e2:
            cap = max(cap, P[at + Tier.CAP_E8])
    return cap


@kernel
def liquidated_at(P: Cells, side: int, lots: int, cost: int, margin: int, mark: int) -> bool:
    """Whether a position with initial margin ``margin`` (less shortfalls) falls at ``mark``."""
    notional = lots * mark * P[Param.VALUE_E8]
    tier = _tier_at(P, notional)
    left = margin + side * (notional - cost) + P[tier + Tier.DEDUCTION_E8]
    return left <= mul_div_floor(notional, P[tier + Tier.RATE_E8], E8)


@kernel
def _guess(P: Cells, side: int, lots: int, cost: int, margin: int) -> int:
    """Liquidation price by the formula, in floating point: only where the search begins."""
    price = float(cost) / float(lots * P[Param.VALUE_E8])
    for _ in range(2):
        tier = _tier_at(P, int(price * lots * P[Param.VALUE_E8]))
        rate = P[tier + Tier.RATE_E8] * 1e-8
        keep = float(cost) - side * float(margin + P[tier + Tier.DEDUCTION_E8])
        price = max(keep / (float(lots * P[Param.VALUE_E8]) * (1.0 - side * rate)), 1.0)
    return int(min(price, float(_LARGEST_UNITS)))


@kernel
def liquidation_price(P: Cells, side: int, lots: int, cost: int, margin: int) -> int:
    """First whole price unit, going against the position, at which it is liquidated; -1 when no
    price the ledger holds does it."""
    most = min(_LARGEST_UNITS, _LARGEST_E8 // (lots * P[Param.VALUE_E8]))
    worst = 1 if side > 0 else most
    if not liquidated_at(P, side, lots, cost, margin, worst):
        return -1
    falls, stands = worst, most + 1 if side > 0 else 0
    at, stride = min(max(_guess(P, side, lots, cost, margin), 1), most), 1
    while abs(stands - falls) > 1:
        if not (min(falls, stands) < at < max(falls, stands)):
            at = (falls + stands) // 2
        if liquidated_at(P, side, lots, cost, margin, at):
            falls = at
            at += side * stride
        else:
            stands = at
            at -= side * stride
        stride *= 2
    return falls


@kernel
def set_liquidation(S: Cells, P: Cells) -> None:
    """Bring the liquidation price of the position up to date; -1 when there is none."""
    S[State.LIQUIDATION_UNITS] = -1
    if P[Param.LIQUIDATION] == 1 and S[State.SIDE] != 0:
        S[State.LIQUIDATION_UNITS] = liquidation_price(
            P, S[State.SIDE], S[State.LOTS], S[State.COST_E8],
            S[State.INITIAL_MARGIN_E8] - S[State.SHORTFALL_E8],
        )  # fmt: skip


@kernel
def liquidation_bounds(S: Cells) -> tuple[int, int]:
    """``(below, above)``: the mark at or below, at or above which the position falls."""
    price = S[State.LIQUIDATION_UNITS]
    if price < 0:
        return -FAR, FAR
    return (price, FAR) if S[State.SIDE] > 0 else (-FAR, price)
