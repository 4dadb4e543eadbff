"""Kaufman's efficiency ratio, an indicator of this project."""

from engine.indicators import IndicatorSpec, OutputSpec, kernel
from engine.indicators.columns import TILE, load, ratio, store, tile
from engine.indicators.extremes import lag, lag_cells
from engine.indicators.recursions import CHANGE_CELLS, change
from engine.indicators.spec import length_param
from engine.indicators.windows import mean, moment_cells


@kernel
def efficiency_kernel(p, s, F, ins, outs, lo, hi, i0):
    """State: the last input, the window of steps, the window of inputs."""
    length = int(p[0])
    at_steps = CHANGE_CELLS
    at_past = at_steps + moment_cells(length)
    x, steps, past = tile(hi - lo), tile(hi - lo), tile(hi - lo)
    for start in range(lo, hi, TILE):
        n = min(TILE, hi - start)
        load(F, ins[0], start, n, x)
        change(x, n, steps, s, 0)
        for i in range(n):
            steps[i] = abs(steps[i])
        mean(steps, n, steps, length, s, at_steps, i0 + start - lo)
        lag(x, n, past, length, s, at_past)
        for i in range(n):
            x[i] = ratio(abs(x[i] - past[i]), length * steps[i])
        store(F, outs[0], start, n, x)


SPECS = (
    IndicatorSpec(
        name="efficiency",
        summary="How straight the way of the last L bars was: 1 straight, 0 led nowhere.",
        formula="|x - x[L]| / (|x - x[1]| + ... + |x[L-1] - x[L]|)",
        source="P. Kaufman, Smarter Trading (1995), the efficiency ratio",
        inputs=("source",),
        params=(length_param(10),),
        outputs=(OutputSpec("value"),),
        kernel=efficiency_kernel,
        state_size=lambda p: CHANGE_CELLS + int(moment_cells(p[0]) + lag_cells(p[0])),
        first_valid=lambda p: int(p[0]),
        warmup_bars=lambda p, w: int(p[0]) + 1,
    ),
)
