"""Every structure of the language by name, gathered from the detectors' declarations."""

from __future__ import annotations

from difflib import get_close_matches

from engine.errors import StructureError
from engine.structures import (
    breakers,
    displacement,
    fibonacci,
    gaps,
    liquidity,
    market_structure,
    order_blocks,
    premium_discount,
    rolling_window,
    swing,
    swing_zones,
    trend,
)
from engine.structures.spec import StructureSpec

__all__ = ["STRUCTURES", "StructureSpec", "get"]

_SPECS = (
    swing.SPEC,
    trend.SPEC,
    market_structure.SPEC,
    fibonacci.SPEC,
    swing_zones.ZONE,
    rolling_window.SPEC,
    swing_zones.DERIVED_ZONE,
    displacement.SPEC,
    gaps.SPEC,
    order_blocks.SPEC,
    liquidity.SPEC,
    premium_discount.SPEC,
    breakers.SPEC,
)

#: Declarations by name, in the order of names.
STRUCTURES: dict[str, StructureSpec] = {
    spec.name: spec for spec in sorted(_SPECS, key=lambda s: s.name)
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
