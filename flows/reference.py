"""``python -m flows.reference DIR``: the reference pages, written from the declarations in code.

Pictures are small SVG files drawn from the kernels themselves over one generated market, so a page
that shows another curve than the code computes cannot be committed (tests compare them).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from pydantic.fields import FieldInfo

import engine.errors
from engine import indicators
from engine.config import Fees, InstrumentOverrides, RunConfig
from engine.errors import LockstepError
from engine.exchange.codes import refusal_table
from engine.indicators.registry import INDICATORS
from engine.indicators.spec import IndicatorSpec, ParamSpec
from engine.metrics import METRICS
from engine.structures.registry import STRUCTURES
from engine.structures.spec import RatiosSpec, StructureSpec
from tasks.artifacts.tables import TABLES

Column = npt.NDArray[np.float64]

WIDTH, HEIGHT, MARGIN = 360, 90, 4
_INK, _PRICE = "#2457a6", "#a3b1bf"
#: Bars computed for a picture, and those of them that are drawn.
_COMPUTED, _DRAWN = 700, 160
_WEIGHT = 1e-3


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
    outputs = ", ".join(
        f"`{o.name}` ({o.type.value})" for o in spec.outputs(spec.resolve(defaults))
    )
    return (
        f"## {spec.name}\n\n{spec.summary}\n\n{' '.join(spec.rules.split())}\n\n"
        f"Hangs on: {sources or 'the bars alone'}. Reads: {', '.join(spec.inputs) or '-'}.\n\n"
        f"{_parameters(spec.params)}Outputs with the defaults: {outputs}.\n\n"
        f"Source: {spec.source}\n"
    )


# -- pictures -----------------------------------------------------------------------------------


def _market() -> dict[str, Column]:
    """Bars for the pictures: waves and a saw, exact in every process."""
    k = np.arange(_COMPUTED)
    swing = np.abs((k * 7) % 240 - 120) / 12.0 + np.abs((k * 11) % 62 - 31) / 9.0
    close = np.round(100.0 + swing + (k % 5) * 0.3, 2)
    opened = np.concatenate([close[:1], close[:-1]])
    return {
        "open_ms": 1_767_225_600_000.0 + 3_600_000.0 * k,
        "open": opened,
        "high": np.maximum(opened, close) + 0.4 + (k % 3) * 0.1,
        "low": np.minimum(opened, close) - 0.4 - (k % 4) * 0.1,
        "close": close,
        "volume": 10.0 + (k * 13) % 17,
    }


def _line(values: Column, low: float, high: float, color: str) -> str:
    reach = high - low or 1.0
    points = [
        f"{MARGIN + i * (WIDTH - 2 * MARGIN) / (len(values) - 1):.1f},"
        f"{MARGIN + (HEIGHT - 2 * MARGIN) * (1 - (v - low) / reach):.1f}"
        for i, v in enumerate(values.tolist())
        if v == v
    ]
    return (
        f'<polyline fill="none" stroke="{color}" stroke-width="1.2" points="{" ".join(points)}"/>'
    )


def picture(spec: IndicatorSpec, market: Mapping[str, Column]) -> str:
    """The first output over the last bars of ``market``, above the close it was computed from."""
    needs = {"close": market["close"]} if spec.takes_source else market
    defaults: dict[str, Any] = {p.name: p.default for p in spec.params if p.default is not None}
    found = indicators.compute(spec.name, needs, **defaults)[spec.outputs[0].name][-_DRAWN:]
    close = market["close"][-_DRAWN:]
    known = found[found == found]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img"><title>{spec.name}: '
        f"{spec.outputs[0].name} in blue, the close in grey, each on its own scale</title>"
        f"{_line(close, float(close.min()), float(close.max()), _PRICE)}"
        f"{_line(found, low, high, _INK)}</svg>\n"
    )


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
    from engine import Bars, Dataset, Instrument, loads_play, run_backtest
    from engine.timeframe import Timeframe

    market = _market()
    bars = Bars(
        open_ms=market["open_ms"].astype(np.int64),
        **{name: market[name] for name in ("open", "high", "low", "close", "volume")},
    )
    first = int(bars.open_ms[0])
    play = loads_play(
        "version: 1\nname: reference\nmarket: BTCUSDT\nclock: 1h\n"
        "rules: { enter_long: 'close > open' }\n"
        "risk: { size: { qty: 0.001 }, stop: { price: 2% } }\n"
    )
    dataset = Dataset(
        symbol="BTCUSDT",
        base_timeframe=Timeframe.H1,
        bars=bars,
        instrument=Instrument.default("BTCUSDT"),
        since_ms=first,
        until_ms=first + len(bars) * 3_600_000,
    )
    config = RunConfig(
        fill_timeframe="1h", funding="off", mark="last", instrument={"min_notional": 0}
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
    market = _market()
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
    for spec in INDICATORS.values():
        if not spec.structures:
            texts[f"pictures/{spec.name}.svg"] = picture(spec, market)
    return texts


def main(folder: Path) -> None:
    """Write every file into ``folder``."""
    for name, text in pages().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
