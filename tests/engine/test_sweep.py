"""A sweep gives each set of parameters what a run of its own gives it, value for value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import Dataset, Instrument, RunConfig, run_backtest, sweep
from engine.bars import Bars
from engine.errors import ConfigError, PlayError
from engine.play import loads_play, vary_play
from engine.play.own_indicators import IndicatorSource
from engine.timeframe import Timeframe
from tests.engine.exchange.test_plays import BASE, PLAYS, STEP_MS, market

PARAMS = "params: { fast_bars: 5, slow_bars: 20, reach: 14, distance: 1% }\n"
#: The plays of the exchange's tests, their lengths and a distance made parameters.
SOURCES = {
    name: BASE.replace("series:", PARAMS + "series:")
    .replace("ema(close, 5)", "ema(close, fast_bars)")
    .replace("ema(close, 20)", "ema(close, slow_bars)")
    .replace("atr(14)", "atr(reach)")
    + risk.replace("stop: { price: 1% }", "stop: { price: distance }")
    for name, risk in PLAYS.items()
}
BARS = 2_500
ROOT = Path(__file__).resolve().parents[2]


def dataset(bars: Bars) -> Dataset:
    last_ms = int(bars.open_ms[-1]) + STEP_MS
    funding = np.arange(int(bars.open_ms[0]), last_ms, 8 * 3_600_000, dtype=np.int64)
    moved = [np.round(c * 1.0001, 2) for c in (bars.open, bars.high, bars.low, bars.close)]
    return Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.M1,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=int(bars.open_ms[300]),
        until_ms=last_ms,
        mark=Bars(bars.open_ms, *moved, bars.volume),
        funding_ms=funding,
        funding_rate_e8=np.full(len(funding), 12_345, np.int64),
    )


PARAMETER_SETS = st.lists(
    st.fixed_dictionaries(
        {"fast_bars": st.integers(2, 12), "slow_bars": st.integers(13, 40)},
        optional={
            "reach": st.integers(2, 30),
            "distance": st.sampled_from(["0.4%", "1%", "2.5%"]),
        },
    ),
    min_size=1,
    max_size=4,
)


@given(
    name=st.sampled_from(sorted(SOURCES)),
    sets=PARAMETER_SETS,
    seed=st.integers(0, 10_000),
    config=st.sampled_from([{}, {"path": "ohlc", "fill": "touch"}, {"mark": "last"},
                            {"latency_ms": 90_000}, {"end": "mark"}]),
    block_bars=st.sampled_from([64, 700, 16_384]),
    group=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_each_set_gives_what_its_own_run_gives(name, sets, seed, config, block_bars, group) -> None:
    data, play = dataset(market(BARS, seed)), loads_play(SOURCES[name], "sweep.yml")
    run_config = RunConfig(**config)
    trials = sweep(play, data, run_config, sets, block_bars=block_bars, group=group)
    assert [trial.params for trial in trials] == sets
    for trial, params in zip(trials, sets, strict=True):
        alone = run_backtest(
            loads_play(SOURCES[name], "sweep.yml", params=params), data, run_config
        )
        assert trial.play == alone.play
        assert trial.status == alone.status
        assert trial.trades.equals(alone.trades, check_metadata=True)
        assert trial.equity.equals(alone.equity, check_metadata=True)
        assert trial.metrics == alone.metrics
        assert trial.trade_count == alone.trades.num_rows
        assert trial.net_e8 == sum(alone.trades.column("net_e8").to_pylist())
        assert trial.final_e8 == alone.equity.column("equity_e8").to_pylist()[-1]
        drawdown = alone.metrics["max_drawdown_pct"]["value"]
        assert trial.max_drawdown_pct == pytest.approx(drawdown, rel=1e-11)
    assert (
        trials[0].result().result_hash == run_backtest(trials[0].play, data, run_config).result_hash
    )


def test_the_cases_end_in_every_way() -> None:
    """What the property is drawn from holds liquidations, stopped runs, ladders and funding."""
    data, sets = dataset(market(6_000, 7)), [{"fast_bars": 3}, {"fast_bars": 5}]
    found = {
        name: sweep(loads_play(source), data, RunConfig(), sets) for name, source in SOURCES.items()
    }
    assert {t.status for t in found["liquidations"]} == {"STOPPED_LIQUIDATED"}
    reasons = {r for t in found["ladder"] for r in t.trades.column("exit_reason").to_pylist()}
    assert reasons >= {"stop", "target"}
    assert any(t.metrics["net_funding_usdt"]["value"] != 0 for t in found["trail by price"])
    distinct = {tuple(t.trades.column("net_e8").to_pylist()) for t in found["ladder"]}
    assert len(distinct) == 2, "sets that differ give different trades"


def test_progress_counts_bars_times_sets() -> None:
    data, told = dataset(market(BARS, 1)), []
    sweep(loads_play(SOURCES["ladder"]), data, RunConfig(),
          [{"fast_bars": n} for n in (3, 4, 5)], block_bars=1_000, group=2,
          progress=lambda done, total: told.append((done, total)))  # fmt: skip
    bars = BARS - 300
    assert told[-1] == (3 * bars, 3 * bars)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_varied_plays_are_those_that_are_loaded_anew() -> None:
    source = SOURCES["ladder"] + "# a comment\n"
    play = loads_play(source, "a.yml", params={"fast_bars": 4})
    varied = vary_play(play, [{"slow_bars": 30}, {"distance": "2%"}])
    assert varied == [
        loads_play(source, "a.yml", params={"fast_bars": 4, "slow_bars": 30}),
        loads_play(source, "a.yml", params={"fast_bars": 4, "distance": "2%"}),
    ]


def test_a_sweep_of_a_projects_own_indicator() -> None:
    """Its source goes along, and each set proves it with the set's own length."""
    file = ROOT / "plays" / "custom" / "efficiency.py"
    own = [IndicatorSource("efficiency.py", str(file), file.read_text(encoding="utf-8"))]
    source = SOURCES["ladder"].replace("cross_above(fast, slow)", "efficiency(close, reach) > 0.6")
    source = source.replace("atr(reach)", "atr(14)")
    play = loads_play(source, "a.yml", indicators=own)
    data, sets = dataset(market(BARS, 3)), [{"reach": 4}, {"reach": 11}]
    trials = sweep(play, data, RunConfig(), sets)
    assert len({trial.net_e8 for trial in trials}) == 2
    for trial, params in zip(trials, sets, strict=True):
        alone = loads_play(source, "a.yml", params=params, indicators=own)
        assert trial.play == alone
        assert trial.trades.equals(run_backtest(alone, data, RunConfig()).trades)


def test_bad_sets_are_refused() -> None:
    data, play = dataset(market(400, 1)), loads_play(SOURCES["ladder"], "a.yml")
    with pytest.raises(PlayError, match="no parameter 'fats'"):
        sweep(play, data, RunConfig(), [{"fast_bars": 3}, {"fats": 3}])
    with pytest.raises(PlayError, match="fast_bars"):
        sweep(play, data, RunConfig(), [{"fast_bars": "3%"}])
    with pytest.raises(ConfigError, match="without a set"):
        sweep(play, data, RunConfig(), [])
