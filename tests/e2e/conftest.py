"""Homes that several end-to-end tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.command import good

WINDOW = ("--since", "2026-01-01", "--until", "2026-01-15")


@pytest.fixture(scope="session")
def market_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds two weeks of a generated market."""
    home = tmp_path_factory.mktemp("market")
    good("data", "generate", "--pattern", "mixed", "--symbol", "BTCUSDT", *WINDOW, "--seed", 3,
         "--home", home)  # fmt: skip
    return home


@pytest.fixture(scope="session")
def ran(market_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A home with one proved run, and what ``backtest run`` said of it."""
    home = tmp_path_factory.mktemp("ran") / "home"
    shutil.copytree(market_home, home)
    return home, good("backtest", "run", "plays/ema_pullback.yml", "--home", home)


@pytest.fixture
def home(ran: tuple[Path, dict], tmp_path: Path) -> Path:
    """A copy of that home that a test may change."""
    shutil.copytree(ran[0], tmp_path / "home")
    return tmp_path / "home"
