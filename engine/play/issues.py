"""Problems of a play: stable codes, positions in the file, hints; collected, never raised early."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from engine.errors import IndicatorSourceError, PlayError


class Code(StrEnum):
    """Why a play is refused, or warned about."""

    #: The file itself.
    FILE = "PLAY_FILE"  # missing, a folder, unreadable
    TOO_LARGE = "PLAY_TOO_LARGE"
    ENCODING = "YAML_ENCODING"
    YAML_SYNTAX = "YAML_SYNTAX"
    YAML_TAB = "YAML_TAB"
    YAML_DUPLICATE_KEY = "YAML_DUPLICATE_KEY"
    YAML_MERGE_KEY = "YAML_MERGE_KEY"
    YAML_TAG = "YAML_TAG"
    YAML_EMPTY = "YAML_EMPTY"
    YAML_LIMIT = "YAML_LIMIT"
    #: The shape and values of sections.
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_MISSING = "KEY_MISSING"
    SHAPE = "SHAPE"  # a mapping, list or scalar where another was due
    VALUE = "VALUE_INVALID"
    ID_INVALID = "ID_INVALID"
    ID_DUPLICATE = "ID_DUPLICATE"
    PARAM_UNKNOWN = "PARAM_UNKNOWN"
    STOP_MISSING = "STOP_MISSING"
    #: Expressions.
    SYNTAX = "EXPR_SYNTAX"
    LIMIT = "EXPR_LIMIT"
    NUMBER = "NUMBER_INVALID"
    UNIT = "UNIT_UNKNOWN"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    CALL_UNKNOWN = "CALL_UNKNOWN"
    ARGUMENT = "ARGUMENT_INVALID"
    FIELD = "FIELD_UNKNOWN"
    OUTPUT_MISSING = "OUTPUT_MISSING"  # a bare multi-output name
    TYPE = "TYPE_MISMATCH"
    TIMEFRAME = "TIMEFRAME_UNKNOWN"
    TIMEFRAME_MIX = "TIMEFRAME_MIX"  # held operands, a faster timeframe under a slower one
    CYCLE = "CYCLE"
    #: The project of the play; what is wrong inside a file of indicators has further codes, which
    #: :func:`engine.indicators.user.declared_indicators` and ``prove`` name.
    INDICATOR_FILE = "INDICATOR_FILE"  # missing, unreadable, too large
    #: Warnings.
    UNUSED = "UNUSED"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a play: the YAML path and the 1-based line and column in the file."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class PlayIssue:
    """One problem: what (``code``, ``message``), where (``path``, ``line``, ``column``), the cure.

    ``path`` is the YAML path (``rules.enter_long[0].when``); lines and columns count from 1.
    ``file`` is the file it stands in if that is not the play's own: one of its project.
    """

    line: int
    column: int
    path: str
    code: str
    message: str
    hint: str = ""
    file: str = ""

    @property
    def where(self) -> str:
        """Path and position, as error lines print them."""
        return f"{self.path or 'file'}, line {self.line}, column {self.column}"

    def where_from(self, play: str) -> str:
        """:attr:`where` after the file it stands in; ``play`` is the path of the play."""
        file = self.file or play
        return f"{file}: {self.where}" if file else self.where

    def __str__(self) -> str:
        return "; ".join(part for part in (self.message, self.where, self.hint) if part)


class Issues:
    """Collects the problems of one file; equal ones are kept once. ``file``: its path, if it is
    not the play's own.

    What YAML already refused at a place is not reported again by whoever reads that place.
    """

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._errors: dict[PlayIssue, None] = {}
        self._warnings: dict[PlayIssue, None] = {}
        self._refused_values: set[Mark] = set()
        #: Expressions read without an issue, by path: the node and its syntax.
        self.read: dict[str, tuple[Any, Any]] = {}

    def copy(self) -> Issues:
        """The same problems, to which others can be added apart; what was read is shared."""
        other = Issues()
        other._errors, other._warnings = dict(self._errors), dict(self._warnings)
        other._refused_values = set(self._refused_values)
        other.read = self.read
        return other

    def error(self, code: Code, mark: Mark, message: str, hint: str = "") -> None:
        if mark in self._refused_values:
            return
        if code is Code.YAML_EMPTY:
            self._refused_values.add(mark)
        self._add(PlayIssue(mark.line, mark.column, mark.path, code.value, message, hint))

    def source_error(self, error: IndicatorSourceError) -> None:
        """What is wrong in a file of the project's indicators."""
        self._add(PlayIssue(error.line, 1, "", error.code, error.message, error.hint, error.file))

    def take(self, other: Issues) -> None:
        """All errors of ``other``, which are of another file."""
        for issue in other.errors:
            self._add(issue)

    def _add(self, issue: PlayIssue) -> None:
        self._errors[replace(issue, file=issue.file or self._file)] = None

    def warn(self, code: Code, mark: Mark, message: str, hint: str = "") -> None:
        issue = PlayIssue(mark.line, mark.column, mark.path, code.value, message, hint)
        self._warnings[issue] = None

    @property
    def errors(self) -> tuple[PlayIssue, ...]:
        """All errors in file order."""
        return tuple(sorted(self._errors))

    @property
    def warnings(self) -> tuple[PlayIssue, ...]:
        """All warnings in file order."""
        return tuple(sorted(self._warnings))


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word most like ``word``, if one is alike; ties go to the first by name."""
    names = sorted(set(allowed))
    by_lower = {name.lower(): name for name in reversed(names)}
    match = difflib.get_close_matches(word.lower()[:64], list(by_lower), n=1, cutoff=0.6)
    return by_lower[match[0]] if match else None


def suggestion(word: str, allowed: Iterable[str], *, listed: int = 24) -> str:
    """Hint naming the nearest match of ``word`` and the allowed values (at most ``listed``)."""
    names = sorted(set(allowed))
    guess = nearest(word, names)
    parts = [f"did you mean {guess!r}?"] if guess else []
    if names:
        more = ", ..." if len(names) > listed else ""
        parts.append("allowed: " + ", ".join(names[:listed]) + more)
    return " ".join(parts)


def refusal(issues: Issues, path: str) -> PlayError:
    """The error that carries all of ``issues``, at least one, of the play (or project) at
    ``path``."""
    errors = issues.errors
    first = errors[0]
    more = len(errors) - 1
    tail = f" (and {more} more)" if more else ""
    where = first.where_from(path)
    return PlayError(first.message + tail, issues=errors, path=path, where=where, hint=first.hint)
