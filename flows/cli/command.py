"""What every command shares: three options, a shell to answer through, rules between options.

:func:`command` registers a function whose first parameter is the :class:`~flows.cli.shell.Shell`;
the options ``--json``, ``--home`` and ``--debug`` are added to its own and become that shell.
Rules between options run inside parsing (:class:`RuledCommand`), so that no command can be reached
with a combination they refuse (M12).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from flows.cli.shell import Shell
from flows.home import Home

#: Looks at the parsed options by parameter name; a text is why they do not go together.
Rule = Callable[[Mapping[str, Any]], str | None]

AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout, errors included.")
]
HomeDirectory = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        envvar="LOCKSTEP_HOME",
        help="Where stores, runs and logs are kept; without it ./.lockstep and ./artifacts.",
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show tracebacks and what the orchestrator logs.")
]
_SHARED = {"as_json": (AsJson, False), "home": (HomeDirectory, None), "debug": (Debug, False)}


class RuledCommand(TyperCommand):
    """A command whose cross-option rules are part of parsing it."""

    rules: Sequence[Rule] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for rule in self.rules:
            problem = rule(ctx.params)
            if problem is not None:
                ctx.fail(problem)
        return rest


def command(
    app: typer.Typer, name: str, *, examples: Sequence[str], rules: Sequence[Rule] = ()
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a function ``(shell, ...) -> exit code`` as the command ``name`` of ``app``."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def run(*, as_json: bool, home: Path | None, debug: bool, **options: Any) -> int:
            return function(Shell(as_json=as_json, home=Home.at(home), debug=debug), **options)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(
                shared_name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default
            )
            for shared_name, (kind, default) in _SHARED.items()
        ]
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in (*own, *shared)}
        ruled = type("Ruled", (RuledCommand,), {"rules": tuple(rules)})
        shown = "\n\n".join(f"[dim]$[/dim] {example}" for example in examples)
        app.command(name, cls=ruled, epilog=f"Examples:\n\n{shown}")(run)
        return function

    return register
