"""The venue's own counting of requests: 600 in any 5 seconds from one address, then a ban."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

REQUESTS_MAX, WINDOW_S, BAN_S = 600, 5.0, 600.0


class RequestWindow:
    """Requests of each address in the last seconds; more than allowed bans it for ten minutes.

    Source: v5 docs, rate limit. ``monotonic`` tells seconds.
    """

    def __init__(
        self,
        requests_max: int = REQUESTS_MAX,
        window_s: float = WINDOW_S,
        ban_s: float = BAN_S,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests_max, self._window_s, self._ban_s = requests_max, window_s, ban_s
        self._monotonic = monotonic
        self._seen: dict[str, deque[float]] = {}
        self._banned: dict[str, float] = {}

    def admit(self, address: str) -> int | None:
        """Count a request; how many more are allowed now, or None if the address is banned."""
        now = self._monotonic()
        if now < self._banned.get(address, now):
            return None
        seen = self._seen.setdefault(address, deque())
        while seen and seen[0] <= now - self._window_s:
            seen.popleft()
        if len(seen) >= self.requests_max:
            self._banned[address] = now + self._ban_s
            return None
        seen.append(now)
        return self.requests_max - len(seen)

    def refill_ms(self, address: str) -> int:
        """Milliseconds until the oldest counted request is forgotten."""
        seen = self._seen.get(address)
        if not seen:
            return 0
        return max(int((seen[0] + self._window_s - self._monotonic()) * 1000.0), 0)
