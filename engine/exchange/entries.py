"""Entries: their refusals on arrival, their fills, what a trigger releases.

Refusals are checked on arrival in the order of :class:`engine.exchange.codes.Refusal`; at the fill
leverage and margin are checked again, nothing else. ``now`` is the last price at that moment.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import close_lots, open_lots, slipped
from engine.exchange.book import accept, end, go, side_reserved_lots
from engine.exchange.brackets import after_close, set_brackets
from engine.exchange.codes import (
    Cause,
    Liquidity,
    OrderState,
    OrderType,
    Reason,
    Refusal,
    Source,
    StopKind,
    TimeInForce,
)
from engine.exchange.layout import Param, Slot, State, Term
from engine.exchange.leg import price_now, slipped_here
from engine.exchange.levels import stop_level
from engine.exchange.margin import (
    free_balance,
    initial_margin,
    liquidated_at,
    order_cost,
    tier_cap,
)
from engine.exchange.rounding import mul_div_floor
from engine.kernel import inlined, kernel

#: Largest notional whose order cost still fits, 1e-8 USDT.
_LARGEST_E8 = float(1 << 61)


@kernel
def _closing_lots(S: Cells, side: int, lots: int) -> int:
    """How much of an order of ``side`` only reduces the position."""
    return min(lots, S[State.LOTS]) if S[State.SIDE] == -side else 0


@kernel
def _bounded(P: Cells, W: Cells, slot_limit: int, side: int) -> int:
    """A limit that takes at the last price: with slippage, never beyond its limit."""
    fill = slipped_here(P, W, side, P[Param.SLIPPAGE_E7])
    return min(fill, slot_limit) if side > 0 else max(fill, slot_limit)


@kernel
def reference_price(S: Cells, slot: int) -> int:
    """Signal close (market), limit price, trigger; a stop-limit's is its limit price."""
    kind = S[slot + Slot.TYPE]
    if kind == OrderType.MARKET:
        return S[slot + Slot.REFERENCE_UNITS]
    if kind == OrderType.STOP:
        return S[slot + Slot.TRIGGER_UNITS]
    return S[slot + Slot.LIMIT_UNITS]


@kernel
def _stop_refusal(
    S: Cells, P: Cells, slot: int, closing: int, opening: int, reference: int, arrival: int
) -> int:
    """The refusals an entry's own stop can bring; ``arrival`` is the price it must lie beyond."""
    side, term = S[slot + Slot.SIDE], S[slot + Slot.TERMS]
    measure = S[slot + Slot.STOP_MEASURE_E8]
    if P[term + Term.STOP_KIND] == StopKind.LEVEL:
        stop = stop_level(P, term, side, P[Param.VALUE_E8], P[Param.VALUE_E8], measure)
        if side * (arrival - stop) <= 0:
            return Refusal.STOP_THROUGH_MARKET
    if P[Param.LIQUIDATION] == 0 or P[term + Term.STOP_KIND] == StopKind.NONE or opening == 0:
        return Refusal.NONE
    lots = opening
    cost = opening * reference * P[Param.VALUE_E8]
    margin = initial_margin(cost, P[term + Term.LEVERAGE_E2])
    if S[State.SIDE] == side:
        lots += S[State.LOTS]
        cost += S[State.COST_E8]
        margin += S[State.INITIAL_MARGIN_E8] - S[State.SHORTFALL_E8]
    stop = stop_level(P, term, side, cost, lots * P[Param.VALUE_E8], measure)
    if stop + side > 0 and liquidated_at(P, side, lots, cost, margin, stop + side):
        return Refusal.STOP_BEYOND_LIQUIDATION
    return Refusal.NONE


@kernel
def _lacks_margin(S: Cells, P: Cells, slot: int, opening: int, price: int, released: int) -> bool:
    """Whether the free balance, with what the order's reserve sets free, does not cover the opening
    part at ``price``."""
    if opening == 0:
        return False
    if float(opening) * price * P[Param.VALUE_E8] > _LARGEST_E8:
        return True
    cost = order_cost(
        P, S[slot + Slot.SIDE], opening * price * P[Param.VALUE_E8],
        P[S[slot + Slot.TERMS] + Term.LEVERAGE_E2],
    )  # fmt: skip
    return cost > free_balance(S) + released


@kernel
def _lacks_for_part(S: Cells, P: Cells, slot: int, price: int) -> bool:
    """As :func:`_lacks_margin` where the bar's volume lets only a part fill at ``price``: the rest
    of a limit that goes on needs its cost at the limit."""
    side, lots = S[slot + Slot.SIDE], S[slot + Slot.LOTS]
    part = _available(S, P, slot)
    closing = _closing_lots(S, side, lots)
    at_once = part - min(part, closing)
    later = lots - closing - at_once
    if float(lots) * max(price, S[slot + Slot.LIMIT_UNITS]) * P[Param.VALUE_E8] > _LARGEST_E8:
        return True
    leverage, value = P[S[slot + Slot.TERMS] + Term.LEVERAGE_E2], P[Param.VALUE_E8]
    cost = order_cost(P, side, at_once * price * value, leverage) if at_once > 0 else 0
    goes_on = S[slot + Slot.TYPE] == OrderType.LIMIT and S[slot + Slot.TIF] == TimeInForce.GTC
    if goes_on and later > 0:
        cost += order_cost(P, side, later * S[slot + Slot.LIMIT_UNITS] * value, leverage)
    return cost > 0 and cost > free_balance(S)


@inlined
def _facts_refusal(
    S: Cells, P: Cells, slot: int, closing: int, opening: int, reference: int, mark: int
) -> int:
    """Quantity, notional, leverage and tier."""
    side, lots, term = S[slot + Slot.SIDE], S[slot + Slot.LOTS], S[slot + Slot.TERMS]
    if S[slot + Slot.UNKNOWN] == 1:
        return Refusal.DISTANCE_UNKNOWN
    value = float(lots) * reference * P[Param.VALUE_E8]
    if closing == 0 or lots != S[State.LOTS]:
        if lots < P[Param.MIN_LOTS] or lots < 1:
            return Refusal.QTY_BELOW_MIN
        if value < _LARGEST_E8:
            if lots * reference * P[Param.VALUE_E8] < P[Param.MIN_NOTIONAL_E8]:
                return Refusal.NOTIONAL_BELOW_MIN
        elif value < P[Param.MIN_NOTIONAL_E8]:
            return Refusal.NOTIONAL_BELOW_MIN
    kind = S[slot + Slot.TYPE]
    # Without a maximum of the venue's MAX_LOTS is the ledger's own, which the tiers' check states.
    at_market = kind == OrderType.MARKET or kind == OrderType.STOP
    if at_market and lots > P[Param.MAX_LOTS] and P[Param.MAX_LOTS] < P[Param.FITTING_LOTS]:
        return Refusal.QTY_ABOVE_MARKET_MAX
    leverage = P[term + Term.LEVERAGE_E2]
    if leverage > P[Param.MAX_LEVERAGE_E2]:
        return Refusal.LEVERAGE_ABOVE_MAX
    if S[State.SIDE] == side and leverage != S[State.LEVERAGE_E2]:
        return Refusal.LEVERAGE_MISMATCH
    if opening > 0 and _above_tier(S, P, side, opening, leverage, mark):
        return Refusal.TIER_LIMIT
    return Refusal.NONE


@kernel
def _above_tier(S: Cells, P: Cells, side: int, opening: int, leverage: int, mark: int) -> bool:
    """Whether position, resting entries of its side and the opening part exceed what the
    leverage's largest tier, or the ledger, holds."""
    lots = opening
    if S[State.OPEN_ORDERS] > 1:
        lots += side_reserved_lots(S, side)
    if S[State.SIDE] == side:
        lots += S[State.LOTS]
    if lots > P[Param.FITTING_LOTS]:
        return True
    if P[Param.TIER_COUNT] == 0:
        return False
    return lots * mark * P[Param.VALUE_E8] > tier_cap(P, leverage)


@kernel
def entry_arrives(S: Cells, P: Cells, rows: Cells, B: Cells, W: Cells, ts: int, slot: int) -> None:
    """5. The entry in ``slot`` arrives at an open: filled, resting, or refused. ``B[:, 0]``
    are last, mark and index at the open."""
    side, lots, kind = S[slot + Slot.SIDE], S[slot + Slot.LOTS], S[slot + Slot.TYPE]
    now = B[Source.LAST, 0]
    closing = _closing_lots(S, side, lots)
    opening = lots - closing
    reference = reference_price(S, slot)
    limit, trigger = S[slot + Slot.LIMIT_UNITS], S[slot + Slot.TRIGGER_UNITS]
    refusal = _facts_refusal(S, P, slot, closing, opening, reference, B[Source.MARK, 0])
    takes = kind == OrderType.MARKET or (kind == OrderType.LIMIT and side * (limit - now) >= 0)
    conditional = kind >= OrderType.STOP
    if refusal == Refusal.NONE and conditional:
        beyond = side * (trigger - B[S[slot + Slot.SOURCE], 0]) > 0
        refusal = Refusal.NONE if beyond else Refusal.TRIGGER_ALREADY_PASSED
    if refusal == Refusal.NONE:
        arrival = now if takes else reference
        refusal = _stop_refusal(S, P, slot, closing, opening, reference, arrival)
    if refusal == Refusal.NONE:
        if kind == OrderType.LIMIT and takes and S[slot + Slot.TIF] == TimeInForce.POST_ONLY:
            accept(S, rows, ts, slot)
            end(
                S, rows, ts, slot, OrderState.CANCELLED, Cause.POST_ONLY,
                Refusal.POST_ONLY_WOULD_TAKE, -1,
            )  # fmt: skip
            return
        price = reference
        if kind == OrderType.MARKET:
            price = slipped(P, now, side, P[Param.SLIPPAGE_E7])
        elif takes:
            price = _bounded(P, W, limit, side)
        if takes and P[Param.PARTICIPATION] == 1:
            if _lacks_for_part(S, P, slot, price):
                refusal = Refusal.INSUFFICIENT_MARGIN
        elif _lacks_margin(S, P, slot, opening, price, 0):
            refusal = Refusal.INSUFFICIENT_MARGIN
    if refusal != Refusal.NONE:
        end(S, rows, ts, slot, OrderState.REJECTED, -1, refusal, -1)
        return
    accept(S, rows, ts, slot)
    if kind == OrderType.MARKET:
        _fill_entry(S, P, rows, ts, slot, price, now, now, Liquidity.TAKER)
        return
    if kind == OrderType.LIMIT and _taken_or_cancelled(S, P, rows, W, ts, slot, now):
        return
    left = lots - S[slot + Slot.FILLED_LOTS]
    opening = left - _closing_lots(S, side, left)
    if opening > 0:
        reserve = order_cost(
            P, side, opening * reference * P[Param.VALUE_E8],
            P[S[slot + Slot.TERMS] + Term.LEVERAGE_E2],
        )  # fmt: skip
        S[slot + Slot.RESERVE_E8] = reserve
        S[State.RESERVED_E8] += reserve
    if kind >= OrderType.STOP:
        go(S, rows, ts, slot, OrderState.UNTRIGGERED)


@kernel
def _taken_or_cancelled(
    S: Cells, P: Cells, rows: Cells, W: Cells, ts: int, slot: int, now: int
) -> bool:
    """A limit that becomes active at ``now``: fills as taker if marketable, equality counting;
    otherwise IOC and FOK are cancelled. Whether the order is finished."""
    side, limit, tif = S[slot + Slot.SIDE], S[slot + Slot.LIMIT_UNITS], S[slot + Slot.TIF]
    if side * (limit - now) >= 0:
        if tif == TimeInForce.POST_ONLY:
            end(
                S, rows, ts, slot, OrderState.CANCELLED, Cause.POST_ONLY,
                Refusal.POST_ONLY_WOULD_TAKE, -1,
            )  # fmt: skip
            return True
        _fill_entry(S, P, rows, ts, slot, _bounded(P, W, limit, side), now, now, Liquidity.TAKER)
        return S[slot + Slot.USED] == 0
    if tif == TimeInForce.IOC or tif == TimeInForce.FOK:
        cause = Cause.IOC if tif == TimeInForce.IOC else Cause.FOK
        end(S, rows, ts, slot, OrderState.CANCELLED, cause, Refusal.NONE, -1)
        return True
    return False


@kernel
def _available(S: Cells, P: Cells, slot: int) -> int:
    """Lots of the order that this bar's volume lets fill."""
    lots = S[slot + Slot.LOTS] - S[slot + Slot.FILLED_LOTS]
    return min(lots, S[State.VOLUME_LOTS]) if P[Param.PARTICIPATION] == 1 else lots


@kernel
def _fill_entry(
    S: Cells,
    P: Cells,
    rows: Cells,
    ts: int,
    slot: int,
    price: int,
    reference: int,
    now: int,
    liquidity: int,
) -> None:
    """Fill what the bar's volume lets of the entry at ``price``: the part that closes first, then
    the part that opens. Leverage and margin of what fills are checked again."""
    side, order = S[slot + Slot.SIDE], S[slot + Slot.ID]
    left = S[slot + Slot.LOTS] - S[slot + Slot.FILLED_LOTS]
    lots = _available(S, P, slot)
    if lots < left and S[slot + Slot.TIF] == TimeInForce.FOK:
        end(S, rows, ts, slot, OrderState.CANCELLED, Cause.FOK, Refusal.NONE, -1)
        return
    closing = _closing_lots(S, side, lots)
    opening = lots - closing
    leverage = P[S[slot + Slot.TERMS] + Term.LEVERAGE_E2]
    refusal = Refusal.NONE
    if lots > 0 and S[State.SIDE] == side and leverage != S[State.LEVERAGE_E2]:
        refusal = Refusal.LEVERAGE_MISMATCH
    elif _lacks_margin(S, P, slot, opening, price, _released(S, slot, lots, left)):
        refusal = Refusal.INSUFFICIENT_MARGIN
    if refusal != Refusal.NONE:
        end(S, rows, ts, slot, OrderState.REJECTED, -1, refusal, -1)
        return
    _give_back(S, slot, lots, left)
    S[slot + Slot.FILLED_LOTS] += lots
    if P[Param.PARTICIPATION] == 1:
        S[State.VOLUME_LOTS] -= lots
    if closing > 0:
        close_lots(
            S, P, rows, ts, order, closing, price, reference, liquidity, Reason.ENTRY,
            S[slot + Slot.RULE], False,
        )  # fmt: skip
    closed = closing > 0
    trade = S[State.TRADE_ID]
    if opening > 0:
        if closed:
            after_close(S, rows, ts, -side, closing, Reason.ENTRY)
            closed = False
        open_lots(
            S, P, rows, ts, order, side, opening, price, reference, now, liquidity, leverage,
            S[slot + Slot.RULE],
        )  # fmt: skip
        trade = S[State.TRADE_ID]
    if closed:
        after_close(S, rows, ts, -side, closing, Reason.ENTRY)
    if opening > 0:
        set_brackets(S, P, rows, ts, slot, now)
    _after_fill(S, rows, ts, slot, trade)


@kernel
def _give_back(S: Cells, slot: int, lots: int, left: int) -> None:
    """Release the reserve of ``lots`` out of the ``left`` that are not filled."""
    if S[slot + Slot.RESERVE_E8] > 0:
        released = _released(S, slot, lots, left)
        S[slot + Slot.RESERVE_E8] -= released
        S[State.RESERVED_E8] -= released


@kernel
def _released(S: Cells, slot: int, lots: int, left: int) -> int:
    """What a fill of ``lots`` out of ``left`` sets free of the reserve: all of it where the rest
    does not go on."""
    reserve = S[slot + Slot.RESERVE_E8]
    if reserve == 0 or lots == left or _ends_in_part(S, slot):
        return reserve
    return mul_div_floor(reserve, lots, left)


@kernel
def _ends_in_part(S: Cells, slot: int) -> bool:
    """Whether what the bar's volume does not let fill of the order is cancelled."""
    kind, tif = S[slot + Slot.TYPE], S[slot + Slot.TIF]
    return kind == OrderType.MARKET or kind == OrderType.STOP or tif == TimeInForce.IOC


@kernel
def _after_fill(S: Cells, rows: Cells, ts: int, slot: int, trade: int) -> None:
    """The order is filled, or goes on with its remainder, or ends without it."""
    if S[slot + Slot.FILLED_LOTS] == S[slot + Slot.LOTS]:
        end(S, rows, ts, slot, OrderState.FILLED, -1, Refusal.NONE, trade)
        return
    if S[slot + Slot.FILLED_LOTS] > 0:
        go(S, rows, ts, slot, OrderState.PARTIALLY_FILLED)
    if _ends_in_part(S, slot):
        end(S, rows, ts, slot, OrderState.CANCELLED, Cause.IOC, Refusal.NONE, trade)


@kernel
def limit_fills(S: Cells, P: Cells, rows: Cells, ts: int, slot: int, now: int) -> None:
    """A resting limit is met: it fills exactly at its own price, as maker."""
    price = S[slot + Slot.LIMIT_UNITS]
    _fill_entry(S, P, rows, ts, slot, price, price, now, Liquidity.MAKER)


@kernel
def trigger_fires(S: Cells, P: Cells, rows: Cells, W: Cells, ts: int, slot: int) -> None:
    """A trigger is met: a stop fills at the worse of it and the last price, with
    ``slippage_stop``; a stop-limit is judged like an arriving limit."""
    side = S[slot + Slot.SIDE]
    now = price_now(W, side)
    go(S, rows, ts, slot, OrderState.TRIGGERED)
    if S[slot + Slot.TYPE] == OrderType.STOP_LIMIT:
        _taken_or_cancelled(S, P, rows, W, ts, slot, now)
        return
    trigger = S[slot + Slot.TRIGGER_UNITS]
    worse, price = trigger, slipped(P, trigger, side, P[Param.SLIPPAGE_STOP_E7])
    if side * (now - trigger) > 0:
        worse, price = now, slipped_here(P, W, side, P[Param.SLIPPAGE_STOP_E7])
    _fill_entry(S, P, rows, ts, slot, price, worse, now, Liquidity.TAKER)
