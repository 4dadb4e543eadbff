"""The rows of the table: each measures two things side by side and gives their ratio.

Of the rounds of a whole run the middle one counts, of each side: what a run of vectorbt takes
doubles where its memory comes from the system and not from the garbage of the rounds before, and
the best round is the one in which all of it was just set free.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import data
from benchmarks.workers import PAIRS, ROOT, Worker

RESULTS = ROOT / "benchmarks" / "results"
CASES = {"W1": (2.0, 4.0), "W1b": (0.3, 0.6)}
SWEEP_BARS = 100_000
PEERS = ("vectorbt with equity", "vectorbt", "backtesting.py")


@dataclass(frozen=True)
class Row:
    """One line: ``value`` in ``unit``; ``goal`` and ``bound`` as performance goals state them,
    both meant as at least when ``more_is_better``, else as at most. None: told, not judged."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    bound: float | None = None
    more_is_better: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """``goal``, ``ok`` (within the bound), ``below`` or nothing."""
        if self.bound is None:
            return ""
        sign = 1 if self.more_is_better else -1
        if self.goal is not None and sign * self.value >= sign * self.goal:
            return "goal"
        return "ok" if sign * self.value >= sign * self.bound else "below"


def against_peers(rounds: int) -> Iterator[Row]:
    """Whole backtests of one year, in alternation; the middle of ``rounds`` each."""
    file = data.write(RESULTS, data.YEAR_BARS)
    goals = {
        ("W1", "vectorbt with equity"): (15, 6),
        ("W1b", "vectorbt with equity"): (12, 5),
        ("W1", "backtesting.py"): (400, 133),
        ("W1b", "backtesting.py"): (400, 133),
    }
    for case, (stop_pct, target_pct) in CASES.items():
        workers = [Worker.start(e, file, stop_pct, target_pct) for e in ("lockstep", *PEERS)]
        for worker in workers:
            worker.run()  # compiled and warm
        taken: dict[str, list[float]] = {worker.engine: [] for worker in workers}
        entries: dict[str, list[int]] = {}
        for turn in range(rounds):
            for worker in workers[turn % 2 :] + workers[: turn % 2]:
                if worker.engine == "backtesting.py" and turn >= 2:
                    continue
                told = worker.run()
                taken[worker.engine].append(told["seconds"])
                entries[worker.engine] = told["entries"]
        peaks = {worker.engine: worker.stop() for worker in workers}
        ours, ours_best = median(taken["lockstep"]), min(taken["lockstep"])
        for peer in PEERS:
            goal, bound = goals.get((case, peer), (None, None))
            note = f"best rounds {min(taken[peer]) / ours_best:.2f} x, "
            note += same_entries(entries["lockstep"], entries[peer])
            yield Row(f"{case}: times faster than {peer}", median(taken[peer]) / ours, "x", goal,
                      bound, note=note)  # fmt: skip
        yield Row(f"{case}: whole run, all tables built", 1e9 * ours / data.YEAR_BARS, "ns/bar")
        yield Row(f"{case}: peak memory over vectorbt's",
                  peaks["lockstep"] / peaks["vectorbt with equity"], "x", 0.4, 0.5,
                  more_is_better=False, note=f"{peaks['lockstep']:.0f} MB")  # fmt: skip


def same_entries(ours: list[int], theirs: list[int]) -> str:
    """How many trades there are, and how many of them began at the same bar."""
    common = (Counter(ours) & Counter(theirs)).total()
    same = "the same" if common == len(ours) == len(theirs) else f"{common:,} the same"
    return f"trades {len(ours):,} / {len(theirs):,}, {same}"


def growth(rounds: int) -> Iterator[Row]:
    """Time per bar as the data grows, the trades those of vectorbt at each size; memory at the
    largest."""
    per_bar: dict[int, float] = {}
    peaks: dict[str, float] = {}
    for count in (10_000, 100_000, data.YEAR_BARS, 5 * data.YEAR_BARS):
        file = data.write(RESULTS, count)
        workers = [
            Worker.start(e, file, *CASES["W1"]) for e in ("lockstep", "vectorbt with equity")
        ]
        ours, theirs = (worker.run()["entries"] for worker in workers)
        per_bar[count] = median(workers[0].run()["seconds"] for _ in range(rounds)) / count
        workers[1].run()
        peaks = {worker.engine: worker.stop() for worker in workers}
        yield Row(f"time per bar of {count:,} bars", 1e9 * per_bar[count], "ns",
                  note=same_entries(ours, theirs))  # fmt: skip
    yield Row("five years: peak memory over vectorbt's",
              peaks["lockstep"] / peaks["vectorbt with equity"], "x", 0.4, 0.5,
              more_is_better=False, note=f"{peaks['lockstep']:.0f} MB")  # fmt: skip
    yield Row("time per bar, five years over one", per_bar[5 * data.YEAR_BARS]
              / per_bar[data.YEAR_BARS], "x", 1.3, 2, more_is_better=False)  # fmt: skip
    yield Row("time per bar, five years over 100,000 bars", per_bar[5 * data.YEAR_BARS]
              / per_bar[100_000], "x", more_is_better=False)  # fmt: skip


def wide_play(rounds: int) -> Iterator[Row]:
    """Whole backtests of one year: a play of many features on a slower clock, and the EMA play."""
    file = data.write(RESULTS, data.YEAR_BARS)
    workers = [Worker.start(e, file, *CASES["W1"]) for e in ("lockstep", "lockstep wide")]
    for worker in workers:
        worker.run()  # compiled and warm
    turns = [[worker.run()["seconds"] for worker in workers] for _ in range(rounds)]
    for worker in workers:
        worker.stop()
    ema, wide = (median(taken) for taken in zip(*turns, strict=True))
    yield Row("20 features, 30 conditions on 15m, over the EMA play's time", wide / ema,
              "x", 4, 4, more_is_better=False)  # fmt: skip


def sweeps(rounds: int) -> Iterator[Row]:
    """All pairs over 100,000 bars: two workers, one worker, and vectorbt with a column each."""
    file = data.write(RESULTS, SWEEP_BARS)
    engines = ("lockstep sweep, first half", "lockstep sweep, second half", "lockstep sweep",
               "vectorbt sweep")  # fmt: skip
    first, second, alone, peer = (Worker.start(e, file, *CASES["W1"]) for e in engines)
    entries = [worker.run()["entries"] for worker in (first, second, alone, peer)]
    assert entries[0] + entries[1] == entries[2], "the halves are the whole"
    turns = []
    for _ in range(min(rounds, 3)):
        for worker in (first, second):
            worker.begin()
        # Both began together: the longer one is what the sweep took.
        together = max(worker.answer()["seconds"] for worker in (first, second))
        turns.append((together, alone.run()["seconds"], peer.run()["seconds"]))
    two, one, theirs = (median(taken) for taken in zip(*turns, strict=True))
    peaks = [worker.stop() for worker in (first, second, alone, peer)]
    count = f"{len(PAIRS)} pairs, {same_entries(entries[2], entries[3])}"
    yield Row("sweep, two workers: times faster than vectorbt", theirs / two, "x", 90,
              20, note=count)  # fmt: skip
    yield Row("sweep, one worker: times faster than vectorbt", theirs / one, "x",
              note=f"peak {peaks[2]:.0f} / {peaks[3]:.0f} MB")  # fmt: skip
    yield Row("sweep, one worker, a pair", 1e3 * one / len(PAIRS), "ms")
    yield Row("sweep, two workers over one", one / two, "x", 1.8, 1.5)


FIVE: dict[str, dict[str, int]] = {
    "sma": {"length": 50}, "ema": {"length": 50}, "rsi": {"length": 14}, "atr": {"length": 14},
    "bbands": {"length": 20},
}  # fmt: skip
#: What TA-Lib gives of those that have more outputs here.
SHARED = {"bbands": ("upper", "middle", "lower")}


def five_indicators(rounds: int) -> Iterator[Row]:
    """A batch of five indicators over 2.63 million bars against TA-Lib, in this process: wall time
    until all results are there, over the memory of the round before and in memory fresh from the
    system, alike for both."""
    import talib

    from engine import indicators

    columns = data.bars(5 * data.YEAR_BARS)
    close, high, low = columns["close"], columns["high"], columns["low"]
    requests = {
        name: indicators.Request(name, params, outputs=SHARED.get(name))
        for name, params in FIVE.items()
    }
    block = indicators.compute_batch(requests, columns)

    def peer() -> list[np.ndarray]:
        return [
            talib.SMA(close, 50),
            talib.EMA(close, 50),
            talib.RSI(close, 14),
            talib.ATR(high, low, close, 14),
            *talib.BBANDS(close, 20),
        ]

    ours = (column for outputs in block.values() for column in outputs.values())
    for column, same in zip(ours, peer(), strict=True):
        np.testing.assert_allclose(column[5_000:], same[5_000:], rtol=1e-8)
    with ThreadPoolExecutor(2) as pool:
        two, one, theirs = _alternately(
            lambda: indicators.compute_batch(requests, columns, mapper=pool.map, out=block),
            lambda: indicators.compute_batch(requests, columns, out=block),
            peer,
            rounds=4 * rounds,
            fresh=False,
        )
        first, first_alone, theirs_first = _alternately(
            lambda: indicators.compute_batch(requests, columns, mapper=pool.map),
            lambda: indicators.compute_batch(requests, columns),
            peer,
            rounds=4 * rounds,
            fresh=True,
        )
    for what, seconds, peers in (
        ("two threads", two, theirs),
        ("one thread", one, theirs),
        ("two threads, fresh memory", first, theirs_first),
        ("one thread, fresh memory", first_alone, theirs_first),
    ):
        goal, bound = (0.7, 1.3) if what == "two threads" else (None, None)
        yield Row(f"five indicators, {what}: over TA-Lib's time", seconds / peers, "x", goal, bound,
                  more_is_better=False,
                  note=f"{1e3 * seconds:.0f} / {1e3 * peers:.0f} ms")  # fmt: skip


#: What glibc calls the size from which freed memory goes back to the system, and its own default.
_TRIM_THRESHOLD, _TRIM_DEFAULT = -1, 128 * 1024


def _alternately(*runs: Callable[[], object], rounds: int, fresh: bool) -> list[float]:
    """Best wall time of each, in turn, in s; what a run gives is kept until its time is taken.
    ``fresh``: memory that was freed is given back to the system before each run, else kept."""
    libc = ctypes.CDLL(None)
    best = [float("inf")] * len(runs)
    libc.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT if fresh else 2**31 - 1)
    for _ in range(rounds + 1):
        for k, run in enumerate(runs):
            if fresh:
                libc.malloc_trim(0)
            began = time.perf_counter()
            found = run()
            best[k] = min(best[k], time.perf_counter() - began)
            del found
    libc.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT)
    return best


def one_bar() -> Iterator[Row]:
    """One closed bar through the engine, as live advances it."""
    from engine import Bars, Engine, Instrument, load_play

    bars = Bars(**data.bars(26_000))
    engine = Engine(load_play(ROOT / "plays" / "ema_pullback.yml"), Instrument.default("BTCUSDT"))
    engine.advance(bars[slice(0, 20_000)])
    times = []
    for i in range(20_000, len(bars)):
        one = bars[slice(i, i + 1)]
        began = time.perf_counter()
        engine.advance(one)
        times.append(time.perf_counter() - began)
    yield Row("one bar through the engine, 99th of 100", float(np.percentile(times, 99)) * 1e3,
              "ms", 0.1, 1, more_is_better=False)  # fmt: skip


FIRST_RESULT = """
import numpy as np
from benchmarks import data
from benchmarks.workers import lockstep
lockstep(data.bars(20_000), 2, 4)()
"""


def loading(rounds: int) -> Iterator[Row]:
    """Reading, checking and hashing the largest example play in a process that has read one."""
    from engine import load_play
    from engine.play import check_play

    file, best = _largest_play(), float("inf")
    for _ in range(rounds + 1):
        began = time.perf_counter()
        problems, play_hash = check_play(file), load_play(file).play_hash
        best = min(best, time.perf_counter() - began)
        assert play_hash
        assert not problems
    yield Row("loading and checking the largest play, warm", best, "s", 0.6, 1.5,
              more_is_better=False)  # fmt: skip


def starts(rounds: int) -> Iterator[Row]:
    """Fresh processes: the help, the check of the largest example play, a first result, and one
    that compiles."""
    alone = min(_process(["-c", "pass"]) for _ in range(rounds))
    commands = {
        "lockstep --help": (["-m", "flows.cli", "--help"], 0.25, 0.5),
        "lockstep play check": (["-m", "flows.cli", "play", "check", str(_largest_play())],
                                0.6, 1.5),
        "first result in a fresh process": (["-c", FIRST_RESULT], 1.2, 2.5),
    }  # fmt: skip
    for name, (arguments, goal, bound) in commands.items():
        seconds = min(_process(arguments) for _ in range(rounds))
        yield Row(name, seconds, "s", goal, bound, more_is_better=False,
                  note=f"Python alone {alone:.3f} s")  # fmt: skip
    with tempfile.TemporaryDirectory() as cache:
        seconds = _process(["-c", FIRST_RESULT], NUMBA_CACHE_DIR=cache)
    yield Row("cold compile, once a machine", seconds, "s", 20, 60, more_is_better=False)


def _largest_play() -> Path:
    return max(sorted((ROOT / "plays").glob("*.yml")), key=lambda play: play.stat().st_size)


def _process(arguments: list[str], **changed: str) -> float:
    """Seconds a fresh process takes; Python keeps its bytecode, as it does unless told not to."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **changed}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - began


def all_rows(rounds: int) -> Iterator[Row]:
    """Every row, in the order of the table."""
    yield from against_peers(rounds)
    yield from growth(rounds)
    yield from wide_play(rounds)
    yield from sweeps(rounds)
    yield from five_indicators(rounds)
    yield from one_bar()
    yield from loading(rounds)
    yield from starts(rounds)


def results_file() -> Path:
    """Where a run's figures are written."""
    return RESULTS / f"figures-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
