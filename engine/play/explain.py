"""A play in words: what is computed on which timeframe, how long it warms up, what rules mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.canonical import decimal_text
from engine.indicators.registry import INDICATORS
from engine.play.ast import At, Call, Expr, Indicator, Ref, Type
from engine.play.model import Play, Risk, Rule, Stop, Target
from engine.play.text import expression_text, literal_text
from engine.timeframe import Timeframe

_WHAT_RULES_DO = {
    "exit_long": "Leaves a long position",
    "exit_short": "Leaves a short position",
    "enter_long": "Buys, when flat,",
    "enter_short": "Sells short, when flat,",
}
_COMPARE_WORDS = {
    "lt": "is below",
    "le": "is at or below",
    "gt": "is above",
    "ge": "is at or above",
    "eq": "equals",
    "ne": "differs from",
}
_CROSS_WORDS = {"cross_above": "crosses above", "cross_below": "crosses below"}


def explain_play(play: Play, warmup: Mapping[Timeframe, int] | None = None) -> str:
    """The play in plain words, several lines.

    ``warmup``: bars needed before the first decision can be trusted, by timeframe (the feature
    plan's); without it the warm-up part is left out.
    """
    parts = [_header(play), _params(play), _computed(play)]
    if warmup is not None:
        parts.append(_warmup(play, warmup))
    parts.extend([_rules(play), _risk(play.risk)])
    return "\n\n".join(part for part in parts if part) + "\n"


def _header(play: Play) -> str:
    lines = [f"{play.name}: {play.description}".rstrip(": ")]
    lines.append(
        f"Trades {play.market}; rules are evaluated when a {play.clock} bar closes (UTC), "
        "on closed bars only."
    )
    lines.append(f"play_hash {play.play_hash}")
    lines.extend(f"Warning: {warning}" for warning in play.warnings)
    return "\n".join(lines)


def _params(play: Play) -> str:
    if not play.params:
        return ""
    return "Parameters: " + ", ".join(f"{id} = {literal_text(value)}" for id, value in play.params)


def _computed(play: Play) -> str:
    if not play.series and not play.setups:
        return ""
    lines = ["Computed:"]
    for id, expr in play.series:
        lines.append(f"  {id} = {expression_text(expr)}, {_timing(expr, play)}")
        lines.extend(f"      {note}" for note in _notes(expr))
    for id, expr in play.setups:
        kind = "an event" if expr.type is Type.EVENT else "a condition"
        lines.append(f"  {id}, {kind}: {condition_words(expr)}")
    return "\n".join(lines)


def _timing(expr: Expr, play: Play) -> str:
    if isinstance(expr, At):
        return f"on {expr.timeframe} bars, held until the next {expr.timeframe} close"
    return f"on {play.clock} bars"


def _notes(expr: Expr) -> list[str]:
    """What the indicators of a series are, from their declarations."""
    notes: dict[str, None] = {}
    pending = [expr]
    while pending:
        node = pending.pop()
        match node:
            case Indicator():
                spec = INDICATORS[node.name]
                note = f"{spec.name}: {spec.summary}"
                if spec.history_dependent:
                    note += " (its value depends on where history begins)"
                notes[note] = None
                pending.extend(node.inputs)
            case At():
                pending.append(node.expr)
            case Call():
                pending.extend(node.args)
    return sorted(notes)


def _warmup(play: Play, warmup: Mapping[Timeframe, int]) -> str:
    lines = ["Warm-up, bars of history before the first decision:"]
    for timeframe, bars in sorted(warmup.items(), key=lambda item: Timeframe(item[0]).ms):
        lines.append(f"  {Timeframe(timeframe).value}: {bars}")
    if len(lines) == 1:
        lines.append(f"  none: every bar of {play.clock} decides")
    return "\n".join(lines)


def _rules(play: Play) -> str:
    lines = ["Rules, exits before entries; an order fills at the next open:"]
    for kind, alternatives in play.rules:
        lines.extend(_rule(kind, alternatives))
    sides = {kind for kind, _ in play.rules}
    if {"enter_long", "enter_short"} <= sides:
        lines.append("  When both entries are true on one close, neither fires.")
    if "enter_short" not in sides:
        lines.append("  Never short.")
    if "enter_long" not in sides:
        lines.append("  Never long.")
    return "\n".join(lines)


def _rule(kind: str, alternatives: tuple[Rule, ...]) -> list[str]:
    what = _WHAT_RULES_DO[kind]
    if len(alternatives) == 1:
        return [f"  {kind}: {what} when {condition_words(alternatives[0].when)}."]
    lines = [f"  {kind}: {what} on the first of these that is true:"]
    lines.extend(f"    {rule.id}: {condition_words(rule.when)}" for rule in alternatives)
    return lines


def condition_words(expr: Expr) -> str:
    """A condition as a phrase: ``ema_f crosses above ema_s and close is above ema_h``."""
    if isinstance(expr, At):
        return f"({condition_words(expr.expr)}) on closed {expr.timeframe} bars"
    if isinstance(expr, Ref) and expr.type in (Type.BOOL, Type.EVENT):
        return f"{expr.id} fires" if expr.type is Type.EVENT else f"{expr.id} holds"
    if not isinstance(expr, Call):
        return expression_text(expr)
    words = _COMPARE_WORDS.get(expr.op) or _CROSS_WORDS.get(expr.op)
    if words:
        left, right = expr.args
        return f"{expression_text(left)} {words} {expression_text(right)}"
    if expr.op == "not":
        return f"not ({condition_words(expr.args[0])})"
    if expr.op in {"and", "or"}:
        return f" {expr.op} ".join(_inside(arg, expr.op) for arg in expr.args)
    return expression_text(expr)


def _inside(expr: Expr, op: str) -> str:
    words = condition_words(expr)
    mixed = isinstance(expr, Call) and expr.op in {"and", "or"} and expr.op != op
    return f"({words})" if mixed else words


def _risk(risk: Risk) -> str:
    lines = ["Risk:", f"  size: {_size(risk)}", f"  leverage: {decimal_text(risk.leverage)}x"]
    lines.append(f"  stop: {_stop(risk.stop)}")
    lines.extend(f"  target: {_target(target)}" for target in risk.targets)
    if not risk.targets:
        lines.append("  target: none")
    return "\n".join(lines)


def _size(risk: Risk) -> str:
    value = decimal_text(risk.size.value)
    words = {
        "risk": f"what loses {value}% of equity at the stop (costs not counted)",
        "notional": f"{value} USDT of position value",
        "qty": f"{value} base units",
    }
    return words[risk.size.kind]


def _stop(stop: Stop) -> str:
    if stop.kind == "none":
        return "none, by the author's choice: a loss is limited by the exit rules alone"
    return f"{_distance(stop.kind, stop.value, stop.of)} against the position"


def _target(target: Target) -> str:
    share = "" if target.close_pct == 100 else f", closing {decimal_text(target.close_pct)}%"
    return f"{_distance(target.kind, target.value, target.of)} in profit, {target.order}{share}"


def _distance(kind: str, value: Decimal, of: Expr | None) -> str:
    number = decimal_text(value)
    if kind == "price":
        return f"{number}% of the average entry price"
    if kind == "rr":
        return f"{number} times the stop distance (R)"
    assert of is not None
    return f"{number} times {expression_text(of)} at the entry signal"
