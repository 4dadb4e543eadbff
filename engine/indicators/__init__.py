"""Indicators: one declaration and one compiled kernel each.

``registry.py`` gathers the declarations of the families (``averages weighted oscillators ranges
trend directional trailing volatility channels squeeze volume vwap profile candles sessions``);
``windows.py``, ``recursions.py`` and ``extremes.py`` hold what kernels are made of; ``spec.py`` is
the shape of a declaration. Imports nothing of the project but the error tree, the types and the
lengths of days and weeks.
"""

from engine.indicators.batch import compute
from engine.indicators.registry import INDICATORS, get
from engine.indicators.spec import IndicatorSpec, OutputSpec, ParamSpec

__all__ = ["INDICATORS", "IndicatorSpec", "OutputSpec", "ParamSpec", "compute", "get"]
