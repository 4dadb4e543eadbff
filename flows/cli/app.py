"""The command line put together, and the one boundary where errors become lines and exit codes."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from flows.cli import audit, backtest, data, demo, play, warm
from flows.cli.errors import INTERRUPTED, OK, UNUSABLE, failure_of, show, usage_failure, wants
from tasks.kernels import use_kernel_cache

_OVERVIEW = """Move market data, backtest plays and prove the runs, on Bybit USDT perpetuals.

What you backtested is what you deployed, and you can prove it."""


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="lockstep",
        help=_OVERVIEW,
        add_completion=False,
        no_args_is_help=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    demo.register(app)
    data.register(app)
    play.register(app)
    backtest.register(app)
    audit.register(app)
    warm.register(app)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and raises nothing (but with ``--debug``)."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    as_json = wants("--json", arguments)
    use_kernel_cache()
    try:
        answer = typer.main.get_command(build()).main(
            args=arguments, prog_name="lockstep", standalone_mode=False
        )
        if answer == INTERRUPTED:
            return show(failure_of(KeyboardInterrupt()), as_json=as_json)
        return OK if answer is None else int(answer)
    except typer.TyperException as error:
        return _show_usage(error, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output has gone; what Python flushes at exit must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (Exception, KeyboardInterrupt) as error:
        if wants("--debug", arguments):
            raise
        return show(failure_of(error), as_json=as_json)


def run() -> NoReturn:
    """The ``lockstep`` process: :func:`main`, and its exit code whatever an interrupt met. One that
    came while an extension module ran Python code would else end the process by its signal, though
    it was caught: the interpreter remembers it."""
    code = main()
    if code == INTERRUPTED:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _show_usage(error: typer.TyperException, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    usage = context.get_usage() if context is not None else ""
    command = context.command_path if context is not None else "lockstep"
    show(usage_failure(error.format_message(), usage, command), as_json=as_json)
    return UNUSABLE
