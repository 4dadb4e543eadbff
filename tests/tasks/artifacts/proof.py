"""A real run over the small hand-made market, committed and ready to be proved again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.config import RunConfig
from engine.play import loads_play
from tasks.artifacts import Commit, commit_run, outputs_of
from tasks.run import PreparedRun, execute, prepare_run
from tasks.store import Store
from tests.tasks.artifacts import market, runs

#: Six days of 5m candles; the first is warm-up.
SINCE, UNTIL = market.T0 + market.DAY, market.T0 + 5 * market.DAY
REPOSITORY = Path(__file__).resolve().parents[3]


def config(**changed: object) -> RunConfig:
    assumed = {"equity": 100_000, "fill_timeframe": "5m", "funding": "on"}
    return RunConfig.from_mapping({**assumed, **changed})


def prepared(
    home: Path, *, env: str = "backtest", since: int | None = SINCE, until: int | None = UNTIL
) -> PreparedRun:
    return prepare_run(Store(home, env), loads_play(runs.PLAY_TEXT), config(), since, until)


def commit(home: Path, root: Path, run: PreparedRun | None = None) -> Commit:
    """Run over the store in ``home``, or ``run``, and commit under ``root``."""
    run = run or prepared(home)
    audit = {"snapshot_id": run.snapshot_id, "store_id": run.store_id}
    return commit_run(root, run.play, run.inputs, outputs_of(execute(run)), audit=audit)


def in_fresh_process(script: str, *arguments: object, **environment: str) -> str:
    """What ``script`` prints in a Python process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def plant(directory: Path, code: str) -> str:
    """Make every Python process that has the returned PYTHONPATH run ``code`` as soon as
    ``tasks.run`` is imported, with that module as ``run``."""
    directory.mkdir()
    (directory / "planted.py").write_text(code)
    (directory / "sitecustomize.py").write_text(
        "import importlib.machinery, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'tasks.run':\n"
        "            return None\n"
        "        spec = importlib.machinery.PathFinder.find_spec(name, path)\n"
        "        load = spec.loader.exec_module\n"
        "        def exec_module(module):\n"
        "            load(module)\n"
        "            source = open(__file__.replace('sitecustomize', 'planted')).read()\n"
        "            exec(source, {'run': module})\n"
        "        spec.loader.exec_module = exec_module\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    return str(directory)
