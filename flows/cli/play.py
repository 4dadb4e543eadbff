"""``lockstep play``: check plays, read them in words, their schema, old plays to new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command import command
from flows.cli.errors import OK, UNUSABLE, Failure
from flows.cli.options import Play
from flows.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="Plays: check them, explain them, list the indicators they may use.")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="play")


@command(app, "check", examples=["lockstep play check plays/*.yml"])
def check(
    shell: Shell,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Plays to check.")],
) -> int:
    """Report every problem of each play, with its place and how to mend it."""
    plays = [_checked(file) for file in files]

    def render(console: Console) -> None:
        for play in plays:
            mark = "ok " if play["ok"] else "bad"
            console.print(
                f"{mark} {play['path']} {play['play_hash'] or ''}", markup=False, soft_wrap=True
            )
            if play["history_dependent"]:
                names = ", ".join(play["history_dependent"])
                note = f"    depends on where history begins: {names}"
                console.print(note, markup=False, soft_wrap=True)
            for own in play["indicators"]:
                note = f"    {own['name']} is the project's own: {own['file']} {own['sha256']}"
                console.print(note, markup=False, soft_wrap=True)
            for warning in play["warnings"]:
                console.print(f"    warning: {warning}", markup=False, soft_wrap=True)

    shell.answer({"plays": plays}, render)
    for play in plays:
        for error in play["errors"]:
            place = f"line {error['line']}, column {error['column']}"
            where = f"{error['file'] or play['path']}: {error['path'] or 'file'}, {place}"
            shell.complain(Failure(error["code"], error["message"], where, error["hint"]))
    return OK if all(play["ok"] for play in plays) else UNUSABLE


@command(app, "explain", examples=["lockstep play explain plays/ema_pullback.yml"])
def explain(shell: Shell, play: Play) -> int:
    """Say in words what a play computes, when it trades, and how much history it warms up on."""
    from engine.config import RunConfig
    from engine.features import compile_features
    from engine.play import explain_play
    from engine.timeframe import parse_timeframe
    from flows.plays import find_play

    loaded = find_play(play)
    config = RunConfig()
    base = parse_timeframe(config.fill_timeframe)
    warmup = compile_features(loaded, base, float(config.warmup_weight)).warmup
    document = {
        "path": loaded.path,
        "play_hash": loaded.play_hash,
        "warmup": warmup.to_dict(),
        "text": explain_play(loaded, warmup.bars),
    }
    shell.answer(
        document, lambda console: console.print(document["text"], markup=False, soft_wrap=True)
    )
    return OK


@command(
    app,
    "indicators",
    examples=[
        "lockstep play indicators",
        "lockstep play indicators bbands",
        "lockstep play indicators --project plays/custom",
    ],
)
def indicators(
    shell: Shell,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one, with its formula.")
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="DIR",
            help="Also the indicators of the project in this folder, each proved.",
        ),
    ] = None,
) -> int:
    """List the indicators plays may use: inputs, parameters, outputs."""
    from engine.indicators.registry import INDICATORS, get
    from engine.play import project_indicators

    own = project_indicators(project) if project is not None else {}
    declared = {**INDICATORS, **{name: indicator.spec for name, indicator in own.items()}}
    specs = list(declared.values()) if name is None else [declared.get(name) or get(name)]
    found = [
        _indicator(spec) | {"file": own[spec.name].source.path if spec.name in own else None}
        for spec in specs
    ]

    def render(console: Console) -> None:
        from flows.cli.tables import facts, listing

        if name is None:
            rows = [(i["name"], _call(i), ", ".join(_outputs(i)), i["summary"]) for i in found]
            console.print(listing(("name", "call", "outputs", "what it is"), rows))
            return
        (one,) = found
        bounds = [f"{p['name']}: {p['low']} to {p['high']}" for p in one["params"] if p["low"]]
        console.print(
            facts(
                {
                    "call": _call(one),
                    "what": one["summary"],
                    "formula": one["formula"],
                    "source": one["source"],
                    "file": one["file"] or "built in",
                    "outputs": ", ".join(_outputs(one)),
                    "bounds": ", ".join(bounds) or "-",
                }
            )
        )

    shell.answer({"indicators": found}, render)
    return OK


@command(app, "schema", examples=["lockstep play schema > play.schema.json"])
def schema(shell: Shell) -> int:
    """Print the JSON Schema of plays, for editors that complete and check while one types."""
    from engine.play import play_schema

    document = play_schema()

    def render(console: Console) -> None:
        import json

        text = json.dumps(document, indent=2)
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    shell.answer(document, render)
    return OK


@command(
    app,
    "import",
    examples=[
        "lockstep play import old.yml",
        "lockstep play import old.yml --output plays/new.yml",
    ],
)
def import_old(
    shell: Shell,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A play of the predecessor's format.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the new play there.")
    ] = None,
) -> int:
    """Convert a play of the predecessor's format; list what was ambiguous or broken in it."""
    from engine.play import import_play

    raw = _bytes(old)
    imported = import_play(raw, str(old))
    if output is not None:
        _write(output, imported.annotated)
    document = {
        "path": str(old),
        "output": str(output) if output is not None else None,
        "name": imported.name,
        "ok": not imported.issues,
        "play": imported.text,
        "notes": [asdict(note) for note in imported.notes],
        "errors": [asdict(issue) for issue in imported.issues],
    }

    def render(console: Console) -> None:
        shown = imported.annotated if output is None else "\n".join(map(str, imported.notes))
        console.print(shown, markup=False, highlight=False, soft_wrap=True)

    shell.answer(document, render)
    for issue in imported.issues:
        where = f"{imported.name}: {issue.path or 'file'}, line {issue.line}, column {issue.column}"
        shell.complain(Failure(issue.code, issue.message, where, issue.hint))
    return OK if not imported.issues else UNUSABLE


def _bytes(path: Path) -> bytes:
    from engine.errors import PlayError
    from engine.play.document import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PlayError(f"it cannot be read: {error.strerror}", where=str(path)) from error


def _write(path: Path, text: str) -> None:
    """A new file; one that is there already is never overwritten."""
    from engine.errors import PlayError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise PlayError(
            f"it cannot be written: {error.strerror}", where=str(path), hint="name a new file"
        ) from error


def _checked(file: Path) -> dict[str, Any]:
    from engine.errors import PlayError
    from engine.play import load_play
    from engine.play.history import history_dependent

    try:
        play = load_play(file)
    except PlayError as error:
        errors = [asdict(issue) for issue in error.issues]  # type: ignore[call-overload]
        return {
            "path": str(file),
            "ok": False,
            "play_hash": None,
            "errors": errors,
            "warnings": [],
            "history_dependent": [],
            "indicators": [],
        }
    return {
        "path": str(file),
        "ok": True,
        "play_hash": play.play_hash,
        "errors": [],
        "warnings": list(play.warnings),
        "history_dependent": list(history_dependent(play)),
        "indicators": [
            {"name": own.name, "file": own.source.path, "sha256": own.sha256}
            for own in play.indicators
        ],
    }


def _indicator(spec: Any) -> dict[str, Any]:
    def text(value: Any) -> str | None:
        return None if value is None else str(value)

    return {
        "name": spec.name,
        "summary": spec.summary,
        "formula": spec.formula,
        "source": spec.source,
        "inputs": list(spec.inputs),
        "params": [
            {
                "name": param.name,
                "type": param.type,
                "default": text(param.default),
                "low": text(param.low),
                "high": text(param.high),
                "choices": list(param.choices),
            }
            for param in spec.params
        ],
        "outputs": [{"name": out.name, "type": out.type.value} for out in spec.outputs],
        "history_dependent": spec.history_dependent,
    }


def _call(indicator: Mapping[str, Any]) -> str:
    source = ["source"] if indicator["inputs"] == ["source"] else []
    params = [
        param["name"] if param["default"] is None else f"{param['name']}={param['default']}"
        for param in indicator["params"]
    ]
    return f"{indicator['name']}({', '.join([*source, *params])})"


def _outputs(indicator: Mapping[str, Any]) -> list[str]:
    return [output["name"] for output in indicator["outputs"]]
