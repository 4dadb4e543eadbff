"""Names and types: from syntax to the typed syntax tree, reporting everything that is wrong.

A name resolves, in this order: after ``.`` a member; before ``(`` a callable (its own namespace,
so ``rsi: rsi(close, 14)`` is legal); else series, setup, parameter, price. Every method returns
None after it has reported why; what is built on a reported problem is silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import TimeError
from engine.indicators.registry import INDICATORS
from engine.play import operators
from engine.play.ast import At, Expr, Literal, Param, Price, Ref, Type
from engine.play.calls import call_indicator
from engine.play.functions import call_function, count_bars
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.operators import Problem
from engine.play.outputs import held_under, outputs_of, select
from engine.play.quantity import literal_of
from engine.play.scope import Definition, Scope, Value
from engine.play.syntax import (
    Arithmetic,
    AtTimeframe,
    CallOf,
    Chain,
    Index,
    Junction,
    ListOf,
    Member,
    Membership,
    Name,
    Negation,
    Negative,
    Number,
    Syntax,
    Truth,
    start,
)
from engine.play.text import expression_text
from engine.play.vocabulary import (
    FUNCTIONS,
    FUNCTIONS_NOT_BUILT,
    INDICATOR_NAMES,
    PRICES,
    PRICES_NOT_BUILT,
    STRUCTURES_NOT_BUILT,
    timeframe_hint,
)
from engine.timeframe import Timeframe, parse_timeframe

#: Nodes that names standing under ``@`` may expand to, in one play.
MAX_EXPANDED = 10_000

_SELECTORS = ("level", "up", "down")


@dataclass(frozen=True, slots=True)
class Context:
    """The timeframe whose bars are counted; ``blame`` is where a name under ``@`` stands, when
    its definition is being written out there."""

    timeframe: Timeframe
    blame: Mark | None = None


class Resolver:
    """Resolves the expressions of one play on its clock."""

    def __init__(self, scope: Scope, clock: Timeframe, issues: Issues) -> None:
        self.scope, self.clock, self.issues = scope, clock, issues
        self._expanded = 0

    # -- what sections of a play call ---------------------------------------------------------

    def define(self, definition: Definition) -> None:
        """Resolves a series or setup; series may be a bare multi-output indicator."""
        if definition.syntax is None:
            return
        context = Context(self.clock)
        if definition.kind == "setup":
            definition.value = self.truth(definition.syntax)
            return
        value = self._whole(definition.syntax, context)
        if value is None:
            return
        alias = isinstance(value.expr, Ref) and value.expr.type is Type.MULTI
        if alias:
            self._bare(value.expr, start(definition.syntax), context)
        elif value.expr.type not in (Type.MULTI, *operators.NUMBERS, *operators.TRUTHS):
            self.fail(
                context,
                Code.TYPE,
                start(definition.syntax),
                f"a series is a number or a truth value, not {operators.type_name(value.expr)}",
                "a constant belongs in params",
            )
        else:
            definition.value = value

    def truth(self, syntax: Syntax) -> Value | None:
        """A condition on the clock: a bool or an event."""
        value = self.expression(syntax, Context(self.clock))
        if value is None or value.expr.type in operators.TRUTHS:
            return value
        self.issues.error(
            Code.TYPE,
            start(syntax),
            f"a condition is due here, not {operators.type_name(value.expr)}",
            "compare it with something",
        )
        return None

    def number(self, syntax: Syntax) -> Value | None:
        """A number on the clock that is not a constant."""
        value = self.expression(syntax, Context(self.clock))
        if value is None:
            return None
        if value.expr.type not in operators.NUMBERS or value.pace is None:
            self.issues.error(
                Code.TYPE,
                start(syntax),
                f"a changing number such as atr(14) is due here, not "
                f"{'a constant' if value.pace is None else operators.type_name(value.expr)}",
            )
            return None
        return value

    def fail(self, context: Context, code: Code, mark: Mark, message: str, hint: str = "") -> None:
        """Reports a problem, under the name that was expanded if one was."""
        self.issues.error(code, context.blame or mark, message, hint)

    # -- expressions --------------------------------------------------------------------------

    def expression(self, node: Syntax, context: Context) -> Value | None:
        """The typed value of ``node``; a bare multi-output name is refused."""
        value = self._whole(node, context)
        if value is not None and value.expr.type is Type.MULTI:
            self._bare(value.expr, start(node), context)
            return None
        return value

    def _whole(self, node: Syntax, context: Context) -> Value | None:
        match node:
            case Number():
                return self._number(node, context)
            case Truth():
                return Value(Literal(Type.BOOL, node.value), None)
            case Name():
                return self._name(node, context)
            case Member():
                return self._member(node, context)
            case Index():
                return self._index(node, context)
            case AtTimeframe():
                return self._at(node, context)
            case CallOf():
                return self._call(node, context)
            case Negative():
                return self.built(context, node.mark, operators.negative, node.of)
            case Arithmetic():
                return self._arithmetic(node, context)
            case Chain():
                return self.chain(node, context)
            case Junction():
                return self._junction(node, context)
            case Negation():
                return self.built(context, node.mark, operators.negation, node.of)
            case Membership():
                self.fail(context, Code.NOT_BUILT, node.mark, "'in' is not built yet")
            case ListOf():
                self.fail(context, Code.TYPE, node.mark, "a list stands only as an argument")
        return None

    def _number(self, node: Number, context: Context) -> Value | None:
        literal = literal_of(node.quantity)
        if literal is not None:
            return Value(literal, None)
        if node.quantity.unit == "tick":
            self.fail(context, Code.NOT_BUILT, node.mark, "quantities in ticks are not built yet")
        else:
            self.fail(
                context,
                Code.TYPE,
                node.mark,
                "a count of bars stands only where bars are counted",
                "write prev(x, 5 bars) or the plain number",
            )
        return None

    def built(
        self, context: Context, mark: Mark, make: operators.Make, *nodes: Syntax
    ) -> Value | None:
        """``make`` over the values of ``nodes``, all of which are looked at first."""
        values = [self.expression(node, context) for node in nodes]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        made = make(*(value.expr for value in known))
        return self._finished(made, known, mark, context)

    def _finished(
        self, made: Expr | Problem, operands: list[Value], mark: Mark, context: Context
    ) -> Value | None:
        if isinstance(made, Problem):
            self.fail(context, made.code, mark, made.message, made.hint)
            return None
        paces = [value.pace for value in operands if value.pace is not None]
        return Value(made, min(paces, key=lambda pace: pace.ms) if paces else None)

    def _arithmetic(self, node: Arithmetic, context: Context) -> Value | None:
        def make(left: Expr, right: Expr) -> Expr | Problem:
            return operators.arithmetic(node.op, left, right)

        return self.built(context, node.mark, make, node.left, node.right)

    def chain(self, node: Chain, context: Context) -> Value | None:
        def make(*operands: Expr) -> Expr | Problem:
            return operators.chain(node.ops, operands)

        if node.ops[0] in {"==", "!="}:
            left, right = node.operands
            if self._is_enum_test(left, right) or self._is_enum_test(right, left):
                return None
        return self.built(context, node.mark, make, *node.operands)

    def _is_enum_test(self, side: Syntax, other: Syntax) -> bool:
        """Whether ``side`` belongs to a refused structure, so ``other`` may be an enum word."""
        while isinstance(side, (Member, Index)):
            side = side.of
        broken = isinstance(side, Name) and side.id in self.scope.broken
        return broken and isinstance(other, Name)

    def _junction(self, node: Junction, context: Context) -> Value | None:
        values = [self.expression(operand, context) for operand in node.operands]
        good = [v for v in values if v is not None]
        for value, operand in zip(values, node.operands, strict=True):
            if value is not None and value.expr.type not in operators.TRUTHS:
                good.remove(value)
                self.fail(
                    context,
                    Code.TYPE,
                    start(operand),
                    f"{node.op!r} joins truth values, not {operators.type_name(value.expr)}",
                    "compare it first",
                )
        if len(good) < len(values):
            return None
        made = operators.junction(node.op, tuple(value.expr for value in good))
        return self._finished(made, good, node.mark, context)

    # -- names --------------------------------------------------------------------------------

    def _name(self, node: Name, context: Context) -> Value | None:
        definition = self.scope.definitions.get(node.id)
        if definition is not None:
            self.scope.used.add(node.id)
            return self._defined(definition, node, context)
        if node.id in self.scope.params:
            self.scope.used.add(node.id)
            return Value(Param(node.id, self.scope.params[node.id]), None)
        if node.id in self.scope.broken:
            return None
        if node.id in PRICES:
            return Value(Price(node.id), context.timeframe)
        if node.id in PRICES_NOT_BUILT or node.id == "position":
            self.fail(context, Code.NOT_BUILT, node.mark, f"{node.id!r} is not built yet")
        else:
            self.fail(
                context,
                Code.NAME_UNKNOWN,
                node.mark,
                f"unknown name {node.id!r}",
                self._name_hint(node.id),
            )
        return None

    def _name_hint(self, id: str) -> str:
        if id in INDICATORS:
            first = "close, " if INDICATORS[id].takes_source else ""
            return f"an indicator is called: {id}({first}...)"
        if id in FUNCTIONS:
            return f"a function is called: {id}(...)"
        return suggestion(id, [*self.scope.ids(), *PRICES])

    def _defined(self, definition: Definition, node: Name, context: Context) -> Value | None:
        value = definition.value
        if value is None:
            return None
        if context.timeframe is self.clock:
            return Value(Ref(definition.kind, definition.id, "", value.expr.type), value.pace)
        # Under @tf a name stands for its definition, computed on the bars of tf.
        self._expanded += definition.size
        if self._expanded > MAX_EXPANDED:
            self.fail(
                context,
                Code.LIMIT,
                node.mark,
                f"the names under '@' expand to more than {MAX_EXPANDED} nodes",
                "put '@' on the definitions themselves",
            )
            return None
        assert definition.syntax is not None
        return self._whole(definition.syntax, replace(context, blame=context.blame or node.mark))

    def _member(self, node: Member, context: Context) -> Value | None:
        if isinstance(node.of, Name) and node.of.id == "position":
            self.fail(
                context, Code.NOT_BUILT, node.mark, f"'position.{node.field}' is not built yet"
            )
            return None
        value = self._whole(node.of, context)
        if value is None:
            return None
        outputs = outputs_of(value.expr, self.scope)
        if node.field in outputs:
            expr = select(value.expr, node.field, outputs[node.field])
            return Value(expr, value.pace)
        if outputs:
            what = f"unknown output {node.field!r}"
            self.fail(context, Code.FIELD, node.mark, what, suggestion(node.field, outputs))
        else:
            what = expression_text(value.expr)
            self.fail(context, Code.FIELD, node.mark, f"{what} has no field {node.field!r}")
        return None

    def _bare(self, expr: Expr, mark: Mark, context: Context) -> None:
        outputs = ", ".join(outputs_of(expr, self.scope))
        self.fail(
            context,
            Code.OUTPUT_MISSING,
            mark,
            f"{expression_text(expr)} has several outputs",
            f"write one after a point: {outputs}",
        )

    # -- time ---------------------------------------------------------------------------------

    def _index(self, node: Index, context: Context) -> Value | None:
        if isinstance(node.of, Member) and node.of.field in _SELECTORS:
            value = self._whole(node.of.of, context)
            if value is not None:
                self.fail(
                    context,
                    Code.FIELD,
                    node.of.mark,
                    f"{expression_text(value.expr)} has no field {node.of.field!r}",
                )
            return None
        value = self.expression(node.of, context)
        n = count_bars(self, node.index, context, low=0)
        if value is None or n is None:
            return None
        if value.pace is not None and value.pace.ms > context.timeframe.ms:
            held = held_under(value.expr, self.scope)
            bars = node.index.id if isinstance(node.index, Name) else str(n)
            inside = f"({expression_text(held.expr)})[{bars}]@{held.timeframe}" if held else None
            form = inside or "(...)[n]@tf"
            self.fail(
                context,
                Code.TIMEFRAME_MIX,
                node.mark,
                f"{expression_text(value.expr)} is held from {value.pace}, so it has no look-back",
                f"write {form} for the {value.pace} bar before, or prev(x, n) for clock bars",
            )
            return None
        return self.looked_back(value, n, node.mark, context)

    def looked_back(
        self, value: Value, n: int | Param, mark: Mark, context: Context
    ) -> Value | None:
        if value.pace is None:
            self.fail(context, Code.TYPE, mark, "a constant has no look-back")
            return None
        return Value(operators.look_back(value.expr, n), value.pace)

    def _at(self, node: AtTimeframe, context: Context) -> Value | None:
        try:
            timeframe = parse_timeframe(node.timeframe)
        except TimeError as error:
            hint = timeframe_hint(node.timeframe)
            self.fail(context, Code.TIMEFRAME, node.mark, error.message, hint)
            return None
        if timeframe is context.timeframe:
            return self._whole(node.of, context)
        if timeframe.ms < context.timeframe.ms:
            self._faster(timeframe, node.mark, context)
            return None
        value = self._whole(node.of, replace(context, timeframe=timeframe))
        if value is None:
            return None
        if value.pace is None:
            self.fail(
                context, Code.TYPE, node.mark, "a constant has no timeframe", f"drop @{timeframe}"
            )
            return None
        held = At(value.expr, timeframe, value.expr.type)
        return Value(held, context.timeframe if held.type is Type.EVENT else value.pace)

    def _faster(self, timeframe: Timeframe, mark: Mark, context: Context) -> None:
        if context.timeframe is self.clock:
            self.fail(
                context,
                Code.NOT_BUILT,
                mark,
                f"@{timeframe} is faster than the clock ({self.clock}), which is not built yet",
                f"set clock: {timeframe}",
            )
        else:
            self.fail(
                context,
                Code.TIMEFRAME_MIX,
                mark,
                f"@{timeframe} stands under the slower @{context.timeframe}",
                "what stands under '@' keeps that timeframe or a slower one",
            )

    # -- calls --------------------------------------------------------------------------------

    def _call(self, node: CallOf, context: Context) -> Value | None:
        if node.name in INDICATORS:
            return call_indicator(self, node, context)
        if node.name in FUNCTIONS:
            return call_function(self, node, context)
        known = (*FUNCTIONS_NOT_BUILT, *STRUCTURES_NOT_BUILT, *INDICATOR_NAMES)
        if node.name in known:
            hint = "built: " + ", ".join(sorted((*INDICATORS, *FUNCTIONS)))
            self.fail(context, Code.NOT_BUILT, node.mark, f"{node.name!r} is not built yet", hint)
        elif node.name in PRICES or node.name in self.scope.ids():
            self.fail(
                context,
                Code.CALL_UNKNOWN,
                node.mark,
                f"{node.name!r} is a value and takes no arguments",
                f"write {node.name}, or {node.name}[1] for the bar before",
            )
        else:
            hint = suggestion(node.name, (*INDICATORS, *FUNCTIONS, *known), listed=100)
            self.fail(
                context, Code.CALL_UNKNOWN, node.mark, f"unknown function {node.name!r}", hint
            )
        return None
