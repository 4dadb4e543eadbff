"""From the exchange's rows to what the metrics of a run are computed from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.exchange.codes import Refusal
from engine.exchange.curve import EquityCurve
from engine.exchange.layout import State, TradeRow
from engine.metrics import RunFacts
from engine.tables import column_values

Int64 = npt.NDArray[np.int64]


def run_facts(
    state: Int64,
    rows: Int64,
    trades: pa.Table,
    curve: EquityCurve,
    window: tuple[int, int],
    hold_return_pct: float,
) -> RunFacts:
    """The facts of a run that has ended: its state, rows and table of trades, and curve."""
    column = rows.T
    return RunFacts(
        since_ms=window[0],
        until_ms=window[1],
        initial_e8=int(state[State.INITIAL_E8]),
        final_e8=curve.final_e8,
        fees_e8=int(state[State.FEES_E8]),
        funding_e8=int(state[State.FUNDING_E8]),
        slippage_e8=_grown(state, State.SLIPPAGE_E8),
        turnover_e8=_grown(state, State.TURNOVER_E8),
        worst_peak_e8=int(state[State.WORST_PEAK_E8]),
        worst_trough_e8=int(state[State.WORST_TROUGH_E8]),
        longest_drawdown_ms=int(state[State.LONGEST_DRAWDOWN_MS]),
        bars_seen=int(state[State.BARS_SEEN]),
        bars_held=int(state[State.BARS_HELD]),
        hold_return_pct=hold_return_pct,
        midnights_e8=curve.at_midnights(),
        side=column[TradeRow.SIDE],
        net=column[TradeRow.GROSS_E8] - column[TradeRow.FEES_E8] + column[TradeRow.FUNDING_E8],
        gross=column[TradeRow.GROSS_E8],
        bars=column[TradeRow.BARS],
        r=column_values(trades, "r"),
        mae_pct=column_values(trades, "mae_pct"),
        mfe_pct=column_values(trades, "mfe_pct"),
        refused={code: count for code in Refusal if (count := int(state[State.REFUSED + code]))},
    )


def _grown(state: Int64, cell: int) -> int:
    """A sum of two cells (see ``engine.exchange.account.grow``)."""
    return (int(state[cell + 1]) << 60) + int(state[cell])


def total(values: Int64) -> int:
    """The sum, exact whatever its size."""
    return sum(values.tolist())
