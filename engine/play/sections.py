"""Reading the keys of a play's sections: what is allowed, what is missing, constants and units."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from decimal import Decimal

from engine.play.ast import Literal, Type
from engine.play.document import FLOW_HINT, Mapping, Node, Scalar, child_path
from engine.play.issues import Code, Issues, Mark, suggestion
from engine.play.model import Amount
from engine.play.quantity import (
    Quantity,
    QuantityProblem,
    literal_of,
    looks_like_quantity,
    parse_quantity,
    whole_bars,
)
from engine.play.scope import Scope
from engine.play.vocabulary import RESERVED_IDS
from engine.timeframe import Timeframe

ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.A)
ID_HINT = "letters, digits and '_', at most 64, not beginning with a digit"

#: Longest span of clock bars a section may state (ten years of minutes).
MAX_SPAN_BARS = 5_256_000

_AMOUNT_TYPES = {"percent": Type.PERCENT, "R": Type.R}


class Section:
    """A mapping of the play with a closed set of keys.

    Unknown keys are reported at once, with the nearest allowed one.
    """

    def __init__(
        self,
        node: Mapping,
        path: str,
        issues: Issues,
        *,
        allowed: Collection[str],
        whole: str = "the play",
    ) -> None:
        self._whole = whole
        self._node, self._path, self._issues = node, path, issues
        self._values = {key.text: value for key, value in node.entries}
        for key, _ in node.entries:
            if key.text not in allowed:
                mark = key.mark(child_path(path, key.text))
                hint = suggestion(key.text, allowed)
                if any(sign in key.text for sign in "()[],"):
                    hint = f"{FLOW_HINT}; {hint}"
                issues.error(Code.KEY_UNKNOWN, mark, f"unknown key {key.text[:60]!r}", hint)

    @property
    def own_path(self) -> str:
        """The YAML path of the section itself."""
        return self._path

    def path(self, key: str) -> str:
        return child_path(self._path, key)

    def get(self, key: str) -> Node | None:
        """The node of ``key``; None when it is not written."""
        return self._values.get(key)

    def require(self, key: str, hint: str = "") -> Node | None:
        """The node of ``key``; reported when it is not written."""
        node = self._values.get(key)
        if node is None:
            what = f"{self._path or self._whole} needs the key {key!r}"
            self._issues.error(Code.KEY_MISSING, self._node.mark(self.path(key)), what, hint)
        return node

    def text(self, key: str, *, required: bool = True, hint: str = "") -> Scalar | None:
        """The scalar of ``key``; reported when it is missing or no scalar."""
        node = self.require(key, hint) if required else self.get(key)
        return as_text(node, self.path(key), self._issues) if node is not None else None

    def mapping(self, key: str, what: str) -> Mapping | None:
        """The mapping of ``key`` if it is written; reported when it is something else."""
        node = self.get(key)
        if node is None or isinstance(node, Mapping):
            return node
        self._issues.error(Code.SHAPE, node.mark(self.path(key)), f"{key!r} is a map of {what}")
        return None


def as_text(node: Node, path: str, issues: Issues) -> Scalar | None:
    """``node`` if it is a scalar; else reported."""
    if isinstance(node, Scalar):
        return node
    issues.error(Code.SHAPE, node.mark(path), "a single value is due here, not a list or map")
    return None


def constant_of(scalar: Scalar, path: str, issues: Issues) -> Literal | None:
    """The literal written: a number, percent, R multiple, duration, ``true`` or ``false``."""
    text = scalar.text.strip()
    if text in {"true", "false"}:
        return Literal(Type.BOOL, text == "true")
    if not looks_like_quantity(text):
        hint = "write 12, 0.5, 1e-5, 3%, 5bps, 2R, 4h, true or false"
        issues.error(Code.VALUE, scalar.mark(path), f"{text[:40]!r} is not a constant", hint)
        return None
    quantity = parse_quantity(text)
    if isinstance(quantity, QuantityProblem):
        issues.error(quantity.code, scalar.mark(path), quantity.message, quantity.hint)
        return None
    literal = literal_of(quantity)
    if literal is None:
        hint = "write the plain number" if quantity.unit == "bars" else ""
        issues.error(
            Code.VALUE, scalar.mark(path), f"a constant has no unit {quantity.unit!r}", hint
        )
    return literal


def is_new_id(key: Scalar, path: str, scope: Scope, issues: Issues) -> bool:
    """Whether ``key`` may name something in ``scope``; if not, it is reported and broken."""
    id, hint = key.text, ""
    if not ID.fullmatch(id):
        code, message, hint = Code.ID_INVALID, f"{id[:70]!r} is no id", ID_HINT
    elif id in RESERVED_IDS:
        code, message = Code.ID_INVALID, f"{id!r} is a word of the language"
        hint = "choose another id"
    elif id in scope.ids():
        code, message = Code.ID_DUPLICATE, f"the id {id!r} is already taken"
        hint = "series, structures, setups and params share one id space"
    else:
        return True
    issues.error(code, key.mark(path), message, hint)
    scope.broken.add(id)
    return False


class Constants:
    """Reads values that are a literal or a parameter of the play, of given types and bounds."""

    def __init__(self, scope: Scope, clock: Timeframe, issues: Issues) -> None:
        self._scope, self._clock, self._issues = scope, clock, issues

    def read(
        self,
        node: Node,
        path: str,
        *,
        types: tuple[Type, ...],
        words: str,
        above: Decimal | None = None,
        below: Decimal | None = None,
        at_most: Decimal | None = None,
    ) -> Decimal | None:
        """The number, in the unit of its type; None when something was reported."""
        scalar = as_text(node, path, self._issues)
        if scalar is None:
            return None
        literal = self._literal(scalar, path, words)
        if literal is None:
            return None
        mark = scalar.mark(path)
        value = literal.value
        if literal.type not in types or not isinstance(value, Decimal):
            self._issues.error(
                Code.TYPE, mark, f"{scalar.text.strip()[:40]!r} is not {words}", f"write {words}"
            )
            return None
        self._bounds(value, mark, above, below, at_most)
        return value

    def amount(
        self,
        node: Node,
        path: str,
        *,
        units: Collection[str],
        words: str,
        above: Decimal | None = None,
        below: Decimal | None = None,
    ) -> Amount | None:
        """A percent, R multiple or whole number of ticks, of the ``units`` allowed here."""
        scalar = as_text(node, path, self._issues)
        if scalar is None:
            return None
        ticks = self.ticks(scalar)
        if ticks is not None and "ticks" in units:
            self._bounds(ticks, scalar.mark(path), above, below, None)
            return Amount(ticks, "ticks")
        types = tuple(_AMOUNT_TYPES[unit] for unit in units if unit in _AMOUNT_TYPES)
        literal = self._literal(scalar, path, words) if ticks is None else None
        if literal is None and ticks is None:
            return None
        value = literal.value if literal is not None else None
        if literal is None or literal.type not in types or not isinstance(value, Decimal):
            self._issues.error(
                Code.TYPE,
                scalar.mark(path),
                f"{scalar.text.strip()[:40]!r} is not {words}",
                f"write {words}",
            )
            return None
        self._bounds(value, scalar.mark(path), above, below, None)
        return Amount(value, "R" if literal.type is Type.R else "percent")

    @staticmethod
    def ticks(scalar: Scalar) -> Decimal | None:
        """The number of a quantity in ticks; None when it is something else."""
        text = scalar.text.strip()
        quantity = parse_quantity(text) if looks_like_quantity(text) else None
        if isinstance(quantity, Quantity) and quantity.unit == "tick":
            return quantity.value
        return None

    def bars(self, node: Node, path: str) -> int | None:
        """A number of clock bars: an int, ``5 bars``, a duration of whole bars, a parameter; None
        for ``never`` and for what was reported."""
        scalar = as_text(node, path, self._issues)
        if scalar is None or scalar.text.strip() == "never":
            return None
        words = "a number of bars, a duration such as 4h, or never"
        text = scalar.text.strip()
        quantity = parse_quantity(text) if looks_like_quantity(text) else None
        if isinstance(quantity, Quantity) and quantity.unit == "bars":
            bars: int | None = int(quantity.value)
        else:
            literal = self._literal(scalar, path, words)
            if literal is None:
                return None
            bars = whole_bars(literal, self._clock)
            if bars is None and literal.type is Type.DURATION:
                message = f"{text[:40]} is not a whole number of {self._clock} bars"
                self._issues.error(Code.VALUE, scalar.mark(path), message, f"write {words}")
                return None
        if bars is None:
            self._issues.error(
                Code.TYPE, scalar.mark(path), f"{text[:40]!r} is not {words}", f"write {words}"
            )
        elif not 1 <= bars <= MAX_SPAN_BARS:
            self._issues.error(
                Code.VALUE, scalar.mark(path), f"{bars} bars: from 1 to {MAX_SPAN_BARS}, or never"
            )
        return bars

    def choice(self, scalar: Scalar | None, path: str, allowed: Sequence[str]) -> str:
        """One of the ``allowed`` words, by default the first; another one is reported."""
        if scalar is None or scalar.text in allowed:
            return scalar.text if scalar is not None else allowed[0]
        hint = suggestion(scalar.text, allowed)
        what = path.rpartition(".")[2]
        self._issues.error(
            Code.VALUE, scalar.mark(path), f"unknown {what} {scalar.text[:40]!r}", hint
        )
        return allowed[0]

    def _literal(self, scalar: Scalar, path: str, words: str) -> Literal | None:
        text = scalar.text.strip()
        literal = self._scope.param(text)
        if literal is not None:
            return literal
        if text in self._scope.broken:
            return None
        if ID.fullmatch(text) and text not in {"true", "false"}:
            guess = suggestion(text, self._scope.params)
            hint = f"write {words}, or a parameter" + (f"; {guess}" if guess else "")
            self._issues.error(
                Code.NAME_UNKNOWN, scalar.mark(path), f"unknown parameter {text!r}", hint
            )
            return None
        return constant_of(scalar, path, self._issues)

    def _bounds(
        self,
        value: Decimal,
        mark: Mark,
        above: Decimal | None,
        below: Decimal | None,
        at_most: Decimal | None,
    ) -> None:
        if above is not None and not value > above:
            self._issues.error(Code.VALUE, mark, f"{value} is not above {above}")
        if below is not None and not value < below:
            self._issues.error(Code.VALUE, mark, f"{value} is not below {below}")
        if at_most is not None and not value <= at_most:
            self._issues.error(Code.VALUE, mark, f"{value} is more than {at_most}")
