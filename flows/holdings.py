"""What a snapshot holds, in the shape ``data status`` and the flows report it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import DataError
from engine.timeframe import parse_timeframe

if TYPE_CHECKING:
    from tasks.store import Snapshot


def holdings(
    snapshot: Snapshot,
    *,
    symbol: str | None = None,
    kind: str | None = None,
    timeframe: str | None = None,
) -> dict[str, Any]:
    """``{env, snapshot, items}``: one item a held series, as the contract names its fields.

    ``missing`` are the holes between the first and the last covered moment, but for those where the
    venue is known to have nothing, ``absent``; intervals are half-open, epoch ms. Raises DataError
    naming the environment if nothing held is asked for.
    """
    from tasks.store import Kind, subtract

    if kind is not None and kind not in {k.value for k in Kind}:
        raise DataError(
            f"unknown kind of data {kind!r}",
            hint=f"one of {', '.join(Kind)}",
            code="KIND_UNKNOWN",
        )
    wanted_timeframe = None if timeframe is None else parse_timeframe(timeframe).value
    items = []
    for info in snapshot.series():
        asked = (
            symbol in (None, info.symbol)
            and kind in (None, info.kind.value)
            and wanted_timeframe in (None, info.timeframe)
        )
        if not asked:
            continue
        obtained = snapshot.coverage(info.symbol, info.kind.value, info.timeframe)
        absent = snapshot.known_absent(info.symbol, info.kind.value, info.timeframe)
        missing = subtract([(obtained[0][0], obtained[-1][1])], [*obtained, *absent])
        items.append(
            {
                "symbol": info.symbol,
                "kind": info.kind.value,
                "timeframe": info.timeframe or None,
                "status": "partial" if missing else "complete",
                "obtained": [list(interval) for interval in obtained],
                "missing": [list(interval) for interval in missing],
                "absent": [list(interval) for interval in absent],
                "rows": info.rows,
                "cause": None,
                "first_ms": info.first_ms,
                "last_ms": info.last_ms,
            }
        )
    if not items:
        asked_for = " ".join(part for part in (symbol, kind, timeframe) if part) or "anything"
        held = sorted(
            {f"{i.symbol} {i.kind.value} {i.timeframe}".rstrip() for i in snapshot.series()}
        )
        raise DataError(
            f"environment {snapshot.env!r} holds nothing of {asked_for}",
            where=f"environment {snapshot.env}",
            hint=f"it holds {', '.join(held) or 'nothing'}",
            code="SERIES_MISSING",
        )
    return {"env": snapshot.env, "snapshot": snapshot.id, "items": items}
