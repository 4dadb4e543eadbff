"""The ``entry`` and ``risk`` sections: how much to risk, where to stop, where to take profit."""

from __future__ import annotations

from decimal import Decimal

from engine.play.ast import Expr, Type
from engine.play.document import Mapping, Node, Scalar, Sequence
from engine.play.issues import Code, Issues, suggestion
from engine.play.model import Risk, Size, Stop, Target
from engine.play.operators import NUMBERS
from engine.play.resolve import Resolver
from engine.play.sections import Constants, Section, as_text
from engine.play.structured import parse_condition

HUNDRED = Decimal(100)

_SIZES = ("risk", "notional", "qty")
_SIZES_NOT_BUILT = ("margin",)
_STOPS = ("price", "atr")
_STOPS_NOT_BUILT = ("roi", "points", "level", "offset")
_TARGETS = ("rr", "price", "atr")
_TARGETS_NOT_BUILT = ("roi", "points", "level", "offset")
_RISK_NOT_BUILT = ("break_even", "trail", "max_drawdown")
_ENTRY_NOT_BUILT = ("price", "expires", "tif", "pending", "cancel_when", "offset")


def read_entry(node: Mapping, path: str, issues: Issues) -> None:
    """Checks the ``entry`` section; only market orders are executable."""
    entry = Section(node, path, issues, allowed=("order",), not_built=_ENTRY_NOT_BUILT)
    order = entry.text("order")
    if order is None or order.text == "market":
        return
    mark = order.mark(entry.path("order"))
    if order.text in {"limit", "stop"}:
        issues.error(
            Code.NOT_BUILT, mark, f"{order.text} entries are not built yet", "write order: market"
        )
    else:
        hint = suggestion(order.text, ("market", "limit", "stop"))
        issues.error(Code.VALUE, mark, f"unknown order {order.text[:40]!r}", hint)


class RiskReader:
    """Reads the ``risk`` section of one play."""

    def __init__(self, resolver: Resolver, constants: Constants, issues: Issues) -> None:
        self._resolver, self._constants, self._issues = resolver, constants, issues

    def read(self, node: Mapping, path: str) -> Risk | None:
        """The resolved section; None when it cannot be built (something was reported)."""
        risk = Section(
            node,
            path,
            self._issues,
            allowed=("size", "leverage", "stop", "target"),
            not_built=_RISK_NOT_BUILT,
        )
        size_node = risk.require("size", "write size: { risk: 1% }")
        size = self._size(size_node, risk.path("size")) if size_node is not None else None
        stop_node = risk.get("stop")
        stop = self._stop(stop_node, risk.path("stop")) if stop_node is not None else None
        if stop_node is None:
            self._issues.error(
                Code.STOP_MISSING,
                node.mark(risk.path("stop")),
                "a play that enters needs a stop",
                "write stop: { price: 2% }, stop: { atr: 2, of: atr(14) }, or stop: none",
            )
        target_node = risk.get("target")
        targets = self._targets(target_node, risk.path("target")) if target_node else ()
        leverage = self._leverage(risk)
        if stop is not None and stop.kind == "none":
            self._without_stop(size, size_node, targets, target_node, risk)
        if size is None or stop is None:
            return None
        return Risk(size, stop, targets, leverage)

    def _without_stop(
        self,
        size: Size | None,
        size_node: Node | None,
        targets: tuple[Target, ...],
        target_node: Node | None,
        risk: Section,
    ) -> None:
        """What cannot be computed when ``stop: none`` is written."""
        if size is not None and size.kind == "risk" and size_node is not None:
            self._issues.error(
                Code.STOP_MISSING,
                size_node.mark(risk.path("size")),
                "size by risk is computed from the stop, and the stop is none",
                "write a stop, or size by notional or qty",
            )
        if target_node is not None and any(target.kind == "rr" for target in targets):
            self._issues.error(
                Code.STOP_MISSING,
                target_node.mark(risk.path("target")),
                "a target in R is a multiple of the stop distance, and the stop is none",
                "write a stop, or a target in price or atr",
            )

    def _leverage(self, risk: Section) -> Decimal:
        node = risk.get("leverage")
        if node is None:
            return Decimal(1)
        path = risk.path("leverage")
        value = self._constants.read(node, path, types=NUMBERS, words="a number such as 1")
        if value is None:
            return Decimal(1)
        if value < 1:
            self._issues.error(Code.VALUE, node.mark(path), f"leverage {value} is below 1")
        elif value > 1:
            self._issues.error(
                Code.NOT_BUILT,
                node.mark(path),
                f"leverage {value} needs liquidation, which is not built yet",
                "write leverage: 1",
            )
        return value

    def _size(self, node: Node, path: str) -> Size | None:
        section = self._kinds(node, path, _SIZES, _SIZES_NOT_BUILT, "size: { risk: 1% }")
        kind = self._one_kind(section, node, path, _SIZES) if section is not None else None
        if section is None or kind is None:
            return None
        value_node = section.get(kind)
        assert value_node is not None
        place = section.path(kind)
        if kind == "risk":
            value = self._constants.read(
                value_node,
                place,
                types=(Type.PERCENT,),
                words="a percent of equity such as 1%",
                above=Decimal(0),
                at_most=HUNDRED,
            )
        else:
            words = "an amount in USDT" if kind == "notional" else "a quantity in base units"
            value = self._constants.read(
                value_node, place, types=NUMBERS, words=words, above=Decimal(0)
            )
        return None if value is None else Size(kind, value)

    def _stop(self, node: Node, path: str) -> Stop | None:
        if isinstance(node, Scalar) and node.text == "none":
            return Stop("none")
        form = "stop: { price: 2% }, { atr: 2, of: atr(14) } or none"
        section = self._kinds(node, path, (*_STOPS, "of"), _STOPS_NOT_BUILT, form)
        kind = self._one_kind(section, node, path, _STOPS) if section is not None else None
        if section is None or kind is None:
            return None
        value = self._distance(section, kind)
        of = self._of(section, kind)
        if value is None or (kind == "atr" and of is None):
            return None
        return Stop(kind, value, of)

    def _targets(self, node: Node, path: str) -> tuple[Target, ...]:
        if isinstance(node, Sequence):
            places = [(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
        else:
            places = [(node, path)]
        if not places:
            self._issues.error(Code.SHAPE, node.mark(path), "an empty ladder of targets")
        left = HUNDRED
        targets: list[Target] = []
        for number, (item, place) in enumerate(places):
            target = self._target(item, place, left, last=number == len(places) - 1)
            if target is not None:
                targets.append(target)
                left -= target.close_pct
        if left < 0:
            self._issues.error(
                Code.VALUE, node.mark(path), f"the targets close {HUNDRED - left}% in all"
            )
        elif len(places) > 1 or left > 0:
            what = "several targets" if len(places) > 1 else "a target for part of the position"
            hint = "write one target that closes all"
            if targets:
                self._issues.error(
                    Code.NOT_BUILT, node.mark(path), f"{what} are not built yet", hint
                )
        return tuple(targets)

    def _target(self, node: Node, path: str, left: Decimal, *, last: bool) -> Target | None:
        allowed = (*_TARGETS, "of", "order", "close")
        section = self._kinds(node, path, allowed, _TARGETS_NOT_BUILT, "target: { rr: 2 }")
        kind = self._one_kind(section, node, path, _TARGETS) if section is not None else None
        if section is None or kind is None:
            return None
        value = self._distance(section, kind)
        of = self._of(section, kind)
        order = self._order(section)
        close = self._close(section, node, left, last=last)
        if value is None or close is None or (kind == "atr" and of is None):
            return None
        return Target(kind, value, of, order, close)

    def _close(self, section: Section, node: Node, left: Decimal, *, last: bool) -> Decimal | None:
        """Percent of the position a target closes: by default the rest, on the last one."""
        close = section.get("close")
        if close is not None:
            return self._constants.read(
                close,
                section.path("close"),
                types=(Type.PERCENT,),
                words="a percent of the position such as 50%",
                above=Decimal(0),
                at_most=HUNDRED,
            )
        if last:
            return left
        self._issues.error(
            Code.KEY_MISSING,
            node.mark(section.path("close")),
            "every target but the last says how much it closes",
            "write close: 50%",
        )
        return None

    def _order(self, section: Section) -> str:
        order = section.text("order", required=False)
        if order is None:
            return "limit"
        if order.text not in {"limit", "market"}:
            self._issues.error(
                Code.VALUE,
                order.mark(section.path("order")),
                f"unknown order {order.text[:40]!r}",
                suggestion(order.text, ("limit", "market")),
            )
        return order.text

    def _distance(self, section: Section, kind: str) -> Decimal | None:
        """The number of a stop or target: percent, multiples of R or of ``of``."""
        node = section.get(kind)
        assert node is not None
        path = section.path(kind)
        if kind == "price":
            return self._constants.read(
                node,
                path,
                types=(Type.PERCENT,),
                words="a percent of the entry price such as 2%",
                above=Decimal(0),
                below=HUNDRED,
            )
        types = (*NUMBERS, Type.R) if kind == "rr" else NUMBERS
        words = "a multiple of R such as 2" if kind == "rr" else "a multiple such as 2"
        return self._constants.read(node, path, types=types, words=words, above=Decimal(0))

    def _of(self, section: Section, kind: str) -> Expr | None:
        """The measure ``atr`` distances are multiples of."""
        if kind != "atr":
            node = section.get("of")
            if node is not None:
                self._issues.error(
                    Code.KEY_UNKNOWN,
                    node.mark(section.path("of")),
                    f"'of' belongs to atr, not to {kind}",
                )
            return None
        node = section.require("of", "name the measure: of: atr(14)")
        if node is None:
            return None
        syntax = parse_condition(node, section.path("of"), self._issues)
        value = self._resolver.number(syntax) if syntax is not None else None
        return None if value is None else value.expr

    def _kinds(
        self, node: Node, path: str, allowed: tuple[str, ...], later: tuple[str, ...], form: str
    ) -> Section | None:
        if isinstance(node, Mapping):
            return Section(node, path, self._issues, allowed=allowed, not_built=later)
        as_text(node, path, self._issues)
        if isinstance(node, Scalar):
            self._issues.error(
                Code.SHAPE, node.mark(path), f"{node.text[:40]!r} is no map", f"write {form}"
            )
        return None

    def _one_kind(
        self, section: Section, node: Node, path: str, kinds: tuple[str, ...]
    ) -> str | None:
        """The one of ``kinds`` that is written; reported when none or several are."""
        written = [kind for kind in kinds if section.get(kind) is not None]
        if len(written) == 1:
            return written[0]
        if written:
            what = f"{' and '.join(written)} exclude each other"
            self._issues.error(Code.VALUE, node.mark(path), what, "keep one of them")
        elif isinstance(node, Mapping) and not self._has_unbuilt(node):
            self._issues.error(
                Code.KEY_MISSING, node.mark(path), f"one of {', '.join(kinds)} is due here"
            )
        return None

    @staticmethod
    def _has_unbuilt(node: Mapping) -> bool:
        later = {*_SIZES_NOT_BUILT, *_STOPS_NOT_BUILT, *_TARGETS_NOT_BUILT}
        return any(key.text in later for key, _ in node.entries)
