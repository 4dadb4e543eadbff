"""Market exits: asked for at a clock close, filled at the next fill bar's open."""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import close_lots, closing_share, order_row, slipped, take_share
from engine.exchange.book import NO_SLOT, accept, end, new_slot, send
from engine.exchange.brackets import after_close
from engine.exchange.codes import Liquidity, OrderKind, OrderState, Reason, Refusal
from engine.exchange.events import forced_filled, forced_order
from engine.exchange.layout import Param, Slot, State
from engine.exchange.margin import E8, free_balance, unrealised
from engine.exchange.rounding import mul_div_floor
from engine.kernel import kernel


@kernel
def _asked_lots(S: Cells, close_e8: int) -> int:
    """Lots an exit of a fraction of the original quantity asks for, however many are left."""
    if close_e8 == E8:
        return S[State.LOTS]
    return mul_div_floor(S[State.ORIGINAL_LOTS], close_e8, E8)


@kernel
def _exit_lots(S: Cells, slot: int) -> int:
    """Lots the exit in ``slot`` closes: everything held, or what it asked for at its decision."""
    if S[slot + Slot.CLOSE_E8] == E8:
        return S[State.LOTS]
    return min(S[slot + Slot.LOTS], S[State.LOTS])


@kernel
def request_exit(
    S: Cells, P: Cells, rows: Cells, ts: int, close_e8: int, reason: int, rule: int
) -> int:
    """Leave the position, or the fraction ``close_e8`` of its original quantity, at the next fill
    bar's open. Returns the order's slot, ``NO_SLOT`` when the book is full."""
    slot = new_slot(S)
    if slot == NO_SLOT:
        return slot
    S[slot + Slot.KIND] = OrderKind.EXIT
    S[slot + Slot.SIDE] = -S[State.SIDE]
    S[slot + Slot.LOTS] = _asked_lots(S, close_e8)
    S[slot + Slot.REFERENCE_UNITS] = -1
    S[slot + Slot.CLOSE_E8] = close_e8
    S[slot + Slot.REASON] = reason
    S[slot + Slot.RULE] = rule
    send(S, P, rows, ts, slot)
    return slot


@kernel
def _exit_refusal(S: Cells, P: Cells, lots: int, opened: int) -> int:
    """Minimums do not apply to full closes, so they do to partial exits, at the price they arrive
    at."""
    if lots == S[State.LOTS] and lots > 0:
        return Refusal.NONE
    if lots < P[Param.MIN_LOTS] or lots < 1:
        return Refusal.QTY_BELOW_MIN
    if lots * opened * P[Param.VALUE_E8] < P[Param.MIN_NOTIONAL_E8]:
        return Refusal.NOTIONAL_BELOW_MIN
    return Refusal.NONE


@kernel
def exit_arrives(S: Cells, P: Cells, rows: Cells, ts: int, slot: int, opened: int) -> None:
    """3. The exit fills at this open, taker, with slippage, split at the maximum market quantity.
    Partial exits may be refused."""
    side, lots = S[State.SIDE], _exit_lots(S, slot)
    S[slot + Slot.REFERENCE_UNITS] = opened
    S[slot + Slot.LOTS] = lots
    refusal = _exit_refusal(S, P, lots, opened)
    if refusal != Refusal.NONE:
        end(S, rows, ts, slot, OrderState.REJECTED, -1, refusal, -1)
        return
    S[slot + Slot.SIDE] = -side
    accept(S, rows, ts, slot)
    fill = slipped(P, opened, -side, P[Param.SLIPPAGE_E7])
    reason = S[slot + Slot.REASON]
    close_lots(
        S, P, rows, ts, S[slot + Slot.ID], lots, fill, opened, Liquidity.TAKER, reason,
        S[slot + Slot.RULE], True,
    )  # fmt: skip
    S[slot + Slot.FILLED_LOTS] = lots
    end(S, rows, ts, slot, OrderState.FILLED, -1, Refusal.NONE, S[State.TRADE_ID])
    after_close(S, rows, ts, side, lots, reason)


@kernel
def balance_after_exits(S: Cells, P: Cells, ts: int, close: int, mark: int) -> tuple[int, int]:
    """``(equity, free)`` at the decision close ``ts``, its own exits counted as filled at that
    close with slippage."""
    free, wallet = free_balance(S), S[State.WALLET_E8]
    if S[State.EXITS_DUE] == 0 or S[State.SIDE] == 0:
        return wallet + unrealised(S, P, mark), free
    held, cost = S[State.LOTS], S[State.COST_E8]
    margin, initial = S[State.MARGIN_E8], S[State.INITIAL_MARGIN_E8]
    shortfall = S[State.SHORTFALL_E8]
    price = slipped(P, close, -S[State.SIDE], P[Param.SLIPPAGE_E7])
    brought = 0
    for slot in range(State.SLOTS, S[State.END], Slot.SIZE):
        if (
            S[slot + Slot.USED] == 1
            and S[slot + Slot.KIND] == OrderKind.EXIT
            and S[slot + Slot.NEW_MS] == ts
        ):
            lots = _exit_lots(S, slot)
            while lots > 0:
                piece = min(lots, P[Param.MAX_LOTS])
                gross, fee, _ = closing_share(S, P, piece, price, P[Param.TAKER_E7])
                brought += gross - fee
                take_share(S, piece)
                lots -= piece
    free += brought + margin - S[State.MARGIN_E8]
    equity = wallet + brought
    if S[State.LOTS] > 0:
        equity += unrealised(S, P, mark)
    S[State.LOTS], S[State.COST_E8] = held, cost
    S[State.MARGIN_E8], S[State.INITIAL_MARGIN_E8] = margin, initial
    S[State.SHORTFALL_E8] = shortfall
    return equity, free


@kernel
def close_at_end(S: Cells, P: Cells, rows: Cells, ts: int, close: int) -> None:
    """End of data: the open position is closed at the last close, taker, with slippage."""
    side, lots, order = S[State.SIDE], S[State.LOTS], S[State.NEXT_ORDER]
    S[State.NEXT_ORDER] += 1
    forced_order(S, rows, ts, order, OrderKind.END_OF_DATA, lots)
    fill = slipped(P, close, -side, P[Param.SLIPPAGE_E7])
    close_lots(
        S, P, rows, ts, order, lots, fill, close, Liquidity.TAKER, Reason.END_OF_DATA, -1, True
    )
    order_row(
        S, rows, order, S[State.TRADE_ID], OrderKind.END_OF_DATA, -side, lots, close, -1, ts, ts,
        -1, ts,
    )  # fmt: skip
    forced_filled(S, rows, ts, order, OrderKind.END_OF_DATA, lots)
    after_close(S, rows, ts, side, lots, Reason.END_OF_DATA)
