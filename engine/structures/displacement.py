"""Displacement: a candle with a large body and small wicks."""

from __future__ import annotations

import math

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures.cells import cell, direction
from engine.structures.spec import (
    SourceSpec,
    StructureSpec,
    enum,
    events,
    floats,
    ints,
    number,
)

# State: events so far, direction and bar of the last.
_VERSION, _DIRECTION, _BAR = range(3)

#: The parameters of the rule, for every structure that asks it.
PARAMS = (number("body_min", "1.5", "0", "100"), number("wick_max", "0.4", "0", "100"))


@njit(cache=True, error_model="numpy")
def body_ratio(open_: float, close: float, atr: float) -> float:
    """Body in ATR; missing without a positive ATR."""
    return abs(close - open_) / atr if atr > 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def wick_ratio(open_: float, high: float, low: float, close: float) -> float:
    """Both wicks in bodies; missing without a body."""
    body = abs(close - open_)
    return (high - low - body) / body if body > 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def displaced(body: float, wicks: float, body_min: float, wick_max: float) -> bool:
    """Whether these ratios are a displacement; never with a missing one."""
    return body >= body_min and wicks <= wick_max


@njit(cache=True, error_model="numpy")
def displacement_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: open, high, low, close, atr."""
    for i in range(lo, hi):
        bar = float(i0 + i - lo)
        open_, close = cell(F, ins[0], i), cell(F, ins[3], i)
        body = body_ratio(open_, close, cell(F, ins[4], i))
        wicks = wick_ratio(open_, cell(F, ins[1], i), cell(F, ins[2], i), close)
        fired = displaced(body, wicks, p[0], p[1])
        if fired:
            s[_VERSION] += 1.0
            s[_DIRECTION] = 1.0 if close > open_ else -1.0
            s[_BAR] = bar
        F[outs[0], i] = 1.0 if fired else 0.0
        F[outs[1], i] = direction(s[_DIRECTION])
        F[outs[2], i] = body
        F[outs[3], i] = wicks
        F[outs[4], i] = bar - s[_BAR] if s[_VERSION] > 0.0 else math.nan
        F[outs[5], i] = s[_VERSION]


_OUTPUTS = (
    *events("fired"),
    enum("direction"),
    *floats("body_ratio", "wick_ratio"),
    *ints("last_age", "version"),
)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return _OUTPUTS


SPEC = StructureSpec(
    name="displacement",
    summary="A candle whose body is large against the ATR and whose wicks are small.",
    rules="body_ratio = |close - open| / ATR and wick_ratio = (high - low - body) / body, of every "
    "bar; fired when body_ratio >= body_min and wick_ratio <= wick_max. Missing ratios (no ATR, "
    "ATR 0, no body) never fire. direction is that of the last one, up when it closed above its "
    "open; last_age its age; version counts them.",
    source="the requirement",
    inputs=("open", "high", "low", "close"),
    arguments=(SourceSpec("atr"), *PARAMS),
    outputs=_outputs,
    kernel=displacement_kernel,
    state_size=lambda p: 3,
    first_valid=lambda p: 0,
)
