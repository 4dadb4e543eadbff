"""A play in words: what is computed on which timeframe, how long it warms up, what rules mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.canonical import decimal_text
from engine.indicators.registry import spec_of
from engine.play.ast import At, Call, Expr, Indicator, Structure, Type
from engine.play.history import depends_on_history, parts_of
from engine.play.model import Amount, Entry, Limits, Play, Risk, Rule, Sided, Stop, Target, Trail
from engine.play.text import expression_text, literal_text, structure_text
from engine.play.words import condition_words
from engine.structures.registry import STRUCTURES
from engine.timeframe import Timeframe

_WHAT_RULES_DO = {
    "exit_long": "Leaves a long position",
    "exit_short": "Leaves a short position",
    "enter_long": "Buys, when flat,",
    "enter_short": "Sells short, when flat,",
}


def explain_play(play: Play, warmup: Mapping[Timeframe, int] | None = None) -> str:
    """The play in plain words, several lines.

    ``warmup``: bars needed before the first decision can be trusted, by timeframe (the feature
    plan's); without it the warm-up part is left out.
    """
    parts = [_header(play), _params(play), _computed(play)]
    if warmup is not None:
        parts.append(_warmup(play, warmup))
    parts.extend([_rules(play), _entry(play.entry), _risk(play.risk), _limits(play.limits)])
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
    if not play.series and not play.setups and not play.structures:
        return ""
    lines = ["Computed:"]
    for id, expr in play.structures:
        lines.append(f"  {id} = {structure_text(expr)}, {_timing(expr, play)}")
        lines.extend(f"      {note}" for note in _notes(expr))
    for id, expr in play.series:
        lines.append(f"  {id} = {expression_text(expr)}, {_timing(expr, play)}")
        lines.extend(f"      {note}" for note in _notes(expr))
    for id, expr in play.setups:
        kind = "an event" if expr.type is Type.EVENT else "a condition"
        lines.append(f"  {id}, {kind}: {condition_words(expr)}")
    return "\n".join(lines)


def _timing(expr: Expr, play: Play) -> str:
    if isinstance(expr, At) and expr.timeframe.ms < play.clock.ms:
        return f"on {expr.timeframe} bars, the latest closed one"
    if isinstance(expr, At):
        return f"on {expr.timeframe} bars, held until the next {expr.timeframe} close"
    return f"on {play.clock} bars"


def _notes(expr: Expr) -> list[str]:
    """What the indicators of a series are, from their declarations."""
    notes: dict[str, None] = {}
    pending = [expr]
    while pending:
        node = pending.pop()
        note = _note(node)
        if note and depends_on_history(node):
            note += " (it depends on where history begins)"
        elif depends_on_history(node) and isinstance(node, Call):
            note = f"{node.op}: depends on where history begins"
        if note:
            notes[note] = None
        pending.extend(parts_of(node))
    return sorted(notes)


def _note(node: Expr) -> str:
    """What an indicator or structure is, from its declaration."""
    if isinstance(node, Indicator):
        own = f" (of {node.user.source.name})" if node.user is not None else ""
        return f"{node.name}{own}: {spec_of(node).summary}"
    if isinstance(node, Structure):
        return f"{node.name}: {STRUCTURES[node.name].summary}"
    return ""


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
        (rule,) = alternatives
        named = "" if rule.id == kind else f" ({rule.id})"
        return [
            f"  {kind}{named}: {what} when {condition_words(rule.when)}.{_closes(rule)}",
            *_tags(rule, "    "),
        ]
    lines = [f"  {kind}: {what} on the first of these that is true:"]
    for rule in alternatives:
        lines.append(f"    {rule.id}: {condition_words(rule.when)}{_closes(rule)}")
        lines.extend(_tags(rule, "      "))
    return lines


def _closes(rule: Rule) -> str:
    if rule.close_pct == 100:
        return ""
    return f" It closes {decimal_text(rule.close_pct)}% of the original size, once per position."


def _tags(rule: Rule, indent: str) -> list[str]:
    return [f"{indent}records {name} = {expression_text(expr)}" for name, expr in rule.tags]


def _entry(entry: Entry) -> str:
    if entry.order == "market":
        return "Entry: at the market, at the next open."
    what = "limit price" if entry.order == "limit" else "trigger"
    lines = [f"Entry: a {entry.order} order.", *_sided(what, entry.price)]
    lines.extend(_sided("limit price of the order it releases", entry.limit))
    if entry.offset is not None:
        lines.append(f"  moved {_amount(entry.offset)} away from the market")
    span = f"for {entry.expires_bars} bars of the clock" if entry.expires_bars else "until it fills"
    lines.append(f"  {entry.tif}, live {span}")
    then = "keeps it" if entry.pending == "keep" else "replaces it"
    lines.append(f"  a rule that fires while its order rests {then}")
    if entry.cancel_when is not None:
        for side, expr in (("long", entry.cancel_when.long), ("short", entry.cancel_when.short)):
            if expr is not None:
                lines.append(f"  a resting {side} entry is cancelled when {condition_words(expr)}")
    return "\n".join(lines)


def _sided(what: str, sided: Sided | None) -> list[str]:
    if sided is None:
        return []
    sides = (("long", sided.long), ("short", sided.short))
    return [f"  {what}, {side}: {expression_text(e)}" for side, e in sides if e is not None]


def _amount(amount: Amount) -> str:
    number = decimal_text(amount.value)
    return {"percent": f"{number}%", "R": f"{number}R", "ticks": f"{number} ticks"}[amount.unit]


def _limits(limits: Limits) -> str:
    lines = []
    if limits.max_trades_per_day is not None:
        lines.append(f"  at most {limits.max_trades_per_day} entries filled a day (UTC)")
    if limits.cooldown_bars is not None:
        lines.append(f"  no entry in the {limits.cooldown_bars} bars after a position closed")
    if limits.max_bars is not None:
        lines.append(f"  a position is closed after {limits.max_bars} bars")
    if limits.daily_loss_pct is not None:
        lines.append(
            f"  no entry until the next day once a day lost {decimal_text(limits.daily_loss_pct)}%"
        )
    return "\n".join(["Limits, in bars of the clock:", *lines]) if lines else ""


def _risk(risk: Risk) -> str:
    lines = ["Risk:", f"  size: {_size(risk)}", f"  leverage: {decimal_text(risk.leverage)}x"]
    lines.append(f"  stop: {_stop(risk.stop)}")
    lines.extend(f"  target: {_target(target)}" for target in risk.targets)
    left = Decimal(100) - sum((target.close_pct for target in risk.targets), Decimal(0))
    if not risk.targets:
        lines.append("  target: none")
    elif left:
        lines.append(f"  runner: {decimal_text(left)}% of the position has no target")
    if risk.break_even is not None:
        even = risk.break_even
        lines.append(
            f"  break-even: at {_amount(even.at)} of profit the stop moves to the entry plus "
            f"{_amount(even.offset)} in the position's favour"
        )
    if risk.trail is not None:
        lines.append(f"  trail: {_trail(risk.trail)}")
    if risk.max_drawdown_pct is not None:
        lines.append(
            f"  max drawdown: {decimal_text(risk.max_drawdown_pct)}% below peak equity ends the run"
        )
    return "\n".join(lines)


def _size(risk: Risk) -> str:
    value = decimal_text(risk.size.value)
    words = {
        "risk": f"what loses {value}% of equity at the stop (costs not counted)",
        "margin": f"{value}% of free margin, times leverage",
        "notional": f"{value} USDT of position value",
        "qty": f"{value} base units",
    }
    return words[risk.size.kind]


def _stop(stop: Stop) -> str:
    if stop.kind == "none":
        return "none, by the author's choice: a loss is limited by the exit rules alone"
    return f"{_distance(stop)} against the position"


def _target(target: Target) -> str:
    share = "" if target.close_pct == 100 else f", closing {decimal_text(target.close_pct)}%"
    return f"{_distance(target)} in profit, {target.order}{share}"


def _trail(trail: Trail) -> str:
    kinds = {"price": f"{decimal_text(trail.value)}% of the peak"}
    distance = kinds.get(trail.kind) or _distance(trail).replace("at the entry signal", "now")
    after = f" once profit reached {_amount(trail.after)}" if trail.after is not None else ""
    return f"{distance} behind the peak{after}"


def _distance(of: Stop | Target | Trail) -> str:
    number = decimal_text(of.value)
    if of.kind == "level" and not isinstance(of, Trail):
        assert of.level is not None
        sides = (("long", of.level.long), ("short", of.level.short))
        prices = ", ".join(f"{expression_text(e)} ({side})" for side, e in sides if e is not None)
        moved = f", moved {_amount(of.offset)} away from the market" if of.offset else ""
        return f"at the level {prices}{moved},"
    words = {
        "price": f"{number}% of the average entry price",
        "roi": f"{number}% of the margin",
        "rr": f"{number} times the stop distance (R)",
        "points": f"{number} {'ticks' if of.unit == 'ticks' else 'USDT of price'}",
    }
    if of.kind in words:
        return words[of.kind]
    assert of.of is not None
    return f"{number} times {expression_text(of.of)} at the entry signal"
