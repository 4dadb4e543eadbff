"""Named market shapes: which regimes a generated market goes through, and in what order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Regime:
    """A spell of the market: fractions of price per minute, and how long it lasts on average.

    ``pull`` draws the price back to where the regime began; ``premium`` is what the last price
    tends to stand above the mark; ``jump`` moves it within the regime's first minute; ``wick``
    pierces now and then beyond high or low and comes back; while ``halted`` nothing trades.
    """

    drift: float
    volatility: float
    pull: float
    premium: float
    minutes: int
    jump: float = 0.0
    wick: float = 0.0
    halted: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Regimes of which the first comes first. With ``weights`` the next one is drawn by them,
    without they follow each other in order, round and round."""

    summary: str
    regimes: tuple[Regime, ...]
    weights: tuple[int, ...] = ()


CALM = Regime(drift=0.0, volatility=0.0004, pull=0.0, premium=0.0, minutes=1_500)
RANGE = Regime(drift=0.0, volatility=0.00055, pull=0.01, premium=0.0, minutes=2_000)
TREND_UP = Regime(drift=0.000012, volatility=0.0005, pull=0.0, premium=0.0002, minutes=2_400)
TREND_DOWN = Regime(drift=-0.000012, volatility=0.0006, pull=0.0, premium=-0.0002, minutes=2_000)
TURMOIL = Regime(drift=0.0, volatility=0.0015, pull=0.0, premium=-0.0001, minutes=400)
CRASH = Regime(drift=-0.0009, volatility=0.003, pull=0.0, premium=-0.001, minutes=90)
REBOUND = Regime(drift=0.0003, volatility=0.0015, pull=0.0, premium=0.0003, minutes=150)
RALLY = Regime(drift=0.00006, volatility=0.0005, pull=0.0, premium=0.0003, minutes=900)
DECLINE = Regime(drift=-0.00006, volatility=0.0005, pull=0.0, premium=-0.0003, minutes=900)
TIGHT = Regime(drift=0.0, volatility=0.00012, pull=0.02, premium=0.0, minutes=1_200)
BURST_UP = Regime(drift=0.0003, volatility=0.0009, pull=0.0, premium=0.0005, minutes=120)
BURST_DOWN = Regime(drift=-0.0003, volatility=0.0009, pull=0.0, premium=-0.0005, minutes=120)
SWEPT = Regime(drift=0.0, volatility=0.0004, pull=0.02, premium=0.0, minutes=2_000, wick=0.008)
GAP_UP = Regime(drift=0.0, volatility=0.0005, pull=0.0, premium=0.0003, minutes=1_400, jump=0.04)
GAP_DOWN = Regime(
    drift=0.0, volatility=0.0005, pull=0.0, premium=-0.0003, minutes=1_400, jump=-0.04
)
HALTED = Regime(drift=0.0, volatility=0.0, pull=0.0, premium=0.0, minutes=120, halted=True)
REOPENED = Regime(drift=0.0, volatility=0.0012, pull=0.0, premium=0.0, minutes=240, jump=-0.03)
PUMP = Regime(drift=0.0012, volatility=0.0025, pull=0.0, premium=0.002, minutes=120)
DUMP = Regime(drift=-0.0012, volatility=0.0025, pull=0.0, premium=-0.001, minutes=110)
BLEED = Regime(drift=-0.00002, volatility=0.00025, pull=0.0, premium=-0.0001, minutes=2_400)
SPIKE_UP = Regime(drift=0.0006, volatility=0.0012, pull=0.0, premium=0.0002, minutes=40)
SPIKE_DOWN = Regime(drift=-0.0006, volatility=0.0012, pull=0.0, premium=-0.0002, minutes=40)

#: Shapes by name.
PATTERNS: dict[str, Shape] = {
    "mixed": Shape(
        "what a year brings: calm, ranges, trends, now and then turmoil or a crash",
        (CALM, RANGE, TREND_UP, TREND_DOWN, TURMOIL, CRASH, REBOUND),
        (30, 20, 20, 17, 10, 1, 2),
    ),
    "trend_up": Shape("one long rise", (TREND_UP,)),
    "trend_down": Shape("one long fall", (TREND_DOWN,)),
    "range": Shape("drawn back to where it began", (RANGE,)),
    "reversal_up": Shape("a decline that turns into a rally", (DECLINE, RALLY)),
    "reversal_down": Shape("a rally that turns into a decline", (RALLY, DECLINE)),
    "breakout_up": Shape("a tight range left upwards", (TIGHT, BURST_UP, RANGE)),
    "breakout_down": Shape("a tight range left downwards", (TIGHT, BURST_DOWN, RANGE)),
    "squeeze": Shape("volatility that dries up and bursts, either way", (RANGE, TIGHT, TURMOIL)),
    "liquidity_sweep": Shape("a range whose highs and lows are pierced and given back", (SWEPT,)),
    "gap_up": Shape("jumps upwards within a minute", (CALM, GAP_UP)),
    "gap_down": Shape("jumps downwards within a minute", (CALM, GAP_DOWN)),
    "crash": Shape("calm, crashes and rebounds", (CALM, CRASH, REBOUND, TURMOIL), (5, 2, 3, 2)),
    "v_recovery": Shape("a crash that is bought at once", (CALM, CRASH, REBOUND, RALLY)),
    "pump_and_dump": Shape("a steep rise given back as steeply", (CALM, PUMP, DUMP)),
    "halt": Shape("trading stops, then reopens lower", (CALM, HALTED, REOPENED)),
    "whipsaw": Shape("short spikes to either side that lead nowhere", (SPIKE_UP, SPIKE_DOWN)),
    "stairs_up": Shape("rallies and rests", (RALLY, TIGHT)),
    "slow_bleed": Shape("a quiet, steady fall", (BLEED,)),
}
