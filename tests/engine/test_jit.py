"""Compiled functions: once for every constant, callable from Python whoever called them first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from numba import types

from engine.jit import njit

MODULE = """
from engine.jit import njit


@njit(cache=True)
def inner(x, n):
    return x * n


@njit(cache=True)
def outer(x):
    return inner(x, 3) + inner(x, 4)
"""


@njit(cache=False)
def _times(x: float, n: int) -> float:
    return x * n


@njit(cache=False)
def _sum(x: float) -> float:
    return _times(x, 3) + _times(x, 4) + _times(x, int(x))


def test_constants_share_what_is_compiled():
    assert _sum(2.0) == 18.0
    assert list(_times.overloads) == [(types.float64, types.int64)]


def test_python_calls_what_compiled_code_called_first():
    assert _sum(2.0) == 18.0
    assert _times(2.5, 2) == 5.0
    assert _sum(3.0) == 30.0


def test_what_lies_on_disk_is_called_by_both(tmp_path: Path):
    (tmp_path / "module.py").write_text(MODULE, "utf-8")
    env = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}",
           "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}  # fmt: skip
    hits = "sum(inner.stats.cache_hits.values()), sum(inner.stats.cache_misses.values())"
    for code, told in (
        # Compiled for another function alone: no wrapper for Python.
        ("print(outer(2.0), len(inner.nopython_signatures))", "14.0 1"),
        # Python finds it on disk without one and makes one, which is kept.
        (f"print(inner(2.0, 5), outer(2.0), {hits})", "10.0 14.0 1 0"),
        # There nothing is left to compile.
        (f"inner._compiler = None; print(inner(2.0, 5), inner(3.0, 5), {hits})", "10.0 15.0 1 0"),
    ):
        run = subprocess.run(
            [sys.executable, "-c", f"from module import inner, outer; {code}"],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (run.returncode, run.stdout.strip()) == (0, told), run.stderr
