"""Every function of the language against a naive reading of what it means, over random bars.

The oracle below evaluates one bar at a time, in plain Python, from all bars so far: ``None`` is a
missing number or an unknown truth. It knows nothing of columns, windows kept, or blocks.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.errors import PlayError
from engine.play.ast import Call, Expr, Literal, Price, Ticks
from engine.play.functions import FUNCTIONS
from tests.engine.features.samples import TICK, features_of, make_bars, play_of, truths

TO_TRUTH = {False: 0, None: 1, True: 2}


class Oracle:
    """The value of an expression on bar ``i``, by definition."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.known: dict[tuple[Expr, int], object] = {}

    def at(self, expr: Expr, i: int):
        if i < 0:
            return None
        if (expr, i) not in self.known:
            self.known[expr, i] = self.evaluated(expr, i)
        return self.known[expr, i]

    def evaluated(self, expr: Expr, i: int):
        match expr:
            case Literal():
                return expr.value if isinstance(expr.value, bool) else float(expr.value)
            case Ticks():
                return float(expr.count * TICK)
            case Price():
                return float(getattr(self.bars, expr.name)[i])
        assert isinstance(expr, Call)
        return getattr(self, f"_{expr.op}", self._plain)(expr, i)

    def window(self, expr: Call, i: int) -> list:
        n = expr.n if isinstance(expr.n, int) else int(expr.n.value)
        return [self.at(expr.args[-1], j) for j in range(i - n + 1, i + 1)]

    def _plain(self, expr: Call, i: int):
        values = [self.at(arg, i) for arg in expr.args]
        if any(value is None for value in values):
            return None
        done = {
            "add": lambda a, b: a + b,
            "sub": lambda a, b: a - b,
            "mul": lambda a, b: a * b,
            "div": lambda a, b: a / b if b else None,
            "neg": lambda a: -a,
            "abs": abs,
            "min": min,
            "max": max,
            "lt": lambda a, b: a < b,
            "le": lambda a, b: a <= b,
            "gt": lambda a, b: a > b,
            "ge": lambda a, b: a >= b,
            "eq": lambda a, b: a == b,
            "ne": lambda a, b: a != b,
            "near": lambda a, b, t: None if t < 0 else abs(a - b) <= t,
            "near_pct": lambda a, b, f: None if b == 0 else abs(a - b) <= f * abs(b),
            "not": lambda a: not a,
        }[expr.op](*values)
        return None if isinstance(done, float) and not math.isfinite(done) else done

    def _and(self, expr: Call, i: int):
        values = [self.at(arg, i) for arg in expr.args]
        return False if False in values else None if None in values else True

    def _or(self, expr: Call, i: int):
        values = [self.at(arg, i) for arg in expr.args]
        return True if True in values else None if None in values else False

    def _lookback(self, expr: Call, i: int):
        return self.at(expr.args[0], i - expr.n)

    def _cross_above(self, expr: Call, i: int):
        a, b = expr.args
        four = [self.at(a, i), self.at(b, i), self.at(a, i - 1), self.at(b, i - 1)]
        return None if None in four else four[2] <= four[3] and four[0] > four[1]

    def _cross_below(self, expr: Call, i: int):
        a, b = expr.args
        four = [self.at(a, i), self.at(b, i), self.at(a, i - 1), self.at(b, i - 1)]
        return None if None in four else four[2] >= four[3] and four[0] < four[1]

    def _changed(self, expr: Call, i: int):
        two = [self.at(expr.args[0], i), self.at(expr.args[0], i - 1)]
        return None if None in two else two[0] != two[1]

    def _within(self, expr: Call, i: int):
        values = self.window(expr, i)
        return True if True in values else None if None in values else False

    def _held(self, expr: Call, i: int):
        values = self.window(expr, i)
        return False if False in values else None if None in values else True

    def _count(self, expr: Call, i: int):
        values = self.window(expr, i)
        return None if None in values else float(values.count(True))

    def _last(self, expr: Expr, i: int) -> int | None:
        return next((j for j in range(i, -1, -1) if self.at(expr, j) is True), None)

    def _bars_since(self, expr: Call, i: int):
        last = self._last(expr.args[0], i)
        return None if last is None else float(i - last)

    def _since(self, expr: Call, i: int):
        a, b = (self._last(arg, i) for arg in expr.args)
        return None if b is None else a is not None and a > b

    def _value_when(self, expr: Call, i: int):
        last = self._last(expr.args[0], i)
        return None if last is None else self.at(expr.args[1], last)

    def _highest(self, expr: Call, i: int):
        values = self.window(expr, i)
        return None if None in values else max(values)

    def _lowest(self, expr: Call, i: int):
        values = self.window(expr, i)
        return None if None in values else min(values)

    def _sum(self, expr: Call, i: int):
        values = self.window(expr, i)
        return None if None in values else math.fsum(values)

    def _avg(self, expr: Call, i: int):
        values = self.window(expr, i)
        return None if None in values else math.fsum(values) / len(values)

    def _coalesce(self, expr: Call, i: int):
        return next((v for arg in expr.args if (v := self.at(arg, i)) is not None), None)

    def _defined(self, expr: Call, i: int):
        return self.at(expr.args[0], i) is not None

    def _if(self, expr: Call, i: int):
        c, a, b = (self.at(arg, i) for arg in expr.args)
        return None if c is None else a if c else b


def numbers() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(["close", "open", "high", "volume", "2", "0.5", "1tick"])
    n = st.sampled_from([1, 2, 3, 5])
    changing = "(close + ({}))"
    return st.recursive(
        leaves,
        lambda x: st.one_of(
            st.tuples(x, st.sampled_from("+-*/"), x).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
            x.map(lambda a: f"abs({a})"),
            x.map(lambda a: f"-({a})"),
            st.tuples(st.sampled_from(["min", "max", "coalesce"]), x, x, x).map(
                lambda t: f"{t[0]}({t[1]}, {t[2]}, {t[3]})"
            ),
            st.tuples(st.sampled_from(["highest", "lowest", "prev"]), x, n).map(
                lambda t: f"{t[0]}({changing.format(t[1])}, {t[2]})"
            ),
            # Dyadic numbers, so that no rounding decides a comparison.
            st.tuples(st.sampled_from(["sum", "avg"]), st.sampled_from([1, 2, 4, 128])).map(
                lambda t: f"{t[0]}(high - volume, {t[1]})"
            ),
            st.tuples(x, x, x, x).map(lambda t: f"if({t[0]} < {t[1]}, {t[2]}, {t[3]})"),
            st.tuples(x, x).map(lambda t: f"value_when(close > ({t[0]}), close - ({t[1]}))"),
            st.tuples(x, n).map(lambda t: f"count({t[1]}, close / ({t[0]}) > 1)"),
            x.map(lambda a: f"bars_since(close < ({a}))"),
        ),
        max_leaves=5,
    )


def conditions() -> st.SearchStrategy[str]:
    n = st.sampled_from([1, 2, 4])
    x = numbers()
    leaves = st.one_of(
        st.tuples(x, st.sampled_from(["<", "<=", ">", ">="]), x).map(
            lambda t: f"(volume / close * ({t[0]})) {t[1]} ({t[2]})"
        ),
        st.tuples(st.sampled_from(["cross_above", "cross_below"]), x, x).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
        st.tuples(x, x).map(lambda t: f"near({t[0]}, {t[1]}, 1%)"),
        st.tuples(x, x, x).map(lambda t: f"near({t[0]}, {t[1]}, {t[2]})"),
        x.map(lambda a: f"changed(close - ({a}))"),
        x.map(lambda a: f"defined(close / ({a}))"),
        st.tuples(st.sampled_from(["rising", "falling"]), x, n).map(
            lambda t: f"{t[0]}(close - ({t[1]}), {t[2]})"
        ),
    )
    return st.recursive(
        leaves,
        lambda e: st.one_of(
            st.tuples(e, st.sampled_from(["and", "or"]), e).map(
                lambda t: f"({t[0]}) {t[1]} ({t[2]})"
            ),
            e.map(lambda a: f"not ({a})"),
            st.tuples(st.sampled_from(["within", "held"]), n, e).map(
                lambda t: f"{t[0]}({t[1]}, {t[2]})"
            ),
            st.tuples(e, e).map(lambda t: f"since({t[0]}, {t[1]})"),
            st.tuples(e, e).map(lambda t: f"value_when({t[0]}, {t[1]})"),
            st.tuples(e, e, e).map(lambda t: f"if({t[0]}, {t[1]}, {t[2]})"),
            st.tuples(e, e).map(lambda t: f"coalesce({t[0]}, {t[1]})"),
            st.tuples(e, n).map(lambda t: f"({t[0]})[{t[1]}]"),
            st.tuples(e, e).map(lambda t: f"(({t[0]}) == ({t[1]}))"),
        ),
        max_leaves=4,
    )


BARS = make_bars(150, seed=3)


def agree(condition: str) -> None:
    try:
        play = play_of(condition)
    except PlayError:
        assume(False)
    (rule,) = play.rule("enter_long")
    oracle = Oracle(BARS)
    expected = [TO_TRUTH[oracle.at(rule.when, i)] for i in range(len(BARS))]
    assert truths(play, BARS) == expected


@given(conditions())
@settings(max_examples=60)
def test_every_function_means_what_the_oracle_says(condition: str) -> None:
    agree(condition)


@pytest.mark.full
@pytest.mark.timeout(3600)
@given(conditions())
@settings(max_examples=3000)
def test_every_function_means_what_the_oracle_says_in_full(condition: str) -> None:
    agree(condition)


@given(conditions(), st.lists(st.integers(0, 150), max_size=5), st.integers(1, 64))
@settings(max_examples=40)
def test_any_split_with_snapshots_between_gives_the_same_bits(
    condition: str, cuts: list[int], capacity: int
) -> None:
    try:
        play = play_of(condition)
    except PlayError:
        assume(False)
    whole = features_of(play)
    expected = whole.advance(BARS, 0, len(BARS)).truth[2].tolist()
    ends = sorted({*cuts, len(BARS)})
    parts, lo = [], 0
    features = features_of(play, capacity=capacity)
    for end in ends:
        while lo < end:
            hi = min(lo + capacity, end)
            parts.extend(features.advance(BARS, lo, hi).truth[2].tolist())
            lo = hi
        again = features_of(play, capacity=capacity)
        again.restore(features.state())
        features = again
    assert parts == expected
    assert features.state() == whole.state()


@given(conditions(), st.integers(1, 149))
@settings(max_examples=30)
def test_nothing_before_a_bar_depends_on_what_follows(condition: str, at: int) -> None:
    try:
        play = play_of(condition)
    except PlayError:
        assume(False)
    poisoned = make_bars(150, seed=99)
    columns = {
        name: np.r_[getattr(BARS, name)[:at], getattr(poisoned, name)[at:]]
        for name in ("open_ms", "open", "high", "low", "close", "volume")
    }
    assert truths(play, Bars(**columns))[:at] == truths(play, BARS)[:at]


# -- truth tables ------------------------------------------------------------------------------

#: An expression that is false, unknown or true on every bar: volume is never below 0.
F, N, T = "volume < 0", "0 / (volume - volume) > 1", "volume >= 0"
KLEENE = [(F, 0), (N, 1), (T, 2)]


@pytest.mark.parametrize(("a", "x"), KLEENE)
@pytest.mark.parametrize(("b", "y"), KLEENE)
def test_kleene_tables(a: str, x: int, b: str, y: int) -> None:
    few = make_bars(4)
    null_if_either = 1 if 1 in (x, y) else 2 * (x == y)
    for condition, value in (
        (f"({a}) and ({b})", min(x, y)),
        (f"({a}) or ({b})", max(x, y)),
        (f"not ({a})", 2 - x),
        (f"({a}) == ({b})", null_if_either),
        (f"({a}) != ({b})", 1 if null_if_either == 1 else 2 - null_if_either),
        (f"coalesce({a}, {b})", x if x != 1 else y),
        (f"defined({a})", 2 * (x != 1)),
        (f"if({a}, {b}, volume >= 0)", {0: 2, 1: 1, 2: y}[x]),
        (f"if({a}, 1, 0) == 1", {0: 0, 1: 1, 2: 2}[x]),
        (f"within(2, {a})", x),
        (f"held(2, {a})", x),
    ):
        assert truths(play_of(condition), few)[-1] == value, condition


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("within(3, volume >= 0)", [2, 2, 2, 2]),  # one true is enough, whatever came before
        ("within(3, volume < 0)", [1, 1, 0, 0]),  # before history it is unknown
        ("held(3, volume >= 0)", [1, 1, 2, 2]),
        ("held(3, volume < 0)", [0, 0, 0, 0]),
        ("count(2, volume >= 0) == 2", [1, 2, 2, 2]),
        ("bars_since(volume < 0) >= 0", [1, 1, 1, 1]),
        ("bars_since(volume >= 0) == 0", [2, 2, 2, 2]),
        ("coalesce(bars_since(volume < 0), 9999) == 9999", [2, 2, 2, 2]),
        ("since(volume >= 0, volume < 0)", [1, 1, 1, 1]),  # b never fired
        ("since(volume < 0, volume >= 0)", [0, 0, 0, 0]),
        ("since(volume >= 0, volume >= 0)", [0, 0, 0, 0]),  # on the same bar is not after
        ("changed(close)[1] or volume >= 0", [2, 2, 2, 2]),
        ("defined(close[2])", [0, 0, 2, 2]),
        ("near(close, close, 0)", [2, 2, 2, 2]),
        ("between(volume, 5, volume - 1)", [0, 0, 0, 0]),  # bounds the wrong way round
        ("near(close, close, 0 - volume - 1)", [1, 1, 1, 1]),  # a negative tolerance
        ("near(volume - volume, volume - volume, 5%)", [1, 1, 1, 1]),  # percent of 0
        ("weekday == 0 and hour == 0", [2, 2, 2, 2]),
        ("close > 1 and close + 2tick - close == 1", None),
    ],
)
def test_what_is_missing(condition: str, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(PlayError, match="never exactly equal"):
            play_of(condition)
        return
    assert truths(play_of(condition), make_bars(4)) == expected


def test_every_function_is_written_in_a_test_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FUNCTIONS if f'"{name}' not in text and f"{name}(" not in text] == []
