"""A play's file to one immutable object, or every problem of the file at once.

0. :func:`~engine.play.project.read_project`: the indicators of the play's project.
1. :func:`~engine.play.document.decode` and :func:`~engine.play.document.compose`: text to nodes.
2. ``_header``, ``read_params``: the plain values.
3. ``_declare`` and ``in_dependency_order``: series, structures and setups to syntax, one id space.
4. ``override_params``: params may be overridden by the caller, and what follows read again with
   others; of that what hangs on none of them is read once (:mod:`engine.play.readings`).
5. ``Resolver``: names and types.
6. ``RuleReader``, ``EntryReader``, ``RiskReader``, ``read_limits``: what to do when.

The canonical form and its hash are made when the play is asked for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal as OneOf

from engine.canonical import sha256_hex
from engine.errors import PlayError
from engine.play.ast import Expr
from engine.play.brackets import BracketReader
from engine.play.document import MAX_BYTES, Mapping, Scalar, child_path, compose, decode
from engine.play.entry import EntryReader, read_limits
from engine.play.issues import Code, Issues, Mark, PlayIssue, refusal
from engine.play.model import Entry, Limits, Play, Risk
from engine.play.own_indicators import IndicatorSource, UserIndicator
from engine.play.params import ParamValue, override_params, read_params
from engine.play.project import PROJECT_FILE, indicators_of, read_project
from engine.play.readings import Readings
from engine.play.resolve import Resolver
from engine.play.risk import RiskReader
from engine.play.rules import RuleReader, Rules
from engine.play.scope import Definition, Scope, in_dependency_order
from engine.play.sections import ID, ID_HINT, Constants, Section, is_new_id
from engine.play.sided import SIDES, SidedReader
from engine.play.structured import parse_condition
from engine.play.text import literal_text
from engine.play.vocabulary import TIMEFRAMES, timeframe_hint
from engine.timeframe import Timeframe

SECTIONS = (
    "version",
    "name",
    "description",
    "market",
    "clock",
    "params",
    "series",
    "structures",
    "setups",
    "rules",
    "entry",
    "risk",
    "limits",
)
MARKET = re.compile(r"[A-Z0-9]{1,20}USDT", re.A)


def load_play(
    path: str | Path,
    *,
    params: MappingOf[str, ParamValue] | None = None,
    market: str | None = None,
) -> Play:
    """The play in the file at ``path``, resolved once (M1), with the indicators of the project
    in its folder (:mod:`engine.play.project`).

    ``params`` override declared parameters (``{"fast": 12, "risk": "0.5%"}``), ``market`` the
    symbol. Raises PlayError whose ``issues`` are all problems of the file, in file order.
    """
    raw = _read(Path(path))
    issues = Issues()
    sources = read_project(Path(path).parent, issues) or ()
    return _loaded(raw, str(path), params, market, sources, issues)


def loads_play(
    text: str | bytes,
    path: str = "",
    *,
    params: MappingOf[str, ParamValue] | None = None,
    market: str | None = None,
    indicators: Sequence[IndicatorSource] = (),
) -> Play:
    """The play in ``text``; ``path`` only names it, ``indicators`` are the files of its project.
    Otherwise as :func:`load_play`; reads no file."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return _loaded(raw, path, params, market, indicators, Issues())


def vary_play(play: Play, params: Sequence[MappingOf[str, ParamValue]]) -> list[Play]:
    """``play`` with each set of parameters in turn, as :func:`loads_play` of its source would give
    it; those a set does not name keep the play's value. Raises PlayError for the first bad set.
    """
    issues = Issues()
    root = compose(play.source, issues)
    assert isinstance(root, Mapping), "the source of a play has been read before"
    own = {name: literal_text(literal) for name, literal in play.params}
    indicators = {indicator.spec.name: indicator for indicator in play.indicators}
    loader = _Loader(root, issues, play.market, indicators)
    found = []
    for overrides in params:
        told = issues.copy()
        varied = loader.play({**own, **overrides}, told, play.path, play.source, play.source_sha256)
        if varied is None or told.errors:
            raise refusal(told, play.path)
        found.append(varied)
    return found


def check_play(path: str | Path) -> list[PlayIssue]:
    """Every problem of the file at ``path``, in file order; empty when it is a good play."""
    try:
        load_play(path)
    except PlayError as error:
        return [issue for issue in error.issues if isinstance(issue, PlayIssue)]
    return []


def _read(path: Path) -> bytes:
    reason, hint = "this is the file of a project, not a play", "name a play beside it"
    try:
        if path.name != PROJECT_FILE:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        reason, hint = "there is no such file", "check the path"
    except IsADirectoryError:
        reason, hint = "this is a folder", "name the play's file"
    except (OSError, ValueError) as error:
        reason, hint = f"it cannot be read: {error}", ""
    issues = Issues()
    issues.error(Code.FILE, Mark("", 1, 1), reason, hint)
    raise refusal(issues, str(path))


def _loaded(
    raw: bytes,
    path: str,
    params: MappingOf[str, ParamValue] | None,
    market: str | None,
    sources: Sequence[IndicatorSource],
    issues: Issues,
) -> Play:
    own = indicators_of(sources, issues)
    if issues.errors:  # without its project's indicators nothing of a play can be judged
        raise refusal(issues, path)
    text = decode(raw, issues)
    root = compose(text, issues) if text is not None else None
    play = None
    if root is not None and isinstance(root, Mapping):
        loader = _Loader(root, issues, market, own)
        play = loader.play(params or {}, issues, path, text or "", sha256_hex(raw))
    elif root is not None:
        issues.error(Code.SHAPE, root.mark(""), "a play is a map of sections", "begin: version: 1")
    if play is None or issues.errors:
        raise refusal(issues, path)
    return play


class _Loader:
    """Reads one composed file: once what no parameter changes, the rest for each set of them."""

    def __init__(
        self,
        root: Mapping,
        issues: Issues,
        market: str | None,
        own: dict[str, UserIndicator],
    ) -> None:
        self._own, self._root, self._market, self._issues = own, root, market, issues
        self._top = Section(root, "", issues, allowed=SECTIONS)
        self._head = self._header()
        self._clock = self._timeframe()
        self._scope = Scope()
        self._params = self._top.mapping("params", "names to constants")
        self._declared = read_params(self._params, self._scope, issues)
        self._declare("series")
        self._declare("structure")
        self._declare("setup")
        self._ordered = in_dependency_order(self._scope, issues)
        self._readings = Readings()

    def play(
        self,
        overrides: MappingOf[str, ParamValue],
        issues: Issues,
        path: str,
        text: str,
        sha256: str,
    ) -> Play | None:
        """The play with ``overrides``; None when something that everything hangs on was
        reported."""
        scope = self._scope.undefined()
        override_params(self._params, self._declared, overrides, scope, issues)
        # Without a clock nothing has a timeframe; a stand-in still finds the other problems.
        clock = self._clock or Timeframe.M1
        resolver = Resolver(scope, clock, issues, self._own, self._readings)
        ordered = [scope.definitions[definition.id] for definition in self._ordered]
        for definition in ordered:
            resolver.define(definition)
        top = Section(self._root, "", issues, allowed=SECTIONS)
        rules = RuleReader(resolver, issues).read(top)
        entry, risk, limits = _trading(top, resolver, rules)
        if issues.errors or self._clock is None or risk is None:
            return None
        self._warn_unused(scope, issues)
        params = tuple(sorted(scope.params.items()))
        series, setups = _values(ordered, "series"), _values(ordered, "setup")
        structures = _values(ordered, "structure")
        indicators = tuple(self._own[name] for name in sorted(scope.looked.called))
        name, description, market = self._head
        return Play(
            name=name,
            description=description,
            market=market,
            clock=clock,
            params=params,
            series=series,
            setups=setups,
            rules=rules,
            risk=risk,
            structures=structures,
            entry=entry,
            limits=limits,
            path=path,
            source=text,
            source_sha256=sha256,
            warnings=tuple(str(issue) for issue in issues.warnings),
            indicators=indicators,
        )

    # -- header and params --------------------------------------------------------------------

    def _header(self) -> tuple[str, str, str]:
        version = self._top.text("version", hint="write version: 1")
        if version is not None and version.text != "1":
            self._issues.error(
                Code.VALUE,
                version.mark("version"),
                f"unknown version {version.text[:40]!r} of the language",
                "write version: 1",
            )
        name = self._top.text("name", hint="write name: my_play")
        if name is not None and not ID.fullmatch(name.text):
            self._issues.error(
                Code.ID_INVALID,
                name.mark("name"),
                f"{name.text[:70]!r} is no name for a play",
                ID_HINT,
            )
        description = self._top.text("description", required=False)
        market = self._top.text("market", hint="write market: BTCUSDT")
        for symbol, mark in self._symbols(market):
            if not MARKET.fullmatch(symbol):
                self._issues.error(
                    Code.VALUE,
                    mark,
                    f"{symbol[:40]!r} is no USDT perpetual",
                    "write the venue's symbol, such as BTCUSDT",
                )
        written = market.text if market is not None else ""
        return (
            name.text if name is not None else "",
            description.text.strip() if description is not None else "",
            self._market if self._market is not None else written,
        )

    def _symbols(self, market: Scalar | None) -> list[tuple[str, Mark]]:
        symbols = [(market.text, market.mark("market"))] if market is not None else []
        if self._market is not None:
            place = market.mark("market") if market is not None else self._root.mark("market")
            symbols.append((self._market, place))
        return symbols

    def _timeframe(self) -> Timeframe | None:
        clock = self._top.text("clock", hint="write clock: 1h")
        if clock is None:
            return None
        if clock.text in TIMEFRAMES:
            return Timeframe(clock.text)
        self._issues.error(
            Code.TIMEFRAME,
            clock.mark("clock"),
            f"unknown timeframe {clock.text[:40]!r}",
            timeframe_hint(clock.text),
        )
        return None

    # -- definitions --------------------------------------------------------------------------

    def _declare(self, kind: OneOf["series", "structure", "setup"]) -> None:
        name = kind if kind == "series" else f"{kind}s"
        section = self._top.mapping(name, "names to expressions")
        for key, node in section.entries if section is not None else ():
            path = child_path(name, key.text)
            syntax = parse_condition(node, path, self._issues)
            if is_new_id(key, path, self._scope, self._issues):
                self._scope.definitions[key.text] = Definition(
                    kind, key.text, syntax, node.mark(path)
                )

    def _warn_unused(self, scope: Scope, issues: Issues) -> None:
        used = scope.looked.used
        for id, definition in sorted(scope.definitions.items()):
            if id not in used:
                what = f"the {definition.kind} {id!r} is not used"
                issues.warn(Code.UNUSED, definition.mark, what)
        for id in sorted(scope.params):
            if id not in used:
                issues.warn(Code.UNUSED, self._declared[id], f"the parameter {id!r} is not used")


def _trading(top: Section, resolver: Resolver, rules: Rules) -> tuple[Entry, Risk | None, Limits]:
    """Entry, risk and limits of a play that enters by ``rules``."""
    issues = resolver.issues
    constants = Constants(resolver.scope, resolver.clock, issues)
    written = {kind for kind, _ in rules}
    sides = tuple(side for side in SIDES if f"enter_{side}" in written)
    sided = SidedReader(resolver, sides, issues)

    def read_entry(node: Mapping) -> Entry:
        return EntryReader(sided, constants, issues).read(node, "entry")

    def read_risk(node: Mapping) -> Risk | None:
        brackets = BracketReader(resolver, sided, constants, issues)
        return RiskReader(brackets, constants, issues).read(node, "risk")

    entry, limits, risk = Entry(), Limits(), None
    node = top.mapping("entry", "how to enter")
    if node is not None:
        entry = resolver.once("entry", partial(read_entry, node))
    if top.get("risk") is None:
        top.require("risk", "write risk: with size: { qty: 1 } and stop: none at least")
    node = top.mapping("risk", "size, stop and target")
    if node is not None:
        risk = resolver.once("risk", partial(read_risk, node))
    node = top.mapping("limits", "limits on trading")
    if node is not None:
        limits = resolver.once("limits", partial(read_limits, node, "limits", constants, issues))
    return entry, risk, limits


def _values(ordered: list[Definition], kind: str) -> tuple[tuple[str, Expr], ...]:
    """Ids and expressions of one kind, each after those it names."""
    return tuple(
        (definition.id, definition.value.expr)
        for definition in ordered
        if definition.kind == kind and definition.value is not None
    )
