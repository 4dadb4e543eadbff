"""Rounding to ticks, lots and steps: one definition for simulation and live (H17).

``round_to_step`` is for the edges, in ``Decimal``; the ``mul_div_*`` functions are exact integer
products for the compiled exchange: every product of a price, quantity or rate goes through them.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Literal

from engine.kernel import constant_kernel

#: Wide enough for every quotient of two finite prices or quantities met here to be exact.
_EXACT = Context(prec=80)


def round_to_step(
    value: Decimal | str | int, step: Decimal | str | int, mode: Literal["floor", "ceil"]
) -> Decimal:
    """The multiple of ``step`` at or below (``floor``) or at or above (``ceil``) ``value``.

    Exact for any step, also 0.5, 25 or 3; floats are refused, since they are not what was meant.

    >>> round_to_step("1234.56789", "0.5", "floor")
    Decimal('1234.5')
    """
    if isinstance(value, float) or isinstance(step, float):
        raise TypeError("give prices and quantities as text or Decimal, not as float")
    value, step = Decimal(value), Decimal(step)
    if not step > 0:
        raise ValueError(f"a step is positive, not {step}")
    rounding = ROUND_FLOOR if mode == "floor" else ROUND_CEILING
    count = _EXACT.divide(value, step).to_integral_value(rounding)
    return _EXACT.multiply(count, step)


#: Below this size a product of two int64 is computed directly.
_DIRECT = 9.2e18


@constant_kernel
def _long_floor(r: int, b: int, d: int) -> tuple[int, int]:
    """floor(r b / d) for 0 <= r < d <= 2^62 and 0 <= b, bit by bit of b, no product formed."""
    quotient, rest, bit = 0, 0, 1 << 62
    while bit > b:
        bit >>= 1
    while bit > 0:
        quotient *= 2
        rest *= 2
        if rest >= d:
            rest -= d
            quotient += 1
        if b & bit:
            rest += r
            if rest >= d:
                rest -= d
                quotient += 1
        bit >>= 1
    return quotient, rest


@constant_kernel
def mul_div_floor(a: int, b: int, d: int) -> int:
    """floor(a b / d) exactly, for 0 <= a, 0 <= b and 0 < d <= 2^62 whose result fits int64:
    ``a = q d + r`` gives ``q b + floor(r b / d)``."""
    if float(a) * float(b) < _DIRECT:
        return a * b // d
    q = a // d
    r = a - q * d
    if float(b) * float(d) < _DIRECT:
        return q * b + r * b // d
    quotient: int = _long_floor(r, b, d)[0]
    return q * b + quotient


@constant_kernel
def mul_div_ceil(a: int, b: int, d: int) -> int:
    """ceil(a b / d) exactly; see :func:`mul_div_floor`."""
    if float(a) * float(b) < _DIRECT:
        return -(-(a * b) // d)
    q = a // d
    r = a - q * d
    if float(b) * float(d) < _DIRECT:
        return q * b - (-(r * b) // d)
    quotient, rest = _long_floor(r, b, d)
    total: int = q * b + quotient + (1 if rest > 0 else 0)
    return total


@constant_kernel
def floor_to(value: int, step: int) -> int:
    """The multiple of ``step`` at or below ``value``."""
    return value // step * step


@constant_kernel
def ceil_to(value: int, step: int) -> int:
    """The multiple of ``step`` at or above ``value``."""
    return -(-value // step) * step
