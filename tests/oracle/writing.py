"""A scenario as the text of a golden case, which ``golden.parse`` reads back as the same."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

from tests.oracle.golden import DEFAULT_TIERS
from tests.oracle.instrument import Instrument
from tests.oracle.numbers import LONG
from tests.oracle.scenario import OHLC, Cancel, Command, Config, Entry, Exit, Reach, Scenario

_FACTS = {"tick_size": "tick", "qty_step": "lot"}


def text_of(scenario: Scenario, name: str) -> str:
    """The lines of a case ``name`` without anything expected; what is the default is left out."""
    lines = [f"case {name}", *_facts(scenario.instrument)]
    config = _changed(scenario.config, Config())
    if config:
        lines.append("config " + config)
    if scenario.clock != 1:
        lines.append(f"clock {scenario.clock}")
    for place, value in enumerate(scenario.atr):
        if value is not None:
            lines.append(f"atr b{(place + 1) * scenario.clock} {number(value)}")
    for bar in scenario.bars:
        parts = [f"bar {_series(bar.last)}"]
        if bar.mark != bar.last:
            assert bar.mark is not None
            parts.append(f"mark {_series(bar.mark)}")
        if bar.index is not None:
            parts.append(f"index {_series(bar.index)}")
        if bar.volume:
            parts.append(f"volume {number(bar.volume)}")
        lines.append("  ".join(parts))
    for event in scenario.funding:
        bar, extra = divmod(event.ts_ms - scenario.start_ms, scenario.fill_ms)
        lines.append(f"funding b{bar}{f'+{extra}' if extra else ''} {number(event.rate)}")
    for decision in scenario.decisions:
        lines += [f"close {decision.bar} {_command(told)}" for told in decision.commands]
    return "\n".join(lines) + "\n"


def number(value: Decimal | Fraction | int) -> str:
    """A number of finitely many decimals, written out exactly."""
    exact = Fraction(value)
    decimals = 0
    while (exact * 10**decimals).denominator != 1:
        decimals += 1
        assert decimals <= 30, f"{value} has no end"
    return f"{Decimal(int(exact * 10**decimals)).scaleb(-decimals):f}"


def _facts(facts: Instrument) -> list[str]:
    lines = []
    plain = _changed(facts, Instrument(tiers=DEFAULT_TIERS), leave={"tiers"})
    if plain:
        lines.append("instrument " + plain)
    if facts.tiers != DEFAULT_TIERS:
        lines += [
            f"tier cap {number(t.cap)} rate {number(t.rate)} deduction {number(t.deduction)}"
            f" leverage {number(t.max_leverage)}"
            for t in facts.tiers
        ]
    return lines


def _changed(given: object, default: object, leave: frozenset[str] | set[str] = frozenset()) -> str:
    """The fields that are not the default, as names and values in turn."""
    words = []
    for one in fields(given):  # type: ignore[arg-type]
        value = getattr(given, one.name)
        if one.name not in leave and value != getattr(default, one.name):
            words.append(f"{_FACTS.get(one.name, one.name)} {_word(value)}")
    return " ".join(words)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal | Fraction | int):
        return number(value)
    return str(value)


def _series(series: OHLC) -> str:
    return " ".join(number(price) for price in series)


def _command(command: Command) -> str:
    if isinstance(command, Cancel):
        return f"cancel {command.order}"
    if isinstance(command, Exit):
        return "exit" if command.close is None else f"exit {number(command.close)}"
    return _entry(command)


def _entry(entry: Entry) -> str:
    words = ["enter", "long" if entry.side == LONG else "short", entry.order]
    words += [entry.size_kind, number(entry.size)]
    for name in ("price", "trigger", "expires"):
        value = getattr(entry, name)
        if value is not None:
            words += [name, number(value)]
    if entry.tif != "GTC":
        words += ["tif", entry.tif]
    words += ["leverage", number(entry.leverage)]
    if entry.trigger_by != "last":
        words += ["by", entry.trigger_by]
    if entry.stop is not None:
        words += ["stop", entry.stop.kind, number(entry.stop.value), *_by(entry.stop.by)]
    for target in entry.targets:
        words += ["target", target.kind, number(target.value)]
        words += [] if target.close is None else ["close", number(target.close)]
        words += ["market"] if target.order == "market" else []
        words += _by(target.by)
    if entry.break_even is not None:
        words += ["break_even", *_reach(entry.break_even.at)]
        words += ["offset", number(entry.break_even.offset)]
    if entry.trail is not None:
        words += ["trail", entry.trail.kind, number(entry.trail.value)]
        words += [] if entry.trail.after is None else ["after", *_reach(entry.trail.after)]
    return " ".join(words)


def _reach(reach: Reach) -> list[str]:
    return [reach.kind, number(reach.value)]


def _by(source: str) -> list[str]:
    return [] if source == "last" else ["by", source]
