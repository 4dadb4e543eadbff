"""Loading: one immutable object from one file (M1, M2), overrides, files that are none."""

import dataclasses
import hashlib
import time
from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import PlayError
from engine.indicators.registry import INDICATORS
from engine.play import check_play, load_play, loads_play
from engine.play.ast import Literal, Price, Ref, Type
from engine.play.model import RULE_KINDS
from engine.play.vocabulary import PRICES
from engine.timeframe import Timeframe

ROOT = Path(__file__).parents[3]
PLAYS = ROOT / "plays"
EXAMPLES = sorted(PLAYS.glob("*.yml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_plays_load_without_a_warning(path: Path) -> None:
    play = load_play(path)
    assert play.name == path.stem
    assert play.warnings == ()
    assert check_play(path) == []
    assert path.read_text(encoding="utf-8").startswith("# ")  # says what its idea is


def test_the_benchmark_play_says_what_the_benchmark_runs() -> None:
    """EMA 20/100 crosses on one-minute closes, 2 % stop, 4 % target, nothing else leaves."""
    play = load_play(PLAYS / "ema_bracket.yml")
    assert play.clock is Timeframe.M1
    assert [kind for kind, _ in play.rules] == ["enter_long", "enter_short"]
    for kind, op in (("enter_long", "cross_above"), ("enter_short", "cross_below")):
        when = play.rule(kind)[0].when
        assert (when.op, [arg.id for arg in when.args]) == (op, ["ema_fast", "ema_slow"])
    lengths = {id: expr.params[0][1].literal.value for id, expr in play.series}
    assert lengths == {"ema_fast": 20, "ema_slow": 100}
    assert (play.risk.stop.kind, play.risk.stop.value) == ("price", Decimal(2))
    assert [(t.kind, t.value, t.order) for t in play.risk.targets] == [
        ("price", Decimal(4), "limit")
    ]


@pytest.mark.parametrize(
    ("name", "clock", "fast", "slow"),
    [("sma_always_in", "5m", 20, 100), ("sma_always_in_4h", "4h", 10, 30)],
)
def test_the_always_in_plays_turn_on_each_cross(
    name: str, clock: str, fast: int, slow: int
) -> None:
    play = load_play(PLAYS / f"{name}.yml")
    assert play.clock.value == clock
    assert {id: value.value for id, value in play.params} == {"fast": fast, "slow": slow}
    assert [expr.name for _, expr in play.series] == ["sma", "sma"]
    up, down = (
        Ref("setup", "turned_up", "", Type.EVENT),
        Ref("setup", "turned_down", "", Type.EVENT),
    )
    fires = {kind: play.rule(kind)[0].when for kind in RULE_KINDS}
    assert fires == {
        "enter_long": up,
        "exit_short": up,
        "enter_short": down,
        "exit_long": down,
    }
    assert (play.risk.size.kind, play.risk.size.value) == ("qty", 1)
    assert play.risk.stop.kind == "none"
    assert play.risk.targets == ()


def test_m1_a_play_is_immutable_and_says_what_it_was_read_from(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    raw = (PLAYS / "ema_pullback.yml").read_bytes()
    path.write_bytes(raw)
    play = load_play(path)
    assert play.path == str(path)
    assert play.source == raw.decode()
    assert play.source_sha256 == hashlib.sha256(raw).hexdigest()
    with pytest.raises(dataclasses.FrozenInstanceError):
        play.market = "ETHUSDT"  # type: ignore[misc]
    path.write_text("gone", encoding="utf-8")
    assert play.rule("enter_long")  # the object, not the file, is the play


def test_m2_a_play_is_the_file_it_was_read_from_whatever_its_name(tmp_path: Path) -> None:
    """Two files with one name: each loads as itself."""
    text = (PLAYS / "sma_always_in.yml").read_text(encoding="utf-8")
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text(text, encoding="utf-8")
    two.write_text(text.replace("fast: 20", "fast: 7"), encoding="utf-8")
    first, second = load_play(one), load_play(two)
    assert first.name == second.name
    assert dict(first.params)["fast"].value == 20
    assert dict(second.params)["fast"].value == 7
    assert first.play_hash != second.play_hash
    assert first.source_sha256 != second.source_sha256


def test_m4_every_source_is_its_own_column(plays) -> None:
    trees = {
        source: plays.rule("a > 1", f"series: {{ a: 'ema({source}, 3)' }}").series[0][1]
        for source in PRICES
    }
    assert {source: tree.inputs for source, tree in trees.items()} == {
        source: (Price(source, PRICES[source]),) for source in PRICES
    }


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_every_declared_indicator_can_be_called_with_its_defaults(plays, name: str) -> None:
    spec = INDICATORS[name]
    first = "close" if spec.takes_source else "sw" if spec.structures else ""
    structures = ("structures: { sw: 'swing(left=2, right=2)' }",) if first == "sw" else ()
    for output in spec.outputs:
        field = f".{output.name}" if len(spec.outputs) > 1 else ""
        value = f"{name}({first}){field}"
        compare = {Type.BOOL: "", Type.EVENT: ""}.get(output.type, " > 1")
        compare = f" == {output.members[0]}" if output.type is Type.ENUM else compare
        expr = plays.expression(value + compare, *structures)
        expr = expr.args[0] if compare else expr
        assert (expr.name, expr.output, expr.type) == (name, output.name, output.type)
        given = [(p, v.value) for p, v in expr.params]
        assert given == [(param.name, param.default) for param in spec.params]


# -- parameters ------------------------------------------------------------------------------

SWEPT = (
    "params: { n: 9, f: 2.5, share: 1%, on_off: true, r: 2R, span: 4h }",
    "rules: { enter_long: 'on_off and ema(close, n) * f > 1' }",
)
SWEPT_RISK = ("risk:", "  size: { risk: share }", "  stop: { price: share }", "  target: { rr: r }")


def swept(plays, **params):
    return loads_play(plays.text(*SWEPT, risk=SWEPT_RISK), params=params)


def test_parameters_have_the_type_they_are_written_in(plays) -> None:
    assert dict(swept(plays).params) == {
        "n": Literal(Type.INT, Decimal(9)),
        "f": Literal(Type.FLOAT, Decimal("2.5")),
        "share": Literal(Type.PERCENT, Decimal(1)),
        "on_off": Literal(Type.BOOL, True),
        "r": Literal(Type.R, Decimal(2)),
        "span": Literal(Type.DURATION, Decimal(4 * 3_600_000)),
    }


@pytest.mark.parametrize(
    ("name", "value", "literal"),
    [
        ("n", 12, Literal(Type.INT, Decimal(12))),
        ("n", "12", Literal(Type.INT, Decimal(12))),
        ("f", 3, Literal(Type.INT, Decimal(3))),
        ("f", 1e-05, Literal(Type.FLOAT, Decimal("0.00001"))),
        ("f", Decimal("2.75"), Literal(Type.FLOAT, Decimal("2.75"))),
        ("share", "50bps", Literal(Type.PERCENT, Decimal("0.5"))),
        ("on_off", "false", Literal(Type.BOOL, False)),
        ("on_off", False, Literal(Type.BOOL, False)),
    ],
)
def test_overrides_replace_values(plays, name: str, value, literal: Literal) -> None:
    assert dict(swept(plays, **{name: value}).params)[name] == literal


def test_an_override_reaches_the_risk_section(plays) -> None:
    assert swept(plays, share="0.25%").risk.size.value == Decimal("0.25")


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"nn": 3}, "PARAM_UNKNOWN", "did you mean 'n'"),
        ({"share": 2}, "TYPE_MISMATCH", "write it like 1%"),
        ({"n": "2%"}, "TYPE_MISMATCH", "write it like 9"),
        ({"n": True}, "TYPE_MISMATCH", "write it like 9"),
        ({"n": "nine"}, "VALUE_INVALID", "not a constant"),
        ({"f": float("nan")}, "VALUE_INVALID", "not a constant"),
        ({"n": 0}, "ARGUMENT_INVALID", "from 1 to 5000"),
        ({"n": 2.5}, "ARGUMENT_INVALID", "a whole number"),
        ({"share": "200%"}, "VALUE_INVALID", "more than 100"),
    ],
)
def test_bad_overrides_are_refused(plays, params: dict, code: str, words: str) -> None:
    with pytest.raises(PlayError) as caught:
        swept(plays, **params)
    issue = caught.value.issues[0]
    assert issue.code == code
    assert words in f"{issue.message}; {issue.hint}"


def test_a_market_override_is_checked_too(plays) -> None:
    text = plays.text("rules: { enter_long: close > open }")
    assert loads_play(text, market="SOLUSDT").market == "SOLUSDT"
    with pytest.raises(PlayError) as caught:
        loads_play(text, market="solusdt")
    assert caught.value.issues[0].path == "market"


# -- warnings and refusals -------------------------------------------------------------------


def test_what_is_not_used_is_a_warning(plays) -> None:
    play = plays.load(
        "params: { used: 3, idle: 4 }",
        "series: { a: 'ema(close, used)', b: 'ema(close, 5)' }",
        "setups: { c: close > a, d: a > 1 }",
        "rules: { enter_long: c, exit_short: c }",
    )
    assert len(play.warnings) == 4
    for word, place in (("'idle'", 5), ("'b'", 6), ("'d'", 7), ("exit_short", 8)):
        assert any(word in w and f"line {place}," in w for w in play.warnings)


@pytest.mark.parametrize("missing", ["nowhere.yml", "."])
def test_a_file_that_is_none(tmp_path: Path, missing: str) -> None:
    with pytest.raises(PlayError) as caught:
        load_play(tmp_path / missing)
    assert [issue.code for issue in caught.value.issues] == ["PLAY_FILE"]
    assert check_play(tmp_path / missing)[0].code == "PLAY_FILE"


def test_the_error_says_the_first_problem_and_how_many_there_are(plays) -> None:
    text = plays.text("rules: { enter_long: a > b }")
    with pytest.raises(PlayError) as caught:
        loads_play(text, "mine.yml")
    error = caught.value
    assert error.exit_code == 2
    assert error.message == "unknown name 'a' (and 1 more)"
    assert error.where == "mine.yml: rules.enter_long, line 5, column 22"
    assert len(error.issues) == 2


def test_loading_is_fast_once_warm() -> None:
    load_play(PLAYS / "ema_pullback.yml")
    begin = time.perf_counter()
    load_play(PLAYS / "ema_pullback.yml")
    assert time.perf_counter() - begin < 0.2
