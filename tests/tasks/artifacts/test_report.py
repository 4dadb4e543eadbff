"""The report: self-contained, the same bytes for the same run, pictures that keep every extreme."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import Bars
from tasks.report import figures as drawn_figures
from tasks.report import render_report
from tasks.report.sampling import candles, evenly, extremes
from tests.tasks.artifacts import runs

MINUTE = 60_000


def walk(n: int, seed: int = 3) -> Bars:
    steps = np.random.Generator(np.random.PCG64(seed)).normal(0, 5, n)
    close = 50_000 + np.cumsum(steps)
    opened = np.concatenate([[50_000.0], close[:-1]])
    return Bars(
        open_ms=runs.T0 + MINUTE * np.arange(n, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) + 1,
        low=np.minimum(opened, close) - 1,
        close=close,
        volume=np.full(n, 2.0),
    )


def page(n: int = 300, **changed: pa.Table) -> str:
    return render_report(
        "sma_cross", runs.PLAY_TEXT, runs.run_tree(), runs.outputs(**changed), walk(n)
    )


def specs(html: str) -> dict[str, dict]:
    """The figures as the page hands them to plotly.js."""
    text = re.search(r"for \(const f of (\[.*\])\) Plotly\.newPlot", html)
    assert text
    return {spec["id"]: spec for spec in json.loads(text[1])}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_is_self_contained():
    tags = Tags()
    tags.feed(page())
    assert sum(tag == "script" for tag, _ in tags.seen) == 2
    for tag, attributes in tags.seen:
        assert tag not in {"link", "iframe", "img", "base"}
        assert not {"src", "href"} & attributes.keys()
    ids = [a["id"] for _, a in tags.seen if "id" in a]
    assert ids == ["figure-equity", "figure-drawdown", "figure-price"]


def test_the_same_run_gives_the_same_bytes_in_any_process():
    script = (
        "import hashlib; from tests.tasks.artifacts import test_report as t; "
        "print(hashlib.sha256(t.page().encode()).hexdigest())"
    )
    found = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        env = {"PYTHONHASHSEED": seed, "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_the_figures_are_what_plotly_draws():
    for spec in specs(page()).values():
        go.Figure(data=spec["traces"], layout=spec["layout"])  # raises on an unknown property


def test_the_pictures_show_the_tables_values():
    figures = specs(page(120))
    (equity,) = figures["figure-equity"]["traces"]
    assert equity["x"] == [runs.T0, runs.T0 + MINUTE]
    assert equity["y"] == [10_000.0, 9_977.5]
    (drawdown,) = figures["figure-drawdown"]["traces"]
    assert drawdown["y"] == [0.0, -0.225]
    price, long_entry, short_entry, leave = figures["figure-price"]["traces"]
    assert price["close"] == walk(120).close.tolist()
    assert (long_entry["x"], long_entry["y"]) == ([runs.T0], [50_000.0])
    assert (short_entry["x"], short_entry["y"]) == ([runs.T0 + 120_000], [50_100.0])
    assert leave["x"] == [runs.T0 + 60_000, runs.T0 + 180_000]
    assert leave["y"] == [50_010.0, 50_000.0]
    assert leave["text"][1] == "trade 1: stop, net 11.20 USDT"


def test_the_page_states_the_run():
    html = page()
    for said in (
        "sma_cross on BTCUSDT",
        "2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z",
        "<b>backtest</b>",
        "<b>liquidation</b>: off",
        "-11.30 USDT",
        "under 30 days",
        "# two averages",
    ):
        assert said in html


def test_a_name_is_text_never_markup():
    hostile = "<script>alert(1)</script>"
    html = render_report(hostile, hostile, runs.run_tree(), runs.outputs(), walk(10))
    assert hostile not in html
    assert html.count("&lt;script&gt;alert(1)") == 3  # title, heading, play


def test_long_runs_are_sampled_and_say_so():
    n = 50_000
    level = 10_000 + np.cumsum(np.random.Generator(np.random.PCG64(5)).normal(0, 1, n))
    zeros = pa.array(np.zeros(n))
    equity = pa.table(
        [pa.array(runs.T0 + MINUTE * np.arange(n)), pa.array(level), zeros, zeros],
        schema=runs.tables()["equity"].schema,
    )
    html = page(n, equity=equity)
    (drawn,) = specs(html)["figure-equity"]["traces"]
    assert len(drawn["x"]) <= 2 * drawn_figures.BUCKETS + 2
    assert max(drawn["y"]) == level.max()
    assert min(drawn["y"]) == level.min()
    assert "50,000 points are drawn by the lowest and highest of 1,000 stretches" in html
    assert "50,000 bars are drawn 50 to a candle" in html


def test_short_runs_are_drawn_whole_and_say_nothing():
    assert "are drawn" not in page(500)


def test_too_many_trades_are_marked_evenly_and_the_page_says_so():
    trades = pa.concat_tables([runs.tables()["trades"]] * 2_000)
    html = page(trades=trades)
    assert "3,000 of 4,000 trades are marked, evenly spread" in html


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400), st.integers(1, 40))
def test_sampling_keeps_every_stretchs_extremes_and_both_ends(values: list[float], buckets: int):
    y = np.array(values)
    rows = extremes(y, buckets)
    assert rows[0] == 0
    assert rows[-1] == len(y) - 1
    assert np.all(np.diff(rows) > 0)
    assert len(rows) <= max(2 * buckets + 2, 1)
    assert y[rows].max() == y.max()
    assert y[rows].min() == y.min()


@pytest.mark.parametrize(("n", "buckets", "k"), [(7, 3, 3), (10, 10, 1), (11, 10, 2), (1, 5, 1)])
def test_merged_candles_span_their_bars(n: int, buckets: int, k: int):
    bars = walk(n)
    merged, found = candles(bars, buckets)
    assert found == k
    assert len(merged) <= buckets
    for i in range(len(merged)):
        part = bars[i * k : (i + 1) * k]
        assert merged.open_ms[i] == part.open_ms[0]
        assert merged.open[i] == part.open[0]
        assert merged.close[i] == part.close[-1]
        assert merged.high[i] == max(part.high)
        assert merged.low[i] == min(part.low)


def test_even_choice_keeps_both_ends():
    assert evenly(3, 5).tolist() == [0, 1, 2]
    assert evenly(9, 5).tolist() == [0, 2, 4, 6, 8]
