"""The one limiter all workers of a process send their requests through.

The venue allows 600 requests in any 5 seconds from one address, and answers more with HTTP 403 and
a ban of ten minutes (v5 docs, rate limit). Its headers tell of stricter limits of an endpoint.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from engine.errors import IpBanned, VenueError
from engine.timeframe import format_ms

REQUESTS_MAX, WINDOW_S = 600, 5.0
#: The longest wait a header may ask for: limits of endpoints are told per second.
HEADER_WAIT_MAX_S = 10.0
#: What an answer tells of the endpoint's own limit: requests left, and when it is refilled.
LEFT_HEADER, RESET_HEADER = "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp"


class RequestLimiter:
    """Lets requests through at the allowed rate, and none during a ban.

    ``now_ms`` is the host's time, ``monotonic`` and ``sleep`` are in seconds; tests give their own.
    :meth:`stop` ends every wait and lets no further request through, also from another thread.
    """

    def __init__(
        self,
        requests_max: int = REQUESTS_MAX,
        window_s: float = WINDOW_S,
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._requests_max, self._window_s = requests_max, window_s
        self._stopped = threading.Event()
        self._now_ms, self._monotonic = now_ms, monotonic
        self._sleep = sleep or self._stopped.wait
        self._sent: deque[float] = deque()
        self._paused_until = 0.0
        self._banned_until_ms: int | None = None
        self._turn = threading.Lock()

    @property
    def banned_until_ms(self) -> int | None:
        """The end of the ban that is in force; None if none is."""
        until = self._banned_until_ms
        return until if until is not None and self._now_ms() < until else None

    def acquire(self) -> None:
        """Wait until a request may be sent, and count it.

        Raises IpBanned while a ban is in force, VenueError ``CANCELLED`` once stopped.
        """
        while True:
            if self._stopped.is_set():
                raise VenueError("the sync was stopped", code="CANCELLED")
            until = self.banned_until_ms
            if until is not None:
                raise IpBanned(
                    f"the venue refuses this address until {format_ms(until)}",
                    until_ms=until,
                    hint="sync again after that",
                )
            with self._turn:
                wait_s = self._wait_s()
                if wait_s <= 0.0:
                    self._sent.append(self._monotonic())
                    return
            self._sleep(wait_s)

    def stop(self) -> None:
        """Let no further request through."""
        self._stopped.set()

    def ban(self, until_ms: int) -> None:
        """Send nothing until then."""
        self._banned_until_ms = until_ms

    def observe(self, headers: Mapping[str, str]) -> None:
        """Hold all requests back if an answer says that its endpoint's limit is used up."""
        if headers.get(LEFT_HEADER, "1") == "0":
            self.hold(self.reset_wait_s(headers))

    def hold(self, wait_s: float) -> None:
        """Let no request through for so long."""
        with self._turn:
            self._paused_until = max(self._paused_until, self._monotonic() + wait_s)

    def reset_wait_s(self, headers: Mapping[str, str]) -> float:
        """Seconds until the limit an answer tells of is refilled; a window where it is silent."""
        reset = headers.get(RESET_HEADER, "")
        if not reset.isdecimal():
            return self._window_s
        return min(max((int(reset) - self._now_ms()) / 1000.0, 0.0), HEADER_WAIT_MAX_S)

    def pause(self, seconds: float) -> None:
        """Wait between two attempts of one request."""
        self._sleep(seconds)

    def _wait_s(self) -> float:
        now = self._monotonic()
        while self._sent and self._sent[0] <= now - self._window_s:
            self._sent.popleft()
        wait_s = self._paused_until - now
        if len(self._sent) >= self._requests_max:
            wait_s = max(wait_s, self._sent[0] + self._window_s - now)
        return wait_s
