"""The venue's time, given from outside: the host's, or one that tests and replays set."""

from __future__ import annotations

import time
from typing import Protocol


class VenueClock(Protocol):
    """Tells the venue's time."""

    def now_ms(self) -> int:
        """Epoch ms UTC."""
        ...


class HostClock:
    """The host's time, ``ahead_ms`` ahead of it."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self._ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms
