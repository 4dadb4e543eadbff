"""Names and types: from syntax to the typed syntax tree, reporting everything that is wrong.

A name resolves, in this order: after ``.`` a member; before ``(`` a callable (its own namespace,
so ``rsi: rsi(close, 14)`` is legal); beside an enum one of its words; else series, structure,
setup, parameter, price. Every method returns None after it has reported why; what is built on a
reported problem is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.indicators.registry import INDICATORS
from engine.indicators.spec import IndicatorSpec
from engine.play import operators
from engine.play.ast import Expr, Literal, Param, Price, Ref, Ticks, Type
from engine.play.calls import call_indicator
from engine.play.equality import equality, membership
from engine.play.functions import FUNCTIONS, call_function
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.members import index, member, only_output, refuse_bare
from engine.play.operators import Problem, type_name
from engine.play.own_indicators import UserIndicator
from engine.play.quantity import literal_of
from engine.play.readings import Readings
from engine.play.scope import Definition, Scope, Value
from engine.play.structures import define_structure, on_timeframe
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
from engine.play.timeframes import at_timeframe
from engine.play.vocabulary import PRICES
from engine.structures.registry import STRUCTURES
from engine.timeframe import Timeframe

T = TypeVar("T")

#: Nodes that names standing under ``@`` may expand to, in one play.
MAX_EXPANDED = 10_000

#: What a series may be: a number, truth value, enum, or a whole multi-output indicator.
_SERIES_TYPES = (Type.MULTI, Type.ENUM, *operators.NUMBERS, *operators.TRUTHS)


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression stands: the timeframe whose bars are counted; ``blame``, the place of a
    name under ``@`` whose definition is being written out; whether ``position`` may be read."""

    timeframe: Timeframe
    blame: Mark | None = None
    position: bool = False


class Resolver:
    """Resolves the expressions of one play on its clock."""

    def __init__(
        self,
        scope: Scope,
        clock: Timeframe,
        issues: Issues,
        own: Mapping[str, UserIndicator] | None = None,
        readings: Readings | None = None,
    ) -> None:
        self.scope, self.clock, self.issues = scope, clock, issues
        #: The indicators of the play's project by name.
        self.own: Mapping[str, UserIndicator] = own or {}
        self._readings = readings or Readings()

    def once(self, part: str, read: Callable[[], T]) -> T:
        """What ``read`` finds of a ``part`` of the file, or found before by the same values."""
        return self._readings.once(part, self.scope, read)[0]

    def declaration(self, name: str) -> IndicatorSpec | None:
        """The declaration of the indicator ``name``, built in or the project's; None if it is
        none."""
        return INDICATORS.get(name) or (self.own[name].spec if name in self.own else None)

    # -- what sections of a play call ---------------------------------------------------------

    def define(self, definition: Definition) -> None:
        """Resolves a series, structure or setup; series may be bare multi-output indicators."""
        definition.resolved = True
        syntax = definition.syntax
        if syntax is not None:
            definition.value, definition.reading = self._readings.once(
                f"{definition.kind}.{definition.id}",
                self.scope,
                lambda: self._definition(definition, syntax),
            )

    def _definition(self, definition: Definition, syntax: Syntax) -> Value | None:
        context = Context(self.clock)
        if definition.kind == "setup":
            return self.truth(syntax)
        if definition.kind == "structure":
            return define_structure(self, definition.id, syntax, context)
        value = self.whole(syntax, context)
        if value is None:
            return None
        alias = isinstance(value.expr, Ref) and value.expr.type is Type.MULTI
        if alias or value.expr.type is Type.ZONE:
            refuse_bare(self, value.expr, start(syntax), context)
        elif value.expr.type not in _SERIES_TYPES:
            self.fail(
                context,
                Code.TYPE,
                start(syntax),
                f"a series is a number or a truth value, not {type_name(value.expr)}",
                "a constant belongs in params",
            )
        else:
            return value
        return None

    def truth(self, syntax: Syntax, *, position: bool = False) -> Value | None:
        """A condition on the clock: a bool or an event; ``position``: it may read the position."""
        value = self.expression(syntax, Context(self.clock, position=position))
        if value is None or value.expr.type in operators.TRUTHS:
            return value
        self.issues.error(
            Code.TYPE,
            start(syntax),
            f"a condition is due here, not {type_name(value.expr)}",
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
                f"{'a constant' if value.pace is None else type_name(value.expr)}",
            )
            return None
        return value

    def recorded(self, syntax: Syntax, *, position: bool) -> Value | None:
        """A value on the clock that is written down with a decision: number, truth or enum."""
        value = self.expression(syntax, Context(self.clock, position=position))
        if value is None or value.expr.type in (*_SERIES_TYPES, Type.R):
            return value
        self.issues.error(
            Code.TYPE,
            start(syntax),
            f"a tag records a number, a truth value or an enum, not {type_name(value.expr)}",
        )
        return None

    def fail(self, context: Context, code: Code, mark: Mark, message: str, hint: str = "") -> None:
        """Reports a problem, under the name that was expanded if one was."""
        self.issues.error(code, context.blame or mark, message, hint)

    # -- what functions and operators call ----------------------------------------------------

    def expression(self, node: Syntax, context: Context) -> Value | None:
        """The typed value of ``node``; a bare multi-output name or zone is refused.

        ``x.value`` is ``x`` where it is the only output.
        """
        value = self.whole(node, context)
        if value is not None and value.expr.type is Type.MULTI:
            value = only_output(self, value)
        if value is not None and value.expr.type in (Type.MULTI, Type.ZONE):
            refuse_bare(self, value.expr, start(node), context)
            return None
        return value

    def values(self, nodes: list[Syntax], context: Context) -> list[Value | None]:
        """The values of several operands, all of which are looked at."""
        return [self.expression(node, context) for node in nodes]

    def built(
        self, context: Context, mark: Mark, make: operators.Make, *nodes: Syntax
    ) -> Value | None:
        """``make`` over the values of ``nodes``, all of which are looked at first."""
        return self.joined(context, mark, make, self.values(list(nodes), context))

    def joined(
        self, context: Context, mark: Mark, make: operators.Make, values: list[Value | None]
    ) -> Value | None:
        """``make`` over values, the problem it finds reported; None if one of them is."""
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        made = make(*(value.expr for value in known))
        if isinstance(made, Problem):
            self.fail(context, made.code, mark, made.message, made.hint)
            return None
        return self.paced(made, known)

    def paced(self, expr: Expr, operands: list[Value], members: tuple[str, ...] = ()) -> Value:
        """``expr`` with the fastest pace of what it is made of."""
        paces = [value.pace for value in operands if value.pace is not None]
        return Value(expr, min(paces, key=lambda pace: pace.ms) if paces else None, members)

    def whole(self, node: Syntax, context: Context) -> Value | None:
        """The typed value of ``node``, which may be a whole multi-output indicator or a zone."""
        match node:
            case Number():
                return self._number(node, context)
            case Truth():
                return Value(Literal(Type.BOOL, node.value), None)
            case Name():
                return self._name(node, context)
            case Member():
                return member(self, node, context)
            case Index():
                return index(self, node, context)
            case AtTimeframe():
                return at_timeframe(self, node, context)
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
                return membership(self, node, context)
            case ListOf():
                self.fail(context, Code.TYPE, node.mark, "a list stands only as an argument")
        return None

    def chain(self, node: Chain, context: Context) -> Value | None:
        """A comparison or a chain of them."""
        if node.ops[0] in {"==", "!="}:
            return equality(self, node, context)

        def make(*operands: Expr) -> Expr | Problem:
            return operators.chain(node.ops, operands)

        return self.built(context, node.mark, make, *node.operands)

    # -- operators ----------------------------------------------------------------------------

    def _number(self, node: Number, context: Context) -> Value | None:
        literal = literal_of(node.quantity)
        if literal is not None:
            return Value(literal, None)
        if node.quantity.unit == "tick":
            return Value(Ticks(node.quantity.value), None)
        self.fail(
            context,
            Code.TYPE,
            node.mark,
            "a count of bars stands only where bars are counted",
            "write prev(x, 5 bars) or the plain number",
        )
        return None

    def _arithmetic(self, node: Arithmetic, context: Context) -> Value | None:
        def make(left: Expr, right: Expr) -> Expr | Problem:
            return operators.arithmetic(node.op, left, right)

        return self.built(context, node.mark, make, node.left, node.right)

    def _junction(self, node: Junction, context: Context) -> Value | None:
        values = self.values(list(node.operands), context)
        good = [v for v in values if v is not None]
        for value, operand in zip(values, node.operands, strict=True):
            if value is not None and value.expr.type not in operators.TRUTHS:
                good.remove(value)
                self.fail(
                    context,
                    Code.TYPE,
                    start(operand),
                    f"{node.op!r} joins truth values, not {type_name(value.expr)}",
                    "compare it first",
                )
        if len(good) < len(values):
            return None
        made = operators.junction(node.op, tuple(value.expr for value in good))
        return self.paced(made, good)

    # -- names --------------------------------------------------------------------------------

    def _name(self, node: Name, context: Context) -> Value | None:
        definition = self.scope.named(node.id)
        if definition is not None:
            return self._defined(definition, node, context)
        literal = self.scope.param(node.id)
        if literal is not None:
            return Value(Param(node.id, literal), None)
        if node.id in self.scope.broken:
            return None
        if node.id in PRICES:
            return Value(Price(node.id, PRICES[node.id]), context.timeframe)
        if node.id == "position":
            self.fail(
                context,
                Code.OUTPUT_MISSING,
                node.mark,
                "'position' has several fields",
                "write position.bars, position.side, position.pnl_pct ...",
            )
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
        declared = self.declaration(id)
        if declared is not None:
            first = "close, " if declared.takes_source else ""
            return f"an indicator is called: {id}({first}...)"
        if id in FUNCTIONS:
            return f"a function is called: {FUNCTIONS[id].form}"
        return suggestion(id, [*self.scope.ids(), *PRICES])

    def _defined(self, definition: Definition, node: Name, context: Context) -> Value | None:
        value = definition.value
        if value is None:
            if not definition.resolved:
                message = f"{node.id!r} depends on itself"
                self.fail(context, Code.CYCLE, node.mark, message, "it is defined by what names it")
            return None
        if context.timeframe is self.clock:
            ref = Ref(definition.kind, definition.id, "", value.expr.type)
            return replace(value, expr=ref)
        if definition.kind == "structure":
            whole = self.scope.value(node.id)
            return on_timeframe(self, whole, node, context) if whole is not None else None
        # Under @tf a name stands for its definition, computed on the bars of tf.
        self.scope.looked.expanded += definition.size
        if self.scope.looked.expanded > MAX_EXPANDED:
            self.fail(
                context,
                Code.LIMIT,
                node.mark,
                f"the names under '@' expand to more than {MAX_EXPANDED} nodes",
                "put '@' on the definitions themselves",
            )
            return None
        assert definition.syntax is not None
        return self.whole(definition.syntax, replace(context, blame=context.blame or node.mark))

    # -- calls --------------------------------------------------------------------------------

    def _call(self, node: CallOf, context: Context) -> Value | None:
        if self.declaration(node.name) is not None:
            return call_indicator(self, node, context)
        if node.name in FUNCTIONS:
            return call_function(self, node, context)
        if node.name in STRUCTURES:
            self.fail(
                context,
                Code.CALL_UNKNOWN,
                node.mark,
                f"{node.name!r} is a structure, which has an id of its own",
                f"declare it under structures: and name it, my_{node.name}: {node.name}(...)",
            )
        elif node.name in PRICES or node.name in self.scope.ids():
            self.fail(
                context,
                Code.CALL_UNKNOWN,
                node.mark,
                f"{node.name!r} is a value and takes no arguments",
                f"write {node.name}, or {node.name}[1] for the bar before",
            )
        else:
            hint = suggestion(node.name, (*INDICATORS, *self.own, *FUNCTIONS), listed=100)
            self.fail(
                context, Code.CALL_UNKNOWN, node.mark, f"unknown function {node.name!r}", hint
            )
        return None
