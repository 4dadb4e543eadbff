"""The run config as people give it: a YAML file, then ``--set key=value`` on top of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.config import RunConfig, parse_set
from engine.errors import ConfigError
from engine.play import document
from engine.play.issues import Issues


def read_config(file: Path | None, assignments: Iterable[str]) -> RunConfig:
    """The run config of a file (or none) and of ``key=value`` texts, which win over it.

    Raises ConfigError naming the key, or the line of the file, that cannot be.
    """
    told = {} if file is None else _flat(_read(file))
    return RunConfig.from_mapping({**told, **_flat(parse_set(assignments))})


def _read(file: Path) -> Mapping[str, Any]:
    """The file's keys with every value as it is written: 5.5 stays the decimal 5.5."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the run config cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(file),
            hint="check the path given with --config",
            code="CONFIG_FILE",
        ) from None
    issues = Issues()
    text = document.decode(raw, issues)
    root = None if text is None else document.compose(text, issues)
    for issue in issues.errors:
        raise ConfigError(
            issue.message, where=f"{file}: {issue.where}", hint=issue.hint, code=issue.code
        )
    if not isinstance(root, document.Mapping):
        raise ConfigError(
            "a run config is a map of keys", where=str(file), hint="write, for example, equity: 500"
        )
    return _plain(root, str(file))


def _plain(node: document.Mapping, where: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.entries:
        if isinstance(value, document.Mapping):
            values[key.text] = _plain(value, where)
        elif isinstance(value, document.Scalar):
            values[key.text] = value.text
        else:
            raise ConfigError(f"{key.text} is a list, where one value is due", where=where)
    return values


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
