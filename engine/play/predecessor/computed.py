"""Features and structures of the old format to series and structures of the new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.errors import PlayError
from engine.indicators.registry import INDICATORS
from engine.play.ast import Type
from engine.play.predecessor import names
from engine.play.predecessor.reading import (
    AMBIGUOUS,
    BROKEN,
    CHANGED,
    Old,
    map_under,
    new_id,
    timeframe_name,
)
from engine.play.vocabulary import PRICES
from engine.structures.registry import STRUCTURES
from engine.structures.spec import RatiosSpec, StructureSpec

_ROLES = ("low_tf", "med_tf", "high_tf", "exec")


@dataclass(slots=True)
class Computed:
    """What the old play computes, by its old id: the new id, what it is, and its definition."""

    clock: str
    roles: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    structures: dict[str, str] = field(default_factory=dict)
    #: Ids that a definition names.
    needs: dict[str, set[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    def use(self, id: str) -> None:
        """The new id ``id`` and all it hangs on stay in the play."""
        if id not in self.used:
            self.used.add(id)
            for other in self.needs.get(id, ()):
                self.use(other)


def read_computed(old: Old) -> Computed:
    """Timeframes, features and structures of the old play."""
    roles = _roles(old)
    computed = Computed(roles["exec"], roles)
    for path, id, feature in _features(old):
        _feature(old, computed, path, id, feature)
    for path, timeframe, structure in _structures(old, computed):
        _structure(old, computed, path, timeframe, structure)
    return computed


def _roles(old: Old) -> dict[str, str]:
    written = map_under(old.value, "timeframes")
    roles: dict[str, str] = {}
    for role in _ROLES[:3]:
        if role in written:
            name = timeframe_name(written[role])
            if name is None:
                raise PlayError(f"unknown timeframe {written[role]!r}", where=f"timeframes.{role}")
            roles[role] = name
    exec_role = str(written.get("exec", "low_tf"))
    clock = roles.get(exec_role) or timeframe_name(exec_role)
    if clock is None:
        raise PlayError("the old play has no execution timeframe", where="timeframes.exec")
    return {**roles, "exec": clock}


def timeframe_of(old: Old, computed: Computed, written: Any, path: str) -> str:
    """The timeframe a role or name stands for; an unknown one is the clock, and noted."""
    name = computed.roles.get(str(written)) or timeframe_name(written)
    if name is None:
        old.note(BROKEN, path, f"unknown timeframe {written!r}: taken as {computed.clock}")
        return computed.clock
    return name


def _features(old: Old) -> list[tuple[str, str, dict[str, Any]]]:
    written = old.value.get("features")
    if isinstance(written, list):
        return [
            (f"features[{i}]", str(one.get("id", f"feature_{i}")), one)
            for i, one in enumerate(written)
            if isinstance(one, dict)
        ]
    named = map_under(old.value, "features").items()
    return [(f"features.{id}", id, one) for id, one in named if isinstance(one, dict)]


def _feature(old: Old, computed: Computed, path: str, id: str, feature: dict[str, Any]) -> None:
    written = str(feature.get("indicator") or feature.get("type") or "").lower()
    name = names.INDICATORS.get(written, written)
    if name not in INDICATORS:
        old.note(BROKEN, path, f"there is no indicator {written!r}; the feature is left out")
        return
    if name in names.REDEFINED:
        old.note(CHANGED, path, f"{name} is defined anew: {names.REDEFINED[name]}")
    spec = INDICATORS[name]
    arguments = []
    source = str(feature.get("source") or feature.get("input_source") or "close").lower()
    source = names.PRICES.get(source, source)
    if spec.takes_source:
        if source not in PRICES:
            old.note(BROKEN, path, f"unknown source {source!r} silently became close")
            source = "close"
        arguments.append(source)
    known = {param.name: param for param in spec.params}
    for key, value in map_under(feature, "params").items():
        own_name = names.INDICATOR_PARAMS.get(key, key) if key not in known else key
        if own_name not in known:
            old.note(BROKEN, f"{path}.params.{key}", f"{name} has no parameter {key!r}: left out")
            continue
        arguments.append(f"{own_name}={value_text(value)}")
    given = {a.partition("=")[0] for a in arguments}
    for param in spec.params:
        if param.default is None and param.name not in given:
            old.note(AMBIGUOUS, path, f"{name} needs {param.name}: taken as 14")
            arguments.append(f"{param.name}=14")
    timeframe = computed.clock
    if feature.get("tf") is not None:
        timeframe = timeframe_of(old, computed, feature["tf"], f"{path}.tf")
    call = f"{name}({', '.join(arguments)})"
    own = new_id(id, computed.taken)
    computed.ids[id], computed.kinds[id] = own, name
    computed.series[own] = call if timeframe == computed.clock else f"{call}@{timeframe}"


def _structures(old: Old, computed: Computed) -> list[tuple[str, str, dict[str, Any]]]:
    """Every structure with its path and timeframe; roles may hold a list or a map of lists."""
    found = []
    written = old.value.get("structures")
    by_role = {"exec": written} if isinstance(written, list) else map_under(old.value, "structures")
    for role, entries in by_role.items():
        path = f"structures.{role}"
        groups = entries if isinstance(entries, dict) else {role: entries}
        for name, group in groups.items():
            place = f"{path}.{name}" if isinstance(entries, dict) else path
            timeframe = timeframe_of(old, computed, name, place)
            for i, one in enumerate(group if isinstance(group, list) else []):
                if isinstance(one, dict):
                    found.append((f"{place}[{i}]", timeframe, one))
    return found


def _structure(
    old: Old, computed: Computed, path: str, timeframe: str, one: dict[str, Any]
) -> None:
    name, id = str(one.get("type", "")), str(one.get("key") or one.get("id") or one.get("type"))
    if name not in STRUCTURES:
        old.note(BROKEN, path, f"there is no structure {name!r}; it is left out")
        return
    spec = STRUCTURES[name]
    own = new_id(id, computed.taken)
    needs: set[str] = set()
    arguments = _sources(old, computed, spec, path, one, needs)
    accepted = {argument.name: argument for argument in spec.arguments}
    for key, value in map_under(one, "params").items():
        text = _param(old, computed, spec, f"{path}.params.{key}", key, value, timeframe, needs)
        if text is not None and text.partition("=")[0] in accepted:
            arguments.append(text)
        elif text is not None:
            message = f"{name} has no parameter {key!r}: left out"
            old.note(BROKEN, f"{path}.params.{key}", message)
    written = {argument.partition("=")[0] for argument in arguments}
    for source in spec.sources:
        if not source.structure and source.name not in written and source.required:
            series = _default_series(old, computed, path, name, source.name, timeframe)
            needs.add(series)
            arguments.append(f"{source.name}={series}")
    if name == "rolling_window" and "include_current" not in written:
        message = "the current bar did or did not count by version: it does not count now"
        old.note(CHANGED, path, message)
    call = f"{name}({', '.join(arguments)})"
    computed.ids[id], computed.kinds[id] = own, name
    computed.structures[own] = call if timeframe == computed.clock else f"{call}@{timeframe}"
    computed.needs[own] = needs


def _sources(
    old: Old,
    computed: Computed,
    spec: StructureSpec,
    path: str,
    one: dict[str, Any],
    needs: set[str],
) -> list[str]:
    """``uses`` as named sources, each by the kind of structure it is."""
    uses = one.get("uses") or one.get("depends_on") or []
    written = [uses] if isinstance(uses, str) else list(uses)
    arguments = []
    for source in spec.sources:
        if not source.structure:
            continue
        match = next((u for u in written if computed.kinds.get(str(u)) == source.structure), None)
        if match is not None:
            own = computed.ids[str(match)]
            needs.add(own)
            arguments.append(f"{source.name}={own}")
        elif source.required:
            message = f"{spec.name} needs a {source.structure}, and names none that is declared"
            old.note(BROKEN, path, message)
    return arguments


def _param(
    old: Old,
    computed: Computed,
    spec: StructureSpec,
    path: str,
    key: str,
    value: Any,
    timeframe: str,
    needs: set[str],
) -> str | None:
    """``name=value`` of one old parameter; None when it has no place and that was noted."""
    if key == "confirmation_close":
        return f"confirm={'close' if value else 'wick'}"
    if key in {"width_pct", "tolerance_pct", "break_tolerance_pct"}:
        new = "width" if key == "width_pct" else "tolerance"
        old.note(CHANGED, path, f"{key} was a fraction of the price: {new} is a percent")
        return f"{new}={_plain(float(value) * 100)}%"
    name = names.STRUCTURE_PARAMS.get(key, key)
    if name == "atr" or key == "source":
        return _series_param(old, computed, spec, path, name, str(value), timeframe, needs)
    param = next((p for p in spec.params if p.name == name), None)
    if isinstance(param, RatiosSpec):
        items = value if isinstance(value, list) else [value]
        return f"{name}=[{', '.join(value_text(item) for item in items)}]"
    if param is not None and param.type == "percent":
        return f"{name}={value_text(value)}%"
    return f"{name}={value_text(value)}"


def _series_param(
    old: Old,
    computed: Computed,
    spec: StructureSpec,
    path: str,
    name: str,
    value: str,
    timeframe: str,
    needs: set[str],
) -> str:
    price = names.PRICES.get(value, value)
    if price in PRICES:
        return f"{name}={price}"
    if value in computed.ids and value not in computed.structures:
        own = computed.ids[value]
        needs.add(own)
        return f"{name}={own}"
    message = f"{spec.name} reads {value!r}, which is not declared: it had no value at all"
    old.note(BROKEN, path, f"{message}; atr(14) is declared for it")
    series = declared(computed, value if value else "atr_14", "atr(14)")
    needs.add(series)
    return f"{name}={series}"


def _default_series(
    old: Old, computed: Computed, path: str, structure: str, source: str, timeframe: str
) -> str:
    """A measure that a structure now has to name."""
    suffix = "" if timeframe == computed.clock else f"@{timeframe}"
    wanted = [
        id for id, call in computed.series.items() if call.startswith("atr(") and "@" not in call
    ]
    own = wanted[0] if wanted else declared(computed, "atr_14", "atr(14)")
    message = f"{structure} names no {source}, which it needs: {own} is taken"
    old.note(AMBIGUOUS, path, f"{message}{', on its timeframe' if suffix else ''}")
    return own


def declared(computed: Computed, id: str, call: str) -> str:
    own = new_id(id, computed.taken)
    computed.ids.setdefault(id, own)
    computed.kinds.setdefault(id, call.partition("(")[0])
    computed.series[own] = call
    return own


def primary_output(kind: str) -> str:
    """The output a bare multi-output indicator stood for: the first declared."""
    outputs = INDICATORS[kind].outputs
    return "" if len(outputs) == 1 else outputs[0].name


def is_direction(kind: str, output: str) -> bool:
    """Whether an output is an enum of directions."""
    if kind in INDICATORS:
        found = [o for o in INDICATORS[kind].outputs if o.name == output]
        return bool(found) and found[0].type is Type.ENUM
    return output.endswith(("direction", "bias", "last_wave"))


def value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _plain(value) if isinstance(value, float) else str(value)


def _plain(value: float) -> str:
    """A decimal without exponent or rounding noise."""
    text = f"{value:.10f}".rstrip("0").rstrip(".")
    return text or "0"
