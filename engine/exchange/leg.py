"""Where a bar stands on a leg of its path.

The scratch array ``W`` (int64[SCRATCH], no part of the state) holds where last, mark and index
stand at the leg's start (``W[FROM:]``) and end (``W[TO:]``), and how far along it the bar is, as
the fraction ``W[AT] / W[OF]``. All three move linearly, so the last price at an event of another
series is a fraction of units; what fills there is slipped from it exactly and rounded once.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.layout import Param
from engine.exchange.margin import E7
from engine.exchange.rounding import ceil_to, floor_to, mul_div_ceil, mul_div_floor
from engine.kernel import kernel

FROM, TO, AT, OF, SCRATCH = 0, 3, 6, 7, 8


@kernel
def price_now(W: Cells, side: int) -> int:
    """The last price at this point of the leg, rounded against an order of ``side``."""
    moved = (W[TO] - W[FROM]) * W[AT]
    if side > 0:
        return W[FROM] - (-moved // W[OF])
    return W[FROM] + moved // W[OF]


@kernel
def slipped_here(P: Cells, W: Cells, side: int, slippage_e7: int) -> int:
    """The last price at this point, moved against an order of ``side``, rounded to the tick."""
    tick, of = P[Param.TICK_UNITS], W[OF]
    price = W[FROM] * of + (W[TO] - W[FROM]) * W[AT]
    if side > 0:
        return ceil_to(mul_div_ceil(price, E7 + slippage_e7, E7 * of), tick)
    return max(floor_to(mul_div_floor(price, E7 - slippage_e7, E7 * of), tick), tick)
