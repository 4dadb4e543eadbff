"""The declarations: complete, closed, and the only source of names, bounds and defaults."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import pytest

from engine.errors import IndicatorError
from engine.indicators import INDICATORS, IndicatorSpec, ParamSpec, compute, get
from engine.indicators.spec import decay_bars
from engine.play.ast import Type
from tests.engine.indicators.driving import defaults, market, rows_of

EVERY = pytest.mark.parametrize("spec", INDICATORS.values(), ids=INDICATORS.keys())
BAR_COLUMNS = {"open", "high", "low", "close", "volume", "open_ms"}
SWING_OUTPUTS = {"high_version", "low_version", "version", "pair_version"}


def given(spec: IndicatorSpec) -> dict[str, np.ndarray]:
    return dict(zip(spec.inputs, rows_of(spec, market(80, 1)), strict=True))


def refused(spec: IndicatorSpec, **params: object) -> IndicatorError:
    with pytest.raises(IndicatorError) as caught:
        compute(spec.name, given(spec), **params)
    assert spec.name in caught.value.where
    return caught.value


@EVERY
def test_declaration_is_complete(spec: IndicatorSpec) -> None:
    assert spec.summary.endswith(".")
    assert spec.formula
    assert spec.source
    columns = {name for name in spec.inputs if "." not in name}
    assert spec.takes_source or columns <= BAR_COLUMNS
    for name in set(spec.inputs) - columns:
        structure, _, output = name.partition(".")
        assert structure in spec.structures
        assert output in SWING_OUTPUTS
    assert not set(spec.structures) & {param.name for param in spec.params}
    names = [output.name for output in spec.outputs]
    assert names
    assert len(set(names)) == len(names)
    for param in spec.params:
        assert param.default is not None, "a defaults column for every parameter"
        assert param.problem(param.default) is None
    defaults(spec)


#: The language's table: name (parameters): outputs where not just ``value``, with their types
#: where not float. A structure parameter comes first, a source is not written.
TABLE = """
sma(length) ema(length) wma(length) dema(length) tema(length) trima(length) zlma(length)
kama(length, fast, slow) alma(length, sigma, offset) hma(length) vwma(length) rma(length)
linreg(length)
rsi(length) cci(length, scale) willr(length) cmo(length) mfi(length) uo(fast, medium, slow)
stoch(k, smooth_k, d: k d) stochrsi(length, rsi_length, k, d: k d) roc(length) mom(length)
fisher(length, signal: fisher signal) tsi(fast, slow, signal: tsi signal)
adx(length: adx dmp dmn adxr) dm(length: dmp dmn) aroon(length: up down osc)
supertrend(length, multiplier: trend direction:enum long short)
psar(start, step, max: value direction:enum reversal:event) vortex(length: vip vim)
trix(length, signal: trix signal) ppo(fast, slow, signal: ppo signal histogram)
macd(fast, slow, signal: macd signal histogram)
ichimoku(conversion, base, span_b, displacement: conversion base span_a span_b lagging_ref)
atr(length) natr(length) bbands(length, std, ddof: lower middle upper bandwidth percent_b)
kc(length, scalar: lower basis upper) stddev(length, ddof) zscore(length, ddof) chop(length)
donchian(lower_length, upper_length, include_current: lower middle upper)
squeeze(bb_length, bb_std, kc_length, kc_scalar, mom_length, mom_smooth:
  sqz on:bool off:bool no_sqz:bool)
obv() cmf(length) kvo(fast, slow, signal: kvo signal) ad() adosc(fast, slow) vwap(anchor)
anchored_vwap(swing, source: value bars_since_anchor:int)
volume_profile(length, buckets, value_area:
  poc vah val poc_volume above_poc:bool in_value_area:bool)
anchored_volume_profile(swing, source, length, buckets, value_area:
  poc vah val poc_volume above_poc:bool in_value_area:bool bars_since_anchor:int)
midprice(length) heikin_ashi(: open high low close)
session_levels(: prev_day_high prev_day_low current_day_high current_day_low prev_week_high
  prev_week_low)
"""

CHOICES = {
    "vwap": {"anchor": ("D", "W", "M", "none")},
    "anchored_vwap": {"source": ("high", "low", "any", "pair")},
    "anchored_volume_profile": {"source": ("high", "low", "any", "pair")},
}


def test_names_and_types_are_those_of_the_language() -> None:
    declared = {}
    for spec in INDICATORS.values():
        given = ", ".join((*spec.structures, *(param.name for param in spec.params)))
        typed = [o.name if o.type is Type.FLOAT else f"{o.name}:{o.type}" for o in spec.outputs]
        made = "" if typed == ["value"] else ": " + " ".join(typed)
        declared[spec.name] = f"{given}{made}"
    written = dict(re.findall(r"(\w+)\(([^)]*)\)", TABLE))
    assert declared == {name: " ".join(text.split()) for name, text in written.items()}


def test_choices_and_members_are_those_of_the_language() -> None:
    for spec in INDICATORS.values():
        found = {param.name: param.choices for param in spec.params if param.choices}
        assert found == CHOICES.get(spec.name, {})
        for output in spec.outputs:
            assert output.members == (("up", "down", "none") if output.type is Type.ENUM else ())


def test_only_what_the_language_says_depends_on_history() -> None:
    """Sums from the start of history, and lines that carry their level for as long as it holds."""
    dependent = {s.name for s in INDICATORS.values() if s.depends_on_history(defaults(s))}
    assert dependent == {
        "obv", "ad", "adosc", "kvo", "psar", "supertrend", "anchored_vwap",
        "anchored_volume_profile",
    }  # fmt: skip
    vwap = get("vwap")
    assert vwap.depends_on_history(defaults(vwap, anchor="none"))


def test_registry_is_in_the_order_of_names() -> None:
    assert list(INDICATORS) == sorted(INDICATORS)
    assert all(name == spec.name for name, spec in INDICATORS.items())


@EVERY
def test_m11_unknown_parameter_is_refused_with_the_nearest(spec: IndicatorSpec) -> None:
    """Covers M11 and M4: nothing is ignored."""
    error = refused(spec, lenght=5)
    assert error.code == "PARAM_UNKNOWN"
    for param in spec.params:
        assert param.name in error.hint
        near = refused(spec, **{param.name + "x": 5})
        assert f"did you mean {param.name}?" in near.hint


@pytest.mark.parametrize(
    ("spec", "param"),
    [(spec, param) for spec in INDICATORS.values() for param in spec.params],
    ids=lambda x: x.name,
)
def test_m4_values_out_of_bounds_are_refused(spec: IndicatorSpec, param: ParamSpec) -> None:
    """Covers M4: also by the second layer, below the play loader."""
    illegal: list[object] = ["closee", None, [], math.nan, math.inf]
    if param.type in ("int", "float", "percent"):
        assert param.low is not None
        assert param.high is not None
        illegal += [param.low - Decimal("0.001"), param.high + 1, True, "20"]
        if param.type == "int":
            illegal.append(param.low + Decimal("0.5"))
    else:
        illegal += [0, 1, 2.5]
    for value in illegal:
        code = "PARAM_MISSING" if value is None else "PARAM_INVALID"
        assert refused(spec, **{param.name: value}).code == code


def test_unknown_indicator_names_the_nearest() -> None:
    with pytest.raises(IndicatorError) as caught:
        get("bband")
    assert caught.value.code == "INDICATOR_UNKNOWN"
    assert "did you mean bbands?" in caught.value.hint


def test_macd_wants_fast_below_slow() -> None:
    assert "fast must be below slow" in refused(get("macd"), fast=26, slow=12).message


@EVERY
def test_inputs_must_fit(spec: IndicatorSpec) -> None:
    good = given(spec)
    bad = [{}, {name: column.reshape(2, -1) for name, column in good.items()}]
    bad.append({name: np.array(["a"] * 80) for name in good})
    if spec.takes_source:
        bad.append({"open": good["source"], "close": good["source"]})
    elif len(good) > 1:
        last = spec.inputs[-1]
        bad.append({**good, last: good[last][:-1]})
        bad.append({name: column for name, column in good.items() if name != last})
    for inputs in bad:
        with pytest.raises(IndicatorError) as caught:
            compute(spec.name, inputs)
        assert caught.value.code == "INPUT_INVALID"


@EVERY
def test_compute_gives_every_declared_output(spec: IndicatorSpec) -> None:
    inputs = given(spec)
    kept = {name: column.copy() for name, column in inputs.items()}
    out = compute(spec.name, inputs)
    assert list(out) == [output.name for output in spec.outputs]
    for column in out.values():
        assert column.dtype == np.float64
        assert column.shape == (80,)
    assert all(np.array_equal(kept[name], inputs[name]) for name in inputs), "inputs are read only"


@EVERY
def test_compute_gives_the_outputs_asked_for_and_no_others(spec: IndicatorSpec) -> None:
    """Each alone and all but each, bit for bit as with all the others."""
    inputs = given(spec)
    every = compute(spec.name, inputs)
    for name in every:
        rest = [other for other in every if other != name]
        for chosen in ([name], rest[::-1]):
            found = compute(spec.name, inputs, outputs=chosen)
            assert list(found) == chosen
            for output, column in found.items():
                assert column.tobytes() == every[output].tobytes(), output


def test_an_unknown_output_is_refused() -> None:
    source = {"close": market(80, 1)["close"]}
    with pytest.raises(IndicatorError, match="unknown output top") as caught:
        compute("bbands", source, outputs=("middle", "top"))
    assert caught.value.code == "OUTPUT_UNKNOWN"
    assert "lower, middle, upper" in str(caught.value.hint)


@EVERY
def test_no_bars_no_outputs(spec: IndicatorSpec) -> None:
    empty = {name: np.empty(0) for name in spec.inputs}
    assert all(len(column) == 0 for column in compute(spec.name, empty).values())


def test_h2_warm_up_follows_the_stated_laws() -> None:
    """SMA L; EMA ln(1/w) (L + 1)/2; RMA ln(1/w) L; chained: the sum. ln(1000) = 6.9078."""
    bars = {
        ("sma", 50): 50,
        ("ema", 50): 177,  # 6.9078 * 25.5 = 176.15
        ("rma", 14): 97,  # 6.9078 * 14 = 96.71
        ("rsi", 14): 98,  # and the bar the first change needs
        ("atr", 14): 98,
        ("bbands", 20): 20,
    }
    for (name, length), expected in bars.items():
        spec = get(name)
        assert spec.warmup_bars(defaults(spec, length=length), 1e-3) == expected
    macd = get("macd")  # 6.9078 * 13.5 = 93.26, 6.9078 * 5 = 34.54
    assert macd.warmup_bars(defaults(macd), 1e-3) == 94 + 35


def test_decay_is_exact_at_powers() -> None:
    """An EMA whose weight is exactly reached needs no further bar; a weight is below 1."""
    assert decay_bars(10, 1e-3) == math.ceil(10 * math.log(1000))
    for weight in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(IndicatorError):
            decay_bars(10, weight)
