"""The random scenarios of :mod:`tests.oracle.random_scenarios` as a Hypothesis strategy, so that
what fails shrinks to few small numbers."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.oracle.random_scenarios import Option, scenario
from tests.oracle.scenario import Scenario


class _Drawn:
    """Numbers that Hypothesis draws."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def between(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def pick(self, options: Sequence[Option]) -> Option:
        return self._draw(st.sampled_from(options))


@st.composite
def scenarios(draw: st.DrawFn, max_bars: int = 12) -> Scenario:
    """A whole scenario."""
    return scenario(_Drawn(draw), max_bars)
