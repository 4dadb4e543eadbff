"""The engine's two doors: any cut of bars and events gives the same decisions and state."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Bars, Cancel, Engine, Execution, Funding, Instrument, load_play, loads_play
from engine.canonical import canonical_bytes
from engine.errors import BarsError, EngineError
from tests.engine.markets import MINUTE, T0, market

PLAYS = Path(__file__).resolve().parents[2] / "plays"
BTC = Instrument.default("BTCUSDT")
MIXED = """
version: 1
name: mixed
market: BTCUSDT
clock: 5m
series:
  fast: ema(close, 5)
  slow: sma(close, 70)
  hour_mean: sma(close, 3)@1h
  spread: fast - slow
setups:
  above: close > hour_mean and (close > close[1])@15m
rules:
  enter_long: above and cross_above(fast, slow)
  exit_long:
    - { id: turned, when: "cross_below(fast, slow)" }
    - { id: lost, when: "spread[2] < 0 and not above" }
  enter_short: not above and cross_below(fast, slow)
  exit_short: cross_above(fast, slow)
risk: { size: { qty: 1 }, stop: { atr: 2, of: atr(14) } }
"""
PLAY = loads_play(MIXED)
BARS = 3000


def bars() -> Bars:
    return market(10).klines[slice(0, BARS)]


def script() -> list[tuple[int, Any]]:
    """Events by the bar before which they are told: fills, a cancel, funding."""
    made: list[tuple[int, Any]] = []
    held = Decimal(0)
    for k, at in enumerate(range(200, BARS, 137)):
        ts = T0 + at * MINUTE
        side = "buy" if k % 3 else "sell"
        qty = Decimal("0.010") if k % 4 else max(abs(held), Decimal("0.010"))
        made.append((at, Execution(ts, side, qty, Decimal("64000.5") + k)))
        held += qty if side == "buy" else -qty
        made.append((at, Cancel(ts, f"order-{k}")))
        if k % 5 == 0:
            made.append((at, Funding(ts, Decimal("-0.125"))))
    return made


def drive(cuts: list[int], *, renew: set[int] = frozenset()) -> tuple[list[Any], str]:  # type: ignore[assignment]
    """Decisions and final state hash over chunks that end at ``cuts``; before each bar of ``renew``
    the engine goes through its snapshot."""
    engine, decisions = Engine(PLAY, BTC), []
    events = script()
    edges = sorted({0, BARS, *cuts, *(at for at, _ in events), *renew})
    for lo, hi in pairwise(edges):
        if lo in renew:
            engine = Engine.restore(engine.snapshot())
        engine.apply([event for at, event in events if at == lo])
        decisions += engine.advance(bars()[slice(lo, hi)])
    return decisions, engine.state_hash


WHOLE = drive([])


def test_the_script_makes_the_play_act_in_every_way():
    actions = {decision.action for decision in WHOLE[0]}
    assert {"none", "enter_long", "enter_short"} <= actions
    assert any("exit" in action for action in actions)
    assert {"turned", "lost"} & {r for d in WHOLE[0] for r in d.rule.split("+")}


@settings(max_examples=12)
@given(
    cuts=st.lists(st.integers(1, BARS - 1), max_size=30),
    renew=st.sets(st.integers(1, BARS - 1), max_size=6),
)
def test_random_merges_cut_anywhere_with_snapshots_are_the_same(cuts: list[int], renew: set[int]):
    assert drive(cuts, renew=renew) == WHOLE


@pytest.mark.full
@settings(max_examples=300)
@given(
    cuts=st.lists(st.integers(1, BARS - 1), max_size=60),
    renew=st.sets(st.integers(1, BARS - 1), max_size=10),
)
def test_many_random_merges_are_the_same(cuts: list[int], renew: set[int]):
    assert drive(cuts, renew=renew) == WHOLE


def test_one_bar_at_a_time_is_the_same():
    engine, decisions = Engine(PLAY, BTC), []
    events = script()
    for at in range(BARS):
        engine.apply([event for when, event in events if when == at])
        decisions += engine.advance(bars()[slice(at, at + 1)])
    assert (decisions, engine.state_hash) == WHOLE


@pytest.mark.parametrize("file", sorted(PLAYS.glob("*.yml")), ids=lambda f: f.stem)
def test_every_example_play_is_the_same_in_blocks_and_in_pieces(file: Path):
    play = load_play(file)
    held = market(30, pattern="mixed").klines
    whole = Engine(play, BTC)
    expected = whole.advance(held)
    rng = np.random.Generator(np.random.PCG64(11))
    edges = [0, *sorted(rng.choice(len(held), 25, replace=False).tolist()), len(held)]
    engine, found = Engine(play, BTC), []
    for k, (lo, hi) in enumerate(pairwise(edges)):
        if k % 5 == 4:
            engine = Engine.restore(engine.snapshot())
        found += engine.advance(held[slice(lo, hi)])
    assert found == expected
    assert engine.state_hash == whole.state_hash


@pytest.mark.parametrize("file", sorted(PLAYS.glob("*.yml")), ids=lambda f: f.stem)
def test_poisoning_the_future_changes_nothing_before_it(file: Path):
    play, held, at = load_play(file), market(30).klines, 30_001
    honest = Engine(play, BTC).advance(held[slice(0, at)])
    names = ("open", "high", "low", "close", "volume")
    columns = {name: getattr(held, name).copy() for name in names}
    for column in columns.values():
        column[at:] *= 1.5
    poisoned = Bars(held.open_ms, **columns)
    found = Engine(play, BTC).advance(poisoned)
    assert found[: len(honest)] == honest


def seeded_ema(close: pd.Series, length: int) -> pd.Series:
    """The average as the language defines it: the mean of the first values, then the recursion."""
    values = [float("nan")] * len(close)
    mean = close.iloc[:length].mean()
    values[length - 1] = mean
    for i in range(length, len(close)):
        mean = mean + 2 / (length + 1) * (close.iloc[i] - mean)
        values[i] = mean
    return pd.Series(values, index=close.index)


def test_decisions_are_those_of_an_evaluation_in_pandas():
    """The pullback play: two averages on quarter hours, an hourly one held until the next hour."""
    held = market(10).klines
    frame = pd.DataFrame({"close": held.close}, index=pd.to_datetime(held.open_ms, unit="ms"))
    quarter = frame["close"].resample("15min").last()
    hour = frame["close"].resample("1h").last()
    slow_hour = seeded_ema(hour, 50)
    hour_up = hour > hour.shift(1)
    # A bar of an hour is known from its close on.
    closes = quarter.index + pd.Timedelta("15min")
    known = hour.index + pd.Timedelta("1h")
    at = known.searchsorted(closes, side="right") - 1
    ema_h = pd.Series([slow_hour.iloc[k] if k >= 0 else np.nan for k in at], quarter.index)
    rising = pd.Series([bool(hour_up.iloc[k]) if k >= 1 else False for k in at], quarter.index)
    falling = pd.Series(
        [bool((hour < hour.shift(1)).iloc[k]) if k >= 1 else False for k in at], quarter.index
    )
    fast, slow = seeded_ema(quarter, 9), seeded_ema(quarter, 21)
    up = (fast.shift(1) <= slow.shift(1)) & (fast > slow)
    down = (fast.shift(1) >= slow.shift(1)) & (fast < slow)
    longs = up & (quarter > ema_h) & rising
    shorts = down & (quarter < ema_h) & falling
    expected = {}
    for ts, long, short in zip(closes, longs, shorts, strict=True):
        if long or short:
            expected[int(ts.timestamp() * 1000)] = "enter_long" if long else "enter_short"
    assert len(expected) > 10
    decisions = Engine(load_play(PLAYS / "ema_pullback.yml"), BTC).advance(held)
    assert {d.ts_ms: d.action for d in decisions if d.action != "none"} == expected
    assert len(decisions) == len(quarter)


def test_told_nothing_the_position_stays_flat_and_each_entry_is_reported_each_time():
    rising = loads_play(
        "version: 1\nname: r\nmarket: BTCUSDT\nclock: 1m\n"
        "rules: { enter_long: close > open }\n"
        "risk: { size: { qty: 1 }, stop: none }\n"
    )
    held = market(10).klines[slice(0, 50)]
    found = Engine(rising, BTC).advance(held)
    expected = ["enter_long" if c > o else "none"
                for o, c in zip(held.open, held.close, strict=True)]  # fmt: skip
    assert [d.action for d in found] == expected


def test_a_decision_carries_what_its_rule_saw():
    decision = next(d for d in WHOLE[0] if d.action == "enter_long")
    assert decision.rule == "enter_long"
    assert decision.values.keys() == {"close", "fast", "slow", "hour_mean", "spread", "above"}
    assert decision.values["above"] == 1.0
    fast, slow = decision.values["fast"], decision.values["slow"]
    assert fast is not None
    assert slow is not None
    assert decision.values["spread"] == fast - slow > 0


def test_the_state_tells_different_pasts_apart():
    other = Engine(PLAY, BTC)
    other.advance(bars()[slice(1, BARS)])
    quiet = Engine(PLAY, BTC)
    quiet.advance(bars())
    told = Engine(PLAY, BTC)
    told.advance(bars())
    told.apply([Execution(T0 + BARS * MINUTE, "buy", Decimal("0.001"), Decimal(64000))])
    assert len({WHOLE[1], other.state_hash, quiet.state_hash, told.state_hash}) == 4


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (slice(11, 20), "hole"),
        (slice(5, 12), "without a hole"),
    ],
)
def test_bars_that_do_not_follow_are_refused_and_none_is_taken(rows: slice, says: str):
    engine = Engine(PLAY, BTC)
    engine.advance(bars()[slice(0, 10)])
    before = engine.state_hash
    with pytest.raises((BarsError, EngineError), match=says):
        engine.advance(bars()[rows])
    assert engine.state_hash == before


@pytest.mark.parametrize("spoil", ["hole", "nan", "negative", "order", "high", "off"])
def test_impossible_bars_are_refused(spoil: str):
    held = bars()[slice(0, 30)]
    columns = {
        name: getattr(held, name).copy()
        for name in ("open_ms", "open", "high", "low", "close", "volume")
    }
    match spoil:
        case "hole":
            columns["open_ms"][20:] += MINUTE
        case "nan":
            columns["close"][20] = np.nan
        case "negative":
            columns["volume"][20] = -1
        case "order":
            columns["open_ms"][20] = columns["open_ms"][18]
        case "high":
            columns["high"][20] = columns["low"][20] - 1
        case "off":
            columns["open_ms"] += 1
    with pytest.raises(BarsError):
        Engine(PLAY, BTC).advance(Bars(**columns))


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Execution(T0 - 1, "buy", Decimal("0.001"), Decimal(100)), "EVENT_ORDER"),
        (Execution(T0 + 1, "buy", Decimal("0.0005"), Decimal(100)), "EVENT_INVALID"),
        (Execution(T0 + 1, "hold", Decimal("0.001"), Decimal(100)), "EVENT_INVALID"),  # type: ignore[arg-type]
        (Execution(T0 + 1, "buy", Decimal("-0.001"), Decimal(100)), "EVENT_INVALID"),
    ],
)
def test_events_that_cannot_be_are_refused(event: Execution, code: str):
    engine = Engine(PLAY, BTC)
    engine.apply([Funding(T0, Decimal(0))])
    with pytest.raises(EngineError) as refused:
        engine.apply([event])
    assert refused.value.code == code


def test_a_damaged_snapshot_is_refused():
    blob = bytearray(Engine(PLAY, BTC).snapshot())
    blob[len(blob) // 2] ^= 1
    with pytest.raises(EngineError) as refused:
        Engine.restore(bytes(blob))
    assert refused.value.code == "SNAPSHOT_INVALID"


def test_c4_readiness_is_a_count_of_bars():
    """The slowest feature, an average of 70 bars of five minutes looked at two bars back."""
    engine = Engine(PLAY, BTC)
    engine.advance(bars()[slice(0, 72 * 5 - 1)])
    assert not engine.ready
    engine.advance(bars()[slice(72 * 5 - 1, 72 * 5)])
    assert engine.ready


@pytest.mark.parametrize("condition", ["close[5] > close[1]", "not (close[5] > close[1])"])
def test_m7_looking_back_beyond_history_is_unknown_and_neither_it_nor_its_negation_fires(
    condition: str,
):
    play = loads_play(
        "version: 1\nname: back\nmarket: BTCUSDT\nclock: 1m\n"
        f"rules: {{ enter_long: '{condition}' }}\n"
        "risk: { size: { qty: 1 }, stop: none }\n"
    )
    held = market(10).klines[slice(0, 200)]
    fired = [d.action == "enter_long" for d in Engine(play, BTC).advance(held)]
    assert not any(fired[:5])
    closes = held.close.tolist()
    wanted = "not" not in condition
    assert fired[5:] == [(closes[i - 5] > closes[i - 1]) is wanted for i in range(5, 200)]


@pytest.mark.parametrize("condition", ["not cross_above(2, 3)", "not cross_below(3, 2)"])
def test_m7_a_cross_of_constants_is_unknown_on_the_first_bar_of_history(condition: str):
    """Null if any of the four is null, and before history each of them is."""
    play = loads_play(
        "version: 1\nname: constants\nmarket: BTCUSDT\nclock: 1m\n"
        f"rules: {{ enter_long: '{condition} and close > 0' }}\n"
        "risk: { size: { qty: 1 }, stop: none }\n"
    )
    held = market(10).klines[slice(0, 50)]
    for cut in (50, 1, 7):
        engine, actions = Engine(play, BTC), []
        for lo in range(0, 50, cut):
            actions += [d.action for d in engine.advance(held[slice(lo, min(lo + cut, 50))])]
            engine = Engine.restore(engine.snapshot())
        assert actions == ["none", *["enter_long"] * 49]


def test_a_snapshot_of_code_that_keeps_another_state_is_refused():
    """Whole by its digest, but with one piece of state less than this code has."""
    magic = b"lockstep-engine-1\n"
    body = Engine(PLAY, BTC).snapshot()[:-32]
    end = len(magic) + 8 + int.from_bytes(body[len(magic) : len(magic) + 8], "big")
    header = json.loads(body[len(magic) + 8 : end])
    last = header["sizes"].pop()
    text = canonical_bytes(header)
    changed = magic + len(text).to_bytes(8, "big") + text + body[end : len(body) - last]
    with pytest.raises(EngineError, match="keeps another state") as refused:
        Engine.restore(changed + hashlib.sha256(changed).digest())
    assert refused.value.code == "SNAPSHOT_INVALID"
