"""Drives the compiled exchange over a run: constants, state, output segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.config import RunConfig
from engine.errors import ConfigError, LedgerError
from engine.exchange.codes import SizeKind, StopKind, TargetKind
from engine.exchange.instrument import Scale
from engine.exchange.layout import ROW_WIDTH, Param, State, Table
from engine.exchange.orders import close_at_end
from engine.exchange.prices import PriceColumns
from engine.exchange.step import BROKEN, ROWS_PER_BAR, finish, step_block
from engine.play.model import Risk

Int64 = npt.NDArray[np.int64]

E8 = 10**8
#: Rows handed in at a time; results do not depend on it.
SEGMENT_ROWS = 4096
#: Largest multiple of R, of a measure, or percent fraction, times 1e8.
_LARGEST_RATIO = 10**6 * E8

_STOP_KINDS = {"none": StopKind.NONE, "price": StopKind.PRICE, "atr": StopKind.DISTANCE}
_TARGET_KINDS = {"price": TargetKind.PRICE, "rr": TargetKind.RR, "atr": TargetKind.DISTANCE}
_SIZE_KINDS = {"risk": SizeKind.RISK, "notional": SizeKind.NOTIONAL, "qty": SizeKind.QTY}


class ClockCloses(Protocol):
    """What the exchange reads of a block's clock closes (see ``engine.features.ClockBlock``)."""

    @property
    def close_ms(self) -> Int64: ...
    @property
    def base_index(self) -> Int64: ...
    @property
    def truth(self) -> npt.NDArray[np.uint8]: ...
    @property
    def alternative(self) -> npt.NDArray[np.int16]: ...
    @property
    def stop_of(self) -> npt.NDArray[np.float64]: ...
    @property
    def target_of(self) -> npt.NDArray[np.float64]: ...


def _exact(value: Decimal, scale: int, what: str) -> int:
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
    """The constants of a run: ``params`` int64 by :class:`Param`, and ``scales`` float64[2], the
    multiples of the stop's and the target's measure times units per USDT."""

    params: Int64
    scales: npt.NDArray[np.float64]


def terms_of(risk: Risk, config: RunConfig, scale: Scale, qty_step: Decimal) -> Terms:
    """The constants of a run of a play with ``risk``; what is not built raises ConfigError."""
    if risk.leverage != 1:
        raise ConfigError(
            f"leverage {risk.leverage} needs liquidation, which is not built yet",
            where="risk.leverage",
            hint="write leverage: 1",
            code="NOT_BUILT",
        )
    if len(risk.targets) > 1 or any(target.close_pct != 100 for target in risk.targets):
        raise ConfigError(
            "targets that close a part of the position are not built yet",
            where="risk.target",
            hint="write one target that closes all",
            code="NOT_BUILT",
        )
    params = np.zeros(Param.SIZE, np.int64)
    resolved = config.resolved()
    values = {
        Param.VALUE_E8: scale.value_e8,
        Param.TICK_UNITS: scale.tick_units,
        Param.MAX_LOTS: scale.max_lots,
        Param.MIN_LOTS: scale.min_lots,
        Param.MIN_NOTIONAL_E8: scale.min_notional_e8,
        Param.TAKER_E7: resolved["fees"]["taker_e7"],
        Param.MAKER_E7: resolved["fees"]["maker_e7"],
        Param.SLIPPAGE_E7: resolved["slippage_e7"],
        Param.SLIPPAGE_STOP_E7: resolved["slippage_stop_e7"],
        Param.LEVERAGE_E2: 100,
        Param.TOUCH: config.fill == "touch",
        Param.PESSIMISTIC: config.path == "pessimistic",
        Param.BRACKETS_ON_ENTRY_BAR: config.brackets_on_entry_bar,
        Param.SIZE_KIND: _SIZE_KINDS[risk.size.kind],
        Param.SIZE_VALUE: _size_value(risk, qty_step),
        Param.STOP_KIND: _STOP_KINDS[risk.stop.kind],
    }
    scales = np.zeros(2, np.float64)
    if risk.stop.kind == "price":
        values[Param.STOP_VALUE_E8] = _exact(risk.stop.value / 100, E8, "stop")
    elif risk.stop.kind == "atr":
        scales[0] = float(risk.stop.value * scale.units_per_usdt)
    for target in risk.targets:
        values[Param.TARGET_KIND] = _TARGET_KINDS[target.kind]
        values[Param.TARGET_IS_MARKET] = target.order == "market"
        if target.kind == "atr":
            scales[1] = float(target.value * scale.units_per_usdt)
        else:
            fraction = target.value / 100 if target.kind == "price" else target.value
            values[Param.TARGET_VALUE_E8] = _exact(fraction, E8, "target")
    for name, value in values.items():
        params[name] = int(value)
    return Terms(params, scales)


def _size_value(risk: Risk, qty_step: Decimal) -> int:
    if risk.size.kind == "risk":
        return _exact(risk.size.value / 100, E8, "size")
    if risk.size.kind == "notional":
        return min(int(risk.size.value * E8), 2**62)
    return min(int(risk.size.value / qty_step), 2**31)


@dataclass(slots=True)
class SimulatedExchange:
    """One account on one instrument, stepped block by block over fill bars.

    ``state`` is everything it knows (int64 by :class:`State`); rows it has written collect in
    ``segments``, equity points in ``points`` int64[4, :] (time, equity, peak, signed lots).
    """

    terms: Terms
    prices: PriceColumns
    open_ms: Int64
    close_ms: Int64
    funding_ms: Int64
    funding_rate_e8: Int64
    points: Int64
    state: Int64 = field(default_factory=lambda: np.zeros(State.SIZE, np.int64))
    point_count: int = 0
    segments: list[list[Int64]] = field(default_factory=lambda: [[] for _ in Table])
    _rows: Int64 = field(
        default_factory=lambda: np.zeros((len(Table), SEGMENT_ROWS, ROW_WIDTH), np.int64)
    )

    def open_account(self, equity_e8: int, since_ms: int) -> None:
        """Start with ``equity_e8`` and no position at ``since_ms``."""
        state = self.state
        for cell in (
            State.INITIAL_E8,
            State.WALLET_E8,
            State.PEAK_E8,
            State.TROUGH_E8,
            State.WORST_PEAK_E8,
            State.WORST_TROUGH_E8,
        ):
            state[cell] = equity_e8
        state[State.PEAK_MS] = since_ms
        state[State.TRADE_ID] = -1

    def step(self, first: int, last: int, clock: ClockCloses, clock_from: int) -> Int64:
        """Step the fill bars ``[first, last)``; ``clock.base_index`` counts from ``first``.

        Clock closes before ``clock_from`` are warm-up. Returns the decisions made, int64[d, :] by
        ``DecisionRow``, with ``CLOCK_INDEX`` a row of ``clock``.
        """
        prices, made = self.prices, len(self.segments[Table.DECISIONS])
        block = slice(first, last)
        base_point = self.point_count - clock_from
        target_of = clock.target_of if len(clock.target_of) else clock.stop_of.reshape(1, -1)
        mark_before = int(prices.mark_close[first - 1]) if first else 0
        at, j = 0, clock_from
        while at < last - first:
            reached, j = step_block(
                self.state,
                self.terms.params,
                self._rows,
                self.points,
                self.open_ms[block],
                prices.open[block],
                prices.high[block],
                prices.low[block],
                prices.close[block],
                prices.mark_open[block],
                prices.mark_close[block],
                self.close_ms[block],
                mark_before,
                self.funding_ms,
                self.funding_rate_e8,
                clock.close_ms,
                clock.base_index,
                clock.truth,
                clock.alternative,
                clock.stop_of,
                target_of,
                self.terms.scales,
                at,
                j,
                base_point,
            )
            if reached == BROKEN:
                raise LedgerError("initial + gross - fees + funding is not the wallet")
            if reached < last - first and not self._take_rows() and reached == at:
                self._widen()
            at = reached
        self._take_rows()
        self.point_count += len(clock.close_ms) - clock_from
        decisions = self.segments[Table.DECISIONS][made:]
        return np.concatenate(decisions) if decisions else np.empty((0, ROW_WIDTH), np.int64)

    def finish(self, until_ms: int, *, close: bool) -> None:
        """End of data at ``until_ms``: close the position if asked to, write the last point."""
        last_close, last_mark = int(self.prices.close[-1]), int(self.prices.mark_close[-1])
        if close and self.state[State.SIDE] != 0:
            self._widen_for(int(self.state[State.LOTS]))
            close_at_end(self.state, self.terms.params, self._rows, until_ms, last_close)
            self._take_rows()
        if not finish(
            self.state, self.terms.params, self.points, self.point_count, until_ms, last_mark
        ):
            raise LedgerError("initial + gross - fees + funding is not the final wallet")
        self.point_count += 1

    def rows(self, table: Table) -> Int64:
        """Every row written to ``table``, int64[rows, :]."""
        parts = self.segments[table]
        return np.concatenate(parts) if parts else np.empty((0, ROW_WIDTH), np.int64)

    def _take_rows(self) -> bool:
        """Move what was written out of the segment; whether there was anything."""
        counts = self.state[State.ROWS : State.ROWS + len(Table)]
        taken = False
        for table, count in enumerate(counts.tolist()):
            if count:
                self.segments[table].append(self._rows[table, :count].copy())
                taken = True
        counts[:] = 0
        return taken

    def _widen(self) -> None:
        self._widen_for(int(self.state[State.LOTS]))

    def _widen_for(self, lots: int) -> None:
        """Make the segment large enough for a bar that closes ``lots`` in pieces."""
        need = ROWS_PER_BAR + 2 * (lots // int(self.terms.params[Param.MAX_LOTS]) + 2)
        if need > self._rows.shape[1]:
            self._rows = np.zeros((len(Table), 2 * need, ROW_WIDTH), np.int64)
