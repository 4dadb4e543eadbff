"""The constants of a run: a play's risk and entry, the config and the instrument, as integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from engine.config import RunConfig
from engine.errors import ConfigError, InstrumentError
from engine.exchange.codes import (
    AmountKind,
    OrderType,
    SizeKind,
    Source,
    StopKind,
    TargetKind,
    TimeInForce,
)
from engine.exchange.instrument import Instrument, Scale
from engine.exchange.layout import Param, Term, Tier
from engine.measures import Measure
from engine.play.model import Amount, Play, Stop, Target, Trail

Int64 = npt.NDArray[np.int64]

E8 = 10**8
#: Largest multiple of R, of a measure, or percent fraction, times 1e8.
_LARGEST_RATIO = 10**6 * E8
#: Steps of leverage the ledger counts in.
_LEVERAGE_STEPS = 100

_STOP_KINDS = {
    "none": StopKind.NONE,
    "price": StopKind.PRICE,
    "atr": StopKind.DISTANCE,
    "level": StopKind.LEVEL,
    "roi": StopKind.ROI,
    "points": StopKind.POINTS,
}
_TARGET_KINDS = {
    "price": TargetKind.PRICE,
    "atr": TargetKind.DISTANCE,
    "level": TargetKind.LEVEL,
    "roi": TargetKind.ROI,
    "points": TargetKind.POINTS,
    "rr": TargetKind.RR,
}
_SIZE_KINDS = {
    "risk": SizeKind.RISK,
    "margin": SizeKind.MARGIN,
    "notional": SizeKind.NOTIONAL,
    "qty": SizeKind.QTY,
}
_TIFS = {
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "post_only": TimeInForce.POST_ONLY,
}
SOURCES = {"last": Source.LAST, "mark": Source.MARK, "index": Source.INDEX}


def exact(value: Decimal, scale: int, what: str) -> int:
    """``value * scale`` as a whole number, or a ConfigError ``PRECISION``."""
    scaled = value * scale
    if scaled != scaled.to_integral_value() or not 0 <= scaled <= _LARGEST_RATIO:
        raise ConfigError(
            f"{what} {value} is finer or larger than the exchange computes with",
            where="risk",
            hint="at most 8 decimals as a fraction",
            code="PRECISION",
        )
    return int(scaled)


@dataclass(frozen=True, slots=True)
class Terms:
    """The constants of a run: ``params`` int64 as :mod:`engine.exchange.layout` lays them out, and
    ``scales`` float64[2, Measure.COUNT]: a factor and a summand that move each measure."""

    params: Int64
    scales: npt.NDArray[np.float64]


def run_values(config: RunConfig, instrument: Instrument, scale: Scale) -> dict[Param, int]:
    """The cells that do not depend on the play."""
    resolved = config.resolved()
    return {
        Param.VALUE_E8: scale.value_e8,
        Param.TICK_UNITS: scale.tick_units,
        Param.UNIT_E8: 10 ** (8 - scale.price_decimals),
        Param.MAX_LOTS: scale.max_lots,
        Param.FITTING_LOTS: scale.fitting_lots,
        Param.MIN_LOTS: scale.min_lots,
        Param.MIN_NOTIONAL_E8: scale.min_notional_e8,
        Param.MAX_LEVERAGE_E2: int(_highest_leverage(instrument) * _LEVERAGE_STEPS),
        Param.TAKER_E7: resolved["fees"]["taker_e7"],
        Param.MAKER_E7: resolved["fees"]["maker_e7"],
        Param.SLIPPAGE_E7: resolved["slippage_e7"],
        Param.SLIPPAGE_STOP_E7: resolved["slippage_stop_e7"],
        Param.TOUCH: config.fill == "touch",
        Param.PESSIMISTIC: config.path == "pessimistic",
        Param.BRACKETS_ON_ENTRY_BAR: config.brackets_on_entry_bar,
        Param.LIQUIDATION: config.liquidation == "on",
        Param.PARTICIPATION: config.participation is not None,
        Param.LATENCY_MS: config.latency_ms,
    }


def _highest_leverage(instrument: Instrument) -> Decimal:
    """What the leverage filter and at least one risk tier allow."""
    tiers = [tier.max_leverage for tier in instrument.risk_tiers]
    return min(instrument.max_leverage, max(tiers)) if tiers else instrument.max_leverage


def assemble(
    values: Mapping[Param, int],
    instrument: Instrument,
    terms: Sequence[Mapping[int, int]],
    exits: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> Int64:
    """``P``: the cells, the risk ladder, one record for each of ``terms``, and the fractions
    (1e-8) that the exit alternatives of long and short close.

    Raises InstrumentError ``RISK_TIERS_MISSING`` when liquidation is on without a ladder.
    """
    tiers = instrument.risk_tiers
    if values[Param.LIQUIDATION] and not tiers:
        raise InstrumentError(
            f"no risk tiers of {instrument.symbol}",
            where="liquidation=on",
            hint="sync its instrument and risk_tiers from the venue, or set liquidation=off",
            code="RISK_TIERS_MISSING",
        )
    ladder = [
        cell
        for tier in tiers
        for cell in (
            int(tier.cap_usdt * E8),
            int(tier.rate * E8),
            int(tier.deduction_usdt * E8),
            int(tier.max_leverage * _LEVERAGE_STEPS),
        )
    ]
    cells = [0] * Param.TIERS
    for param, number in values.items():
        cells[param] = int(number)
    cells[Param.TIER_COUNT] = len(tiers)
    cells[Param.EXITS] = Param.TIERS + len(ladder) + Term.SIZE * len(terms)
    cells[Param.EXITS_LONG], cells[Param.EXITS_SHORT] = len(exits[0]), len(exits[1])
    cells += ladder
    for term in terms:
        record = [0] * Term.SIZE
        for cell, value in term.items():
            record[cell] = int(value)
        cells += record
    return np.array([*cells, *exits[0], *exits[1]], np.int64)


def term_offset(params: Int64, k: int) -> int:
    """Where record ``k`` of the terms begins."""
    return int(Param.TIERS + Tier.SIZE * params[Param.TIER_COUNT] + Term.SIZE * k)


def terms_of(play: Play, config: RunConfig, instrument: Instrument, scale: Scale) -> Terms:
    """The constants of a run of ``play``; ConfigError for what cannot be computed exactly."""
    if play.risk.leverage % instrument.leverage_step != 0:
        raise ConfigError(
            f"leverage {play.risk.leverage} is not a multiple of {instrument.leverage_step}",
            where="risk.leverage",
            hint=f"the step of {instrument.symbol}",
        )
    compiler = _PlayTerms(play, config, scale)
    values = run_values(config, instrument, scale) | compiler.play_values(instrument.qty_step)
    exits = tuple(
        [exact(rule.close_pct / 100, E8, "close") for rule in play.rule(kind)]
        for kind in ("exit_long", "exit_short")
    )
    params = assemble(values, instrument, [compiler.term()], (exits[0], exits[1]))
    return Terms(params, compiler.scales)


class _PlayTerms:
    def __init__(self, play: Play, config: RunConfig, scale: Scale) -> None:
        self._play, self._config, self._scale = play, config, scale
        self._unit_e8 = 10 ** (8 - scale.price_decimals)
        self.scales = np.zeros((2, Measure.COUNT), np.float64)
        self.scales[0] = 1.0

    def play_values(self, qty_step: Decimal) -> dict[Param, int]:
        play, entry, limits = self._play, self._play.entry, self._play.limits
        size = play.risk.size
        amount = size.value / 100
        if size.kind == "notional":
            value = min(int(size.value * E8), 2**62)
        elif size.kind == "qty":
            value = min(int(size.value / qty_step), 2**31)
        else:
            value = exact(amount, E8, "size")
        kind = {"market": OrderType.MARKET, "limit": OrderType.LIMIT, "stop": OrderType.STOP}
        order = kind[entry.order]
        if order is OrderType.STOP and entry.limit is not None:
            order = OrderType.STOP_LIMIT
            self._sided(Measure.LIMIT_LONG, None, 1)
        if order is not OrderType.MARKET:
            # Away from the market: a buy limit and a sell stop down, the others up.
            self._sided(Measure.PRICE_LONG, entry.offset, -1 if order is OrderType.LIMIT else 1)
        drawdown = play.risk.max_drawdown_pct
        loss = limits.daily_loss_pct
        return {
            Param.SIZE_KIND: _SIZE_KINDS[size.kind],
            Param.SIZE_VALUE: value,
            Param.ENTRY_TYPE: order,
            Param.ENTRY_TIF: _TIFS[entry.tif],
            Param.ENTRY_SOURCE: SOURCES[self._config.trigger_by],
            Param.EXPIRES: entry.expires_bars or 0,
            Param.REPLACE: entry.pending == "replace",
            Param.CANCELS: entry.cancel_when is not None,
            Param.MAX_DRAWDOWN_E8: exact(drawdown / 100, E8, "max_drawdown") if drawdown else 0,
            Param.MAX_TRADES_PER_DAY: limits.max_trades_per_day or 0,
            Param.COOLDOWN: limits.cooldown_bars or 0,
            Param.MAX_BARS: limits.max_bars or 0,
            Param.DAILY_LOSS_E8: exact(loss / 100, E8, "daily_loss") if loss else 0,
        }

    def term(self) -> dict[int, int]:
        """The record of the play's brackets."""
        risk = self._play.risk
        source = SOURCES[self._config.trigger_by]
        cells: dict[int, int] = {
            Term.LEVERAGE_E2: int(risk.leverage * _LEVERAGE_STEPS),
            Term.STOP_KIND: _STOP_KINDS[risk.stop.kind],
            Term.STOP_VALUE_E8: self._value(risk.stop, "stop"),
            Term.STOP_SOURCE: source,
            Term.TARGET_COUNT: len(risk.targets),
        }
        self._measured(risk.stop, Measure.STOP_LONG, Measure.STOP_SHORT, -1)
        for k, target in enumerate(risk.targets):
            cells[Term.TARGET_KIND + k] = _TARGET_KINDS[target.kind]
            cells[Term.TARGET_VALUE_E8 + k] = self._value(target, "target")
            cells[Term.TARGET_CLOSE_E8 + k] = exact(target.close_pct / 100, E8, "close")
            cells[Term.TARGET_IS_MARKET + k] = target.order == "market"
            cells[Term.TARGET_SOURCE + k] = source
            self._measured(target, Measure.TARGET_LONG + k, Measure.TARGET_SHORT + k, 1)
        if risk.trail is not None:
            cells[Term.TRAIL_KIND] = _STOP_KINDS[risk.trail.kind]
            cells[Term.TRAIL_VALUE_E8] = self._value(risk.trail, "trail")
            kind, value = self._amount(risk.trail.after, "trail.after")
            cells |= {Term.AFTER_KIND: kind, Term.AFTER_VALUE_E8: value}
        if risk.break_even is not None:
            kind, value = self._amount(risk.break_even.at, "break_even.at")
            cells |= {Term.BREAK_EVEN_KIND: kind, Term.BREAK_EVEN_VALUE_E8: value}
            kind, value = self._amount(risk.break_even.offset, "break_even.offset")
            cells |= {Term.OFFSET_KIND: kind, Term.OFFSET_VALUE: value}
        return cells

    def _value(self, part: Stop | Target | Trail, what: str) -> int:
        """What a bracket states itself, in 1e-8: a fraction, a multiple of R, a distance."""
        if part.kind in ("price", "roi"):
            return exact(part.value / 100, E8, what)
        if part.kind in ("rr", "atr"):
            return exact(part.value, E8, what)
        if part.kind == "points":
            if part.unit == "ticks":
                return exact(part.value, self._scale.tick_units * self._unit_e8, what)
            return exact(part.value, E8, what)
        return 0

    def _amount(self, amount: Amount | None, what: str) -> tuple[int, int]:
        if amount is None:
            return AmountKind.NONE, 0
        if amount.unit == "R":
            return AmountKind.R, exact(amount.value, E8, what)
        if amount.unit == "ticks":
            return AmountKind.POINTS, self._ticks_e8(amount.value, what)
        return AmountKind.PRICE, exact(amount.value / 100, E8, what)

    def _ticks_e8(self, ticks: Decimal, what: str) -> int:
        return exact(ticks, self._scale.tick_units * self._unit_e8, what)

    def _measured(self, part: Stop | Target, long: int, short: int, away: int) -> None:
        if part.kind == "level":
            self._moved(long, part.offset, away)
            self._moved(short, part.offset, -away)

    def _sided(self, long: int, offset: Amount | None, away: int) -> None:
        self._moved(long, offset, away)
        self._moved(long + 1, offset, -away)

    def _moved(self, row: int, offset: Amount | None, away: int) -> None:
        """A price measure moved by ``offset`` up (``away`` 1) or down."""
        if offset is None:
            return
        if offset.unit == "ticks":
            ticks = offset.value * self._scale.tick_units * self._unit_e8 / E8
            self.scales[1, row] = away * float(ticks)
        else:
            self.scales[0, row] = 1.0 + away * float(offset.value) / 100.0
