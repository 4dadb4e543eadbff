"""How the engine's functions are compiled: numba's ``njit`` that makes less of each.

numba compiles a function once for every constant it is called with, and gives each a wrapper for
Python and one for C. Most functions here are called by other compiled functions alone, so that
more than half of a cold compilation went there. Here constants count as values of their type, the
wrapper for C is left away, and that for Python is made when Python first calls. With
``NUMBA_DISABLE_JIT=1`` in the environment functions stay plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba.core import config, sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

# numba annotates none of these.
_Dispatcher: Any = CPUDispatcher
_config: Any = config
_normalize: Any = sigutils.normalize_signature
_NO_WRAPPER = "no_cpython_wrapper"


class Compiled(_Dispatcher):  # type: ignore[misc]
    """A compiled function; see the module. Overloads that only compiled functions have called are
    kept from the table by which Python finds its overload."""

    def handed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The types it is compiled for when compiled code calls it with ``arguments``."""
        return tuple(getattr(argument, "literal_type", argument) for argument in arguments)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Resolve a call from compiled code, by position."""
        with global_compiler_lock:
            self.targetoptions[_NO_WRAPPER] = True
            try:
                return super().get_call_template(self.handed(tuple(args)), kws)
            finally:
                del self.targetoptions[_NO_WRAPPER]

    def add_overload(self, cres: Any) -> None:
        """Know an overload, found on disk or just compiled."""
        if _has_wrapper(cres):
            super().add_overload(cres)
        else:
            self.overloads[tuple(cres.signature.args)] = cres

    def compile(self, sig: Any) -> Any:
        """The entry point for ``sig``; one that Python can call when Python asks."""
        with global_compiler_lock:
            entry = super().compile(sig)
            if _NO_WRAPPER in self.targetoptions:
                return entry
            args, result = _normalize(sig)
            if not _has_wrapper(self.overloads[tuple(args)]):
                whole = self._compiler.compile(args, result)
                self.add_overload(whole)
                self._cache.save_overload(sig, whole)
                entry = whole.entry_point
            return entry


def _has_wrapper(cres: Any) -> bool:
    return bool(cres.library.get_pointer_to_function(cres.fndesc.llvm_cpython_wrapper_name))


def compiled(
    function: Function, *, by: type[Compiled] = Compiled, cache: bool = True, **options: Any
) -> Function:
    """``function`` compiled with numba's ``options``, kept on disk if ``cache``."""
    if _config.DISABLE_JIT:
        return function
    chosen = {"nopython": True, "boundscheck": None, "no_cfunc_wrapper": True, **options}
    dispatcher = by(function, {}, chosen)
    if cache:
        dispatcher.enable_caching()
    return cast(Function, dispatcher)


def njit(**options: Any) -> Callable[[Function], Function]:
    """A decorator: :func:`compiled` with ``options``."""

    def decorate(function: Function) -> Function:
        return compiled(function, **options)

    return decorate
