"""The shape of a structure's declaration, the only place where it is described.

A structure is declared and driven as an indicator is (:mod:`engine.indicators.spec`): the same
:class:`ParamSpec` and :class:`OutputSpec`, the same kernel signature, every value float64. It adds
*sources* (parameters that name another structure or a series of numbers), outputs whose names
follow from the parameters (``level[0.618]``, ``up[0].lower``) and the lists of numbers they come
from. The play loader, the feature compiler, the generated reference and
:func:`engine.structures.compute` all read these declarations; none keeps a list of its own (M10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from engine.errors import StructureError
from engine.indicators.spec import LENGTH_MAX, OutputSpec, Params, ParamSpec
from engine.play.ast import Type
from engine.structures.identity import source_key

DIRECTIONS = ("up", "down", "none")

#: Most ratios of one ``levels`` parameter.
RATIOS_MAX = 16


@dataclass(frozen=True, slots=True)
class RatiosSpec:
    """A parameter that is a list of decimal ratios, ``levels=[0.5, 0.618]``.

    One to RATIOS_MAX different numbers from ``low`` to ``high``, in the author's order. The
    kernel sees their count, then the ratios, behind all other parameters.
    """

    name: str
    default: tuple[Decimal, ...]
    low: Decimal = Decimal(-10)
    high: Decimal = Decimal(10)

    @property
    def type(self) -> str:
        return "ratios"

    def problem(self, value: object) -> str | None:
        """Why ``value`` is not legal here, in words, or None when it is."""
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= RATIOS_MAX:
            return f"{self.name} must be a list of 1 to {RATIOS_MAX} numbers, not {value!r}"
        one = ParamSpec(self.name, "float", None, self.low, self.high)
        for entry in value:
            problem = one.problem(entry)
            if problem is not None:
                return problem
        names = [ratio_text(entry) for entry in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        return None if twice is None else f"{self.name} names {twice} twice"

    def as_floats(self, value: Sequence[object]) -> tuple[float, ...]:
        """The kernel's cells of a legal value: the count, then the ratios."""
        return (float(len(value)), *(float(entry) for entry in value))  # type: ignore[arg-type]


def ratio_text(value: object) -> str:
    """The one spelling of a ratio in output names: ``0.50`` and ``.5`` are ``0.5``."""
    number = Decimal(str(value))
    return "0" if number == 0 else f"{number.normalize():f}"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A parameter that names what the structure reads: ``swing=sw``, ``atr=atr14``.

    ``structure``: the structure the named thing must be, or "" for a series of numbers.
    ``reads``: the outputs of that structure the kernel reads, one row each, in this order; an
    entry with ``[*]`` is one row for each slot the source has (``up[*].lower`` -> ``up[0].lower``,
    ``up[1].lower``, ...). A series is one row.
    ``required``: must always be given. Otherwise ``needed(params)`` says in words why these
    parameters need it, or None; what is not given is row -1 in ``ins``.
    """

    name: str
    structure: str = ""
    reads: tuple[str, ...] = ()
    required: bool = True
    needed: Callable[[Params], str | None] | None = None

    def rows(self, emitted: Sequence[str]) -> tuple[str, ...]:
        """The outputs to read, in row order, of a source structure that emits ``emitted``."""
        if not self.structure:
            return (self.name,)
        found: list[str] = []
        for name in self.reads:
            if "[*]" not in name:
                found.append(name)
                continue
            slot = 0
            while (numbered := name.replace("[*]", f"[{slot}]")) in emitted:
                found.append(numbered)
                slot += 1
        return tuple(found)


Argument = SourceSpec | ParamSpec | RatiosSpec


@dataclass(frozen=True, slots=True)
class StructureSpec:
    """Declaration of one structure.

    ``inputs``: bar columns the kernel reads (``open high low close``).
    ``arguments``: sources and parameters in the declared order, which is that of positional
    arguments; :attr:`sources` and :attr:`params` are its two kinds.
    ``outputs(params)``: what the kernel emits, in row order; the names follow from the
    parameters. Bool and event are 0 or 1, an enum its place in ``members``, an int exact, missing
    NaN (undefined: no pivot yet, no such zone). Events, counts and versions are never missing.
    ``kernel(p, s, F, ins, outs, lo, hi, i0)``: advances state ``s`` over bars ``lo .. hi - 1`` of
    the block ``F`` (float64[rows, bars]), reading rows ``ins`` (the bar columns, then the rows of
    each source in declared order; -1 where an optional source is not given) and writing every
    cell of rows ``outs``; ``i0`` is the absolute index of bar ``lo``. It never reads rows
    ``outs``, so outputs nobody wants may share one scratch row. An all-zero ``s`` is a fresh
    start. Any split of the bars gives the same bits. ``p`` is what :meth:`resolve` gives: the
    parameters in declared order, then count and ratios of a :class:`RatiosSpec`, then, where
    ``keyed_by`` is not None, the key of the source.
    ``state_size(params)``: float64 cells of ``s``.
    ``first_valid(params)``: index of the first bar, counted from the bar at which all sources are
    ready, at which the structure has seen all it needs. Readiness is this count of bars, never
    whether a value is missing (C4).
    ``history_dependent``: outputs depend on where history begins, however long ago.
    ``keyed_by``: for structures with zones, what their identities start from (M9): the name of
    the source whose id in the play is hashed, or "" for the structure's own id. None elsewhere.
    ``rule(params)``: what is wrong between parameters that are legal one by one, or None.
    """

    name: str
    summary: str
    rules: str
    source: str
    inputs: tuple[str, ...]
    arguments: tuple[Argument, ...]
    outputs: Callable[[Params], tuple[OutputSpec, ...]]
    kernel: Any
    state_size: Callable[[Params], int]
    first_valid: Callable[[Params], int]
    history_dependent: bool = True
    keyed_by: str | None = None
    rule: Callable[[Params], str | None] | None = None

    @property
    def sources(self) -> tuple[SourceSpec, ...]:
        return tuple(a for a in self.arguments if isinstance(a, SourceSpec))

    @property
    def params(self) -> tuple[ParamSpec | RatiosSpec, ...]:
        return tuple(a for a in self.arguments if not isinstance(a, SourceSpec))

    def warmup_bars(self, params: Params, weight: float) -> int:
        """Bars it must see after its sources are warm; the same for every ``weight``, since no
        structure averages."""
        del weight
        return self.first_valid(params) + 1

    def resolve(self, given: Mapping[str, object], *, key: str = "") -> Params:
        """Kernel parameters of ``given`` (without the sources), defaults filled in.

        ``key``: the play's id of what ``keyed_by`` names. Raises StructureError (PARAM_UNKNOWN,
        PARAM_MISSING, PARAM_INVALID); nothing falls back.
        """
        where = f"structure {self.name}"
        names = [argument.name for argument in self.arguments]
        self._refuse_unknown(given, [param.name for param in self.params], names, "parameter")
        scalars: list[float] = []
        ratios: tuple[float, ...] = ()
        for param in self.params:
            value = given.get(param.name, param.default)
            if value is None:
                raise StructureError(
                    f"parameter {param.name} is missing", where=where, code="PARAM_MISSING"
                )
            problem = param.problem(value)
            if problem is not None:
                raise StructureError(problem, where=where, code="PARAM_INVALID")
            if isinstance(param, RatiosSpec):
                assert isinstance(value, list | tuple)
                ratios = param.as_floats(value)
            else:
                scalars.append(param.as_float(value))
        keys = () if self.keyed_by is None else (source_key(key),)
        resolved = (*scalars, *ratios, *keys)
        problem = self.rule(resolved) if self.rule is not None else None
        if problem is not None:
            raise StructureError(problem, where=where, code="PARAM_INVALID")
        return resolved

    def check_sources(self, given: Sequence[str], params: Params) -> None:
        """Raises StructureError (SOURCE_UNKNOWN, SOURCE_MISSING) unless the named sources are the
        ones these parameters need."""
        names = [source.name for source in self.sources]
        self._refuse_unknown(given, names, names, "source")
        for source in self.sources:
            if source.name in given:
                continue
            reason = "" if source.required else None
            if source.needed is not None:
                reason = source.needed(params) or reason
            if reason is not None:
                what = f"a {source.structure}" if source.structure else "a series"
                raise StructureError(
                    f"source {source.name} is missing" + (f": {reason}" if reason else ""),
                    where=f"structure {self.name}",
                    hint=f"give it {what}, {source.name}=NAME",
                    code="SOURCE_MISSING",
                )

    def _refuse_unknown(
        self, given: Iterable[str], known: Sequence[str], offered: Sequence[str], what: str
    ) -> None:
        for name in given:
            if name in known:
                continue
            close = get_close_matches(name, offered, 1)
            raise StructureError(
                f"unknown {what} {name}",
                where=f"structure {self.name}",
                hint=(f"did you mean {close[0]}? " if close else "")
                + f"{what}s: {', '.join(offered) or 'none'}",
                code="PARAM_UNKNOWN" if what == "parameter" else "SOURCE_UNKNOWN",
            )


def typed(output: OutputSpec, value: float) -> float | int | bool | str | None:
    """The value a cell of ``output`` stands for, by its declared type: None where missing (M6)."""
    if value != value:
        return None
    if output.type in (Type.BOOL, Type.EVENT):
        return bool(value != 0.0)
    if output.type is Type.INT:
        return int(value)
    if output.type is Type.ENUM:
        return output.members[int(value)]
    return float(value)


def floats(*names: str) -> tuple[OutputSpec, ...]:
    return tuple(OutputSpec(name) for name in names)


def ints(*names: str) -> tuple[OutputSpec, ...]:
    return tuple(OutputSpec(name, Type.INT) for name in names)


def bools(*names: str) -> tuple[OutputSpec, ...]:
    return tuple(OutputSpec(name, Type.BOOL) for name in names)


def events(*names: str) -> tuple[OutputSpec, ...]:
    return tuple(OutputSpec(name, Type.EVENT) for name in names)


def enum(name: str, members: tuple[str, ...] = DIRECTIONS) -> OutputSpec:
    return OutputSpec(name, Type.ENUM, members)


def number(name: str, default: str, low: str, high: str) -> ParamSpec:
    return ParamSpec(name, "float", Decimal(default), Decimal(low), Decimal(high))


def percent(name: str, default: str, low: str, high: str) -> ParamSpec:
    """A percent, in percent: 0.2 is ``0.2%``."""
    return ParamSpec(name, "percent", Decimal(default), Decimal(low), Decimal(high))


def bars(name: str, default: int, low: int = 1, high: int = LENGTH_MAX) -> ParamSpec:
    """A whole number, of bars unless the name says otherwise."""
    return ParamSpec(name, "int", Decimal(default), Decimal(low), Decimal(high))


def switch(name: str, default: bool) -> ParamSpec:
    return ParamSpec(name, "bool", default)


def choice(name: str, *choices: str) -> ParamSpec:
    """A closed set of words; the first is the default."""
    return ParamSpec(name, "choice", choices[0], choices=choices)
