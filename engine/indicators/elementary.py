"""exp and log from + - * / alone, so that their bits are the same on every processor.

The C library's dispatch on the processor's fused multiply-add and differ in the last place; these
are within 2 units in the last place of the true value.
"""

from __future__ import annotations

import math

from engine.jit import njit

# ln 2 in two parts: the first has trailing zeros, so its product with an exponent is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_PER_LN2 = 1.4426950408889634
_SQRT_HALF = 0.7071067811865476


@njit(cache=True, error_model="numpy")
def log(x: float) -> float:
    """Natural logarithm of a positive number; missing for what is not positive and finite.

    x = m 2^e with m near 1; log m = 2 (z + z^3/3 + z^5/5 + ...), z = (m - 1) / (m + 1).
    """
    if not x > 0.0 or x - x != 0.0:
        return math.nan
    m, e = math.frexp(x)
    if m < _SQRT_HALF:
        m *= 2.0
        e -= 1
    z = (m - 1.0) / (m + 1.0)
    square = z * z
    series = 0.0
    for term in range(23, 1, -2):
        series = square * (series + 1.0 / term)
    exponent = float(e)
    return exponent * _LN2_HIGH + (2.0 * z + (2.0 * z * series + exponent * _LN2_LOW))


@njit(cache=True, error_model="numpy")
def exp(x: float) -> float:
    """Exponential for |x| < 700; missing beyond.

    x = k ln 2 + r with |r| <= ln 2 / 2; exp r by its Taylor series to the 14th power.
    """
    if not abs(x) < 700.0:
        return math.nan
    k = math.floor(x * _PER_LN2 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = 1.0
    for term in range(14, 0, -1):
        series = 1.0 + r * series / term
    return math.ldexp(series, int(k))
