"""One leg of a bar's path: the nearest level ahead fires first, what it creates is live for the
rest of the leg.

Where the bar stands on it is in the scratch array ``W`` (:mod:`engine.exchange.leg`).
Ties: liquidation, stop, target, conditional trigger, limit, lower order id.
A leg of no length is the gap check at an open: what holds there is met at once.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import liquidate, order_row
from engine.exchange.book import limit_rests
from engine.exchange.brackets import FRESH, RESTING, cancel_brackets, fire_stop, fire_target
from engine.exchange.codes import OrderKind, OrderState, Reason, Source, Status
from engine.exchange.entries import limit_fills, trigger_fires
from engine.exchange.events import forced_filled, forced_order
from engine.exchange.layout import FAR, Param, Slot, State, Term
from engine.exchange.leg import AT, FROM, OF, TO, price_now
from engine.exchange.margin import liquidation_bounds
from engine.kernel import inlined, kernel

NOTHING, LIQUIDATION, STOP, TARGET, TRIGGER, LIMIT = 0, 1, 2, 3, 4, 5


@kernel
def visit(S: Cells, price: int) -> None:
    """The last price has been at ``price`` while the position was held."""
    if S[State.SIDE] == 0:
        return
    S[State.LOW_UNITS] = min(S[State.LOW_UNITS], price)
    S[State.HIGH_UNITS] = max(S[State.HIGH_UNITS], price)
    if S[State.SIDE] > 0:
        S[State.EXTREME_UNITS] = max(S[State.EXTREME_UNITS], price)
    else:
        S[State.EXTREME_UNITS] = min(S[State.EXTREME_UNITS], price)


@kernel
def _meets(W: Cells, series: int, level: int, falls: bool) -> tuple[int, int]:
    """Where on the leg, at or after now, ``series`` is at or below (``falls``) or at or above
    ``level``: ``(n, d)`` of the fraction, ``d`` 0 when it is not."""
    a, b = W[FROM + series], W[TO + series]
    if not falls:
        a, b, level = -a, -b, -level
    if b < a:
        if b > level:
            return 0, 0
        if a <= level:
            return W[AT], W[OF]
        n, d = a - level, a - b
        if n * W[OF] <= W[AT] * d:
            return W[AT], W[OF]
        return n, d
    # Away from the level, or at rest: met only if it holds here.
    if (b - a) * W[AT] <= (level - a) * W[OF]:
        return W[AT], W[OF]
    return 0, 0


@kernel
def _sooner(n: int, d: int, best_n: int, best_d: int) -> bool:
    """Whether ``n / d`` comes strictly before the best; any comes before none."""
    return d > 0 and (best_d == 0 or n * best_d < best_n * d)


@inlined
def _next_event(S: Cells, P: Cells, W: Cells) -> tuple[int, int, int, int]:
    """The first thing that happens from here on: ``(what, which, n, d)``; ``which`` is a target's
    index or an order's slot."""
    what, which, n, d = NOTHING, 0, 0, 0
    side = S[State.SIDE]
    if side != 0:
        below, above = liquidation_bounds(S)
        if below > 0 or above < FAR:
            level = below if side > 0 else above
            n, d = _meets(W, Source.MARK, level, side > 0)
            if d > 0:
                what = LIQUIDATION
        if S[State.BRACKETS] >= FRESH:
            term = S[State.TERMS]
            if S[State.STOP_UNITS] > 0:
                a, b = _meets(W, P[term + Term.STOP_SOURCE], S[State.STOP_UNITS], side > 0)
                if _sooner(a, b, n, d):
                    what, n, d = STOP, a, b
            for k in range(S[State.TARGET_COUNT]):
                a, b = _target_meets(S, P, W, k, side, term)
                if _sooner(a, b, n, d):
                    what, which, n, d = TARGET, k, a, b
    if S[State.OPEN_ORDERS] > 0:
        return _next_order(S, P, W, what, which, n, d)
    return what, which, n, d


@inlined
def _target_meets(S: Cells, P: Cells, W: Cells, k: int, side: int, term: int) -> tuple[int, int]:
    """A target that has just become active is met at equality with the price as it stands."""
    series = Source.LAST
    if S[State.TARGET_IS_MARKET + k] == 1:
        series = P[term + Term.TARGET_SOURCE + S[State.TARGET_LEVEL + k] - 1]
    if S[State.BRACKETS] == FRESH and _holds(W, series, S[State.TARGET_UNITS + k], side < 0):
        return W[AT], W[OF]
    return _meets(W, series, S[State.TARGET_TRIGGER_UNITS + k], side < 0)


@kernel
def _holds(W: Cells, series: int, level: int, falls: bool) -> bool:
    """Whether ``series`` is at or beyond ``level`` at this very point of the leg."""
    a, b = W[FROM + series], W[TO + series]
    if not falls:
        a, b, level = -a, -b, -level
    return (b - a) * W[AT] <= (level - a) * W[OF]


@kernel
def _next_order(
    S: Cells, P: Cells, W: Cells, what: int, which: int, n: int, d: int
) -> tuple[int, int, int, int]:
    """As :func:`_next_event`, the entry orders taken into account."""
    beyond = P[Param.TICK_UNITS] if P[Param.TOUCH] == 0 else 0
    best = 0
    for slot in range(State.SLOTS, S[State.END], Slot.SIZE):
        if S[slot + Slot.USED] == 0 or S[slot + Slot.KIND] != OrderKind.ENTRY:
            continue
        side, kind = S[slot + Slot.SIDE], NOTHING
        if S[slot + Slot.STATE] == OrderState.UNTRIGGERED:
            kind = TRIGGER
            a, b = _meets(W, S[slot + Slot.SOURCE], S[slot + Slot.TRIGGER_UNITS], side < 0)
        elif limit_rests(S, slot) and not (
            P[Param.PARTICIPATION] == 1 and S[State.VOLUME_LOTS] == 0
        ):
            kind = LIMIT
            level = S[slot + Slot.LIMIT_UNITS] - side * beyond
            a, b = _meets(W, Source.LAST, level, side > 0)
        if kind == NOTHING or b == 0:
            continue
        order = S[slot + Slot.ID]
        tie = d > 0 and a * d == n * b
        older = kind < what or (kind == what and order < best)
        if _sooner(a, b, n, d) or (tie and older):
            what, which, n, d, best = kind, slot, a, b, order
    return what, which, n, d


@kernel
def _liquidated(S: Cells, P: Cells, rows: Cells, ts: int, mark: int) -> None:
    """The position is liquidated and the run ends with it."""
    side, lots, order = S[State.SIDE], S[State.LOTS], S[State.NEXT_ORDER]
    S[State.NEXT_ORDER] += 1
    forced_order(S, rows, ts, order, OrderKind.LIQUIDATION, lots)
    liquidate(S, P, rows, ts, order, mark)
    order_row(
        S, rows, order, S[State.TRADE_ID], OrderKind.LIQUIDATION, -side, lots, mark, -1, ts, ts, -1,
        ts,
    )  # fmt: skip
    forced_filled(S, rows, ts, order, OrderKind.LIQUIDATION, lots)
    cancel_brackets(S, rows, ts, side, lots, Reason.LIQUIDATION)
    S[State.STATUS] = Status.STOPPED_LIQUIDATED
    S[State.STOPPED_MS] = ts


@kernel
def walk_leg(S: Cells, P: Cells, rows: Cells, W: Cells, ts: int) -> None:
    """Move last, mark and index to the end of the leg in ``W``, firing what they meet."""
    W[AT], W[OF] = 0, 1
    while S[State.STATUS] < Status.STOPPED_DRAWDOWN:
        what, which, n, d = _next_event(S, P, W)
        if S[State.BRACKETS] == FRESH and (what == NOTHING or n * W[OF] > W[AT] * d):
            # Nothing of the new brackets is met where they became active: they rest, and a limit
            # target is then met one tick further out.
            S[State.BRACKETS] = RESTING
            continue
        if what == NOTHING:
            break
        W[AT], W[OF] = n, d
        visit(S, price_now(W, 1))
        visit(S, price_now(W, -1))
        if what == LIQUIDATION:
            _liquidated(S, P, rows, ts, S[State.LIQUIDATION_UNITS])
        elif what == STOP:
            fire_stop(S, P, rows, W, ts)
        elif what == TARGET:
            marketable = S[State.BRACKETS] == FRESH
            fire_target(S, P, rows, W, ts, which, marketable)
        elif what == TRIGGER:
            trigger_fires(S, P, rows, W, ts, which)
        else:
            limit_fills(S, P, rows, ts, which, price_now(W, S[which + Slot.SIDE]))
    visit(S, W[TO])
    W[AT], W[OF] = 1, 1
