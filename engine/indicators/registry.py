"""Every indicator of the language by name, gathered from the families' declarations."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Protocol

from engine.errors import IndicatorError
from engine.indicators import (
    averages,
    candles,
    channels,
    directional,
    oscillators,
    profile,
    ranges,
    sessions,
    squeeze,
    trailing,
    trend,
    volatility,
    volume,
    vwap,
    weighted,
)
from engine.indicators.spec import IndicatorSpec, OutputSpec, ParamSpec
from engine.play.own_indicators import UserIndicator

__all__ = ["INDICATORS", "IndicatorSpec", "OutputSpec", "ParamSpec", "get", "spec_of"]

_FAMILIES = (
    averages,
    candles,
    channels,
    directional,
    oscillators,
    profile,
    ranges,
    sessions,
    squeeze,
    trailing,
    trend,
    volatility,
    volume,
    vwap,
    weighted,
)

#: Declarations by name, in the order of names; nothing can be added.
INDICATORS: Mapping[str, IndicatorSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in sorted((s for family in _FAMILIES for s in family.SPECS), key=lambda s: s.name)
    }
)


class _Named(Protocol):
    """A node that calls an indicator: one of a play's tree or of its plan."""

    @property
    def name(self) -> str: ...
    @property
    def user(self) -> UserIndicator | None: ...


def spec_of(node: _Named) -> IndicatorSpec:
    """The declaration of the indicator that ``node`` calls: its project's own or a built-in one.

    A node carries a user's declaration with it, so plays of different projects do not mix.
    """
    return INDICATORS[node.name] if node.user is None else node.user.spec


def get(name: str) -> IndicatorSpec:
    """The declaration of ``name``; IndicatorError INDICATOR_UNKNOWN with the nearest name."""
    if name in INDICATORS:
        return INDICATORS[name]
    close = get_close_matches(name, INDICATORS, 1)
    raise IndicatorError(
        f"unknown indicator {name}",
        hint=f"did you mean {close[0]}?" if close else f"indicators: {', '.join(INDICATORS)}",
        code="INDICATOR_UNKNOWN",
    )
