"""The pictures as plotly.js figures: plain JSON values, times in epoch ms UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from engine.bars import Bars
from tasks.report.sampling import candles, evenly, extremes

BUCKETS = 1_000
MAX_MARKERS = 3_000

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
EQUITY, DRAWDOWN = "#2457a6", "#b83a3a"
#: Blue and vermilion stay apart for colour-blind readers; shape says the same again.
LONG, SHORT = "#0072b2", "#d55e00"
BAR_UP, BAR_DOWN = "#a3b1bf", "#5f6c7b"


@dataclass(frozen=True, slots=True)
class Figure:
    """``traces`` and ``layout`` for plotly.js; ``note`` says what was sampled, else empty."""

    name: str
    title: str
    height_px: int
    traces: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def equity_figure(equity: pa.Table) -> Figure:
    """Equity in USDT over time."""
    time, value, note = _sampled(equity, "equity_usdt")
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "equity",
        "x": time,
        "y": value,
        "line": {"color": EQUITY, "width": 1.6},
        "hovertemplate": "%{x|%Y-%m-%d %H:%M}<br>%{y:,.2f} USDT<extra></extra>",
    }
    return Figure("equity", "Equity, USDT", 300, [trace], _axes("USDT"), note)


def drawdown_figure(equity: pa.Table) -> Figure:
    """Drawdown from the running peak in percent, drawn downwards."""
    time, value, note = _sampled(equity, "drawdown_pct")
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "drawdown",
        "x": time,
        "y": [-v if v else 0.0 for v in value],
        "fill": "tozeroy",
        "fillcolor": "rgba(184,58,58,0.18)",
        "line": {"color": DRAWDOWN, "width": 1.2},
        "hovertemplate": "%{x|%Y-%m-%d %H:%M}<br>%{y:.2f} %<extra></extra>",
    }
    return Figure("drawdown", "Drawdown, percent of the peak", 200, [trace], _axes("%"), note)


def price_figure(bars: Bars, trades: pa.Table) -> Figure:
    """Price as candles with the entries and exits of every trade."""
    drawn, merged = candles(bars, BUCKETS)
    price = {
        "type": "candlestick",
        "name": "price",
        "x": drawn.open_ms.tolist(),
        "open": drawn.open.tolist(),
        "high": drawn.high.tolist(),
        "low": drawn.low.tolist(),
        "close": drawn.close.tolist(),
        "increasing": {"line": {"color": BAR_UP, "width": 1}},
        "decreasing": {"line": {"color": BAR_DOWN, "width": 1}},
    }
    rows = evenly(trades.num_rows, MAX_MARKERS)
    shown = trades.take(pa.array(rows))
    notes = []
    if merged > 1:
        notes.append(f"{len(bars):,} bars are drawn {merged} to a candle")
    if len(rows) < trades.num_rows:
        notes.append(f"{len(rows):,} of {trades.num_rows:,} trades are marked, evenly spread")
    layout = _axes("USDT")
    layout["xaxis"]["rangeslider"] = {"visible": False}
    layout |= {"showlegend": True, "legend": {"orientation": "h", "y": 1.06, "x": 0}}
    return Figure(
        "price",
        "Price with entries and exits",
        460,
        [price, *_markers(shown)],
        layout,
        "; ".join(notes),
    )


def _markers(trades: pa.Table) -> list[dict[str, Any]]:
    side = np.array(trades.column("side").to_pylist(), dtype=object)
    looks = (
        ("long entry", side == "long", "entry", LONG, "triangle-up"),
        ("short entry", side == "short", "entry", SHORT, "triangle-down"),
        ("exit", side == side, "exit", INK, "x-thin"),
    )
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": trades.column(f"{end}_ms").filter(pa.array(rows, pa.bool_())).to_pylist(),
            "y": trades.column(f"{end}_price").filter(pa.array(rows, pa.bool_())).to_pylist(),
            "text": _hover(trades.filter(pa.array(rows, pa.bool_())), end),
            "hovertemplate": "%{x|%Y-%m-%d %H:%M} at %{y:,}<br>%{text}<extra></extra>",
            "marker": {
                "symbol": symbol,
                "color": colour,
                "size": 8 if end == "exit" else 10,
                "line": {"width": 1.6 if end == "exit" else 0.8, "color": colour},
            },
        }
        for name, rows, end, colour, symbol in looks
    ]


def _hover(trades: pa.Table, end: str) -> list[str]:
    if end == "entry":
        columns = ("trade_id", "side", "qty")
        return [f"trade {i}: {s} {q:g}" for i, s, q in _rows(trades, columns)]
    columns = ("trade_id", "exit_reason", "net_usdt")
    return [f"trade {i}: {why}, net {net:,.2f} USDT" for i, why, net in _rows(trades, columns)]


def _rows(table: pa.Table, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def _sampled(equity: pa.Table, column: str) -> tuple[list[int], list[float], str]:
    values = equity.column(column).to_numpy()
    rows = extremes(values, BUCKETS)
    time = equity.column("ts_ms").to_numpy()[rows].tolist()
    note = ""
    if len(rows) < len(values):
        note = (
            f"{len(values):,} points are drawn by the lowest and highest of {BUCKETS:,} stretches"
        )
    return time, values[rows].tolist(), note


def _axes(unit: str) -> dict[str, Any]:
    grid = {"gridcolor": GRID, "linecolor": GRID, "zeroline": False}
    return {
        "xaxis": {"type": "date", **grid},
        "yaxis": {"title": {"text": unit, "font": {"size": 12, "color": MUTED}}, **grid},
        "margin": {"l": 70, "r": 16, "t": 8, "b": 34},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12, "color": INK},
        "showlegend": False,
        "hovermode": "closest",
    }
