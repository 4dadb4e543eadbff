"""The old file as plain values, with the line of each; what was noticed on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from engine.errors import PlayError
from engine.play.document import Mapping, Node, Scalar, Sequence, compose, decode
from engine.play.issues import Code, Issues
from engine.play.sections import ID
from engine.play.vocabulary import RESERVED_IDS, TIMEFRAMES

#: Why something is noted.
AMBIGUOUS = "ambiguous"  # the old words had more than one meaning; the one taken is said
BROKEN = "broken"  # the old play did not do what it says
CHANGED = "changed"  # the same words mean something else now
MOVED = "moved"  # belongs to the run config now, or is not part of a play

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.A)
_VARIABLE = re.compile(r"\$\{\s*(\w+)\s*\}|\{\{\s*(\w+)\s*\}\}", re.A)


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A place of the old file that deserves a look. ``kind``: ``ambiguous``, ``broken``,
    ``changed`` or ``moved``; ``path`` the YAML path and ``line`` the line in the old file."""

    line: int
    path: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: line {self.line}, {self.path}: {self.message}"


class Old:
    """A mapping or list of the old file, as plain values that know where they stand."""

    def __init__(self, text: str, root: Node) -> None:
        self.notes: dict[Note, None] = {}
        self._lines: dict[str, int] = {}
        del text
        self.value = self._plain(root, "")

    def note(self, kind: str, path: str, message: str) -> None:
        """Remember something about ``path``; a path that is not written has its parent's line."""
        at = path
        while at and at not in self._lines:
            at = at.rpartition("[")[0] if at.endswith("]") else at.rpartition(".")[0]
        self.notes[Note(self._lines.get(at, 1), path, kind, message)] = None

    def _plain(self, node: Node, path: str) -> Any:
        self._lines[path] = node.mark(path).line
        if isinstance(node, Mapping):
            return {
                key.text: self._plain(value, f"{path}.{key.text}" if path else key.text)
                for key, value in node.entries
            }
        if isinstance(node, Sequence):
            return [self._plain(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
        return _scalar(node)


def _scalar(node: Scalar) -> Any:
    text = node.text.strip()
    if node.style in {"'", '"'}:
        return node.text
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if text in {"", "~", "null"}:
        return None
    if re.fullmatch(r"[+-]?\d+", text, re.A):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def read_old(raw: bytes, path: str) -> Old:
    """The old file; PlayError when it is not readable as YAML or no play of that format."""
    issues = Issues()
    text = decode(raw, issues)
    root = compose(text, issues) if text is not None else None
    fatal = [i for i in issues.errors if i.code != Code.YAML_EMPTY.value]
    if fatal or root is None or text is None:
        first = fatal[0] if fatal else issues.errors[0]
        raise PlayError(first.message, where=f"{path}: {first.where}", hint=first.hint)
    old = Old(text, root)
    wanted = {"actions", "features", "timeframes"}
    if not isinstance(old.value, dict) or not wanted & set(old.value):
        raise PlayError(
            "this is no play of the predecessor's format",
            where=path,
            hint="such a file has the keys features, actions and timeframes",
        )
    return old


def map_under(container: dict[str, Any], key: str) -> dict[str, Any]:
    """The map under ``key``, empty when nothing is written there; PlayError for anything else."""
    value = container.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PlayError(
            f"{key!r} is not a map of names to values",
            where=key,
            hint="the old format writes a map here",
        )
    return value


def substitute(value: Any, variables: dict[str, Any]) -> Any:
    """``${name}`` and ``{{ name }}`` replaced by the variables of the play."""
    if isinstance(value, dict):
        return {key: substitute(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    if not isinstance(value, str):
        return value
    whole = _VARIABLE.fullmatch(value.strip())
    if whole and (whole[1] or whole[2]) in variables:
        return variables[whole[1] or whole[2]]
    return _VARIABLE.sub(lambda m: str(variables.get(m[1] or m[2], m[0])), value)


def new_id(id: str, taken: set[str]) -> str:
    """A legal id of the new language that is most like ``id`` and not taken."""
    plain = re.sub(r"\W", "_", id, flags=re.A)[:58] or "x"
    if plain[0].isdigit() or plain in RESERVED_IDS or not ID.fullmatch(plain):
        plain = f"x_{plain}"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name


_TIMEFRAME_NAMES = {"d": "1d", "w": "1w", "m": "1mo", "60m": "1h", "120m": "2h", "240m": "4h"}
_TIMEFRAME_NAMES |= {"360m": "6h", "720m": "12h", "1440m": "1d", "60": "1h", "240": "4h"}


def timeframe_name(written: Any) -> str | None:
    """The new name of an old timeframe (``D``, ``60m``); None when it is none."""
    text = str(written).strip()
    lowered = text.lower()
    if text == "M" or lowered in {"1mo", "1month"}:
        return "1mo"
    name = _TIMEFRAME_NAMES.get(lowered, lowered)
    name = f"{name}m" if name.isdigit() else name
    return name if name in TIMEFRAMES else None
