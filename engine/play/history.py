"""What of a play depends on where history begins, however long ago that was."""

from __future__ import annotations

from engine.indicators.registry import spec_of
from engine.play.ast import At, Call, Expr, Indicator, Structure
from engine.play.model import Play
from engine.structures.registry import STRUCTURES

#: Functions that remember without end.
WITHOUT_END = ("bars_since", "since", "value_when")


def depends_on_history(node: Expr) -> bool:
    """Whether ``node`` itself, apart from what it is made of, depends on where history begins."""
    match node:
        case Indicator():
            spec = spec_of(node)
            values = [value.value for _, value in node.params]
            pairs = zip(spec.params, values, strict=True)
            return spec.depends_on_history(tuple(p.as_float(value) for p, value in pairs))
        case Structure():
            return STRUCTURES[node.name].history_dependent
        case Call():
            return node.op in WITHOUT_END
    return False


def parts_of(node: Expr) -> tuple[Expr, ...]:
    """The expressions a node is directly made of."""
    match node:
        case Indicator():
            return node.inputs
        case Structure():
            return tuple(source for _, source in node.sources)
        case At():
            return (node.expr,)
        case Call():
            return node.args
    return ()


def history_dependent(play: Play) -> tuple[str, ...]:
    """Names of the indicators, structures and functions of ``play`` that do, sorted."""
    pending = [expr for _, expr in (*play.series, *play.structures, *play.setups)]
    for _, alternatives in play.rules:
        for rule in alternatives:
            pending.extend((rule.when, *(expr for _, expr in rule.tags)))
    found: dict[str, None] = {}
    while pending:
        node = pending.pop()
        if depends_on_history(node):
            name = node.op if isinstance(node, Call) else getattr(node, "name", "")
            found[name] = None
        pending.extend(parts_of(node))
    return tuple(sorted(found))
