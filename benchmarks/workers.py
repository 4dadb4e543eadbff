"""One engine in a process of its own: it runs once for every line it is told, and answers in JSON.

``python -m benchmarks.workers ENGINE FILE STOP_PCT TARGET_PCT``; each line on stdin is one run,
each line on stdout ``{"seconds", "trades"}``; an empty line ends it with ``{"peak_mb"}``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.kernels import use_kernel_cache

ROOT = Path(__file__).resolve().parent.parent
WIDE = ROOT / "benchmarks" / "wide.yml"
PEERS_PYTHON = ROOT / "benchmarks" / ".venv" / "bin" / "python"
FAST, SLOW = 20, 100
FEE, SLIPPAGE = 0.00055, 0.0002
NOTIONAL = 1000.0

#: Runs once and tells how many trades there were.
Run = Callable[[], int]


def lockstep(
    columns: dict[str, np.ndarray],
    stop_pct: float,
    target_pct: float,
    *,
    file: Path = ROOT / "plays" / "ema_bracket.yml",
) -> Run:
    """A play through ``run_backtest``, every result table built; ``ema_bracket`` if not said."""
    from engine import Bars, Dataset, Instrument, RunConfig, load_play, run_backtest
    from engine.play import loads_play
    from engine.timeframe import Timeframe

    text = file.read_text("utf-8")
    text = text.replace("price: 2%", f"price: {stop_pct:g}%")
    text = text.replace("price: 4%", f"price: {target_pct:g}%")
    play = loads_play(text, str(file)) if (stop_pct, target_pct) != (2, 4) else load_play(file)
    bars = Bars(**columns)
    first = int(bars.open_ms[0])
    dataset = Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.M1,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=first,
        until_ms=int(bars.open_ms[-1]) + 60_000,
    )
    config = RunConfig(
        equity=1_000_000, mark="last", funding="off", path="ohlc", slippage_stop="2bps"
    )

    def run() -> int:
        result = run_backtest(play, dataset, config)
        tables = (result.decisions, result.orders, result.fills, result.ledger, result.equity)
        assert all(table.num_rows for table in tables)
        return result.trades.num_rows

    return run


def lockstep_wide(columns: dict[str, np.ndarray], stop_pct: float, target_pct: float) -> Run:
    """Twenty features and thirty conditions on a 15m clock."""
    return lockstep(columns, stop_pct, target_pct, file=WIDE)


def _signals(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crosses of the two averages, moved to the bar at whose open they act."""
    import talib

    fast, slow = talib.EMA(close, FAST), talib.EMA(close, SLOW)
    above = fast > slow
    known = ~(np.isnan(fast) | np.isnan(slow))
    both = known[1:] & known[:-1]
    up = np.zeros(len(close), np.bool_)
    down = np.zeros(len(close), np.bool_)
    up[2:] = (both & ~(fast[:-1] > slow[:-1]) & above[1:])[:-1]
    down[2:] = (both & ~(fast[:-1] < slow[:-1]) & (fast < slow)[1:])[:-1]
    return up, down


def vectorbt(
    columns: dict[str, np.ndarray], stop_pct: float, target_pct: float, *, equity: bool = False
) -> Run:
    """Portfolio.from_signals with stops, filled at the next open."""
    import vectorbt as vbt

    def run() -> int:
        up, down = _signals(columns["close"])
        portfolio = vbt.Portfolio.from_signals(
            columns["close"],
            entries=up,
            short_entries=down,
            price=columns["open"],
            open=columns["open"],
            high=columns["high"],
            low=columns["low"],
            size=NOTIONAL,
            size_type="value",
            fees=FEE,
            slippage=SLIPPAGE,
            sl_stop=stop_pct / 100,
            tp_stop=target_pct / 100,
            stop_entry_price="fillprice",
            upon_opposite_entry="ignore",
            init_cash=1_000_000,
            freq="1min",
        )
        trades = len(portfolio.trades.records)
        if equity:
            assert len(portfolio.value()) == len(up)
        return trades

    return run


def vectorbt_equity(columns: dict[str, np.ndarray], stop_pct: float, target_pct: float) -> Run:
    """The same with its equity curve asked for."""
    return vectorbt(columns, stop_pct, target_pct, equity=True)


def backtesting(columns: dict[str, np.ndarray], stop_pct: float, target_pct: float) -> Run:
    """A Strategy with the same signals and brackets."""
    import pandas as pd
    import talib
    from backtesting import Backtest, Strategy

    frame = pd.DataFrame(
        {name.title(): columns[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(columns["open_ms"], unit="ms"),
    )

    class Bracket(Strategy):
        def init(self) -> None:
            self.fast = self.I(talib.EMA, self.data.Close, FAST)
            self.slow = self.I(talib.EMA, self.data.Close, SLOW)

        def next(self) -> None:
            if self.position:
                return
            price = self.data.Close[-1]
            if self.fast[-2] <= self.slow[-2] and self.fast[-1] > self.slow[-1]:
                self.buy(size=0.01, sl=price * (1 - stop_pct / 100),
                         tp=price * (1 + target_pct / 100))  # fmt: skip
            elif self.fast[-2] >= self.slow[-2] and self.fast[-1] < self.slow[-1]:
                self.sell(size=0.01, sl=price * (1 + stop_pct / 100),
                          tp=price * (1 - target_pct / 100))  # fmt: skip

    def run() -> int:
        test = Backtest(frame, Bracket, cash=10_000_000, commission=FEE, spread=SLIPPAGE,
                        finalize_trades=True)  # fmt: skip
        return int(test.run()["# Trades"])

    return run


ENGINES = {
    "lockstep": lockstep,
    "lockstep wide": lockstep_wide,
    "vectorbt": vectorbt,
    "vectorbt with equity": vectorbt_equity,
    "backtesting.py": backtesting,
}


def serve(engine: str, file: str, stop_pct: float, target_pct: float) -> None:
    """Answer lines until an empty one."""
    with np.load(file) as held:
        columns = {name: held[name] for name in held.files}
    run = ENGINES[engine](columns, stop_pct, target_pct)
    for line in sys.stdin:
        if not line.strip():
            break
        began = time.perf_counter()
        trades = run()
        _say({"seconds": time.perf_counter() - began, "trades": trades})
    _say({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def _say(document: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


@dataclass
class Worker:
    """A running engine, told from outside."""

    engine: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, engine: str, file: Path, stop_pct: float, target_pct: float) -> Worker:
        python = sys.executable if engine.startswith("lockstep") else str(PEERS_PYTHON)
        command = [python, "-m", "benchmarks.workers", engine, str(file), str(stop_pct),
                   str(target_pct)]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        return cls(engine, process)

    def run(self) -> dict[str, float]:
        """One run's ``{seconds, trades}``."""
        return self._ask("go\n")

    def stop(self) -> float:
        """End it; its peak memory in MB."""
        return self._ask("\n")["peak_mb"]

    def _ask(self, line: str) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.engine} ended with exit code {self.process.wait()}")
        told: dict[str, float] = json.loads(answer)
        return told


if __name__ == "__main__":
    use_kernel_cache()
    serve(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
