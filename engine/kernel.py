"""How the compiled functions of the exchange are built.

:func:`kernel` compiles without numba's run-time memory: such a function allocates nothing and
counts no references to the arrays it is handed. With a few dozen small functions a bar that
counting, atomic, was most of the time of a careful bar. Constants, words of an ``IntEnum`` and
narrow integers handed to a kernel by another count as int64, so that each function is compiled
once, not once for every constant it is called with; parameters annotated ``Cells`` are handed on by
address (:mod:`engine.cells`). With ``NUMBA_DISABLE_JIT=1`` in the environment
kernels stay plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import types

from engine.cells import ANNOTATION, of_array
from engine.jit import Compiled, compiled

Function = TypeVar("Function", bound=Callable[..., Any])

#: Arrays that kernels take.
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Int16 = npt.NDArray[np.int16]
UInt8 = npt.NDArray[np.uint8]


def _handed(argument: Any, by_address: bool) -> Any:
    """The type a kernel is compiled for when another hands it ``argument``."""
    if by_address:
        return of_array(argument) or argument
    plain = getattr(argument, "literal_type", argument)
    return types.int64 if isinstance(plain, (types.IntEnumMember, types.Integer)) else plain


class _Kernel(Compiled):
    """A function compiled by :func:`kernel`."""

    def handed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        kinds = self.py_func.__annotations__.values()
        return tuple(
            _handed(argument, kind == ANNOTATION)
            for argument, kind in zip(arguments, kinds, strict=False)
        )


def kernel(function: Function) -> Function:
    """The compiled, cached form of ``function``."""
    return compiled(function, by=_Kernel, _nrt=False)


def inlined(function: Function) -> Function:
    """As :func:`kernel`, and put where it is called: guards before something rare, and what is
    called in one place on the way of every trade."""
    return compiled(function, by=_Kernel, _nrt=False, forceinline=True)


class _ForConstants(Compiled):
    """A function compiled by :func:`constant_kernel`."""

    def handed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return arguments


def constant_kernel(function: Function) -> Function:
    """As :func:`kernel`, but compiled anew for each constant it is called with: dividing by a
    constant is several times faster than dividing by a variable."""
    return compiled(function, by=_ForConstants, _nrt=False)


@kernel
def wide(value: Any) -> int:
    """An integer of any width as int64, in which the ledger's products fit, with the compiler and
    without."""
    return np.int64(value)  # type: ignore[return-value]
