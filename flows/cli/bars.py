"""Progress on a terminal: a bar a step; elsewhere a line a step."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from flows.progress import Report


class TerminalProgress:
    """Shows steps on ``console``; with ``quiet`` and without a terminal nothing at all."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._lines = not quiet and not console.is_terminal
        self._bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=quiet,
            disable=not console.is_terminal,
        )
        self._running = None

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        self._bars.stop()

    def step(self, what: str) -> Report:
        """Begin a step; the one before it is shown as done."""
        self._finish()
        if self._lines:
            self._console.print(f"==> {what}", markup=False, soft_wrap=True)
        running = self._running = self._bars.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            self._bars.update(running, completed=done, total=total)

        return report

    def track(self, what: str) -> Report:
        """Begin work beside other work, with a bar of its own."""
        bar = self._bars.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            self._bars.update(bar, completed=done, total=total)
            if self._lines and done == total:
                self._console.print(f"==> {what}: done", markup=False, soft_wrap=True)

        return report

    def _finish(self) -> None:
        if self._running is None:
            return
        task = next(t for t in self._bars.tasks if t.id == self._running)
        total = task.total or 1
        self._bars.update(self._running, completed=total, total=total)
        self._running = None
