"""Downloading history from the venue: public REST endpoints, nothing taken that is not whole.

:class:`VenueGateway` speaks to the venue; :func:`sync_series` and :func:`sync_facts` bring what a
store lacks into it, page by page, and raise PartialFetch when anything is still missing (H14).
Every list is read through one :func:`paginate` (H16), every answer unwrapped in one place into a
typed model (H15), every request sent through one limiter. May import ``engine``, ``tasks.store``.
"""

from tasks.download.address import endpoint_of
from tasks.download.gateway import VenueGateway
from tasks.download.limiter import RequestLimiter
from tasks.download.paginate import Page, paginate
from tasks.download.plan import Window, wanted_window
from tasks.download.retry import RetryPolicy
from tasks.download.sync import Outcome, SeriesWork, refetch, sync_facts, sync_series, windows_of

__all__ = [
    "Outcome",
    "Page",
    "RequestLimiter",
    "RetryPolicy",
    "SeriesWork",
    "VenueGateway",
    "Window",
    "endpoint_of",
    "paginate",
    "refetch",
    "sync_facts",
    "sync_series",
    "wanted_window",
    "windows_of",
]
