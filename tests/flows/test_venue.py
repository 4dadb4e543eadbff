"""The markets a venue on this machine is served from."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from flows.venue import GeneratedSource, StoredSource, ladder
from live.paper import Price, RequestWindow, SetClock, Venue, serving, venue_app
from tasks.download import SeriesWork, VenueGateway, sync_facts, sync_series
from tasks.store import Series, Store
from tests.live.paper.markets import DAY, T0, market, paper_venue

ALL = [
    Series.of("BTCUSDT", "kline", "1m"),
    Series.of("BTCUSDT", "mark", "1m"),
    Series.of("BTCUSDT", "funding", None),
    Series.of("BTCUSDT", "open_interest", "5m"),
]


def sync_all(home: Path, url: str) -> Store:
    store, gateway, now = Store(home, "backtest"), VenueGateway(url), T0 + 5 * DAY
    (info,) = gateway.instruments("BTCUSDT")
    with store.writer() as writer:
        for series in ALL:
            work = SeriesWork(series, T0, T0 + 4 * DAY, now, 0, info.launch_ms, "run")
            assert sync_series(writer, gateway, work).status == "complete"
        for kind in ("instruments", "risk_tiers"):
            sync_facts(writer, gateway, kind, info, now)
        store.publish_snapshot(writer)
    return store


def test_a_store_synced_from_a_stored_market_equals_the_one_it_is_served_from(
    tmp_path: Path,
) -> None:
    with paper_venue() as (_, url):
        first = sync_all(tmp_path / "first", url).snapshot()
    venue = Venue(
        StoredSource(first), SetClock(T0 + 5 * DAY), limits=RequestWindow(requests_max=10_000)
    )
    with serving(venue_app(venue)) as url:
        second = sync_all(tmp_path / "second", url).snapshot()
    for series in ALL:
        place = (series.symbol, series.kind.value, series.timeframe_text, T0, T0 + 4 * DAY)
        assert first.content_sha256(*place) == second.content_sha256(*place)
    assert first.instrument("BTCUSDT") == second.instrument("BTCUSDT")
    assert first.risk_tiers("BTCUSDT") == second.risk_tiers("BTCUSDT")


@pytest.mark.parametrize("leverage", ["100", "75", "12.5"])
def test_a_generated_ladder_rises_and_its_maintenance_margin_is_continuous(leverage: str) -> None:
    tiers = ladder(Decimal(leverage))
    for a, b in pairwise(tiers):
        edge = Decimal(a["risk_limit_usdt"])
        below, above = (
            edge * Decimal(t["maintenance_margin"]) - Decimal(t["maintenance_deduction_usdt"])
            for t in (a, b)
        )
        assert below == above
        assert edge < Decimal(b["risk_limit_usdt"])
        assert Decimal(a["max_leverage"]) > Decimal(b["max_leverage"])
    assert all(Decimal(t["maintenance_margin"]) * 2 == Decimal(t["initial_margin"]) for t in tiers)


def test_a_generated_market_has_open_interest_in_lots_and_its_mark_as_index() -> None:
    source = GeneratedSource([market("BTCUSDT")])
    ts, values = source.open_interest("BTCUSDT")
    assert set(np.diff(ts)) == {300_000}
    assert values.min() > 0
    lots = values / 0.001
    np.testing.assert_allclose(lots, np.rint(lots), atol=1e-6)
    mark, index = (source.candles("BTCUSDT", price)[1] for price in (Price.MARK, Price.INDEX))
    np.testing.assert_array_equal(mark.close, index.close)
    assert source.instrument("BTCUSDT").launch_ms == T0
