"""Exit rules that read the position: evaluated at a clock close, by the one evaluator."""

from __future__ import annotations

import math

from engine.cells import Cells
from engine.exchange.layout import Param, State
from engine.exchange.margin import E8
from engine.features.late import evaluate_late
from engine.features.program import rule_columns
from engine.jit import njit
from engine.kernel import Float64, Int16, Int64, UInt8, wide

_LONG, _SHORT = 0.0, 1.0


@njit(cache=True)
def _fields(S: Cells, P: Cells, close: int) -> tuple[float, float, float, float, float]:
    """``bars side entry_price pnl_pct r`` of the open position at the last price ``close``.

    :meth:`engine.position.Position.fields` is the same, bit for bit.
    """
    side, cost = S[State.SIDE], float(S[State.COST_E8])
    step_e8 = P[Param.VALUE_E8] * (E8 // P[Param.UNIT_E8])
    profit = float(side * (S[State.LOTS] * close * P[Param.VALUE_E8] - S[State.COST_E8]))
    entry = cost / (float(S[State.LOTS]) * float(step_e8))
    risk = math.nan
    if S[State.RISK_E8] > 0:
        risk = S[State.RISK_E8] * (float(S[State.LOTS]) / float(S[State.ORIGINAL_LOTS]))
    return (
        float(S[State.TRADE_BARS]),
        _LONG if side > 0 else _SHORT,
        entry,
        100.0 * profit / cost,
        profit / risk,
    )


@njit(cache=True)
def judge_position(
    S: Cells,
    P: Cells,
    code: Int64,
    F: Float64,
    T: UInt8,
    lo: int,
    fields: Int64,
    rule_rows: Int64,
    rule_ends: Int64,
    truth: UInt8,
    alternative: Int16,
    j: int,
    close: int,
) -> None:
    """Evaluate the rules at clock close ``j`` with the position as it stands there; ``truth`` and
    ``alternative`` of that close are written."""
    at = lo + j
    values = _fields(S, P, wide(close))
    for k in range(5):
        if fields[k] >= 0:
            F[fields[k], at] = values[k]
    evaluate_late(code, F, T, at, S[State.TRADE_BARS] == 1)
    rule_columns(
        T, rule_rows, rule_ends, at, at + 1, truth[:, j : j + 1], alternative[:, j : j + 1]
    )
