"""Rich tables in the one style the command line has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text


def listing(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> Table:
    """A table with a header; numbers (and texts of digits) to the right."""
    held = [[_cell(value) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for index, name in enumerate(columns):
        cells = [row[index].plain for row in held]
        right = bool(cells) and all(_numeric(cell) for cell in cells)
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in held:
        table.add_row(*row)
    return table


def facts(values: Mapping[str, Any]) -> Table:
    """Names and values, one a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(name), _cell(value))
    return table


def minute(ms: int) -> str:
    """Epoch ms as people read it in a table: ``2026-03-01 00:00`` UTC."""
    from engine.timeframe import format_ms

    return format_ms(ms)[:16].replace("T", " ")


def metric_rows(metrics: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """``(name, value, unit)`` of each metric; a dash and the reason where it is undefined."""
    return [
        (name.replace("_", " "), _metric(metric), str(metric["unit"]))
        for name, metric in metrics.items()
    ]


def _metric(metric: Mapping[str, Any]) -> str:
    value = metric["value"]
    if value is None:
        return f"– ({str(metric.get('reason', 'undefined')).replace('_', ' ')})"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


def _cell(value: Any) -> Text:
    text = str(value)
    style = {"IDENTICAL": "bold green", "PASS": "green", "WARN": "yellow", "FAIL": "bold red"}
    return Text(text, style=style.get(text, ""))


def _numeric(text: str) -> bool:
    return bool(text) and not text.strip("0123456789.,-+%")


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """``values`` as one line of blocks, lowest to highest; each block the last of its stretch."""
    stretches = min(width, len(values))
    picked = [float(values[(i + 1) * len(values) // stretches - 1]) for i in range(stretches)]
    low, high = min(picked), max(picked)
    blocks = "▁▂▃▄▅▆▇█"
    span = (high - low) or 1.0
    return "".join(blocks[int((value - low) / span * (len(blocks) - 1))] for value in picked)
