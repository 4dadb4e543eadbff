"""How the kernels of user-defined indicators are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__lockstep_kernel__"


def kernel(function: Function) -> Function:
    """The compiled form of ``function``, a kernel as :class:`IndicatorSpec` describes it, or a
    helper that kernels call.

    x/0 is an infinity or NaN, as for built-in kernels; a cell that is not there is an IndexError.
    What was compiled is not kept on disk, so that no changed file ever runs old code.
    """
    setattr(function, _MARK, True)
    return cast(Function, njit(error_model="numpy", boundscheck=True, nogil=True)(function))


def python_function(function: Any) -> Any:
    """The function a kernel was compiled from."""
    return getattr(function, "py_func", function)


def is_kernel(function: Any) -> bool:
    """Whether :func:`kernel` made ``function``."""
    return getattr(python_function(function), _MARK, False) is True
