"""What a store remembers of the work done on it: syncs, quality runs, bans, repairs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.store.door import Door, in_turn
from tasks.store.series import Series, series_key


class RecordsDoor(Door):
    """Records are added and never changed, but for the end of a sync run that had begun."""

    @in_turn
    def begin_sync(self, run_id: str, flow_run: str | None, request: Mapping[str, Any]) -> None:
        """Record that a sync began, with what was asked of it."""
        row = [run_id, flow_run, _now_ms(), json.dumps(request, sort_keys=True)]
        with self._transaction():
            self._run("INSERT INTO sync_runs VALUES (?, ?, ?, NULL, 'Running', ?, NULL)", row)

    @in_turn
    def end_sync(
        self, run_id: str, state: str, items: Sequence[Mapping[str, Any]], snapshot: str | None
    ) -> None:
        """Record how a sync ended: its state, every item, the snapshot then current."""
        with self._transaction():
            self._run(
                "UPDATE sync_runs SET ended_ms = ?, state = ?, snapshot = ? WHERE run_id = ?",
                [_now_ms(), state, snapshot, run_id],
            )
            for item in items:
                self._run(
                    "INSERT INTO sync_items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        run_id,
                        item["symbol"],
                        item["kind"],
                        item["timeframe"] or "",
                        json.dumps(item["requested"]),
                        json.dumps(item["obtained"]),
                        json.dumps(item["missing"]),
                        item["rows"],
                        item["status"],
                        item["cause"],
                    ],
                )

    @in_turn
    def sync_runs(self) -> list[dict[str, Any]]:
        """Every sync, oldest first, with its items."""
        runs = self._arrow("SELECT * FROM sync_runs ORDER BY started_ms, run_id", []).to_pylist()
        items = self._arrow("SELECT * FROM sync_items ORDER BY ALL", []).to_pylist()
        for item in items:
            for name in ("requested", "obtained", "missing"):
                item[name] = json.loads(item[name])
        for run in runs:
            run["request"] = json.loads(run["request"])
            run["items"] = [item for item in items if item["run_id"] == run["run_id"]]
        return runs

    @in_turn
    def put_quality_run(
        self,
        series: Series,
        suite: str,
        status: str,
        report: Mapping[str, Any],
        *,
        run_id: str | None = None,
        page: str | None = None,
    ) -> None:
        """Record a quality suite's outcome over a series: in which run, shown on which page."""
        row = [*series_key(series), _now_ms(), suite, status, json.dumps(report), run_id, page]
        with self._transaction():
            self._run("INSERT INTO quality_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    @in_turn
    def put_ban(self, address: str, until_ms: int) -> None:
        """Remember that the venue refuses this machine until then (HTTP 403)."""
        with self._transaction():
            self._run("DELETE FROM venue_bans WHERE address = ?", [address])
            self._run("INSERT INTO venue_bans VALUES (?, ?)", [address, until_ms])

    @in_turn
    def banned_until_ms(self, address: str) -> int | None:
        """Until when the venue at this address refuses this machine; None if it does not."""
        found = self._fetch("SELECT until_ms FROM venue_bans WHERE address = ?", [address])
        return int(found[0][0]) if found else None

    @in_turn
    def put_repair(self, action: str, detail: Mapping[str, Any]) -> None:
        """Record one thing a repair did."""
        with self._transaction():
            self._run(
                "INSERT INTO repairs VALUES (?, ?, ?)",
                [_now_ms(), action, json.dumps(detail, sort_keys=True)],
            )

    @in_turn
    def repairs(self) -> list[dict[str, Any]]:
        """Everything repairs ever did, oldest first."""
        found = self._fetch("SELECT * FROM repairs ORDER BY recorded_at_ms, action, detail", [])
        return [
            {"recorded_at_ms": at, "action": action, **json.loads(detail)}
            for at, action, detail in found
        ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
