"""Features of several plays over the same bars, each distinct value computed once.

:func:`~engine.features.compiler.compile_together` gives the plans of the plays over common nodes.
:class:`SharedFeatures` advances the whole; :meth:`SharedFeatures.block` reads the rules, measures
and values of one play off the common columns, as :class:`Features` alone would give them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.features.blocks import ClockBlock, Scratch
from engine.features.evaluation import CAPACITY, Features
from engine.features.plan import FeaturePlan
from engine.features.steps import place_rows

Int64 = npt.NDArray[np.int64]

#: Memory set aside for the columns of a block, and the most bars of one: what a block costs beside
#: its bars, it costs for every play.
COLUMNS_BYTES = 64 << 20
MOST_BARS = 65_536


def _fitting(plan: FeaturePlan) -> int:
    """Bars of a block whose columns take no more than what is set aside for them."""
    _, sizes = place_rows(plan)
    cells = sum(8 * numbers + truths for numbers, truths in sizes.values())
    return min(max(COLUMNS_BYTES // cells, CAPACITY), MOST_BARS)


class _View(Features):
    """One play's reading of columns that another :class:`Features` computes."""

    def __init__(self, whole: Features, plan: FeaturePlan) -> None:
        self.plan, self.capacity = plan, whole.capacity
        self._rows, self._tracks, self._clock = whole._rows, whole._tracks, whole._clock
        # Each view overwrites it; of other measures it would leave what another wrote.
        same = plan.measures.keys() == whole.plan.measures.keys()
        self._scratch = whole._scratch if same else Scratch()
        self._read_rules()


class SharedFeatures:
    """The features of ``plans`` that were compiled together, advancing together; ``capacity`` as
    for :class:`Features`, if not said as many bars as fit the memory set aside for columns."""

    def __init__(self, plans: Sequence[FeaturePlan], capacity: int | None = None) -> None:
        self.capacity = _fitting(plans[0]) if capacity is None else capacity
        self._whole = Features(plans[0], self.capacity)
        self._closed_by = np.empty(0, np.int64)
        self._views = [_View(self._whole, plan) for plan in plans]

    def advance(self, bars: Bars, lo: int, hi: int) -> None:
        """Take the base bars ``[lo, hi)``, which follow those before without a hole."""
        self._closed_by = self._whole._compute(bars, lo, hi)

    def block(self, which: int) -> ClockBlock:
        """What the rules of play ``which`` say at the block's clock closes; views that the next
        call overwrites."""
        return self._views[which]._clock_block(self._closed_by)
