"""Indicators: one declaration and one compiled kernel each.

``registry.py`` gathers the declarations of the families (``averages weighted oscillators ranges
trend directional trailing volatility channels squeeze volume vwap profile candles sessions``);
``windows.py``, ``recursions.py`` and ``extremes.py`` hold what kernels are made of; ``spec.py`` is
the shape of a declaration; ``user/`` admits those of a play's project. Imports nothing of the
project but the error tree, the types, hashes, the determinism lint and the lengths of days and
weeks.
"""

from engine.indicators.batch import Request, compute, compute_batch
from engine.indicators.kernels import kernel
from engine.indicators.registry import INDICATORS, get
from engine.indicators.spec import IndicatorSpec, OutputSpec, ParamSpec
from engine.play.ast import Type

__all__ = [
    "INDICATORS",
    "IndicatorSpec",
    "OutputSpec",
    "ParamSpec",
    "Request",
    "Type",
    "compute",
    "compute_batch",
    "get",
    "kernel",
]
