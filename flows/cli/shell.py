"""How a command answers: JSON or text on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.home import Home

if TYPE_CHECKING:
    from rich.console import Console

    from flows.cli.errors import Failure
    from flows.progress import Progress


@dataclass(frozen=True, slots=True)
class Shell:
    """The shared options of one invocation, and the streams it speaks through."""

    as_json: bool
    home: Home
    debug: bool

    def answer(self, document: Mapping[str, Any], render: Callable[[Console], None]) -> None:
        """The command's result: the document with ``--json``, else what ``render`` prints."""
        if self.as_json:
            json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False)
            sys.stdout.write("\n")
            return
        from rich.console import Console

        width = None if sys.stdout.isatty() else 120
        render(Console(highlight=False, width=width))

    def complain(self, failure: Failure) -> None:
        """One failure among several, on stderr."""
        sys.stderr.write(f"{failure.line()}\n")

    def orchestrate(self) -> None:
        """Make Prefect ready to be imported: its files at home, no network, quiet unless asked."""
        from flows.orchestrator import prepare

        prepare(self.home, verbose=self.debug)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show on stderr what long work does, while the context lasts."""
        from rich.console import Console

        from flows.cli.bars import TerminalProgress
        from flows.progress import showing

        console = Console(stderr=True, highlight=False)
        with TerminalProgress(console, quiet=self.as_json) as shown, showing(shown):
            yield shown
