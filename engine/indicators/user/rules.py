"""What may not stand in a file of user-defined indicators, read from its syntax alone.

The determinism lint of the engine, without its excuses, and three rules of its own. A file stands
alone: it imports nothing whose source is not covered by the run's code hash. It reads and prints
nothing. It keeps no state beside the kernel's, which is what a snapshot carries. The rules keep an
honest author from irreproducible results; they are no sandbox.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from engine.determinism import check_tree, words
from engine.play.own_indicators import IndicatorSource

CODE = "INDICATOR_SOURCE"

#: Modules a file may import; ``engine.indicators`` with all below it.
ALLOWED_MODULES = ("__future__", "decimal", "engine.indicators", "math", "numpy")
_HINT = f"it may import {', '.join(ALLOWED_MODULES)}"
_COMPILER_HINT = "decorate with kernel: from engine.indicators import kernel"

#: Names that reach past the file.
_BUILTINS = words(
    "BaseException KeyboardInterrupt SystemExit __builtins__ __import__ __loader__ breakpoint "
    "compile delattr eval exec exit globals help input locals open print quit setattr vars"
)
#: Functions of numpy that read, write or load something.
_NUMPY = words(
    "DataSource ctypeslib f2py fromfile fromregex genfromtxt load loadtxt memmap open_memmap save "
    "savetxt savez savez_compressed seterr seterrcall setbufsize"
)


def check_rules(source: IndicatorSource, tree: ast.Module) -> None:
    """Raise IndicatorSourceError for the first thing that may not stand in ``tree``."""
    found = [*_found(tree)]
    for violation in check_tree(tree, source.path):
        hint = "results must not depend on the machine, the moment or the order of hashing"
        found.append((violation.line, f"{violation.message} ({violation.rule})", hint))
    for line, message, hint in sorted(found):
        raise source.error(CODE, message, line, hint)


def _found(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Line, message and hint of everything refused here."""
    numpy, imported = {"numpy"}, set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield from _module(node.lineno, alias.name)
                    imported.add(alias.asname or alias.name.partition(".")[0])
                    if alias.name == "numpy" and alias.asname:
                        numpy.add(alias.asname)
            case ast.ImportFrom():
                yield from _from(node)
                imported.update(alias.asname or alias.name for alias in node.names)
            case ast.Name(id=id) if id in _BUILTINS:
                hint = "a file computes from the bars alone"
                yield node.lineno, f"{id} may not be used", hint
            case ast.Global() | ast.Nonlocal():
                hint = "keep it in the kernel's state, which snapshots carry"
                yield node.lineno, f"changes {node.names[0]} outside the function", hint
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=id), attr=attr) if id in numpy and attr in _NUMPY:
                hint = "a file computes from the bars alone"
                yield node.lineno, f"{id}.{attr} may not be used", hint
            case ast.Attribute() | ast.Subscript() if not isinstance(node.ctx, ast.Load):
                owner = _owner(node)
                if owner in imported:
                    hint = "what it imports is shared with every play"
                    yield node.lineno, f"changes {owner}, which it imports", hint


def _owner(node: ast.expr) -> str:
    """``a`` of ``a.b[c].d``; empty where it is no name."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _from(node: ast.ImportFrom) -> Iterator[tuple[int, str, str]]:
    module = node.module or ""
    if node.level:
        yield (
            node.lineno,
            f"imports a neighbouring file ({'.' * node.level}{module})",
            f"a file stands alone, so that its hash covers all it runs; {_HINT}",
        )
        return
    yield from _module(node.lineno, module)
    for alias in node.names:
        if module == "numpy" and alias.name in _NUMPY:
            hint = "a file computes from the bars alone"
            yield node.lineno, f"numpy.{alias.name} may not be used", hint
        elif alias.name == "*":
            yield node.lineno, f"imports everything of {module}", "name what it uses"
        elif module.startswith("engine") and alias.name in {"njit", "jit"}:
            yield node.lineno, f"imports {alias.name}", _COMPILER_HINT


def _module(line: int, module: str) -> Iterator[tuple[int, str, str]]:
    if module in ALLOWED_MODULES or module.startswith(("engine.indicators.", "numpy.")):
        if module.partition(".")[2].partition(".")[0] in {"random", "ctypeslib", "f2py"}:
            yield line, f"imports {module}", _HINT
        return
    hint = _COMPILER_HINT if module.partition(".")[0] == "numba" else _HINT
    yield line, f"imports {module}", hint
