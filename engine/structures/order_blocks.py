"""Order blocks: the last opposing candle before a displacement."""

from __future__ import annotations

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import displacement, zones
from engine.structures.cells import cell, prices
from engine.structures.spec import SourceSpec, StructureSpec, bars, switch
from engine.structures.zones import DOWN_SIDE, UP_SIDE, keep_param, zone_cells

_BODY_MIN, _WICK_MAX, _USE_BODY, _LOOKBACK, _KEEP = range(5)

# State: bars seen, then for each side one more than the bar of the last candle that made a block;
# the last `lookback` candles (open, high, low, close); the zones.
_SEEN, _USED, _CANDLES = 0, 1, 3


@njit(cache=True, error_model="numpy")
def _find_block(p: Vector, s: Vector, k: int, up: bool, bar: float) -> None:
    """Bears the block of the last opposing candle, unless that candle made one already."""
    lookback = int(p[_LOOKBACK])
    side = UP_SIDE if up else DOWN_SIDE
    for back in range(1, min(lookback, int(s[_SEEN])) + 1):
        c = _CANDLES + 4 * ((int(s[_SEEN]) - back) % lookback)
        open_, close = s[c], s[c + 3]
        if (close < open_) if up else (close > open_):
            if s[_USED + side] == bar - back + 1.0:
                return
            lower = min(open_, close) if p[_USE_BODY] != 0.0 else s[c + 2]
            upper = max(open_, close) if p[_USE_BODY] != 0.0 else s[c + 1]
            near = upper if up else lower
            version = s[k + zones.VERSION] + 1.0
            if zones.give_birth(s, k, int(p[_KEEP]), side, lower, upper, p[-1], version, near, bar):
                s[_USED + side] = bar - back + 1.0
            return


@njit(cache=True, error_model="numpy")
def order_block_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: open, high, low, close, atr."""
    keep, lookback = int(p[_KEEP]), int(p[_LOOKBACK])
    k = _CANDLES + 4 * lookback
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[1], ins[2], ins[3], i)
        open_ = cell(F, ins[0], i)
        zones.clear_events(s, k)
        zones.advance(s, k, keep, high, low, close, bar, 0.0, 0.0, True)
        body = displacement.body_ratio(open_, close, cell(F, ins[4], i))
        wicks = displacement.wick_ratio(open_, high, low, close)
        if displacement.displaced(body, wicks, p[_BODY_MIN], p[_WICK_MAX]):
            _find_block(p, s, k, close > open_, bar)
        c = _CANDLES + 4 * (int(s[_SEEN]) % lookback)
        s[c], s[c + 1], s[c + 2], s[c + 3] = open_, high, low, close
        s[_SEEN] += 1.0
        zones.emit(s, k, keep, F, i, outs, close, bar)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return zones.zone_outputs(p[_KEEP])


SPEC = StructureSpec(
    name="order_block",
    summary="The last opposing candle before a displacement.",
    rules="On a displacement (body_min, wick_max as there) the last candle of the `lookback` bars "
    "before it that closed the other way is the block: its body, or with use_body=false its whole "
    "range; side up before a displacement up. A candle makes one block, not one for each "
    "displacement after it. Mitigated at its first touch after the creation bar, broken by a "
    "close through the far edge. The newest `keep` of a side stay.",
    source="the requirement; the term is that of the smart money concepts",
    inputs=("open", "high", "low", "close"),
    arguments=(
        SourceSpec("atr"),
        *displacement.PARAMS,
        switch("use_body", True),
        bars("lookback", 3, high=100),
        keep_param(5),
    ),
    outputs=_outputs,
    kernel=order_block_kernel,
    state_size=lambda p: _CANDLES + 4 * int(p[_LOOKBACK]) + zone_cells(p[_KEEP]),
    first_valid=lambda p: 1,
    keyed_by="",
)
