"""A file of user-defined indicators of a play's project, and one indicator of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.canonical import sha256_hex
from engine.errors import IndicatorSourceError

if TYPE_CHECKING:
    from engine.indicators.spec import IndicatorSpec


@dataclass(frozen=True, slots=True)
class IndicatorSource:
    """The text of a file, as read. ``name`` is what the project calls it, ``path`` where it was
    found; neither is part of what it means."""

    name: str
    path: str
    text: str = field(repr=False)

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes (UTF-8)."""
        return sha256_hex(self.text.encode("utf-8"))

    def error(self, code: str, message: str, line: int, hint: str = "") -> IndicatorSourceError:
        """The error of something wrong at a line of this file."""
        return IndicatorSourceError(message, file=self.path, line=line, hint=hint, code=code)


@dataclass(frozen=True, slots=True)
class UserIndicator:
    """An indicator of a user's file. Two are equal when name and source text are.

    ``spec`` is its declaration with every function of the author's guarded
    (``engine/indicators/user/guard.py``), ``line`` where its kernel begins.
    """

    name: str
    sha256: str
    source: IndicatorSource = field(compare=False)
    spec: IndicatorSpec = field(compare=False, repr=False)
    line: int = field(compare=False)


def sources_of(indicators: Iterable[UserIndicator]) -> tuple[IndicatorSource, ...]:
    """The files that hold ``indicators``, each once, in order of their hashes."""
    by_hash = {indicator.sha256: indicator.source for indicator in indicators}
    return tuple(by_hash[sha256] for sha256 in sorted(by_hash))
