"""One fill bar with events: its open, its path. This is the specification.

Numbered as the requirement has it: 1 open (funding, liquidation, exits due, the gap check, new
orders), 2 path (three continuous legs O > X1 > X2 > C), 3 close (:mod:`step`). Jumps exist only at
the open. ``B`` (int64[3, 4], scratch) holds open, high, low and close of last, mark and index.
"""

from __future__ import annotations

from engine.cells import Cells
from engine.exchange.account import charge_funding
from engine.exchange.book import NO_SLOT, next_arrival
from engine.exchange.brackets import FRESH, WAITING
from engine.exchange.codes import OrderKind, Source, Status
from engine.exchange.entries import entry_arrives
from engine.exchange.exits import exit_arrives
from engine.exchange.layout import Param, State
from engine.exchange.leg import FROM, TO
from engine.exchange.margin import unrealised
from engine.exchange.nearest import find_nearest
from engine.exchange.walk import visit, walk_leg
from engine.kernel import Int64, kernel

OPEN, HIGH, LOW, CLOSE = 0, 1, 2, 3


@kernel
def _at_open(B: Cells, W: Cells) -> None:
    for series in range(3):
        W[FROM + series] = B[series, OPEN]
        W[TO + series] = B[series, OPEN]


@kernel
def open_bar(
    S: Cells,
    P: Cells,
    rows: Cells,
    B: Cells,
    W: Cells,
    ts: int,
    next_ms: int,
    mark_before: int,
    fund_ms: Int64,
    fund_rate: Int64,
) -> None:
    """1. Everything that happens at the open, in its order. ``mark_before`` is the last mark
    close, charged for a funding instant that lies inside the bar."""
    at = S[State.NEXT_FUNDING]
    while at < len(fund_ms) and fund_ms[at] < next_ms:
        if S[State.SIDE] != 0 and fund_ms[at] >= ts:
            mark = B[Source.MARK, OPEN] if fund_ms[at] == ts else mark_before
            charge_funding(S, P, rows, fund_ms[at], mark, fund_rate[at])
        at += 1
    S[State.NEXT_FUNDING] = at
    opened = B[Source.LAST, OPEN]
    _at_open(B, W)
    visit(S, opened)
    if S[State.EXITS_DUE] > 0:
        if S[State.LIQUIDATION_UNITS] > 0 and _falls(S, B[Source.MARK, OPEN]):
            # Only the liquidation comes before exits; the walk finds it first.
            walk_leg(S, P, rows, W, ts)
            return
        slot = next_arrival(S, ts, OrderKind.EXIT, -1)
        while slot != NO_SLOT:
            exit_arrives(S, P, rows, ts, slot, opened)
            slot = next_arrival(S, ts, OrderKind.EXIT, -1)
        if S[State.STATUS] == Status.DRAWDOWN_DUE and S[State.SIDE] == 0:
            S[State.STATUS] = Status.STOPPED_DRAWDOWN
            S[State.STOPPED_MS] = ts
            return
    if S[State.BRACKETS] == WAITING:
        S[State.BRACKETS] = FRESH
    walk_leg(S, P, rows, W, ts)
    if S[State.ARRIVALS] > 0 and S[State.STATUS] == Status.COMPLETED:
        slot = next_arrival(S, ts, OrderKind.ENTRY, -1)
        while slot != NO_SLOT:
            entry_arrives(S, P, rows, B, W, ts, slot)
            slot = next_arrival(S, ts, OrderKind.ENTRY, -1)
        # What new orders created is judged at the path's start, after all have arrived.
        walk_leg(S, P, rows, W, ts)


@kernel
def _falls(S: Cells, mark: int) -> bool:
    return S[State.SIDE] * (mark - S[State.LIQUIDATION_UNITS]) <= 0


@kernel
def _walk(
    S: Cells, P: Cells, rows: Cells, B: Cells, W: Cells, ts: int, first: int, second: int
) -> None:
    """2. The path from the open over both extremes to the close."""
    for a, b in ((OPEN, first), (first, second), (second, CLOSE)):
        for series in range(3):
            W[FROM + series] = B[series, a]
            W[TO + series] = B[series, b]
        walk_leg(S, P, rows, W, ts)


@kernel
def _copy(source: Cells, to: Cells, cells: int) -> None:
    for cell in range(cells):
        to[cell] = source[cell]


@kernel
def _equity(S: Cells, P: Cells, B: Cells) -> int:
    return S[State.WALLET_E8] + unrealised(S, P, B[Source.MARK, CLOSE])


@kernel
def walk_bar(S: Cells, P: Cells, rows: Cells, B: Cells, W: Cells, kept: Cells, ts: int) -> None:
    """2. ``ohlc`` takes the low first when the bar closes at or above its open. ``pessimistic``,
    if anything can be met, runs the bar both ways from the same state and keeps the lower equity
    at the close; ties go low first. ``kept`` is scratch of the state's size."""
    if S[State.STATUS] >= Status.STOPPED_DRAWDOWN:
        return
    find_nearest(S, P)
    met = 0
    for series in range(3):
        met += B[series, LOW] <= S[State.BELOW_UNITS + series]
        met += B[series, HIGH] >= S[State.ABOVE_UNITS + series]
    if met == 0:
        if S[State.SIDE] != 0:
            visit(S, B[Source.LAST, LOW])
            visit(S, B[Source.LAST, HIGH])
        return
    if P[Param.PESSIMISTIC] == 0:
        if B[Source.LAST, CLOSE] >= B[Source.LAST, OPEN]:
            _walk(S, P, rows, B, W, ts, LOW, HIGH)
        else:
            _walk(S, P, rows, B, W, ts, HIGH, LOW)
        return
    if met == 1 and S[State.OPEN_ORDERS] == 0 and _ends_it(S, B):
        _walk(S, P, rows, B, W, ts, LOW, HIGH)
        return
    _copy(S, kept, S[State.END])
    _walk(S, P, rows, B, W, ts, HIGH, LOW)
    high_first = _equity(S, P, B)
    _copy(kept, S, kept[State.END])
    _walk(S, P, rows, B, W, ts, LOW, HIGH)
    if high_first < _equity(S, P, B):
        _copy(kept, S, kept[State.END])
        _walk(S, P, rows, B, W, ts, HIGH, LOW)


@kernel
def _ends_it(S: Cells, B: Cells) -> bool:
    """With a single level of the last price within the bar: whether that is the stop or the only
    target, which closes everything, so that both ways end alike."""
    if S[State.TARGET_COUNT] > 1:
        return False
    if S[State.TARGET_COUNT] == 1 and S[State.TARGET_LOTS] != S[State.LOTS]:
        return False
    return (
        B[Source.LAST, LOW] <= S[State.BELOW_UNITS] or B[Source.LAST, HIGH] >= S[State.ABOVE_UNITS]
    )
