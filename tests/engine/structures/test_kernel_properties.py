"""What must hold for every registered structure, found by introspection."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.indicators import ParamSpec
from engine.play.ast import Type
from engine.structures import STRUCTURES, RatiosSpec, StructureSpec, typed
from tests.engine.indicators.driving import market, same_bits
from tests.engine.structures.driving import LIVELY, Rows, advance, rows_of, sources_of

EVERY = pytest.mark.parametrize("spec", STRUCTURES.values(), ids=STRUCTURES.keys())
PROPERTY = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
PYTHON_TYPES = {Type.FLOAT: float, Type.INT: int, Type.BOOL: bool, Type.EVENT: bool, Type.ENUM: str}
NEVER_MISSING = ("version", "count", "live", "born", "touched", "mitigated", "broken")


def lively(spec: StructureSpec, **given: object) -> tuple[float, ...]:
    return spec.resolve({**LIVELY.get(spec.name, {}), **given}, key="id")


def busy_rows(spec: StructureSpec, bars: int, seed: int) -> Rows:
    columns = market(bars, seed)
    return rows_of(spec, columns, sources_of(spec, columns))


def legal(param: ParamSpec | RatiosSpec) -> st.SearchStrategy[object]:
    """Legal values, short enough for a few hundred bars."""
    if isinstance(param, RatiosSpec):
        ratio = st.decimals(param.low, param.high, places=3)
        return st.lists(ratio, min_size=1, max_size=4, unique=True)
    if param.type == "choice":
        return st.sampled_from(param.choices)
    if param.type == "bool":
        return st.booleans()
    assert param.low is not None
    assert param.high is not None
    if param.type == "int":
        return st.integers(int(param.low), min(int(param.high), 12))
    return st.decimals(param.low, min(param.high, param.low + 3), places=3)


@st.composite
def legal_params(draw: st.DrawFn, spec: StructureSpec) -> tuple[float, ...]:
    return spec.resolve({param.name: draw(legal(param)) for param in spec.params}, key="id")


def with_gaps(rows: Rows, data: st.DataObject) -> Rows:
    """The rows with a few missing and infinite bars in every number that is not an event."""
    out = []
    for given_column in rows.columns:
        column = None if given_column is None else given_column.copy()
        if column is not None and not set(np.unique(column)) <= {0.0, 1.0, 2.0}:
            for at in data.draw(st.lists(st.integers(0, rows.bars - 1), max_size=3)):
                column[at] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
        out.append(column)
    return Rows(tuple(out))


@EVERY
@PROPERTY
@given(data=st.data())
def test_any_split_gives_the_same_bits(spec: StructureSpec, data: st.DataObject) -> None:
    """Design invariant 2, outputs and state, with gaps in the input and any absolute start."""
    rows = busy_rows(spec, data.draw(st.integers(1, 500)), data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        rows = with_gaps(rows, data)
    params = data.draw(st.one_of(st.just(lively(spec)), legal_params(spec)))
    first_bar = data.draw(st.sampled_from([0, 1, 17, 463_000]))
    cuts = data.draw(st.lists(st.integers(0, rows.bars), max_size=8))
    whole, state = advance(spec, params, rows, first_bar=first_bar)
    split, split_state = advance(spec, params, rows, cuts=cuts, first_bar=first_bar)
    assert same_bits(whole, split)
    assert same_bits(state, split_state)


@EVERY
def test_m6_bar_by_bar_is_the_batch_in_value_and_type(spec: StructureSpec) -> None:
    """Covers M6: the same typed values on every one of 2,000 bars, chunks of one bar or all."""
    rows = busy_rows(spec, 2000, 4)
    params = lively(spec)
    whole, state = advance(spec, params, rows)
    single, single_state = advance(spec, params, rows, cuts=range(1, 2000))
    assert same_bits(whole, single)
    assert same_bits(state, single_state)
    for output, batch, live in zip(spec.outputs(params), whole, single, strict=True):
        a = [typed(output, cell) for cell in batch]
        b = [typed(output, cell) for cell in live]
        assert a == b
        assert [type(value) for value in a] == [type(value) for value in b]


@EVERY
@PROPERTY
@given(data=st.data())
def test_the_future_changes_nothing(spec: StructureSpec, data: st.DataObject) -> None:
    """Design invariant 3: whatever comes after bar T, the outputs up to T stay, through the
    sources too."""
    columns = market(300, data.draw(st.integers(0, 9)))
    last = data.draw(st.integers(0, 298))
    poison = data.draw(st.sampled_from([np.nan, np.inf, -1e300, 0.0, 1e12]))
    poisoned = {name: column.copy() for name, column in columns.items()}
    for name in poisoned:
        if name != "open_ms":
            poisoned[name][last + 1 :] = poison
    params = lively(spec)
    clean, _ = advance(spec, params, rows_of(spec, columns, sources_of(spec, columns)))
    dirty, _ = advance(spec, params, rows_of(spec, poisoned, sources_of(spec, poisoned)))
    assert same_bits(clean[:, : last + 1], dirty[:, : last + 1])


@EVERY
@PROPERTY
@given(data=st.data())
def test_m10_every_output_holds_values_of_its_declared_type(
    spec: StructureSpec, data: st.DataObject
) -> None:
    """Covers M10 and M6: what a kernel emits is what is declared. The driver fails on a cell that
    was not written and on one written beside the declared rows."""
    params = data.draw(st.one_of(st.just(lively(spec)), legal_params(spec)))
    rows = busy_rows(spec, 400, data.draw(st.integers(0, 9)))
    emitted, _ = advance(spec, params, rows)
    outputs = spec.outputs(params)
    assert len({output.name for output in outputs}) == len(outputs)
    for output, column in zip(outputs, emitted, strict=True):
        present = column[~np.isnan(column)]
        assert np.isfinite(present).all()
        if output.type in (Type.BOOL, Type.EVENT):
            assert set(present) <= {0.0, 1.0}, output.name
        elif output.type is Type.INT:
            assert (present == np.round(present)).all(), output.name
            assert (present >= 0).all(), output.name
            assert (present < 2**53).all(), output.name
        elif output.type is Type.ENUM:
            assert set(present) <= set(range(len(output.members))), output.name
        else:
            assert output.type is Type.FLOAT, output.name
        if output.type is Type.EVENT or output.name.split(".")[-1] in NEVER_MISSING:
            assert len(present) == len(column), output.name
        for cell in column[-3:]:
            value = typed(output, cell)
            assert value is None or type(value) is PYTHON_TYPES[output.type]
        if output.name.endswith("_pct"):
            assert ((present >= 0) & (present <= 100)).all(), output.name
        if output.name.split(".")[-1] == "version":
            assert (np.diff(column) >= 0).all()


@EVERY
@PROPERTY
@given(data=st.data())
def test_m8_every_zone_has_width(spec: StructureSpec, data: st.DataObject) -> None:
    """Covers M8: upper > lower for every zone ever emitted, under any parameters; a zone's parts
    appear together; the events and counts of a side agree."""
    if spec.keyed_by is None:
        return
    params = data.draw(st.one_of(st.just(lively(spec)), legal_params(spec)))
    rows = busy_rows(spec, 400, data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        rows = with_gaps(rows, data)
    emitted, _ = advance(spec, params, rows)
    by_name = {o.name: c for o, c in zip(spec.outputs(params), emitted, strict=True)}
    for side in ("up", "down"):
        slots = sum(name.startswith(f"{side}[") and name.endswith(".id") for name in by_name)
        live = np.zeros(rows.bars)
        for place in [*range(slots), "nearest"]:
            zone = f"{side}[{place}]" if place != "nearest" else f"{side}.nearest"
            there = by_name[f"{zone}.live"] == 1.0
            assert (by_name[f"{zone}.upper"][there] > by_name[f"{zone}.lower"][there]).all()
            for field in ("lower", "upper", "state", "age", "touches", "fill_pct", "id"):
                assert (np.isnan(by_name[f"{zone}.{field}"]) == ~there).all(), field
            live += there if place != "nearest" else 0
        assert (live == by_name[f"{side}.count"]).all()
    assert ((by_name["up.count"] + by_name["down.count"]) == by_name["count"]).all()
    assert ((by_name["count"] > 0) == (by_name["live"] == 1.0)).all()
    born = (by_name["up.born"] + by_name["down.born"]) > 0
    grown = np.diff(by_name["version"], prepend=0) > 0
    assert (born == grown).all(), "a birth raises the version, nothing else does"


@EVERY
def test_it_is_busy_on_random_bars(spec: StructureSpec) -> None:
    """The properties above mean something: every event fires, every enum and count moves."""
    params = lively(spec)
    emitted, _ = advance(spec, params, busy_rows(spec, 2000, 4))
    one_sided = {"down"} if spec.name == "zone" else set()
    for output, column in zip(spec.outputs(params), emitted, strict=True):
        if output.name.split("[")[0].split(".")[0] in one_sided:
            continue
        assert len(np.unique(column[~np.isnan(column)])) > 1, output.name


def other_values(param: ParamSpec | RatiosSpec) -> list[object]:
    if isinstance(param, RatiosSpec):
        return [[Decimal("0.4"), Decimal("0.9")]]
    if param.type == "choice":
        return [choice for choice in param.choices if choice != param.default]
    if param.type == "bool":
        return [not param.default]
    assert isinstance(param.default, Decimal)
    assert param.low is not None
    if param.type == "int":
        return [param.default + 2, max(param.low, param.default // 2)]
    return [param.default + 2, max(param.low, param.default / 2)]


def by_name(spec: StructureSpec, given: dict[str, object], rows: Rows) -> dict[str, bytes]:
    params = spec.resolve(given, key="id")
    emitted, _ = advance(spec, params, rows)
    outputs = spec.outputs(params)
    return {o.name: column.tobytes() for o, column in zip(outputs, emitted, strict=True)}


@pytest.mark.parametrize(
    ("spec", "param"),
    [(spec, param) for spec in STRUCTURES.values() for param in spec.params],
    ids=lambda x: x.name,
)
def test_m11_every_parameter_matters(spec: StructureSpec, param: ParamSpec | RatiosSpec) -> None:
    """Covers M11: a legal value other than the default changes the outputs."""
    rows = busy_rows(spec, 2000, 4)
    base: dict[str, object] = {}
    if (spec.name, param.name) == ("swing", "atr_mult"):
        base = {"mode": "zigzag"}
    if (spec.name, param.name) == ("liquidity_zones", "history"):
        base = {"min_touches": 3}
    given = {**LIVELY.get(spec.name, {}), **base}
    plain = by_name(spec, given, rows)
    for value in other_values(param):
        changed = by_name(spec, {**given, param.name: value}, rows)
        if any(plain[name] != changed[name] for name in plain if name in changed):
            return
        if isinstance(param, RatiosSpec) and plain.keys() != changed.keys():
            return
    pytest.fail(f"{param.name} changes nothing")


@EVERY
def test_c4_readiness_is_a_count_of_bars(spec: StructureSpec) -> None:
    """Covers C4: a structure that never finds anything is as ready as any other."""
    flat = {name: np.full(60, 5.0) for name in ("open", "high", "low", "close")}
    flat["open_ms"] = np.arange(60.0)
    flat["volume"] = np.ones(60)
    params = lively(spec)
    emitted, _ = advance(spec, params, rows_of(spec, flat, sources_of(spec, flat)))
    assert 0 <= spec.first_valid(params) < 60
    assert spec.warmup_bars(params, 1e-3) == spec.first_valid(params) + 1
    for output, column in zip(spec.outputs(params), emitted, strict=True):
        if output.type is Type.EVENT:
            assert not column.any()


@EVERY
@PROPERTY
@given(data=st.data())
def test_earlier_history_changes_nothing_after_the_warm_up(
    spec: StructureSpec, data: st.DataObject
) -> None:
    """Bit-equal from the declared warm-up on, for every structure not declared to depend on
    where history begins."""
    if spec.history_dependent:
        return
    params = data.draw(legal_params(spec))
    rows = busy_rows(spec, 400, data.draw(st.integers(0, 9)))
    skipped = data.draw(st.integers(1, 200))
    whole, _ = advance(spec, params, rows)
    later, _ = advance(spec, params, rows.cut(skipped, 400), first_bar=skipped)
    warm = spec.warmup_bars(params, 1e-3) - 1
    assert same_bits(whole[:, skipped + warm :], later[:, warm:])
    assert np.isnan(later[:, :warm]).all(), "and not a bar less"


@PROPERTY
@given(left=st.integers(1, 9), right=st.integers(1, 9))
def test_c4_a_fractal_is_ready_when_its_window_is_full(left: int, right: int) -> None:
    """Covers C4: the first bar that can confirm a pivot is `first_valid`, and none before it."""
    spec = STRUCTURES["swing"]
    params = spec.resolve({"left": left, "right": right})
    high = np.array([*range(left), 50, *range(right), 0, 0], dtype=float) + 100
    out, _ = advance(spec, params, Rows((high, high * 0 + 1, None)))
    names = [output.name for output in spec.outputs(params)]
    assert np.flatnonzero(out[names.index("new_high")]).tolist() == [spec.first_valid(params)]


@EVERY
def test_outputs_nobody_wants_may_share_a_row(spec: StructureSpec) -> None:
    """A kernel never reads its outputs: one wanted output is the same beside a scratch row."""
    params = lively(spec)
    rows = busy_rows(spec, 300, 2)
    whole, _ = advance(spec, params, rows)
    given = len(rows.columns)
    for wanted in {0, len(whole) // 2, len(whole) - 1}:
        block = np.zeros((given + 2, rows.bars))
        for row, column in enumerate(rows.columns):
            if column is not None:
                block[row] = column
        outs = np.full(len(whole), given + 1)
        outs[wanted] = given
        state = np.zeros(spec.state_size(params))
        p = np.array(params)
        spec.kernel(p, state, block, np.arange(given), outs, 0, rows.bars, 0)
        assert same_bits(block[given], whole[wanted])
