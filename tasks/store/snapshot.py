"""Reading: immutable snapshots, never the database, so that no reader waits for a writer.

A :class:`Snapshot` is a manifest over content-addressed month files. Every file is verified
against its hash before its first use. Times are epoch ms UTC, windows half-open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.bars import Bars
from engine.canonical import hash_columns, hash_value, sha256_hex
from engine.errors import DataError
from engine.timeframe import DAY_MS, ceil_ms, floor_ms, format_ms
from tasks.store.intervals import Interval, subtract
from tasks.store.objects import Verified, damaged, read_object
from tasks.store.publish import CURRENT_FILE, snapshots_directory
from tasks.store.rows import layout_of, month_bounds
from tasks.store.series import Kind, Series, SeriesInfo

if TYPE_CHECKING:
    import pyarrow as pa

    from engine.exchange.instrument import Instrument


class Snapshot:
    """One published state of an environment's store; ``id`` is the hash of its manifest.

    ``kind`` and ``timeframe`` arguments are names as in :class:`Kind` and :class:`Timeframe`; the
    timeframe of funding is empty or None.
    """

    def __init__(
        self,
        env: str,
        directory: Path,
        snapshot_id: str,
        manifest: Mapping[str, Any],
        verified: Verified,
    ) -> None:
        self.env = env
        self.id = snapshot_id
        self.store_id: str = manifest["store_id"]
        self.schema_version: int = manifest["schema_version"]
        self._objects = directory / "objects"
        self._manifest = manifest
        self._verified = verified
        self._entries = {
            Series.of(entry["symbol"], entry["kind"], entry["timeframe"]): entry
            for entry in manifest["series"]
        }

    def series(self) -> list[SeriesInfo]:
        """What is held, one entry a series, sorted by symbol, kind, timeframe."""
        return [
            SeriesInfo(
                symbol=series.symbol,
                kind=series.kind,
                timeframe=series.timeframe_text,
                first_ms=entry["first_ms"],
                last_ms=entry["last_ms"],
                until_ms=entry["coverage"][-1][1],
                rows=entry["rows"],
            )
            for series, entry in self._entries.items()
        ]

    def holds(self, symbol: str, kind: str, timeframe: str | None = None) -> bool:
        """Whether there are any rows of a series."""
        return Series.of(symbol, kind, timeframe) in self._entries

    def coverage(self, symbol: str, kind: str, timeframe: str | None = None) -> list[Interval]:
        """The merged intervals known complete; DataError if the series is not held."""
        entry = self._entry(Series.of(symbol, kind, timeframe))
        return [(start, end) for start, end in entry["coverage"]]

    def known_absent(self, symbol: str, kind: str, timeframe: str | None = None) -> list[Interval]:
        """The merged intervals for which the venue is known to have nothing."""
        entry = self._entry(Series.of(symbol, kind, timeframe))
        return [(start, end) for start, end in entry.get("known_absent", [])]

    def gaps(
        self, symbol: str, kind: str, timeframe: str | None, since_ms: int, until_ms: int
    ) -> list[Interval]:
        """The parts of a window that are not covered."""
        return subtract([(since_ms, until_ms)], self.coverage(symbol, kind, timeframe))

    def bars(
        self,
        symbol: str,
        kind: str,
        timeframe: str,
        since_ms: int,
        until_ms: int,
        *,
        complete: bool = True,
    ) -> Bars:
        """The bars that lie wholly in ``[since_ms, until_ms)``, in time order.

        With ``complete`` a window that is not fully covered raises DataError naming the first
        hole. ``turnover`` is None unless known for every bar; mark and index volumes are 0.
        """
        series = Series.of(symbol, kind, timeframe)
        if not series.kind.is_candles:
            raise DataError(f"{series} has no bars", hint="read it with Snapshot.columns")
        window = self._window(series, since_ms, until_ms)
        if complete:
            self._require_cover(series, *window)
        columns = self.columns(series, *window)
        turnover = columns.pop("turnover")
        return Bars(**columns, turnover=None if np.isnan(turnover).any() else turnover)

    def funding(
        self, symbol: str, since_ms: int, until_ms: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Funding events with times in ``[since_ms, until_ms)``: ``ts_ms`` int64[n] and rates in
        1e-8 int64[n]. Whether they are all of them is for :meth:`gaps` to say."""
        columns = self.columns(Series.of(symbol, Kind.FUNDING, None), since_ms, until_ms)
        return columns["ts_ms"], columns["rate_e8"]

    def funding_interval_min(
        self, symbol: str, since_ms: int, until_ms: int
    ) -> npt.NDArray[np.float64]:
        """Minutes from each event of :meth:`funding` to the next due one; NaN: not told."""
        series = Series.of(symbol, Kind.FUNDING, None)
        return self.columns(series, since_ms, until_ms)["interval_min"]

    def columns(self, series: Series, since_ms: int, until_ms: int) -> dict[str, npt.NDArray[Any]]:
        """Whatever rows are held with times in ``[since_ms, until_ms)``, holes or not, as
        :mod:`tasks.store.rows` lays them out."""
        layout = layout_of(series.kind)
        parts = []
        for month in self._entry(series)["months"]:
            start, end = month_bounds(month["month"])
            if start >= until_ms or end <= since_ms:
                continue
            part = layout.columns(read_object(self._objects, month["sha256"], self._verified))
            if start < since_ms or until_ms < end:
                times = part[layout.time]
                rows = slice(*np.searchsorted(times, [since_ms, until_ms]))
                part = {name: column[rows] for name, column in part.items()}
            parts.append(part)
        if not parts:
            return layout.empty()
        # Copies, also of a single part: callers own what they read, the files stay as they are.
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def instrument(self, symbol: str) -> Instrument | None:
        """The newest instrument facts stored for a symbol, with its newest ladder of risk tiers;
        None if there are none."""
        from engine.exchange.instrument import Instrument, RiskTier

        facts = self._manifest["instruments"].get(symbol)
        if not facts:
            return None
        instrument = Instrument.from_dict(facts[-1])
        ladder = tuple(
            RiskTier(
                cap_usdt=Decimal(tier["risk_limit_usdt"]),
                rate=Decimal(tier["maintenance_margin"]),
                deduction_usdt=Decimal(tier["maintenance_deduction_usdt"]),
                max_leverage=Decimal(tier["max_leverage"]),
            )
            for tier in self.risk_tiers(symbol) or ()
        )
        return replace(instrument, risk_tiers=ladder) if ladder else instrument

    def risk_tiers(self, symbol: str) -> list[dict[str, Any]] | None:
        """The newest ladder of risk tiers stored for a symbol, lowest first; None if there is none.

        Tiers as :class:`tasks.download.models.RiskTier` names their fields.
        """
        ladders = self._manifest.get("risk_tiers", {}).get(symbol)
        return list(ladders[-1]["tiers"]) if ladders else None

    def open_interest(
        self, symbol: str, timeframe: str, since_ms: int, until_ms: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Open interest with times in ``[since_ms, until_ms)``: ``ts_ms`` int64[n] and values in
        base units float64[n]."""
        series = Series.of(symbol, Kind.OPEN_INTEREST, timeframe)
        columns = self.columns(series, since_ms, until_ms)
        return columns["ts_ms"], columns["value"]

    def generators(self, symbol: str, since_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """Specs of the generated markets whose rows meet the window; empty for real data."""
        return [
            entry["spec"]
            for entry in self._manifest["generated"]
            if entry["symbol"] == symbol
            and entry["since_ms"] < until_ms
            and since_ms < entry["until_ms"]
        ]

    def revisions(self) -> pa.Table | None:
        """Values the source rewrote, one row each: symbol, kind, timeframe, open_ms, field,
        old_value, new_value, recorded_at_ms; None if there were none."""
        entry = self._manifest["revisions"]
        return read_object(self._objects, entry["sha256"], self._verified) if entry else None

    def day_digests(
        self, symbol: str, kind: str, timeframe: str | None, since_ms: int, until_ms: int
    ) -> dict[str, str]:
        """SHA-256 of the window's rows by UTC day (``2026-03-01``), days with rows only.

        Rows are hashed as little-endian int64/float64 columns in the store's fixed order.
        """
        series = Series.of(symbol, kind, timeframe)
        if series.timeframe is not None:
            since_ms, until_ms = self._window(series, since_ms, until_ms)
        columns = self.columns(series, since_ms, until_ms)
        times = columns[layout_of(series.kind).time]
        if not len(times):
            return {}
        days = times // DAY_MS
        starts = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1, [len(days)]))
        return {
            format_ms(int(days[a]) * DAY_MS)[:10]: hash_columns(
                {name: column[a:b] for name, column in columns.items()}
            )
            for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        }

    def content_sha256(
        self, symbol: str, kind: str, timeframe: str | None, since_ms: int, until_ms: int
    ) -> str:
        """The hash of exactly the window's rows: that of their :meth:`day_digests`.

        The environment, the snapshot and how rows lie in files have no part in it.
        """
        return hash_value(self.day_digests(symbol, kind, timeframe, since_ms, until_ms))

    def _entry(self, series: Series) -> Mapping[str, Any]:
        entry: Mapping[str, Any] | None = self._entries.get(series)
        if entry is not None:
            return entry
        same = [str(s) for s in self._entries if s.symbol == series.symbol]
        symbols = sorted({s.symbol for s in self._entries})
        held = ", ".join(same or symbols) or "nothing"
        raise DataError(
            f"environment {self.env!r} holds no {series}",
            where=f"environment {self.env}",
            hint=f"it holds {held}; import or sync the series",
            code="SERIES_MISSING" if same else "SYMBOL_UNKNOWN",
        )

    def _window(self, series: Series, since_ms: int, until_ms: int) -> Interval:
        """The part of the grid whose bars lie wholly in the window; DataError if there is none."""
        assert series.timeframe is not None
        self._entry(series)
        since = ceil_ms(since_ms, series.timeframe)
        until = floor_ms(until_ms, series.timeframe)
        if since >= until:
            raise DataError(
                f"no whole {series.timeframe.value} bar lies between {format_ms(since_ms)} and "
                f"{format_ms(until_ms)}",
                where=f"environment {self.env}, {series}",
                hint="give a later --until or an earlier --since",
                code="WINDOW_EMPTY",
            )
        return since, until

    def _require_cover(self, series: Series, since_ms: int, until_ms: int) -> None:
        covered = self._entry(series)["coverage"]
        holes = subtract([(since_ms, until_ms)], [(start, end) for start, end in covered])
        if not holes:
            return
        first, last = covered[0][0], covered[-1][1]
        begin, end = (format_ms(edge) for edge in holes[0])
        if holes == [(since_ms, until_ms)]:
            what, code = f"has no {series} between {begin} and {end}", "WINDOW_WITHOUT_DATA"
        else:
            more = f" and {len(holes) - 1} more holes" if len(holes) > 1 else ""
            what, code = f"lacks {series} from {begin} to {end}{more}", "DATA_HOLE"
        raise DataError(
            f"environment {self.env!r} {what}",
            where=f"environment {self.env}",
            hint=f"it holds the series from {format_ms(first)} to {format_ms(last)}; "
            "import or sync what is missing, or choose another window",
            code=code,
        )


def has_snapshot(store: Path) -> bool:
    """Whether a store has a current snapshot."""
    return (snapshots_directory(store) / CURRENT_FILE).is_file()


def open_snapshot(env: str, store: Path, snapshot_id: str | None, verified: Verified) -> Snapshot:
    """The snapshot called ``snapshot_id``, or the current one, its manifest verified."""
    directory = snapshots_directory(store)
    if snapshot_id is None:
        if not has_snapshot(store):
            raise DataError(
                f"environment {env!r} holds no data",
                where=str(store),
                hint="run `lockstep data import` or `lockstep data generate` first",
                code="STORE_EMPTY",
            )
        snapshot_id = (directory / CURRENT_FILE).read_text()
    path = directory / f"{snapshot_id}.json"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise damaged(path, "cannot be read") from error
    if sha256_hex(content) != snapshot_id:
        raise damaged(path, "does not hash to its name")
    return Snapshot(env, directory, snapshot_id, json.loads(content), verified)
