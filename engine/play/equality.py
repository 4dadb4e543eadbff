"""``==``, ``!=`` and ``in``: ints, truth values, and enums with their own words only.

Beside an enum a bare name is one of its words and nothing else, whatever the play calls by that
name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.play import operators
from engine.play.ast import Call, Expr, Literal, Type
from engine.play.issues import Code, suggestion
from engine.play.operators import Problem, type_name
from engine.play.scope import Value
from engine.play.syntax import Chain, Membership, Name, Syntax, start

if TYPE_CHECKING:
    from engine.play.resolve import Context, Resolver

#: Words other tools use for the members of enums.
_OTHER_WORDS = {"bullish": "up", "bearish": "down", "bull": "up", "bear": "down", "neutral": "none"}
_OTHER_WORDS |= {"uptrend": "up", "downtrend": "down", "flat": "none", "range": "none"}


def equality(resolver: Resolver, node: Chain, context: Context) -> Value | None:
    """``left == right`` or ``left != right``."""
    left_node, right_node = node.operands
    left = None if _may_be_word(resolver, left_node) else resolver.expression(left_node, context)
    if left is not None and left.expr.type is Type.ENUM:
        return _with_word(resolver, node.ops[0], left, right_node, context)
    if _is_reported(resolver, left_node, left) and _may_be_word(resolver, right_node):
        return None
    right = resolver.expression(right_node, context)
    if right is not None and right.expr.type is Type.ENUM and isinstance(left_node, Name):
        return _with_word(resolver, node.ops[0], right, left_node, context)
    if left is None and _may_be_word(resolver, left_node):
        if _is_reported(resolver, right_node, right):
            return None
        left = resolver.expression(left_node, context)

    def make(a: Expr, b: Expr) -> Expr | Problem:
        return operators.chain(node.ops, (a, b))

    return resolver.joined(context, node.mark, make, [left, right])


def membership(resolver: Resolver, node: Membership, context: Context) -> Value | None:
    """``x in [a, b]``: equal to one of them; only ints and enums are discrete."""
    of = resolver.expression(node.of, context)
    if not node.choices.items:
        resolver.fail(context, Code.TYPE, node.mark, "'in' needs at least one choice")
        return None
    if of is None:
        return None
    if of.expr.type not in (Type.INT, Type.ENUM):
        hint = "write between(x, lo, hi)" if of.expr.type is Type.FLOAT else ""
        message = f"'in' needs an int or an enum, not {type_name(of.expr)}"
        resolver.fail(context, Code.TYPE, node.mark, message, hint)
        return None
    tests = [_choice(resolver, of, item, context) for item in node.choices.items]
    known = [test for test in tests if test is not None]
    if len(known) < len(tests):
        return None
    exprs = tuple(dict.fromkeys(test.expr for test in known))
    return Value(exprs[0] if len(exprs) == 1 else operators.junction("or", exprs), of.pace)


def _choice(resolver: Resolver, of: Value, item: Syntax, context: Context) -> Value | None:
    if of.expr.type is Type.ENUM:
        return _with_word(resolver, "==", of, item, context)
    value = resolver.expression(item, context)
    if value is None:
        return None
    if value.expr.type is not Type.INT or value.pace is not None:
        resolver.fail(
            context, Code.TYPE, start(item), "the choices of an int are ints or int parameters"
        )
        return None
    return Value(Call("eq", (of.expr, value.expr), Type.BOOL), of.pace)


def _with_word(
    resolver: Resolver, op: str, enum: Value, word: Syntax, context: Context
) -> Value | None:
    """An enum compared with one of its own words."""
    if isinstance(word, Name) and word.id in enum.members:
        literal = Literal(Type.ENUM, word.id, enum.members)
        return Value(Call("eq" if op == "==" else "ne", (enum.expr, literal), Type.BOOL), enum.pace)
    if isinstance(word, Name):
        if word.id in _OTHER_WORDS and _OTHER_WORDS[word.id] in enum.members:
            hint = f"did you mean {_OTHER_WORDS[word.id]!r}? allowed: {', '.join(enum.members)}"
        else:
            hint = suggestion(word.id, enum.members)
        message = f"{word.id!r} is no word of this enum"
        resolver.fail(context, Code.NAME_UNKNOWN, word.mark, message, hint)
    else:
        hint = f"write one of {', '.join(enum.members)}"
        message = "an enum is compared with one of its own words"
        resolver.fail(context, Code.TYPE, start(word), message, hint)
    return None


def _may_be_word(resolver: Resolver, node: Syntax) -> bool:
    """Whether a bare name stands for nothing of the play, so it may be an enum's word."""
    return isinstance(node, Name) and node.id not in resolver.scope.ids()


def _is_reported(resolver: Resolver, node: Syntax, value: Value | None) -> bool:
    return value is None and not _may_be_word(resolver, node)
