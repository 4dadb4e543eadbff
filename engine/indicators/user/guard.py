"""What stands between the engine and the functions of an author's file.

Whatever they raise, and whatever they give back that is not of the declared kind, becomes one
:class:`IndicatorSourceError` naming the file and the line. The file is foreign code: what it may
raise cannot be listed, so this is the one place that catches ``Exception``, around a call into that
file and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from numba.core.errors import NumbaError

from engine.errors import IndicatorSourceError
from engine.indicators.kernels import python_function
from engine.indicators.spec import IndicatorSpec, Params
from engine.play.own_indicators import IndicatorSource

Result = TypeVar("Result")

DECLARATION, KERNEL, FAILED = "INDICATOR_DECLARATION", "INDICATOR_KERNEL", "INDICATOR_FAILED"

#: Largest count of cells, bars or milliseconds an author's function may give.
_MOST = 2**53
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_GENERIC = ("Failed in nopython", "During:", "No implementation of", "There are ", ">>>", "File ")


def called(source: IndicatorSource, what: str, line: int, call: Callable[[], Result]) -> Result:
    """What ``call``, which runs code of the file, gives; what it raises as one error.

    ``line`` is given where the error has none of its own.
    """
    try:
        return call()
    except IndicatorSourceError:
        raise
    except NumbaError as error:
        place = getattr(error, "loc", None)
        if place is not None and place.filename == source.path:
            line = place.line
        raise source.error(
            KERNEL,
            f"{what} does not compile: {_essence(error)}",
            line,
            "a kernel is written in the part of Python that numba compiles",
        ) from error
    except Exception as error:  # foreign code: see the head of this file
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise source.error(
            FAILED, f"{what} raised {' '.join(words.split())[:300]}", _line(error, source, line)
        ) from error


def guarded(spec: IndicatorSpec, source: IndicatorSource, line: int) -> IndicatorSpec:
    """``spec`` with every function of the author's behind :func:`called`."""

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., int]:
        place = _first_line(function, line)

        def count(*arguments: Any) -> int:
            what = f"{name} of {spec.name}"
            value = called(source, what, place, lambda: function(*arguments))
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
                hint = "give a whole number of Python's, not below 0: int(...)"
                raise source.error(DECLARATION, f"{what} gave {value!r:.80}", place, hint)
            return value

        return count

    def telling(
        name: str, function: Callable[[Params], Any], kinds: tuple[type, ...]
    ) -> Callable[[Params], Any]:
        place = _first_line(function, line)

        def tell(params: Params) -> Any:
            what = f"{name} of {spec.name}"
            value = called(source, what, place, lambda: function(params))
            if not isinstance(value, kinds):
                raise source.error(DECLARATION, f"{what} gave {value!r:.80}", place)
            return value

        return tell

    def run(*arguments: Any) -> None:
        called(source, f"the kernel of {spec.name}", line, lambda: spec.kernel(*arguments))

    dependent, rule = spec.history_dependent_if, spec.rule
    return replace(
        spec,
        kernel=run,
        state_size=counting("state_size", spec.state_size),
        first_valid=counting("first_valid", spec.first_valid),
        warmup_bars=counting("warmup_bars", spec.warmup_bars),
        warmup_ms=counting("warmup_ms", spec.warmup_ms),
        history_dependent_if=None
        if dependent is None
        else telling("history_dependent_if", dependent, (bool,)),
        rule=None if rule is None else telling("rule", rule, (str, type(None))),
    )


def _first_line(function: Any, otherwise: int) -> int:
    code = getattr(python_function(function), "__code__", None)
    return code.co_firstlineno if code is not None else otherwise


def _line(error: BaseException, source: IndicatorSource, otherwise: int) -> int:
    """The deepest line of the file that the error passed through."""
    found = otherwise
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == source.path:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _essence(error: NumbaError) -> str:
    """The line of numba's explanation that says what is wrong."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_GENERIC)]
    if telling and any(line.startswith("No implementation of") for line in lines):
        wanted = next((line[3:].strip() for line in lines if line.startswith(">>>")), telling[0])
        return f"numba knows no {wanted}"[:300]
    return (telling or lines)[0][:300]
