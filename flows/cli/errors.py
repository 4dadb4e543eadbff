"""What goes wrong, as one line a person can act on and one document a script can read.

Exit codes: 0 ok; 1 it ran and the answer is not good; 2 unusable input; 3 lock busy;
130 interrupted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.errors import LockBusy, LockstepError, PlayError

OK, NOT_GOOD, UNUSABLE, BUSY, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure as it is shown; ``more`` adds fields to the JSON document's error."""

    code: str
    message: str
    where: str = ""
    hint: str = ""
    exit_code: int = UNUSABLE
    more: dict[str, Any] = field(default_factory=dict)
    #: Shown instead of the failure itself, one line each (the problems of a play).
    parts: tuple[Failure, ...] = ()

    def line(self) -> str:
        """``error[CODE]: what; where; how to mend it``, on one line whatever the parts hold."""
        parts = (" ".join(part.split()) for part in (self.message, self.where, self.hint))
        return f"error[{self.code}]: " + "; ".join(part for part in parts if part)

    def document(self) -> dict[str, Any]:
        shown = {"code": self.code, "message": self.message, "where": self.where, "hint": self.hint}
        return {"error": {**shown, **self.more}}


def failure_of(error: BaseException) -> Failure:
    """The failure an exception means; what is no user's error is a defect and says so."""
    if isinstance(error, LockstepError):
        return _known(error)
    if isinstance(error, KeyboardInterrupt) or _ended_a_query(error):
        return Failure("INTERRUPTED", "interrupted", exit_code=INTERRUPTED)
    if isinstance(error, OSError):
        return Failure(
            "IO",
            error.strerror or str(error),
            where=str(error.filename or ""),
            hint="check the path, its permissions and the space left",
        )
    return Failure(
        "INTERNAL",
        f"{type(error).__name__}: {error}",
        hint="this is a defect of Lockstep; --debug shows where",
        exit_code=NOT_GOOD,
    )


def _ended_a_query(error: BaseException) -> bool:
    """Whether it is what DuckDB makes of an interrupt that comes while a query runs."""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"


def _known(error: LockstepError) -> Failure:
    more: dict[str, Any] = {}
    parts: tuple[Failure, ...] = ()
    if isinstance(error, PlayError) and error.issues:
        more["issues"] = [asdict(issue) for issue in error.issues]  # type: ignore[call-overload]
        parts = tuple(
            Failure(i.code, i.message, i.where_from(error.path), i.hint)  # type: ignore[attr-defined]
            for i in error.issues
        )
    if isinstance(error, LockBusy):
        more["pid"] = error.pid
    return Failure(error.code, error.message, error.where, error.hint, error.exit_code, more, parts)


def usage_failure(message: str, usage: str, command: str) -> Failure:
    """A command line that cannot be read; the hint is the usage text."""
    return Failure("USAGE", message.rstrip("."), where=command, hint=usage)


def show(failure: Failure, *, as_json: bool) -> int:
    """Write the failure to where its readers are; returns the exit code."""
    for shown in failure.parts or (failure,):
        sys.stderr.write(f"{shown.line()}\n")
    if as_json:
        sys.stdout.write(f"{json.dumps(failure.document(), ensure_ascii=False)}\n")
    return failure.exit_code


def wants(flag: str, arguments: Sequence[str]) -> bool:
    """Whether ``flag`` stands among raw arguments: a line that does not parse is answered in the
    form it asked for."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return flag in before
