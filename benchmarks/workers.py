"""One engine in a process of its own: it runs once for every line it is told, and answers in JSON.

``python -m benchmarks.workers ENGINE FILE STOP_PCT TARGET_PCT``; each line on stdin is one run,
each line on stdout ``{"seconds", "trades", "entries"}``; an empty line ends it with
``{"peak_mb"}``.
``entries`` are the times (epoch ms) at which trades began; of a sweep those of all its trades.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.kernels import use_kernel_cache

if TYPE_CHECKING:
    from engine import Dataset, Play, RunConfig

ROOT = Path(__file__).resolve().parent.parent
WIDE = ROOT / "benchmarks" / "wide.yml"
PEERS_PYTHON = ROOT / "benchmarks" / ".venv" / "bin" / "python"
FAST, SLOW = 20, 100
FEE, SLIPPAGE = 0.00055, 0.0002
NOTIONAL = 1000.0

#: Fast and slow lengths of a sweep, every one with every other.
FASTS, SLOWS = range(5, 55, 2), range(60, 260, 10)
PAIRS = [(fast, slow) for fast in FASTS for slow in SLOWS]

#: Runs once and tells when its trades began, int64[trades] epoch ms.
Run = Callable[[], np.ndarray]


def lockstep(
    columns: dict[str, np.ndarray],
    stop_pct: float,
    target_pct: float,
    *,
    file: Path = ROOT / "plays" / "ema_bracket.yml",
) -> Run:
    """A play through ``run_backtest``, every result table built; ``ema_bracket`` if not said."""
    from engine import run_backtest
    from engine.tables import column_values

    play, dataset, config = _bracket_play(columns, stop_pct, target_pct, file)

    def run() -> np.ndarray:
        result = run_backtest(play, dataset, config)
        tables = (result.decisions, result.orders, result.fills, result.ledger, result.equity)
        assert all(table.num_rows for table in tables)
        return column_values(result.trades, "entry_ms")

    return run


def lockstep_sweep(
    columns: dict[str, np.ndarray], stop_pct: float, target_pct: float, part: slice = slice(None)
) -> Run:
    """Every pair of the part through ``sweep``: trades, sums, equity curve and plays of each."""
    from engine import sweep

    play, dataset, config = _bracket_play(columns, stop_pct, target_pct)
    params = [{"fast": fast, "slow": slow} for fast, slow in PAIRS[part]]

    def run() -> np.ndarray:
        trials = sweep(play, dataset, config, params)
        assert all(trial.final_e8 for trial in trials)
        return np.concatenate([trial.entries_ms for trial in trials])

    return run


def _bracket_play(
    columns: dict[str, np.ndarray],
    stop_pct: float,
    target_pct: float,
    file: Path = ROOT / "plays" / "ema_bracket.yml",
) -> tuple[Play, Dataset, RunConfig]:
    from engine import Bars, Dataset, Instrument, RunConfig, load_play
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
        equity=1_000_000,
        mark="last",
        funding="off",
        path="ohlc",
        fill="touch",
        slippage_stop="2bps",
    )
    return play, dataset, config


def lockstep_wide(columns: dict[str, np.ndarray], stop_pct: float, target_pct: float) -> Run:
    """Twenty features and thirty conditions on a 15m clock."""
    return lockstep(columns, stop_pct, target_pct, file=WIDE)


def _signals(fast: np.ndarray, slow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crosses of two averages, moved to the bar at whose open they act."""
    above = fast > slow
    known = ~(np.isnan(fast) | np.isnan(slow))
    both = known[1:] & known[:-1]
    up = np.zeros(len(fast), np.bool_)
    down = np.zeros(len(fast), np.bool_)
    up[2:] = (both & ~(fast[:-1] > slow[:-1]) & above[1:])[:-1]
    down[2:] = (both & ~(fast[:-1] < slow[:-1]) & (fast < slow)[1:])[:-1]
    return up, down


def _portfolio(
    columns: dict[str, np.ndarray],
    up: np.ndarray,
    down: np.ndarray,
    stop_pct: float,
    target_pct: float,
) -> Any:
    """Portfolio.from_signals with stops, filled at the next open."""
    import vectorbt as vbt

    return vbt.Portfolio.from_signals(
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


def vectorbt(
    columns: dict[str, np.ndarray], stop_pct: float, target_pct: float, *, equity: bool = False
) -> Run:
    """One portfolio from the crosses of two averages."""
    import talib

    def run() -> np.ndarray:
        close = columns["close"]
        up, down = _signals(talib.EMA(close, FAST), talib.EMA(close, SLOW))
        portfolio = _portfolio(columns, up, down, stop_pct, target_pct)
        entries = np.sort(portfolio.trades.records["entry_idx"].to_numpy())
        if equity:
            assert len(portfolio.value()) == len(up)
        return columns["open_ms"][entries]

    return run


def vectorbt_sweep(columns: dict[str, np.ndarray], stop_pct: float, target_pct: float) -> Run:
    """One portfolio with a column for each pair, each average computed once; its total returns."""
    import talib

    def run() -> np.ndarray:
        close = columns["close"]
        averages = {n: talib.EMA(close, n) for n in (*FASTS, *SLOWS)}
        signals = [_signals(averages[fast], averages[slow]) for fast, slow in PAIRS]
        up, down = (np.stack(columns, axis=1) for columns in zip(*signals, strict=True))
        wide = {n: c[:, None] for n, c in columns.items()}
        portfolio = _portfolio(wide, up, down, stop_pct, target_pct)
        records = portfolio.trades.records
        assert len(portfolio.total_return()) == len(PAIRS)
        order = np.lexsort((records["entry_idx"], records["col"]))
        return columns["open_ms"][records["entry_idx"].to_numpy()[order]]

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

    def run() -> np.ndarray:
        test = Backtest(frame, Bracket, cash=10_000_000, commission=FEE, spread=SLIPPAGE,
                        finalize_trades=True)  # fmt: skip
        entries = np.sort(test.run()["_trades"]["EntryBar"].to_numpy())
        return columns["open_ms"][entries]

    return run


ENGINES: dict[str, Callable[..., Run]] = {
    "lockstep": lockstep,
    "lockstep wide": lockstep_wide,
    "vectorbt": vectorbt,
    "vectorbt with equity": vectorbt_equity,
    "backtesting.py": backtesting,
    "lockstep sweep": lockstep_sweep,
    "lockstep sweep, first half": partial(lockstep_sweep, part=slice(0, len(PAIRS) // 2)),
    "lockstep sweep, second half": partial(lockstep_sweep, part=slice(len(PAIRS) // 2, None)),
    "vectorbt sweep": vectorbt_sweep,
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
        entries = run()
        seconds = time.perf_counter() - began
        _say({"seconds": seconds, "trades": len(entries), "entries": entries.tolist()})
    _say({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def _say(document: dict[str, Any]) -> None:
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

    def run(self) -> dict[str, Any]:
        """One run's ``{seconds, trades, entries}``."""
        self.begin()
        return self.answer()

    def begin(self) -> None:
        """Begin a run, whose :meth:`answer` is still to be read."""
        self._tell("go\n")

    def stop(self) -> float:
        """End it; its peak memory in MB."""
        self._tell("\n")
        peak: float = self.answer()["peak_mb"]
        return peak

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next answer of the engine."""
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.engine} ended with exit code {self.process.wait()}")
        told: dict[str, Any] = json.loads(answer)
        return told


if __name__ == "__main__":
    use_kernel_cache()
    serve(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
