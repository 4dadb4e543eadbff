"""Every snippet of the documents is run as it stands, in one home per document."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.play import loads_play

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
#: Words of blocks that are output or pictures, not to be run.
SHOWN = {"text"}


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in BLOCK.finditer(page.read_text("utf-8"))]


def runnable(page: Path) -> bool:
    return any(kind in {"bash", "python"} for kind, _ in blocks(page))


@pytest.mark.parametrize(
    "page", [p for p in PAGES if runnable(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_commands_and_code_run_in_the_order_they_are_read(page: Path, tmp_path: Path):
    """``make`` lines are the set-up this test stands on; they are run by continuous integration."""
    shutil.copytree(ROOT / "plays", tmp_path / "plays")
    command = tmp_path / "bin"
    command.mkdir()
    script = command / "lockstep"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flows.cli "$@"\n')
    script.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{command}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "LOCKSTEP_HOME": str(tmp_path / "home"),
    }
    for kind, text in blocks(page):
        if kind == "bash":
            lines = [line for line in text.splitlines() if not line.startswith("make ")]
            arguments = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
        elif kind == "python":
            arguments = [sys.executable, "-c", text]
        else:
            continue
        done = subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_block_is_of_a_kind_that_is_tested(page: Path):
    assert {kind for kind, _ in blocks(page)} <= SHOWN | {"bash", "python", "yaml"}


def test_the_readmes_play_loads():
    (play,) = [text for kind, text in blocks(ROOT / "README.md") if kind == "yaml"]
    assert loads_play(play).name == "trend_cross"


def test_every_relative_link_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
