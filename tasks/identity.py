"""Run identity: every input of a run as one canonical tree, and the id that is its hash.

``run_id`` is the SHA-256 of the canonical encoding of the tree built by :func:`run_inputs`.
Whatever can change a result is a leaf of it; whatever cannot (paths, snapshot ids, times, hosts)
stands under the manifest's ``audit`` instead. Changing any leaf changes the id; the order of keys,
comments and formatting do not, because the tree holds resolved values only.
"""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import engine
from engine.canonical import canonical_bytes, hash_value, sha256_hex
from engine.errors import ArtifactError
from engine.play.own_indicators import UserIndicator

#: Version of the shape of the inputs tree; part of the tree, so of every id.
INPUTS_SCHEMA = 1
#: Hex characters of a run id shown to people; the folder is named by all 64.
SHORT_ID = 16

_ENGINE_DIR = Path(engine.__file__).resolve().parent
_LOCK_FILE = _ENGINE_DIR.parent / "requirements.lock"


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Provenance of one data series: exactly the rows a run reads, and what they hash to (H19).

    ``[first_ms, until_ms)`` is the half-open stretch read, epoch ms UTC; ``rows`` its row count;
    ``content_sha256`` the hash of the rows' typed content, ``days`` the same per UTC day.
    """

    symbol: str
    kind: str
    timeframe: str
    first_ms: int
    until_ms: int
    rows: int
    content_sha256: str
    days: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """``kline 1m``: how the series is called in the inputs tree and in verdicts."""
        return f"{self.kind} {self.timeframe}".strip()


def code_identity(indicators: Iterable[UserIndicator] = ()) -> dict[str, Any]:
    """Digests of the code a result depends on: the sources of ``engine/``, of the user-defined
    ``indicators`` that the play calls (by name), and the lock file."""
    return {
        **_project_code(),
        "indicators": {indicator.name: indicator.sha256 for indicator in indicators},
    }


@functools.cache
def _project_code() -> dict[str, str]:
    digest = hashlib.sha256()
    for source in sorted(_ENGINE_DIR.rglob("*.py")):
        name = source.relative_to(_ENGINE_DIR).as_posix()
        digest.update(canonical_bytes([name, sha256_hex(source.read_bytes())]))
    if not _LOCK_FILE.is_file():
        raise ArtifactError(
            "the pinned set that runs are identified by is missing",
            where=str(_LOCK_FILE),
            hint="run from a checkout set up with `make setup`",
            code="LOCK_FILE_MISSING",
        )
    return {
        "engine_sha256": digest.hexdigest(),
        "lock_sha256": sha256_hex(_LOCK_FILE.read_bytes()),
    }


def versions() -> dict[str, str]:
    """Versions of the interpreter and of the numeric libraries results are computed with."""
    return {
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def run_inputs(
    *,
    play: Mapping[str, Any],
    config: Mapping[str, Any],
    symbol: str,
    since_ms: int,
    until_ms: int,
    base_timeframe: str,
    clock_timeframe: str,
    warmup: Mapping[str, Any],
    environment: str,
    schema_version: int,
    series: Sequence[SeriesFacts],
    instrument: Mapping[str, Any],
    generators: Sequence[Mapping[str, Any]],
    indicators: Iterable[UserIndicator],
) -> dict[str, Any]:
    """The inputs tree of a run, as plain JSON values.

    ``play`` is the canonical play, ``config`` the resolved run config, ``warmup`` the plan and what
    the store had of it, ``environment`` and ``schema_version`` the store's, ``generators`` name,
    version, seed and parameters of each generated market read (empty for real data),
    ``indicators`` those of the play's project that it calls.
    """
    tree = {
        "schema": INPUTS_SCHEMA,
        "play": play,
        "config": config,
        "window": {"symbol": symbol, "since_ms": since_ms, "until_ms": until_ms},
        "timeframes": {"base": base_timeframe, "clock": clock_timeframe},
        "warmup": warmup,
        "data": {
            "environment": environment,
            "schema_version": schema_version,
            "series": {facts.name: asdict(facts) for facts in series},
            "generators": list(generators),
        },
        "instrument": instrument,
        "code": code_identity(indicators),
        "versions": versions(),
    }
    plain: dict[str, Any] = json.loads(canonical_bytes(tree))
    return plain


def run_id(inputs: Mapping[str, Any]) -> str:
    """The run's id, 64 lower-case hex characters: the hash of the canonical inputs tree."""
    return hash_value(inputs)


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a JSON tree as ``(JSON pointer, value)``; an empty container is a leaf."""
    if isinstance(tree, Mapping) and tree:
        for key in sorted(tree):
            yield from leaves(tree[key], f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(tree, list) and tree:
        for index, item in enumerate(tree):
            yield from leaves(item, f"{path}/{index}")
    else:
        yield path, tree


def differing_inputs(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The input leaves in which two trees differ, in path order.

    Each is ``{leaf, a, b, absent}``; ``absent`` names the side (``"a"`` or ``"b"``) that has no
    such leaf, so that an absent leaf is not taken for a null one; else it is None.
    """
    left, right = dict(leaves(a)), dict(leaves(b))
    found = []
    for leaf in sorted(left.keys() | right.keys()):
        absent = "a" if leaf not in left else "b" if leaf not in right else None
        va, vb = left.get(leaf), right.get(leaf)
        if absent or canonical_bytes(va) != canonical_bytes(vb):
            found.append({"leaf": leaf, "a": va, "b": vb, "absent": absent})
    return found
