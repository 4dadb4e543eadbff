"""Running a suite over a series: from columns, from the store, or from a snapshot.

Great Expectations takes seconds to import and is imported on first use only; it runs on an
in-memory context with analytics off, reads no network and leaves no file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.timeframe import ceil_ms
from tasks.quality.measures import Columns, candle_measures, funding_measures, mark_deviation_pct
from tasks.quality.report import ExpectationResult, QualityReport, status_of
from tasks.quality.suites import CANDLE_SUITE, FUNDING_SUITE, MARK_CHECK, SUITE_VERSION, Check
from tasks.store import Interval, Kind, Series, Snapshot, StoreWriter, intersect, under_lock
from tasks.store.rows import layout_of

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

#: Times of failing rows listed with each expectation.
EXAMPLES = 10


def check_columns(
    series: Series,
    columns: Columns,
    coverage: Sequence[Interval],
    mark: Columns | None = None,
) -> QualityReport:
    """Run a series' suite over its rows, laid out as :mod:`tasks.store.rows` says.

    ``coverage``: the intervals said to be complete, cut to the part the rows were read from.
    ``mark``: the mark candles to compare the closes with, rows of other times being ignored.
    """
    if series.kind is Kind.FUNDING:
        suite, frame = FUNDING_SUITE, funding_measures(series, columns, coverage)
    else:
        suite, frame = CANDLE_SUITE, candle_measures(series, columns, coverage)
        if mark is not None:
            suite = (*suite, MARK_CHECK)
            frame["mark_deviation_pct"] = mark_deviation_pct(columns, mark)
    results = _validate(suite, frame)
    times = columns[layout_of(series.kind).time]
    return QualityReport(
        suite="funding" if series.kind is Kind.FUNDING else "candles",
        suite_version=SUITE_VERSION,
        symbol=series.symbol,
        kind=series.kind,
        timeframe=series.timeframe_text,
        rows=len(times),
        first_ms=int(times[0]) if len(times) else None,
        last_ms=int(times[-1]) if len(times) else None,
        status=status_of(results),
        expectations=results,
    )


@under_lock
def check_stored(writer: StoreWriter, series: Series) -> QualityReport:
    """Run the suite over all stored rows of a series and record the outcome in the store."""
    columns = writer.rows(series, 0, 2**62)
    mark = Series(series.symbol, Kind.MARK, series.timeframe)
    compared = series.kind is Kind.KLINE and mark in writer.series()
    report = check_columns(
        series,
        columns,
        writer.coverage(series),
        writer.rows(mark, 0, 2**62) if compared else None,
    )
    writer.put_quality_run(series, report.suite, report.status, report.model_dump(mode="json"))
    return report


def check_snapshot(
    snapshot: Snapshot, symbol: str, kind: str, timeframe: str | None, since_ms: int, until_ms: int
) -> QualityReport:
    """Run the suite over the rows of a published window."""
    series = Series.of(symbol, kind, timeframe)
    if series.timeframe is not None:
        since_ms, until_ms = (ceil_ms(edge, series.timeframe) for edge in (since_ms, until_ms))
    columns = snapshot.columns(series, since_ms, until_ms)
    mark = Series(symbol, Kind.MARK, series.timeframe)
    compared = series.kind is Kind.KLINE and snapshot.holds(symbol, mark.kind, timeframe)
    return check_columns(
        series,
        columns,
        intersect(snapshot.coverage(symbol, kind, timeframe), [(since_ms, until_ms)]),
        snapshot.columns(mark, since_ms, until_ms) if compared else None,
    )


def _validate(suite: Sequence[Check], columns: Columns) -> tuple[ExpectationResult, ...]:
    """Run the checks with Great Expectations over a pandas frame of the columns."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas as pd
    from great_expectations import expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # Its import sets this logger to INFO; it would tell of every temporary folder.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("rows")
    definition = source.add_dataframe_asset("series").add_batch_definition_whole_dataframe("all")
    time = next(name for name in columns if name in ("open_ms", "ts_ms"))
    # The frame is indexed by time, so that failing rows are reported by it.
    frame = pd.DataFrame(dict(columns), index=columns[time])
    batch = definition.get_batch({"dataframe": frame})
    expected = [
        getattr(expectations, check.expectation)(
            **check.arguments,
            severity="critical" if check.severity == "error" else "warning",
            meta={"check": check.name},
        )
        for check in suite
    ]
    outcome = batch.validate(gx.ExpectationSuite(name="series", expectations=expected))
    found = {item.expectation_config.meta["check"]: item for item in outcome.results}
    return tuple(_result(check, found[check.name]) for check in suite)


def _result(check: Check, found: ExpectationValidationResult) -> ExpectationResult:
    if not found.success and not found.result:
        raise RuntimeError(f"expectation {check.name} could not be run: {found}")
    return ExpectationResult(
        name=check.name,
        meaning=check.meaning,
        severity=check.severity,
        passed=bool(found.success),
        unexpected=int(found.result.get("unexpected_count", 0 if found.success else 1)),
        examples_ms=tuple(
            int(at) for at in (found.result.get("partial_unexpected_index_list") or [])
        )[:EXAMPLES],
    )
