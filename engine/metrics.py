"""The metrics of a run: one typed table of name, unit, definition; undefined is null with a reason.

The unit is visible in the name: ``_usdt``, ``_pct`` (percent numbers, 75 is 75 %), ``_bars``,
``_ms``; counts and pure ratios carry no suffix (M16). Sums are loops in index order and floats are
rounded to 12 significant digits, so that they hash alike everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.canonical import round_metric
from engine.exchange.codes import Refusal
from engine.indicators.elementary import exp, log
from engine.timeframe import DAY_MS

Int64 = npt.NDArray[np.int64]
Value = float | int | None

E8 = 10**8
YEAR_MS = 365 * DAY_MS
YEAR_DAYS = 365
MIN_DAYS = 30
MIN_CAGR_DAYS = 90
#: Share of days that value at risk leaves out.
TAIL = 20


@dataclass(frozen=True, slots=True)
class Undefined:
    """Why a metric has no value."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What metrics are computed from; money 1e-8 USDT, times epoch ms UTC.

    ``midnights_e8`` int64[days]: equity at successive 00:00 UTC from the first to the last point of
    the equity curve, each that of the last point at or before it.
    ``net gross fees funding side bars`` int64[trades]; ``r mae_pct mfe_pct`` float64[trades], NaN
    where undefined. ``refused``: refused entries by code.
    """

    since_ms: int
    until_ms: int
    initial_e8: int
    final_e8: int
    fees_e8: int
    funding_e8: int
    slippage_e8: int
    turnover_e8: int
    worst_peak_e8: int
    worst_trough_e8: int
    longest_drawdown_ms: int
    bars_seen: int
    bars_held: int
    hold_return_pct: float
    midnights_e8: Int64
    side: Int64
    net: Int64
    gross: Int64
    bars: Int64
    r: npt.NDArray[np.float64]
    mae_pct: npt.NDArray[np.float64]
    mfe_pct: npt.NDArray[np.float64]
    refused: dict[Refusal, int]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric's declaration; ``of`` computes it from a :class:`_Day`-wise view of the facts."""

    name: str
    unit: str
    definition: str
    of: Callable[[_Figures], Value | Undefined]


class _Figures:
    """Facts with the series several metrics share."""

    def __init__(self, facts: RunFacts) -> None:
        self.facts = facts
        self.returns = daily_returns(facts.midnights_e8)
        self.wins = [net for net in facts.net.tolist() if net > 0]
        self.losses = [net for net in facts.net.tolist() if net < 0]

    def usdt(self, e8: int) -> float:
        return e8 / E8

    def of_side(self, side: int) -> list[int]:
        return [n for n, s in zip(self.facts.net.tolist(), self.facts.side.tolist(), strict=True)
                if s == side]  # fmt: skip


def daily_returns(midnights_e8: Int64) -> list[float]:
    """Simple returns between the equities at successive 00:00 UTC."""
    return [b / a - 1.0 for a, b in pairwise(midnights_e8.tolist())]


def _mean(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _deviation(values: Sequence[float], mean: float) -> float:
    total = 0.0
    for value in values:
        total += (value - mean) * (value - mean)
    return math.sqrt(total / (len(values) - 1))


def _sharpe(f: _Figures) -> Value | Undefined:
    if len(f.returns) < MIN_DAYS:
        return Undefined("under_30_days")
    mean = _mean(f.returns)
    deviation = _deviation(f.returns, mean)
    if deviation == 0.0:
        return Undefined("no_variation")
    return mean / deviation * math.sqrt(YEAR_DAYS)


def _sortino(f: _Figures) -> Value | Undefined:
    if len(f.returns) < MIN_DAYS:
        return Undefined("under_30_days")
    below = math.sqrt(_mean([min(r, 0.0) * min(r, 0.0) for r in f.returns]))
    if below == 0.0:
        return Undefined("no_losing_day")
    return _mean(f.returns) / below * math.sqrt(YEAR_DAYS)


def _cagr(f: _Figures) -> Value | Undefined:
    span_ms = f.facts.until_ms - f.facts.since_ms
    if span_ms < MIN_CAGR_DAYS * DAY_MS:
        return Undefined("under_90_days")
    if f.facts.final_e8 <= 0:
        return -100.0
    growth = f.facts.final_e8 / f.facts.initial_e8
    return 100.0 * (exp(log(growth) * (YEAR_MS / span_ms)) - 1.0)


def _drawdown(f: _Figures) -> float:
    peak = f.facts.worst_peak_e8
    return 100.0 * (peak - f.facts.worst_trough_e8) / peak


def _calmar(f: _Figures) -> Value | Undefined:
    growth, drawdown = _cagr(f), _drawdown(f)
    if isinstance(growth, Undefined) or growth is None:
        return growth
    return growth / drawdown if drawdown else Undefined("no_drawdown")


def _tail(f: _Figures) -> list[float] | Undefined:
    """The worst twentieth of the days, at least one."""
    if len(f.returns) < MIN_DAYS:
        return Undefined("under_30_days")
    return sorted(f.returns)[: -(-len(f.returns) // TAIL)]


def _var(f: _Figures) -> Value | Undefined:
    tail = _tail(f)
    return tail if isinstance(tail, Undefined) else -100.0 * tail[-1]


def _cvar(f: _Figures) -> Value | Undefined:
    tail = _tail(f)
    return tail if isinstance(tail, Undefined) else -100.0 * _mean(tail)


def _share(part: int, whole: int) -> Value | Undefined:
    return 100.0 * part / whole if whole else Undefined("no_trades")


def _rate(side: int) -> Callable[[_Figures], Value | Undefined]:
    def rate(f: _Figures) -> Value | Undefined:
        nets = f.of_side(side)
        return _share(len([net for net in nets if net > 0]), len(nets))

    return rate


def _profit_factor(f: _Figures) -> Value | Undefined:
    if not len(f.facts.net):
        return Undefined("no_trades")
    if not f.losses:
        return Undefined("no_losses")
    return float(sum(f.wins) / -sum(f.losses))


def _average(values: Callable[[_Figures], Sequence[int]]) -> Callable[[_Figures], Any]:
    def average(f: _Figures) -> Value | Undefined:
        found = values(f)
        return sum(found) / len(found) / E8 if len(found) else Undefined("none")

    return average


def _payoff(f: _Figures) -> Value | Undefined:
    if not f.wins or not f.losses:
        return Undefined("no_wins" if not f.wins else "no_losses")
    return float((sum(f.wins) / len(f.wins)) / (-sum(f.losses) / len(f.losses)))


def _mean_of(name: str) -> Callable[[_Figures], Value | Undefined]:
    def mean(f: _Figures) -> Value | Undefined:
        values = [v for v in getattr(f.facts, name).tolist() if v == v]
        return _mean(values) if values else Undefined("none")

    return mean


def _streak(sign: int) -> Callable[[_Figures], Value | Undefined]:
    def longest(f: _Figures) -> int:
        best = run = 0
        for net in f.facts.net.tolist():
            run = run + 1 if net * sign > 0 else 0
            best = max(best, run)
        return best

    return longest


METRICS: tuple[Metric, ...] = (
    Metric("initial_equity_usdt", "usdt", "Equity at the start.",
           lambda f: f.usdt(f.facts.initial_e8)),
    Metric("final_equity_usdt", "usdt", "Equity at the end, open profit included.",
           lambda f: f.usdt(f.facts.final_e8)),
    Metric("net_profit_usdt", "usdt", "Final less initial equity.",
           lambda f: f.usdt(f.facts.final_e8 - f.facts.initial_e8)),
    Metric("total_return_pct", "pct", "Net profit over initial equity.",
           lambda f: 100.0 * (f.facts.final_e8 - f.facts.initial_e8) / f.facts.initial_e8),
    Metric("cagr_pct", "pct", "Yearly growth over 365 days; null under 90 days.", _cagr),
    Metric("buy_and_hold_return_pct", "pct",
           "Last close over first open of the window, less 1; no costs.",
           lambda f: f.facts.hold_return_pct),
    Metric("max_drawdown_pct", "pct",
           "Largest fall from a peak of equity at fill-bar closes, over that peak.", _drawdown),
    Metric("max_drawdown_usdt", "usdt", "That fall in money.",
           lambda f: f.usdt(f.facts.worst_peak_e8 - f.facts.worst_trough_e8)),
    Metric("longest_drawdown_ms", "ms", "Longest time from a peak to its recovery, or to the end.",
           lambda f: f.facts.longest_drawdown_ms),
    Metric("sharpe", "ratio",
           "Mean over standard deviation (ddof 1) of daily returns, times sqrt(365).", _sharpe),
    Metric("sortino", "ratio",
           "Mean of daily returns over sqrt(mean(min(r, 0)^2)), times sqrt(365).", _sortino),
    Metric("calmar", "ratio", "CAGR over maximum drawdown.", _calmar),
    Metric("var_95_pct", "pct", "Historical one-day value at risk, a loss is positive.", _var),
    Metric("cvar_95_pct", "pct", "Mean loss of the worst twentieth of days.", _cvar),
    Metric("trades", "count", "Closed round trips.", lambda f: len(f.facts.net)),
    Metric("long_trades", "count", "Round trips from a long position.",
           lambda f: len(f.of_side(1))),
    Metric("short_trades", "count", "Round trips from a short position.",
           lambda f: len(f.of_side(-1))),
    Metric("wins", "count", "Trades with a positive net.", lambda f: len(f.wins)),
    Metric("losses", "count", "Trades with a negative net.", lambda f: len(f.losses)),
    Metric("win_rate_pct", "pct", "Wins over trades.",
           lambda f: _share(len(f.wins), len(f.facts.net))),
    Metric("long_win_rate_pct", "pct", "Wins over trades, long ones.", _rate(1)),
    Metric("short_win_rate_pct", "pct", "Wins over trades, short ones.", _rate(-1)),
    Metric("profit_factor", "ratio", "Sum of winning nets over sum of losing nets.",
           _profit_factor),
    Metric("payoff", "ratio", "Average winning net over average losing net.", _payoff),
    Metric("expectancy_usdt", "usdt", "Average net of a trade.",
           _average(lambda f: f.facts.net.tolist())),
    Metric("average_win_usdt", "usdt", "Average net of a winning trade.",
           _average(lambda f: f.wins)),
    Metric("average_loss_usdt", "usdt", "Average net of a losing trade.",
           _average(lambda f: f.losses)),
    Metric("average_r", "R", "Average of gross over risk at entry, trades with a stop.",
           _mean_of("r")),
    Metric("average_mae_pct", "pct", "Average worst move against a trade.", _mean_of("mae_pct")),
    Metric("average_mfe_pct", "pct", "Average best move with a trade.", _mean_of("mfe_pct")),
    Metric("average_bars", "bars", "Average clock closes a trade was open.", _mean_of("bars")),
    Metric("win_streak", "count", "Most winning trades in a row.", _streak(1)),
    Metric("loss_streak", "count", "Most losing trades in a row.", _streak(-1)),
    Metric("exposure_pct", "pct", "Fill bars that closed with a position, over all.",
           lambda f: _share(f.facts.bars_held, f.facts.bars_seen)),
    Metric("turnover_usdt", "usdt", "Notional of all fills.",
           lambda f: f.usdt(f.facts.turnover_e8)),
    Metric("fees_usdt", "usdt", "Fees paid.", lambda f: f.usdt(f.facts.fees_e8)),
    Metric("net_funding_usdt", "usdt", "Funding received less paid.",
           lambda f: f.usdt(f.facts.funding_e8)),
    Metric("slippage_usdt", "usdt", "What fills lost against their price before slippage.",
           lambda f: f.usdt(f.facts.slippage_e8)),
    Metric("refused_entries", "count", "Entries refused on arrival, all codes.",
           lambda f: sum(f.facts.refused.values())),
)  # fmt: skip


def compute_metrics(facts: RunFacts) -> dict[str, dict[str, Any]]:
    """Every metric as ``{value, unit}``, with a ``reason`` beside a null; refused entries also by
    code, as ``refused_<code>``."""
    figures = _Figures(facts)
    found: dict[str, dict[str, Any]] = {}
    for metric in METRICS:
        value = metric.of(figures)
        if isinstance(value, Undefined):
            found[metric.name] = {"value": None, "unit": metric.unit, "reason": value.reason}
            continue
        rounded = round_metric(value) if isinstance(value, float) else value
        found[metric.name] = {"value": rounded, "unit": metric.unit}
    for code, count in sorted(facts.refused.items()):
        found[f"refused_{code.text}"] = {"value": count, "unit": "count"}
    return found
