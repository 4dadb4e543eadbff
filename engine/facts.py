"""From the exchange's rows to what the metrics of a run are computed from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.exchange.codes import OrderState, Refusal
from engine.exchange.curve import EquityCurve
from engine.exchange.layout import FillRow, OrderRow, State, TradeRow
from engine.metrics import RunFacts
from engine.tables import column_values

Int64 = npt.NDArray[np.int64]


@dataclass
class Totals:
    """Sums over fills and refused entries, 1e-8 USDT; rows may be added in any pieces."""

    slippage_e8: int = 0
    turnover_e8: int = 0
    refused: dict[Refusal, int] = field(default_factory=dict)

    def add(self, fills: Int64, orders: Int64, value_e8: int) -> None:
        """Take in rows of fills and of orders; ``value_e8``: one price unit times one lot."""
        if not len(orders) and not len(fills):
            return
        away = fills[:, FillRow.PRICE_UNITS] - fills[:, FillRow.REFERENCE_UNITS]
        slipped = fills[:, FillRow.SIDE] * away * fills[:, FillRow.LOTS] * value_e8
        self.slippage_e8 += total(slipped)
        self.turnover_e8 += total(fills[:, FillRow.NOTIONAL_E8])
        refused = orders[:, OrderRow.REFUSAL][orders[:, OrderRow.STATE] == OrderState.REJECTED]
        if not len(refused):
            return
        codes, counts = np.unique(refused, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            self.refused[Refusal(code)] = self.refused.get(Refusal(code), 0) + count


def run_facts(
    state: Int64,
    rows: Int64,
    trades: pa.Table,
    totals: Totals,
    curve: EquityCurve,
    window: tuple[int, int],
    hold_return_pct: float,
) -> RunFacts:
    """The facts of a run that has ended: its state, rows and table of trades, totals and curve."""
    column = rows.T
    return RunFacts(
        since_ms=window[0],
        until_ms=window[1],
        initial_e8=int(state[State.INITIAL_E8]),
        final_e8=curve.final_e8,
        fees_e8=int(state[State.FEES_E8]),
        funding_e8=int(state[State.FUNDING_E8]),
        slippage_e8=totals.slippage_e8,
        turnover_e8=totals.turnover_e8,
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
        refused=totals.refused,
    )


def total(values: Int64) -> int:
    """The sum, exact whatever its size."""
    return sum(values.tolist())
