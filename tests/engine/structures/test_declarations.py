"""The declarations: complete, closed, and the only source of names, bounds and defaults."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from engine.errors import StructureError
from engine.indicators import ParamSpec
from engine.structures import STRUCTURES, RatiosSpec, StructureSpec, compute, get
from tests.engine.indicators.driving import market
from tests.engine.structures.driving import LIVELY, sources_of

EVERY = pytest.mark.parametrize("spec", STRUCTURES.values(), ids=STRUCTURES.keys())
PARAMS = [(spec, param) for spec in STRUCTURES.values() for param in spec.params]
BARS = market(80, 1)

#: The thirteen structures of the language and the outputs it names for each.
NAMED = {
    "swing": "high low high_age low_age new_high new_low version high_version low_version "
    "high_significance low_significance high_is_major low_is_major last_pivot pair_high pair_low "
    "pair_high_age pair_low_age pair_direction pair_version",
    "trend": "direction strength bars_in_trend wave_count last_wave last_hh last_hl last_lh "
    "last_ll version",
    "market_structure": "bias bos choch bos_direction choch_direction last_bos_level "
    "last_choch_level last_bos_age last_choch_age break_high break_low version",
    "fibonacci": "level[0.5] anchor_high anchor_low range anchor_direction version",
    "zone": "lower upper state age touches",
    "rolling_window": "value",
    "derived_zone": "",
    "displacement": "fired direction body_ratio wick_ratio last_age version",
    "fair_value_gap": "",
    "order_block": "",
    "liquidity_zones": "sweep sweep_side swept_level nearest_high nearest_low touches",
    "premium_discount": "zone equilibrium premium_level discount_level depth_pct version",
    "breaker_block": "",
}
ZONES = [
    "zone",
    "derived_zone",
    "fair_value_gap",
    "order_block",
    "liquidity_zones",
    "breaker_block",
]


def refused(spec: StructureSpec, **params: object) -> StructureError:
    with pytest.raises(StructureError) as caught:
        compute(spec.name, BARS, sources_of(spec, BARS), **params)
    assert spec.name in caught.value.where
    return caught.value


def names(spec: StructureSpec) -> list[str]:
    return [output.name for output in spec.outputs(spec.resolve({}))]


def test_the_thirteen_structures_in_the_order_of_names() -> None:
    assert list(STRUCTURES) == sorted(NAMED)
    assert all(name == spec.name for name, spec in STRUCTURES.items())


@EVERY
def test_declaration_is_complete(spec: StructureSpec) -> None:
    assert spec.summary.endswith(".")
    assert spec.rules.endswith(".")
    assert spec.source
    assert set(spec.inputs) <= {"open", "high", "low", "close"}
    for param in spec.params:
        assert param.default is not None, "a defaults column for every parameter"
        assert param.problem(param.default) is None
    for source in spec.sources:
        if source.structure:
            of = get(source.structure)
            emitted = names(of)
            rows = source.rows(emitted)
            assert rows
            assert set(rows) <= set(emitted)


@EVERY
def test_m10_the_named_outputs_are_declared(spec: StructureSpec) -> None:
    """Covers M10: the outputs the language names, among them those once left out."""
    declared = names(spec)
    assert set(NAMED[spec.name].split()) <= set(declared)
    assert len(set(declared)) == len(declared)
    if spec.name in ZONES:
        fields = ["lower", "upper", "state", "age", "touches"]
        for side in ("up", "down"):
            assert {f"{side}[0].{f}" for f in fields} <= set(declared)
            assert {f"{side}.nearest.{f}" for f in fields} <= set(declared)
            events = ["count", "born", "touched", "mitigated", "broken"]
            assert {f"{side}.{e}" for e in events} <= set(declared)
        assert {"live", "count"} <= set(declared)


def test_keep_slots_are_declared() -> None:
    spec = get("fair_value_gap")
    outputs = [o.name for o in spec.outputs(spec.resolve({"keep": 2}))]
    assert "up[1].lower" in outputs
    assert "up[2].lower" not in outputs


def test_levels_are_named_by_their_decimal() -> None:
    spec = get("fibonacci")
    levels = [Decimal("0.50"), Decimal("1.0"), Decimal("0.618"), Decimal("-0.27"), 0]
    outputs = [o.name for o in spec.outputs(spec.resolve({"levels": levels}))]
    assert outputs[:5] == ["level[0.5]", "level[1]", "level[0.618]", "level[-0.27]", "level[0]"]


@pytest.mark.parametrize(
    "levels", [[], "0.5", [0.5, Decimal("0.50")], [True], [math.nan], [11], [None], [0.1] * 17]
)
def test_m4_unusable_levels_are_refused(levels: object) -> None:
    assert refused(get("fibonacci"), levels=levels).code == "PARAM_INVALID"


@EVERY
def test_m11_unknown_parameter_is_refused_with_the_nearest(spec: StructureSpec) -> None:
    """Covers M11 and M4: nothing is ignored."""
    error = refused(spec, lenght=5)
    assert error.code == "PARAM_UNKNOWN"
    for param in spec.params:
        assert param.name in error.hint
        assert f"did you mean {param.name}?" in refused(spec, **{param.name + "x": 5}).hint


@pytest.mark.parametrize(("spec", "param"), PARAMS, ids=lambda x: x.name)
def test_m4_values_out_of_bounds_are_refused(
    spec: StructureSpec, param: ParamSpec | RatiosSpec
) -> None:
    """Covers M4: also by the second layer, below the play loader."""
    illegal: list[object] = ["clsoe", None, [], math.nan, math.inf]
    if isinstance(param, ParamSpec) and param.type in ("int", "float", "percent"):
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


def test_unknown_structure_names_the_nearest() -> None:
    with pytest.raises(StructureError) as caught:
        get("swings")
    assert caught.value.code == "STRUCTURE_UNKNOWN"
    assert "did you mean swing?" in caught.value.hint


@EVERY
def test_sources_must_be_the_named_ones(spec: StructureSpec) -> None:
    params = LIVELY.get(spec.name, {})
    good = sources_of(spec, BARS)
    for source in spec.sources:
        without = {name: given for name, given in good.items() if name != source.name}
        if not source.required:
            compute(spec.name, BARS, without, **params)
        else:
            with pytest.raises(StructureError) as caught:
                compute(spec.name, BARS, without, **params)
            assert caught.value.code == "SOURCE_MISSING"
            assert source.name in caught.value.message
        wrong: object = BARS["close"] if source.structure else {"value": BARS["close"]}
        with pytest.raises(StructureError) as caught:
            compute(spec.name, BARS, {**good, source.name: wrong}, **params)
        assert caught.value.code == "INPUT_INVALID"
        if source.structure:
            with pytest.raises(StructureError) as caught:
                compute(spec.name, BARS, {**good, source.name: {"hihg": BARS["close"]}}, **params)
            assert caught.value.code == "INPUT_INVALID"
    with pytest.raises(StructureError) as caught:
        compute(spec.name, BARS, {**good, "swng": BARS["close"]}, **params)
    assert caught.value.code == "SOURCE_UNKNOWN"


@pytest.mark.parametrize(
    ("name", "source", "params"),
    [
        ("swing", "atr", {"mode": "zigzag"}),
        ("swing", "atr", {"min_move_atr": 1}),
        ("fibonacci", "trend", {"anchor": "trend"}),
        ("fair_value_gap", "atr", {"min_gap_atr": 1}),
    ],
)
def test_a_source_the_parameters_need_must_be_given(
    name: str, source: str, params: dict[str, object]
) -> None:
    sources = {k: v for k, v in sources_of(get(name), BARS).items() if k != source}
    with pytest.raises(StructureError) as caught:
        compute(name, BARS, sources, **params)
    assert caught.value.code == "SOURCE_MISSING"
    assert f"{source} is missing: " in caught.value.message


@EVERY
def test_columns_must_fit(spec: StructureSpec) -> None:
    sources = sources_of(spec, BARS)
    bad = []
    for name in spec.inputs:
        bad.append({k: v for k, v in BARS.items() if k != name})
        bad.append({**BARS, name: BARS[name].reshape(2, -1)})
        bad.append({**BARS, name: np.array(["a"] * 80)})
        bad.append({**BARS, name: BARS[name][:-1]} if len(spec.inputs) > 1 else {})
    for columns in bad:
        with pytest.raises(StructureError) as caught:
            compute(spec.name, columns, sources)
        assert caught.value.code == "INPUT_INVALID"


@EVERY
def test_compute_gives_every_declared_output(spec: StructureSpec) -> None:
    out = compute(spec.name, BARS, sources_of(spec, BARS))
    assert list(out) == names(spec)
    for column in out.values():
        assert column.dtype == np.float64
        assert column.shape == (80,)
