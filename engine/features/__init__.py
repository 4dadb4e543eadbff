"""Features: what a play computes, from its typed syntax tree to columns of values.

``compiler.py`` and ``nodes.py`` make of a play a plan (``plan.py``); ``program.py`` is the
compiled evaluator of expressions, ``memory.py`` of windows and memory, ``late.py`` of what hangs on
the open position; ``aggregate.py`` and ``tracks.py`` hold the columns of each timeframe;
``steps.py`` lays the plan out in them, ``evaluation.py`` carries it out, block by block,
``shared.py`` several plans at once. Imports indicators, the play's model and time, nothing of the
exchange.
"""

from engine.features.blocks import ClockBlock
from engine.features.compiler import compile_features
from engine.features.evaluation import CAPACITY, Features
from engine.features.plan import FeaturePlan, WarmupPlan

__all__ = ["CAPACITY", "ClockBlock", "FeaturePlan", "Features", "WarmupPlan", "compile_features"]
