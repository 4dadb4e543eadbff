"""Which failures of a request may pass by themselves, and how long to wait for that.

Only those are tried again: a timeout, a broken connection, a body cut short, HTTP 5xx, and the
venue's own "server error" and "too many visits". Everything else fails at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError

#: Docs v5/error: 10000 server timeout, 10016 server error, 10019 shutting down.
SERVER_CODES = frozenset({10000, 10016, 10019})
#: 10006 too many visits, 10429 system-level frequency protection, HTTP 429.
RATE_CODES = frozenset({10006, 10429, 429})
FORBIDDEN = 403
#: What pybit calls a body that is no JSON.
_BODY_UNREADABLE = 409


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` a request, and at most ``backoff_s`` seconds of waiting between them."""

    attempts: int = 5
    backoff_s: float = 30.0
    first_wait_s: float = 0.5

    def waits(self, jitter: random.Random) -> Iterator[float]:
        """The waits after each failed attempt: doubling, each shortened by up to half."""
        left, wait = self.backoff_s, self.first_wait_s
        for _ in range(self.attempts - 1):
            pause = min(wait * (1.0 - 0.5 * jitter.random()), left)
            left -= pause
            wait *= 2.0
            yield pause


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed attempt: a short ``cause``, and whether another attempt may do better.

    ``limited``: the venue asks us to wait, and its ``headers`` say how long. ``banned``: HTTP 403.
    """

    cause: str
    passing: bool = False
    limited: bool = False
    banned: bool = False
    headers: Mapping[str, str] | None = None


def trouble_of(error: Exception) -> Trouble:
    """What an exception of pybit or of its transport means."""
    if isinstance(error, requests.exceptions.Timeout):
        return Trouble("timeout", passing=True)
    if isinstance(error, FailedRequestError):
        status = int(error.status_code)
        if status == FORBIDDEN:
            return Trouble("ip_banned", banned=True)
        if status == _BODY_UNREADABLE:
            return Trouble("body_unreadable", passing=True)
        limited = status in RATE_CODES
        headers = error.resp_headers
        return Trouble(f"http_{status}", limited or status >= 500, limited, headers=headers)
    if isinstance(error, InvalidRequestError):
        code = int(error.status_code)
        limited = code in RATE_CODES
        cause = f"ret_code_{code}: {error.message}"
        passing = limited or code in SERVER_CODES
        return Trouble(cause, passing, limited, headers=error.resp_headers)
    if isinstance(error, requests.exceptions.ContentDecodingError | requests.exceptions.InvalidURL):
        return Trouble(f"unusable: {type(error).__name__}")
    # What is left of the transport: refused, reset, cut off.
    return Trouble(f"connection: {type(error).__name__}", passing=True)
