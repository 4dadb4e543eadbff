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


@pytest.mark.parametrize(
    "setting", [{"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_CPU_NAME": "generic"}], ids=str
)
def test_same_bits(setting: dict[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, **setting, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.engine.indicators.bits"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found == digests()
