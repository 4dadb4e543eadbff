"""The shape of an indicator's declaration, the only place where it is described.

The play loader (names, parameters, bounds), the feature compiler (state, warm-up), the generated
reference and :func:`engine.indicators.compute` all read these declarations; none keeps a list of
its own (M11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.errors import IndicatorError
from engine.play.ast import Type

#: One float64 column or state vector; the block of columns float64[rows, bars]; row numbers.
Vector = npt.NDArray[np.float64]
Block = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

ParamType = Literal["int", "float", "percent", "bool", "choice"]
Params = tuple[float, ...]

#: Longest window of the language, in bars.
LENGTH_MAX = 5000


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One parameter. ``low`` and ``high`` are inclusive bounds of numbers; ``choices`` the closed
    set of a choice. ``default`` None means the author must give it. A kernel sees every parameter
    as float64: a percent in percent, a bool as 0 or 1, a choice as its place in ``choices``."""

    name: str
    type: ParamType
    default: Decimal | bool | str | None
    low: Decimal | None = None
    high: Decimal | None = None
    choices: tuple[str, ...] = ()

    def problem(self, value: object) -> str | None:
        """Why ``value`` is not legal here, in words, or None when it is."""
        if self.type == "choice":
            if value in self.choices:
                return None
            close = get_close_matches(str(value), self.choices, 1)
            meant = f"; did you mean {close[0]}?" if close else ""
            return f"{self.name} must be one of {', '.join(self.choices)}, not {value!r}{meant}"
        if self.type == "bool":
            return None if isinstance(value, bool) else f"{self.name} must be true or false"
        number = _decimal(value)
        if number is None:
            return f"{self.name} must be a number, not {value!r}"
        if self.type == "int" and number != number.to_integral_value():
            return f"{self.name} must be a whole number, not {value}"
        if (self.low is not None and number < self.low) or (
            self.high is not None and number > self.high
        ):
            return f"{self.name} must be from {self.low} to {self.high}, not {value}"
        return None

    def as_float(self, value: object) -> float:
        """The kernel's float64 of a legal value."""
        if self.type == "choice":
            return float(self.choices.index(str(value)))
        return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output; a single-output indicator's is called ``value``. Kernels emit float64: bool and
    event as 0 or 1, an enum as its place in ``members``, missing as NaN. ``undefined``: when the
    output has no value though the indicator is ready (C4), in words; empty when it always has one
    but for 0/0."""

    name: str
    type: Type = Type.FLOAT
    members: tuple[str, ...] = ()
    undefined: str = ""


def _no_time(params: Params) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """Declaration of one indicator.

    ``inputs``: ``("source",)`` when the author names the source, else the bar's columns it reads
    (``open high low close volume``; ``open_ms``, the bar's open as float64 epoch ms) and outputs
    of structures: ``swing.high_version`` is the output ``high_version``, as float64, of the
    structure that the play gives as the parameter ``swing`` (before all others, see
    ``structures``); a version counts from 0, where nothing has happened yet.
    ``kernel(p, s, F, ins, outs, lo, hi, i0)``: advances state ``s`` over bars ``lo .. hi - 1`` of
    the block ``F`` (float64[rows, bars]), reading rows ``ins`` and writing every cell of rows
    ``outs``; ``p`` are the parameters in declared order, ``i0`` is the absolute index of bar
    ``lo``. An all-zero ``s`` is a fresh start. Any split of the bars gives the same bits.
    ``state_size(params)``: float64 cells of ``s``.
    ``first_valid(params)``: index of the first bar at which every output is ready, for complete
    input from bar 0. Readiness is a count of bars, never the absence of NaN (C4).
    ``warmup_bars(params, weight)``: bars until the weight of how it started is below ``weight``
    (a finite window: its length).
    ``warmup_ms(params)``: time that must have passed besides, for what follows the calendar.
    ``history_dependent``: the value depends on where history begins, however long ago;
    ``history_dependent_if(params)`` narrows it to some parameters.
    ``rule(params)``: what is wrong between parameters that are legal one by one, or None.
    """

    name: str
    summary: str
    formula: str
    source: str
    inputs: tuple[str, ...]
    params: tuple[ParamSpec, ...]
    outputs: tuple[OutputSpec, ...]
    kernel: Any
    state_size: Callable[[Params], int]
    first_valid: Callable[[Params], int]
    warmup_bars: Callable[[Params, float], int]
    warmup_ms: Callable[[Params], int] = _no_time
    history_dependent: bool = False
    history_dependent_if: Callable[[Params], bool] | None = None
    rule: Callable[[Params], str | None] | None = None

    @property
    def takes_source(self) -> bool:
        return self.inputs == ("source",)

    @property
    def structures(self) -> tuple[str, ...]:
        """The parameters that name a structure of the play, in the order of ``inputs``."""
        owners = (name.partition(".")[0] for name in self.inputs if "." in name)
        return tuple(dict.fromkeys(owners))

    def depends_on_history(self, params: Params) -> bool:
        """Whether the value with these parameters depends on where history begins."""
        if self.history_dependent_if is None:
            return self.history_dependent
        return self.history_dependent and self.history_dependent_if(params)

    def resolve(self, given: Mapping[str, object]) -> Params:
        """Kernel parameters of ``given``, defaults filled in, in declared order.

        Raises IndicatorError (PARAM_UNKNOWN, PARAM_MISSING, PARAM_INVALID); nothing falls back.
        """
        where = f"indicator {self.name}"
        names = [param.name for param in self.params]
        for name in given:
            if name not in names:
                close = get_close_matches(name, names, 1)
                raise IndicatorError(
                    f"unknown parameter {name}",
                    where=where,
                    hint=(f"did you mean {close[0]}? " if close else "")
                    + f"parameters: {', '.join(names) or 'none'}",
                    code="PARAM_UNKNOWN",
                )
        values = []
        for param in self.params:
            value = given.get(param.name, param.default)
            if value is None:
                raise IndicatorError(
                    f"parameter {param.name} is missing", where=where, code="PARAM_MISSING"
                )
            problem = param.problem(value)
            if problem is not None:
                raise IndicatorError(problem, where=where, code="PARAM_INVALID")
            values.append(param.as_float(value))
        resolved = tuple(values)
        problem = self.rule(resolved) if self.rule is not None else None
        if problem is not None:
            raise IndicatorError(problem, where=where, code="PARAM_INVALID")
        return resolved


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | np.number):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def length_param(default: int, *, name: str = "length", low: int = 1) -> ParamSpec:
    """A whole number of bars, up to LENGTH_MAX."""
    return ParamSpec(name, "int", Decimal(default), Decimal(low), Decimal(LENGTH_MAX))


def number_param(name: str, default: str, low: str, high: str) -> ParamSpec:
    return ParamSpec(name, "float", Decimal(default), Decimal(low), Decimal(high))


#: Members of every direction, in the order kernels number them.
DIRECTIONS = ("up", "down", "none")


def outputs(*names: str) -> tuple[OutputSpec, ...]:
    """Float outputs of the given names; none given: the single ``value``."""
    return tuple(OutputSpec(name) for name in names or ("value",))


_LOG_CONTEXT = Context(prec=28)


def decay_bars(bars_per_e: float, weight: float) -> int:
    """Bars in which a weight falling by a factor e every ``bars_per_e`` bars falls to ``weight``:
    ceil(ln(1/weight) * bars_per_e), in decimal arithmetic, so the same on every machine."""
    if not 0 < weight < 1:
        raise IndicatorError(f"a warm-up weight lies between 0 and 1, not {weight}")
    log = -Decimal(repr(float(weight))).ln(_LOG_CONTEXT)
    return int((log * Decimal(repr(bars_per_e))).to_integral_value(ROUND_CEILING))


def ema_bars(length: float, weight: float) -> int:
    """Warm-up of an EMA: ln(1/w) (L + 1) / 2 bars, at least its seed."""
    return max(int(length), decay_bars((length + 1) / 2, weight))


def rma_bars(length: float, weight: float) -> int:
    """Warm-up of Wilder's average: ln(1/w) L bars, at least its seed."""
    return max(int(length), decay_bars(length, weight))
