"""The quality page: one static file, everything on it, nothing fetched from anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tasks.quality import check_columns, render_quality, write_quality_page
from tasks.store import Series
from tests.tasks.store.samples import HOUR, MINUTE, T0, candles

KLINE = Series.of("BTCUSDT", "kline", "1m")
COVERED = [(T0, T0 + 50 * MINUTE)]


class Reader(HTMLParser):
    """What a page refers to, and the text of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_no_network_and_no_script(tmp_path: Path) -> None:
    good, bad = candles(50), candles(50)
    bad["volume"][7] = -1.0
    reports = [check_columns(KLINE, rows, COVERED) for rows in (good, bad)]
    path = write_quality_page(tmp_path / "quality", "run-1", reports)
    text = path.read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.references == []
    assert reader.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not re.search(r"https?:|@import|url\(", text)
    assert "2 series: 1 PASS, 0 WARN, 1 FAIL" in text
    assert "volume_possible" in text
    assert "2026-01-01T00:07:00Z" in text
    assert render_quality(reports, "t") == render_quality(reports, "t")


def test_failed_checks_come_first() -> None:
    rows = candles(50)
    rows["low"][3] = -1.0
    text = render_quality([check_columns(KLINE, rows, COVERED)], "t")
    assert text.index("prices_positive") < text.index("rows_present")


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (None, set()),
        (("value", -0.5), {"interest_possible"}),
        (("value", np.nan), {"value_known"}),
        (("ts_ms", T0 + 4 * HOUR + 1), {"on_grid", "covered_rows_present"}),
    ],
)
def test_open_interest_has_a_suite_of_its_own(
    change: tuple[str, float] | None, failed: set[str]
) -> None:
    series = Series.of("BTCUSDT", "open_interest", "1h")
    rows = {"ts_ms": T0 + HOUR * np.arange(30), "value": np.arange(30) + 1.0}
    if change is not None:
        rows[change[0]][4] = change[1]
    report = check_columns(series, rows, [(T0, T0 + 30 * HOUR)])
    assert {check.name for check in report.failed()} == failed
    assert report.suite == "open_interest"
