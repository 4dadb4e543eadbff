"""How the engine's functions are compiled: numba's ``njit`` that makes less of each.

numba compiles a function once for every constant it is called with, gives each a wrapper for
Python and one for C, and makes machine code of it also where only other compiled functions call
it, which then contain that code once more. Most functions here are called by compiled functions
alone, so that most of a cold compilation went there. Here constants count as values of their type,
the wrapper for C is left away, and a function that compiled code calls stays in the compiler's own
language, to be linked into its callers, until Python calls it too. With ``NUMBA_DISABLE_JIT=1`` in
the environment functions stay plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba.core import config, dispatcher, sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

# numba annotates none of these.
_Dispatcher: Any = CPUDispatcher
_Compiler: Any = cast(Any, dispatcher)._FunctionCompiler
_config: Any = config
_normalize: Any = sigutils.normalize_signature
#: Set while compiled code asks for a function: it needs no wrapper for Python.
_LINKED = "no_cpython_wrapper"


class _Frontend(_Compiler):  # type: ignore[misc]
    """Compiles a function to something that others link, or, with all it calls, to machine code.
    ``fitted``: the optimiser may fit what it calls to it."""

    fitted = False

    def _customize_flags(self, flags: Any) -> Any:
        flags.no_compile = True  # what numba does to a finished library is done here
        return flags

    def compile(self, args: Any, return_type: Any) -> Any:
        """The function for ``args``; its entry point is a function where Python asks, else a key by
        which compiled code finds it."""
        made = super().compile(args, return_type)
        library = made.library
        for called in dict.fromkeys(library._linking_libraries):
            library._final_module.link_in(called._get_module_for_linking(), preserve=True)
        library._linking_libraries.clear()
        if _LINKED in self.targetoptions:
            library._finalize_dynamic_globals()
            library._finalized = True
            return made._replace(entry_point=object())
        if self.fitted:
            _hide_called(library._final_module, made.fndesc)
        library.finalize()
        context = self.targetdescr.target_context
        entry = context.get_executable(library, made.fndesc, made.environment)
        return made._replace(entry_point=entry)


def _hide_called(module: Any, names: Any) -> None:
    """Let nobody outside of a module call what it contains but its own function. Names are this
    module's own: numba's linker would let others call by the old ones what was fitted to here."""
    entries = (names.llvm_func_name, names.llvm_cpython_wrapper_name)
    for function in module.functions:
        ours = function.name.startswith("_ZN") and not function.is_declaration
        if ours and function.name not in entries:
            function.linkage = "internal"
            function.name = f"{function.name}.{names.llvm_func_name}"


class Compiled(_Dispatcher):  # type: ignore[misc]
    """A compiled function; see the module. ``overloads`` are those that Python called, of which
    there is machine code; ``linked`` those that compiled functions contain, by types of
    arguments."""

    fitted = False

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._compiler.__class__ = _Frontend
        self._compiler.fitted = self.fitted
        self.linked: dict[tuple[Any, ...], Any] = {}

    def handed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The types it is compiled for when compiled code calls it with ``arguments``."""
        return tuple(getattr(argument, "literal_type", argument) for argument in arguments)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Resolve a call from compiled code, by position."""
        with global_compiler_lock:
            self.targetoptions[_LINKED] = True
            try:
                return super().get_call_template(self.handed(tuple(args)), kws)
            finally:
                del self.targetoptions[_LINKED]

    @property
    def nopython_signatures(self) -> list[Any]:
        """Signatures that compiled code may call."""
        return [made.signature for made in self.linked.values()]

    def get_overload(self, sig: Any) -> Any:
        """What compiled code calls for ``sig``."""
        return self.linked[tuple(_normalize(sig)[0])].entry_point

    def compile(self, sig: Any) -> Any:
        """The entry point for ``sig``: a function when Python asks, else a key by which compiled
        code finds what it is to contain."""
        with global_compiler_lock:
            return self._link(sig) if _LINKED in self.targetoptions else super().compile(sig)

    def _link(self, sig: Any) -> Any:
        args, result = _normalize(sig)
        if tuple(args) not in self.linked:
            made = self._compiler.compile(args, result)
            self.targetctx.insert_user_function(made.entry_point, made.fndesc, [made.library])
            self.linked[tuple(args)] = made
        return self.linked[tuple(args)].entry_point

    def add_overload(self, cres: Any) -> None:
        """Know an overload, found on disk or just compiled."""
        super().add_overload(cres)
        found = cres.library._shared_module
        if found is not None:  # from disk, to be linked into others, which is not done here
            cres.library._shared_module = None
            found.close()


class Fitted(Compiled):
    """A function in which most of the time goes to small functions it calls: these are fitted to
    it, which takes the compiler longer."""

    fitted = True


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
