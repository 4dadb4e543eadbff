"""The indicators of the example project (``plays/custom``), written with pandas from their
formulas and nothing of the project's file."""

from __future__ import annotations

import pandas as pd


def efficiency(source: list[float], length: float) -> list[float]:
    """|x - x[L]| over the way of the last L steps; missing where nothing moved."""
    bars = int(length)
    x = pd.Series(source, dtype=float)
    steps = x.diff().abs()
    way = sum((steps.shift(back) for back in range(1, bars)), start=steps)
    return ((x - x.shift(bars)).abs() / way.where(way > 0)).tolist()


#: By name; each takes its inputs and parameters as the declaration orders them.
OWN = {"efficiency": efficiency}
