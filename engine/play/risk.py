"""The ``risk`` section: how much to risk, with which leverage, under which brackets."""

from __future__ import annotations

from decimal import Decimal

from engine.play.ast import Type
from engine.play.brackets import HUNDRED, BracketReader, map_section, one_kind
from engine.play.document import Mapping, Node
from engine.play.issues import Code, Issues
from engine.play.model import Risk, Size, Target
from engine.play.operators import NUMBERS
from engine.play.sections import Constants, Section

SIZES = ("risk", "margin", "notional", "qty")
RISK_KEYS = ("size", "leverage", "stop", "target", "break_even", "trail", "max_drawdown")

#: Sizes in percent, and of what.
_SHARES = {"risk": "equity such as 1%", "margin": "free margin such as 10%"}


class RiskReader:
    """Reads the ``risk`` section of one play."""

    def __init__(self, brackets: BracketReader, constants: Constants, issues: Issues) -> None:
        self._brackets, self._constants, self._issues = brackets, constants, issues

    def read(self, node: Mapping, path: str) -> Risk | None:
        """The resolved section; None when it cannot be built (something was reported)."""
        risk = Section(node, path, self._issues, allowed=RISK_KEYS)
        size_node = risk.require("size", "write size: { risk: 1% }")
        size = self._size(size_node, risk.path("size")) if size_node is not None else None
        stop_node = risk.get("stop")
        if stop_node is None:
            self._issues.error(
                Code.STOP_MISSING,
                node.mark(risk.path("stop")),
                "a play that enters needs a stop",
                "write stop: { price: 2% }, stop: { atr: 2, of: atr(14) }, or stop: none",
            )
        stop = self._brackets.stop(stop_node, risk.path("stop")) if stop_node else None
        target_node = risk.get("target")
        targets = self._brackets.targets(target_node, risk.path("target")) if target_node else ()
        if stop is not None and stop.kind == "none":
            self._without_stop(size, size_node, targets, target_node, risk)
        even_node, trail_node = risk.get("break_even"), risk.get("trail")
        even_path, trail_path = risk.path("break_even"), risk.path("trail")
        even = self._brackets.break_even(even_node, even_path, stop) if even_node else None
        trail = self._brackets.trail(trail_node, trail_path, stop) if trail_node else None
        leverage, drawdown = self._leverage(risk), self._drawdown(risk)
        if size is None or stop is None:
            return None
        return Risk(size, stop, targets, leverage, even, trail, drawdown)

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
                "write a stop, or size by margin, notional or qty",
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
        value = self._constants.read(node, path, types=NUMBERS, words="a number such as 3")
        if value is not None and value < 1:
            self._issues.error(Code.VALUE, node.mark(path), f"leverage {value} is below 1")
        if value is not None and value > 1000:
            self._issues.error(Code.VALUE, node.mark(path), f"leverage {value} is above 1000")
        return Decimal(1) if value is None else value

    def _drawdown(self, risk: Section) -> Decimal | None:
        node = risk.get("max_drawdown")
        if node is None:
            return None
        return self._constants.read(
            node,
            risk.path("max_drawdown"),
            types=(Type.PERCENT,),
            words="a percent of peak equity such as 20%",
            above=Decimal(0),
            at_most=HUNDRED,
        )

    def _size(self, node: Node, path: str) -> Size | None:
        section = map_section(node, path, SIZES, "size: { risk: 1% }", self._issues)
        kind = one_kind(section, node, SIZES, self._issues) if section is not None else None
        if section is None or kind is None:
            return None
        value_node = section.get(kind)
        assert value_node is not None
        share = _SHARES.get(kind)
        words = "an amount in USDT" if kind == "notional" else "a quantity in base units"
        value = self._constants.read(
            value_node,
            section.path(kind),
            types=(Type.PERCENT,) if share else NUMBERS,
            words=f"a percent of {share}" if share else words,
            above=Decimal(0),
            at_most=HUNDRED if share else None,
        )
        return None if value is None else Size(kind, value)
