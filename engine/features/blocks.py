"""What a block says at its clock closes: rules, measures, and what waits for the position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.features.program import Truths
from engine.measures import Measure

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

#: Fields of the open position, in the order the exchange writes them.
POSITION_FIELDS = ("bars", "side", "entry_price", "pnl_pct", "r")


@dataclass(frozen=True, slots=True)
class PositionRules:
    """Exit rules that read the position: evaluated clock close by clock close, where it is known.

    ``code`` int64[k, CODE_WIDTH] is the program (:mod:`engine.features.late`) over ``F`` and ``T``,
    whose column ``lo`` is the block's first clock close; ``fields`` int64[5] the rows of ``F`` that
    take the position's ``bars side entry_price pnl_pct r`` (-1: not read; a side counts as long 0,
    short 1); ``rows`` and ``ends`` where the rules' alternatives stand (see :func:`rule_columns`);
    ``kinds`` int64[2] whether the exit rules of long and short need it.
    """

    code: Int64
    F: Float64
    T: Truths
    lo: int
    fields: Int64
    rows: Int64
    ends: Int64
    kinds: Int64


@dataclass(frozen=True, slots=True)
class ClockBlock:
    """What the rules say at a block's ``m`` clock closes; views into columns that the next block
    overwrites.

    ``close_ms`` int64[m]; ``base_index`` int64[m], the base bar of the block that closed each;
    ``truth`` uint8[4, m] and ``alternative`` int16[4, m] by rule kind: its truth, and the first
    alternative that is true (-1: none); ``measures`` float64[Measure.COUNT, m]: prices and
    distances in USDT, NaN where missing, truth values as numbers. ``position``: what is left to
    evaluate where the position is known; until then its rules count as false.
    """

    close_ms: Int64
    base_index: Int64
    truth: npt.NDArray[np.uint8]
    alternative: npt.NDArray[np.int16]
    measures: Float64
    position: PositionRules


class Scratch:
    """The arrays of a :class:`ClockBlock`, written anew for every block and always in one piece, so
    that kernels are compiled for one layout: ``truth``, ``alternative``, ``measures`` (NaN where
    nothing is written)."""

    def __init__(self) -> None:
        self._make(0)

    def _make(self, closes: int) -> None:
        self.truth = np.zeros((4, closes), np.uint8)
        self.alternative = np.full((4, closes), -1, np.int16)
        self.measures = np.full((Measure.COUNT, closes), np.nan)

    def of(self, closes: int) -> Scratch:
        """For a block of ``closes`` clock closes."""
        if self.truth.shape[1] != closes:
            self._make(closes)
        return self
