"""Breaker blocks: order blocks that broke around a change of character and changed sides."""

from __future__ import annotations

from numba.extending import register_jitable

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import zones
from engine.structures.cells import DOWN, UP, prices
from engine.structures.spec import SourceSpec, StructureSpec, bars
from engine.structures.zones import DOWN_SIDE, KEEP_MAX, UP_SIDE, keep_param, zone_cells

_WITHIN, _KEEP = 0, 1

# State: for each direction one more than the bar of the last CHoCH; for each side the order
# blocks after the bar before (how many; lower, upper, id each) and those broken lately (how many;
# lower, upper, id, bar each); the zones.
_CHOCH = 0
_LIVE = 2
_LIVE_CELLS = 1 + 3 * KEEP_MAX
_BROKEN = _LIVE + 2 * _LIVE_CELLS


@register_jitable
def _lately_cells(within: float) -> int:
    """Cells for the blocks of a side that can break within ``within`` bars: all that were live,
    and one born on each bar."""
    return 1 + 4 * (KEEP_MAX + int(within) + 1)


@njit(cache=True, error_model="numpy")
def _collect_broken(s: Vector, k: int, side: int, close: float, bar: float) -> None:
    """The order blocks of the bar before that this close goes through, oldest first."""
    live = _LIVE + side * _LIVE_CELLS
    for place in range(int(s[live]) - 1, -1, -1):
        z = live + 1 + 3 * place
        if (close < s[z]) if side == UP_SIDE else (close > s[z + 1]):
            to = k + 1 + 4 * int(s[k])
            s[to], s[to + 1], s[to + 2], s[to + 3] = s[z], s[z + 1], s[z + 2], bar
            s[k] += 1.0


@njit(cache=True, error_model="numpy")
def _flip(p: Vector, s: Vector, k: int, side: int, z: int, version: float, bar: float) -> None:
    """Bears the breakers of the broken blocks of ``side`` and forgets those too old for one."""
    within = p[_WITHIN]
    other = DOWN_SIDE if side == UP_SIDE else UP_SIDE
    choch = s[_CHOCH + other] - 1.0
    kept = 0
    for place in range(int(s[k])):
        b = k + 1 + 4 * place
        if choch >= 0.0 and abs(choch - s[b + 3]) <= within:
            zones.give_birth(
                s, z, int(p[_KEEP]), other, s[b], s[b + 1], p[-1], version, s[b + 2], bar
            )
        elif bar - s[b + 3] < within:
            to = k + 1 + 4 * kept
            for j in range(4):
                s[to + j] = s[b + j]
            kept += 1
    s[k] = kept


@njit(cache=True, error_model="numpy")
def _remember_live(
    s: Vector, F: Block, i: int, ins: Rows, first: int, slots: int, side: int
) -> None:
    live = _LIVE + side * _LIVE_CELLS
    count = 0
    for place in range(slots):
        lower = F[ins[first + place], i]
        if lower == lower:
            z = live + 1 + 3 * count
            s[z] = lower
            s[z + 1] = F[ins[first + slots + place], i]
            s[z + 2] = F[ins[first + 2 * slots + place], i]
            count += 1
    s[live] = count


@njit(cache=True, error_model="numpy")
def breaker_block_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, close; of the order block's slots lower, upper, id on both sides,
    then up.broken, down.broken, version; the market structure's choch and choch_direction."""
    keep = int(p[_KEEP])
    slots = (len(ins) - 8) // 6
    after = 3 + 6 * slots
    room = _lately_cells(p[_WITHIN])
    z = _BROKEN + 2 * room
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[0], ins[1], ins[2], i)
        zones.clear_events(s, z)
        zones.advance(s, z, keep, high, low, close, bar, 0.0, 0.0, True)
        if F[ins[after + 3], i] == 1.0:
            if F[ins[after + 4], i] == UP:
                s[_CHOCH + UP_SIDE] = bar + 1.0
            elif F[ins[after + 4], i] == DOWN:
                s[_CHOCH + DOWN_SIDE] = bar + 1.0
        for side in range(2):
            if F[ins[after + side], i] == 1.0:
                _collect_broken(s, _BROKEN + side * room, side, close, bar)
            _flip(p, s, _BROKEN + side * room, side, z, F[ins[after + 2], i], bar)
            _remember_live(s, F, i, ins, 3 + side * 3 * slots, slots, side)
        zones.emit(s, z, keep, F, i, outs, close, bar)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return zones.zone_outputs(p[_KEEP])


SPEC = StructureSpec(
    name="breaker_block",
    summary="Order blocks broken around a change of character, on the other side.",
    rules="An order block broken at most `within` bars before or after a CHoCH in the direction "
    "of the break becomes a zone with the same bounds on the other side, on the later of the two "
    "bars: a block of side up broken by a CHoCH down becomes a zone of side down. Its level, for "
    "its identity, is the identity of the block. Mitigated at its first touch after that bar, "
    "broken by a close through its far edge. The newest `keep` of a side stay.",
    source="the requirement; the term is that of the smart money concepts",
    inputs=("high", "low", "close"),
    arguments=(
        SourceSpec(
            "order_block",
            "order_block",
            (
                *(f"{side}[*].{f}" for side in ("up", "down") for f in ("lower", "upper", "id")),
                "up.broken",
                "down.broken",
                "version",
            ),
        ),
        SourceSpec("market_structure", "market_structure", ("choch", "choch_direction")),
        bars("within", 3, low=0, high=100),
        keep_param(5),
    ),
    outputs=_outputs,
    kernel=breaker_block_kernel,
    state_size=lambda p: _BROKEN + 2 * _lately_cells(p[_WITHIN]) + zone_cells(p[_KEEP]),
    first_valid=lambda p: 0,
    keyed_by="order_block",
)
