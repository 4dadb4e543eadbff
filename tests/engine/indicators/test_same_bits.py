"""Design invariant 4: the same bits without the compiler and on the plainest processor.

Had the compiler fused a multiplication and an addition anywhere, or taken a sum in another order,
the three would differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.indicators.bits import digests

ROOT = Path(__file__).resolve().parents[3]


PLAINEST = {"NUMBA_CPU_NAME": "generic"}

#: Indicators that hold every building block between them: sums of windows short and long, linear
#: and Gaussian weights, exp, log, extremes and their ages, averages, the rounding of profiles.
BUILDING_BLOCKS = ("bbands", "linreg", "alma", "fisher", "aroon", "rsi", "volume_profile", "psar")


def digests_in_a_process(
    setting: dict[str, str], cache: Path, names: tuple[str, ...] = ()
) -> dict[str, str]:
    environment = {**os.environ, **setting, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.engine.indicators.bits", *names],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def test_same_bits_without_the_compiler(tmp_path: Path) -> None:
    assert digests_in_a_process({"NUMBA_DISABLE_JIT": "1"}, tmp_path) == digests()


def test_same_bits_on_the_plainest_processor(tmp_path: Path) -> None:
    found = digests_in_a_process(PLAINEST, tmp_path, BUILDING_BLOCKS)
    assert found == digests(BUILDING_BLOCKS)


@pytest.mark.full
def test_same_bits_of_all_on_the_plainest_processor(tmp_path: Path) -> None:
    assert digests_in_a_process(PLAINEST, tmp_path) == digests()
