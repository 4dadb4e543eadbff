"""Design: equal inputs give equal results, whatever computes them and however bars are cut, today
and as they were pinned (artifacts: a golden set of runs).

Whole runs of the example plays, by their result hash, which covers every table and metric: without
the compiler; compiled for the plainest processor, with numpy's and the C library's choices by
processor taken away; and in blocks of any size.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.result_hashes import PLAYS, dispatched_features, result, result_hashes

ROOT = Path(__file__).resolve().parents[2]
ALL = tuple(sorted(file.stem for file in PLAYS.glob("*.yml")))
#: Between them market, limit and expiring entries, ladders, break-even, limits, rules that read
#: the position, structures, several timeframes.
FEW = ("vwap_reversion", "stoch_in_range", "keltner_limit", "parabolic_flip", "structure_pullback")
FEW_DAYS = 4
#: More than any list has.
WHOLE = 10_000
UNCUT = 1 << 20

GOLDEN_HASHES = ROOT / "tests" / "golden" / "result_hashes.txt"


def golden_hashes() -> dict[str, str]:
    """Play -> its pinned hash."""
    lines = GOLDEN_HASHES.read_text("utf-8").splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


PLAINEST = {
    "NUMBA_CPU_NAME": "generic",
    "NPY_DISABLE_CPU_FEATURES": " ".join(dispatched_features()),
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F,-AVX512VL,-BMI1,-BMI2",
}


def in_a_process(
    setting: dict[str, str], cache: Path, plays: tuple[str, ...], days: int, block_bars: int
) -> tuple[str, dict[str, str]]:
    """The processor line and the hashes of a fresh process that compiles into ``cache``."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.engine.result_hashes",
            str(days),
            str(block_bars),
            *plays,
        ],
        cwd=ROOT,
        env={**os.environ, **setting, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    return first, dict(line.split() for line in lines)


def test_golden_runs_give_the_results_they_gave() -> None:
    assert result_hashes(ALL, WHOLE, UNCUT) == golden_hashes()


@pytest.mark.parametrize("play", ALL)
def test_writing_the_event_stream_changes_nothing(play: str) -> None:
    """Its rows fill the exchange's output many times a run, at other bars than without it."""
    assert result(play, WHOLE, 1_777, events=True).result_hash == golden_hashes()[play]


def test_the_few_plays_trade_in_their_days() -> None:
    assert all(len(result(play, FEW_DAYS, UNCUT).trades) > 0 for play in FEW)


def test_same_result_without_the_compiler(tmp_path: Path) -> None:
    first, found = in_a_process({"NUMBA_DISABLE_JIT": "1"}, tmp_path, FEW, FEW_DAYS, 1_000)
    assert first.startswith("compiled for none,")
    assert found == result_hashes(FEW, FEW_DAYS, UNCUT)
    assert not list(tmp_path.rglob("*")), "nothing was compiled"


@pytest.mark.parametrize("block_bars", [1, 61, 1440])
def test_same_result_however_bars_are_cut(block_bars: int) -> None:
    assert result_hashes(FEW, FEW_DAYS, block_bars) == result_hashes(FEW, FEW_DAYS, UNCUT)


@pytest.mark.full
@pytest.mark.parametrize("block_bars", [13, 1_000, 8_192])
@pytest.mark.parametrize("play", ALL)
def test_same_result_of_every_play_however_bars_are_cut(play: str, block_bars: int) -> None:
    whole = result(play, WHOLE, UNCUT)
    assert result(play, WHOLE, block_bars).leaves == whole.leaves


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_same_results_on_the_plainest_processor(tmp_path: Path) -> None:
    """Every kernel compiled anew for a processor without vector extensions beyond SSE2."""
    first, found = in_a_process(PLAINEST, tmp_path, ALL, WHOLE, 4_096)
    assert first == "compiled for generic, numpy with none"
    assert found == golden_hashes()
