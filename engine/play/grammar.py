"""The grammar of expressions and its parser: text to :mod:`.syntax` nodes with file positions.

Precedence, loosest first: ``or``; ``and``; ``not``; comparison (chains only of ``< <=`` or of
``> >=``); ``+ -``; ``* /``; unary ``-``; postfix ``.f`` ``[n]`` ``@tf`` (equal, left to right).
A quantity (``50%``, ``5bps``, ``2R``, ``4h``, ``5 bars``) is one token; a timeframe is a token
only after ``@``.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from engine.play.document import Scalar
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.quantity import Quantity, QuantityProblem, parse_quantity
from engine.play.syntax import (
    Argument,
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
)

MAX_CHARS = 4000
#: Levels of one expression's tree; keeps every later walk within the interpreter's stack.
MAX_LEVELS = 60

KEYWORDS = ("and", "or", "not", "in", "true", "false")

GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction
    | conjunction (OR conjunction)+ -> disjunction
?conjunction: negation
    | negation (AND negation)+ -> conjunction
?negation: NOT negation -> negation
    | comparison
?comparison: sum
    | sum (COMPARE sum)+ -> chain
    | sum IN list -> membership
?sum: product
    | sum SUM_OP product -> arithmetic
    | sum MINUS product -> arithmetic
?product: unary
    | product PRODUCT_OP unary -> arithmetic
?unary: MINUS unary -> negative
    | postfix
?postfix: atom
    | postfix "." NAME -> member
    | postfix "[" index "]" -> index
    | postfix "@" TIMEFRAME -> at_timeframe
?index: MINUS QUANTITY -> signed
    | QUANTITY -> number
    | NAME -> name
?atom: QUANTITY -> number
    | TRUE -> truth
    | FALSE -> truth
    | NAME -> name
    | NAME "(" [argument ("," argument)*] ")" -> call
    | "(" disjunction ")"
?argument: NAME "=" value -> keyword
    | value -> positional
?value: disjunction | list
list: "[" [disjunction ("," disjunction)*] "]"

OR.2: /or\b/
AND.2: /and\b/
NOT.2: /not\b/
IN.2: /in\b/
TRUE.2: /true\b/
FALSE.2: /false\b/
COMPARE: /<=|>=|==|!=|<|>/
SUM_OP: "+"
MINUS: "-"
PRODUCT_OP: /[*\/]/
QUANTITY: /[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?(%|[A-Za-z_][A-Za-z0-9_]*|\s+bars?\b)?/
NAME: /(?!(?:and|or|not|in|true|false)\b)[A-Za-z_][A-Za-z0-9_]*/
TIMEFRAME: /[A-Za-z0-9_]+/
%ignore /[ \t\r\n]+/
"""


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False)


@lru_cache(maxsize=256)
def _tree(text: str) -> Tree[Token] | Token:
    """The parse tree of an expression, read only: a sweep reads the same few over and over."""
    return _parser().parse(text)


#: What authors coming from other languages write.
_FOREIGN = {
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not'",
    "=": "compare with '=='",
    "%": "there is no modulo operator; a percent is one token: 3%",
    "#": "a comment cannot stand inside an expression",
    "^": "powers are not part of the language",
    "'": "names stand without quotes",
    '"': "names stand without quotes",
    "{": "expressions have no braces",
    ".": "write a number with its leading digit: 0.5",
    "?": "write if(condition, a, b)",
    ";": "one expression only",
}

_EXPECTED = {
    "RPAR": "')'",
    "RSQB": "']'",
    "COMMA": "','",
    "LPAR": "'('",
    "NAME": "a name",
    "QUANTITY": "a number",
    "TIMEFRAME": "a timeframe",
    "LSQB": "'['",
}


def parse_expression(scalar: Scalar, path: str, issues: Issues) -> Syntax | None:
    """The syntax tree of the expression ``scalar`` holds; None when an issue was recorded."""
    text = scalar.text
    if len(text) > MAX_CHARS:
        issues.error(
            Code.LIMIT,
            scalar.mark(path),
            f"an expression has at most {MAX_CHARS} characters",
            "name its parts as series or setups",
        )
        return None
    try:
        tree = _tree(text)
    except UnexpectedInput as error:
        _report(error, scalar, path, issues)
        return None
    root = tree if isinstance(tree, Tree) else Tree("start", [tree])
    if _levels(root) > MAX_LEVELS:
        issues.error(
            Code.LIMIT,
            scalar.mark(path),
            f"an expression is nested at most {MAX_LEVELS} levels deep",
            "name its parts as series or setups",
        )
        return None
    return _Builder(scalar, path, issues).build(root)


def _levels(root: Tree[Token]) -> int:
    deepest, pending = 0, [(root, 1)]
    while pending:
        node, depth = pending.pop()
        deepest = max(deepest, depth)
        pending.extend((c, depth + 1) for c in node.children if isinstance(c, Tree))
    return deepest


_Child: TypeAlias = Any


class _Builder:
    """Turns Lark's tree into syntax nodes, marking each with its place in the file."""

    def __init__(self, scalar: Scalar, path: str, issues: Issues) -> None:
        self._scalar, self._path, self._issues = scalar, path, issues

    def build(self, tree: _Child) -> Syntax | None:
        """The node of ``tree``; None when something under it was refused."""
        children = [c if isinstance(c, Token) else self.build(c) for c in tree.children]
        if any(child is None for child in children):
            return None
        made: Syntax | None = getattr(self, f"_{tree.data}")(children)
        return made

    def _mark(self, token: Token) -> Mark:
        return self._scalar.mark(self._path, token.start_pos or 0)

    def _number(self, children: list[_Child]) -> Number | None:
        token = children[-1]
        quantity = parse_quantity(str(token))
        if isinstance(quantity, QuantityProblem):
            self._issues.error(quantity.code, self._mark(token), quantity.message, quantity.hint)
            return None
        return Number(quantity, self._mark(token))

    def _signed(self, children: list[_Child]) -> Number | None:
        number = self._number(children)
        if number is None:
            return None
        quantity = Quantity(number.quantity.value.copy_negate(), number.quantity.unit)
        return Number(quantity, self._mark(children[0]))

    def _truth(self, children: list[_Child]) -> Truth:
        return Truth(children[0] == "true", self._mark(children[0]))

    def _name(self, children: list[_Child]) -> Name:
        return Name(str(children[0]), self._mark(children[0]))

    def _member(self, children: list[_Child]) -> Member:
        return Member(children[0], str(children[1]), self._mark(children[1]))

    def _index(self, children: list[_Child]) -> Index:
        return Index(children[0], children[1], children[1].mark)

    def _at_timeframe(self, children: list[_Child]) -> AtTimeframe:
        return AtTimeframe(children[0], str(children[1]), self._mark(children[1]))

    def _positional(self, children: list[_Child]) -> Argument:
        return Argument("", children[0], children[0].mark)

    def _keyword(self, children: list[_Child]) -> Argument:
        return Argument(str(children[0]), children[1], self._mark(children[0]))

    def _call(self, children: list[_Child]) -> CallOf | None:
        arguments = tuple(children[1:])
        for before, after in pairwise(arguments):
            if before.name and not after.name:
                self._issues.error(
                    Code.SYNTAX,
                    after.mark,
                    "a positional argument after a keyword one",
                    "positional arguments come first",
                )
                return None
        return CallOf(str(children[0]), arguments, self._mark(children[0]))

    def _list(self, children: list[_Child]) -> ListOf:
        mark = children[0].mark if children else self._scalar.mark(self._path)
        return ListOf(tuple(children), mark)

    def _negative(self, children: list[_Child]) -> Negative:
        return Negative(children[1], self._mark(children[0]))

    def _arithmetic(self, children: list[_Child]) -> Arithmetic:
        left, op, right = children
        return Arithmetic(str(op), left, right, self._mark(op))

    def _chain(self, children: list[_Child]) -> Chain | None:
        ops = tuple(str(op) for op in children[1::2])
        if len(ops) > 1 and not (set(ops) <= {"<", "<="} or set(ops) <= {">", ">="}):
            self._issues.error(
                Code.SYNTAX,
                self._mark(children[3]),
                f"{' '.join(ops)} do not chain",
                "chain only '<' and '<=', or only '>' and '>='; else join with 'and'",
            )
            return None
        return Chain(tuple(children[::2]), ops, self._mark(children[1]))

    def _membership(self, children: list[_Child]) -> Membership:
        return Membership(children[0], children[2], self._mark(children[1]))

    def _conjunction(self, children: list[_Child]) -> Junction:
        return Junction("and", tuple(children[::2]), self._mark(children[1]))

    def _disjunction(self, children: list[_Child]) -> Junction:
        return Junction("or", tuple(children[::2]), self._mark(children[1]))

    def _negation(self, children: list[_Child]) -> Negation:
        return Negation(children[1], self._mark(children[0]))


def _report(error: UnexpectedInput, scalar: Scalar, path: str, issues: Issues) -> None:
    if isinstance(error, UnexpectedCharacters):
        offset = error.pos_in_stream or 0
        char = scalar.text[offset]
        issues.error(
            Code.SYNTAX,
            scalar.mark(path, offset),
            f"{char!r} cannot stand here",
            _FOREIGN.get(char, "see the expression grammar"),
        )
        return
    assert isinstance(error, UnexpectedToken)
    token = error.token
    if token.type == "$END":
        at_end = scalar.mark(path, len(scalar.text))
        issues.error(Code.SYNTAX, at_end, "the expression ends too early", _wanted(error))
        return
    mark = scalar.mark(path, token.start_pos or 0)
    issues.error(Code.SYNTAX, mark, f"{str(token)[:40]!r} cannot stand here", _hint(token, error))


def _hint(token: Token, error: UnexpectedToken) -> str:
    text = str(token)
    if token.type == "NAME" and text.lower() in KEYWORDS:
        return suggestion(text, KEYWORDS)
    if text in _FOREIGN and (text != "." or "NAME" in error.expected):
        return _FOREIGN[text]
    return _wanted(error)


def _wanted(error: UnexpectedToken) -> str:
    expected = set(error.accepts or error.expected)
    words = [_EXPECTED[name] for name in _EXPECTED if name in expected]
    if "COMPARE" in expected:  # an operand just ended: what may open one is beside the point
        words = ["an operator", *(w for w in words if w in {"')'", "']'", "','"})]
    return "expected " + " or ".join(words) if words else "expected the end"
