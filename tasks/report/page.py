"""The page around the pictures: headline figures, what was assumed, metrics, facts of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from engine.bars import Bars
from engine.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, format_ms
from tasks.artifacts.outputs import Outputs
from tasks.identity import SHORT_ID, leaves, run_id
from tasks.report.figures import Figure, drawdown_figure, equity_figure, price_figure
from tasks.report.style import STYLE

#: Metrics shown large at the top, those the run has, in this order.
HEADLINE = (
    "net_profit_usdt",
    "total_return_pct",
    "max_drawdown_pct",
    "sharpe",
    "profit_factor",
    "win_rate_pct",
    "trades",
)


def render_report(
    play_name: str, play_text: str, inputs: Mapping[str, Any], outputs: Outputs, bars: Bars
) -> str:
    """The report as one HTML text.

    ``inputs`` is the run's inputs tree, ``bars`` the fill bars of its window. The same arguments
    give the same text.
    """
    figures = [
        equity_figure(outputs.tables["equity"]),
        drawdown_figure(outputs.tables["equity"]),
        price_figure(bars, outputs.tables["trades"]),
    ]
    window = inputs["window"]
    title = f"{play_name} on {window['symbol']}"
    body = "".join(
        (
            _header(title, inputs, outputs),
            _headline(outputs.summary["metrics"]),
            _assumptions(outputs.summary),
            *map(_figure, figures),
            _metrics(outputs.summary["metrics"]),
            _facts(inputs, outputs),
            f"<details><summary>The play as run</summary><pre>{escape(play_text)}</pre></details>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{body}</main>\n<script>{_plotly()}</script>\n"
        f"<script>{_drawing(figures)}</script></body></html>\n"
    )


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # a tenth of a second that only a report pays

    source = get_plotlyjs()
    assert "</script" not in source.lower(), "the library would end its own script element"
    return source


def _drawing(figures: Sequence[Figure]) -> str:
    specs = [{"id": f"figure-{f.name}", "traces": f.traces, "layout": f.layout} for f in figures]
    text = json.dumps(specs, sort_keys=True, allow_nan=False).replace("<", "\\u003c")
    return (
        f"for (const f of {text}) Plotly.newPlot(f.id, f.traces, f.layout, "
        "{displaylogo: false, responsive: true});"
    )


def _header(title: str, inputs: Mapping[str, Any], outputs: Outputs) -> str:
    window, frames, status = inputs["window"], inputs["timeframes"], outputs.summary["status"]
    identity = run_id(inputs)
    kind = "good" if status == "COMPLETED" else "bad"
    return (
        f'<header><h1>{escape(title)} <span class="status {kind}">{escape(status)}</span></h1>'
        f"<p>{format_ms(window['since_ms'])} to {format_ms(window['until_ms'])}, "
        f"clock {escape(frames['clock'])}, filled on {escape(frames['base'])} bars, data of "
        f"environment <b>{escape(inputs['data']['environment'])}</b></p>"
        f'<p class="ids">run <code title="{identity}">{identity[:SHORT_ID]}</code> '
        f'result <code title="{outputs.recorded}">{outputs.recorded[:SHORT_ID]}</code></p></header>'
    )


def _headline(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    tiles = "".join(
        f'<div class="tile"><span>{escape(_title(name))}</span><b>{_value(metrics[name])}</b></div>'
        for name in HEADLINE
        if name in metrics
    )
    return f'<section class="tiles">{tiles}</section>'


def _assumptions(summary: Mapping[str, Any]) -> str:
    """Flags and warnings: what a reader must know before believing the figures."""
    flags = summary["flags"]
    said = [
        f"<li><b>{escape(_words(name))}</b>: {escape(_flag(value))}</li>"
        for name, value in sorted(flags.items())
    ]
    said += [f'<li class="warning">{escape(str(text))}</li>' for text in summary["warnings"]]
    return f"<section><h2>Assumptions and warnings</h2><ul>{''.join(said)}</ul></section>"


def _figure(figure: Figure) -> str:
    note = f'<p class="note">{escape(figure.note)}.</p>' if figure.note else ""
    return (
        f"<section><h2>{escape(figure.title)}</h2>{note}"
        f'<div id="figure-{figure.name}" style="height:{figure.height_px}px"></div></section>'
    )


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(_title(name))}</td><td class='number'>{_value(metric)}</td></tr>"
        for name, metric in metrics.items()
    )
    return f"<section><h2>Metrics</h2><table class='metrics'>{rows}</table></section>"


def _facts(inputs: Mapping[str, Any], outputs: Outputs) -> str:
    """The inputs tree but for the play (shown as text) and the daily digests (in the manifest)."""
    rows = "".join(
        f"<tr><td>{escape(path[1:].replace('/', ' · '))}</td><td>{escape(_plain(value))}</td></tr>"
        for path, value in leaves({k: v for k, v in inputs.items() if k != "play"})
        if "/days/" not in path
    )
    counts = ", ".join(f"{name} {table.num_rows:,}" for name, table in outputs.tables.items())
    return (
        f"<section><h2>Facts of the run</h2><p>Rows: {escape(counts)}.</p>"
        f"<table class='facts'>{rows}</table></section>"
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _title(name: str) -> str:
    """A metric's name in words, without the unit that stands beside its value."""
    return _words(name.removesuffix("_usdt").removesuffix("_pct").removesuffix("_ms"))


def _flag(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(metric: Mapping[str, Any]) -> str:
    """A metric with its unit; where it is undefined, a dash and the reason."""
    value, unit = metric["value"], str(metric["unit"])
    if value is None:
        return f'<i title="undefined">– {escape(_words(str(metric.get("reason", ""))))}</i>'
    if unit == "ms":
        return escape(_duration(int(value)))
    if isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, float):
        text = f"{value:,.4f}" if unit in _FINE else f"{value:,.2f}"
    else:
        text = str(value)
    shown = {"pct": "%", "usdt": "USDT", "count": "", "ratio": ""}.get(unit, _words(unit))
    return escape(f"{text} {shown}".strip())


def _duration(ms: int) -> str:
    """A stretch of time as days, hours and minutes."""
    days, rest = divmod(ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    return f"{days} d {hours} h {rest // MINUTE_MS} min"


_FINE = frozenset({"ratio", "R", "r"})
