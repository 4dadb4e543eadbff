"""The whole error tree of Lockstep, with stable codes.

Every error a user can meet derives from :class:`LockstepError`: one line of what happened, where,
and how to mend it. The command line prints it as ``error[CODE]: what; where; how to mend it`` and
exits with ``exit_code`` (1: it ran and the answer is not good; 2: unusable input; 3: lock busy).
"""

from __future__ import annotations


class LockstepError(Exception):
    """Base of all errors that are a user's to read; never raised itself."""

    code = "ERROR"
    exit_code = 2

    def __init__(
        self, message: str, *, where: str = "", hint: str = "", code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return "; ".join(part for part in (self.message, self.where, self.hint) if part)


class TimeError(LockstepError):
    """A time or timeframe that cannot be read."""

    code = "TIME_INVALID"


class PlayError(LockstepError):
    """A play that cannot be loaded; ``issues`` holds every problem of the file, not the first;
    ``path`` is that of the play."""

    code = "PLAY_INVALID"

    def __init__(
        self, message: str, *, issues: tuple[object, ...] = (), path: str = "", **parts: str
    ) -> None:
        super().__init__(message, **parts)
        self.issues = issues
        self.path = path


class IndicatorError(LockstepError):
    """An indicator, parameter or input that does not exist or is out of its bounds."""

    code = "INDICATOR_INVALID"


class IndicatorSourceError(IndicatorError):
    """A file of user-defined indicators that cannot be used: ``file`` and ``line`` (from 1)."""

    code = "INDICATOR_FILE"

    def __init__(self, message: str, *, file: str, line: int, hint: str = "", code: str) -> None:
        super().__init__(message, where=f"{file}, line {line}", hint=hint, code=code)
        self.file = file
        self.line = line


class StructureError(LockstepError):
    """A structure, parameter, source or input that does not exist or is out of its bounds."""

    code = "STRUCTURE_INVALID"


class ConfigError(LockstepError):
    """A run-config key or value that does not exist, is out of range, or is not built yet."""

    code = "CONFIG_INVALID"


class InstrumentError(LockstepError):
    """Instrument facts that are missing, contradictory, or do not fit the integer ledger."""

    code = "INSTRUMENT_INVALID"


class BarsError(LockstepError):
    """Bars that are not a clean, ordered, gap-free piece of their timeframe's grid."""

    code = "BARS_INVALID"


class DataError(LockstepError):
    """Market data that is missing, damaged, or refused; nothing was stored or run."""

    code = "DATA_INVALID"


class StoreError(LockstepError):
    """The market-data store cannot be opened or does not hold what it must."""

    code = "STORE_INVALID"


class LockRequired(StoreError):
    """A mutation was tried outside the write lock."""

    code = "LOCK_REQUIRED"


class LockBusy(LockstepError):
    """Another process holds the write lock; the message names it."""

    code = "LOCK_BUSY"
    exit_code = 3

    def __init__(self, message: str, *, pid: int | None, **parts: str) -> None:
        super().__init__(message, **parts)
        self.pid = pid


class EngineError(LockstepError):
    """The engine was used against its contract (bars out of order, a foreign snapshot)."""

    code = "ENGINE_MISUSE"


class LedgerError(AssertionError):
    """The exact accounting identity does not hold: a programmer's error, never a user's."""


class ArtifactError(LockstepError):
    """A run's folder is damaged, incomplete, or not what it claims; the file is named."""

    code = "ARTIFACT_INVALID"


class HashCollision(ArtifactError):
    """Two different runs claim one folder."""

    code = "HASH_COLLISION"


class DeterminismViolation(LockstepError):
    """Identical inputs gave different outputs; both are kept."""

    code = "DETERMINISM_VIOLATION"
    exit_code = 1


class QualityError(LockstepError):
    """The data quality gate refused the data."""

    code = "QUALITY_REFUSED"
    exit_code = 1


class VenueError(LockstepError):
    """The venue refused a request, or could not be reached in time."""

    code = "VENUE_FAILED"
    exit_code = 1


class SchemaError(VenueError):
    """The venue's answer does not have the shape its documentation gives it."""

    code = "PAYLOAD_INVALID"


class IpBanned(VenueError):
    """The venue refuses this machine's address (HTTP 403) until ``until_ms``."""

    code = "IP_BANNED"

    def __init__(self, message: str, *, until_ms: int, **parts: str) -> None:
        super().__init__(message, **parts)
        self.until_ms = until_ms


class PartialFetch(VenueError):
    """A fetch that did not get all it was asked for: what it got, what it lacks, and why."""

    code = "PARTIAL_FETCH"

    def __init__(
        self,
        message: str,
        *,
        covered: list[tuple[int, int]],
        missing: list[tuple[int, int]],
        cause: str,
        rows: int,
        **parts: str,
    ) -> None:
        super().__init__(message, **parts)
        self.covered = covered
        self.missing = missing
        self.cause = cause
        self.rows = rows
