"""A file of user-defined indicators run, and what it declares checked."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, get_args

from engine.indicators.kernels import is_kernel, python_function
from engine.indicators.spec import IndicatorSpec, OutputSpec, ParamSpec, ParamType
from engine.indicators.user.guard import DECLARATION, called, guarded
from engine.indicators.user.rules import check_rules
from engine.indicators.vwap import PIVOT_VERSIONS
from engine.play.ast import Type
from engine.play.own_indicators import IndicatorSource, UserIndicator

#: The name under which a file lists its declarations, as the built-in families do.
SPECS = "SPECS"
#: Columns of the bar that a kernel may read.
COLUMNS = ("open", "high", "low", "close", "volume", "open_ms")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.A)
_OUTPUT_TYPES = (Type.FLOAT, Type.INT, Type.BOOL, Type.EVENT, Type.ENUM)
_FUNCTIONS = ("state_size", "first_valid", "warmup_bars", "warmup_ms")
_OPTIONAL_FUNCTIONS = ("history_dependent_if", "rule")
_ARGUMENTS = ("p", "s", "F", "ins", "outs", "lo", "hi", "i0")


def declared_indicators(
    sources: Iterable[IndicatorSource], taken: Mapping[str, str]
) -> dict[str, UserIndicator]:
    """The indicators of all ``sources`` by name.

    ``taken``: names they may not have, and what each is in words. Every declaration of every file
    is checked before any is given out. Raises IndicatorSourceError with file and line:
    ``INDICATOR_FILE`` (no Python), ``INDICATOR_SOURCE`` (a rule of ``rules.py``),
    ``INDICATOR_FAILED`` (it raised), ``INDICATOR_DECLARATION``, ``INDICATOR_NAME_TAKEN``.
    """
    found: dict[str, UserIndicator] = {}
    for source in sources:
        for indicator in _indicators_of(source):
            what = taken.get(indicator.name)
            if what is None and indicator.name in found:
                what = f"an indicator of {found[indicator.name].source.path}"
            if what is not None:
                raise source.error(
                    "INDICATOR_NAME_TAKEN",
                    f"the name {indicator.name} is taken: it is {what}",
                    _declared_at(ast.parse(source.text), indicator.name),
                    "choose another name",
                )
            found[indicator.name] = indicator
    return found


@lru_cache(maxsize=256)
def _indicators_of(source: IndicatorSource) -> tuple[UserIndicator, ...]:
    """The file's indicators in declared order. Compiled once a process for each text."""
    tree = _parsed(source)
    check_rules(source, tree)
    specs = _executed(source, tree).get(SPECS)
    if not isinstance(specs, tuple | list) or not specs:
        hint = "end it with SPECS = (IndicatorSpec(...),)"
        raise source.error(DECLARATION, "the file declares no indicators", 1, hint)
    indicators: dict[str, UserIndicator] = {}
    for spec in specs:
        if not isinstance(spec, IndicatorSpec):
            line = _assigned_at(tree)
            message = f"SPECS holds a {type(spec).__name__}, not an IndicatorSpec"
            raise source.error(DECLARATION, message, line)
        line = _declared_at(tree, spec.name)
        problem = next(_problems(spec), None)
        if problem is None and spec.name in indicators:
            problem = "it is declared twice"
        if problem is not None:
            message = f"the declaration of {spec.name!r:.80}: {problem}"
            raise source.error(DECLARATION, message, line)
        start = python_function(spec.kernel).__code__.co_firstlineno
        indicators[spec.name] = UserIndicator(
            spec.name, source.sha256, source, guarded(spec, source, start), start
        )
    return tuple(indicators.values())


def _parsed(source: IndicatorSource) -> ast.Module:
    try:
        return ast.parse(source.text, source.path)
    except SyntaxError as error:
        message, line = f"no Python: {error.msg}", error.lineno or 1
    except (ValueError, RecursionError, MemoryError) as error:
        message, line = f"no Python: {error or type(error).__name__}", 1
    raise source.error("INDICATOR_FILE", message, line)


def _executed(source: IndicatorSource, tree: ast.Module) -> dict[str, Any]:
    """The names of the file after it has run."""
    namespace: dict[str, Any] = {
        "__name__": f"user_indicators_{source.sha256[:16]}",
        "__file__": source.path,
        "__builtins__": builtins,
    }

    def run() -> None:
        exec(compile(tree, source.path, "exec", dont_inherit=True), namespace)

    called(source, "the file", 1, run)
    return namespace


def _declared_at(tree: ast.Module, name: object) -> int:
    """The line of the call that declares ``name``; that of SPECS if there is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "IndicatorSpec":
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            value = given.get("name")
            if isinstance(value, ast.Constant) and value.value == name:
                return node.lineno
    return _assigned_at(tree)


def _assigned_at(tree: ast.Module) -> int:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == SPECS for target in targets):
            return node.lineno
    return 1


def _problems(spec: IndicatorSpec) -> Iterator[str]:
    """What is wrong with a declaration, in words."""
    if not isinstance(spec.name, str) or not _ID.fullmatch(spec.name):
        yield "name is letters, digits and '_', at most 64, not beginning with a digit"
    for field in ("summary", "formula", "source"):
        value = getattr(spec, field)
        if not isinstance(value, str) or not value.strip() or "\n" in value:
            yield f"{field} is one line of text"
    if not isinstance(spec.history_dependent, bool):
        yield "history_dependent is True or False"
    yield from _input_problems(spec)
    yield from _param_problems(spec)
    yield from _output_problems(spec)
    if not is_kernel(spec.kernel):
        yield "kernel is a function decorated with kernel (from engine.indicators import kernel)"
    elif python_function(spec.kernel).__code__.co_argcount != len(_ARGUMENTS):
        yield f"the kernel takes {', '.join(_ARGUMENTS)}"
    for field in _FUNCTIONS:
        if not callable(getattr(spec, field)):
            yield f"{field} is a function"
    for field in _OPTIONAL_FUNCTIONS:
        if getattr(spec, field) is not None and not callable(getattr(spec, field)):
            yield f"{field} is a function"
    if spec.history_dependent_if is not None and not spec.history_dependent:
        yield "history_dependent_if narrows history_dependent=True"


def _input_problems(spec: IndicatorSpec) -> Iterator[str]:
    inputs = spec.inputs
    if not isinstance(inputs, tuple) or not inputs or not all(isinstance(i, str) for i in inputs):
        yield 'inputs is a tuple of names, such as ("source",) or ("high", "low")'
        return
    if inputs == ("source",):
        return
    for name in inputs:
        if name not in COLUMNS and name not in PIVOT_VERSIONS:
            yield f'unknown input {name!r}: inputs are ("source",) alone, or of ' + ", ".join(
                (*COLUMNS, *PIVOT_VERSIONS)
            )
    if len(set(inputs)) < len(inputs):
        yield "an input is named twice"


def _param_problems(spec: IndicatorSpec) -> Iterator[str]:
    params = spec.params
    if not isinstance(params, tuple) or not all(isinstance(p, ParamSpec) for p in params):
        yield "params is a tuple of ParamSpec"
        return
    names = [param.name for param in params]
    if len(set(names)) < len(names) or "source" in names or set(names) & set(spec.structures):
        yield "its parameters need names of their own"
    for param in params:
        if not isinstance(param.name, str) or not _ID.fullmatch(param.name):
            yield f"{param.name!r} is no name of a parameter"
        elif param.type not in get_args(ParamType):
            yield f"{param.name}: type is one of {', '.join(get_args(ParamType))}"
        elif param.type == "choice" and not _words(param.choices):
            yield f"{param.name}: choices is a tuple of words"
        elif param.type in ("int", "float", "percent") and not (
            isinstance(param.low, Decimal)
            and isinstance(param.high, Decimal)
            and param.low <= param.high
        ):
            yield f"{param.name}: low and high are Decimals, the bounds of what may be given"
        elif param.default is not None and (problem := _default_problem(param)) is not None:
            yield f"the default of {problem}"


def _default_problem(param: ParamSpec) -> str | None:
    if param.type in ("int", "float", "percent") and not isinstance(param.default, Decimal):
        return f"{param.name} must be a Decimal"
    return param.problem(param.default)


def _output_problems(spec: IndicatorSpec) -> Iterator[str]:
    outputs = spec.outputs
    if (
        not isinstance(outputs, tuple)
        or not outputs
        or not all(isinstance(o, OutputSpec) for o in outputs)
    ):
        yield "outputs is a tuple of OutputSpec"
        return
    names = [output.name for output in outputs]
    if len(set(names)) < len(names):
        yield "an output is named twice"
    if len(outputs) == 1 and names != ["value"]:
        yield "the only output is called value"
    for output in outputs:
        if not isinstance(output.name, str) or not _ID.fullmatch(output.name):
            yield f"{output.name!r} is no name of an output"
        elif not isinstance(output.type, Type) or output.type not in _OUTPUT_TYPES:
            yield f"{output.name}: type is one of {', '.join(map(repr, _OUTPUT_TYPES))}"
        elif (output.type is Type.ENUM) != _words(output.members):
            yield f"{output.name}: an ENUM has members, words; no other type has"


def _words(words: object) -> bool:
    return (
        isinstance(words, tuple)
        and bool(words)
        and all(isinstance(word, str) and _ID.fullmatch(word) for word in words)
        and len(set(words)) == len(words)
    )
