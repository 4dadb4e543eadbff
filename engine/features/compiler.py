"""From a resolved play to a plan: every distinct expression once, as nodes in dependency order.

1. :meth:`_Compiler.expression` walks the typed syntax tree; equal expressions on one timeframe
   become one node (:mod:`engine.features.nodes`), whatever the ids they stand under, and in
   whichever of the plays that are compiled together.
2. Each node knows how many bars of its own timeframe it needs (:class:`Node`), and what it hangs
   on, so the warm-up plan and readiness come from one place (H2).
3. The plan lists per timeframe which rows its columns need and how far back they are read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from engine.errors import ConfigError
from engine.features.memory import TRUTHS, Memory
from engine.features.nodes import PlayNodes, SharedNodes
from engine.features.plan import WARMUP_WEIGHT, FeaturePlan, Node, WarmupPlan
from engine.features.program import Op
from engine.indicators.registry import spec_of
from engine.indicators.spec import OutputSpec
from engine.measures import measured
from engine.play.ast import (
    At,
    Call,
    Expr,
    Indicator,
    Literal,
    Param,
    Position,
    Price,
    Ref,
    Structure,
    Ticks,
    Type,
)
from engine.play.model import RULE_KINDS, Play
from engine.play.outputs import all_outputs, structure_params
from engine.structures.registry import STRUCTURES
from engine.structures.spec import SourceSpec
from engine.timeframe import Timeframe

_TRUTHS = (Type.BOOL, Type.EVENT)
_BINARY = {
    "add": Op.ADD, "sub": Op.SUB, "mul": Op.MUL, "div": Op.DIV, "lt": Op.LT, "le": Op.LE,
    "gt": Op.GT, "ge": Op.GE, "cross_above": Op.CROSS_ABOVE, "cross_below": Op.CROSS_BELOW,
    "neg": Op.NEG, "abs": Op.ABS, "not": Op.NOT, "near": Op.NEAR, "near_pct": Op.NEAR_PCT,
}  # fmt: skip
#: Operations over numbers and over truth values.
_EITHER = {
    "eq": (Op.EQ, Op.SAME), "ne": (Op.NE, Op.DIFFERENT),
    "lookback": (Op.LOOKBACK, Op.LOOKBACK_TRUTH),
    "changed": (Op.CHANGED, Op.CHANGED_TRUTH), "defined": (Op.DEFINED, Op.DEFINED_TRUTH),
    "coalesce": (Op.COALESCE, Op.COALESCE_TRUTH), "if": (Op.IF, Op.IF_TRUTH),
}  # fmt: skip
#: Operations of two operands that take more one after the other.
_FOLDED = {"and": Op.AND, "or": Op.OR, "min": Op.MIN, "max": Op.MAX}
_MEMORY = {
    "within": Memory.WITHIN, "held": Memory.HELD, "count": Memory.COUNT, "since": Memory.SINCE,
    "bars_since": Memory.BARS_SINCE, "value_when": Memory.VALUE_WHEN, "highest": Memory.HIGHEST,
    "lowest": Memory.LOWEST, "avg": Memory.AVG, "sum": Memory.SUM,
}  # fmt: skip
#: Bars an operation reads back beside those it counts.
_REACH = {"cross_above": 1, "cross_below": 1, "changed": 1}


def compile_features(
    play: Play,
    base: Timeframe,
    weight: float = WARMUP_WEIGHT,
    *,
    tick_size: Decimal | None = None,
) -> FeaturePlan:
    """The plan of ``play`` over a base series of ``base`` bars.

    ``tick_size``: the instrument's price step, in USDT, for plays that count in ticks; without it
    such a plan is good for its warm-up only. Raises ConfigError if the clock or a timeframe of
    the play is not made of whole base bars.
    """
    return compile_together([play], base, weight, tick_size=tick_size)[0]


def compile_together(
    plays: Sequence[Play],
    base: Timeframe,
    weight: float = WARMUP_WEIGHT,
    *,
    tick_size: Decimal | None = None,
) -> list[FeaturePlan]:
    """The plans of ``plays``, all of one clock, over nodes they share: a value that several have
    is one node, unless it hangs on the position, for each play has a position of its own.
    ``history`` and ``warmup`` are those of all. Otherwise as :func:`compile_features`."""
    if any(play.clock is not plays[0].clock for play in plays):
        raise ConfigError("plays of different clocks share no features")
    shared = SharedNodes()
    compiled = [
        _Compiler(play, number, base, weight, tick_size, shared)
        for number, play in enumerate(plays)
    ]
    nodes = tuple(shared.nodes)
    history = {tf: shared.history[tf] for tf in sorted(shared.history, key=lambda tf: tf.ms)}
    warmup = WarmupPlan.of(base, nodes, history)
    return [
        FeaturePlan(
            clock=plays[0].clock,
            base=base,
            nodes=nodes,
            history=history,
            rules=own.rules,
            measures=own.measures,
            values=own.values,
            warmup=warmup,
            begin=own.begin,
            late=tuple(own.late),
        )
        for own in compiled
    ]


class _Compiler(PlayNodes):
    """Compiles ``play``, the ``number``-th of those over the ``shared`` nodes: what
    :class:`FeaturePlan` has of its own."""

    def __init__(
        self,
        play: Play,
        number: int,
        base: Timeframe,
        weight: float,
        tick_size: Decimal | None,
        shared: SharedNodes,
    ) -> None:
        super().__init__(play.name, number, base, shared)
        self._play, self._weight, self._tick_size = play, weight, tick_size
        self._definitions = dict((*play.series, *play.structures, *play.setups))
        self._closed = shared.closed
        #: Expressions that are this play's own, and how often what makes them so was met.
        self._compiled: dict[tuple[Expr, Timeframe], int] = {}
        self._met = 0
        clock = play.clock
        for timeframe in (base, clock):
            self._need(timeframe, 1)
        self.rules = tuple(
            tuple(self.expression(rule.when, clock) for rule in play.rule(kind))
            for kind in RULE_KINDS
        )
        self.measures = {row: self.expression(expr, clock) for row, expr in measured(play).items()}
        self.values = self._values()
        self.begin = self._begin()

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
            for output in all_outputs(inner):
                node = self._selected(expr, output.name, output.type)
                found[f"{id}.{output.name}"] = self.expression(node, self._play.clock)
        return found

    # -- expressions --------------------------------------------------------------------------

    def expression(self, expr: Expr, timeframe: Timeframe) -> int:
        """The node of ``expr`` on the bars of ``timeframe``."""
        key = (expr, timeframe)
        place = self._closed.get(key)
        if place is not None:
            return place
        place = self._compiled.get(key)
        if place is not None:
            self._met += 1
            return place
        met = self._met
        place = self._expression(expr, timeframe)
        (self._closed if self._met == met else self._compiled)[key] = place
        return place

    def _expression(self, expr: Expr, timeframe: Timeframe) -> int:
        match expr:
            case Literal():
                return self._literal(expr, timeframe)
            case Param():
                return self._literal(expr.literal, timeframe)
            case Ticks():
                return self._ticks(expr, timeframe)
            case Price():
                return self._price(expr.name, timeframe)
            case Position():
                self._met += 1
                return self._add(Node("position", timeframe, name=expr.field, late=True))
            case Ref():
                definition = self._definition(expr.id)
                if expr.field:
                    definition = self._selected(definition, expr.field, expr.type)
                return self.expression(definition, timeframe)
            case Indicator():
                return self._indicator(expr, timeframe)
            case Structure():
                return self._structure(expr, timeframe)
            case At():
                return self._at(expr, timeframe)
            case Call():
                return self._call(expr, timeframe)

    def _definition(self, id: str) -> Expr:
        self._met += 1
        return self._definitions[id]

    def _selected(self, expr: Expr, output: str, type: Type) -> Expr:
        """Output ``output`` of a multi-output series, through names and ``@tf``."""
        if isinstance(expr, Ref):
            return self._selected(self._definition(expr.id), output, type)
        if isinstance(expr, At):
            return At(self._selected(expr.expr, output, type), expr.timeframe, type)
        assert isinstance(expr, Indicator | Structure)
        return replace(expr, output=output, type=type)

    def _literal(self, literal: Literal, timeframe: Timeframe) -> int:
        if isinstance(literal.value, bool):
            return self._constant(literal.value, timeframe)
        if isinstance(literal.value, str):
            return self._constant(float(literal.members.index(literal.value)), timeframe)
        assert isinstance(literal.value, Decimal)
        return self._constant(float(literal.value), timeframe)

    def _ticks(self, expr: Ticks, timeframe: Timeframe) -> int:
        if self._tick_size is None:
            return self._constant(math.nan, timeframe)
        return self._constant(float(expr.count * self._tick_size), timeframe)

    def _indicator(self, expr: Indicator, timeframe: Timeframe) -> int:
        spec = spec_of(expr)
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
                + bars * timeframe.ms
                + spec.warmup_ms(params),
                user=expr.user,
            )
        )
        return self._output(whole, spec.outputs, expr.output)

    def _output(self, whole: int, outputs: tuple[OutputSpec, ...], name: str) -> int:
        """The node of one output of an indicator or structure."""
        place = next(i for i, output in enumerate(outputs) if output.name == name)
        node = self._nodes[whole]
        output = self._add(
            Node(
                "output",
                node.timeframe,
                (whole,),
                n=place,
                bars=node.bars,
                valid=node.valid,
                span_ms=node.span_ms,
            )
        )
        if outputs[place].type in _TRUTHS:
            return self._op(Op.TRUTH, (output,), node.timeframe)
        return output

    def _structure(self, expr: Structure, timeframe: Timeframe) -> int:
        spec = STRUCTURES[expr.name]
        sources = dict(expr.sources)
        args = [self._price(name, timeframe) for name in spec.inputs]
        key = expr.id
        for source in spec.sources:
            given = sources.get(source.name)
            if given is None:
                args.extend([-1] * max(1, len(source.reads)))
            elif not source.structure:
                args.append(self.expression(given, timeframe))
            else:
                assert isinstance(given, Ref)
                args.extend(self._rows_of(given.id, source, timeframe))
                key = given.id if source.name == spec.keyed_by else key
        params = spec.resolve(structure_params(expr), key=key)
        outputs = spec.outputs(params)
        needed = [self._nodes[arg] for arg in args if arg >= 0]
        bars = spec.warmup_bars(params, self._weight) - 1
        whole = self._add(
            Node(
                "structure",
                timeframe,
                tuple(args),
                name=expr.name,
                params=params,
                value=float(len(outputs)),
                bars=max(node.bars for node in needed) + bars,
                valid=max(node.valid for node in needed) + spec.first_valid(params),
                span_ms=max(node.span_ms for node in needed) + bars * timeframe.ms,
            )
        )
        return self._output(whole, outputs, expr.output)

    def _rows_of(self, id: str, source: SourceSpec, timeframe: Timeframe) -> list[int]:
        """The nodes of the outputs that ``source`` reads of the structure ``id``, as numbers."""
        definition = self._definition(id)
        inner = definition.expr if isinstance(definition, At) else definition
        assert isinstance(inner, Structure)
        types = {output.name: output.type for output in all_outputs(inner)}
        rows = []
        for name in source.rows(tuple(types)):
            node = self.expression(replace(inner, output=name, type=types[name]), timeframe)
            plain = self._nodes[node]
            rows.append(plain.args[0] if plain.op == Op.TRUTH and plain.kind == "op" else node)
        return rows

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
        n = _bars(expr.n)
        if expr.op in _MEMORY:
            return self._memory(expr.op, args, timeframe, n)
        if expr.op in _EITHER:
            # The last operand says which: the first of ``if`` is a condition.
            op = _EITHER[expr.op][self._nodes[args[-1]].truth]
        elif expr.op in _FOLDED:
            op = _FOLDED[expr.op]
        else:
            op = _BINARY[expr.op]
        if expr.op in _FOLDED or expr.op == "coalesce":
            joined = args[0]
            for arg in args[1:]:
                joined = self._op(op, (joined, arg), timeframe)
            return joined
        return self._op(op, args, timeframe, n or _REACH.get(expr.op, 0))

    def _memory(self, name: str, args: tuple[int, ...], timeframe: Timeframe, n: int) -> int:
        """A window of ``n`` bars, or memory without end (n = 0)."""
        kind = _MEMORY[name]
        if kind is Memory.VALUE_WHEN and self._nodes[args[1]].truth:
            kind = Memory.VALUE_WHEN_TRUTH
        operands = [self._nodes[arg] for arg in args]
        if kind is Memory.SINCE and any(node.late for node in operands):
            first, last = (self._memory("bars_since", (arg,), timeframe, 0) for arg in args)
            # Whether a is younger; where it never was, b tells false from null.
            younger = self._op(Op.LT, (first, last), timeframe)
            fired = self._op(Op.LT, (last, last), timeframe)
            return self._op(Op.COALESCE_TRUTH, (younger, fired), timeframe)
        more = max(n - 1, 0)
        return self._add(
            Node(
                "memory",
                timeframe,
                args,
                op=kind,
                n=n,
                truth=kind in TRUTHS,
                bars=max(node.bars for node in operands) + more,
                valid=max(node.valid for node in operands) + more,
                span_ms=max(node.span_ms for node in operands) + more * timeframe.ms,
            )
        )


def _plain(value: Param | Literal) -> Decimal | bool | str:
    return value.literal.value if isinstance(value, Param) else value.value


def _bars(n: int | Param) -> int:
    """A bar count, written out or a parameter's."""
    if isinstance(n, int):
        return n
    assert isinstance(n.literal.value, Decimal)
    return int(n.literal.value)
