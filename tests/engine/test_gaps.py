"""Holes in the series of a run: refused, stood still over, or left out, as ``gaps=`` says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import RunConfig, loads_play, run_backtest
from engine.bars import Bars
from engine.errors import BarsError, DataError
from engine.gaps import settled
from engine.play.model import Play
from tests.engine.markets import HOUR, T0, dataset

MINUTE = 60_000
#: Two holes: minutes 1000 to 1006, which cut a bar of 5m and of 1h, and the very hour 20.
HOLES = (*range(1000, 1007), *range(1200, 1260))
TEXT = """\
version: 1
name: crosses
market: BTCUSDT
clock: 5m
rules:
  enter_long: cross_above(ema(close, 5), sma(close@1m, 30))
  enter_short: cross_below(ema(close, 5), highest(high, 3)@15m)
  exit_long: close@1h < open@1h
risk: { size: { qty: 0.1 }, stop: { price: 0.5% }, target: { rr: 2 } }
"""
PLAY = loads_play(TEXT)
#: Left by windows over the position, which is held over the holes.
REMEMBERS = loads_play(
    TEXT.replace("close@1h < open@1h", "count(40, position.pnl_pct < 0) > 30")
    .replace("risk:", "  exit_short: bars_since(position.r > 0.5R) > 30\nrisk:")
    .replace("price: 0.5%", "price: 2%")
)
BOTH = pytest.mark.parametrize("play", [PLAY, REMEMBERS], ids=["plain", "remembers"])


def kept(bars: Bars, rows: list[int]) -> Bars:
    names = ("open_ms", "open", "high", "low", "close", "volume")
    return Bars(**{name: getattr(bars, name)[rows] for name in names})


def holed():
    """Five days with the holes above in the last price, and one more, minute 1500, in the mark."""
    whole = dataset(5)
    n = len(whole.bars)
    last = [i for i in range(n) if i not in HOLES]
    mark = [i for i in last if i != 1500]
    return replace(whole, bars=kept(whole.bars, last), mark=kept(whole.mark, mark))


def config(**changed: object) -> RunConfig:
    return RunConfig.from_mapping({"equity": 1_000_000, **changed})


def test_a_hole_is_refused_unless_the_config_says_otherwise():
    with pytest.raises(BarsError, match="hole"):
        run_backtest(PLAY, holed(), config())


@BOTH
def test_flat_is_the_run_over_bars_that_stand_still(play: Play):
    """Filled here by hand, bar by bar."""
    data = holed()

    def standing(bars: Bars) -> Bars:
        by_time = {int(t): i for i, t in enumerate(bars.open_ms)}
        rows, last = [], 0.0
        for ms in range(T0, T0 + 5 * 24 * HOUR, MINUTE):
            i = by_time.get(ms)
            if i is None:
                rows.append((ms, last, last, last, last, 0.0))
                continue
            names = ("open", "high", "low", "close", "volume")
            rows.append((ms, *(float(getattr(bars, name)[i]) for name in names)))
            last = rows[-1][4]
        return Bars(*(np.array(column) for column in zip(*rows, strict=True)))

    by_hand = replace(data, bars=standing(data.bars), mark=standing(data.mark))
    expected = run_backtest(play, by_hand, config())
    found = run_backtest(play, data, config(gaps="flat"))
    assert found.trades.num_rows > 5
    assert found.result_hash == expected.result_hash
    assert found.flags["gaps"] == "flat"
    assert "gaps=flat: 67 bars of the fill series are missing" in found.warnings


def test_skip_takes_what_all_series_have_and_no_slower_bar_that_a_hole_cuts():
    data, n = holed(), 5 * 24 * 60
    left, missing = settled(data, "skip")
    assert missing == len(HOLES) + 1
    assert left.bars.open_ms.tolist() == left.mark.open_ms.tolist()
    assert len(left.bars) == n - len(HOLES) - 1
    found = run_backtest(PLAY, data, config(gaps="skip"))
    closes = set(found.equity.column("ts_ms").to_pylist()[:-1])
    whole = {T0 + (k + 1) * 5 * MINUTE for k in range(n // 5)}
    cut = {T0 + (m // 5 + 1) * 5 * MINUTE for m in (*HOLES, 1500)}
    assert closes == whole - cut


@BOTH
def test_skip_does_not_depend_on_blocks(play: Play):
    data = holed()
    hashes = {
        run_backtest(play, data, config(gaps="skip"), block_bars=n).result_hash
        for n in (8192, 601, 7)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("policy", ["flat", "skip"])
def test_a_position_that_is_remembered_was_held_over_a_hole(policy: str):
    trades = run_backtest(REMEMBERS, holed(), config(gaps=policy)).trades.to_pylist()
    hole_ms = T0 + 1200 * MINUTE
    assert any(row["entry_ms"] < hole_ms < row["exit_ms"] for row in trades)
    assert {row["exit_rule"] for row in trades} >= {"exit_long", "exit_short"}


def test_skip_puts_bars_side_by_side_in_windows_of_their_own_timeframe():
    """Decided exactly where the mean of the last three closes there are is above the close."""
    head = TEXT.replace("clock: 5m", "clock: 1m").split("  enter_long")[0]
    play = loads_play(
        f"{head}  enter_long: sma(close, 3) > close\n"
        "  exit_long: close > 0\nrisk: { size: { qty: 0.1 }, stop: none }\n"
    )
    data = replace(holed(), mark=None)
    left, _ = settled(data, "skip")
    closes, times = left.bars.close.tolist(), left.bars.open_ms.tolist()
    below = {
        times[i] + MINUTE
        for i in range(2, len(closes))
        if ((closes[i - 2] + closes[i - 1]) + closes[i]) / 3 > closes[i]
    }
    found = run_backtest(play, data, config(gaps="skip", mark="last"))
    decided = {row["ts_ms"] for row in found.decisions.to_pylist() if "enter_long" in row["action"]}
    assert decided == below


def test_what_has_no_price_before_it_cannot_stand_still():
    data = holed()
    late = replace(data, mark=kept(data.mark, list(range(5, len(data.mark)))))
    with pytest.raises(DataError, match="first bar of mark") as refused:
        run_backtest(PLAY, late, config(gaps="flat"))
    assert refused.value.code == "DATA_HOLE"


def test_a_window_that_begins_in_a_hole_has_no_price_to_stand_still_at():
    data = dataset(2)
    late = replace(data, bars=data.bars[slice(90, None)], mark=data.mark[slice(90, None)])
    with pytest.raises(DataError, match="first bar of bars") as refused:
        run_backtest(PLAY, late, config(gaps="flat"))
    assert refused.value.code == "DATA_HOLE"
    assert settled(late, "skip")[1] == 90


@pytest.mark.parametrize("policy", ["flat", "skip"])
@pytest.mark.parametrize("name", ["bars", "mark"])
@pytest.mark.parametrize("shift", [2 * MINUTE, 1], ids=["out of order", "off the grid"])
def test_more_than_holes_is_refused_whatever_the_policy(policy: str, name: str, shift: int):
    data = holed()
    series = getattr(data, name)
    times = series.open_ms.copy()
    times[700] += shift
    spoilt = replace(data, **{name: replace(series, open_ms=times)})
    with pytest.raises(BarsError):
        run_backtest(PLAY, spoilt, config(gaps=policy))
