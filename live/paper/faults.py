"""Faults on demand: what a real venue does now and then, done to chosen requests.

A plan is a list of faults. Each counts the requests it matches and acts on a run of them: after
``skip`` matching requests, on the next ``times``. Equal requests in equal order meet equal faults.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    RATE_LIMIT = "rate_limit"  # retCode 10006, with the headers that say when to come back
    FORBIDDEN = "forbidden"  # HTTP 403
    SERVER_ERROR = "server_error"  # HTTP 502
    RET_CODE = "ret_code"  # the given retCode
    TIMEOUT = "timeout"  # no answer for `seconds`
    TRUNCATED = "truncated"  # half of the body
    WRONG_SYMBOL = "wrong_symbol"  # another symbol's name on the answer
    DUPLICATE_PAGE = "duplicate_page"  # the answer to the request before
    REWRITTEN_CANDLE = "rewritten_candle"  # the candle at `at_ms` closes at its low, for now
    FORMING_CANDLE = "forming_candle"  # the candle that has not closed comes first
    MISSING_ROW = "missing_row"  # the row at `at_ms` is left out


class Fault(BaseModel):
    """One fault: ``path`` ends like the request's, ``symbol`` is its; None matches all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    path: str | None = None
    symbol: str | None = None
    #: Only requests whose window holds this moment.
    at_ms: int | None = None
    skip: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    seconds: float = Field(default=30.0, gt=0)
    ret_code: int = 10016

    def matches(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether a request is one of those this fault counts."""
        if self.path is not None and not path.endswith(self.path):
            return False
        if self.symbol is not None and query.get("symbol") != self.symbol:
            return False
        if self.at_ms is None:
            return True
        start = query.get("start", query.get("startTime", "0"))
        end = query.get("end", query.get("endTime", "0"))
        return int(start) <= self.at_ms <= int(end)


class FaultPlan:
    """The faults of a venue, and how often each has been met."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._met = [0] * len(self._faults)
        self._turn = threading.Lock()

    @classmethod
    def of(cls, document: Iterable[Mapping[str, Any]]) -> FaultPlan:
        """A plan from plain data, as a fault file holds it."""
        return cls(Fault.model_validate(entry) for entry in document)

    def strike(self, path: str, query: Mapping[str, str]) -> list[Fault]:
        """The faults that act on this request, which is counted."""
        acting = []
        with self._turn:
            for index, fault in enumerate(self._faults):
                if not fault.matches(path, query):
                    continue
                self._met[index] += 1
                if fault.skip < self._met[index] <= fault.skip + fault.times:
                    acting.append(fault)
        return acting
