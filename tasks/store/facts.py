"""Dated facts in a store: instruments, risk tiers, and how generated windows were made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.canonical import canonical_bytes
from tasks.store.door import Door, in_turn

if TYPE_CHECKING:
    from engine.exchange.instrument import Instrument

#: What says when and where facts were read, not what they are.
_PROVENANCE = ("valid_from_ms", "source")


class FactsDoor(Door):
    """Facts are kept by the time they were first seen; a new row is made only on change."""

    @in_turn
    def put_instrument(
        self, instrument: Instrument, received: Mapping[str, Any] | None = None
    ) -> bool:
        """Record instrument facts; True if they differ from the newest stored ones.

        ``received`` is what the venue sent, kept as it came; None for facts of another source.
        """
        facts = instrument.to_dict()
        text = canonical_bytes(facts).decode()
        newest = self._newest("instruments", instrument.symbol)
        if newest is not None and _same(newest, facts):
            return False
        key = [instrument.symbol, instrument.valid_from_ms]
        raw = None if received is None else canonical_bytes(received).decode()
        with self._transaction():
            self._run("DELETE FROM instruments WHERE symbol = ? AND valid_from_ms = ?", key)
            self._run(
                "INSERT INTO instruments (symbol, valid_from_ms, facts, received)"
                " VALUES (?, ?, ?, ?)",
                [*key, text, raw],
            )
        return True

    @in_turn
    def put_risk_tiers(
        self, symbol: str, valid_from_ms: int, tiers: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Record a symbol's ladder of risk tiers, lowest first; True if it is a new one."""
        newest = self._newest("risk_tiers", symbol)
        facts = [dict(tier) for tier in tiers]
        if newest == facts:
            return False
        with self._transaction():
            self._run(
                "DELETE FROM risk_tiers WHERE symbol = ? AND valid_from_ms = ?",
                [symbol, valid_from_ms],
            )
            self._run(
                "INSERT INTO risk_tiers VALUES (?, ?, ?)",
                [symbol, valid_from_ms, canonical_bytes(facts).decode()],
            )
        return True

    @in_turn
    def put_generated(
        self, symbol: str, since_ms: int, until_ms: int, spec: Mapping[str, Any]
    ) -> None:
        """Record that a symbol's rows over ``[since_ms, until_ms)`` were generated, and how."""
        row = [symbol, since_ms, until_ms, canonical_bytes(spec).decode()]
        with self._transaction():
            self._run(
                "DELETE FROM generated WHERE symbol = ? AND since_ms = ? AND until_ms = ?", row[:3]
            )
            self._run("INSERT INTO generated VALUES (?, ?, ?, ?)", row)

    @in_turn
    def instruments(self) -> dict[str, list[dict[str, Any]]]:
        """Every dated instrument fact by symbol, oldest first."""
        return self._dated("instruments")

    @in_turn
    def risk_tiers(self) -> dict[str, list[dict[str, Any]]]:
        """Every dated ladder by symbol, oldest first: ``{valid_from_ms, tiers}``."""
        query = "SELECT symbol, valid_from_ms, facts FROM risk_tiers ORDER BY symbol, valid_from_ms"
        found: dict[str, list[dict[str, Any]]] = {}
        for symbol, valid_from_ms, facts in self._fetch(query, []):
            ladder = {"valid_from_ms": valid_from_ms, "tiers": json.loads(facts)}
            found.setdefault(symbol, []).append(ladder)
        return found

    @in_turn
    def generated(self) -> list[dict[str, Any]]:
        """The windows whose rows were generated: symbol, since_ms, until_ms, spec."""
        found = self._fetch("SELECT * FROM generated ORDER BY symbol, since_ms, until_ms", [])
        return [
            {"symbol": symbol, "since_ms": since, "until_ms": until, "spec": json.loads(spec)}
            for symbol, since, until, spec in found
        ]

    def _newest(self, table: str, symbol: str) -> Any:
        found = self._fetch(
            f"SELECT facts FROM {table} WHERE symbol = ? ORDER BY valid_from_ms DESC LIMIT 1",
            [symbol],
        )
        return json.loads(found[0][0]) if found else None

    def _dated(self, table: str) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        query = f"SELECT symbol, facts FROM {table} ORDER BY symbol, valid_from_ms"
        for symbol, facts in self._fetch(query, []):
            found.setdefault(symbol, []).append(json.loads(facts))
        return found


def _same(newest: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether two instruments are alike but for when and where they were read."""
    a, b = (
        {name: value for name, value in one.items() if name not in _PROVENANCE}
        for one in (newest, facts)
    )
    return a == b
