"""What the flows are asked to do: JSON-able parameters, and what is checked before any work.

A request is everything a flow reads; a deployment passes the same. The ``inspect_*`` functions are
the cheap checks that the command line makes before Prefect, which takes seconds, is imported: what
they refuse is refused at once, and what they pass the flow checks again under the lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.canonical import sha256_hex
from engine.config import parse_set
from engine.errors import ConfigError, DataError, PlayError
from engine.exchange.intervals import interest_grid
from engine.play import Play, loads_play
from engine.play.own_indicators import IndicatorSource, sources_of
from engine.timeframe import format_ms, parse_timeframe
from flows.defaults import DEFAULT_KINDS, DEFAULT_URL
from tasks.store import FACT_KINDS, Series, Store
from tasks.store.files import read_columns
from tasks.store.validation import validate


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Holds the stores; see :class:`flows.home.Home`.
    home: str
    env: str

    @property
    def store(self) -> Store:
        """The environment's store; StoreError if there is no such environment."""
        return Store(Path(self.home), self.env)


class ImportRequest(_Request):
    """A file to import; ``timeframe`` is None for funding."""

    file: str
    symbol: str
    kind: str
    timeframe: str | None

    @property
    def series(self) -> Series:
        return Series.of(self.symbol, self.kind, self.timeframe)


class SyncSettings(BaseModel):
    """How a sync behaves: ``--set sync.NAME=VALUE``.

    ``attempts`` a request and at most ``backoff_s`` seconds of waiting between them; ``ban_wait_s``
    after HTTP 403; a candle counts as closed ``grace_ms`` after its end; ``timeout_s`` a request;
    ``lock_wait_s`` for another process to end its writing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts: int = Field(default=5, ge=1, le=5)
    backoff_s: float = Field(default=30.0, ge=0.0, le=30.0)
    ban_wait_s: float = Field(default=600.0, gt=0.0)
    grace_ms: int = Field(default=2_000, ge=0)
    timeout_s: float = Field(default=10.0, gt=0.0)
    lock_wait_s: float = Field(default=0.0, ge=0.0)


def sync_settings(assignments: Iterable[str]) -> SyncSettings:
    """Settings of ``sync.NAME=VALUE`` texts; ConfigError for one that does not exist or fit."""
    told = parse_set(assignments)
    own = told.pop("sync", {})
    if told or not isinstance(own, dict):
        raise ConfigError(
            f"{next(iter(told), 'sync')} is no setting of a sync",
            where="--set",
            hint=f"sync.{', sync.'.join(SyncSettings.model_fields)}",
        )
    try:
        return SyncSettings.model_validate(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"sync.{name}: {first['msg']}",
            where="--set",
            hint=f"it has {', '.join(SyncSettings.model_fields)}",
        ) from None


class SyncRequest(_Request):
    """What to sync from the venue at ``exchange_url``; without ``until_ms``, up to its now.

    ``kinds`` are series (kline, mark, index of ``timeframe``; funding, open_interest) and facts
    (instruments, risk_tiers) of each symbol. ``artifacts`` holds the runs that revised rows may
    concern.
    """

    artifacts: str
    symbols: tuple[str, ...] = Field(min_length=1)
    timeframe: str = "1m"
    since_ms: int
    until_ms: int | None = None
    kinds: tuple[str, ...] = DEFAULT_KINDS
    exchange_url: str = DEFAULT_URL
    settings: SyncSettings = SyncSettings()

    def series(self) -> list[Series]:
        """The series asked for, once each; DataError or TimeError for one that cannot be.

        Open interest comes on the grid the venue keeps it on: five minutes at the fastest.
        """
        timeframe = parse_timeframe(self.timeframe)
        grids = {"funding": None, "open_interest": interest_grid(timeframe).value}
        return [
            Series.of(symbol, kind, grids.get(kind, timeframe.value))
            for symbol in dict.fromkeys(self.symbols)
            for kind in dict.fromkeys(self.kinds)
            if kind not in FACT_KINDS
        ]

    def facts(self) -> list[tuple[str, str]]:
        """The ``(symbol, kind)`` of facts asked for, once each."""
        wanted = [kind for kind in dict.fromkeys(self.kinds) if kind in FACT_KINDS]
        return [(symbol, kind) for symbol in dict.fromkeys(self.symbols) for kind in wanted]


class VerifyRequest(_Request):
    """What to compare with the venue: ``pages`` of each series held, drawn by ``seed``; None of
    ``symbol``, ``kind``, ``timeframe`` means all."""

    artifacts: str
    exchange_url: str = DEFAULT_URL
    symbol: str | None = None
    kind: str | None = None
    timeframe: str | None = None
    pages: int = Field(default=3, ge=1)
    seed: int
    settings: SyncSettings = SyncSettings()

    def chosen(self, held: Iterable[Series]) -> list[Series]:
        """The held series that are asked for; DataError if none is."""
        found = [
            series
            for series in held
            if self.symbol in (None, series.symbol)
            and self.kind in (None, series.kind.value)
            and self.timeframe in (None, series.timeframe_text)
        ]
        if not found:
            raise DataError(
                f"environment {self.env!r} holds nothing of what is to be verified",
                hint="see `lockstep data status`",
                code="SERIES_MISSING",
            )
        return found


class GenerateRequest(_Request):
    """A market to generate over ``[since_ms, until_ms)``, epoch ms on whole minutes."""

    pattern: str
    symbol: str
    since_ms: int
    until_ms: int
    seed: int


class PlaySource(BaseModel):
    """A play as it was read, once (M1): the text itself travels, so that no later change of the
    file, and no other file, can take its place (M2). So do the files of its project's indicators
    that it calls. ``path`` only names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    text: str
    source_sha256: str
    play_hash: str
    market: str
    indicators: tuple[IndicatorSource, ...] = ()

    @classmethod
    def of(cls, play: Play) -> PlaySource:
        """The source of a loaded play, its market as resolved."""
        text = play.source
        if sha256_hex(text.encode()) != play.source_sha256:
            text = "\ufeff" + text  # a byte-order mark is in the file but in no play's text
        return cls(
            path=play.path,
            text=text,
            source_sha256=play.source_sha256,
            play_hash=play.play_hash,
            market=play.market,
            indicators=sources_of(play.indicators),
        )

    def load(self) -> Play:
        """The very play that was read; PlayError if this text is not it."""
        play = loads_play(self.text, self.path, market=self.market, indicators=self.indicators)
        if (play.source_sha256, play.play_hash) != (self.source_sha256, self.play_hash):
            raise PlayError(
                "the play's text is not the one that was read",
                where=self.path,
                code="PLAY_CHANGED",
            )
        return play


class BacktestRequest(_Request):
    """A backtest: ``config`` is :meth:`RunConfig.resolved`'s tree; a window's end that is None is
    that of the data held. ``verify``: rerun it in a fresh process; ``force``: compute it again
    even if the run exists."""

    artifacts: str
    play: PlaySource
    config: dict[str, Any]
    since_ms: int | None
    until_ms: int | None
    verify: bool
    force: bool


class RerunRequest(BaseModel):
    """A run to prove again from its manifest; ``pinned`` reads the snapshot it pinned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: str
    artifacts: str
    run: str
    pinned: bool


def inspect_import(request: ImportRequest, now_ms: int) -> dict[str, Any] | None:
    """The report of an import that must be refused for its rows, or None if nothing is against it.

    Raises DataError for a file that cannot be read, LockBusy if the store is being written.
    """
    store, series = request.store, request.series
    columns = read_columns(Path(request.file), series.kind)
    _, rejections = validate(series, columns, now_ms)
    if not rejections.found:
        with store.writer():
            return None
    return import_document(
        request, rejected=rejections.listed(), rejected_rows=int(rejections.mask.sum())
    )


def import_document(
    request: ImportRequest,
    *,
    rejected: list[tuple[int, str]],
    rejected_rows: int,
    **stored: Any,
) -> dict[str, Any]:
    """The import command's JSON document; ``stored`` replaces what an import of nothing reports."""
    return {
        "env": request.env,
        "symbol": request.symbol,
        "kind": request.kind,
        "timeframe": request.timeframe,
        "rows": 0,
        "first_ms": None,
        "last_ms": None,
        "added": 0,
        "revised": 0,
        "rejected": [{"row": row, "reason": reason} for row, reason in rejected],
        "rejected_rows": rejected_rows,
        "quality": None,
        "snapshot": None,
        **stored,
    }


def inspect_generate(request: GenerateRequest) -> None:
    """Raise DataError or InstrumentError for a market that cannot be generated, LockBusy if the
    store is being written."""
    from engine.timeframe import MINUTE_MS
    from tasks.generate import generate_market, window_minutes

    window_minutes(request.since_ms, request.until_ms)
    until_ms = request.since_ms + MINUTE_MS
    generate_market(request.symbol, request.since_ms, until_ms, request.seed, request.pattern)
    with request.store.writer():
        return


def inspect_sync(request: SyncRequest) -> None:
    """Raise the error of a sync that cannot be, before anything slow is loaded: a series that does
    not exist, an empty window, an unsafe address; LockBusy if the store is being written."""
    from tasks.download.address import endpoint_of

    if not request.series() and not request.facts():
        raise DataError("no kind of data is asked for", hint="--kinds kline", code="KIND_UNKNOWN")
    endpoint_of(request.exchange_url)
    if request.until_ms is not None and request.since_ms >= request.until_ms:
        raise DataError(
            f"the window from {format_ms(request.since_ms)} to {format_ms(request.until_ms)} "
            "is empty",
            hint="--since must lie before --until",
            code="WINDOW_EMPTY",
        )
    if not request.settings.lock_wait_s:
        with request.store.writer():
            return
