"""The example plays' decisions on generated data: golden lists, the slow oracle, the engine.

``tests/golden/decisions/*.txt`` holds, for each play, a line that says which market was generated
and one line per decision. The lists were written by the oracle (``python -m tests.naive.golden``),
never by the engine.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine import Engine, Instrument, load_play
from engine.play.project import PROJECT_FILE
from engine.position import Execution
from tests.naive.golden import (
    GOLDEN,
    Market,
    decided_line,
    market_bars,
    naive_lines,
    read_golden,
)

PLAYS = Path(__file__).resolve().parents[2] / "plays"
FILES = sorted(f for f in PLAYS.rglob("*.yml") if f.name != PROJECT_FILE)


def engine_lines(file: Path, market: Market) -> list[str]:
    """Decisions of the engine, told after each one that it filled at once, at the close."""
    play = load_play(file)
    bars = market_bars(market)
    engine = Engine(play, Instrument.default(market.symbol))
    clock_bars = play.clock.ms // 60_000
    lines: list[str] = []
    held = 0
    lo = 0
    qty = Decimal("1")
    while lo < len(bars):
        close_ms = (int(bars.open_ms[lo]) // play.clock.ms + 1) * play.clock.ms
        if play.clock.is_month or play.clock.value == "1w":
            hi = min(lo + clock_bars, len(bars))
        else:
            hi = min(lo + (close_ms - int(bars.open_ms[lo])) // 60_000, len(bars))
        for decision in engine.advance(bars[lo:hi]):
            if decision.action == "none":
                continue
            lines.append(decided_line(decision.ts_ms, decision.action, decision.rule))
            price = Decimal(repr(float(bars.close[hi - 1])))
            for action in decision.action.split("+"):
                side = {"enter_long": 1, "enter_short": -1}.get(action, 0)
                if side and not play.rule(action.replace("enter", "exit")):
                    continue  # never held: no rule leaves it
                change = side if side else -held if action.startswith("exit") else 0
                if change:
                    word = "buy" if change > 0 else "sell"
                    engine.apply([Execution(decision.ts_ms, word, qty, price)])
                    held += change
        lo = hi
    return lines


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_engine_decides_as_the_golden_list_says(file: Path):
    market, lines = read_golden(GOLDEN / f"{file.stem}.txt")
    assert engine_lines(file, market) == lines


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_slow_evaluation_decides_as_the_golden_list_says(file: Path):
    market, lines = read_golden(GOLDEN / f"{file.stem}.txt")
    assert naive_lines(file, market) == lines


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_rule_of_the_play_fires_in_its_list(file: Path):
    _, lines = read_golden(GOLDEN / f"{file.stem}.txt")
    fired = {rule for line in lines for rule in line.split()[2].split("+")}
    ids = {rule.id for _, rules in load_play(file).rules for rule in rules}
    assert fired == ids


def test_there_are_at_least_twenty_plays_and_each_has_a_list():
    assert len(FILES) >= 20
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {file.stem for file in FILES}
