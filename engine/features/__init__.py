"""Features: what a play computes, from its typed syntax tree to columns of values.

``plan.py`` compiles a play into nodes and the warm-up plan; ``program.py`` is the compiled
evaluator of expressions; ``aggregate.py`` and ``tracks.py`` hold the columns of each timeframe;
``evaluation.py`` carries the plan out, block by block. Imports indicators, the play's model and
time, nothing of the exchange.
"""

from engine.features.evaluation import CAPACITY, ClockBlock, Features
from engine.features.plan import FeaturePlan, WarmupPlan, compile_features

__all__ = ["CAPACITY", "ClockBlock", "FeaturePlan", "Features", "WarmupPlan", "compile_features"]
