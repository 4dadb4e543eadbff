"""Compiled functions: once for all constants, machine code where Python calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
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


@njit(cache=True)
def other(x):
    return inner(x, 3)
"""


@njit(cache=False)
def _times(x: float, n: int) -> float:
    return x * n


@njit(cache=False)
def _sum(x: float) -> float:
    return _times(x, 3) + _times(x, 4) + _times(x, int(x))


@njit(cache=False)
def _share(x: float, n: int) -> float:
    return x / n


@njit(cache=False)
def _shares(x: float, n: int) -> float:
    return _share(x, n) * n


def test_constants_share_what_is_compiled():
    assert _sum(2.0) == 18.0
    assert list(_times.linked) == [(types.float64, types.int64)]


def test_python_calls_what_compiled_code_called_first():
    assert _sum(2.0) == 18.0
    assert _times(2.5, 2) == 5.0
    assert _sum(3.0) == 30.0


def test_errors_come_out_of_what_is_linked():
    with pytest.raises(ZeroDivisionError):
        _shares(2.0, 0)
    assert _shares(2.0, 2) == 2.0


def test_machine_code_is_made_and_kept_of_what_python_calls(tmp_path: Path):
    (tmp_path / "module.py").write_text(MODULE, "utf-8")
    kernels = tmp_path / "kernels"
    env = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}", "NUMBA_CACHE_DIR": str(kernels)}
    hits = "sum(inner.stats.cache_hits.values()), sum(inner.stats.cache_misses.values())"
    for code, told, kept in (
        # Compiled for another function alone: nothing that Python could call.
        ("print(outer(2.0), len(inner.overloads))", "14.0 0", {"outer"}),
        ("print(outer(2.0), len(inner.linked))", "14.0 0", {"outer"}),
        (f"print(inner(2.0, 5), outer(2.0), {hits})", "10.0 14.0 0 1", {"outer", "inner"}),
        # Now nothing is left to compile.
        (f"inner._compiler = None; print(inner(2.0, 5), inner(3.0, 5), {hits})", "10.0 15.0 1 0",
         {"outer", "inner"}),
        # Code from disk is not linked into others: they contain it anew.
        ("inner(2.0, 5); inner(2.0, 3.0); print(other(2.0), len(inner.linked))", "6.0 1",
         {"outer", "inner", "other"}),
    ):  # fmt: skip
        run = subprocess.run(
            [sys.executable, "-c", f"from module import inner, other, outer; {code}"],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (run.returncode, run.stdout.strip()) == (0, told), run.stderr
        assert {path.name.split("-")[0].split(".")[1] for path in kernels.rglob("*.nbi")} == kept


FITTED = """
from engine.jit import Fitted, njit


@njit(cache=False)
def inner(x, n):
    # Too much to be put where it is called.
{steps}
    return x


@njit(by=Fitted, cache=False)
def outer(x):
    return inner(x, 3) + inner(x + 1, 3) + inner(x + 2, 3)


@njit(cache=False)
def other(x, n):
    return inner(x, n) + inner(x, n + 1) + inner(x, n + 2)
"""


def test_others_do_not_call_what_is_fitted(tmp_path: Path):
    steps = (
        f"    x = x // n + {k} if x > n * {k} else x * {k} - n % {k + 1}" for k in range(1, 60)
    )
    (tmp_path / "module.py").write_text(FITTED.format(steps="\n".join(steps)), "utf-8")
    told = [
        subprocess.run(
            [sys.executable, "-c", "from module import outer, other; print(outer(7), other(9, 4))"],
            env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}", **jit},
            capture_output=True, text=True, check=True,
        ).stdout
        for jit in ({}, {"NUMBA_DISABLE_JIT": "1"})
    ]  # fmt: skip
    assert told[0] == told[1]
