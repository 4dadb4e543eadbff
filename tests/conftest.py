"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tasks.kernels import use_kernel_cache

use_kernel_cache()

# The first example of a test may compile the kernel it calls.
settings.register_profile("lockstep", deadline=None)
settings.load_profile("lockstep")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data, or a skip: it is not the project's to redistribute."""
    folder = Path(os.environ.get("LOCKSTEP_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "klines").is_dir():
        pytest.skip(f"no real market data in {folder} (set LOCKSTEP_SHARED_DATA)")
    return folder
