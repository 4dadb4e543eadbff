"""What must hold for every registered indicator, found by introspection."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.indicators import INDICATORS, IndicatorSpec, ParamSpec
from engine.play import project_indicators
from engine.play.ast import Type
from tests.engine.indicators.driving import (
    HOUR_MS,
    advance,
    defaults,
    market,
    same_bits,
    shifted,
)

CUSTOM = Path(__file__).parents[3] / "plays" / "custom"
#: The built-in ones and those of the example project: what holds for one holds for the other.
SPECS = {**INDICATORS, **{name: own.spec for name, own in project_indicators(CUSTOM).items()}}
EVERY = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def legal(param: ParamSpec) -> st.SearchStrategy[object]:
    """Legal values of a parameter, lengths short enough for a few hundred bars."""
    if param.type == "choice":
        return st.sampled_from(param.choices)
    if param.type == "bool":
        return st.booleans()
    low, high = param.low, param.high
    assert low is not None
    assert high is not None
    if param.type == "int":
        return st.integers(int(low), min(int(high), 90))
    return st.decimals(low, min(high, low + 5), places=2)


@st.composite
def legal_params(draw: st.DrawFn, spec: IndicatorSpec) -> tuple[float, ...]:
    values = {param.name: draw(legal(param)) for param in spec.params}
    raw = tuple(p.as_float(values[p.name]) for p in spec.params)
    if spec.rule is not None and spec.rule(raw) is not None:
        return defaults(spec)
    return spec.resolve(values)


def gaps(columns: dict[str, np.ndarray], data: st.DataObject) -> dict[str, np.ndarray]:
    """The columns with a few missing and infinite values."""
    out = {name: column.copy() for name, column in columns.items()}
    for name in out:
        if name != "open_ms":
            for at in data.draw(st.lists(st.integers(0, len(out[name]) - 1), max_size=3)):
                out[name][at] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return out


@EVERY
@PROPERTY
@given(data=st.data())
def test_any_split_gives_the_same_bits(spec: IndicatorSpec, data: st.DataObject) -> None:
    """Design invariant 2, outputs and state, with gaps in the input and any absolute start."""
    bars = data.draw(st.integers(1, 700))
    columns = market(bars, data.draw(st.integers(0, 99)))
    if data.draw(st.booleans()):
        columns = gaps(columns, data)
    params = data.draw(legal_params(spec))
    first_bar = data.draw(st.sampled_from([0, 1, 17, 463_000]))
    cuts = data.draw(st.lists(st.integers(0, bars), max_size=8))
    whole, state = advance(spec, params, columns, first_bar=first_bar)
    split, split_state = advance(spec, params, columns, cuts=cuts, first_bar=first_bar)
    assert same_bits(whole, split)
    assert same_bits(state, split_state)


@EVERY
def test_bar_by_bar_is_the_batch(spec: IndicatorSpec) -> None:
    columns = market(300, 4)
    whole, state = advance(spec, defaults(spec), columns)
    single, single_state = advance(spec, defaults(spec), columns, cuts=range(1, 300))
    assert same_bits(whole, single)
    assert same_bits(state, single_state)


@EVERY
@PROPERTY
@given(data=st.data())
def test_the_future_changes_nothing(spec: IndicatorSpec, data: st.DataObject) -> None:
    """Design invariant 3: whatever comes after bar T, the outputs up to T stay."""
    columns = market(300, data.draw(st.integers(0, 99)))
    params = data.draw(legal_params(spec))
    last = data.draw(st.integers(0, 298))
    poison = data.draw(st.sampled_from([np.nan, np.inf, -1e300, 0.0, 1e12]))
    poisoned = {name: column.copy() for name, column in columns.items()}
    for name in poisoned:
        if name != "open_ms":
            poisoned[name][last + 1 :] = poison
    clean, _ = advance(spec, params, columns)
    dirty, _ = advance(spec, params, poisoned)
    assert same_bits(clean[:, : last + 1], dirty[:, : last + 1])


def finite_window(spec: IndicatorSpec, params: tuple[float, ...]) -> bool:
    return spec.warmup_bars(params, 1e-3) == spec.warmup_bars(params, 1e-12)


@EVERY
@PROPERTY
@given(data=st.data())
def test_earlier_history_changes_nothing_after_the_warm_up(
    spec: IndicatorSpec, data: st.DataObject
) -> None:
    """Bit-equal for finite windows; for exponential averages the seed has lost its weight.

    The tolerance for a weight w is 1000 w of the output's range: the declared bars are counted
    from the first bar, the seed itself takes up to ``length`` of them (a factor e to e^2 per
    average in a chain).
    """
    params = data.draw(legal_params(spec))
    if spec.depends_on_history(params):
        return
    columns = market(2500, data.draw(st.integers(0, 99)))
    skipped = data.draw(st.integers(1, 300))
    whole, _ = advance(spec, params, columns)
    later, _ = advance(spec, params, shifted(columns, skipped), first_bar=skipped)
    if finite_window(spec, params):
        warm = max(spec.warmup_bars(params, 1e-3) - 1, spec.warmup_ms(params) // HOUR_MS)
        assert same_bits(whole[:, skipped + warm :], later[:, warm:])
        return
    for weight in (1e-6, 1e-9):
        warm = spec.warmup_bars(params, weight)
        a, b = whole[:, skipped + warm :], later[:, warm:]
        for left, right in zip(a, b, strict=True):
            assert np.array_equal(np.isnan(left), np.isnan(right))
            both = ~np.isnan(left)
            if both.any():
                reach = np.ptp(left[both]) + 1e-9
                assert np.max(np.abs(left[both] - right[both])) <= 1000 * weight * reach


@EVERY
@PROPERTY
@given(data=st.data())
def test_first_valid_is_where_every_output_begins(spec: IndicatorSpec, data: st.DataObject) -> None:
    """But for what is declared undefined at times: that is ready, and may begin later (C4)."""
    params = data.draw(legal_params(spec))
    first = spec.first_valid(params)
    columns = market(first + 200, data.draw(st.integers(0, 99)), lively=True)
    out, _ = advance(spec, params, columns)
    if first > 0:
        assert np.isnan(out[:, first - 1]).any()
    starts = [np.argmax(~np.isnan(row)) if (~np.isnan(row)).any() else len(row) for row in out]
    always = [start for start, o in zip(starts, spec.outputs, strict=True) if not o.undefined]
    assert max(always, default=first) == first
    assert max(starts) >= first
    assert spec.warmup_bars(params, 1e-3) >= first + 1


@EVERY
def test_a_leading_gap_only_postpones(spec: IndicatorSpec) -> None:
    """Missing input before the first value is the same as starting later: same bits."""
    if spec.inputs != ("source",):
        return
    columns = market(400, 8)
    late = {name: column.copy() for name, column in columns.items()}
    late["close"][:37] = np.nan
    out, _ = advance(spec, defaults(spec), late)
    short, _ = advance(spec, defaults(spec), shifted(columns, 37), first_bar=37)
    assert np.isnan(out[:, :37]).all()
    assert same_bits(out[:, 37:], short)


def other_values(param: ParamSpec) -> list[object]:
    if param.type == "choice":
        return [choice for choice in param.choices if choice != param.default]
    if param.type == "bool":
        return [not param.default]
    assert isinstance(param.default, Decimal)
    assert param.low is not None
    assert param.high is not None
    if param.type == "int":
        near = [param.default - 1, param.default + 1, param.default + 7]
    else:
        near = [param.default / 2, param.default * 2, (param.low + param.default) / 2]
    return [v for v in near if param.low <= v <= param.high and v != param.default]


@pytest.mark.parametrize(
    ("spec", "param"),
    [(spec, param) for spec in SPECS.values() for param in spec.params],
    ids=lambda x: x.name,
)
def test_m11_every_parameter_matters(spec: IndicatorSpec, param: ParamSpec) -> None:
    """Covers M11: a legal value other than the default changes the output.

    The swing falls silent half-way, so that an anchor grows older than any default length.
    """
    columns = market(1200, 3)
    for name in columns:
        if name.startswith("swing."):
            columns[name][400:] = columns[name][400]
    plain, _ = advance(spec, defaults(spec), columns)
    values = other_values(param)
    assert values
    for value in values:
        params = tuple(p.as_float(value if p is param else p.default) for p in spec.params)
        if spec.rule is None or spec.rule(params) is None:
            changed, _ = advance(spec, spec.resolve({param.name: value}), columns)
            assert not same_bits(plain, changed), f"{param.name}={value}"


@EVERY
def test_outputs_are_of_their_declared_type(spec: IndicatorSpec) -> None:
    """Bool and event 0 or 1, an enum the place of a member, an int whole."""
    out, _ = advance(spec, defaults(spec), market(900, 6))
    for output, column in zip(spec.outputs, out, strict=True):
        seen = set(column[~np.isnan(column)].tolist())
        assert seen
        if output.type in (Type.BOOL, Type.EVENT):
            assert seen <= {0.0, 1.0}
        elif output.type is Type.ENUM:
            assert seen <= set(range(len(output.members)))
        elif output.type is Type.INT:
            assert all(value.is_integer() for value in seen)
        else:
            assert output.type is Type.FLOAT


@EVERY
def test_finite_output_or_missing(spec: IndicatorSpec) -> None:
    """No infinity leaves a kernel, whatever enters it."""
    for value in (0.0, -1.0, 1e308, 5e-324):
        columns = market(200, 5)
        for name in columns:
            if name != "open_ms":
                columns[name][60:] = value
        out, _ = advance(spec, defaults(spec), columns)
        assert not np.isinf(out).any()


@pytest.mark.full
@EVERY
@pytest.mark.parametrize(
    "stated",
    [
        test_any_split_gives_the_same_bits,
        test_the_future_changes_nothing,
        test_earlier_history_changes_nothing_after_the_warm_up,
        test_first_valid_is_where_every_output_begins,
    ],
    ids=lambda test: test.__name__,
)
def test_many_examples(spec: IndicatorSpec, stated: Callable[..., None]) -> None:
    many = settings(PROPERTY, max_examples=250)
    many(given(data=st.data())(stated.hypothesis.inner_test))(spec=spec)
