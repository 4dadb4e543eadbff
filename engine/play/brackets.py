"""Stops, targets, break-even and trails: how a position is closed without a rule."""

from __future__ import annotations

from decimal import Decimal

from engine.play.ast import Expr, Type
from engine.play.document import Mapping, Node, Scalar, Sequence
from engine.play.issues import Code, Issues
from engine.play.model import MAX_TARGETS, NO_OFFSET, Amount, BreakEven, Stop, Target, Trail
from engine.play.operators import NUMBERS
from engine.play.resolve import Resolver
from engine.play.sections import Constants, Section, as_text
from engine.play.sided import SidedReader
from engine.play.structured import parse_condition

HUNDRED = Decimal(100)

STOPS = ("price", "roi", "atr", "points", "level")
TARGETS = ("rr", *STOPS)
TRAILS = ("price", "atr", "points")
TARGET_ORDERS = ("limit", "market")

#: Keys that say more about one kind of distance.
_BELONGS_TO = {"of": "atr", "offset": "level"}


class BracketReader:
    """Reads the brackets of one play."""

    def __init__(
        self, resolver: Resolver, sided: SidedReader, constants: Constants, issues: Issues
    ) -> None:
        self._resolver, self._sided = resolver, sided
        self._constants, self._issues = constants, issues

    def stop(self, node: Node, path: str) -> Stop | None:
        """The stop; None when something was reported."""
        if isinstance(node, Scalar) and node.text == "none":
            return Stop("none")
        form = "stop: { price: 2% }, { atr: 2, of: atr(14) } or none"
        section = self._section(node, path, (*STOPS, *_BELONGS_TO), form)
        return self._distance(section, node, STOPS, "stop") if section is not None else None

    def targets(self, node: Node, path: str) -> tuple[Target, ...]:
        """One target or a ladder of them."""
        if isinstance(node, Sequence):
            places = [(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
        else:
            places = [(node, path)]
        if not places:
            self._issues.error(Code.SHAPE, node.mark(path), "an empty ladder of targets")
        if len(places) > MAX_TARGETS:
            self._issues.error(
                Code.VALUE, node.mark(path), f"{len(places)} targets, at most {MAX_TARGETS}"
            )
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
        return tuple(targets)

    def break_even(self, node: Node, path: str, stop: Stop | None) -> BreakEven | None:
        """When the stop moves to the entry; None when something was reported."""
        section = self._section(node, path, ("at", "offset"), "break_even: { at: 1R }")
        if section is None:
            return None
        at_node = section.require("at", "write at: 1R")
        at = self._threshold(at_node, section.path("at"), stop) if at_node is not None else None
        offset_node = section.get("offset")
        offset: Amount | None = NO_OFFSET
        if offset_node is not None:
            offset = self._offset(offset_node, section.path("offset"))
        if stop is not None and stop.kind == "none":
            self._issues.error(
                Code.STOP_MISSING,
                node.mark(path),
                "break_even moves the stop, and the stop is none",
                "write a stop",
            )
        return None if at is None or offset is None else BreakEven(at, offset)

    def trail(self, node: Node, path: str, stop: Stop | None) -> Trail | None:
        """How the stop follows the peak; None when something was reported."""
        section = self._section(
            node, path, (*TRAILS, "of", "after"), "trail: { atr: 3, of: atr(14) }"
        )
        found = self._distance(section, node, TRAILS, "trail") if section is not None else None
        if section is None or found is None:
            return None
        after_node = section.get("after")
        after = None
        if after_node is not None:
            after = self._threshold(after_node, section.path("after"), stop)
            if after is None:
                return None
        return Trail(found.kind, found.value, found.of, found.unit, after)

    # -- parts --------------------------------------------------------------------------------

    def _target(self, node: Node, path: str, left: Decimal, *, last: bool) -> Target | None:
        allowed = (*TARGETS, *_BELONGS_TO, "order", "close")
        section = self._section(node, path, allowed, "target: { rr: 2 }")
        if section is None:
            return None
        found = self._distance(section, node, TARGETS, "target")
        order = self._constants.choice(
            section.text("order", required=False), section.path("order"), TARGET_ORDERS
        )
        close = self._close(section, node, left, last=last)
        if found is None or close is None:
            return None
        return Target(
            found.kind, found.value, found.of, order, close, found.unit, found.level, found.offset
        )

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
        if last and left > 0:
            return left
        place = node.mark(section.path("close"))
        if last:
            message, hint = "nothing is left for the last target to close", "close less before it"
            self._issues.error(Code.VALUE, place, message, hint)
        else:
            message = "every target but the last says how much it closes"
            self._issues.error(Code.KEY_MISSING, place, message, "write close: 50%")
        return None

    def _threshold(self, node: Node, path: str, stop: Stop | None) -> Amount | None:
        """A profit from which something happens: in R, or percent of the entry price."""
        amount = self._constants.amount(
            node, path, units=("R", "percent"), words="a profit such as 1R or 2%", above=Decimal(0)
        )
        if amount is not None and amount.unit == "R" and stop is not None and stop.kind == "none":
            self._issues.error(
                Code.STOP_MISSING,
                node.mark(path),
                "R is the stop distance, and the stop is none",
                "write a stop, or a percent of the entry price",
            )
        return amount

    def _offset(self, node: Node, path: str) -> Amount | None:
        return self._constants.amount(
            node,
            path,
            units=("percent", "ticks"),
            words="a percent or ticks such as 5bps",
            above=-HUNDRED,
            below=HUNDRED,
        )

    def _distance(
        self, section: Section, node: Node, kinds: tuple[str, ...], what: str
    ) -> Stop | None:
        """What stops, targets and trails have in common, as a stop."""
        kind = one_kind(section, node, kinds, self._issues)
        if kind is None:
            return None
        self._refuse_foreign(section, kind)
        written, path = section.get(kind), section.path(kind)
        assert written is not None
        if kind == "level":
            level = self._sided.price(written, path)
            offset_node = section.get("offset")
            offset = self._offset(offset_node, section.path("offset")) if offset_node else None
            return None if level is None else Stop(kind, level=level, offset=offset)
        if kind == "points":
            return self._points(written, path)
        value = self._number(written, path, kind, what)
        of = self._of(section) if kind == "atr" else None
        if value is None or (kind == "atr" and of is None):
            return None
        return Stop(kind, value, of)

    def _points(self, node: Node, path: str) -> Stop | None:
        ticks = self._constants.ticks(node) if isinstance(node, Scalar) else None
        if ticks is not None:
            if ticks <= 0:
                self._issues.error(Code.VALUE, node.mark(path), f"{ticks} is not above 0")
            return Stop("points", ticks, unit="ticks")
        words = "a distance in units of the price such as 250, or ticks such as 20 ticks"
        value = self._constants.read(node, path, types=NUMBERS, words=words, above=Decimal(0))
        return None if value is None else Stop("points", value)

    def _number(self, node: Node, path: str, kind: str, what: str) -> Decimal | None:
        """Percent of a price or of margin, multiples of R or of a measure."""
        if kind in {"price", "roi"}:
            of = "margin such as 10%" if kind == "roi" else "the entry price such as 2%"
            whole = what != "target" or (kind == "price" and "short" in self._sided.sides)
            return self._constants.read(
                node,
                path,
                types=(Type.PERCENT,),
                words=f"a percent of {of}",
                above=Decimal(0),
                below=HUNDRED if whole and kind == "price" else None,
                at_most=HUNDRED if whole and kind == "roi" else None,
            )
        types = (*NUMBERS, Type.R) if kind == "rr" else NUMBERS
        words = "a multiple of R such as 2" if kind == "rr" else "a multiple such as 2"
        return self._constants.read(node, path, types=types, words=words, above=Decimal(0))

    def _of(self, section: Section) -> Expr | None:
        """The measure ``atr`` distances are multiples of."""
        node = section.require("of", "name the measure: of: atr(14)")
        if node is None:
            return None
        syntax = parse_condition(node, section.path("of"), self._issues)
        value = self._resolver.number(syntax) if syntax is not None else None
        return None if value is None else value.expr

    def _refuse_foreign(self, section: Section, kind: str) -> None:
        for key, owner in _BELONGS_TO.items():
            node = section.get(key)
            if node is not None and kind != owner:
                self._issues.error(
                    Code.KEY_UNKNOWN,
                    node.mark(section.path(key)),
                    f"{key!r} belongs to {owner}, not to {kind}",
                )

    def _section(
        self, node: Node, path: str, allowed: tuple[str, ...], form: str
    ) -> Section | None:
        return map_section(node, path, allowed, form, self._issues)


def map_section(
    node: Node, path: str, allowed: tuple[str, ...], form: str, issues: Issues
) -> Section | None:
    """The section of a mapping; reported, with its ``form``, when it is something else."""
    if isinstance(node, Mapping):
        return Section(node, path, issues, allowed=allowed)
    scalar = as_text(node, path, issues)
    if scalar is not None:
        what = f"{scalar.text[:40]!r} is no map"
        issues.error(Code.SHAPE, node.mark(path), what, f"write {form}")
    return None


def one_kind(section: Section, node: Node, kinds: tuple[str, ...], issues: Issues) -> str | None:
    """The one of ``kinds`` that is written; reported when none or several are."""
    written = [kind for kind in kinds if section.get(kind) is not None]
    if len(written) == 1:
        return written[0]
    place = node.mark(section.own_path)
    if written:
        what = f"{' and '.join(written)} exclude each other"
        issues.error(Code.VALUE, place, what, "keep one of them")
    else:
        issues.error(Code.KEY_MISSING, place, f"one of {', '.join(kinds)} is due here")
    return None
