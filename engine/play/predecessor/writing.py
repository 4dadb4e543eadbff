"""The new file, written by hand so that it reads like one, and checked by the loader."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import PlayError
from engine.play.issues import PlayIssue
from engine.play.loader import loads_play
from engine.play.predecessor.computed import Computed, read_computed
from engine.play.predecessor.conditions import Conditions
from engine.play.predecessor.reading import (
    AMBIGUOUS,
    BROKEN,
    MOVED,
    Note,
    Old,
    map_under,
    new_id,
    read_old,
    substitute,
)
from engine.play.predecessor.trading import Alternative, read_entry, read_risk, read_rules

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .,+*/()<>=@%\[\]-]*", re.A)
_KINDS = ("enter_long", "exit_long", "enter_short", "exit_short")
#: Sections that say how a run was validated, which is no part of a play.
_NO_PART = ("validation", "expected", "synthetic", "version")


@dataclass(frozen=True, slots=True)
class Imported:
    """A converted play: its ``name`` and ``text``, the ``notes`` on the old one in its order, and
    what the loader still says against the new one (``issues``; empty: it loads)."""

    name: str
    text: str
    notes: tuple[Note, ...]
    issues: tuple[PlayIssue, ...]

    @property
    def annotated(self) -> str:
        """The new file with the notes as comments before it."""
        return "".join(f"# {note}\n" for note in self.notes) + self.text


def import_play(raw: bytes, path: str = "") -> Imported:
    """The play in ``raw``, of the predecessor's format, as version 1.

    Raises PlayError when it is not readable or nothing of that format.
    """
    old = read_old(raw, path)
    variables = map_under(old.value, "variables")
    old.value = substitute(old.value, variables)
    for key in _NO_PART:
        if key in old.value and key != "version":
            old.note(MOVED, key, "no part of a play: left out")
    computed = read_computed(old)
    written = map_under(old.value, "setups")
    setups = {str(id): new_id(str(id), computed.taken) for id in written}
    conditions = Conditions(old, computed, setups)
    bodies = {id: conditions.text(condition, f"setups.{id}") for id, condition in written.items()}
    rules = read_rules(old, conditions)
    sides = [side for side in ("long", "short") if f"enter_{side}" in rules]
    entry, risk = read_entry(old, sides), read_risk(old, computed)
    name = new_id(str(old.value.get("name") or Path(path).stem or "imported"), set())
    kept = {setups[id]: bodies[id] for id in bodies if id in conditions.used_setups}
    _note_unused(old, computed, setups, conditions)
    text = _document(old, name, computed, kept, rules, entry, risk)
    return Imported(name, text, tuple(sorted(old.notes)), _issues(text))


def _issues(text: str) -> tuple[PlayIssue, ...]:
    try:
        loads_play(text)
    except PlayError as error:
        return tuple(issue for issue in error.issues if isinstance(issue, PlayIssue))
    return ()


def _note_unused(
    old: Old, computed: Computed, setups: dict[str, str], conditions: Conditions
) -> None:
    for id, own in computed.ids.items():
        if own not in computed.used:
            section = "structures" if own in computed.structures else "features"
            old.note(MOVED, f"{section}.{id}", "nothing reads it: left out")
    for id in setups:
        if id not in conditions.used_setups:
            old.note(MOVED, f"setups.{id}", "nothing reads it: left out")
    if not map_under(old.value, "account").get("max_leverage") and not old.value.get("risk_model"):
        old.note(AMBIGUOUS, "account", "no leverage is written: 1 is taken")
    if not old.value.get("actions") and not old.value.get("blocks"):
        old.note(BROKEN, "actions", "the old play has no actions: it never traded")


def _document(
    old: Old,
    name: str,
    computed: Computed,
    setups: dict[str, str],
    rules: dict[str, list[Alternative]],
    entry: dict[str, Any],
    risk: dict[str, Any],
) -> str:
    lines = ["version: 1", f"name: {name}"]
    description = " ".join(str(old.value.get("description") or "").split())
    if description:
        lines.append(f"description: {_quoted(description)}")
    symbol = str(old.value.get("symbol") or "BTCUSDT").upper()
    lines += [f"market: {symbol}", f"clock: {computed.clock}"]
    for title, entries in (
        ("series", {id: text for id, text in computed.series.items() if id in computed.used}),
        ("structures", {i: text for i, text in computed.structures.items() if i in computed.used}),
        ("setups", setups),
    ):
        if entries:
            lines.append(f"{title}:")
            lines += [f"  {id}: {_scalar(text)}" for id, text in entries.items()]
    lines.append("rules:")
    for kind in _KINDS:
        lines += _rule(kind, rules.get(kind, []))
    if entry:
        lines += ["entry:", *_nested(entry, 1)]
    lines += ["risk:", *_nested(risk, 1)]
    return "\n".join(lines) + "\n"


def _rule(kind: str, alternatives: list[Alternative]) -> list[str]:
    if not alternatives:
        return []
    (first, *rest) = alternatives
    if not rest and not first.tags and not first.close and first.id == kind:
        return [f"  {kind}: {_scalar(first.when)}"]
    lines = [f"  {kind}:"]
    for alternative in alternatives:
        lines.append(f"    - id: {alternative.id}")
        lines.append(f"      when: {_scalar(alternative.when)}")
        if alternative.close:
            lines.append(f"      close: {alternative.close}")
        if alternative.tags:
            lines.append("      tags:")
            lines += [f"        {id}: {_scalar(text)}" for id, text in alternative.tags.items()]
    return lines


def _nested(section: dict[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    indent = "  " * depth
    for key, value in section.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_nested(value, depth + 1)]
        else:
            lines.append(f"{indent}{key}: {_scalar(str(value))}")
    return lines


def _scalar(text: str) -> str:
    """``text`` as a YAML value: plain where that is safe."""
    return text if _PLAIN.fullmatch(text) and not text.endswith(" ") else _quoted(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
