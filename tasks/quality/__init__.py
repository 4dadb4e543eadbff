"""Data quality: versioned Great Expectations suites over a series, and their typed report.

A failed check of severity ``error`` makes the report FAIL and keeps the data from being published,
a failed ``warning`` makes it WARN. Everything is columnar: what the library has no expectation for
(the grid, gaps against coverage, flat runs, jumps, distance from the mark) is first measured as a
column, then expected to be in bounds. May import ``engine`` and ``tasks.store``.
"""

from tasks.quality.aggregates import AggregateAudit, audit_aggregates
from tasks.quality.check import check_columns, check_snapshot, check_stored
from tasks.quality.page import render_quality, write_quality_page
from tasks.quality.report import ExpectationResult, QualityReport, Status

__all__ = [
    "AggregateAudit",
    "ExpectationResult",
    "QualityReport",
    "Status",
    "audit_aggregates",
    "check_columns",
    "check_snapshot",
    "check_stored",
    "render_quality",
    "write_quality_page",
]
