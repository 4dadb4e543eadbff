"""What all doors of the venue share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from live.paper.clock import VenueClock
from live.paper.faults import FaultPlan
from live.paper.limits import RequestWindow
from live.paper.replies import PARAMS_ERROR, RequestRefused
from live.paper.source import MarketSource


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in: ``at_ms`` by the venue's clock."""

    at_ms: int
    method: str
    path: str
    query: Mapping[str, str]


@dataclass(eq=False)
class Venue:
    """One exchange: its market, its time, its habits, and every request it has received."""

    source: MarketSource
    clock: VenueClock
    faults: FaultPlan = field(default_factory=FaultPlan)
    limits: RequestWindow = field(default_factory=RequestWindow)
    received: list[Received] = field(default_factory=list)
    #: The last answer of each path, for the fault that repeats it.
    answered: dict[str, bytes] = field(default_factory=dict)

    def known(self, symbol: str) -> str:
        """``symbol`` if it is listed by now; else the venue's refusal."""
        if symbol not in self.source.symbols() or not self.is_listed(symbol):
            raise RequestRefused(PARAMS_ERROR, "params error: symbol invalid")
        return symbol

    def is_listed(self, symbol: str) -> bool:
        """Whether a symbol has been launched by the venue's time."""
        launch_ms = self.source.instrument(symbol).launch_ms
        return launch_ms is None or launch_ms <= self.clock.now_ms()
