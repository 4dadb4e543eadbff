"""The determinism lint finds each banned thing, lets its lawful neighbour pass, and the engine is
clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.determinism import check_source
from tests.architecture.determinism_lint import check_folder, main

ROOT = Path(__file__).resolve().parents[2]

KERNEL = "from numba import njit\n@njit(cache=True)\ndef kernel(x, y):\n    return "

BANNED = {
    "clock import": ("D1", "import time"),
    "clock from-import": ("D1", "from time import monotonic"),
    "randomness import": ("D1", "import random"),
    "environment import": ("D1", "import os.path"),
    "thread import": ("D1", "from threading import Lock"),
    "network import": ("D1", "import urllib.request"),
    "import inside a function": ("D1", "def f():\n    import socket"),
    "now": ("D2", "import datetime\nx = datetime.datetime.now()"),
    "today": ("D2", "from datetime import date\nx = date.today()"),
    "hash": ("D2", "x = hash('a')"),
    "id": ("D2", "x = id(object())"),
    "environ": ("D2", "x = os.environ['A']"),
    "numpy exp": ("D3", "import numpy as np\nx = np.exp(1.0)"),
    "numpy log passed on": ("D3", "import numpy as np\nf = map(np.log, [1.0])"),
    "numpy power": ("D3", "import numpy\nx = numpy.power(2.0, 3.0)"),
    "numpy sum": ("D3", "import numpy as np\nx = np.sum(a)"),
    "numpy mean": ("D3", "import numpy as np\nx = np.mean(a)"),
    "numpy std": ("D3", "import numpy as np\nx = np.std(a)"),
    "numpy dot": ("D3", "import numpy as np\nx = np.dot(a, b)"),
    "numpy var": ("D3", "import numpy as np\nx = np.var(a)"),
    "numpy add.reduce": ("D3", "import numpy as np\nx = np.add.reduce(a)"),
    "numpy random": ("D3", "import numpy as np\nx = np.random.rand()"),
    "numpy from-import": ("D3", "from numpy import exp"),
    "matrix product": ("D3", "x = a @ b"),
    "sum method": ("D4", "x = a.sum()"),
    "mean method of a slice": ("D4", "x = a[1:].mean()"),
    "std method of a call": ("D4", "x = f(a).std()"),
    "dot method": ("D4", "x = a.dot(b)"),
    "math exp": ("D5", "import math\nx = math.exp(1)"),
    "math log": ("D5", "import math\nx = math.log(2)"),
    "math pow": ("D5", "import math\nx = math.pow(2, 3)"),
    "math from-import": ("D5", "from math import log"),
    "power in a kernel": ("D6", KERNEL + "x ** 2"),
    "pow in a kernel": ("D6", KERNEL + "pow(x, y)"),
    "power in a nested kernel": (
        "D6",
        "import numba\n@numba.njit\ndef f(x):\n    def g(y):\n        return y**2\n    return g(x)",
    ),
    "fastmath": ("D7", "from numba import njit\n@njit(fastmath=True)\ndef f(x):\n    return x"),
    "fastmath flags": ("D7", "from numba import njit\nf = njit(fastmath={'nsz'})(g)"),
    "parallel": ("D7", "from numba import njit\n@njit(parallel=True)\ndef f(x):\n    return x"),
    "set literal": ("D8", "for x in {1, 2}:\n    pass"),
    "set call": ("D8", "y = [x for x in set(a)]"),
    "set comprehension": ("D8", "for x in {y for y in a}:\n    pass"),
    "list of a set": ("D8", "y = list(set(a))"),
    "join of a set": ("D8", "y = ','.join({*a})"),
    "set operation": ("D8", "for x in a.keys() | b.keys():\n    pass"),
    "set method": ("D8", "for x in a.union(b):\n    pass"),
    "local set": ("D8", "def f(a):\n    s = set(a)\n    for x in s:\n        pass"),
    "unpacked set": ("D8", "y = [*{1, 2}]"),
}

LAWFUL = {
    "timeframe arithmetic": "from datetime import UTC, datetime\nx = datetime(2026, 1, 1, tzinfo=UTC)",  # noqa: E501
    "exact numpy": "import numpy as np\nx = np.sqrt(a) + np.abs(a) + np.floor(a) + np.maximum(a, b)",  # noqa: E501
    "counting": "import numpy as np\nx = np.count_nonzero(a)",
    "exact math": "import math\nx = math.sqrt(2) + math.floor(1.5) + math.isnan(y)",
    "whole powers of ten outside kernels": "E8 = 10**8",
    "a function called mean": "from engine.indicators import windows\nx = windows.mean(a)",
    "fastmath off": "from numba import njit\n@njit(fastmath=False)\ndef f(x):\n    return x",
    "sorted set": "for x in sorted({1, 2}):\n    pass",
    "membership": "y = 1 in {1, 2}",
    "set of a set": "y = {x for x in set(a)}",
    "dict in order": "for x in a.keys():\n    pass",
    "excused with a reason": "import numpy as np\nx = np.sum(n)  # deterministic: whole numbers",
}


@pytest.mark.parametrize("case", BANNED)
def test_what_is_banned_is_found_once_and_by_its_rule(case: str) -> None:
    rule, source = BANNED[case]
    assert [violation.rule for violation in check_source(source)] == [rule]


@pytest.mark.parametrize("case", LAWFUL)
def test_what_is_lawful_passes(case: str) -> None:
    assert check_source(LAWFUL[case]) == []


def test_a_violation_names_its_place() -> None:
    (found,) = check_source("x = 1\ny = [hash(x)]\n", "engine/a.py")
    assert str(found).startswith("engine/a.py:2:6: D2 ")


def test_the_engine_is_clean() -> None:
    assert check_folder(ROOT / "engine") == []


def test_the_command_fails_on_a_violation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "bad.py").write_text("import random\n")
    assert main([str(tmp_path)]) == 1
    assert "bad.py:1:1: D1 imports random" in capsys.readouterr().out
    (tmp_path / "deep" / "bad.py").write_text("import math\n")
    assert main([str(tmp_path)]) == 0
