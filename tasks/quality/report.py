"""The typed report of a quality suite, the same for terminal, JSON, pages and flows (M13)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.errors import QualityError
from engine.timeframe import format_ms
from tasks.store.series import Kind

#: Version of the report's JSON shape.
REPORT_SCHEMA: Literal[1] = 1
Severity = Literal["error", "warning"]


class Status(StrEnum):
    """The outcome of a check of data, everywhere it is shown."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"


class ExpectationResult(BaseModel):
    """One check: ``unexpected`` rows of the series fail it, the first at ``examples_ms``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    meaning: str
    severity: Severity
    passed: bool
    unexpected: int
    examples_ms: tuple[int, ...]


class QualityReport(BaseModel):
    """The outcome of a suite over one series; ``first_ms`` and ``last_ms`` are row times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = REPORT_SCHEMA
    suite: str
    suite_version: int
    symbol: str
    kind: Kind
    timeframe: str
    rows: int
    first_ms: int | None
    last_ms: int | None
    status: Status
    expectations: tuple[ExpectationResult, ...]

    def failed(self) -> list[ExpectationResult]:
        """The checks that did not pass, errors first."""
        found = [check for check in self.expectations if not check.passed]
        return sorted(found, key=lambda check: check.severity)

    def require(self) -> None:
        """Raise QualityError naming the failed checks if the status is FAIL."""
        if self.status is not Status.FAIL:
            return
        errors = [check for check in self.failed() if check.severity == "error"]
        first = errors[0]
        at = f", first at {format_ms(first.examples_ms[0])}" if first.examples_ms else ""
        raise QualityError(
            f"{len(errors)} quality checks failed: "
            + ", ".join(f"{check.name} ({check.unexpected} rows)" for check in errors),
            where=f"{self.symbol} {self.kind.value} {self.timeframe}".rstrip() + at,
            hint="mend the rows and import again",
        )


def status_of(results: Sequence[ExpectationResult]) -> Status:
    """FAIL with any failed error, else WARN with any failed warning, else PASS."""
    failed = {check.severity for check in results if not check.passed}
    if "error" in failed:
        return Status.FAIL
    return Status.WARN if failed else Status.PASS
