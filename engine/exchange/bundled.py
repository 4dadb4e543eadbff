"""Instrument facts bundled with the project, each with its date and where it comes from.

Used when a store has no snapshot of its own for a symbol; the result says so. ``None`` stands for
what the cited source does not state: it is then not checked, except against the ledger's range.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_DOCS = "example response of the venue's v5 documentation, GET /v5/market/instruments-info"
_DERIVED = (
    "tick from the venue's symbol list of 2025-09; lot from the steps of recorded volumes "
    "2025-01 to 2026-07; leverage from GET /v5/market/risk-limit of 2024-08-09; min notional as "
    "documented for USDT perpetuals; maximum quantities not recorded"
)

#: Facts by symbol, in the shape of ``Instrument.from_dict``.
BUNDLED: dict[str, dict[str, Any]] = {
    "BTCUSDT": {
        "tick_size": "0.1",
        "qty_step": "0.001",
        "min_qty": "0.001",
        "max_qty": "1190",
        "max_market_qty": "500",
        "min_notional": "5",
        "max_leverage": "100",
        "leverage_step": "0.01",
        "funding_interval_min": 480,
        "valid_from_ms": 1735809771618,  # 2025-01-02, the response's own time
        "launch_ms": 1585526400000,
        "source": f"bundled: {_DOCS}",
    },
    "ETHUSDT": {
        "tick_size": "0.01",
        "qty_step": "0.01",
        "min_qty": "0.01",
        "max_qty": None,
        "max_market_qty": None,
        "min_notional": "5",
        "max_leverage": "100",
        "leverage_step": "0.01",
        "funding_interval_min": 480,
        "valid_from_ms": 1735689600000,  # 2025-01-01
        "launch_ms": None,
        "source": f"bundled: {_DERIVED}",
    },
    "SOLUSDT": {
        "tick_size": "0.01",
        "qty_step": "0.1",
        "min_qty": "0.1",
        "max_qty": None,
        "max_market_qty": None,
        "min_notional": "5",
        "max_leverage": "75",
        "leverage_step": "0.01",
        "funding_interval_min": 480,
        "valid_from_ms": 1758672000000,  # 2025-09-24
        "launch_ms": None,
        "source": f"bundled: {_DERIVED}; tick from recorded prices",
    },
    "ADAUSDT": {
        "tick_size": "0.0001",
        "qty_step": "1",
        "min_qty": "1",
        "max_qty": None,
        "max_market_qty": None,
        "min_notional": "5",
        "max_leverage": "75",
        "leverage_step": "0.01",
        "funding_interval_min": 480,
        "valid_from_ms": 1725753600000,  # 2024-09-08
        "launch_ms": None,
        "source": f"bundled: {_DERIVED}",
    },
}

#: Risk ladders by symbol, lowest tier first: position value up to (USDT) / maintenance rate /
#: largest leverage, as GET /v5/market/risk-limit answered on 2024-08-09. Deductions follow from
#: them: d_k = d_(k-1) + cap_(k-1) x (m_k - m_(k-1)).
_LADDERS = {
    "BTCUSDT": (
        "2000000/0.005/100 2600000/0.0056/90 3200000/0.0063/80 3800000/0.0067/75 "
        "4400000/0.0071/70 5000000/0.0077/65 5600000/0.0091/55 8500000/0.01/50 "
        "10000000/0.013/45 14000000/0.015/40 20000000/0.016/35 28000000/0.02/30 "
        "38000000/0.025/25 50000000/0.029/20 55000000/0.03/19 60000000/0.035/18 "
        "65000000/0.036/17 70000000/0.038/16 75000000/0.04/15 80000000/0.045/14 "
        "85000000/0.05/13 90000000/0.055/12 95000000/0.06/11 100000000/0.065/10 "
        "105000000/0.07/9 110000000/0.085/8 115000000/0.095/7 120000000/0.1/6 "
        "150000000/0.12/5 200000000/0.14/4 250000000/0.18/3 400000000/0.3/2 "
        "600000000/0.42/1.43 800000000/0.5/1.28 1200000000/0.6/1 "
    ),
    "ETHUSDT": (
        "900000/0.005/100 1200000/0.0056/90 1500000/0.0063/80 1800000/0.0067/75 "
        "2400000/0.0071/70 3200000/0.0077/65 4000000/0.0091/55 5000000/0.01/50 "
        "8000000/0.012/45 12000000/0.013/40 16000000/0.014/35 22000000/0.015/30 "
        "28000000/0.02/25 32000000/0.025/20 34000000/0.03/19 36000000/0.033/18 "
        "38000000/0.035/17 40000000/0.038/16 42000000/0.039/15 44000000/0.042/14 "
        "46000000/0.045/13 48000000/0.05/12 50000000/0.055/11 52000000/0.06/10 "
        "54000000/0.068/9 58000000/0.075/8 62000000/0.09/7 66000000/0.1/6 72000000/0.12/5 "
        "80000000/0.14/4 100000000/0.18/3 200000000/0.3/2 400000000/0.42/1.43 "
        "600000000/0.5/1.28 1000000000/0.6/1 "
    ),
    "SOLUSDT": (
        "210000/0.0065/75 230000/0.007/65 250000/0.0075/60 300000/0.008/50 350000/0.01/45 "
        "500000/0.012/40 700000/0.014/35 900000/0.0145/30 1200000/0.02/25 2000000/0.024/20 "
        "3000000/0.0278/18 4000000/0.029/17 5000000/0.0295/16 6000000/0.03/15 "
        "8000000/0.035/14 9000000/0.0385/13 10000000/0.04/12 12500000/0.045/11 "
        "15000000/0.05/10 20000000/0.055/9 25000000/0.06/8 30000000/0.07/7 35000000/0.08/6 "
        "40000000/0.1/5 60000000/0.1111/4.5 70000000/0.13/4 80000000/0.135/3.5 "
        "90000000/0.17/3 100000000/0.2/2.5 110000000/0.25/2 120000000/0.35/1.43 "
        "150000000/0.4/1.28 180000000/0.6/1 "
    ),
    "ADAUSDT": (
        "200000/0.0075/75 300000/0.01/50 500000/0.015/33.33 900000/0.02/25 1300000/0.025/20 "
        "1700000/0.03/16.67 2100000/0.035/14.29 2500000/0.04/12.5 2900000/0.045/11.11 "
        "3300000/0.05/10 3700000/0.055/9.09 4100000/0.06/8.33 4500000/0.065/7.69 "
        "4900000/0.07/7.14 5000000/0.075/6.67 7000000/0.08/6.25 9000000/0.085/5.88 "
        "11000000/0.09/5.56 13000000/0.095/5.26 15000000/0.1/5 17000000/0.105/4.76 "
        "19000000/0.11/4.55 21000000/0.115/4.35 23000000/0.12/4.17 25000000/0.125/4 "
        "27000000/0.13/3.85 29000000/0.135/3.7 31000000/0.2/2.5 33000000/0.4/1.43 "
        "35000000/0.6/1 "
    ),
}


def _ladder(symbol: str) -> list[dict[str, str]]:
    """The symbol's tiers under the venue's names."""
    rows = []
    cap = rate = deduction = Decimal(0)
    for step in _LADDERS[symbol].split():
        to, maintenance, leverage = step.split("/")
        deduction += cap * (Decimal(maintenance) - rate)
        cap, rate = Decimal(to), Decimal(maintenance)
        rows.append(
            {
                "riskLimitValue": to,
                "maintenanceMargin": maintenance,
                "mmDeduction": str(deduction),
                "maxLeverage": leverage,
            }
        )
    return rows


for _symbol, _facts in BUNDLED.items():
    _facts["risk_tiers"] = _ladder(_symbol)
