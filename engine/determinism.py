"""The determinism lint: what may not stand in code whose results are hashed.

Run by ``make check`` over ``engine/`` (``tests/architecture/determinism_lint.py``) and at load time
over files of user-defined indicators. A violation is one line ``file:line:column: RULE message``.
A line of the engine that must break a rule carries ``# deterministic: <why>``.

=========  =====================================================================================
``D1``     importing a clock, randomness, the environment, threads, processes or the network
``D2``     calling a clock, the environment, ``hash()`` or ``id()``
``D3``     numpy functions whose last bit depends on the processor: exp, log, power and their
           kin, trigonometry, reductions (sum, mean, std, var, dot ...), cumulative ones, ``@``
``D4``     the same reductions as methods of an array
``D5``     math.exp, log, pow and kin: the C library's bits differ between processors
``D6``     ``**`` or ``pow()`` inside a compiled kernel
``D7``     numba's ``fastmath`` or ``parallel``
``D8``     iterating over a set: its order depends on the hash seed
=========  =====================================================================================
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

ALLOWED = "# deterministic:"


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


IMPORTS = words(
    "time random secrets uuid os platform socket ssl select selectors http urllib ftplib smtplib "
    "requests httpx aiohttp websockets asyncio threading multiprocessing concurrent subprocess "
    "signal tempfile locale getpass"
)
CALLS = words(
    "datetime.now datetime.utcnow datetime.today date.today os.getenv datetime.datetime.now "
    "datetime.datetime.utcnow datetime.datetime.today datetime.date.today hash id"
)
_TRANSCENDENTAL = words(
    "exp exp2 expm1 log log2 log10 log1p power float_power cbrt sin cos tan arcsin arccos arctan "
    "arctan2 asin acos atan atan2 sinh cosh tanh hypot logaddexp logaddexp2 pow"
)
_REDUCTIONS = words(
    "sum nansum mean nanmean average std nanstd var nanvar prod nanprod dot vdot inner outer "
    "matmul tensordot einsum cumsum nancumsum cumprod convolve correlate trapezoid cov corrcoef "
    "interp polyfit polyval"
)
NUMPY = _TRANSCENDENTAL | _REDUCTIONS | words("random linalg fft")
METHODS = words("sum mean std var prod dot cumsum cumprod")
MATH = words(
    "exp exp2 expm1 log log2 log10 log1p pow cbrt sin cos tan asin acos atan atan2 sinh cosh tanh "
    "hypot gamma lgamma erf erfc dist sumprod"
)
_NUMPY_NAMES = frozenset({"np", "numpy"})
_COMPILERS = frozenset({"njit", "jit", "vectorize", "guvectorize", "stencil", "kernel", "inlined"})
_ORDERED_TAKERS = words("list tuple enumerate iter zip map filter reversed sum")
_SET_METHODS = words("union intersection difference symmetric_difference")


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One place that breaks a rule."""

    path: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.rule} {self.message}"


def check_source(source: str, path: str = "<source>") -> list[Violation]:
    """Every violation in a module's text that is not excused, in order of place."""
    excused = {n for n, line in enumerate(source.splitlines(), 1) if ALLOWED in line}
    return [v for v in check_tree(ast.parse(source, path), path) if v.line not in excused]


def check_tree(tree: ast.Module, path: str) -> list[Violation]:
    """Every violation in a module's syntax tree, in order of place."""
    visitor = _Visitor()
    visitor.visit(tree)
    return sorted(
        Violation(path, node.lineno, node.col_offset + 1, rule, message)
        for node, rule, message in visitor.found
    )


class _Visitor(ast.NodeVisitor):
    """Collects ``(node, rule, message)``; knows whether it is inside a compiled function, and
    which local names hold sets."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.expr | ast.stmt, str, str]] = []
        self._compiled = 0
        self._sets: list[set[str]] = [set()]
        self._imported: set[str] = set()

    def _add(self, node: ast.expr | ast.stmt, rule: str, message: str) -> None:
        self.found.append((node, rule, message))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported.add(alias.asname or alias.name.partition(".")[0])
            if alias.name.partition(".")[0] in IMPORTS:
                self._add(node, "D1", f"imports {alias.name}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if not node.level and module.partition(".")[0] in IMPORTS:
            self._add(node, "D1", f"imports from {module}")
        banned = {"math": MATH, "numpy": NUMPY}.get(module, frozenset())
        for alias in node.names:
            self._imported.add(alias.asname or alias.name)
            if alias.name in banned:
                rule = "D5" if module == "math" else "D3"
                self._add(node, rule, f"imports {module}.{alias.name}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        compiled = any(_compiles(decorator) for decorator in node.decorator_list)
        self._compiled += compiled
        self._sets.append(_names_of_sets(node))
        for statement in (*node.args.defaults, *node.body):
            self.visit(statement)
        self._sets.pop()
        self._compiled -= compiled

    def visit_Call(self, node: ast.Call) -> None:
        name = _dotted(node.func)
        if name in CALLS:
            self._add(node, "D2", f"calls {name}()")
        if isinstance(node.func, ast.Attribute):
            self._check_method(node, node.func)
        if name == "pow" and self._compiled:
            self._add(node, "D6", "pow() in a compiled kernel: write the product")
        for keyword in node.keywords:
            off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg in {"fastmath", "parallel"} and not off:
                self._add(node, "D7", f"{keyword.arg} lets the compiler reorder sums")
        joins = isinstance(node.func, ast.Attribute) and node.func.attr == "join"
        if name in _ORDERED_TAKERS or joins:
            for argument in node.args:
                self._check_iterated(argument)
        self.generic_visit(node)

    def _check_method(self, node: ast.Call, called: ast.Attribute) -> None:
        # A function of an imported module (numpy's are D3) is no method of an array.
        owner = _dotted(called.value).partition(".")[0]
        if called.attr in METHODS and owner not in self._imported:
            self._add(node, "D4", f".{called.attr}() reduces in an order of its own: write a loop")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = _dotted(node)
        owner, _, attribute = name.partition(".")
        first = attribute.partition(".")[0]
        if owner in _NUMPY_NAMES and (
            first in NUMPY or attribute.endswith((".reduce", ".accumulate"))
        ):
            self._add(node, "D3", f"{name} depends on the processor in its last bit")
        elif owner == "math" and attribute in MATH:
            self._add(node, "D5", f"{name} depends on the processor in its last bit")
        elif name in {"os.environ", "sys.flags"}:
            self._add(node, "D2", f"reads {name}")
        else:
            self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Pow) and self._compiled:
            self._add(node, "D6", "** in a compiled kernel: write the product")
        if isinstance(node.op, ast.MatMult):
            self._add(node, "D3", "@ reduces in an order of its own: write a loop")
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._check_iterated(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._check_iterated(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._check_iterated(node.value)
        self.generic_visit(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        # A set built from a set has no order to lose: only what is taken in order matters.
        for part in (node.elt, *(g.iter for g in node.generators)):
            self.visit(part)

    def _check_iterated(self, node: ast.expr) -> None:
        if _is_set(node, self._sets[-1]):
            self._add(node, "D8", "iterates over a set: sort it, or keep a list or dict")


def _compiles(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _dotted(called).rpartition(".")[2] in _COMPILERS


def _dotted(node: ast.expr) -> str:
    """``a.b.c`` of a chain of names; empty where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _is_set(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is visibly a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call):
        if _dotted(node.func) in {"set", "frozenset"}:
            return True
        return isinstance(node.func, ast.Attribute) and node.func.attr in _SET_METHODS
    if isinstance(node, ast.BinOp) and isinstance(
        node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor
    ):
        return any(_is_set(side, names) or _is_keys(side) for side in (node.left, node.right))
    return False


def _is_keys(node: ast.expr) -> bool:
    """``d.keys()``: alone it is in insertion order, combined with ``|`` or ``-`` it is a set."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"keys", "items"}
        and not node.args
    )


def _names_of_sets(function: ast.FunctionDef) -> set[str]:
    """Local names that are assigned a set, and nothing but sets."""
    assigned: dict[str, list[bool]] = {}
    for node in ast.walk(function):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        for target in targets:
            if isinstance(target, ast.Name):
                assigned.setdefault(target.id, []).append(_is_set(value, set()))
    return {name for name, are_sets in assigned.items() if all(are_sets)}
