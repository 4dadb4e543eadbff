"""Features of several plays over the same bars, each distinct value computed once.

:func:`merge` puts the plans of the plays together by value numbering: a node that two plays have is
one node, unless it hangs on the position: each play has a position of its own.
:class:`SharedFeatures` advances the whole; :meth:`SharedFeatures.block` reads the rules, measures
and values of one play off the common columns, as :class:`Features` alone would give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.errors import ConfigError
from engine.features.blocks import ClockBlock, Scratch
from engine.features.evaluation import CAPACITY, Features, place_rows
from engine.features.plan import FeaturePlan, Node

Int64 = npt.NDArray[np.int64]

#: Memory set aside for the columns of a block, and the most bars of one: what a block costs beside
#: its bars, it costs for every play.
COLUMNS_BYTES = 64 << 20
MOST_BARS = 65_536


def merge(plans: Sequence[FeaturePlan]) -> tuple[FeaturePlan, list[list[int]]]:
    """One plan that computes what all ``plans`` do, and for each of them the merged number of every
    node. Rules, measures and values of the merged plan are those of the first."""
    first = plans[0]
    known: dict[tuple[Node, int], int] = {}
    nodes: list[Node] = []
    places: list[list[int]] = []
    history = dict(first.history)
    for number, plan in enumerate(plans):
        if (plan.clock, plan.base) != (first.clock, first.base):
            raise ConfigError("plays of different clocks share no features")
        for timeframe, bars in plan.history.items():
            history[timeframe] = max(history.get(timeframe, 1), bars)
        place: list[int] = []
        for node in plan.nodes:
            args = tuple(place[arg] if arg >= 0 else arg for arg in node.args)
            # A NaN constant equals no other: it is refused when the columns are filled.
            moved = replace(node, args=args)
            key = (moved, number if moved.late else -1)
            if key not in known:
                known[key] = len(nodes)
                nodes.append(moved)
            place.append(known[key])
        places.append(place)
    merged = replace(
        first,
        nodes=tuple(nodes),
        history={tf: history[tf] for tf in sorted(history, key=lambda tf: tf.ms)},
        rules=tuple(tuple(places[0][node] for node in kind) for kind in first.rules),
        measures={row: places[0][node] for row, node in first.measures.items()},
        values={name: places[0][node] for name, node in first.values.items()},
        begin=tuple((places[0][i], places[0][j], bars) for i, j, bars in first.begin),
    )
    return merged, places


def _fitting(plan: FeaturePlan) -> int:
    """Bars of a block whose columns take no more than what is set aside for them."""
    _, sizes = place_rows(plan)
    cells = sum(8 * numbers + truths for numbers, truths in sizes.values())
    return min(max(COLUMNS_BYTES // cells, CAPACITY), MOST_BARS)


class _View(Features):
    """One play's reading of columns that another :class:`Features` computes."""

    def __init__(self, whole: Features, plan: FeaturePlan, place: Sequence[int]) -> None:
        self.plan, self.capacity = plan, whole.capacity
        self._rows = [whole._rows[node] for node in place]
        self._tracks, self._clock = whole._tracks, whole._clock
        # Each view overwrites it; of other measures it would leave what another wrote.
        same = plan.measures.keys() == whole.plan.measures.keys()
        self._scratch = whole._scratch if same else Scratch()
        self._read_rules()


class SharedFeatures:
    """The features of ``plans``, advancing together; ``capacity`` as for :class:`Features`, if not
    said as many bars as fit the memory set aside for columns."""

    def __init__(self, plans: Sequence[FeaturePlan], capacity: int | None = None) -> None:
        merged, places = merge(plans)
        self.capacity = _fitting(merged) if capacity is None else capacity
        self._whole = Features(merged, self.capacity)
        self._closed_by = np.empty(0, np.int64)
        self._views = [
            _View(self._whole, plan, place) for plan, place in zip(plans, places, strict=True)
        ]

    def advance(self, bars: Bars, lo: int, hi: int) -> None:
        """Take the base bars ``[lo, hi)``, which follow those before without a hole."""
        self._closed_by = self._whole._compute(bars, lo, hi)

    def block(self, which: int) -> ClockBlock:
        """What the rules of play ``which`` say at the block's clock closes; views that the next
        call overwrites."""
        return self._views[which]._clock_block(self._closed_by)
