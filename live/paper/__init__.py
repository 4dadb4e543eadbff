"""The venue on this machine: Bybit's v5 interface, served over real HTTP from given market data.

One :class:`Venue` holds what the doors share (the clock, the market, faults, rate limits, the
record of requests); :func:`venue_app` puts the doors together, a module of routes a topic. Now
there is the public market door; orders, accounts and streams become modules beside it. The market
comes through the small protocol :class:`MarketSource`, the time through :class:`VenueClock`, so
that the venue runs on generated, stored or replayed data and in virtual time. An unmodified pybit
talks to it. May import ``engine``.
"""

from live.paper.app import venue_app
from live.paper.clock import HostClock, SetClock, VenueClock
from live.paper.faults import Fault, FaultKind, FaultPlan
from live.paper.limits import RequestWindow
from live.paper.server import serving
from live.paper.source import MarketSource, Price
from live.paper.venue import Received, Venue

__all__ = [
    "Fault",
    "FaultKind",
    "FaultPlan",
    "HostClock",
    "MarketSource",
    "Price",
    "Received",
    "RequestWindow",
    "SetClock",
    "Venue",
    "VenueClock",
    "serving",
    "venue_app",
]
