"""How the compiled functions of the exchange are built.

:func:`kernel` compiles without numba's run-time memory: such a function allocates nothing and
counts no references to the arrays it is handed. With a few dozen small functions a bar that
counting, atomic, was most of the time of a careful bar. Constants, words of an ``IntEnum`` and
narrow integers handed to a kernel by another count as int64, so that each function is compiled
once, not once for every constant it is called with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit, types


def _widened(argument: Any) -> Any:
    """The type an argument is compiled for."""
    plain = types.unliteral(argument)
    return types.int64 if isinstance(plain, (types.IntEnumMember, types.Integer)) else plain


def kernel(function: Callable[..., Any]) -> Any:
    """The compiled, cached form of ``function``."""
    dispatcher = njit(cache=True, _nrt=False)(function)
    resolve = dispatcher.get_call_template

    def with_integers(arguments: Any, keywords: Any) -> Any:
        return resolve(tuple(_widened(argument) for argument in arguments), keywords)

    dispatcher.get_call_template = with_integers
    return dispatcher
