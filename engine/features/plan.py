"""From a resolved play to a plan: every distinct expression once, as nodes in dependency order.

1. :meth:`_Compiler.expression` walks the typed syntax tree; equal expressions on one timeframe
   become one node (value numbering), whatever the ids they stand under.
2. Each node knows how many bars of its own timeframe it needs (:class:`Node`), and what it hangs
   on, so the warm-up plan and readiness come from one place (H2).
3. The plan lists per timeframe which rows its columns need and how far back they are read; it is
   data only: :mod:`engine.features.tracks` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.errors import ConfigError
from engine.features.program import TRUTH_OPS, Op
from engine.indicators.registry import INDICATORS
from engine.indicators.spec import Params
from engine.play.ast import At, Call, Expr, Indicator, Literal, Param, Price, Ref, Type
from engine.play.model import RULE_KINDS, Play
from engine.timeframe import Timeframe, divides

#: Weight below which the start of history no longer counts, unless a run config says otherwise.
WARMUP_WEIGHT = 1e-3

_TRUTHS = (Type.BOOL, Type.EVENT)
_BINARY = {
    "add": Op.ADD, "sub": Op.SUB, "mul": Op.MUL, "div": Op.DIV, "lt": Op.LT, "le": Op.LE,
    "gt": Op.GT, "ge": Op.GE, "cross_above": Op.CROSS_ABOVE, "cross_below": Op.CROSS_BELOW,
}  # fmt: skip
#: Prices that are means of others: the columns, added left to right, and the divisor.
_MEANS = {
    "hl2": (("high", "low"), 2.0),
    "hlc3": (("high", "low", "close"), 3.0),
    "ohlc4": (("open", "high", "low", "close"), 4.0),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One distinct value on one timeframe.

    ``kind``: ``price`` (``name``), ``constant`` (``value``), ``op`` (``op`` over ``args``),
    ``indicator`` (``name``, ``params``; its outputs are the ``output`` nodes), ``output`` number
    ``n`` of indicator ``args[0]``, ``hold`` and ``pulse`` (``args[0]`` on a slower or faster
    timeframe). ``truth``: a truth value, else a number.

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
    bars: int = 1
    valid: int = 1
    span_ms: int = 0


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

    ``nodes`` in dependency order. ``history``: bars each timeframe's columns are read back.
    ``rules``: for each of the four rule kinds the nodes of its alternatives, in order.
    ``stop`` and ``targets``: nodes of the measures they are multiples of, None without one.
    ``values``: the close, series and setups recorded with a decision, by name.
    """

    clock: Timeframe
    base: Timeframe
    nodes: tuple[Node, ...] = field(repr=False)
    history: Mapping[Timeframe, int]
    rules: tuple[tuple[int, ...], ...]
    stop: int | None
    targets: tuple[int | None, ...]
    values: Mapping[str, int]
    warmup: WarmupPlan

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """Every timeframe with columns of its own, base and clock included, fastest first."""
        return tuple(self.history)


def compile_features(play: Play, base: Timeframe, weight: float = WARMUP_WEIGHT) -> FeaturePlan:
    """The plan of ``play`` over a base series of ``base`` bars.

    Raises ConfigError if the clock or a timeframe of the play is not made of whole base bars.
    """
    return _Compiler(play, base, weight).plan()


class _Compiler:
    def __init__(self, play: Play, base: Timeframe, weight: float) -> None:
        self._play, self._base, self._weight = play, base, weight
        self._definitions = {**dict(play.series), **dict(play.setups)}
        self._nodes: list[Node] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self._compiled: dict[tuple[Expr, Timeframe], int] = {}
        self._history: dict[Timeframe, int] = {}

    def plan(self) -> FeaturePlan:
        play, clock = self._play, self._play.clock
        for timeframe in (self._base, clock):
            self._need(timeframe, 1)
        rules = tuple(
            tuple(self.expression(rule.when, clock) for rule in play.rule(kind))
            for kind in RULE_KINDS
        )
        stop = self._measure(play.risk.stop.of)
        targets = tuple(self._measure(target.of) for target in play.risk.targets)
        values = self._values()
        history = {tf: self._history[tf] for tf in sorted(self._history, key=lambda tf: tf.ms)}
        return FeaturePlan(
            clock=clock,
            base=self._base,
            nodes=tuple(self._nodes),
            history=history,
            rules=rules,
            stop=stop,
            targets=targets,
            values=values,
            warmup=self._warmup(history),
        )

    def _measure(self, expr: Expr | None) -> int | None:
        return None if expr is None else self.expression(expr, self._play.clock)

    def _values(self) -> dict[str, int]:
        """The close, then every series and setup by id, a multi-output series by
        ``id.output``."""
        found = {"close": self._price("close", self._play.clock)}
        for id, expr in (*self._play.series, *self._play.setups):
            if expr.type is not Type.MULTI:
                found[id] = self.expression(expr, self._play.clock)
                continue
            inner = expr.expr if isinstance(expr, At) else expr
            assert isinstance(inner, Indicator)
            for output in INDICATORS[inner.name].outputs:
                node = self._selected(expr, output.name, output.type)
                found[f"{id}.{output.name}"] = self.expression(node, self._play.clock)
        return found

    def _warmup(self, history: Mapping[Timeframe, int]) -> WarmupPlan:
        bars = dict.fromkeys(history, 1)
        ready = dict.fromkeys(history, 1)
        for node in self._nodes:
            bars[node.timeframe] = max(bars[node.timeframe], node.bars)
            ready[node.timeframe] = max(ready[node.timeframe], node.valid)
        reach_ms = max((node.span_ms for node in self._nodes), default=0)
        before_ms = max(0, reach_ms - self._base.ms)
        return WarmupPlan(
            base=self._base,
            bars={tf: n for tf, n in bars.items() if n > 1},
            ready=ready,
            base_bars=-(-before_ms // self._base.ms),
        )

    # -- nodes --------------------------------------------------------------------------------

    def _need(self, timeframe: Timeframe, history: int) -> None:
        """Columns of ``timeframe`` exist and keep at least ``history`` bars."""
        if timeframe not in self._history:
            if not divides(self._base, timeframe):
                raise ConfigError(
                    f"bars of {timeframe.value} are not made of whole {self._base.value} bars",
                    where=f"play {self._play.name}",
                    hint="use a faster base series",
                )
            self._history[timeframe] = 1
        self._history[timeframe] = max(self._history[timeframe], history)

    def _add(self, node: Node) -> int:
        key: tuple[Any, ...] = (node.kind, node.timeframe, node.args, node.op, node.n)
        key += (node.name, node.params, repr(node.value), node.truth)
        if key not in self._known:
            self._known[key] = len(self._nodes)
            self._nodes.append(node)
        return self._known[key]

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

    # -- expressions --------------------------------------------------------------------------

    def expression(self, expr: Expr, timeframe: Timeframe) -> int:
        """The node of ``expr`` on the bars of ``timeframe``."""
        key = (expr, timeframe)
        if key not in self._compiled:
            self._compiled[key] = self._expression(expr, timeframe)
        return self._compiled[key]

    def _expression(self, expr: Expr, timeframe: Timeframe) -> int:
        match expr:
            case Literal():
                return self._literal(expr, timeframe)
            case Param():
                return self._literal(expr.literal, timeframe)
            case Price():
                return self._price(expr.name, timeframe)
            case Ref():
                definition = self._definitions[expr.id]
                if expr.field:
                    definition = self._selected(definition, expr.field, expr.type)
                return self.expression(definition, timeframe)
            case Indicator():
                return self._indicator(expr, timeframe)
            case At():
                return self._at(expr, timeframe)
            case Call():
                return self._call(expr, timeframe)

    def _selected(self, expr: Expr, output: str, type: Type) -> Expr:
        """Output ``output`` of a multi-output series, through names and ``@tf``."""
        if isinstance(expr, Ref):
            return self._selected(self._definitions[expr.id], output, type)
        if isinstance(expr, At):
            return At(self._selected(expr.expr, output, type), expr.timeframe, type)
        assert isinstance(expr, Indicator)
        return Indicator(expr.name, expr.inputs, expr.params, output, type)

    def _literal(self, literal: Literal, timeframe: Timeframe) -> int:
        if isinstance(literal.value, bool):
            return self._constant(literal.value, timeframe)
        assert isinstance(literal.value, Decimal)
        return self._constant(float(literal.value), timeframe)

    def _indicator(self, expr: Indicator, timeframe: Timeframe) -> int:
        spec = INDICATORS[expr.name]
        params = tuple(
            param.as_float(_plain(value))
            for param, (_, value) in zip(spec.params, expr.params, strict=True)
        )
        inputs = tuple(self.expression(source, timeframe) for source in expr.inputs)
        needed = [self._nodes[i] for i in inputs]
        first = max((node.valid for node in needed), default=1)
        bars = spec.warmup_bars(params, self._weight) - 1
        whole = self._add(
            Node(
                "indicator",
                timeframe,
                inputs,
                name=expr.name,
                params=params,
                bars=max((node.bars for node in needed), default=1) + bars,
                valid=first + spec.first_valid(params),
                span_ms=max((node.span_ms for node in needed), default=timeframe.ms)
                + bars * timeframe.ms,
            )
        )
        names = [output.name for output in spec.outputs]
        node = self._nodes[whole]
        output = self._add(
            Node(
                "output",
                timeframe,
                (whole,),
                n=names.index(expr.output),
                bars=node.bars,
                valid=node.valid,
                span_ms=node.span_ms,
            )
        )
        if spec.outputs[names.index(expr.output)].type in _TRUTHS:
            return self._op(Op.TRUTH, (output,), timeframe)
        return output

    def _at(self, expr: At, timeframe: Timeframe) -> int:
        if expr.timeframe is timeframe:
            return self.expression(expr.expr, timeframe)
        self._need(expr.timeframe, 1)
        inner = self.expression(expr.expr, expr.timeframe)
        if expr.timeframe.ms < timeframe.ms:
            self._need(expr.timeframe, timeframe.ms // expr.timeframe.ms + 1)
        kind = "pulse" if expr.type is Type.EVENT else "hold"
        source = self._nodes[inner]
        return self._add(
            Node(kind, timeframe, (inner,), truth=source.truth, span_ms=source.span_ms)
        )

    def _call(self, expr: Call, timeframe: Timeframe) -> int:
        args = tuple(self.expression(arg, timeframe) for arg in expr.args)
        if expr.op in {"and", "or"}:
            op = Op.AND if expr.op == "and" else Op.OR
            joined = args[0]
            for arg in args[1:]:
                joined = self._op(op, (joined, arg), timeframe)
            return joined
        if expr.op == "not":
            return self._op(Op.NOT, args, timeframe)
        if expr.op == "neg":
            return self._op(Op.NEG, args, timeframe)
        if expr.op in {"eq", "ne"}:
            truths = self._nodes[args[0]].truth
            same = Op.SAME if truths else Op.EQ
            other = Op.DIFFERENT if truths else Op.NE
            return self._op(same if expr.op == "eq" else other, args, timeframe)
        if expr.op == "lookback":
            op = Op.LOOKBACK_TRUTH if self._nodes[args[0]].truth else Op.LOOKBACK
            return self._op(op, args, timeframe, _bars(expr.n))
        reach = 1 if expr.op in {"cross_above", "cross_below"} else 0
        return self._op(_BINARY[expr.op], args, timeframe, reach)


def _plain(value: Param | Literal) -> Decimal | bool | str:
    return value.literal.value if isinstance(value, Param) else value.value


def _bars(n: int | Param) -> int:
    """A bar count, written out or a parameter's."""
    if isinstance(n, int):
        return n
    assert isinstance(n.literal.value, Decimal)
    return int(n.literal.value)
