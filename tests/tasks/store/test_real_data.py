"""The store over candles and funding that the venue really published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from tasks.quality import Status, check_snapshot
from tasks.store import Series, Store, import_file
from tests.tasks.store.samples import MINUTE, candles, write_candles

pytestmark = pytest.mark.realdata

FIVE = 5 * MINUTE
# Rows as the data's own page states them.
FILES = [
    ("BTCUSDT_1m", "BTCUSDT", "kline", "1m", 43_199),
    ("BTCUSDT_5m", "BTCUSDT", "kline", "5m", 163_212),
    ("ETHUSDT_5m", "ETHUSDT", "kline", "5m", 163_212),
    ("SOLUSDT_5m", "SOLUSDT", "kline", "5m", 86_604),
    ("BTCUSDT_4h", "BTCUSDT", "kline", "4h", 1_804),
    ("ADAUSDT_1m_gappy", "ADAUSDT", "kline", "1m", 105_076),
    ("BTCUSDT_mark_1h", "BTCUSDT", "mark", "1h", None),
    ("SOLUSDT_mark_1h", "SOLUSDT", "mark", "1h", None),
    ("BTCUSDT_funding", "BTCUSDT", "funding", None, None),
    ("ETHUSDT_funding", "ETHUSDT", "funding", None, None),
]


@pytest.fixture(scope="module")
def store(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of all the files; each import checked as it is made."""
    store = Store(tmp_path_factory.mktemp("home"), "backtest")
    with store.writer() as writer:
        for name, symbol, kind, timeframe, rows in FILES:
            path = shared_data / "klines" / f"{name}.parquet"
            report = import_file(writer, path, symbol, kind, timeframe)
            assert report.rejected == ()
            assert report.rows == report.added == parquet.read_metadata(path).num_rows
            assert rows in (None, report.rows)
        assert writer.problems() == []
        store.publish_snapshot(writer)
    return store


@pytest.mark.parametrize(("name", "symbol", "kind", "timeframe", "rows"), FILES)
def test_every_row_reads_back_as_published(
    store: Store,
    shared_data: Path,
    name: str,
    symbol: str,
    kind: str,
    timeframe: str | None,
    rows: int,
) -> None:
    table = parquet.read_table(shared_data / "klines" / f"{name}.parquet")
    since, until = table["ts"][0].as_py(), table["ts"][-1].as_py()
    snapshot = store.snapshot()
    if kind == "funding":
        times, rates = snapshot.funding(symbol, since, until + 1)
        np.testing.assert_array_equal(times, table["ts"].to_numpy())
        np.testing.assert_allclose(rates / 1e8, table["funding_rate"].to_numpy(), rtol=1e-12)
        return
    assert timeframe is not None
    length = Series.of(symbol, kind, timeframe).timeframe.ms  # type: ignore[union-attr]
    bars = snapshot.bars(symbol, kind, timeframe, since, until + length, complete=False)
    np.testing.assert_array_equal(bars.open_ms, table["ts"].to_numpy())
    for column in ("open", "high", "low", "close", "volume", "turnover"):
        if column in table.column_names:
            np.testing.assert_array_equal(getattr(bars, column), table[column].to_numpy())


def test_the_gappy_series_is_covered_to_the_minute_and_no_further(
    store: Store, shared_data: Path
) -> None:
    times = parquet.read_table(shared_data / "klines" / "ADAUSDT_1m_gappy.parquet")[
        "ts"
    ].to_pylist()
    runs = [[times[0], times[0] + MINUTE]]
    for ts in times[1:]:
        if ts == runs[-1][1]:
            runs[-1][1] = ts + MINUTE
        else:
            runs.append([ts, ts + MINUTE])
    assert len(runs) == 525
    assert [list(run) for run in store.snapshot().coverage("ADAUSDT", "kline", "1m")] == runs


@pytest.mark.parametrize(
    ("symbol", "kind", "timeframe", "status"),
    [
        ("BTCUSDT", "kline", "5m", Status.PASS),
        ("BTCUSDT", "funding", None, Status.PASS),
        ("BTCUSDT", "mark", "1h", Status.PASS),
        ("ADAUSDT", "kline", "1m", Status.WARN),  # its holes
    ],
)
def test_real_series_pass_their_suites(
    store: Store, symbol: str, kind: str, timeframe: str | None, status: Status
) -> None:
    report = check_snapshot(store.snapshot(), symbol, kind, timeframe, 0, 2_000_000_000_000)
    assert report.status is status, report.failed()
    if status is Status.WARN:
        assert [(check.name, check.unexpected) for check in report.failed()] == [("no_holes", 524)]


def test_h14_a_bar_downloaded_while_forming_is_refused_or_later_revised(
    store: Store, shared_data: Path, tmp_path: Path
) -> None:
    """A real case: a downloader stored the forming bar; another fetched its final values."""
    text = (shared_data / "klines" / "unclosed_bar_examples.json").read_text()
    (example,) = [e for e in json.loads(text)["examples"] if e["tf"] == "5m"]
    forming, final = example["stored_last"], example["final"]
    ts = int(forming["ts"])
    rows = candles(1)
    rows = {**rows, "open_ms": np.array([ts])}
    for name in ("open", "high", "low", "close", "volume"):
        rows[name] = np.array([forming[name]])
    path = write_candles(tmp_path / "forming.parquet", rows)
    home = Store(tmp_path, "backtest")
    series = Series.of("BTCUSDT", "kline", "5m")
    with home.writer() as writer:
        early = import_file(writer, path, "BTCUSDT", "kline", "5m", now_ms=ts + FIVE - 1)
        assert [row for row, _ in early.rejected] == [0]
        # Without the time of the download it passes for closed, until the venue's final bar comes.
        assert import_file(writer, path, "BTCUSDT", "kline", "5m").rows == 1
        source = shared_data / "klines" / "BTCUSDT_5m.parquet"
        assert import_file(writer, source, "BTCUSDT", "kline", "5m").revised == 1
        changed = {r["field"]: r["new_value"] for r in writer.revisions().to_pylist()}
        assert changed == {name: final[name] for name in ("high", "close", "volume")}
        stored = writer.rows(series, ts, ts + FIVE)
    assert [float(stored[n][0]) for n in ("open", "high", "low", "close")] == [
        final[n] for n in ("open", "high", "low", "close")
    ]


def test_opens_equal_the_previous_close_where_bars_are_contiguous(store: Store) -> None:
    """What the data's page says of the venue holds of what the store gives back."""
    (info,) = [
        s for s in store.snapshot().series() if str(s.timeframe) == "5m" and s.symbol == "ETHUSDT"
    ]
    bars = store.snapshot().bars("ETHUSDT", "kline", "5m", info.first_ms, info.until_ms)
    assert np.mean(bars.open[1:] == bars.close[:-1]) > 0.999
