"""Covers H10: every documented spelling of a condition is one tree and one play hash."""

import pytest

SERIES = (
    "series:",
    "  rsi: rsi(close, 14)",
    "  fast: ema(close, 9)",
    "  slow: ema(close, 21)",
    "setups:",
    "  chop: rsi < 50",
)


def structured(plays, *lines: str):
    return plays.load(*SERIES, "rules:", "  enter_long:", *(f"    {line}" for line in lines))


@pytest.mark.parametrize(
    ("lines", "expression"),
    [
        (["all:", "  - [rsi, between, [30, 70]]"], "30 <= rsi <= 70"),
        (["all:", "  - [rsi, between, {low: 30, high: 70}]"], "between(rsi, 30, 70)"),
        (["lhs: rsi", "op: between", "rhs: { high: 70, low: 30 }"], "30 <= rsi <= 70"),
        (["lhs: rsi", "op: between", "rhs: [30, 70]"], "30 <= rsi and rsi <= 70"),
        (["[fast, cross_above, slow]"], "cross_above(fast, slow)"),
        (["[fast, cross_below, slow]"], "cross_below(fast, slow)"),
        (['[fast, ">", slow]'], "fast > slow"),
        (['["fast - slow", "<=", 0]'], "fast - slow <= 0"),
        (['[[fast, "-", slow], "<", 0]'], "fast - slow < 0"),
        (['[{"-": [fast, slow]}, "<", 0]'], "fast - slow < 0"),
        (['[{"*": [fast, 1.5]}, ">=", {"/": [slow, 2]}]'], "fast * 1.5 >= slow / 2"),
        (["setup: chop"], "chop"),
        (["not: { setup: chop }"], "not chop"),
        (["all: [chop, fast > slow]"], "chop and fast > slow"),
        (["any: [chop, fast > slow]"], "chop or fast > slow"),
        (["any: [chop]"], "chop"),
        (
            [
                "all:",
                "  - [fast, cross_above, slow]",
                "  - [rsi, between, [30, 70]]",
                '  - not: { any: [ { setup: chop }, [{"-": [fast, slow]}, "<", 0] ] }',
            ],
            "cross_above(fast, slow) and 30 <= rsi <= 70 and not (chop or fast - slow < 0)",
        ),
        (["all:", "  - all: [chop, rsi > 1]", "  - rsi > 2"], "chop and rsi > 1 and rsi > 2"),
        (["within: { bars: 10, expr: chop }"], "within(10, chop)"),
        (["held: { bars: 1h, expr: [rsi, '>', 50] }"], "held(4, rsi > 50)"),
        (["count: { bars: 20, min: 12, expr: chop }"], "count(20, chop) >= 12"),
        (
            ["within: { bars: 5 bars, expr: { any: [chop, fast > slow] } }"],
            "within(5, chop or fast > slow)",
        ),
        (["[close, near_pct, slow, 3]"], "near(close, slow, 3%)"),
        (["[close, near_pct, slow, 3%]"], "near(close, slow, 300bps)"),
        (["[close, near_abs, slow, 0.5 * fast]"], "near(close, slow, 0.5 * fast)"),
        (["[close, near, slow, 20bps]"], "near(close, slow, 0.2%)"),
        (["{ lhs: close, op: near_pct, rhs: slow, tolerance: 3 }"], "near(close, slow, 3%)"),
        (["[hour, in, [3, 4]]"], "hour in [3, 4]"),
        (["[hour, in, [3, 4]]"], "hour == 3 or hour == 4"),
        (['{ lhs: ["fast", "/", slow], op: ">", rhs: 0.5 }'], "fast / slow > 0.5"),
    ],
)
def test_h10_both_notations_are_one_tree(plays, lines: list[str], expression: str) -> None:
    one = structured(plays, *lines)
    other = plays.rule(expression, *SERIES)
    assert one.rule("enter_long") == other.rule("enter_long")
    assert one.play_hash == other.play_hash


def test_series_and_setups_take_the_structured_notation_too(plays) -> None:
    one = plays.load(
        "series:",
        '  spread: [close, "-", open]',
        "setups:",
        '  wide: { all: [[spread, ">", 2]] }',
        "rules: { enter_long: wide }",
    )
    other = plays.load(
        "series: { spread: close - open }",
        "setups: { wide: spread > 2 }",
        "rules: { enter_long: wide }",
    )
    assert one.play_hash == other.play_hash


def test_a_list_of_alternatives_keeps_its_order_and_ids(plays) -> None:
    play = structured(
        plays,
        "- id: crossing",
        "  when: [fast, cross_above, slow]",
        "- { id: low, when: rsi < 30 }",
    )
    assert [rule.id for rule in play.rule("enter_long")] == ["crossing", "low"]
