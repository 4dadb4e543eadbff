"""Real market data through the command line, against trade lists on which outside engines agree."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.e2e.command import good, refused

pytestmark = pytest.mark.realdata

FIVE_MINUTES = ("5m", "plays/sma_always_in.yml", "bybit_BTCUSDT_5m__sma20_100_ls_size1",
                2308, Decimal("-190050.937820"))  # fmt: skip
FOUR_HOURS = ("4h", "plays/sma_always_in_4h.yml", "bybit_BTCUSDT_4h__sma10_30_ls_size1",
              74, Decimal("-2957.957755"))  # fmt: skip
ASSUMED = ("funding=off", "liquidation=off", "mark=last", "slippage=0bps", "equity=1000000")


def run(home: Path, timeframe: str, play: str) -> dict:
    sets = [part for key in (*ASSUMED, f"fill_timeframe={timeframe}") for part in ("--set", key)]
    return good("backtest", "run", play, "--home", home, *sets)


@pytest.fixture(scope="module")
def home(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the real candles, funding and mark prices of BTCUSDT."""
    folder = tmp_path_factory.mktemp("real")
    klines = shared_data / "klines"
    for file, kind, timeframe, rows in (
        ("BTCUSDT_5m", "kline", "5m", 163_212),
        ("BTCUSDT_4h", "kline", "4h", 1_804),
        ("BTCUSDT_mark_1h", "mark", "1h", 13_601),
    ):
        told = good("data", "import", klines / f"{file}.parquet", "--symbol", "BTCUSDT", "--kind",
                    kind, "--timeframe", timeframe, "--home", folder)  # fmt: skip
        assert (told["rows"], told["rejected"]) == (rows, [])
    told = good("data", "import", klines / "BTCUSDT_funding.parquet", "--symbol", "BTCUSDT",
                "--kind", "funding", "--home", folder)  # fmt: skip
    assert told["rows"] == 902
    return folder


@pytest.mark.parametrize(
    ("timeframe", "play", "reference", "count", "pnl"), [FIVE_MINUTES, FOUR_HOURS],
    ids=["5m", "4h"],
)  # fmt: skip
def test_trades_are_those_on_which_three_engines_agree(
    home: Path,
    shared_data: Path,
    timeframe: str,
    play: str,
    reference: str,
    count: int,
    pnl: Decimal,
):
    document = run(home, timeframe, play)
    assert document["verdict"] == "IDENTICAL"
    trades = parquet.read_table(Path(document["directory"]) / "trades.parquet").to_pylist()
    closed = [trade for trade in trades if trade["exit_reason"] != "end_of_data"]
    with (shared_data / "backtests" / f"{reference}.trades.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(closed) == len(expected) == count
    assert Decimal(sum(trade["net_e8"] for trade in closed)) / 10**8 == pnl
    for ours, theirs in zip(closed, expected, strict=True):
        assert ours["side"] == ("long" if float(theirs["Size"]) > 0 else "short")
        assert (ours["entry_ms"], ours["exit_ms"]) == (
            int(theirs["EntryTs"]),
            int(theirs["ExitTs"]),
        )
        assert ours["entry_price"] == float(theirs["EntryPrice"])
        assert ours["exit_price"] == float(theirs["ExitPrice"])
        assert ours["net_usdt"] == pytest.approx(float(theirs["PnL"]), abs=1e-6)


def test_a_run_over_the_gappy_series_is_refused_unless_the_policy_says_otherwise(
    shared_data: Path, tmp_path: Path
):
    """Two days, of which stretches of 200 minutes are there and stretches of 801 are not."""
    file = shared_data / "klines" / "ADAUSDT_1m_gappy.parquet"
    good("data", "import", file, "--symbol", "ADAUSDT", "--kind", "kline", "--timeframe", "1m",
         "--home", tmp_path)  # fmt: skip
    play = tmp_path / "ada.yml"
    play.write_text(
        "version: 1\nname: ada\nmarket: ADAUSDT\nclock: 5m\n"
        "rules: { enter_long: close > open, exit_long: close < open }\n"
        "risk: { size: { qty: 100 }, stop: { price: 1% } }\n"
    )
    since, until = 1_725_847_200_000, 1_726_020_000_000
    held = [ts for ts in parquet.read_table(file)["ts"].to_pylist() if since <= ts < until]
    missing = 2_880 - len(held)
    ask = ("backtest", "run", play, "--home", tmp_path, "--since", "2024-09-09T02:00Z", "--until",
           "2024-09-11T02:00Z", "--set", "mark=last", "--set", "funding=off")  # fmt: skip
    assert refused(*ask)["code"] == "DATA_HOLE"
    run = good(*ask, "--set", "gaps=skip")
    assert run["verdict"] == "IDENTICAL"
    assert run["flags"]["gaps"] == "skip"
    assert f"gaps=skip: {missing} bars of the fill series are missing" in run["warnings"]
