"""Numbers with units, in expressions and as values: ``12 0.5 1e-5 3% 5bps 2R 4h 5 bars``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

from engine.play.ast import Literal, Type
from engine.play.issues import Code, nearest
from engine.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, Timeframe

#: Arithmetic on constants of a play; wide enough to be exact for every number allowed below.
DECIMAL = Context(prec=80)
MAX_DIGITS = 30
MAX_EXPONENT = 30

DURATION_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
UNITS = ("%", "bps", "R", "bars", "tick", *DURATION_MS)

_SHAPE = re.compile(
    r"(?P<sign>[+-]?)(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?P<unit>%|[A-Za-z]\w*)?", re.A
)
_SINGULAR = {"bar": "bars", "ticks": "tick", "bp": "bps"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written and its unit ("" without one)."""

    value: Decimal
    unit: str

    @property
    def is_int(self) -> bool:
        """Written as a whole number, without point or exponent."""
        return self.unit == "" and self.value.as_tuple().exponent == 0


@dataclass(frozen=True, slots=True)
class QuantityProblem:
    """Why a text is no quantity."""

    code: Code
    message: str
    hint: str


def looks_like_quantity(text: str) -> bool:
    """Whether ``text`` begins as a number would, signed or not."""
    return bool(re.match(r"[+-]?\.?\d", text, re.A))


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Quantity | QuantityProblem:
    """The quantity written as ``text`` (optionally signed), or what is wrong with it."""
    shape = _SHAPE.fullmatch(text.strip())
    if shape is None:
        hint = "write 12, 0.5, 1e-5 or a quantity such as 3%, 5bps, 2R, 4h, 5 bars"
        if "_" in text or "," in text:
            hint = "write the digits without separators"
        return QuantityProblem(Code.NUMBER, f"{text[:40]!r} is not a number", hint)
    number, unit = shape["number"], shape["unit"] or ""
    if len(number) > 1 and number[0] == "0" and number[1].isdigit():
        plain = number.lstrip("0") or "0"
        return QuantityProblem(
            Code.NUMBER, f"{number[:40]!r} has a leading zero", f"write {plain[:40]}"
        )
    value = Decimal(number)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if len(value.as_tuple().digits) > MAX_DIGITS or abs(exponent) > MAX_EXPONENT:
        return QuantityProblem(
            Code.NUMBER,
            f"{number[:40]!r} is beyond what is computed with",
            f"at most {MAX_DIGITS} digits and exponents to {MAX_EXPONENT}",
        )
    unit = _SINGULAR.get(unit, unit)
    if unit and unit not in UNITS:
        guess = nearest(unit, UNITS)
        allowed = "allowed: " + ", ".join(UNITS)
        hint = f"did you mean {guess!r}? {allowed}" if guess else allowed
        return QuantityProblem(Code.UNIT, f"unknown unit {unit[:40]!r}", hint)
    if unit in {"bars", "tick"} and exponent < 0:
        return QuantityProblem(Code.NUMBER, f"{text[:40]!r} is not a whole number of {unit}", "")
    return Quantity(value.copy_negate() if shape["sign"] == "-" else value, unit)


def literal_of(quantity: Quantity) -> Literal | None:
    """The literal a quantity states; None for bars and ticks, which are counts, not values.

    Percent and bps become percent (100bps = 1%), durations milliseconds.
    """
    value, unit = quantity.value, quantity.unit
    if unit == "":
        return Literal(Type.INT if quantity.is_int else Type.FLOAT, value)
    if unit == "%":
        return Literal(Type.PERCENT, value)
    if unit == "bps":
        return Literal(Type.PERCENT, DECIMAL.divide(value, Decimal(100)))
    if unit == "R":
        return Literal(Type.R, value)
    if unit in DURATION_MS:
        return Literal(Type.DURATION, DECIMAL.multiply(value, Decimal(DURATION_MS[unit])))
    return None


def whole_bars(literal: Literal, timeframe: Timeframe) -> int | None:
    """Bars an int or a duration states; None when it is neither, or no whole number of bars."""
    value = literal.value
    if not isinstance(value, Decimal):
        return None
    if literal.type is Type.INT:
        return int(value)
    bar_ms = Decimal(timeframe.ms)
    if literal.type is not Type.DURATION or timeframe.is_month:
        return None
    return None if DECIMAL.remainder(value, bar_ms) else int(DECIMAL.divide_int(value, bar_ms))
