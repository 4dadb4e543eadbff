"""Windows and memory over the open position, in both doors.

Expected values by hand, and against the slow evaluation of :mod:`tests.naive`, which keeps lists.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Engine, Execution, Instrument, RunConfig, loads_play
from engine.backtest import Result
from engine.bars import Bars
from engine.errors import ConfigError
from engine.features import compile_features
from engine.play.model import Play
from engine.timeframe import Timeframe
from tests.engine.exchange.test_example_trades import engine_lines
from tests.engine.features.samples import make_bars
from tests.engine.markets import HOUR, T0, dataset, flat_bars
from tests.engine.test_backtest import READS_THE_POSITION, always, assert_parity, hourly, plain, run
from tests.naive.golden import Market
from tests.naive.plays import Evaluation, Holding
from tests.naive.trade_lists import oracle_lines

BTC = Instrument.default("BTCUSDT")


# -- by hand -----------------------------------------------------------------------------------

#: Bought at close 0 and held; the profits of closes 1 on, in percent of the price paid, 100.
PROFITS = [0, 1, 3, 2, 2, -1, 0, 4, 4, 1]


def true_at(condition: str) -> list[int]:
    """The closes, of a position bought at close 0 and held over PROFITS, at which ``condition``
    holds. The four bars up to the entry close at 100."""
    text = always(f"enter_long: close < 0, exit_long: '{condition}'", stop="{ price: 1% }")
    closes = [100.0] * 4 + [100.0 + profit for profit in PROFITS]
    bars = flat_bars(closes)
    engine = Engine(loads_play(text), BTC, "1h")
    engine.advance(bars[slice(0, 4)])
    engine.apply([bought(4)])
    decisions = engine.advance(bars[slice(4, len(closes))])
    return [i for i, decision in enumerate(decisions, 1) if decision.action == "exit_long"]


def bought(at: int) -> Execution:
    return Execution(T0 + at * HOUR, "buy", Decimal(1), Decimal(100), Decimal(99))


@pytest.mark.parametrize(
    ("condition", "closes"),
    [
        # 0 1 3 2 2 -1 0 4 4 1; a window that reaches before the first close is missing.
        ("highest(position.pnl_pct, 3) > 2.5", [3, 4, 5, 8, 9, 10]),
        ("lowest(position.pnl_pct, 2) < 0.5", [2, 6, 7, 8]),
        ("sum(position.pnl_pct, 3) > 6.5", [5, 9, 10]),
        ("avg(position.pnl_pct, 3) > 2.1", [5, 9, 10]),
        ("position.pnl_pct < highest(position.pnl_pct, 4) - 2.5", [6, 10]),
        ("highest(position.bars, 10) > 9", [10]),
        # A step is between two closes of the position: the first is that from close 1 to 2.
        ("rising(position.pnl_pct, 2)", [3, 8]),
        ("falling(position.pnl_pct, 1)", [4, 6, 10]),
        # Kleene: one true is enough to be within; held needs all, and knows of none before.
        ("within(3, position.pnl_pct > 2.5)", [3, 4, 5, 8, 9, 10]),
        ("held(3, position.pnl_pct > 0.5)", [4, 5, 10]),
        ("not held(3, position.pnl_pct > 0.5)", [1, 2, 3, 6, 7, 8, 9]),
        ("not within(3, position.pnl_pct > 2.5)", [6, 7]),
        # Null where one of the three closes is.
        ("count(3, position.pnl_pct > 1.5) < 2", [3, 7, 8]),
        # Memory without end: null until it was true while this position was held.
        ("bars_since(position.pnl_pct > 2.5) >= 3", [6, 7]),
        ("value_when(position.pnl_pct < 0, position.bars) > 0", [6, 7, 8, 9, 10]),
        ("since(position.pnl_pct < 0, position.pnl_pct > 2.5)", [6, 7]),
        ("not since(position.pnl_pct < 0, position.pnl_pct > 2.5)", [3, 4, 5, 8, 9, 10]),
        ("value_when(position.pnl_pct > 2.5, position.bars > 5)", [8, 9, 10]),
        # What does not hang on the position is known before it, as in a look-back.
        ("held(3, position.bars > 2 or close < 101)", [1, 5, 6, 7, 8, 9, 10]),
        ("bars_since(position.pnl_pct > 2.5 or close < 100.5) == 2", [5]),
        ("not since(position.pnl_pct > 3.5, close < 100.5)", [1, 2, 3, 4, 5, 6, 7]),
        # Flat, the side is none, and everything else missing.
        ("within(2, position.side == none)", [1]),
        ("count(4, position.side == long) == 2", [2]),
        ("defined(position.bars[2])", [3, 4, 5, 6, 7, 8, 9, 10]),
        # R: a stop at 99 makes profit in percent profit in R.
        ("cross_above(position.r, 2.5R)", [3, 8]),
        ("cross_below(position.r, 0.5R)", [6]),
        ("position.r <= highest(position.r, 3) - 2R", [6, 7, 10]),
        ("cross_above(1R, lowest(position.r, 2))", [6]),
        # Windows of windows.
        ("highest(lowest(position.pnl_pct, 2), 2) > 1.5", [4, 5, 6, 9, 10]),
        ("held(2, bars_since(position.pnl_pct > 2.5) > 0)", [5, 6, 7]),
    ],
)
def test_by_hand(condition: str, closes: list[int]):
    assert true_at(condition) == closes


def exits_of(result: Result) -> list[int]:
    """The closes at which an exit was decided, by their bar's number."""
    return [
        (row["ts_ms"] - T0) // HOUR - 1
        for row in result.decisions.to_pylist()
        if "exit" in row["action"]
    ]


def test_a_window_does_not_see_the_position_before():
    """Sold once the profit is 1 below its highest of two closes, and bought again in the same
    instant while the close is 100 or more. Bought at 100: profits 0, 2, 1 (sold at close 4, bought
    at 101); -0.99 (close 5: the 1 before was the other's), -2.97 (sold at close 6)."""
    closes = [100.0, 100.0, 100.0, 102.0, 101.0, 100.0, 98.0, 98.0, 98.0]
    rule = "exit_long: 'position.pnl_pct <= highest(position.pnl_pct, 2) - 1'"
    result = run(loads_play(always(f"enter_long: close >= 100, {rule}")), hourly(closes), plain())
    assert exits_of(result) == [4, 6]


def test_memory_does_not_recall_the_position_before():
    """Left two closes after the profit was last above 1.5. Bought at 100: 2 at close 2, left at
    close 4 and bought again at 100 in the same instant; that one sees no such profit until close 7
    and is left at close 9."""
    closes = [100.0, 100.0, 102.0, 100.0, 100.0, 100.0, 100.0, 102.0, 101.0, 100.0, 100.0]
    rule = "exit_long: 'bars_since(position.pnl_pct > 1.5) == 2'"
    result = run(loads_play(always(f"enter_long: close > 0, {rule}")), hourly(closes), plain())
    assert exits_of(result) == [4, 9]


def test_a_part_that_leaves_does_not_begin_the_window_anew():
    """Half is sold at a profit of 1, the rest at the third close above it."""
    rules = """\
rules:
  enter_long: close > 0
  exit_long:
    - { id: rest, when: "count(3, position.pnl_pct > 0.5) == 3" }
    - { id: half, when: "position.pnl_pct > 0.5", close: 50% }
"""
    text = always().replace("rules: { enter_long: close > 0 }\n", rules)
    closes = [100.0, 100.0, 101.0, 101.0, 101.0, 101.0]
    result = run(loads_play(text), hourly(closes), plain())
    left = [((row["ts_ms"] - T0) // HOUR - 1, row["rule"]) for row in result.decisions.to_pylist()
            if "exit" in row["action"]]  # fmt: skip
    assert left[:2] == [(2, "half"), (4, "rest+enter_long")]


def test_an_indicator_over_the_position_is_refused_by_name():
    text = always("enter_long: close > 0, exit_long: 'ema(position.pnl_pct, 5) > 1'")
    with pytest.raises(ConfigError, match=r"ema over a field of the position is not built"):
        compile_features(loads_play(text), Timeframe.H1)


# -- any condition -----------------------------------------------------------------------------

BARS_BACK = st.integers(1, 6)
THRESHOLDS = st.sampled_from(["-0.37", "0.013", "0.41", "2.2"])
OF_R = st.sampled_from(
    [
        "position.r > 0.37R",
        "cross_above(position.r, 0.41R)",
        "position.r < highest(position.r, 3)[1]",
        "sum(position.r, 2) < -0.777R",
        "rising(position.r, 2)",
        "position.side == long",
        "position.side[1] == none",
    ]
)


def numbers(depth: int) -> st.SearchStrategy[str]:
    fields = st.sampled_from(["position.pnl_pct", "position.bars", "(close - 100.3)"])
    if depth == 0:
        return fields
    x, e, n = numbers(depth - 1), truths(depth - 1), BARS_BACK
    return st.one_of(
        st.builds("{}({}, {})".format, st.sampled_from(["highest", "lowest"]), x, n),
        st.builds("{}[{}]".format, fields, n),
        st.builds("value_when({}, {})".format, e, x),
        st.builds("coalesce({}, {})".format, x, fields),
        st.builds("count({}, {})".format, n, e),
        st.builds("bars_since({})".format, e),
        fields,
    )


def truths(depth: int) -> st.SearchStrategy[str]:
    if depth == 0:
        return st.one_of(OF_R, st.builds("({} > {})".format, numbers(0), THRESHOLDS))
    x, e, n = numbers(depth - 1), truths(depth - 1), BARS_BACK
    return st.one_of(
        st.builds("({} > {})".format, x, x),
        st.builds("({}({}, {}) < {})".format, st.sampled_from(["sum", "avg"]), x, n, THRESHOLDS),
        st.builds("{}({}, {})".format, st.sampled_from(["within", "held"]), n, e),
        st.builds("({} {} {})".format, e, st.sampled_from(["and", "or"]), truths(0)),
        st.builds("(not {})".format, e),
        st.builds("({})[{}]".format, e, n),
        st.builds("since({}, {})".format, e, truths(0)),
        st.builds("value_when({}, {})".format, truths(0), e),
        st.builds("cross_above({}, {})".format, x, numbers(0)),
        st.builds("changed({})".format, x),
        truths(0),
    )


#: A window always stands outside, so that no example does without.
CONDITIONS = st.one_of(
    st.builds("{}({}, {})".format, st.sampled_from(["within", "held"]), BARS_BACK, truths(2)),
    st.builds("bars_since({}) > 1".format, truths(2)),
    st.builds("highest({}, {}) > {}".format, numbers(2), BARS_BACK, THRESHOLDS),
)


MINUTES = 150
CLOCK = 3
#: Fills by the bar before which they are told, in milli-BTC: from flat, or what is held, to any
#: other; half of it, more of it, the other side.
SCRIPTS = st.lists(
    st.tuples(st.integers(4, MINUTES - 1), st.sampled_from([-2, -1, 0, 1, 2])), max_size=12
)


class Told:
    """A script as both sides read it: what the engine is told, and what is held after it."""

    def __init__(self, steps: list[tuple[int, int]], bars: Bars) -> None:
        self.events: dict[int, list[Execution]] = {}
        self.held: dict[int, Holding] = {}
        lots, holding = 0, Holding()
        for at, after in sorted(dict(steps).items()):
            before, lots = lots, after
            # More of the same side would change the mean price: the oracle keeps to one.
            if after == before or (after * before > 0 and abs(after) > abs(before)):
                lots = before
                continue
            side = (after > 0) - (after < 0)
            price = float(bars.close[at - 1])
            stop = price - 0.75 * side
            self.events[at] = [
                Execution(
                    int(bars.open_ms[at]), "buy" if after > before else "sell",
                    Decimal(abs(after - before)) / 1000, Decimal(price), Decimal(stop),
                )
            ]  # fmt: skip
            if after * before <= 0:
                holding = Holding(side, price, at // CLOCK - 1, 0.75) if side else Holding()
            self.held[at] = holding

    def at_close(self, i: int) -> Holding:
        known = [at for at in self.held if at < CLOCK * (i + 1)]
        return self.held[max(known)] if known else Holding()


def rules(condition: str) -> Play:
    return loads_play(
        "version: 1\nname: told\nmarket: BTCUSDT\nclock: 3m\n"
        f"rules:\n  enter_long: close < 0\n  exit_long: '{condition}'\n"
        f"  enter_short: close < 0\n  exit_short: '{condition}'\n"
        "risk: { size: { qty: 1 }, stop: { price: 1% } }\n"
    )


def told_apart(
    play: Play, bars: Bars, told: Told, cuts: set[int], renewed: set[int]
) -> tuple[list[str], str]:
    """The engine's actions and its last state, over pieces that end at ``cuts``, and through its
    snapshot before each bar of ``renewed``."""
    engine, actions = Engine(play, BTC), []
    edges = sorted({0, len(bars), *cuts, *renewed, *told.events})
    for lo, hi in pairwise(edges):
        if lo in renewed:
            engine = Engine.restore(engine.snapshot())
        engine.apply(told.events.get(lo, []))
        actions += [decision.action for decision in engine.advance(bars[slice(lo, hi)])]
    return actions, engine.state_hash


@settings(max_examples=150)
@given(CONDITIONS, SCRIPTS, st.integers(0, 5), st.data())
def test_the_engine_told_of_fills_decides_as_lists_do(
    condition: str, steps: list[tuple[int, int]], seed: int, data: Any
):
    play, bars = rules(condition), make_bars(MINUTES, seed)
    told = Told(steps, bars)
    evaluation, expected = Evaluation(play, bars, BTC.tick_size), []
    for i in range(MINUTES // CLOCK):
        holding = told.at_close(i)
        fired = {side: evaluation.first(f"exit_{side}", i, holding) for side in ("long", "short")}
        side = {1: "long", -1: "short"}.get(holding.side)
        expected.append(f"exit_{side}" if side and fired[side] else "none")
    places = st.sets(st.integers(1, MINUTES - 1), max_size=6)
    whole = told_apart(play, bars, told, set(), set())
    assert whole[0] == expected
    assert told_apart(play, bars, told, data.draw(places), data.draw(places)) == whole
    assert told_apart(play, bars, told, set(range(MINUTES)), set()) == whole


@settings(max_examples=12)
@given(CONDITIONS, st.integers(1, 900))
def test_both_doors_decide_alike_however_bars_are_cut(condition: str, block_bars: int):
    play = loads_play(READS_THE_POSITION.format(exit=f'"{condition}"'))
    held = dataset(4)
    whole = assert_parity(play, held)
    cut = run(play, held, RunConfig(equity=1_000_000), block_bars=block_bars, events=True)
    assert cut.leaves == whole.leaves


@pytest.mark.parametrize(
    "condition",
    [
        "position.pnl_pct < highest(position.pnl_pct, 12) - 0.25",
        "held(4, position.r < highest(position.r, 6)[1])",
        "bars_since(position.pnl_pct > 0.15) >= 5 or position.bars > 40",
        "since(cross_below(close, ema(close, 20)), position.r > 0.2R) and position.bars > 2",
        "count(8, position.pnl_pct < 0) >= 6 or avg(position.pnl_pct, 5) > 0.4",
    ],
)
def test_trades_are_those_of_the_slow_evaluation_on_the_oracle(condition: str, tmp_path: Path):
    file = tmp_path / "minded.yml"
    file.write_text(READS_THE_POSITION.format(exit=f'"{condition}"'), "utf-8")
    market = Market("mixed", "BTCUSDT", 4, 3)
    lines = engine_lines(file, market, Decimal(10_000))
    assert sum("exit_rule" in line for line in lines if line.startswith("trade")) > 3
    assert lines == oracle_lines(file, market, Decimal(10_000))
