"""Hand-drawn cases: a table of bars, and beside it what each structure says on each bar.

A case begins with ``case:`` and one line of what it shows. Then come the structures, each
``id = name(argument=value, ...)``: a value is a column of the table, the id of a structure above,
a number, a word or a list. Then the table: its head names the given columns, a ``|``, and the
expected outputs ``id.output``; each line below is one bar.

``id = pivots(highs, lows)`` stands for a swing told by hand: the two columns hold the level where
a pivot is confirmed on that bar. A given column ``id.output`` likewise makes a hand-told source.
In cells ``-`` is missing, ``.`` false, ``*`` true, else a number or an enum word. ``#`` begins a
comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.structures import compute, get, typed

FOLDER = Path(__file__).parent / "cases"
_CALL = re.compile(r"(\w+) = (\w+)\((.*)\)$")
_ARGUMENT = re.compile(r"(?:(\w+)=)?(\[[^\]]*\]|[^,\s]+)")
_SIGNS = {"-": np.nan, ".": 0.0, "*": 1.0}


@dataclass(frozen=True)
class Case:
    """One case: ``calls`` are (id, name, arguments), ``head`` the names of the table's columns,
    the first ``given`` of them inputs."""

    file: str
    name: str
    calls: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    head: tuple[str, ...]
    given: int
    table: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def read_cases() -> list[Case]:
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
        for text in "\n".join(line for line in lines if line).split("case:")[1:]:
            found.append(_case(path.stem, text.strip().splitlines()))
    return found


def _case(file: str, lines: list[str]) -> Case:
    name, *rest = lines
    calls = []
    while match := _CALL.match(rest[0]):
        calls.append((match[1], match[2], tuple(_ARGUMENT.findall(match[3]))))
        rest.pop(0)
    assert "|" in rest[0], f"{name}: the head of the table needs a |"
    head = [part.split() for part in rest[0].split("|")]
    table = []
    for line in rest[1:]:
        cells = [part.split() for part in line.split("|")]
        assert [len(c) for c in cells] == [len(h) for h in head], f"{name}: {line}"
        table.append((*cells[0], *cells[1]))
    return Case(file, name, tuple(calls), (*head[0], *head[1]), len(head[0]), tuple(table))


def _number(cell: str) -> float:
    return _SIGNS[cell] if cell in _SIGNS else float(cell)


def _pivots(highs: np.ndarray, lows: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of a swing whose pivots are these."""
    new_high, new_low = ~np.isnan(highs), ~np.isnan(lows)

    def last(levels: np.ndarray) -> np.ndarray:
        held = levels.copy()
        for i in range(1, len(held)):
            held[i] = held[i - 1] if np.isnan(held[i]) else held[i]
        return held

    return {
        "new_high": new_high.astype(float),
        "new_low": new_low.astype(float),
        "high": last(highs),
        "low": last(lows),
        "version": np.cumsum(new_high + 0.0 + new_low),
    }


def outputs_of(case: Case) -> dict[str, list[object]]:
    """Typed values by ``id.output`` of every structure of the case."""
    columns: dict[str, np.ndarray] = {}
    told: dict[str, dict[str, np.ndarray]] = {}
    for j, name in enumerate(case.head[: case.given]):
        column = np.array([_number(row[j]) for row in case.table])
        if "." in name:
            source, output = name.split(".", 1)
            told.setdefault(source, {})[output] = column
        else:
            columns[name] = column
    values: dict[str, list[object]] = {}
    for id, name, arguments in case.calls:
        if name == "pivots":
            told[id] = _pivots(*(columns[value] for _, value in arguments))
            continue
        spec = get(name)
        sources: dict[str, object] = {}
        params: dict[str, object] = {}
        for argument, value in arguments:
            if any(source.name == argument for source in spec.sources):
                sources[argument] = told[value] if value in told else columns[value]
            else:
                params[argument] = _value(value)
        told[id] = compute(name, columns, sources, key=id, **params)  # type: ignore[arg-type]
        for output in spec.outputs(spec.resolve(params)):
            cells = told[id][output.name]
            values[f"{id}.{output.name}"] = [typed(output, cell) for cell in cells]
    return values


def _value(text: str) -> object:
    if text.startswith("["):
        return [float(part) for part in text.strip("[]").split(",")]
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def matches(cell: str, value: object) -> bool:
    """Whether a typed value is what a cell of the table says."""
    if cell in ("-", ".", "*"):
        return value is {"-": None, ".": False, "*": True}[cell]
    if isinstance(value, str):
        return value == cell
    if value is None or isinstance(value, bool):
        return False
    return bool(abs(float(cell) - value) <= 1e-9 * max(1.0, abs(value)))  # type: ignore[operator]
