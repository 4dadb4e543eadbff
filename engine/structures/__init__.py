"""Structures: pivots, trends, breaks, legs and zones; one declaration and one kernel each.

``spec.py`` is the shape of a declaration, ``registry.py`` gathers them; ``zones.py`` is the one
lifecycle of all zones, ``pairs.py`` the one rule of legs, ``identity.py`` the one hash of zones.
Imports nothing of the project but the error tree, the types and the indicators.
"""

from engine.structures.batch import compute
from engine.structures.registry import STRUCTURES, get
from engine.structures.spec import RatiosSpec, SourceSpec, StructureSpec, typed

__all__ = [
    "STRUCTURES",
    "RatiosSpec",
    "SourceSpec",
    "StructureSpec",
    "compute",
    "get",
    "typed",
]
