"""A whole backtest: invariant to blocks, exact to the last unit, the same as the engine alone."""

from __future__ import annotations

import bisect
import os
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine import Dataset, Engine, Execution, Instrument, RunConfig, load_play, loads_play
from engine import run_backtest as run
from engine.backtest import Result
from engine.errors import DataError
from engine.play.model import Play
from engine.timeframe import Timeframe
from tests.engine.markets import DAY, HOUR, T0, dataset, flat_bars, market

PLAYS = Path(__file__).resolve().parents[2] / "plays"
OPEN = {"equity": 1_000_000}


def always(rule: str = "enter_long: close > 0", **risk: str) -> str:
    size = risk.get("size", "{ qty: 1 }")
    stop = risk.get("stop", "none")
    target = f", target: {risk['target']}" if "target" in risk else ""
    return (
        "version: 1\nname: always\nmarket: BTCUSDT\nclock: 1h\n"
        f"rules: {{ {rule} }}\nrisk: {{ size: {size}, stop: {stop}{target} }}\n"
    )


def hourly(closes: list[float], **changed) -> Dataset:
    bars = flat_bars(closes)
    facts = {
        "symbol": "BTCUSDT",
        "base_timeframe": Timeframe.H1,
        "bars": bars,
        "instrument": Instrument.default("BTCUSDT"),
        "since_ms": T0,
        "until_ms": T0 + len(closes) * HOUR,
    }
    return Dataset(**{**facts, **changed})


def plain(**changed) -> RunConfig:
    """No costs, fills on the hour, the last price as mark."""
    free = {"slippage": "0", "slippage_stop": "0", "fees": {"taker": "0", "maker": "0"}}
    assumed = {
        "equity": 1_000_000,
        "fill_timeframe": "1h",
        "funding": "off",
        "mark": "last",
        **free,
    }
    return RunConfig(**{**assumed, **changed})


@pytest.mark.parametrize("name", ["ema_pullback", "ema_bracket", "bollinger_reversion"])
def test_the_result_does_not_depend_on_blocks(name: str):
    play = load_play(PLAYS / f"{name}.yml")
    held = dataset(10, since=T0 + 2 * DAY + 7 * 60_000)
    hashes = {run(play, held, RunConfig(**OPEN), block_bars=n).result_hash
              for n in (8192, 1021, 97, 16_384)}  # fmt: skip
    assert len(hashes) == 1


@pytest.mark.parametrize("name", ["ema_pullback", "ema_bracket", "rsi_macd_momentum"])
def test_the_engine_told_of_the_runs_fills_decides_as_the_backtest_did(name: str):
    """Parity: what is deployed is what was backtested. Fills at a bar's open are told before that
    bar, others before the next one; both come after the close that the bar before ended on."""
    assert_parity(load_play(PLAYS / f"{name}.yml"), dataset(30))


READS_THE_POSITION = """\
version: 1
name: minded
market: BTCUSDT
clock: 5m
rules:
  enter_long: cross_above(ema(close, 5), ema(close, 20))
  enter_short: cross_below(ema(close, 5), ema(close, 20))
  exit_long: {exit}
  exit_short: {exit}
risk:
  size: {{ risk: 1% }}
  stop: {{ price: 0.7% }}
  target: [{{ rr: 0.4, close: 40% }}, {{ rr: 4 }}]
"""


@pytest.mark.parametrize(
    "exit",
    [
        "position.r > 0.6R or position.r < -0.3R",
        "position.pnl_pct < -0.2 or position.bars >= 20",
        "close > 1.004 * position.entry_price or close < 0.998 * position.entry_price",
        "position.side == short and position.r < 0.1R or position.bars > 30",
        "cross_below(position.pnl_pct, 0.1) or (position.bars > 20)[3]",
        "position.pnl_pct < position.pnl_pct[1][2] or changed(position.pnl_pct > 0.4)",
    ],
)
def test_exits_by_the_position_are_decided_alike(exit: str):
    result = assert_parity(loads_play(READS_THE_POSITION.format(exit=exit)), dataset(30))
    reasons = set(result.fills.column("reason").to_pylist())
    assert {"target", "stop", "exit_rule"} <= reasons


def test_a_look_back_over_the_position_does_not_see_the_one_before():
    """Sold once the profit shrinks, and bought again in the same instant while the close is 100 or
    more. Profits at the closes from 1 on: 0, 1, 2, 1 (sold); 0 at close 5, where the 1 before it
    was the other position's, -1 (sold); -1 at close 7, the first again, and no less after it."""
    closes = [100.0, 100.0, 101.0, 102.0, 101.0, 101.0, 100.0, 99.0, 99.0, 99.0]
    rule = "enter_long: close >= 100, exit_long: 'position.pnl_pct < position.pnl_pct[1]'"
    result = run(loads_play(always(rule)), hourly(closes), plain())
    exits = [(row["ts_ms"] - T0) // HOUR - 1 for row in result.decisions.to_pylist()
             if "exit" in row["action"]]  # fmt: skip
    assert exits == [4, 6]


def assert_parity(play: Play, held: Dataset) -> Result:
    result = run(play, held, RunConfig(**OPEN), events=True)
    fills = result.fills.to_pylist()
    stops = {row["ts_ms"]: Decimal(row["price_e8"]) / 10**8
             for row in result.events.to_pylist() if row["event"] == "bracket"
             and row["cause"] == "entry" and row["level"] is None}  # fmt: skip
    assert len(fills) > 8
    engine = Engine(play, held.instrument)
    opens = held.bars.open_ms.tolist()
    told: dict[int, list[Execution]] = {}
    for fill in fills:
        if fill["reason"] == "end_of_data":
            continue
        at = bisect.bisect_right(opens, fill["ts_ms"]) - 1
        event = Execution(fill["ts_ms"], fill["side"],
                          Decimal(fill["qty_lots"]) * held.instrument.qty_step,
                          Decimal(fill["price_e8"]) / 10**8, stops.get(fill["ts_ms"]))  # fmt: skip
        told.setdefault(at, []).append(event)
    decisions = []
    edges = [0, *sorted(told), len(opens)]
    for lo, hi in pairwise(edges):
        engine.apply(told.get(lo, []))
        decisions += engine.advance(held.bars[slice(lo, hi)])
    acted = [d for d in decisions if d.action != "none"]
    expected = result.decisions.to_pylist()
    assert [(d.ts_ms, d.action, d.rule) for d in acted] == [
        (row["ts_ms"], row["action"], row["rule"]) for row in expected
    ]
    assert [dict(d.values) for d in acted] == [row["values"] for row in expected]
    return result


def test_the_ledger_adds_up_to_the_last_unit():
    result = run(load_play(PLAYS / "bollinger_reversion.yml"), dataset(10), RunConfig())
    ledger, trades = result.ledger, result.trades
    amounts = ledger.column("amount_e8").to_pylist()
    balances = ledger.column("balance_e8").to_pylist()
    assert [10_000 * 10**8 + s for s in np.cumsum(amounts).tolist()] == balances
    nets = trades.column("net_e8").to_pylist()
    assert sum(nets) == sum(amounts) == balances[-1] - 10_000 * 10**8
    assert result.equity.column("equity_e8")[-1].as_py() == balances[-1]
    for name in ("gross", "fees", "funding"):
        assert trades.column(f"{name}_e8").null_count == 0
    funding = [row for row in ledger.to_pylist() if row["kind"] == "funding"]
    assert sum(row["amount_e8"] for row in funding) == sum(trades.column("funding_e8").to_pylist())
    assert result.metrics["net_funding_usdt"]["value"] == pytest.approx(
        sum(row["amount_e8"] for row in funding) / 1e8, abs=1e-8
    )


@pytest.mark.parametrize(
    ("rule", "expected_e8"),
    [("enter_long: close > 0", -500_000_000), ("enter_short: close > 0", 500_000_000)],
)
def test_h3_funding_of_one_at_50_000_is_five_usdt(rule: str, expected_e8: int):
    """Long 1 BTC over 08:00, mark 50,000, rate +0.0001: -5.00000000; short +5.00000000."""
    held = hourly(
        [50_000.0] * 12,
        mark=flat_bars([50_000.0] * 12),
        funding_ms=np.array([T0, T0 + 8 * HOUR], np.int64),
        funding_rate_e8=np.array([10_000, 10_000], np.int64),
    )
    result = run(loads_play(always(rule)), held, plain(funding="on", mark="series"))
    (row,) = [row for row in result.ledger.to_pylist() if row["kind"] == "funding"]
    assert (row["ts_ms"], row["amount_e8"]) == (T0 + 8 * HOUR, expected_e8)


def test_h3_a_position_decided_at_the_funding_instant_pays_nothing():
    """An entry decided on the close at T fills after T's funding; an exit decided on the close
    before fills at that open and has paid."""
    closes = [50_000.0] * 7 + [50_001.0] + [50_000.0] * 4
    rule = "enter_long: close > 50000, exit_long: close < 50001"
    held = hourly(
        closes,
        funding_ms=np.array([T0, T0 + 8 * HOUR, T0 + 16 * HOUR], np.int64),
        funding_rate_e8=np.array([10_000] * 3, np.int64),
    )
    result = run(loads_play(always(rule)), held, plain(funding="on"))
    (trade,) = result.trades.to_pylist()
    assert trade["entry_ms"] == T0 + 8 * HOUR
    assert trade["funding_e8"] == 0


def test_fees_and_slippage_are_those_of_the_page():
    """0.037 BTC: taker 5.5 bps of the slipped notional, rounded up at 1e-8."""
    held = hourly([67_123.4] * 5)
    config = plain(fees={"taker": "5.5bps", "maker": "2bps"})
    result = run(loads_play(always(size="{ qty: 0.037 }")), held, config)
    entry = result.fills.to_pylist()[0]
    assert entry["fee_e8"] == 136_596_119
    slipped = run(loads_play(always()), held, plain(slippage="10bps"))
    # 67,123.4 x 1.001 = 67,190.5234, up to the next 0.1.
    assert slipped.fills.to_pylist()[0]["price"] == 67_190.6


def test_end_close_and_end_mark():
    closes = [50_000.0, 50_000.0, 50_100.0, 50_250.0]
    closed = run(loads_play(always()), hourly(closes), plain(end="close"))
    (trade,) = closed.trades.to_pylist()
    assert (trade["exit_reason"], trade["net_e8"]) == ("end_of_data", 250 * 10**8)
    marked = run(loads_play(always()), hourly(closes), plain(end="mark"))
    assert marked.trades.num_rows == 0
    last = marked.equity.to_pylist()[-1]
    assert (last["equity_e8"], last["position_lots"]) == (1_000_250 * 10**8, 1000)
    # One point per clock bar, and exactly one at the end.
    assert marked.equity.num_rows == len(closes) + 1


def test_m16_metrics_carry_their_unit_in_their_name():
    result = run(load_play(PLAYS / "ema_pullback.yml"), dataset(10), RunConfig())
    suffixes = {"pct": "_pct", "usdt": "_usdt", "ms": "_ms", "bars": "_bars"}
    for name, metric in result.metrics.items():
        suffix = suffixes.get(metric["unit"], "")
        assert name.endswith(suffix), name
        assert ("reason" in metric) == (metric["value"] is None)


def test_m16_three_wins_of_which_two_long_and_one_loss():
    closes = [100.0, 110, 100, 112, 100, 90, 100, 95, 100, 100]
    rules = (
        "enter_long: close <= 100 and close > 95, exit_long: close >= 110 or close <= 95, "
        "enter_short: close > 110, exit_short: close <= 100"
    )
    result = run(loads_play(always(rules)), hourly(closes), plain())
    nets = [(t["side"], t["net_usdt"]) for t in result.trades.to_pylist()]
    wins = sum(net > 0 for _, net in nets)
    longs = [net for side, net in nets if side == "long"]
    metrics = {name: m["value"] for name, m in result.metrics.items()}
    assert metrics["trades"] == len(nets)
    assert metrics["wins"] == wins
    assert metrics["win_rate_pct"] == pytest.approx(100 * wins / len(nets))
    assert metrics["long_win_rate_pct"] == pytest.approx(
        100 * sum(n > 0 for n in longs) / len(longs)
    )
    assert metrics["long_trades"] + metrics["short_trades"] == metrics["trades"]


def test_m16_without_a_loss_the_profit_factor_is_null_with_a_reason():
    rule = "enter_long: close > 0"
    result = run(loads_play(always(rule)), hourly([100.0, 100, 101, 102]), plain())
    assert result.metrics["profit_factor"] == {
        "value": None,
        "unit": "ratio",
        "reason": "no_losses",
    }
    assert result.metrics["sharpe"]["reason"] == "under_30_days"
    assert result.metrics["cagr_pct"]["reason"] == "under_90_days"


def test_short_warm_up_is_told_and_a_long_one_is_not():
    play = load_play(PLAYS / "ema_bracket.yml")
    short = run(play, dataset(10), RunConfig(**OPEN))
    assert short.flags["warmup_short"] is True
    assert any("warmup_short" in warning for warning in short.warnings)
    warm = run(play, dataset(10, since=T0 + DAY), RunConfig(**OPEN))
    assert warm.flags["warmup_short"] is False
    decided = warm.decisions.column("ts_ms").to_pylist()
    assert min(decided) > T0 + DAY


@pytest.mark.parametrize(
    ("changed", "config", "code"),
    [
        ({"mark": None}, {}, "MARK_MISSING"),
        ({"funding_ms": None}, {}, "FUNDING_MISSING"),
        ({"until_ms": T0 + DAY}, {}, "WINDOW_EMPTY"),
        ({}, {"trigger_by": "index"}, "INDEX_MISSING"),
    ],
)
def test_missing_inputs_are_refused(changed: dict, config: dict, code: str):
    with pytest.raises(DataError) as refused:
        run(load_play(PLAYS / "ema_bracket.yml"), dataset(3, **changed), RunConfig(**config))
    assert refused.value.code == code


def test_a_stop_by_the_index_is_touched_by_the_index_alone():
    """Bought at 100, stopped at 98 by the index. The last price falls below at once, the index two
    bars later, from 100 to 97: it meets 98 after two thirds of its way, where the last price on its
    own from 97 to 96 stands at 96.33, a tick of 0.1 rounded down."""
    last = [100.0, 100.0, 97.0, 97.0, 96.0, 96.0]
    index = flat_bars([100.0, 100.0, 100.0, 100.0, 97.0, 97.0])
    play = loads_play(always("enter_long: close >= 100", stop="{ price: 2% }"))
    by_last = run(play, hourly(last), plain()).trades.to_pylist()
    by_index = run(play, hourly(last, index=index), plain(trigger_by="index")).trades.to_pylist()
    assert [(t["exit_ms"] - T0) // HOUR for t in by_last] == [2]
    assert [((t["exit_ms"] - T0) // HOUR, t["exit_price"]) for t in by_index] == [(4, 96.3)]


def test_an_order_the_account_cannot_carry_is_refused_and_counted():
    result = run(loads_play(always()), hourly([50_000.0] * 4), plain(equity=10_000))
    orders = result.orders.to_pylist()
    assert {o["refusal"] for o in orders} == {"INSUFFICIENT_MARGIN"}
    assert result.metrics["refused_insufficient_margin"]["value"] == len(orders)
    assert result.trades.num_rows == 0


def test_generated_funding_is_charged_in_the_window_alone():
    play = loads_play(
        "version: 1\nname: h\nmarket: BTCUSDT\nclock: 1h\nrules: { enter_long: close > 0 }\n"
        "risk: { size: { qty: 0.1 }, stop: none }\n"
    )
    held = dataset(3, since=T0 + DAY)
    result = run(play, held, RunConfig(**OPEN))
    times = [row["ts_ms"] for row in result.ledger.to_pylist() if row["kind"] == "funding"]
    assert times == [t for t in market(3).funding_ms.tolist() if t > T0 + DAY + HOUR][: len(times)]
    assert len(times) == 5


WHOLE_RUN = """
import sys
from engine import RunConfig, load_play, run_backtest
from tests.engine.markets import dataset
result = run_backtest(load_play("plays/ema_bracket.yml"), dataset(2), RunConfig())
assert result.trades.num_rows and result.decisions.num_rows and result.equity.num_rows
assert result.orders.num_rows and result.fills.num_rows and result.ledger.num_rows
assert result.metrics
print(*sorted({"pandas", "polars", "duckdb", "prefect"} & set(sys.modules)))
"""


def test_a_whole_run_loads_no_frames_library():
    """Arrow would load pandas for an array of numbers: 0.4 s and 30 MB of every first result."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", WHOLE_RUN],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
