"""Rolling window: highest or lowest of the last bars."""

from __future__ import annotations

from engine.indicators import extremes
from engine.indicators.columns import TILE, load, store, tile
from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector, outputs
from engine.jit import njit
from engine.structures.spec import SourceSpec, StructureSpec, bars, choice, switch

_SIZE, _MODE, _CURRENT = range(3)
_MIN = 0.0


@njit(cache=True, error_model="numpy")
def rolling_window_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: the source."""
    size = int(p[_SIZE])
    x = tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        if p[_MODE] == _MIN:
            extremes.lowest(x, n, x, size, s, 0, i0 + start - lo)
        else:
            extremes.highest(x, n, x, size, s, 0, i0 + start - lo)
        if p[_CURRENT] == 0.0:
            extremes.lag(x, n, x, 1, s, extremes.extreme_cells(size))
        store(F, outs[0], start, n, x)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return outputs()


SPEC = StructureSpec(
    name="rolling_window",
    summary="Lowest or highest value of the last bars.",
    rules="The lowest (mode=min) or highest (max) of the last `size` values: of those before the "
    "current bar, or with include_current of those up to it. Missing while the window reaches "
    "before history or holds a missing value (M7).",
    source="the requirement",
    inputs=(),
    arguments=(
        SourceSpec("source"),
        bars("size", 20),
        choice("mode", "min", "max"),
        switch("include_current", False),
    ),
    outputs=_outputs,
    kernel=rolling_window_kernel,
    state_size=lambda p: extremes.extreme_cells(p[_SIZE]) + extremes.lag_cells(1),
    first_valid=lambda p: int(p[_SIZE]) - (1 if p[_CURRENT] else 0),
    history_dependent=False,
)
