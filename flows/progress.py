"""What long work tells those who watch: which step it is at, and how far.

Flows and tasks report to whatever :func:`showing` put in place; without it nobody watches and
nothing is shown. A context variable carries it, because flows take plain JSON-able parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

#: ``(done, total)`` of one step.
Report = Callable[[int, int], None]


class Progress(Protocol):
    """Something that shows progress."""

    def step(self, what: str) -> Report:
        """A step begins (and the one before it has ended); its counts go to what is returned."""
        ...

    def track(self, what: str) -> Report:
        """A piece of work begins beside others; it has ended when all of it is done."""
        ...


def _unwatched(done: int, total: int) -> None:
    """Reports of work nobody watches."""


_SHOWN: ContextVar[Progress | None] = ContextVar("lockstep_progress", default=None)


def step(what: str) -> Report:
    """Begin a step under the progress in place; returns where its counts are reported."""
    shown = _SHOWN.get()
    return _unwatched if shown is None else shown.step(what)


def track(what: str) -> Report:
    """Begin work that runs beside other work; returns where its counts are reported."""
    shown = _SHOWN.get()
    return _unwatched if shown is None else shown.track(what)


@contextmanager
def showing(progress: Progress) -> Iterator[None]:
    """Show progress there while the context lasts."""
    token = _SHOWN.set(progress)
    try:
        yield
    finally:
        _SHOWN.reset(token)
