"""Names, types and time in expressions: what conditions mean, and which have no meaning."""

from decimal import Decimal

import pytest

from engine.play.ast import At, Call, Indicator, Literal, Param, Price, Ref, Type
from engine.timeframe import Timeframe

SERIES = (
    "params: { n: 3, f: 2.5, p: 2%, r: 2R, d: 1h, on_off: true }",
    "series:",
    "  e: ema(close, 20)",
    "  h: ema(close, 50)@1h",
    "  bb: bbands(close, 20, std=2)",
    "  steps: n * 2",
    "setups:",
    "  b: close > e",
    "  ev: cross_above(close, e)",
)

CLOSE, OPEN = Price("close"), Price("open")


def number(text: str, type: Type = Type.INT) -> Literal:
    return Literal(type, Decimal(text))


def gt(a, b) -> Call:
    return Call("gt", (a, b), Type.BOOL)


def ema(source, length) -> Indicator:
    return Indicator("ema", (source,), (("length", length),), "value", Type.FLOAT)


# -- meaning ---------------------------------------------------------------------------------


def test_names_resolve_to_prices_params_series_and_setups(plays) -> None:
    assert plays.expression("close > open") == gt(CLOSE, OPEN)
    assert plays.expression("close > n", *SERIES) == gt(CLOSE, Param("n", number("3")))
    e = Ref("series", "e", "", Type.FLOAT)
    assert plays.expression("close > e", *SERIES) == gt(CLOSE, e)
    assert plays.expression("b", *SERIES) == Ref("setup", "b", "", Type.BOOL)
    assert plays.expression("ev", *SERIES) == Ref("setup", "ev", "", Type.EVENT)


def test_an_indicator_name_may_be_an_id_too(plays) -> None:
    play = plays.rule("rsi > 70", "series:", "  rsi: rsi(close, 14)")
    assert play.rule("enter_long")[0].when.args[0] == Ref("series", "rsi", "", Type.FLOAT)


def test_arguments_are_named_defaulted_and_in_declared_order(plays) -> None:
    written = plays.expression("macd(close, signal=5, fast=8).histogram > 0").args[0]
    assert written == Indicator(
        "macd",
        (CLOSE,),
        (("fast", number("8")), ("slow", number("26")), ("signal", number("5"))),
        "histogram",
        Type.FLOAT,
    )


def test_indicators_without_a_source_read_the_declared_prices(plays) -> None:
    atr = plays.expression("atr(7) > 1").args[0]
    assert atr.inputs == (Price("high"), Price("low"), Price("close"))
    assert atr.params == (("length", number("7")),)


def test_series_chain(plays) -> None:
    play = plays.rule("s > 50", "series:", "  s: sma(rsi(close, 14), 5)")
    (_, expr) = play.series[0]
    assert expr.name == "sma"
    assert expr.inputs[0].name == "rsi"


def test_a_float_parameter_given_an_int_is_the_same_number(plays) -> None:
    whole = plays.expression("bbands(close, 20, std=2).upper > 1")
    point = plays.expression("bbands(close, 20, std=2.0).upper > 1")
    assert whole == point


def test_members_select_outputs(plays) -> None:
    upper = Ref("series", "bb", "upper", Type.FLOAT)
    assert plays.expression("close > bb.upper", *SERIES) == gt(CLOSE, upper)
    assert plays.expression("close > e.value", *SERIES) == plays.expression("close > e", *SERIES)
    held = plays.expression("close > bbands(close, 20)@1h.upper")
    assert held == plays.expression("close > bbands(close, 20).upper@1h")


def test_chains_and_between_are_joined_comparisons(plays) -> None:
    inside = Call(
        "and",
        (
            Call("le", (number("1"), CLOSE), Type.BOOL),
            Call("le", (CLOSE, number("9")), Type.BOOL),
        ),
        Type.BOOL,
    )
    assert plays.expression("1 <= close <= 9") == inside
    assert plays.expression("between(close, 1, 9)") == inside


def test_and_or_are_flat_in_order(plays) -> None:
    flat = plays.expression("(close > 1 and close > 2) and (close > 3 and close > 4)")
    assert flat.op == "and"
    assert [arg.args[1].value for arg in flat.args] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("written", "factor"),
    [("close + 2%", "1.02"), ("close - 2%", "0.98"), ("close + 50bps", "1.005")],
)
def test_percent_added_to_a_number_scales_it(plays, written: str, factor: str) -> None:
    expr = plays.expression(f"{written} > open").args[0]
    assert expr == Call("mul", (CLOSE, number(factor, Type.FLOAT)), Type.FLOAT)


def test_percent_times_a_number_is_a_float(plays) -> None:
    share = number("0.02", Type.FLOAT)
    expected = Call("mul", (share, CLOSE), Type.FLOAT)
    assert plays.expression("2% * close > 1").args[0] == expected
    assert plays.expression("p * close > 1", *SERIES).args[0] == expected


def test_look_back_counts_clock_bars(plays) -> None:
    assert plays.expression("close[3] > 1").args[0] == Call("lookback", (CLOSE,), Type.FLOAT, 3)
    assert plays.expression("close[0] > 1").args[0] == CLOSE
    param = Param("n", number("3"))
    back = Call("lookback", (CLOSE,), Type.FLOAT, param)
    assert plays.expression("close[n] > 1", *SERIES).args[0] == back
    for spelling in ("prev(close, 4)", "prev(close, 4 bars)", "prev(close, 1h)", "prev(close, d)"):
        assert plays.expression(f"{spelling} > 1", *SERIES).args[0].n == 4


def test_at_a_slower_timeframe_takes_the_whole_expression(plays) -> None:
    held = plays.expression("(close > open)@1h")
    assert held == At(gt(CLOSE, OPEN), Timeframe.H1, Type.BOOL)
    previous = plays.expression("close > close[1]@1h").args[1]
    back = Call("lookback", (CLOSE,), Type.FLOAT, 1)
    assert previous == At(back, Timeframe.H1, Type.FLOAT)


def test_names_under_at_are_written_out(plays) -> None:
    by_name = plays.expression("e@1h > 1", *SERIES).args[0]
    assert by_name == At(ema(CLOSE, number("20")), Timeframe.H1, Type.FLOAT)
    setup = plays.expression("b@4h", *SERIES)
    assert setup == At(gt(CLOSE, ema(CLOSE, number("20"))), Timeframe.H4, Type.BOOL)


def test_at_the_clock_itself_is_nothing(plays) -> None:
    assert plays.expression("e@15m > 1", *SERIES) == plays.expression("e > 1", *SERIES)


def test_prev_looks_back_over_held_values_in_clock_bars(plays) -> None:
    h = Ref("series", "h", "", Type.FLOAT)
    back = plays.expression("prev(h, 2) > 1", *SERIES).args[0]
    assert back == Call("lookback", (h,), Type.FLOAT, 2)


def test_a_mixed_expression_is_not_held(plays) -> None:
    """``close > h`` changes with the clock although h is held, so it may look back."""
    assert plays.expression("(close > h)[1]", *SERIES).op == "lookback"


# -- types -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "type"),
    [
        ("b", Type.BOOL),
        ("ev", Type.EVENT),
        ("ev and b", Type.EVENT),
        ("b and ev", Type.EVENT),
        ("ev and ev", Type.EVENT),
        ("ev or ev", Type.EVENT),
        ("ev or b", Type.BOOL),
        ("b or b", Type.BOOL),
        ("not ev", Type.BOOL),
        ("not b", Type.BOOL),
        ("ev[1]", Type.EVENT),
        ("ev@1h", Type.EVENT),
        ("b@1h", Type.BOOL),
        ("close > 1", Type.BOOL),
        ("cross_below(close, e)", Type.EVENT),
        ("n == 3", Type.BOOL),
        ("n * 2 != 3", Type.BOOL),
        ("p < 3%", Type.BOOL),
        ("p < 300bps", Type.BOOL),
        ("r > 1R", Type.BOOL),
        ("on_off", Type.BOOL),
        ("true", Type.BOOL),
    ],
)
def test_condition_types(plays, condition: str, type: Type) -> None:
    assert plays.expression(condition, *SERIES).type is type


@pytest.mark.parametrize(
    ("number_expression", "type"),
    [
        ("n + 1", Type.INT),
        ("n * n", Type.INT),
        ("n / 2", Type.FLOAT),
        ("n + 0.5", Type.FLOAT),
        ("f * n", Type.FLOAT),
        ("close - open", Type.FLOAT),
        ("-n", Type.INT),
        ("-close", Type.FLOAT),
        ("n + 1%", Type.FLOAT),
    ],
)
def test_number_types(plays, number_expression: str, type: Type) -> None:
    assert plays.expression(f"{number_expression} > 0", *SERIES).args[0].type is type


def test_equality_with_a_constant_truth_value_is_the_value(plays) -> None:
    b = plays.expression("b", *SERIES)
    assert plays.expression("b == true", *SERIES) == b
    assert plays.expression("true == b", *SERIES) == b
    assert plays.expression("b != false", *SERIES) == b
    assert plays.expression("b == false", *SERIES) == plays.expression("not b", *SERIES)
    assert plays.expression("ev == true", *SERIES) == plays.expression("ev", *SERIES)


@pytest.mark.parametrize(
    "condition",
    [
        "close == 5",  # equality of floats
        "close != open",
        "n == 3.0",
        "b == 1",  # a truth value and a number
        "b == n",
        "b > 1",
        "b + 1 > 2",
        "-b > 1",
        "not close",
        "close and b",
        "b or e",
        "close",  # a number as a condition
        "2%",
        "close > 2%",  # percent and price
        "n < p",
        "close > 2R",
        "r > 2",
        "2% + close > 1",
        "close / 2% > 1",
        "close * r > 1",
        "p * p > 1",
        "close > 1h",
        "d > 1",
        "cross_above(b, e)",
        "cross_above(close, 2%)",
        "between(b, 1, 2)",
        "5[1] > 2",  # constants
        "prev(n, 2) > 1",
        "n@1h > 1",
        "ema(b, 20) > 1",
        "ema(5, 20) > 1",
        "ema(n, 20) > 1",
        "ema(2%, 20) > 1",
        "close > [1, 2]",
        "close > 5 bars",
    ],
)
def test_what_does_not_go_together_is_a_load_error(plays, condition: str) -> None:
    (issue,) = plays.refused_rule(condition, *SERIES)
    assert issue.code in {"TYPE_MISMATCH", "EXPR_SYNTAX"}
    assert issue.path == "rules.enter_long"


# -- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "form"),
    [
        ("h[1] > 1", "(ema(close, length=50))[1]@1h"),
        ("close > ema(close, 50)@1h[2]", "(ema(close, length=50))[2]@1h"),
        ("(h * 2)[1] > 1", "(...)[n]@tf"),
        ("ema(close@1h, 50) > 1", "ema(close, 50)@1h"),
        ("ema(h, 10) > 1", "ema(ema(close, length=50), 10)@1h"),
    ],
)
def test_held_operands_are_refused_with_the_right_form(plays, condition: str, form: str) -> None:
    (issue,) = plays.refused_rule(condition, *SERIES)
    assert issue.code == "TIMEFRAME_MIX"
    assert form in issue.hint


def test_the_suggested_form_loads(plays) -> None:
    (issue,) = plays.refused_rule("h[1] > 1", *SERIES)
    form = issue.hint.removeprefix("write ").split(" for ")[0]
    assert plays.expression(f"{form} > 1", *SERIES).args[0].expr.op == "lookback"


@pytest.mark.parametrize(
    ("written", "guess"),
    [("60m", "1h"), ("1D", "1d"), ("1H", "1h"), ("240", "4h"), ("1M", "1mo"), ("W", "1w")],
)
def test_other_spellings_of_timeframes_get_a_hint(plays, written: str, guess: str) -> None:
    (issue,) = plays.refused_rule(f"close > close@{written}")
    assert issue.code == "TIMEFRAME_UNKNOWN"
    assert f"did you mean {guess!r}" in issue.hint


def test_faster_than_the_clock_is_the_latest_and_faster_under_at_is_an_error(plays) -> None:
    faster = plays.expression("close > ema(close, 20)@5m").args[1]
    assert faster == At(ema(CLOSE, number("20")), Timeframe.M5, Type.FLOAT)
    assert plays.expression("(close > ema(close, 20)@5m[2])").op == "gt"  # it changes every bar
    (issue,) = plays.refused_rule("(close > ema(close, 20)@30m)@1h")
    assert issue.code == "TIMEFRAME_MIX"


def test_errors_in_a_name_under_at_are_reported_where_it_is_used(plays) -> None:
    series = ("series:", "  h: ema(close, 50)@1h")
    issues = plays.problems(plays.text(*series, "rules:", "  enter_long: close > h@4h"))
    assert [(i.code, i.path, i.line) for i in issues] == [("TIMEFRAME_MIX", "rules.enter_long", 8)]


def test_names_under_at_may_not_explode(plays) -> None:
    """Doubling forty times over would be 2^40 nodes; it is refused in no time."""
    doubled = ["  s0: close + open"]
    doubled += [f"  s{k}: s{k - 1} + s{k - 1}" for k in range(1, 40)]
    text = plays.text("series:", *doubled, "rules:", "  enter_long: close > s39@1h")
    assert [issue.code for issue in plays.problems(text)] == ["EXPR_LIMIT"]


def test_a_long_chain_of_definitions_is_an_error_never_a_crash(plays) -> None:
    chain = ["  s0: close + open", *(f"  s{k}: s{k - 1} + 1" for k in range(1, 1500))]
    text = plays.text("series:", *chain, "rules:", "  enter_long: close > s1499")
    assert {issue.code for issue in plays.problems(text)} == {"EXPR_LIMIT"}


def test_cycles_are_named(plays) -> None:
    series = ("series:", "  a: b + 1", "  b: c + 1", "  c: a + 1", "  d: a * 2")
    issues = plays.problems(plays.text(*series, "rules:", "  enter_long: close > d"))
    assert [issue.code for issue in issues] == ["CYCLE"] * 3
    assert "a -> b -> c -> a" in issues[0].message


def test_definitions_come_after_what_they_name(plays) -> None:
    play = plays.rule("close > a", "series:", "  a: z * 2", "  z: sma(close, 3)")
    assert [id for id, _ in play.series] == ["z", "a"]
