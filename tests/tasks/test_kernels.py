"""Compiled kernels never outlive the sources they were compiled from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import kernels

CALLER = "from numba import njit\nfrom engine.callee import inner\n\n\n@njit(cache=True)\ndef outer(x):\n    return inner(x)\n"  # noqa: E501
CALLEE = "from numba import njit\n\n\n@njit(cache=True)\ndef inner(x):\n    return x + {n}\n"
RUN = (
    "import tasks.kernels as k; from pathlib import Path; k.ROOT = Path('.').resolve(); "
    "k.use_kernel_cache(); from engine.caller import outer; print(outer(1))"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two kernels, one calling the other from another file."""
    for room in ("engine", "tasks"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    source = Path(kernels.__file__).read_text("utf-8")
    (tmp_path / "tasks" / "kernels.py").write_text(source)
    (tmp_path / "engine" / "caller.py").write_text(CALLER)
    (tmp_path / "engine" / "callee.py").write_text(CALLEE.format(n=1))
    monkeypatch.setattr(kernels, "ROOT", tmp_path)
    return tmp_path


def outer_of_one(project: Path) -> int:
    kept = {k: v for k, v in os.environ.items() if k not in {"NUMBA_CACHE_DIR", "PYTHONPATH"}}
    done = subprocess.run([sys.executable, "-c", RUN], cwd=project, env=kept, check=True,
                          capture_output=True, text=True)  # fmt: skip
    return int(done.stdout)


def test_a_change_in_a_function_another_file_calls_takes_effect(project: Path):
    assert outer_of_one(project) == 2
    assert outer_of_one(project) == 2
    (project / "engine" / "callee.py").write_text(CALLEE.format(n=10))
    assert outer_of_one(project) == 11


def test_kernels_of_changed_sources_are_forgotten(project: Path):
    old = kernels.kernel_cache()
    old.mkdir(parents=True)
    (project / "engine" / "callee.py").write_text(CALLEE.format(n=3))
    current = kernels.kernel_cache()
    current.mkdir()
    assert current != old
    kernels.forget_other_kernels()
    assert [p.name for p in old.parent.glob("kernels-*")] == [current.name]


def test_a_folder_the_environment_names_is_respected(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    kernels.use_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "/elsewhere"


def test_kernels_load_without_linear_algebra_and_others_still_find_it(project: Path):
    code = RUN + (
        "; import sys; assert 'scipy.linalg' not in sys.modules"
        "; import scipy.linalg; print(scipy.linalg.norm([3.0, 4.0]))"
    )
    kept = {k: v for k, v in os.environ.items() if k not in {"NUMBA_CACHE_DIR", "PYTHONPATH"}}
    done = subprocess.run([sys.executable, "-c", code], cwd=project, env=kept, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.split() == ["2", "5.0"]
