"""``python -m flows.reference DIR``: the reference pages, written from the declarations in code."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.config import Fees, InstrumentOverrides, RunConfig
from engine.exchange.codes import Refusal
from engine.indicators.registry import INDICATORS
from engine.indicators.spec import IndicatorSpec
from engine.metrics import METRICS


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _indicator(spec: IndicatorSpec) -> str:
    params = [
        (p.name, p.type, "required" if p.default is None else p.default,
         ", ".join(p.choices) or ("" if p.low is None else f"{p.low} to {p.high}"))
        for p in spec.params
    ]  # fmt: skip
    outputs = ", ".join(f"`{out.name}` ({out.type.value})" for out in spec.outputs)
    facts = f"Formula: {spec.formula}\n\nReads: {', '.join(spec.inputs)}. Outputs: {outputs}.\n"
    table = _table(("parameter", "type", "default", "legal"), params) if params else ""
    return f"## {spec.name}\n\n{spec.summary}\n\n{facts}\n{table}\nSource: {spec.source}\n"


def _config_rows() -> list[tuple[str, str]]:
    sections = {"fees": Fees, "instrument": InstrumentOverrides}
    rows = []
    for key, field in RunConfig.model_fields.items():
        if key in sections:
            inner = sections[key].model_fields
            rows += [(f"{key}.{name}", str(f.default)) for name, f in inner.items()]
        else:
            rows.append((key, str(field.default)))
    return rows


def pages() -> dict[str, str]:
    """Every page's text by file name."""
    refusals = [(r.name, r.meaning) for r in Refusal if r is not Refusal.NONE]
    metrics = [(m.name, m.unit, m.definition) for m in METRICS]
    return {
        "indicators.md": "# Indicators\n\n" + "\n".join(map(_indicator, INDICATORS.values())),
        "metrics.md": "# Metrics\n\n" + _table(("name", "unit", "definition"), metrics),
        "refusals.md": "# Refusals of orders\n\n" + _table(("code", "meaning"), refusals),
        "run-config.md": "# Run config\n\nRates are fractions, money is USDT.\n\n"
        + _table(("key", "default"), _config_rows()),
    }


def main(folder: Path) -> None:
    """Write every page into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
