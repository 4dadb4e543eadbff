"""The quality page: reports of one run as one static HTML file that needs no network and no script.

The library's own data docs load scripts from elsewhere; this page is all there is to see, and can
be opened, mailed or printed as it lies there.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from engine.timeframe import format_ms
from tasks.quality.report import ExpectationResult, QualityReport, Status

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f5f7fa; color: #1f2933;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 6px; }
p { margin: 2px 0 10px; color: #616e7c; font-size: 13px; }
section { background: #fff; border: 1px solid #e4e7eb; border-radius: 8px; padding: 14px 16px;
  margin: 0 0 14px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-top: 1px solid #eef1f4;
  vertical-align: top; }
th { color: #52606d; font-weight: 600; border-top: 0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.PASS { color: #14532d; } .WARN { color: #8a4b08; } .FAIL { color: #7f1d1d; }
.status { font-weight: 700; }
"""


def render_quality(reports: Sequence[QualityReport], title: str) -> str:
    """The page as one HTML text; the same reports give the same text."""
    sections = "".join(map(_series, reports)) or "<section><p>Nothing had changed.</p></section>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>{_summary(reports)}{sections}</main></body></html>\n"
    )


def write_quality_page(directory: Path, run_id: str, reports: Sequence[QualityReport]) -> Path:
    """Write the page of a run under ``directory``; its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{run_id}.html"
    path.write_text(render_quality(reports, f"Data quality, run {run_id[:12]}"), encoding="utf-8")
    return path


def _summary(reports: Sequence[QualityReport]) -> str:
    counts = ", ".join(
        f"{sum(report.status is status for report in reports)} {status.value}" for status in Status
    )
    return f"<p>{len(reports)} series: {counts}. Errors keep data from being published.</p>"


def _series(report: QualityReport) -> str:
    name = f"{report.symbol} {report.kind.value} {report.timeframe}".rstrip()
    span = ""
    if report.first_ms is not None and report.last_ms is not None:
        span = f", {format_ms(report.first_ms)} to {format_ms(report.last_ms)}"
    rows = "".join(_check(check) for check in (*report.failed(), *_passed(report)))
    return (
        f'<section><h2>{escape(name)} <span class="status {report.status.value}">'
        f"{report.status.value}</span></h2>"
        f"<p>suite {escape(report.suite)} version {report.suite_version}, "
        f"{report.rows:,} rows{span}</p>"
        "<table><tr><th>check</th><th>what it asks</th><th>severity</th><th>result</th>"
        f"<th>failing rows</th><th>first at</th></tr>{rows}</table></section>"
    )


def _passed(report: QualityReport) -> list[ExpectationResult]:
    return [check for check in report.expectations if check.passed]


def _check(check: ExpectationResult) -> str:
    failed = "FAIL" if check.severity == "error" else "WARN"
    status = "PASS" if check.passed else failed
    first = format_ms(check.examples_ms[0]) if check.examples_ms else ""
    return (
        f"<tr><td>{escape(check.name)}</td><td>{escape(check.meaning)}</td>"
        f'<td>{check.severity}</td><td class="status {status}">{status}</td>'
        f'<td class="number">{check.unexpected:,}</td><td>{first}</td></tr>'
    )
