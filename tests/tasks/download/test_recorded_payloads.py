"""The models hold for what the venue documents and for what it really sent (H15)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tasks.download.envelope import unwrap
from tasks.download.models import (
    Candles,
    Funding,
    InstrumentInfo,
    LastCandle,
    OpenInterest,
    PriceCandle,
    RiskTier,
    ServerTime,
)
from tasks.download.sync import instrument_of, tier_facts

pytestmark = pytest.mark.realdata


def documented(shared_data: Path, page: str) -> Any:
    return json.loads((shared_data / "payloads" / "docs" / f"{page}.json").read_text())[
        "responses"
    ][0]["json"]


def recorded(shared_data: Path, name: str) -> Any:
    path = shared_data / "payloads" / "recorded" / "testnet" / f"v5-market-get-{name}.json"
    return json.loads(path.read_text())


def wrapped(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 0}


def rows_as_sent(result: dict[str, Any]) -> dict[str, Any]:
    """The recording names the columns of candles; the venue sends lists."""
    return {**result, "list": [list(row.values()) for row in result["list"]]}


def test_candles(shared_data: Path) -> None:
    answer = documented(shared_data, "rest_market_kline")
    candles = unwrap(answer, Candles[LastCandle], "kline")
    assert candles.rows[0] == tuple(answer["result"]["list"][0])
    for page in ("rest_market_mark_kline", "rest_market_index_kline"):
        assert unwrap(documented(shared_data, page), Candles[PriceCandle], page).rows
    for name, model in (
        ("kline", Candles[LastCandle]),
        ("mark-price-kline", Candles[PriceCandle]),
        ("index-price-kline", Candles[PriceCandle]),
    ):
        sent = rows_as_sent(recorded(shared_data, name))
        assert len(unwrap(wrapped(sent), model, name).rows) == len(sent["list"]) > 0


def test_funding_and_open_interest(shared_data: Path) -> None:
    assert unwrap(documented(shared_data, "rest_market_history_fund_rate"), Funding, "f").rows
    funding = unwrap(wrapped(recorded(shared_data, "funding-rate-history")), Funding, "f")
    assert [event.rate for event in funding.rows][1] == "-0.00230379"
    documented_page = documented(shared_data, "rest_market_open_interest")
    assert unwrap(documented_page, OpenInterest, "oi").cursor.startswith("lastid")
    interest = unwrap(wrapped(recorded(shared_data, "open-interest")), OpenInterest, "oi")
    assert interest.rows[0].value == "60928.34400000"


def test_server_time(shared_data: Path) -> None:
    time = unwrap(documented(shared_data, "rest_market_time"), ServerTime, "time")
    assert time.ms == 1688639403423


def test_instruments_as_documented_become_facts(shared_data: Path) -> None:
    answers = documented(shared_data, "rest_market_instrument")
    (entry,) = answers[0]["result"]["list"]
    facts = instrument_of(InstrumentInfo.model_validate(entry), 1735809771618)
    assert (facts.symbol, facts.tick_size, facts.qty_step) == (
        "BTCUSDT",
        Decimal("0.1"),
        Decimal("0.001"),
    )
    assert (facts.max_market_qty, facts.min_notional) == (Decimal(500), Decimal(5))
    assert (facts.launch_ms, facts.funding_interval_min) == (1585526400000, 480)


def test_every_recorded_instrument_is_read(shared_data: Path) -> None:
    entries = recorded(shared_data, "instruments-info-inverse")["LinearInverse"]["list"]
    infos = [InstrumentInfo.model_validate(entry) for entry in entries]
    assert len(infos) == len(entries) > 100
    assert {info.symbol for info in infos} >= {"10000NFTUSDT"}


def test_every_ladder_of_a_real_day_is_read_and_rises(shared_data: Path) -> None:
    path = shared_data / "payloads" / "recorded" / "risk_limit_linear_all_2024-08-09.json"
    by_symbol = json.loads(path.read_text())["by_symbol"]
    assert len(by_symbol) == 395
    for symbol, entries in by_symbol.items():
        tiers = [RiskTier.model_validate(entry) for entry in entries]
        limits = [tier.risk_limit_usdt for tier in tiers]
        assert limits == sorted(limits), symbol
        assert all(t.maintenance_margin <= t.initial_margin for t in tiers), symbol
        assert tiers[0].maintenance_deduction_usdt == 0
    flow = [tier_facts(RiskTier.model_validate(entry)) for entry in by_symbol["FLOWUSDT"]]
    assert flow[1] == {
        "tier": 972,
        "risk_limit_usdt": "200000",
        "maintenance_margin": "0.025",
        "initial_margin": "0.05",
        "max_leverage": "20",
        "maintenance_deduction_usdt": "500",
    }
