"""Functions, words of enums, structures and the position: what they become and of which type."""

from decimal import Decimal

import pytest

from engine.play.ast import At, Call, Literal, Param, Position, Price, Ref, Structure, Ticks, Type
from engine.play.functions import FUNCTIONS
from engine.timeframe import Timeframe

LINES = (
    "params: { n: 3, p: 2% }",
    "series:",
    "  e: ema(close, 20)",
    "  h: ema(close, 50)@1h",
    "  a: atr(14)",
    "  st: supertrend(10, 3)",
    "structures:",
    "  sw: swing(left=2, right=2)",
    "  ms: market_structure(swing=sw)",
    "  day: swing(left=2, right=2)@1d",
    "  fib: fibonacci(swing=sw, levels=[0.5, 0.618])",
    "  gaps: fair_value_gap(atr=a)",
    "  rw: rolling_window(high, size=20)",
    "setups:",
    "  b: close > e",
    "  ev: cross_above(close, e)",
)
CLOSE = Price("close")
UP = ("up", "down", "none")


def whole(n: int) -> Literal:
    return Literal(Type.INT, Decimal(n))


def field(id: str, output: str, type: Type) -> Ref:
    return Ref("structure", id, output, type)


@pytest.mark.parametrize(
    ("condition", "type"),
    [
        ("within(3, ev)", Type.BOOL),
        ("held(3, ev)", Type.BOOL),
        ("since(ev, b)", Type.BOOL),
        ("rising(close, 3)", Type.BOOL),
        ("near(close, e, 1%)", Type.BOOL),
        ("defined(e)", Type.BOOL),
        ("changed(close)", Type.EVENT),
        ("changed(b)", Type.EVENT),
        ("changed(ms.bias)", Type.EVENT),
        ("coalesce(ev, ev)", Type.EVENT),
        ("coalesce(ev, false)", Type.BOOL),
        ("if(b, ev, ev)", Type.BOOL),
        ("value_when(ev, b)", Type.BOOL),
        ("value_when(ev, ev)", Type.BOOL),
        ("ms.bos", Type.EVENT),
        ("ms.bos and b", Type.EVENT),
        ("ms.bos or b", Type.BOOL),
        ("day.new_high", Type.EVENT),
        ("sw.high_is_major", Type.BOOL),
        ("gaps.up.born", Type.EVENT),
        ("gaps.live", Type.BOOL),
        ("ms.bias == up", Type.BOOL),
        ("ms.bias in [up, none]", Type.BOOL),
        ("hour in [1, n]", Type.BOOL),
        ("st.direction == up", Type.BOOL),
    ],
)
def test_types_of_conditions(plays, condition: str, type: Type) -> None:
    assert plays.expression(condition, *LINES).type is type


@pytest.mark.parametrize(
    ("number", "type"),
    [
        ("count(3, b)", Type.INT),
        ("bars_since(b)", Type.INT),
        ("highest(close, 3)", Type.FLOAT),
        ("highest(hour, 3)", Type.INT),
        ("sum(hour, 3)", Type.INT),
        ("avg(hour, 3)", Type.FLOAT),
        ("min(hour, 3)", Type.INT),
        ("max(hour, 2.5)", Type.FLOAT),
        ("abs(hour)", Type.INT),
        ("if(b, 1, 2)", Type.INT),
        ("if(b, 1, close)", Type.FLOAT),
        ("coalesce(sw.high, close)", Type.FLOAT),
        ("value_when(ev, hour)", Type.INT),
        ("sw.version", Type.INT),
        ("sw.high_age", Type.INT),
        ("fib.level[0.618]", Type.FLOAT),
        ("gaps.up[0].age", Type.INT),
        ("gaps.up.count", Type.INT),
        ("2tick", Type.FLOAT),
    ],
)
def test_types_of_numbers(plays, number: str, type: Type) -> None:
    assert plays.expression(f"{number} > 1", *LINES).args[0].type is type


def test_counts_may_be_parameters_and_durations(plays) -> None:
    b = Ref("setup", "b", "", Type.BOOL)
    assert plays.expression("within(n, b)", *LINES).n == Param("n", whole(3))
    for written in ("4", "4 bars", "1h", "60m"):
        assert plays.expression(f"within({written}, b)", *LINES) == Call(
            "within", (b,), Type.BOOL, 4
        )


def test_rising_is_steps_held(plays) -> None:
    assert plays.expression("rising(close, 3)") == plays.expression("held(3, close > close[1])")
    assert plays.expression("falling(close, n)", *LINES) == plays.expression(
        "held(n, close < close[1])", *LINES
    )


def test_near_takes_a_percent_or_a_distance(plays) -> None:
    share = plays.expression("near(close, open, p)", *LINES)
    assert (share.op, share.args[2]) == ("near_pct", Literal(Type.FLOAT, Decimal("0.02")))
    assert plays.expression("near(close, open, 200bps)") == share
    distance = plays.expression("near(close, open, 0.5 * a)", *LINES)
    assert (distance.op, distance.args[2].op) == ("near", "mul")
    assert plays.expression("near(close, open, 2tick)").args[2] == Ticks(Decimal(2))


def test_in_is_equal_to_one_of_them(plays) -> None:
    assert plays.expression("hour in [1, 2]") == plays.expression("hour == 1 or hour == 2")
    assert plays.expression("hour in [1]") == plays.expression("hour == 1")
    assert plays.expression("hour in [1, 1]") == plays.expression("hour == 1")


def test_beside_an_enum_a_name_is_its_word_whatever_the_play_calls_by_it(plays) -> None:
    bias = field("ms", "bias", Type.ENUM)
    up = Call("eq", (bias, Literal(Type.ENUM, "up", UP)), Type.BOOL)
    assert plays.expression("ms.bias == up", *LINES) == up
    assert plays.expression("up == ms.bias", *LINES) == up
    assert plays.expression("ms.bias == up", *LINES, "  up: ms.bias == up") == up
    named = plays.expression("up and ms.bias[1] != up", *LINES, "  up: ms.bias == up")
    assert named.args[0] == Ref("setup", "up", "", Type.BOOL)
    assert named.args[1].args[0].op == "lookback"


def test_series_may_hold_an_enum(plays) -> None:
    lines = (*LINES[:5], "  bias: ms.bias", *LINES[5:])
    assert plays.expression("bias == down", *lines).args[0] == Ref("series", "bias", "", Type.ENUM)
    assert plays.expression("value_when(ev, bias) == down", *lines).op == "eq"
    assert plays.expression("coalesce(bias[1], bias) != none", *lines).op == "ne"


def test_structures_are_named_defaulted_and_keep_their_sources_by_id(plays) -> None:
    play = plays.rule("ms.bos", *LINES)
    made = dict(play.structures)
    assert set(made) == {"sw", "fib", "ms", "day", "rw", "gaps"}
    ms = made["ms"]
    assert isinstance(ms, Structure)
    assert (ms.id, ms.name) == ("ms", "market_structure")
    assert ms.sources == (("swing", Ref("structure", "sw", "", Type.MULTI)),)
    assert ms.params == (("confirm", Literal(Type.ENUM, "close")),)
    ratios = dict(made["fib"].params)["levels"]
    assert [str(literal.value) for literal in ratios] == ["0.5", "0.618"]
    assert isinstance(made["day"], At)
    assert made["day"].timeframe is Timeframe.D1
    ids = [id for id, _ in play.structures]
    assert ids.index("sw") < ids.index("ms")


def test_what_hangs_on_a_structure_has_its_timeframe(plays) -> None:
    lines = (*LINES[:-3], "  t: trend(swing=day)", "  u: trend(swing=day)@1d", *LINES[-3:])
    made = dict(plays.rule("b", *lines).structures)
    assert made["t"].timeframe is made["u"].timeframe is Timeframe.D1


def test_selections(plays) -> None:
    def first(text: str):
        return plays.expression(f"{text} > 1", *LINES).args[0]

    assert first("fib.level[0.618]") == field("fib", "level[0.618]", Type.FLOAT)
    assert first("fib.level[0.6180]") == first("fib.level[0.618]")
    back = Call("lookback", (field("fib", "level[0.618]", Type.FLOAT),), Type.FLOAT, 1)
    assert first("fib.level[0.618][1]") == back
    assert first("gaps.up[0].lower") == field("gaps", "up[0].lower", Type.FLOAT)
    assert first("gaps.down.nearest.upper") == field("gaps", "down.nearest.upper", Type.FLOAT)
    assert first("gaps.up[n].lower") == field("gaps", "up[3].lower", Type.FLOAT)
    assert first("gaps.up[0].lower[2]").n == 2
    assert first("rw") == first("rw.value") == field("rw", "value", Type.FLOAT)
    assert first("aroon(14).up[1]").op == "lookback"  # a number: nothing to select


def test_a_structure_under_a_timeframe_is_written_out_with_its_own(plays) -> None:
    under = plays.expression("(close > day.high)@1h", *LINES)
    assert isinstance(under, At)
    inside = under.expr.args[1]
    assert isinstance(inside, At)
    assert (inside.timeframe, inside.expr.id, inside.expr.output) == (Timeframe.D1, "day", "high")
    same = plays.expression("(close > day.high)@1d", *LINES)
    assert isinstance(same.expr.args[1], Structure)


def test_events_of_slower_structures_may_look_back_and_values_may_not(plays) -> None:
    assert plays.expression("day.new_high[1]", *LINES).op == "lookback"
    (issue,) = plays.refused_rule("day.high[1] > 1", *LINES)
    assert issue.code == "TIMEFRAME_MIX"
    assert plays.expression("prev(day.high, 1) > 1", *LINES).args[0].op == "lookback"


def test_windows_work_over_setups_structures_and_timeframes(plays) -> None:
    for condition in (
        "within(3, b)",
        "within(3, ms.bos)",
        "held(3, ms.bias == up)",
        "within(3, day.new_high)",
        "within(3, (close > open)@1h)",
        "(within(3, close > open))@1h",
        "count(3, gaps.up.born) > 1",
        "bars_since(ev@1h) > 3",
        "value_when(ms.bos, sw.high) > 1",
        "highest(fib.level[0.5], 3) > 1",
    ):
        assert plays.expression(condition, *LINES).type in (Type.BOOL, Type.EVENT)


@pytest.mark.parametrize(
    ("condition", "field_name", "type"),
    [
        ("position.bars > 3", "bars", Type.INT),
        ("position.side == long", "side", Type.ENUM),
        ("position.entry_price < close", "entry_price", Type.FLOAT),
        ("position.pnl_pct > 2.5", "pnl_pct", Type.FLOAT),
        ("position.r >= 2R", "r", Type.R),
    ],
)
def test_the_position_in_exit_rules(plays, condition: str, field_name: str, type: Type) -> None:
    play = plays.load("rules:", "  enter_long: close > open", f"  exit_long: {condition}")
    (exit_long,) = play.rule("exit_long")
    assert exit_long.when.args[0] == Position(field_name, type)


@pytest.mark.parametrize("name", ["cross_above", "cross_below"])
def test_r_crosses_r(plays, name: str) -> None:
    condition = f"{name}(position.r, highest(position.r, 3) - 0.5R)"
    play = plays.load("rules:", "  enter_long: close > open", f"  exit_long: {condition}")
    (exit_long,) = play.rule("exit_long")
    assert (exit_long.when.op, exit_long.when.type) == (name, Type.EVENT)
    assert [arg.type for arg in exit_long.when.args] == [Type.R, Type.R]


def test_anchored_indicators_hang_on_a_swing(plays) -> None:
    expr = plays.expression("anchored_vwap(sw).value < close", *LINES).args[0]
    assert Ref("structure", "sw", "high_version", Type.INT) in expr.inputs
    held = plays.expression("anchored_vwap(day).value@1d < close", *LINES).args[0]
    assert held.timeframe is Timeframe.D1


def test_every_function_says_how_it_is_called() -> None:
    for name, spec in FUNCTIONS.items():
        assert spec.name == name
        assert spec.form.startswith(f"{name}(")
        assert spec.summary
