"""Prefect, told before it is imported to keep to this machine and to be quiet.

:func:`prepare` sets the environment Prefect reads at import: its files under Lockstep's home, no
analytics, no version check, and the ephemeral server of this process, whatever server the
surroundings name (``PREFECT_API_URL``): a command must not hang on a server that is away.
"""

from __future__ import annotations

import logging
import os
import sys

from flows.home import Home


def prepare(home: Home, *, verbose: bool = False) -> None:
    """Set Prefect's environment; has an effect only before Prefect is first imported.

    ``verbose`` lets Prefect's own log lines through to stderr; the flows' errors are raised and
    shown by the command line either way.
    """
    if "prefect" in sys.modules:
        return
    directory = home.prefect
    directory.mkdir(parents=True, exist_ok=True)
    level = "INFO" if verbose else "CRITICAL"
    os.environ.update(
        PREFECT_HOME=str(directory),
        PREFECT_PROFILES_PATH=str(directory / "profiles.toml"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED="false",
        # A busy machine takes longer than Prefect's twenty seconds.
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="300",
        PREFECT_LOGGING_LEVEL=level,
        PREFECT_LOGGING_SERVER_LEVEL=level,
        PREFECT_LOGGING_TO_API_ENABLED="false",
        NO_PROXY=_with_loopback(os.environ.get("NO_PROXY", "")),
    )
    logging.getLogger("great_expectations").setLevel(level if verbose else "WARNING")
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE"):
        os.environ.pop(name, None)


def _with_loopback(no_proxy: str) -> str:
    """``no_proxy`` with this machine's own addresses in it: the ephemeral server listens there."""
    named = [name for name in no_proxy.split(",") if name]
    return ",".join(dict.fromkeys([*named, "127.0.0.1", "localhost"]))
