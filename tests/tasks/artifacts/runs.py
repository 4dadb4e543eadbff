"""Hand-made runs: small tables in the contract's shapes, an inputs tree, a play's text."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.canonical import hash_table, hash_value, merkle_root
from engine.play import Play, loads_play
from engine.play.own_indicators import IndicatorSource
from tasks.artifacts import Commit, Outputs, commit_run
from tasks.identity import SeriesFacts, run_inputs
from tests.engine import projects

T0 = 1_767_225_600_000  # 2026-01-01T00:00Z
PLAY_TEXT = """\
version: 1
name: sma_cross
market: BTCUSDT
clock: 1h
params: { fast: 3, slow: 8, leave: 2% }
series:  # two averages
  quick: sma(close, fast)
  calm: sma(close, slow)
rules:
  enter_long: cross_above(quick, calm)
  exit_long: cross_below(quick, calm)
  enter_short: cross_below(quick, calm)
  exit_short: cross_above(quick, calm)
risk: { size: { qty: 0.5 }, stop: { price: leave } }
"""
PLAY = loads_play(PLAY_TEXT, "plays/sma_cross.yml")
OWN = loads_play(
    projects.PLAY, indicators=[IndicatorSource("gap.py", "gap.py", projects.GAP)]
).indicators[0]


def table(**columns: tuple[str | None, pa.DataType, list[Any]]) -> pa.Table:
    """A table from ``name=(unit, type, values)``; units go to field metadata."""
    fields = [
        pa.field(name, kind, metadata={"unit": unit} if unit else None)
        for name, (unit, kind, _) in columns.items()
    ]
    arrays = [pa.array(values, kind) for _, kind, values in columns.values()]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def tables() -> dict[str, pa.Table]:
    f8, i8, text = pa.float64(), pa.int64(), pa.string()
    usdt = ("usdt", f8)
    return {
        "trades": table(
            trade_id=("id", i8, [0, 1]),
            symbol=(None, text, ["BTCUSDT", "BTCUSDT"]),
            side=(None, text, ["long", "short"]),
            qty=("base", f8, [0.5, 0.25]),
            entry_ms=("ms", i8, [T0, T0 + 120_000]),
            entry_price=("usdt", f8, [50_000.0, 50_100.0]),
            exit_ms=("ms", i8, [T0 + 60_000, T0 + 180_000]),
            exit_price=("usdt", f8, [50_010.0, 50_000.0]),
            exit_reason=(None, text, ["rule", "stop"]),
            gross_usdt=(*usdt, [5.0, 25.0]),
            fees_usdt=(*usdt, [27.5, 13.8]),
            funding_usdt=(*usdt, [0.0, 0.0]),
            net_usdt=(*usdt, [-22.5, 11.2]),
            bars=("bars", i8, [1, 1]),
            mae_pct=("pct", f8, [0.0, 0.1]),
            mfe_pct=("pct", f8, [0.02, 0.2]),
            r=("R", f8, [None, float("nan")]),
        ),
        "decisions": table(
            ts_ms=("ms", i8, [T0, T0 + 60_000]),
            action=(None, text, ["enter_long", "exit_long"]),
            rule=(None, text, ["up", "down"]),
            values=(None, pa.list_(f8), [[1.0, 2.0], [2.0, None]]),
        ),
        "equity": table(
            ts_ms=("ms", i8, [T0, T0 + 60_000]),
            equity_usdt=("usdt", f8, [10_000.0, 9_977.5]),
            drawdown_pct=("pct", f8, [0.0, 0.225]),
            position_qty=("base", f8, [0.5, 0.0]),
        ),
        "orders": table(ts_ms=("ms", i8, [T0])),
        "fills": table(ts_ms=("ms", i8, [T0]), price=("usdt", f8, [50_000.0])),
        "ledger": table(ts_ms=("ms", i8, []), amount_e8=("usdt*1e-8", i8, [])),
    }


def seal_outputs(held: dict[str, pa.Table], summary: dict[str, Any]) -> Outputs:
    """Outputs whose recorded hashes are those of their content."""
    leaves = {name: hash_table(t) for name, t in held.items()}
    leaves |= {name: hash_value(summary[name]) for name in ("metrics", "status")}
    return Outputs(held, summary, merkle_root(leaves), leaves)


def outputs(**changed: pa.Table) -> Outputs:
    return seal_outputs({**tables(), **changed}, summary())


def summary() -> dict[str, Any]:
    return {
        "metrics": {
            "net": {"value": -11.3, "unit": "usdt"},
            "sharpe": {"value": None, "unit": "ratio", "reason": "under_30_days"},
        },
        "status": "COMPLETED",
        "warnings": [],
        "flags": {"liquidation": "off"},
    }


def run_tree(**changed: Any) -> dict[str, Any]:
    days = {"2026-01-01": hashlib.sha256(b"day").hexdigest()}
    content = hashlib.sha256(b"rows").hexdigest()
    facts = {
        "play": PLAY.canonical,
        "config": {"equity_e8": 10**12, "fees": {"taker_e7": 5500}, "funding": "off"},
        "symbol": "BTCUSDT",
        "since_ms": T0,
        "until_ms": T0 + 86_400_000,
        "base_timeframe": "1m",
        "clock_timeframe": "1h",
        "warmup": {"base_bars": 120, "had_base_bars": 60},
        "environment": "backtest",
        "schema_version": 1,
        "series": [SeriesFacts("BTCUSDT", "kline", "1m", T0, T0 + 86_400_000, 1440, content, days)],
        "instrument": {"tick_size": "0.1", "qty_step": "0.001", "source": "bundled"},
        "generators": [{"name": "mixed", "version": 1, "seed": 7}],
        "indicators": (OWN,),
    }
    return run_inputs(**copy.deepcopy({**facts, **changed}))


def commit(
    root: Path,
    *,
    held: Outputs | None = None,
    report: str | None = "<p>r</p>",
    inputs: dict[str, Any] | None = None,
    play: Play = PLAY,
) -> Commit:
    return commit_run(
        root,
        play,
        inputs or run_tree(),
        held or outputs(),
        audit={"committed_ms": T0, "host": "here"},
        report_html=report,
    )


def with_cell(name: str, column: str, row: int, value: Any) -> Outputs:
    """The hand-made outputs with one cell changed, hashes following."""
    held = tables()[name]
    values = held.column(column).to_pylist()
    values[row] = value
    at = held.schema.get_field_index(column)
    field = held.schema.field(at)
    return outputs(**{name: held.set_column(at, field, pa.array(values, field.type))})
