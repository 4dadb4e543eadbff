"""Instrument facts bundled with the project, each with its date and where it comes from.

Used when a store has no snapshot of its own for a symbol; the result says so. ``None`` stands for
what the cited source does not state: it is then not checked, except against the ledger's range.
"""

from __future__ import annotations

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
