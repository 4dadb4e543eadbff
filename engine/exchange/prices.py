"""Prices as integers: one pass from float64 columns to int32 units of 10^-k USDT."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from engine.bars import Bars, FloatColumn
from engine.errors import DataError
from engine.exchange.instrument import MAX_PRICE_DECIMALS, Instrument, decimals_of
from engine.jit import njit
from engine.timeframe import format_ms

Units = npt.NDArray[np.int32]

#: A price this close to a whole unit is that unit: far above a double's error, far below a unit.
_TOLERANCE = 1e-3
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PriceColumns:
    """Last, mark and index prices of the fill series, int32[n] in units of 10^-``decimals`` USDT.

    Mark and index columns are the last price's own where the run has no series of theirs.
    ``largest`` is the largest unit of all columns. ``mark_close_usdt`` float64[n]: the series that
    ``mark_close`` was made of, as it was given.
    """

    open: Units
    high: Units
    low: Units
    close: Units
    mark_open: Units
    mark_high: Units
    mark_low: Units
    mark_close: Units
    index_open: Units
    index_high: Units
    index_low: Units
    index_close: Units
    decimals: int
    largest: int
    mark_close_usdt: FloatColumn


@njit(cache=True)
def unit_of(usdt: float, scale: float) -> int:
    """A price known to be a whole number of ``1 / scale``, as that number (int64)."""
    return np.int64(np.int32(usdt * scale + 0.5))  # type: ignore[return-value]


@njit(cache=True)
def _convert(column: FloatColumn, scale: float, out: Units) -> tuple[int, int]:
    """Write ``column * scale`` as whole units; the index of the first value that is none or does
    not fit, else -1, and the largest unit."""
    bad, largest = 0, np.int32(0)
    for i in range(len(column)):
        value = column[i] * scale
        # What does not fit becomes 0.5, which is no whole unit: no branch, so a wide loop.
        inside = value if (value >= 0.0) & (value < _LARGEST) else 0.5
        unit = np.int32(inside + 0.5)
        out[i] = unit
        largest = max(largest, unit)
        bad += int(abs(inside - unit) > _TOLERANCE)
    if bad:
        for i in range(len(column)):
            if not abs(column[i] * scale - out[i]) <= _TOLERANCE:
                return i, int(largest)
    return -1, int(largest)


def price_columns(
    bars: Bars, mark: Bars | None, instrument: Instrument, index: Bars | None = None
) -> PriceColumns:
    """Convert ``bars``, ``mark`` and ``index`` (of the same bars, None for the last price).

    The unit is the finest step of tick and of all series. Raises DataError
    ``PRICE_PRECISION`` when no unit of up to 8 decimals holds every price in int32.
    """
    columns = []
    for series in (bars, mark, index):
        if series is not None:
            columns += [series.open, series.high, series.low, series.close]
    decimals = decimals_of(instrument.tick_size)
    while True:
        units, bad, largest = _all_units(columns, 10.0**decimals)
        if bad is None:
            break
        decimals += 1
        if decimals > MAX_PRICE_DECIMALS or bad[1] * 10.0**decimals >= _LARGEST:
            raise DataError(
                f"the price {bad[1]!r} of {instrument.symbol} at "
                f"{format_ms(int(bars.open_ms[bad[0]]))} is no whole number of price steps that "
                "fit the ledger",
                hint=f"the tick is {instrument.tick_size}",
                code="PRICE_PRECISION",
            )
    last = units[:4]
    of_mark = units[4:8] if mark is not None else last
    of_index = units[-4:] if index is not None else last
    names = [f.name for f in fields(PriceColumns)]
    found = dict(zip(names, [*last, *of_mark, *of_index], strict=False))
    marks = bars.close if mark is None else mark.close
    return PriceColumns(**found, decimals=decimals, largest=largest, mark_close_usdt=marks)


def _all_units(
    columns: list[FloatColumn], scale: float
) -> tuple[list[Units], tuple[int, float] | None, int]:
    # One array for all columns: large enough for the system's large pages.
    units = np.empty((len(columns), len(columns[0])), np.int32)
    largest = 0
    for column, out in zip(columns, units, strict=True):
        bad, top = _convert(column, scale, out)
        if bad >= 0:
            return [], (int(bad), float(column[bad])), 0
        largest = max(largest, int(top))
    return list(units), None, largest
