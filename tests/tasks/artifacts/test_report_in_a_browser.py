"""The report as a browser shows it: every picture is drawn, and nothing is asked of a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tasks.artifacts.test_report import page

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --virtual-time-budget=20000"
)


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium: make setup-browser installs it")
        pytest.skip("no chromium: make setup-browser installs it")
    return found


@pytest.fixture(scope="module")
def shown(browser: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    """The page's DOM after its scripts ran, and the requests it made."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(page(500), "utf-8")
    log = folder / "net.json"
    command = [
        browser,
        *FLAGS.split(),
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        f"--log-net-log={log}",
        "--dump-dom",
        (folder / "report.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, read_log(log)


def read_log(path: Path) -> dict:
    text = path.read_text("utf-8").rstrip().rstrip(",")
    return json.loads(text if text.endswith("}") and text.count("]") else text + "]}")


def test_every_picture_is_drawn(shown: tuple[str, dict]):
    dom, _ = shown
    for name in ("equity", "drawdown", "price"):
        drawn = re.search(rf'id="figure-{name}"[^>]*class="[^"]*js-plotly-plot', dom)
        assert drawn, f"{name} was not drawn"
    assert dom.count('class="main-svg"') >= 6  # plotly lays two over each other
    assert len(re.findall(r'<path class="point"', dom)) >= 4  # two entries, two exits


def test_the_page_asks_nothing_of_a_network(shown: tuple[str, dict]):
    _, log = shown
    urls = {
        event["params"]["url"]
        for event in log["events"]
        if isinstance(event.get("params"), dict) and "url" in event["params"]
    }
    asked = {url for url in urls if url.startswith(("http:", "https:", "ws:", "wss:"))}
    # The browser itself may look for its maker's services; the page must not.
    assert not {url for url in asked if "google" not in url and "gstatic" not in url}, asked
