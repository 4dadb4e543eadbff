"""Finding the play a person means: a file, or the name of one in ``./plays``.

The argument is resolved once, here, to the loaded play; whatever comes later takes that object
(M1, M2).
"""

from __future__ import annotations

from pathlib import Path

import yaml

from engine.errors import PlayError
from engine.play import Play, load_play

#: Where plays are looked up by name, below the current directory.
SEARCH = Path("plays")


def find_play(reference: str, *, market: str | None = None) -> Play:
    """The play in the file ``reference``, or the one in ``plays/`` that is named so.

    ``market`` replaces the play's symbol. A name that several files carry is a PlayError that lists
    them.
    """
    path = Path(reference)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return load_play(path, market=market)
    named = [file for file in _files() if _name_in(file) == reference]
    if len(named) == 1:
        return load_play(named[0], market=market)
    if named:
        raise PlayError(
            f"{len(named)} plays are named {reference}",
            where=", ".join(map(str, named)),
            hint="give the path of the one you mean",
            code="PLAY_AMBIGUOUS",
        )
    known = sorted({name for name in map(_name_in, _files()) if name})
    raise PlayError(
        f"no play {reference}",
        where=f"neither a file nor a name in {SEARCH}/",
        hint=f"it has {', '.join(known)}" if known else "give the path of a play's file",
        code="PLAY_FILE",
    )


def _files() -> list[Path]:
    return sorted(p for p in SEARCH.rglob("*") if p.suffix in {".yml", ".yaml"})


def _name_in(file: Path) -> str | None:
    """The name a file gives its play; None if the file is not a map that names one."""
    try:
        held = yaml.load(file.read_bytes(), Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return None
    name = held.get("name") if isinstance(held, dict) else None
    return name if isinstance(name, str) else None
