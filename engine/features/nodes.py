"""The nodes of a plan: every distinct value once, numbered by what it is (value numbering).

Plays that are compiled together share them; what hangs on the position is each play's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import ConfigError
from engine.features.plan import Node
from engine.features.program import TRUTH_OPS, Op
from engine.play.ast import Expr
from engine.play.vocabulary import SIDES
from engine.timeframe import Timeframe, divides

_LOOKBACKS = (Op.LOOKBACK, Op.LOOKBACK_TRUTH)
_LOOKING_BACK = (Op.CROSS_ABOVE, Op.CROSS_BELOW, Op.CHANGED, Op.CHANGED_TRUTH)
#: Prices that are means of others: the columns, added left to right, and the divisor.
_MEANS = {
    "hl2": (("high", "low"), 2.0),
    "hlc3": (("high", "low", "close"), 3.0),
    "ohlc4": (("open", "high", "low", "close"), 4.0),
}


@dataclass(slots=True)
class SharedNodes:
    """What plays compiled together have in common: the ``nodes``, those that are ``known`` by what
    they are, and how far the columns of each timeframe are read back. ``closed``: expressions that
    mean the same in every play, for they name no definition and read no position."""

    nodes: list[Node] = field(default_factory=list)
    known: dict[tuple[Any, ...], int] = field(default_factory=dict)
    history: dict[Timeframe, int] = field(default_factory=dict)
    closed: dict[tuple[Expr, Timeframe], int] = field(default_factory=dict)


class PlayNodes:
    """The nodes of one play, named ``name``, the ``number``-th of those over the ``shared`` ones.

    ``late``: its nodes that hang on the position."""

    def __init__(self, name: str, number: int, base: Timeframe, shared: SharedNodes) -> None:
        self._name, self._number, self._base = name, number, base
        self._nodes, self._known, self._history = shared.nodes, shared.known, shared.history
        self._read_back: dict[int, int] = {}
        self.late: list[int] = []

    def _need(self, timeframe: Timeframe, history: int) -> None:
        """Columns of ``timeframe`` exist and keep at least ``history`` bars."""
        if timeframe not in self._history:
            if not divides(self._base, timeframe):
                raise ConfigError(
                    f"bars of {timeframe.value} are not made of whole {self._base.value} bars",
                    where=f"play {self._name}",
                    hint="use a faster base series",
                )
            self._history[timeframe] = 1
        self._history[timeframe] = max(self._history[timeframe], history)

    def _add(self, node: Node) -> int:
        key: tuple[Any, ...] = (node.kind, node.timeframe, node.args, node.op, node.n)
        key += (node.name, node.params, repr(node.value), node.truth, node.user)
        if node.kind == "position":
            key += (self._number,)
        place = self._known.get(key)
        if place is not None:
            return place
        over_late = any(arg >= 0 and self._nodes[arg].late for arg in node.args)
        if over_late:
            self._refuse_late(node)
            node = replace(node, late=True)
        place = self._known[key] = len(self._nodes)
        self._nodes.append(node)
        if node.late:
            self.late.append(place)
        if over_late:
            self._look_back(place)
        return place

    # -- over the position --------------------------------------------------------------------

    def _refuse_late(self, node: Node) -> None:
        """Operations, windows and memory are carried out where the position is known; kernels of
        indicators and structures are not."""
        if node.kind not in ("op", "memory"):
            raise ConfigError(
                f"{node.name or node.kind} over a field of the position is not built yet",
                where=f"play {self._name}",
                hint="use a window (avg, highest, ...), look back with [n], or compare the field",
                code="NOT_BUILT",
            )

    def _look_back(self, place: int) -> None:
        """How far back a late node reads its late operands, or itself."""
        node = self._nodes[place]
        if node.kind == "memory":
            back, read = (node.n - 1, node.args) if node.n else (1, (place,))
        else:
            back, read = 1 if node.op in _LOOKING_BACK else node.n, node.args
            if node.op not in (*_LOOKING_BACK, *_LOOKBACKS):
                return
        self._need(node.timeframe, back)
        for arg in read:
            if self._nodes[arg].late and back:
                self._read_back[arg] = max(self._read_back.get(arg, 0), back)

    def _begin(self) -> tuple[tuple[int, int, int], ...]:
        """What the first close of a position finds before it (:class:`FeaturePlan`)."""
        return tuple((late, self._flat(late), bars) for late, bars in self._read_back.items())

    def _flat(self, place: int) -> int:
        """The node at ``place`` with no position."""
        node = self._nodes[place]
        if not node.late:
            return place
        if node.kind != "position":
            args = tuple(self._flat(arg) for arg in node.args)
            return self._add(replace(node, args=args, late=False))
        if node.name == "side":
            return self._constant(float(SIDES.index("none")), node.timeframe)
        return self._add(Node("missing", node.timeframe))

    def _price(self, name: str, timeframe: Timeframe) -> int:
        if name in _MEANS:
            columns, divisor = _MEANS[name]
            total = self._price(columns[0], timeframe)
            for column in columns[1:]:
                total = self._op(Op.ADD, (total, self._price(column, timeframe)), timeframe)
            return self._op(Op.DIV, (total, self._constant(divisor, timeframe)), timeframe)
        # A bar slower than the base begins up to one bar before the history that is read.
        lead_ms = 0 if timeframe is self._base else timeframe.ms
        return self._add(Node("price", timeframe, name=name, span_ms=timeframe.ms + lead_ms))

    def _constant(self, value: float | bool, timeframe: Timeframe) -> int:
        return self._add(
            Node("constant", timeframe, value=float(value), truth=isinstance(value, bool))
        )

    def _op(self, op: Op, args: tuple[int, ...], timeframe: Timeframe, n: int = 0) -> int:
        """A node of ``op``; ``n`` bars back."""
        operands = [self._nodes[arg] for arg in args]
        self._need(timeframe, n)
        return self._add(
            Node(
                "op",
                timeframe,
                args,
                op=op,
                n=n,
                truth=op in TRUTH_OPS,
                bars=max(node.bars for node in operands) + n,
                valid=max(node.valid for node in operands) + n,
                span_ms=max(node.span_ms for node in operands) + n * timeframe.ms,
            )
        )
