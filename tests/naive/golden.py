"""Golden lists of decisions: how they are read, and how the oracle writes them.

``python -m tests.naive.golden PLAY [PATTERN SYMBOL DAYS SEED]`` writes one play's list.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from engine import Bars, Instrument, load_play
from engine.timeframe import DAY_MS, format_ms
from tasks.generate import generate_market
from tests.naive.plays import Evaluation

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "decisions"
#: 2026-01-01T00:00Z
SINCE_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Market:
    """The market a list was made on."""

    pattern: str
    symbol: str
    days: int
    seed: int

    def line(self) -> str:
        return f"# market {self.pattern} {self.symbol} {self.days} days seed {self.seed}"


def market_bars(market: Market) -> Bars:
    """The one-minute bars of the market."""
    until_ms = SINCE_MS + market.days * DAY_MS
    return generate_market(market.symbol, SINCE_MS, until_ms, market.seed, market.pattern).klines


def decided_line(ts_ms: int, action: str, rule: str) -> str:
    return f"{format_ms(ts_ms)} {action} {rule}"


def naive_lines(file: Path, market: Market) -> list[str]:
    """The list of the play in ``file`` by the slow evaluation."""
    tick = Instrument.default(market.symbol).tick_size
    evaluation = Evaluation(load_play(file), market_bars(market), tick)
    return [decided_line(d.ts_ms, d.action, d.rule) for d in evaluation.decisions()]


def read_golden(path: Path) -> tuple[Market, list[str]]:
    """The market and the lines of a golden list."""
    first, *lines = path.read_text("utf-8").splitlines()
    _, _, pattern, symbol, days, _, _, seed = first.split()
    return Market(pattern, symbol, int(days), int(seed)), lines


def write_golden(file: Path, market: Market) -> int:
    """Write the play's list; the number of decisions."""
    lines = naive_lines(file, market)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    text = "\n".join([market.line(), *lines]) + "\n"
    (GOLDEN / f"{file.stem}.txt").write_text(text, "utf-8")
    return len(lines)


def main(arguments: list[str]) -> None:
    file = Path(arguments[0])
    market = Market("mixed", load_play(file).market, 30, 1)
    if len(arguments) > 1:
        pattern, symbol, days, seed = arguments[1:]
        market = Market(pattern, symbol, int(days), int(seed))
    sys.stdout.write(f"{file.stem}: {write_golden(file, market)} decisions\n")


if __name__ == "__main__":
    main(sys.argv[1:])
