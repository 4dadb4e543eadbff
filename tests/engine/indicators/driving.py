"""Drive a declared kernel the way the engine does, over columns made for the purpose."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from engine.indicators import IndicatorSpec

Columns = dict[str, np.ndarray]

#: Sunday 2023-01-22 12:00 UTC: weeks, months and days all turn within a few hundred hours.
START_MS = 1_674_388_800_000
HOUR_MS = 3_600_000


def market(
    bars: int, seed: int, *, price: float = 100.0, tick: float = 0.01, lively: bool = False
) -> Columns:
    """Random hourly bars on a tick grid: float64[bars] open high low close volume open_ms, the
    versions of a swing as a structure counts them, and the tick.

    A mean-free random walk with changing volatility, opens at the previous close, some equal
    closes and some bars without a trade (volume 0, all four prices the last); ``lively``: every
    bar trades, the close rises and falls in turn, and the second bar makes a high, so that
    nothing is 0/0.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    scale = price * 0.004 * np.where(rng.random(bars) < 0.5, 0.5, 1.5)
    steps = np.round(rng.standard_normal(bars) * scale / tick)
    quiet = rng.random(bars) < (0.0 if lively else 0.03)
    steps[quiet] = 0.0
    if lively:
        steps = np.maximum(np.abs(steps), 1.0) * np.where(np.arange(bars) % 2 == 0, 1.0, -1.0)
    floor = round(price / tick * 0.2)
    ticks = np.maximum(np.round(price / tick) + np.cumsum(steps), floor)
    open_ticks = np.concatenate([[np.round(price / tick)], ticks[:-1]])
    above = np.where(quiet, 0, np.round(np.abs(rng.standard_normal(bars)) * scale / tick / 2))
    if lively and bars > 1:
        above[1] = 9 * scale.max() / tick // 1
    below = np.where(quiet, 0, np.round(np.abs(rng.standard_normal(bars)) * scale / tick / 2))
    highs = np.cumsum(rng.random(bars) < 0.06).astype(np.float64)
    lows = np.cumsum(rng.random(bars) < 0.06).astype(np.float64)
    return {
        "swing.high_version": highs,
        "swing.low_version": lows,
        "swing.version": highs + lows,
        "swing.pair_version": np.minimum(highs, lows),
        "tick": np.full(bars, tick),
        "open": open_ticks * tick,
        "high": (np.maximum(open_ticks, ticks) + above) * tick,
        "low": np.maximum(np.minimum(open_ticks, ticks) - below, 1) * tick,
        "close": ticks * tick,
        "volume": np.where(quiet, 0.0, np.round(rng.gamma(2.0, 50.0, bars), 3)),
        "open_ms": START_MS + HOUR_MS * np.arange(bars, dtype=np.float64),
    }


def rows_of(spec: IndicatorSpec, columns: Columns) -> list[np.ndarray]:
    """The input columns of ``spec``; a source is the close."""
    return [columns["close" if name == "source" else name] for name in spec.inputs]


def advance(
    spec: IndicatorSpec,
    params: Sequence[float],
    columns: Columns,
    *,
    cuts: Sequence[int] = (),
    first_bar: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs float64[outputs, bars] and the final state, over chunks ending at ``cuts``.

    Between chunks the state goes through bytes, and each chunk is a block of its own with other
    columns and foreign values around it, so that a kernel reads and writes only what it may.
    """
    rows = rows_of(spec, columns)
    bars = len(rows[0])
    given, made = len(rows), len(spec.outputs)
    state = np.zeros(spec.state_size(tuple(params)))
    out = np.empty((made, bars))
    edges = [0, *sorted(cuts), bars]
    margin = 3
    for lo, hi in itertools.pairwise(edges):
        block = np.full((given + made + 2, hi - lo + 2 * margin), 7.0e7)
        for row, column in enumerate(rows):
            block[1 + row, margin : margin + hi - lo] = column[lo:hi]
        state = np.frombuffer(state.tobytes(), dtype=np.float64).copy()
        ins = np.arange(1, 1 + given, dtype=np.int64)
        outs = np.arange(1 + given, 1 + given + made, dtype=np.int64)
        before = block.copy()
        spec.kernel(
            np.array(params, dtype=np.float64),
            state,
            block,
            ins,
            outs,
            margin,
            margin + hi - lo,
            first_bar + lo,
        )
        inside = block[1 + given : 1 + given + made, margin : margin + hi - lo]
        out[:, lo:hi] = inside
        inside[...] = 7.0e7
        assert np.array_equal(block, before, equal_nan=True), "wrote outside its outputs"
    return out, state


def defaults(spec: IndicatorSpec, **given: object) -> tuple[float, ...]:
    return spec.resolve(given)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def shifted(columns: Mapping[str, np.ndarray], start: int) -> Columns:
    return {name: column[start:] for name, column in columns.items()}
