"""Whole plays on the exchange: results do not depend on how bars are cut, and add up."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from engine import Instrument, RunConfig, run_backtest
from engine.backtest import Result
from engine.bars import Bars
from engine.dataset import Dataset
from engine.exchange.codes import TRANSITIONS, OrderState, Refusal
from engine.exchange.layout import State
from engine.play import loads_play
from engine.timeframe import Timeframe

BASE = """
version: 1
name: exchange_case
market: BTCUSDT
clock: 5m
series:
  fast: ema(close, 5)
  slow: ema(close, 20)
  atr14: atr(14)
rules:
  enter_long: cross_above(fast, slow)
  enter_short: cross_below(fast, slow)
"""

PLAYS = {
    "ladder": """
risk:
  size: { margin: 40% }
  leverage: 10
  stop: { atr: 2, of: atr14 }
  target: [ { rr: 1, close: 30% }, { rr: 2, close: 30% }, { rr: 3 } ]
""",
    "limit entry": """
entry:
  order: limit
  price: { long: close - 0.5*atr14, short: close + 0.5*atr14 }
  expires: 6 bars
risk:
  size: { risk: 1% }
  leverage: 5
  stop: { price: 0.6% }
  target: { price: 0.9% }
""",
    "stop entry, replaced": """
entry:
  order: stop
  price: { long: high, short: low }
  offset: 2bps
  pending: replace
  expires: 12 bars
risk:
  size: { notional: 20000 }
  leverage: 20
  stop: { roi: 8% }
  target: { roi: 15%, order: market }
""",
    "trail": """
risk:
  size: { risk: 2% }
  leverage: 25
  stop: { atr: 3, of: atr14 }
  break_even: { at: 1R, offset: 5bps }
  trail: { atr: 2, of: atr14, after: 1R }
""",
    "trail by price": """
risk:
  size: { risk: 2% }
  leverage: 4
  stop: { price: 1% }
  break_even: { at: 0.5%, offset: 2 ticks }
  trail: { price: 0.7% }
""",
    "liquidations": """
risk:
  size: { margin: 5% }
  leverage: 100
  stop: none
""",
    "limits": """
limits: { max_trades_per_day: 3, cooldown: 4 bars, max_bars: 20, daily_loss: 1% }
risk:
  size: { margin: 30% }
  leverage: 10
  stop: { price: 1% }
  max_drawdown: 30%
""",
}

PLAYS["drawdown"] = """
risk:
  size: { margin: 90% }
  leverage: 10
  stop: none
  max_drawdown: 4%
"""

PLAYS["reads the position"] = """
  exit_long:
    - id: given_up
      when: position.pnl_pct < -0.2 and position.bars >= 3
    - id: paid
      when: position.r > 0.8R and close < fast
  exit_short: position.bars >= 12 and position.side == short
risk:
  size: { risk: 1% }
  leverage: 5
  stop: { price: 0.6% }
"""

PLAYS["remembers the position"] = """
  exit_long:
    - id: gave_back
      when: position.pnl_pct < highest(position.pnl_pct, 30) - 0.15
    - id: stale
      when: bars_since(position.r > 0.1R) > 20 or held(40, position.r < 0.1R)
  exit_short: cross_above(position.pnl_pct, position.pnl_pct[3]) and position.bars > 2
risk:
  size: { risk: 1% }
  leverage: 5
  stop: { price: 0.6% }
"""

STEP_MS = 60_000


def market(bars: int, seed: int, wild: float = 0.0009) -> Bars:
    """A seeded walk of one-minute bars, opens at the close before, with a few jumps."""
    random = np.random.default_rng(seed)
    moves = random.normal(0, wild, (bars, 4))
    moves[random.random((bars, 4)) < 0.002] *= 12
    path = np.round(50_000 * np.exp(np.cumsum(moves.ravel())), 1).reshape(bars, 4)
    opened = np.concatenate([[50_000.0], path[:-1, 3]])
    close = path[:, 3]
    high = np.maximum(np.maximum(path.max(axis=1), opened), close)
    low = np.minimum(np.minimum(path.min(axis=1), opened), close)
    times = 1_704_067_200_000 + STEP_MS * np.arange(bars, dtype=np.int64)
    return Bars(times, opened, high, low, close, np.full(bars, 3.0))


def run(
    risk: str, bars: Bars, block_bars: int = 8192, events: bool = False, **config: object
) -> Result:
    last_ms = int(bars.open_ms[-1]) + STEP_MS
    eight_hours = 8 * 3_600_000
    first = -(-int(bars.open_ms[0]) // eight_hours) * eight_hours
    funding = np.arange(first, last_ms, eight_hours, dtype=np.int64)
    moved = [np.round(c * 1.0001, 2) for c in (bars.open, bars.high, bars.low, bars.close)]
    mark = Bars(bars.open_ms, *moved, bars.volume)
    dataset = Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.M1,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=int(bars.open_ms[300]),
        until_ms=last_ms,
        mark=mark,
        funding_ms=funding,
        funding_rate_e8=np.full(len(funding), 12_345, np.int64),
    )
    return run_backtest(
        loads_play(BASE + risk), dataset, RunConfig(**config), block_bars=block_bars, events=events
    )


@pytest.mark.parametrize("name", PLAYS)
def test_results_do_not_depend_on_how_bars_are_cut(name: str) -> None:
    bars = market(6_000, seed=7)
    whole = run(PLAYS[name], bars)
    assert len(whole.trades) > 0, "the case trades"
    for block_bars in (1, 7, 64, 1000):
        assert run(PLAYS[name], bars, block_bars).leaves == whole.leaves


@pytest.mark.parametrize("name", PLAYS)
@pytest.mark.parametrize("config", [{}, {"path": "ohlc", "fill": "touch"}, {"latency_ms": 90_000}])
def test_a_trade_sees_no_price_after_its_end(name: str, config: dict[str, object]) -> None:
    """Worst and best price, counted again over the bars a trade was held; the bars of entry and
    exit may have been held in part."""
    bars = market(6_000, seed=11)
    for trade in run(PLAYS[name], bars, **config).trades.to_pylist():
        first, last = np.searchsorted(bars.open_ms, [trade["entry_ms"], trade["exit_ms"]])
        low, high = bars.low[first : last + 1].min(), bars.high[first : last + 1].max()
        side, entry = (1 if trade["side"] == "long" else -1), trade["entry_price"]
        worst, best = (low, high) if side > 0 else (high, low)
        assert 0 <= trade["mae_pct"] <= max(0.0, 100 * side * (entry - worst) / entry) + 1e-9
        assert 0 <= trade["mfe_pct"] <= max(0.0, 100 * side * (best - entry) / entry) + 1e-9


@pytest.mark.parametrize("name", PLAYS)
@pytest.mark.parametrize("config", [{}, {"path": "ohlc", "fill": "touch"}, {"latency_ms": 90_000}])
def test_trades_and_ledger_add_up(name: str, config: dict[str, object]) -> None:
    result = run(PLAYS[name], market(6_000, seed=11), **config)
    trades, equity = result.trades.to_pydict(), result.equity.to_pydict()
    change = equity["equity_e8"][-1] - 10_000 * 10**8
    assert sum(trades["net_e8"]) == change
    balances = result.ledger.to_pydict()["balance_e8"]
    assert min(balances) >= 0
    assert balances[-1] == equity["equity_e8"][-1]
    for gross, fees, funding, net in zip(
        trades["gross_e8"], trades["fees_e8"], trades["funding_e8"], trades["net_e8"], strict=True
    ):
        assert net == gross - fees + funding


@pytest.mark.parametrize("name", PLAYS)
def test_turnover_slippage_and_refusals_are_those_of_the_tables(name: str) -> None:
    result = run(PLAYS[name], market(6_000, seed=11))
    fills, orders = result.fills.to_pylist(), result.orders.to_pylist()
    # A quantity of 0.001 and a price step of 1e-8 make whole 1e-11 USDT.
    slipped = sum(
        (1 if fill["side"] == "buy" else -1)
        * (fill["price_e8"] - fill["reference_price_e8"])
        * fill["qty_lots"]
        for fill in fills
    )
    metrics = {key: metric["value"] for key, metric in result.metrics.items()}
    assert metrics["turnover_usdt"] == sum(fill["notional_e8"] for fill in fills) / 1e8
    assert metrics["slippage_usdt"] == slipped / 1e11
    refused = Counter(o["refusal"].lower() for o in orders if o["state"] == "rejected")
    assert metrics["refused_entries"] == refused.total()
    assert {
        k: v for k, v in metrics.items() if k.startswith("refused_") and k != "refused_entries"
    } == {f"refused_{code}": count for code, count in refused.items()}


def test_every_refusal_has_its_counter() -> None:
    assert State.REFUSED + max(Refusal) < State.END


def test_the_cases_meet_what_they_are_named_after() -> None:
    bars = market(6_000, seed=7)
    reasons = {
        name: set(run(risk, bars).trades.to_pydict()["exit_reason"]) for name, risk in PLAYS.items()
    }
    assert reasons["ladder"] >= {"stop", "target"}
    assert "liquidation" in reasons["liquidations"]
    assert "max_bars" in reasons["limits"]
    assert "drawdown" in reasons["drawdown"]
    states = {
        name: set(run(PLAYS[name], bars).orders.to_pydict()["state"])
        for name in ("limit entry", "stop entry, replaced")
    }
    assert "expired" in states["limit entry"]
    assert "cancelled" in states["stop entry, replaced"]


def test_exits_that_read_the_position_fire_where_they_are_true() -> None:
    """Against the trades themselves: price at the decision, bars since the entry."""
    bars = market(6_000, seed=7)
    result = run(PLAYS["reads the position"], bars, mark="last", slippage="0", fees={"taker": "0"})
    closes = dict(zip((bars.open_ms + STEP_MS).tolist(), bars.close.tolist(), strict=True))
    seen = set()
    for trade in result.trades.to_pylist():
        if trade["exit_reason"] != "exit_rule":
            continue
        seen.add(trade["exit_rule"])
        change_pct = 100 * (closes[trade["exit_ms"]] / trade["entry_price"] - 1)
        if trade["exit_rule"] == "given_up":
            assert change_pct < -0.2
            assert trade["bars"] >= 3
        elif trade["exit_rule"] == "paid":
            assert change_pct > 0.8 * 0.6 * 0.99
        else:
            assert trade["bars"] == 12
    assert {"given_up", "paid"} < seen


@pytest.mark.parametrize("name", PLAYS)
def test_the_event_stream_tells_the_life_of_every_order(name: str) -> None:
    """Writing it changes nothing else; every order's transitions are those its row ends with, in
    the order in which the life of an order allows them."""
    bars = market(6_000, seed=7)
    result = run(PLAYS[name], bars, events=True)
    assert result.leaves == run(PLAYS[name], bars).leaves
    lives: dict[int, list[str]] = {}
    last_ms = 0
    for event in result.events.to_pylist():
        assert event["ts_ms"] >= last_ms
        last_ms = event["ts_ms"]
        if event["event"] == "order":
            lives.setdefault(event["order_id"], []).append(event["state"])
    brackets = ("stop", "target")
    for order in result.orders.to_pylist():
        states = [OrderState[state.upper()] for state in lives.pop(order["order_id"])]
        assert states[-1].text == order["state"]
        if order["kind"] not in brackets:
            assert states[0] is OrderState.NEW
            for before, after in pairwise(states):
                assert after in TRANSITIONS[before]
    assert all(states[-1] not in FINAL for states in lives.values()), "others still rest"


FINAL = ("filled", "cancelled", "rejected", "expired")
