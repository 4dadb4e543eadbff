"""The ``sync`` deployment as ``prefect.yaml`` states it, on a Prefect server with a worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from live.paper import Fault, FaultKind
from tasks.store import Store
from tests.live.paper.markets import DAY, MINUTE, T0, paper_venue
from tests.tasks.store.samples import ROOT

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(600)]

KLINES = [(T0, T0 + 3 * DAY)]


class Server:
    """A Prefect server of the test's own, and its command line."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.port = port
        self.api = f"http://127.0.0.1:{port}/api"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LOCKSTEP_HOME": str(home / "lockstep"),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_PROFILES_PATH": str(home / "prefect" / "profiles.toml"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A long-running prefect command, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> str:
        """A prefect command to its end; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, **body: Any) -> Any:
        """A call of the server's API."""
        answer = requests.post(f"{self.api}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def flow_run(self, deployment: str, request: dict[str, Any]) -> dict[str, Any]:
        """A run of the deployment, once it has ended."""
        created = self.ask(
            f"deployments/{deployment}/create_flow_run",
            parameters={"request": request},
            state={"type": "SCHEDULED"},
        )
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            run: dict[str, Any] = requests.get(
                f"{self.api}/flow_runs/{created['id']}", timeout=30
            ).json()
            if run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return run
            time.sleep(0.5)
        raise AssertionError(f"the flow run did not end: {run['state']}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the pool, the deployment of ``prefect.yaml`` and a worker."""
    house = Server(tmp_path_factory.mktemp("deployment"))
    running = [house.start("server", "start", "--host", "127.0.0.1", "--port", str(house.port))]
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                requests.get(f"{house.api}/health", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                assert time.monotonic() < deadline, "the Prefect server did not come up"
                time.sleep(0.5)
        house.run("work-pool", "create", "lockstep", "--type", "process")
        house.run("deploy", "--name", "sync")
        running.append(house.start("worker", "start", "--pool", "lockstep", "--type", "process"))
        yield house
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_deployment_syncs_through_server_and_worker_and_its_state_says_when_it_is_partial(
    server: Server,
) -> None:
    (deployment,) = server.ask("deployments/filter")
    assert deployment["name"] == "sync"
    assert deployment["schedules"][0]["schedule"]["cron"] == "7 * * * *"
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    request = deployment["parameters"]["request"]
    assert request["home"] == server.environment["LOCKSTEP_HOME"]
    fault = Fault(kind=FaultKind.WRONG_SYMBOL, path="/kline", at_ms=T0 + DAY, times=1)
    with paper_venue(faults=[fault]) as (_, url):
        asked = {
            **request,
            "until_ms": T0 + 3 * DAY,
            "timeframe": "5m",
            "kinds": ["kline"],
            "exchange_url": url,
        }
        first = server.flow_run(deployment["id"], asked)
        named = (first["state"]["type"], first["state"]["name"])
        assert named == ("FAILED", "PartialFailure"), first["state"]["message"]
        second = server.flow_run(deployment["id"], asked)
        assert second["state"]["type"] == "COMPLETED", second["state"]["message"]
    snapshot = Store(Path(request["home"]), "backtest").snapshot()
    assert snapshot.coverage("BTCUSDT", "kline", "5m") == KLINES
    assert len(snapshot.bars("BTCUSDT", "kline", "5m", T0, T0 + 3 * DAY)) == 3 * DAY // (5 * MINUTE)
    artifacts = server.ask("artifacts/filter", artifacts={"key": {"any_": ["sync"]}})
    tables = [json.loads(a["data"]) for a in artifacts if a["flow_run_id"] == second["id"]]
    assert [row["series"] for row in tables[0]] == ["BTCUSDT kline 5m"]
    progress = server.ask("artifacts/filter", artifacts={"type": {"any_": ["progress"]}})
    assert [a["data"] for a in progress if a["flow_run_id"] == second["id"]] == [100.0]
