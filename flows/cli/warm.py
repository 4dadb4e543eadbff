"""``lockstep warm``: compile the kernels now, visibly, instead of in the first backtest."""

from __future__ import annotations

import time

import typer

from flows.cli.command import command
from flows.cli.errors import OK
from flows.cli.shell import Shell


def register(parent: typer.Typer) -> None:
    @command(parent, "warm", examples=["lockstep warm"])
    def warm(shell: Shell) -> int:
        """Compile the engine's kernels once for this machine; later commands load them."""
        began = time.monotonic()
        with shell.progress() as progress:
            progress.step("compiling the engine's kernels (a minute or two, once)")
            from flows.warm import warm as compile_kernels

            names = compile_kernels()
        seconds = round(time.monotonic() - began, 1)
        shell.answer(
            {"plays": names, "seconds": seconds},
            lambda console: console.print(f"kernels ready after {seconds} s"),
        )
        return OK
