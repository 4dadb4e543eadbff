"""The smallest scenario, near a given one, that still shows something: found by leaving out parts
as long as it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction

from tests.oracle.golden import DEFAULT_TIERS
from tests.oracle.instrument import ScenarioError
from tests.oracle.scenario import Cancel, Command, Config, Decision, Entry, Scenario

Shows = Callable[[Scenario], bool]


def minimal(scenario: Scenario, shows: Shows) -> Scenario:
    """``scenario`` without what ``shows`` does not need. It must show at first."""
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in _smaller(scenario):
            try:
                made = smaller()
                if made == scenario or not shows(made):
                    continue
            except ScenarioError:
                continue
            scenario, shrunk = made, True
            break
    return scenario


def _smaller(s: Scenario) -> Iterator[Callable[[], Scenario]]:
    """Scenarios with a part less, the largest parts first; each is made when called."""
    yield from (lambda n=n: _until(s, n) for n in range(s.clock, len(s.bars), s.clock))
    if len(s.bars) > s.clock:
        yield lambda: _without_first(s)
    for place, decision in enumerate(s.decisions):
        for nth in range(len(decision.commands)):
            yield lambda place=place, nth=nth: _without_command(s, place, nth)
    yield lambda: replace(s, funding=())
    for place in range(len(s.funding)):
        yield lambda place=place: replace(s, funding=s.funding[:place] + s.funding[place + 1 :])
    yield lambda: replace(s, atr=(None,) * len(s.atr))
    for one in fields(Config):
        yield lambda name=one.name: _plain_config(s, name)
    for change in _plain_facts(s):
        yield lambda change=change: replace(s, instrument=replace(s.instrument, **change))
    yield lambda: replace(s, bars=tuple(replace(bar, index=None) for bar in s.bars))
    yield lambda: replace(s, bars=tuple(replace(bar, mark=bar.last) for bar in s.bars))
    for place, bar in enumerate(s.bars):
        o, h, low, c = bar.last
        for made in (
            replace(bar, mark=bar.last),
            replace(bar, volume=Decimal(0)),
            replace(bar, last=(o, max(o, c), low, c)),
            replace(bar, last=(o, h, min(o, c), c)),
            replace(bar, last=(o, max(o, c), min(o, c), c)),
            replace(bar, last=(o, o, o, o)),
        ):
            bars = (*s.bars[:place], made, *s.bars[place + 1 :])
            yield lambda bars=bars: replace(s, bars=bars)
    for place, decision in enumerate(s.decisions):
        for nth, command in enumerate(decision.commands):
            if isinstance(command, Entry):
                for smaller in _plainer(command):
                    yield lambda place=place, nth=nth, smaller=smaller: _with_command(
                        s, place, nth, smaller
                    )


def _until(s: Scenario, count: int) -> Scenario:
    return replace(
        s,
        bars=s.bars[:count],
        atr=s.atr[: count // s.clock],
        decisions=tuple(d for d in s.decisions if d.bar < count - 1),
        funding=tuple(f for f in s.funding if f.ts_ms < s.open_ms(count)),
    )


def _without_first(s: Scenario) -> Scenario:
    """Without the first clock bar; decisions and funding of it are lost."""
    for decision in s.decisions:
        if decision.bar < s.clock and decision.commands:
            return s
    lost = s.clock * s.fill_ms
    return replace(
        s,
        bars=s.bars[s.clock :],
        atr=s.atr[1:],
        decisions=tuple(replace(d, bar=d.bar - s.clock) for d in s.decisions if d.commands),
        funding=tuple(replace(f, ts_ms=f.ts_ms - lost) for f in s.funding if f.ts_ms >= lost),
    )


def _without_command(s: Scenario, place: int, nth: int) -> Scenario:
    """Without one command; cancels of later orders follow their new ids."""
    gone, order = 0, 0
    for at, decision in enumerate(s.decisions):
        for i, command in enumerate(decision.commands):
            order += not isinstance(command, Cancel)
            if (at, i) == (place, nth) and not isinstance(command, Cancel):
                gone = order
    decisions = []
    for at, decision in enumerate(s.decisions):
        kept: list[Command] = []
        for i, command in enumerate(decision.commands):
            if (at, i) == (place, nth):
                continue
            if isinstance(command, Cancel) and gone:
                if command.order == gone:
                    continue
                kept.append(Cancel(command.order - (command.order > gone)))
            else:
                kept.append(command)
        decisions.append(Decision(decision.bar, tuple(kept)))
    return replace(s, decisions=tuple(d for d in decisions if d.commands))


def _with_command(s: Scenario, place: int, nth: int, command: Command) -> Scenario:
    decision = s.decisions[place]
    commands = (*decision.commands[:nth], command, *decision.commands[nth + 1 :])
    changed = replace(decision, commands=commands)
    return replace(s, decisions=(*s.decisions[:place], changed, *s.decisions[place + 1 :]))


def _plain_config(s: Scenario, name: str) -> Scenario:
    """With one setting as by default; fees and slippages 0, which is plainer still."""
    plain = getattr(Config(), name)
    if isinstance(plain, Fraction):
        plain = Fraction(0)
    if name == "end":
        plain = "mark"
    return replace(s, config=replace(s.config, **{name: plain}))


def _plain_facts(s: Scenario) -> list[dict[str, object]]:
    facts = s.instrument
    return [
        {"tiers": DEFAULT_TIERS},
        {"min_qty": facts.qty_step},
        {"max_market_qty": None},
        {"min_notional": Decimal(0)},
        {"max_leverage": Fraction(100)},
    ]


def _plainer(entry: Entry) -> Iterator[Entry]:
    """An entry with one part less."""
    for name in ("stop", "break_even", "trail", "expires"):
        yield replace(entry, **{name: None})
    yield replace(entry, targets=())
    for place in range(len(entry.targets)):
        yield replace(entry, targets=entry.targets[:place] + entry.targets[place + 1 :])
    if entry.trail is not None:
        yield replace(entry, trail=replace(entry.trail, after=None))
    if entry.order != "market":
        yield replace(entry, order="market", price=None, trigger=None, tif="GTC")
    yield replace(entry, tif="GTC")
    yield replace(entry, trigger_by="last")
    if entry.stop is not None:
        yield replace(entry, stop=replace(entry.stop, by="last"))
