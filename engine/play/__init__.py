"""The play language: one YAML file that states a whole strategy, read into one immutable object.

Lives here: YAML with positions, the expression grammar, names and types, the canonical form and
its hash, explanations in words, the JSON Schema, and plays of the predecessor's format
(``predecessor/``). May import the rest of ``engine`` (declarations of indicators and structures);
does no I/O but reading a play's file, and the files of the project in its folder, in
:func:`load_play`. The public door is ``__all__``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.play.explain import explain_play
    from engine.play.issues import PlayIssue
    from engine.play.loader import check_play, load_play, loads_play
    from engine.play.model import Play
    from engine.play.predecessor import import_play
    from engine.play.project import project_indicators
    from engine.play.schema import play_schema

__all__ = [
    "Play",
    "PlayIssue",
    "check_play",
    "explain_play",
    "import_play",
    "load_play",
    "loads_play",
    "play_schema",
    "project_indicators",
    "vary_play",
]

_HOMES = {
    "Play": "engine.play.model",
    "PlayIssue": "engine.play.issues",
    "check_play": "engine.play.loader",
    "explain_play": "engine.play.explain",
    "import_play": "engine.play.predecessor",
    "load_play": "engine.play.loader",
    "loads_play": "engine.play.loader",
    "play_schema": "engine.play.schema",
    "project_indicators": "engine.play.project",
    "vary_play": "engine.play.loader",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: the indicator registry, which the loader needs, itself imports
    # engine.play.ast.
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
