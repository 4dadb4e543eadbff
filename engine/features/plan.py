"""The plan of a play: every distinct value as a node, what is kept of it, how much history.

Data only: :mod:`engine.features.compiler` makes it, :mod:`engine.features.evaluation` carries it
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.indicators.spec import Params
from engine.play.own_indicators import UserIndicator
from engine.timeframe import Timeframe

#: Weight below which the start of history no longer counts, unless a run config says otherwise.
WARMUP_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True)
class Node:
    """One distinct value on one timeframe.

    ``kind``: ``price`` (``name``), ``constant`` (``value``), ``op`` (``op`` over ``args``),
    ``memory`` (kind ``op`` over ``args``, ``n`` bars), ``indicator`` (``name``, ``params``,
    ``user`` for one of the play's project; its outputs are the ``output`` nodes), ``structure``
    likewise (an argument of -1 is a source that is not given, ``value`` its number of outputs),
    ``output`` number ``n`` of ``args[0]``, ``hold`` and ``pulse`` (``args[0]`` on a slower or
    faster timeframe), ``position`` (field ``name`` of the open position), ``missing`` (nowhere
    there). ``truth``: a truth value, else a number. ``late``: hangs on the position, so it is known
    only where the exchange stands.

    ``bars`` of its timeframe must have been seen until the weight of how history began is below
    the plan's weight, ``valid`` until it can be defined at all; both count the bar itself.
    ``span_ms`` is the stretch of time those bars reach back over, slower timeframes included.
    """

    kind: str
    timeframe: Timeframe
    args: tuple[int, ...] = ()
    op: int = 0
    n: int = 0
    name: str = ""
    params: Params = ()
    value: float = 0.0
    truth: bool = False
    late: bool = False
    bars: int = 1
    valid: int = 1
    span_ms: int = 0
    user: UserIndicator | None = None


@dataclass(frozen=True, slots=True)
class WarmupPlan:
    """How much history a play needs: the one answer backtest, live and people get (H2).

    ``bars``: bars of each timeframe until the first decision can be trusted, those that need more
    than the bar itself; ``ready``: bars until every feature can be defined at all; ``base_bars``:
    bars of the base series to read before the window.
    """

    base: Timeframe
    bars: Mapping[Timeframe, int]
    ready: Mapping[Timeframe, int]
    base_bars: int

    @classmethod
    def of(
        cls, base: Timeframe, nodes: Sequence[Node], history: Mapping[Timeframe, int]
    ) -> WarmupPlan:
        """What ``nodes`` need on the timeframes of ``history``."""
        bars = dict.fromkeys(history, 1)
        ready = dict.fromkeys(history, 1)
        for node in nodes:
            bars[node.timeframe] = max(bars[node.timeframe], node.bars)
            ready[node.timeframe] = max(ready[node.timeframe], node.valid)
        reach_ms = max((node.span_ms for node in nodes), default=0)
        before_ms = max(0, reach_ms - base.ms)
        return cls(
            base=base,
            bars={tf: n for tf, n in bars.items() if n > 1},
            ready=ready,
            base_bars=-(-before_ms // base.ms),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, timeframes by name."""
        return {
            "base": self.base.value,
            "bars": {timeframe.value: bars for timeframe, bars in self.bars.items()},
            "base_bars": self.base_bars,
        }


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What a play computes, as data.

    ``nodes`` in dependency order, those of other plays among them where several are compiled
    together; ``late``: this play's own that hang on the position. ``history``: bars each
    timeframe's columns are read back.
    ``rules``: for each of the four rule kinds the nodes of its alternatives, in order.
    ``measures``: nodes of the prices and distances that entries and brackets are stated in, by row
    of :class:`engine.measures.Measure`.
    ``values``: the close, series and setups recorded with a decision, by name.
    ``begin``: of late nodes whose earlier bars are read, the node, the one that is the same while
    flat, and how many bars before a position's first close are read.
    """

    clock: Timeframe
    base: Timeframe
    nodes: tuple[Node, ...] = field(repr=False)
    history: Mapping[Timeframe, int]
    rules: tuple[tuple[int, ...], ...]
    measures: Mapping[int, int]
    values: Mapping[str, int]
    warmup: WarmupPlan
    begin: tuple[tuple[int, int, int], ...] = ()
    late: tuple[int, ...] = ()

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """Every timeframe with columns of its own, base and clock included, fastest first."""
        return tuple(self.history)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the bars that the play reads."""
        return frozenset(node.name for node in self.nodes if node.kind == "price")
