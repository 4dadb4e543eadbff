"""Dated instrument facts in the store: a new row only on change, the newest one read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from engine.exchange.instrument import Instrument
from tasks.store import Store
from tests.tasks.store.samples import DAY


def test_facts_are_kept_when_they_change_and_the_newest_are_read(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    first = Instrument.default("BTCUSDT")
    later = replace(
        first, tick_size=Decimal("0.5"), valid_from_ms=first.valid_from_ms + DAY, source="venue"
    )
    with store.writer() as writer:
        assert writer.put_instrument(first) is True
        assert writer.put_instrument(first) is False
        store.publish_snapshot(writer)
    before = store.snapshot()
    assert before.instrument("BTCUSDT") == first
    assert before.instrument("ETHUSDT") is None
    with store.writer() as writer:
        assert writer.put_instrument(later) is True
        assert [facts["tick_size"] for facts in writer.instruments()["BTCUSDT"]] == ["0.1", "0.5"]
        store.publish_snapshot(writer)
    assert store.snapshot().instrument("BTCUSDT") == later
    assert store.snapshot(before.id).instrument("BTCUSDT") == first


def test_a_snapshots_instrument_has_the_newest_ladder_stored_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path, "backtest")
    facts = Instrument.default("BTCUSDT")
    rows = [
        {
            "tier": k,
            "risk_limit_usdt": cap,
            "maintenance_margin": rate,
            "initial_margin": "0.01",
            "max_leverage": leverage,
            "maintenance_deduction_usdt": deduction,
        }
        for k, cap, rate, leverage, deduction in (
            (1, "2000000", "0.005", "100", "0"),
            (2, "2600000", "0.0056", "90", "1200"),
        )
    ]
    with store.writer() as writer:
        writer.put_instrument(facts)
        writer.put_risk_tiers("BTCUSDT", 1_767_225_600_000, rows)
        store.publish_snapshot(writer)
    held = store.snapshot().instrument("BTCUSDT")
    assert held is not None
    assert [(str(t.cap_usdt), str(t.deduction_usdt)) for t in held.risk_tiers] == [
        ("2000000", "0"),
        ("2600000", "1200"),
    ]
