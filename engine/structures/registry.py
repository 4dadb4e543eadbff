"""Every structure of the language by name, gathered from the detectors' declarations."""

from __future__ import annotations

from difflib import get_close_matches

from engine.errors import StructureError
from engine.structures import swing
from engine.structures.spec import StructureSpec

__all__ = ["STRUCTURES", "StructureSpec", "get"]

_DETECTORS = (swing,)

#: Declarations by name, in the order of names.
STRUCTURES: dict[str, StructureSpec] = {
    spec.name: spec for spec in sorted((d.SPEC for d in _DETECTORS), key=lambda s: s.name)
}


def get(name: str) -> StructureSpec:
    """The declaration of ``name``; StructureError STRUCTURE_UNKNOWN with the nearest name."""
    if name in STRUCTURES:
        return STRUCTURES[name]
    close = get_close_matches(name, STRUCTURES, 1)
    raise StructureError(
        f"unknown structure {name}",
        hint=f"did you mean {close[0]}?" if close else f"structures: {', '.join(STRUCTURES)}",
        code="STRUCTURE_UNKNOWN",
    )
