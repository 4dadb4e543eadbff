"""``python -m flows.reference DIR``: the reference pages, written from the declarations in code.

A page that says or shows something else than the code does cannot be committed: tests compare them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from pydantic.fields import FieldInfo

import engine.errors
from engine.config import Fees, InstrumentOverrides, RunConfig
from engine.errors import LockstepError
from engine.exchange.codes import refusal_table
from engine.indicators.registry import INDICATORS
from engine.indicators.spec import IndicatorSpec, ParamSpec
from engine.metrics import METRICS
from engine.structures.registry import STRUCTURES
from engine.structures.spec import RatiosSpec, StructureSpec
from flows.pictures import market, picture_of_indicator, picture_of_structure
from tasks.artifacts.tables import TABLES

_WEIGHT = 1e-3
_SLOT = re.compile(r"\[(\d+)\]")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = [[" ".join(str(cell).split()).replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# -- indicators and structures ------------------------------------------------------------------


def _parameter(spec: ParamSpec | RatiosSpec) -> tuple[object, ...]:
    if isinstance(spec, RatiosSpec):
        default = ", ".join(map(str, spec.default))
        return (spec.name, "ratios", default, f"each from {spec.low} to {spec.high}")
    legal = ", ".join(spec.choices) or ("" if spec.low is None else f"{spec.low} to {spec.high}")
    return (spec.name, spec.type, "required" if spec.default is None else spec.default, legal)


def _parameters(params: Sequence[ParamSpec | RatiosSpec]) -> str:
    if not params:
        return ""
    return _table(("parameter", "type", "default", "legal"), map(_parameter, params)) + "\n"


def _indicator(spec: IndicatorSpec) -> str:
    outputs = ", ".join(f"`{out.name}` ({out.type.value})" for out in spec.outputs)
    picture = "" if spec.structures else f"![{spec.name}](pictures/{spec.name}.svg)\n\n"
    return (
        f"## {spec.name}\n\n{spec.summary}\n\n{picture}Formula: {spec.formula}\n\n"
        f"Reads: {', '.join(spec.inputs)}. Outputs: {outputs}.\n\n{_parameters(spec.params)}"
        f"{_warm_up(spec)}\n\nSource: {spec.source}\n"
    )


def _warm_up(spec: IndicatorSpec) -> str:
    defaults = {p.name: p.default for p in spec.params if p.default is not None}
    if len(defaults) < len(spec.params):
        return "Warm-up: depends on the required parameter."
    p = spec.resolve(defaults)
    text = (
        f"Warm-up with the defaults: first value after {spec.first_valid(p) + 1} bars, "
        f"{spec.warmup_bars(p, _WEIGHT)} until its start weighs less than {_WEIGHT:g}."
    )
    return text + (" Depends on where history begins." if spec.history_dependent else "")


def _structure(spec: StructureSpec) -> str:
    sources = ", ".join(
        f"`{s.name}` ({s.structure or 'a series'}{'' if s.required else ', optional'})"
        for s in spec.sources
    )
    defaults = {p.name: p.default for p in spec.params if p.default is not None}
    emitted = [(o.name, o.type.value) for o in spec.outputs(spec.resolve(defaults))]
    outputs = ", ".join(f"`{name}` ({kind})" for name, kind in _slots_together(emitted))
    return (
        f"## {spec.name}\n\n{spec.summary}\n\n![{spec.name}](pictures/{spec.name}.svg)\n\n"
        f"{' '.join(spec.rules.split())}\n\n"
        f"Hangs on: {sources or 'the bars alone'}. Reads: {', '.join(spec.inputs) or '-'}.\n\n"
        f"{_parameters(spec.params)}Outputs with the defaults: {outputs}.\n\n"
        f"Source: {spec.source}\n"
    )


def _slots_together(emitted: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """``up[0].lower``, ``up[1].lower`` ... as one ``up[0..4].lower``."""
    last: dict[str, int] = {}
    for name, _ in emitted:
        if slot := _SLOT.search(name):
            last[_SLOT.sub("[]", name)] = int(slot[1])
    found = dict.fromkeys(
        (_SLOT.sub(f"[0..{last.get(_SLOT.sub('[]', name))}]", name), kind) for name, kind in emitted
    )
    return list(found)


# -- the rest -----------------------------------------------------------------------------------


def _config_rows() -> list[tuple[str, str, str]]:
    sections = {"fees": Fees, "instrument": InstrumentOverrides}
    rows = []
    for key, field in RunConfig.model_fields.items():
        inner = sections[key].model_fields if key in sections else {}
        for name, one in inner.items():
            default = "the instrument's" if one.default is None else str(one.default)
            rows.append((f"{key}.{name}", default, one.description or ""))
        if not inner:
            rows.append((key, _values(field), field.description or ""))
    return rows


def _values(field: FieldInfo) -> str:
    """The default, and behind it the other values where there are few."""
    default = {None: "none", True: "true"}.get(field.default, str(field.default))
    others = [value for value in get_args(field.annotation) if isinstance(value, str)]
    return " or ".join([default, *(value for value in others if value != default)])


def _error_rows() -> list[tuple[str, int, str]]:
    """Every class of the error tree: its code, the command's exit code, what it means."""
    classes = [
        item
        for _, item in inspect.getmembers(engine.errors, inspect.isclass)
        if issubclass(item, LockstepError) and item is not LockstepError
    ]
    found = {(c.code, c.exit_code, (inspect.getdoc(c) or "").split("\n\n")[0]) for c in classes}
    return sorted(found)


def _columns() -> str:
    """The result tables' columns with their units, as a small run has them."""
    from engine import Dataset, Instrument, loads_play, run_backtest
    from engine.timeframe import Timeframe

    bars = market()
    first = int(bars.open_ms[0])
    play = loads_play(
        "version: 1\nname: reference\nmarket: BTCUSDT\nclock: 15m\n"
        "rules: { enter_long: 'close > open' }\n"
        "risk: { size: { qty: 0.001 }, stop: { price: 2% } }\n"
    )
    dataset = Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.M15,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=first,
        until_ms=first + len(bars) * 15 * 60_000,
    )
    config = RunConfig(
        fill_timeframe="15m", funding="off", mark="last", instrument={"min_notional": 0}
    )
    result = run_backtest(play, dataset, config)
    parts = []
    for name in TABLES:
        table = getattr(result, name)
        rows = [
            (f.name, f.type, (f.metadata or {}).get(b"unit", b"").decode()) for f in table.schema
        ]
        parts.append(f"## {name}\n\n{_table(('column', 'type', 'unit'), rows)}")
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """Every file's text by its path below the folder."""
    metrics = [(m.name, m.unit, m.definition) for m in METRICS]
    texts = {
        "errors.md": "# Errors\n\nThe first column stands in `error[CODE]`; many errors of a class "
        "carry a more particular code.\n\n"
        + _table(("code", "exit code", "meaning"), _error_rows()),
        "indicators.md": "# Indicators\n\n" + "\n".join(map(_indicator, INDICATORS.values())),
        "metrics.md": "# Metrics\n\n" + _table(("name", "unit", "definition"), metrics),
        "refusals.md": "# Refusals of orders\n\n" + refusal_table(),
        "run-config.md": "# Run config\n\nRates are fractions, money is USDT.\n\n"
        + _table(("key", "values, the default first", "meaning"), _config_rows()),
        "structures.md": "# Structures\n\n" + "\n".join(map(_structure, STRUCTURES.values())),
        "tables.md": "# Result tables\n\n" + _columns(),
    }
    for indicator in INDICATORS.values():
        if not indicator.structures:
            texts[f"pictures/{indicator.name}.svg"] = picture_of_indicator(indicator)
    for structure in STRUCTURES.values():
        texts[f"pictures/{structure.name}.svg"] = picture_of_structure(structure)
    return texts


def main(folder: Path) -> None:
    """Write every file into ``folder``."""
    for name, text in pages().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
