"""The gate before publishing, and before a backtest: what must not be read is not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pyarrow import parquet

from tasks.store import Series, Store
from tests.flows.commands import lockstep
from tests.live.paper.markets import DAY, MINUTE, T0, paper_venue

pytestmark = pytest.mark.prefect

KLINE = Series.of("BTCUSDT", "kline", "5m")


def test_rows_that_fail_a_check_are_kept_from_readers_and_the_state_says_so(
    tmp_path: Path,
) -> None:
    arguments = ("data", "sync", "--symbol", "BTCUSDT", "--timeframe", "5m", "--kinds", "kline")
    with paper_venue() as (_, url):
        window = ("--since", "2026-01-01", "--exchange-url", url)
        code, first = lockstep(*arguments, *window, "--until", "2026-01-03", home=tmp_path)
        assert (code, first["quality"]) == (0, "PASS")
        store = Store(tmp_path, "backtest")
        with store.writer() as writer:
            writer._run(f"UPDATE klines SET volume = -1 WHERE open_ms = {T0 + DAY}", [])
        code, second = lockstep(*arguments, *window, "--until", "2026-01-05", home=tmp_path)
    assert (code, second["state"], second["quality"]) == (1, "PartialFailure", "FAIL")
    assert [item["status"] for item in second["items"]] == ["complete"]
    assert second["snapshot"] == first["snapshot"]
    snapshot = store.snapshot()
    assert snapshot.coverage("BTCUSDT", "kline", "5m") == [(T0, T0 + 2 * DAY)]
    page = Path(second["quality_page"]).read_text()
    assert "volume_possible" in page
    with store.writer() as writer:
        assert writer.coverage(KLINE) == [(T0, T0 + 4 * DAY)], "what was fetched is not lost"
        (recorded,) = writer.arrow(
            "SELECT status, page FROM quality_runs WHERE run_id = ?", [second["run_id"]]
        ).to_pylist()
        assert recorded == {"status": "FAIL", "page": second["quality_page"]}
        assert [run["state"] for run in writer.sync_runs()] == ["Completed", "PartialFailure"]


@pytest.mark.realdata
def test_the_gappy_series_shows_its_holes_to_the_minute_and_no_backtest_crosses_one(
    tmp_path: Path, shared_data: Path
) -> None:
    file = shared_data / "klines" / "ADAUSDT_1m_gappy.parquet"
    where = ("--symbol", "ADAUSDT", "--kind", "kline", "--timeframe", "1m")
    code, imported = lockstep("data", "import", file, *where, home=tmp_path)
    assert (code, imported["quality"]) == (0, "WARN")
    code, gaps = lockstep("data", "gaps", *where, home=tmp_path)
    times = parquet.read_table(file)["ts"].to_pylist()
    holes = [[a + MINUTE, b] for a, b in pairwise(times) if b - a > MINUTE]
    assert (code, gaps["items"][0]["missing"]) == (0, holes)
    assert len(holes) == 524
    code, refused = lockstep(
        *("backtest", "run", "plays/ema_pullback.yml", "--symbol", "ADAUSDT"),
        *("--set", "funding=off", "--set", "mark=last"),
        home=tmp_path,
    )
    assert (code, refused["error"]["code"]) == (2, "DATA_HOLE")
