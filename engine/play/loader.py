"""A play's file to one immutable object, or every problem of the file at once.

1. :func:`~engine.play.document.decode` and :func:`~engine.play.document.compose`: text to nodes.
2. ``_header``, ``_params``: the plain values; params may be overridden by the caller.
3. ``_declare``: series and setups to syntax, one id space.
4. ``in_dependency_order`` and ``Resolver``: names and types.
5. ``_rules`` and ``RiskReader``: conditions, sizes, stops, targets.
6. The canonical form and its hash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Literal as OneOf

from engine.canonical import hash_value, sha256_hex
from engine.errors import PlayError
from engine.play.ast import Expr
from engine.play.canonical_form import play_form
from engine.play.document import (
    MAX_BYTES,
    Mapping,
    Node,
    Scalar,
    Sequence,
    child_path,
    compose,
    decode,
)
from engine.play.issues import Code, Issues, Mark, PlayIssue
from engine.play.model import RULE_KINDS, Play, Rule
from engine.play.params import ParamValue, read_params
from engine.play.resolve import Resolver
from engine.play.risk import RiskReader, read_entry
from engine.play.scope import Definition, Scope, in_dependency_order
from engine.play.sections import ID, ID_HINT, Constants, Section, is_new_id
from engine.play.structured import parse_condition
from engine.play.vocabulary import TIMEFRAMES, timeframe_hint
from engine.timeframe import Timeframe

_SECTIONS = (
    "version",
    "name",
    "description",
    "market",
    "clock",
    "params",
    "series",
    "setups",
    "rules",
    "entry",
    "risk",
)
_SECTIONS_NOT_BUILT = ("structures", "limits")
_MARKET = re.compile(r"[A-Z0-9]{1,20}USDT", re.A)


def load_play(
    path: str | Path,
    *,
    params: MappingOf[str, ParamValue] | None = None,
    market: str | None = None,
) -> Play:
    """The play in the file at ``path``, resolved once (M1).

    ``params`` override declared parameters (``{"fast": 12, "risk": "0.5%"}``), ``market`` the
    symbol. Raises PlayError whose ``issues`` are all problems of the file, in file order.
    """
    raw = _read(Path(path))
    return _loaded(raw, str(path), params, market)


def loads_play(
    text: str | bytes,
    path: str = "",
    *,
    params: MappingOf[str, ParamValue] | None = None,
    market: str | None = None,
) -> Play:
    """The play in ``text``; ``path`` only names it. Otherwise as :func:`load_play`."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return _loaded(raw, path, params, market)


def check_play(path: str | Path) -> list[PlayIssue]:
    """Every problem of the file at ``path``, in file order; empty when it is a good play."""
    try:
        load_play(path)
    except PlayError as error:
        return [issue for issue in error.issues if isinstance(issue, PlayIssue)]
    return []


def _read(path: Path) -> bytes:
    try:
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
    raise _refusal(issues, str(path))


def _loaded(
    raw: bytes, path: str, params: MappingOf[str, ParamValue] | None, market: str | None
) -> Play:
    issues = Issues()
    text = decode(raw, issues)
    root = compose(text, issues) if text is not None else None
    play = None
    if root is not None and isinstance(root, Mapping):
        loader = _Loader(root, issues, dict(params or {}), market)
        play = loader.play(path, text or "", sha256_hex(raw))
    elif root is not None:
        issues.error(Code.SHAPE, root.mark(""), "a play is a map of sections", "begin: version: 1")
    if play is None or issues.errors:
        raise _refusal(issues, path)
    return play


def _refusal(issues: Issues, path: str) -> PlayError:
    errors = issues.errors
    first = errors[0]
    more = len(errors) - 1
    tail = f" (and {more} more)" if more else ""
    where = f"{path}: {first.where}" if path else first.where
    return PlayError(first.message + tail, issues=errors, where=where, hint=first.hint)


class _Loader:
    """Reads one composed file."""

    def __init__(
        self,
        root: Mapping,
        issues: Issues,
        overrides: dict[str, ParamValue],
        market: str | None,
    ) -> None:
        self._issues, self._overrides, self._market = issues, overrides, market
        self._scope = Scope()
        self._root = root
        self._top = Section(root, "", issues, allowed=_SECTIONS, not_built=_SECTIONS_NOT_BUILT)

    def play(self, path: str, text: str, sha256: str) -> Play | None:
        """The play; None when something that everything hangs on was reported."""
        name, description, market = self._header()
        clock = self._clock()
        read_params(
            self._top.mapping("params", "names to constants"),
            self._overrides,
            self._scope,
            self._issues,
        )
        self._declare_structures()
        self._declare("series")
        self._declare("setup")
        ordered = in_dependency_order(self._scope, self._issues)
        # Without a clock nothing has a timeframe; a stand-in still finds the other problems.
        resolver = Resolver(self._scope, clock or Timeframe.M1, self._issues)
        for definition in ordered:
            resolver.define(definition)
        rules = self._rules(resolver)
        entry = self._top.mapping("entry", "how to enter")
        if entry is not None:
            read_entry(entry, "entry", self._issues)
        risk_node = self._top.mapping("risk", "size, stop and target")
        if self._top.get("risk") is None:
            self._top.require("risk", "write risk: with size: { qty: 1 } and stop: none at least")
        reader = RiskReader(resolver, Constants(self._scope, self._issues), self._issues)
        risk = reader.read(risk_node, "risk") if risk_node is not None else None
        if self._issues.errors or clock is None or risk is None:
            return None
        self._warn_unused()
        params = tuple(sorted(self._scope.params.items()))
        series, setups = _values(ordered, "series"), _values(ordered, "setup")
        canonical = play_form(
            name=name,
            market=market,
            clock=clock,
            params=params,
            series=series,
            setups=setups,
            rules=rules,
            risk=risk,
        )
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
            canonical=canonical,
            play_hash=hash_value(canonical),
            path=path,
            source=text,
            source_sha256=sha256,
            warnings=tuple(str(issue) for issue in self._issues.warnings),
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
            if not _MARKET.fullmatch(symbol):
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

    def _clock(self) -> Timeframe | None:
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

    def _declare_structures(self) -> None:
        """Ids of the refused section are known, so what names them is not reported again."""
        node = self._top.get("structures")
        if isinstance(node, Mapping):
            self._scope.broken.update(key.text for key, _ in node.entries)

    def _declare(self, kind: OneOf["series", "setup"]) -> None:
        name = "setups" if kind == "setup" else kind
        section = self._top.mapping(name, "names to expressions")
        for key, node in section.entries if section is not None else ():
            path = child_path(name, key.text)
            syntax = parse_condition(node, path, self._issues)
            if is_new_id(key, path, self._scope, self._issues):
                self._scope.definitions[key.text] = Definition(
                    kind, key.text, syntax, node.mark(path)
                )

    # -- rules --------------------------------------------------------------------------------

    def _rules(self, resolver: Resolver) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
        if self._top.get("rules") is None:
            self._top.require("rules", "write rules: with enter_long or enter_short")
            return ()
        node = self._top.mapping("rules", "enter_long, exit_long, enter_short, exit_short")
        if node is None:
            return ()
        section = Section(node, "rules", self._issues, allowed=RULE_KINDS)
        if section.get("enter_long") is None and section.get("enter_short") is None:
            self._issues.error(
                Code.KEY_MISSING,
                node.mark("rules"),
                "a play without enter_long or enter_short never trades",
                "write at least one of them",
            )
        for kind in ("exit_long", "exit_short"):
            written, entry = section.get(kind), kind.replace("exit", "enter")
            if written is not None and section.get(entry) is None:
                self._issues.warn(
                    Code.UNUSED, written.mark(section.path(kind)), f"{kind} without {entry}"
                )
        rules = []
        for kind in RULE_KINDS:
            written = section.get(kind)
            if written is not None:
                rules.append((kind, self._rule(written, kind, resolver)))
        return tuple(rules)

    def _rule(self, node: Node, kind: str, resolver: Resolver) -> tuple[Rule, ...]:
        """The alternatives of one rule, in written order; a single condition has the kind's id."""
        path = f"rules.{kind}"
        alternatives = (
            [(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
            if isinstance(node, Sequence) and _is_alternatives(node)
            else [(node, path)]
        )
        rules: list[Rule] = []
        seen: set[str] = set()
        for item, place in alternatives:
            is_named = isinstance(item, Mapping) and _has_rule_keys(item)
            id, when, when_path = kind, item, place
            if isinstance(item, Mapping) and is_named:
                found = self._alternative(item, place, kind, seen, listed=place != path)
                if found is None:
                    continue
                id, when, when_path = found
            expr = self._condition(when, when_path, resolver)
            if expr is not None:
                rules.append(Rule(id, expr))
        return tuple(rules)

    def _alternative(
        self, node: Mapping, path: str, kind: str, seen: set[str], *, listed: bool
    ) -> tuple[str, Node, str] | None:
        later = ("tags", "close") if kind.startswith("exit") else ("tags",)
        section = Section(node, path, self._issues, allowed=("id", "when"), not_built=later)
        id = section.text("id", required=listed, hint="every alternative has an id of its own")
        when = section.require("when")
        if id is not None and not ID.fullmatch(id.text):
            self._issues.error(
                Code.ID_INVALID,
                id.mark(section.path("id")),
                f"{id.text[:70]!r} is no id",
                ID_HINT,
            )
        elif id is not None and id.text in seen:
            self._issues.error(
                Code.ID_DUPLICATE,
                id.mark(section.path("id")),
                f"the id {id.text!r} stands twice in {kind}",
            )
        if id is not None:
            seen.add(id.text)
        if when is None:
            return None
        return (id.text if id is not None else kind), when, section.path("when")

    def _condition(self, node: Node, path: str, resolver: Resolver) -> Expr | None:
        syntax = parse_condition(node, path, self._issues)
        value = resolver.truth(syntax) if syntax is not None else None
        return value.expr if value is not None else None

    def _warn_unused(self) -> None:
        for id, definition in sorted(self._scope.definitions.items()):
            if id not in self._scope.used:
                self._issues.warn(
                    Code.UNUSED, definition.mark, f"the {definition.kind} {id!r} is not used"
                )
        section = self._top.get("params")
        for id in sorted(self._scope.params):
            node = section.get(id) if isinstance(section, Mapping) else None
            if id not in self._scope.used and node is not None:
                mark = node.mark(child_path("params", id))
                self._issues.warn(Code.UNUSED, mark, f"the parameter {id!r} is not used")


def _values(ordered: list[Definition], kind: str) -> tuple[tuple[str, Expr], ...]:
    """Ids and expressions of one kind, each after those it names."""
    return tuple(
        (definition.id, definition.value.expr)
        for definition in ordered
        if definition.kind == kind and definition.value is not None
    )


def _has_rule_keys(node: Mapping) -> bool:
    return any(key.text in {"id", "when", "tags", "close"} for key, _ in node.entries)


def _is_alternatives(node: Sequence) -> bool:
    """A list of maps with rule keys, as against a condition ``[left, op, right]``."""
    maps = [item for item in node.items if isinstance(item, Mapping)]
    return bool(maps) and len(maps) == len(node.items) and any(map(_has_rule_keys, maps))
