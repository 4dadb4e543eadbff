"""Hand-made rows for store tests, and child processes that can be killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

ROOT = Path(__file__).resolve().parents[3]
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 1_767_225_600_000  # 2026-01-01T00:00Z


def candles(n: int, *, since: int = T0, step: int = MINUTE, base: float = 100.0) -> dict[str, Any]:
    """``n`` contiguous possible bars whose values differ from bar to bar."""
    k = np.arange(n)
    opened = base + (k * 7 % 23)
    close = base + ((k + 1) * 7 % 23)
    return {
        "open_ms": since + step * k.astype(np.int64),
        "open": opened,
        "high": np.maximum(opened, close) + 0.5,
        "low": np.minimum(opened, close) - 0.5,
        "close": close,
        "volume": 1.0 + k % 5,
        "turnover": np.full(n, np.nan),
    }


def file_table(rows: dict[str, Any]) -> pa.Table:
    """Rows as a file of candles holds them: ``ts`` and no turnover."""
    names = {"open_ms": "ts"}
    return pa.table({names.get(k, k): v for k, v in rows.items() if k != "turnover"})


def write_candles(path: Path, rows: dict[str, Any]) -> Path:
    """Write rows as a Parquet file with the documented columns."""
    parquet.write_table(file_table(rows), path)
    return path


def spawn(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A Python process running ``code`` from the repository's root, its output piped."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(code: str, *arguments: object, **options: Any) -> str:
    """The output of a Python process running ``code`` to its end; a failure raises with stderr."""
    process = spawn(code, *arguments, **options)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out
