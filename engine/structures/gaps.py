"""Fair value gaps: price ranges three candles left untraded."""

from __future__ import annotations

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures import zones
from engine.structures.cells import cell, prices
from engine.structures.spec import SourceSpec, StructureSpec, number
from engine.structures.zones import DOWN_SIDE, UP_SIDE, keep_param, zone_cells

_MIN_GAP, _KEEP = 0, 1

# State: bars seen, then high and low of the last bar and of the one before.
_SEEN, _HIGH, _LOW, _HIGH_BEFORE, _LOW_BEFORE, _ZONES = range(6)


@njit(cache=True, error_model="numpy")
def _find_gap(
    p: Vector, s: Vector, high: float, low: float, atr: float, atr_given: bool, bar: float
) -> None:
    """Bears a zone when this bar leaves a gap to the one two bars ago."""
    if s[_SEEN] < 2.0 or (atr_given and not atr > 0.0):
        return
    if low > s[_HIGH_BEFORE]:
        side, lower, upper = UP_SIDE, s[_HIGH_BEFORE], low
    elif high < s[_LOW_BEFORE]:
        side, lower, upper = DOWN_SIDE, high, s[_LOW_BEFORE]
    else:
        return
    if p[_MIN_GAP] > 0.0 and not upper - lower >= p[_MIN_GAP] * atr:
        return
    near = upper if side == UP_SIDE else lower
    version = s[_ZONES + zones.VERSION] + 1.0
    zones.give_birth(s, _ZONES, int(p[_KEEP]), side, lower, upper, p[-1], version, near, bar)


@njit(cache=True, error_model="numpy")
def fair_value_gap_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: high, low, close, atr (or -1)."""
    keep = int(p[_KEEP])
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        high, low, close = prices(F, ins[0], ins[1], ins[2], i)
        zones.clear_events(s, _ZONES)
        zones.advance(s, _ZONES, keep, high, low, close, bar, 0.5, 0.0, True)
        _find_gap(p, s, high, low, cell(F, ins[3], i), ins[3] >= 0, bar)
        s[_SEEN] = min(2.0, s[_SEEN] + 1.0)
        s[_HIGH_BEFORE], s[_LOW_BEFORE] = s[_HIGH], s[_LOW]
        s[_HIGH], s[_LOW] = high, low
        zones.emit(s, _ZONES, keep, F, i, outs, close, bar)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return zones.zone_outputs(p[_KEEP])


def _needs_atr(p: Params) -> str | None:
    return "min_gap_atr measures gaps in it" if p[_MIN_GAP] > 0.0 else None


SPEC = StructureSpec(
    name="fair_value_gap",
    summary="Price ranges left open between a candle and the one two bars before.",
    rules="Up gap: low > high[2], zone [high[2], low] (side up); down gap: high < low[2], zone "
    "[high, low[2]] (side down); at least min_gap_atr * ATR wide. With an atr given, none is born "
    "while it is missing or 0. Touched at the first entry of a later bar, mitigated when filled "
    "by half or more, broken by a close through the far edge. The newest `keep` of a side stay.",
    source="the requirement; the term is that of the smart money concepts",
    inputs=("high", "low", "close"),
    arguments=(
        SourceSpec("atr", required=False, needed=_needs_atr),
        number("min_gap_atr", "0", "0", "100"),
        keep_param(5),
    ),
    outputs=_outputs,
    kernel=fair_value_gap_kernel,
    state_size=lambda p: _ZONES + zone_cells(p[_KEEP]),
    first_valid=lambda p: 2,
    keyed_by="",
)
