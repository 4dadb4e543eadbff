"""Golden cases as text: a parser, and a comparison that any exchange can be put through.

A file of ``tests/golden/exchange`` holds cases; ``#`` begins a comment. Prices, quantities and
money are in USDT and base units, rates are ``5.5bps``, ``2%`` or plain numbers. Times are fill
bars: ``b3`` is the open of bar 3 (counted from 0), which is the close of bar 2; what happens on the
path of bar 3 is at ``b3`` too. A case is::

    case NAME
    says  the sentence or the row of the requirement page it shows
    instrument  tick 0.1 lot 0.001 min_qty 0.001          keys and values in turn
    tier  cap 2000000 rate 0.5% deduction 0 leverage 100  once for each tier
    config  taker 5.5bps slippage 0                       keys of the run config
    clock 1                                               fill bars in a clock bar
    atr  b1 5                                             the clock bar closing at b1 has ATR 5
    bar  100 101 99 100  mark 100 101 99 100  volume 5    open high low close; the mark defaults to
                                                          the last
    funding  b1 0.0001
    close 0  enter long market qty 1 leverage 10 stop level 95 target price 2% close 50% target rr 3
    close 0  exit            close 0  exit 50%            close 0  cancel 1
    expect fill  at b1 order 1 side buy qty 1 price 100.03 fee 0.055
    expect none order                                     no event of that kind

``close N`` is a decision at the close of bar N. Entry words: an order kind (``market``, ``limit``,
``stop``, ``stop-limit``), a size (``qty``, ``notional``, ``margin``, ``risk``), pairs ``price``,
``trigger``, ``tif``, ``expires``, ``leverage``, ``by``; then ``stop KIND VALUE [by S]``, ``target
KIND VALUE [close P] [market] [by S]``, ``break_even KIND VALUE [offset RATE]``, ``trail KIND VALUE
[after KIND VALUE]``.

For each kind of event that a case expects, the events of that kind must be exactly those listed,
in order; of each event, the fields that are named. ``expect outcome`` lists only the last
transitions of orders (filled, cancelled, rejected, expired).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.oracle import events as ev
from tests.oracle.instrument import Instrument, Tier
from tests.oracle.numbers import E8, LONG, SHORT, exact
from tests.oracle.orders import OUTCOMES
from tests.oracle.scenario import (
    Bar,
    BreakEven,
    Cancel,
    Command,
    Config,
    Decision,
    Entry,
    Exit,
    FundingEvent,
    Reach,
    Scenario,
    Stop,
    Target,
    Trail,
)

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "exchange"
Run = Callable[[Scenario], list[ev.Event]]
Row = dict[str, str]

DEFAULT_TIERS = (Tier(Decimal(10**9), Fraction(1, 200), Decimal(0), Fraction(100)),)
KINDS = {
    "order": ev.Order,
    "outcome": ev.Order,
    "refusal": ev.Refusal,
    "fill": ev.Fill,
    "bracket": ev.Bracket,
    "funding": ev.Funding,
    "trade": ev.Trade,
    "equity": ev.Equity,
    "status": ev.Status,
}


@dataclass
class Case:
    """One golden case: a scenario and the rows expected of it by kind."""

    name: str
    path: Path
    says: str = ""
    instrument: dict[str, Any] = field(default_factory=dict)
    tiers: list[Tier] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    clock: int = 1
    atr: dict[int, Fraction] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    funding: list[tuple[str, Fraction]] = field(default_factory=list)
    decisions: dict[int, list[Command]] = field(default_factory=dict)
    expected: dict[str, list[Row]] = field(default_factory=dict)

    def scenario(self) -> Scenario:
        """The scenario the case states."""
        facts = Instrument(**self.instrument, tiers=tuple(self.tiers) or DEFAULT_TIERS)
        decisions = tuple(Decision(bar, tuple(told)) for bar, told in self.decisions.items())
        clock_bars = len(self.bars) // self.clock
        plain = Scenario(
            instrument=facts,
            bars=tuple(self.bars),
            config=Config(**self.config),
            decisions=decisions,
            clock=self.clock,
            atr=tuple(self.atr.get((n + 1) * self.clock) for n in range(clock_bars)),
        )
        funding = tuple(FundingEvent(_ms(at, plain), rate) for at, rate in self.funding)
        return replace(plain, funding=funding)


def _ms(label: str, scenario: Scenario) -> int:
    """``b3`` is the open of bar 3, ``b3+20000`` is 20 s later."""
    bar, _, extra = label.removeprefix("b").partition("+")
    return scenario.open_ms(int(bar)) + int(extra or 0)


def load_cases(folder: Path = FOLDER) -> list[Case]:
    """All cases of a folder, by file and place."""
    cases: list[Case] = []
    for path in sorted(folder.glob("*.txt")):
        cases.extend(parse(path.read_text(), path))
    return cases


def parse(text: str, path: Path = Path("<text>")) -> list[Case]:
    """The cases of a file; ValueError with file and line for what it does not know."""
    cases: list[Case] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        word, _, rest = line.partition(" ")
        try:
            if word == "case":
                cases.append(Case(rest.strip(), path))
            elif word == "says":
                cases[-1].says += raw.strip().partition(" ")[2].strip() + " "
            else:
                _statement(cases[-1], word, rest.split())
        except (KeyError, ValueError, IndexError, TypeError, ArithmeticError) as cause:
            raise ValueError(f"{path}:{number}: cannot read {line!r}: {cause!r}") from cause
    return cases


def _pairs(words: list[str]) -> Row:
    return dict(zip(words[::2], words[1::2], strict=True))


def _statement(case: Case, word: str, words: list[str]) -> None:
    if word == "instrument":
        case.instrument = _instrument(_pairs(words))
    elif word == "tier":
        row = _pairs(words)
        leverage = exact(row.get("leverage", "100"))
        tier = Tier(Decimal(row["cap"]), exact(row["rate"]), Decimal(row["deduction"]), leverage)
        case.tiers.append(tier)
    elif word == "config":
        case.config |= {name: _config(name, value) for name, value in _pairs(words).items()}
    elif word == "clock":
        case.clock = int(words[0])
    elif word == "atr":
        case.atr[int(words[0].removeprefix("b"))] = exact(words[1])
    elif word == "bar":
        case.bars.append(_bar(words))
    elif word == "funding":
        case.funding.append((words[0], exact(words[1])))
    elif word == "close":
        case.decisions.setdefault(int(words[0]), []).append(_command(words[1:]))
    elif word == "expect" and words[0] == "none":
        case.expected.setdefault(words[1], [])
    elif word == "expect":
        assert words[0] in KINDS, words[0]
        case.expected.setdefault(words[0], []).append(_pairs(words[1:]))
    else:
        raise KeyError(word)


_FACTS = {"tick": "tick_size", "lot": "qty_step"}


def _instrument(row: Row) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, value in row.items():
        number = exact(value) if "leverage" in name else Decimal(value)
        facts[_FACTS.get(name, name)] = number
    return facts


def _config(name: str, value: str) -> Any:
    if name == "equity":
        return Decimal(value)
    if name == "latency_ms":
        return int(value)
    if name == "brackets_on_entry_bar":
        return {"true": True, "false": False}[value]
    if name in ("taker", "maker", "slippage", "slippage_stop", "participation", "max_drawdown"):
        return exact(value)
    return value


def _bar(words: list[str]) -> Bar:
    def four(at: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        o, h, low, c = (Decimal(word) for word in words[at : at + 4])
        return o, h, low, c

    found: dict[str, Any] = {"last": four(0), "mark": four(0)}
    at = 4
    while at < len(words):
        name = words[at]
        if name == "volume":
            found[name] = Decimal(words[at + 1])
            at += 2
        else:
            found[name] = four(at + 1)
            at += 5
    return Bar(**found)


def _command(words: list[str]) -> Command:
    if words[0] == "exit":
        return Exit(exact(words[1]) if len(words) > 1 else None)
    if words[0] == "cancel":
        return Cancel(int(words[1]))
    assert words[0] == "enter", words[0]
    return _entry(words[1:])


def _entry(words: list[str]) -> Entry:
    """Read an entry word by word; ``by``, ``close``, ``offset``, ``after`` belong to the bracket
    before them."""
    given: dict[str, Any] = {"side": {"long": LONG, "short": SHORT}[words[0]], "order": words[1]}
    targets: list[Target] = []
    rest = words[2:]
    last = ""
    while rest:
        word = rest.pop(0)
        if word in ("risk", "margin", "notional", "qty"):
            given["size_kind"], given["size"] = word, exact(rest.pop(0))
        elif word == "stop":
            given["stop"] = Stop(_kind(rest.pop(0)), exact(rest.pop(0)))
        elif word == "target":
            targets.append(Target(_kind(rest.pop(0)), exact(rest.pop(0))))
        elif word == "break_even":
            given["break_even"] = BreakEven(Reach(rest.pop(0), exact(rest.pop(0))))
        elif word == "trail":
            given["trail"] = Trail(rest.pop(0), exact(rest.pop(0)))
        elif word == "offset":
            given["break_even"] = replace(given["break_even"], offset=exact(rest.pop(0)))
        elif word == "after":
            reach = Reach(rest.pop(0), exact(rest.pop(0)))
            given["trail"] = replace(given["trail"], after=reach)
        elif word == "close":
            targets[-1] = replace(targets[-1], close=exact(rest.pop(0)))
        elif word == "market":
            targets[-1] = replace(targets[-1], order="market")
        elif word == "by" and last == "stop":
            given["stop"] = replace(given["stop"], by=rest.pop(0))
        elif word == "by" and last == "target":
            targets[-1] = replace(targets[-1], by=rest.pop(0))
        elif word == "by":
            given["trigger_by"] = rest.pop(0)
        elif word in ("price", "trigger", "leverage"):
            given[word] = exact(rest.pop(0))
        elif word == "tif":
            given[word] = rest.pop(0)
        elif word == "expires":
            given[word] = int(rest.pop(0))
        else:
            raise KeyError(word)
        if word in ("stop", "target", "break_even", "trail"):
            last = word
    return Entry(**given, targets=tuple(targets))


def _kind(word: str) -> str:
    """An ATR distance is given with its value: points."""
    return "points" if word == "atr" else word


# --- comparison -----------------------------------------------------------------------------------

_E8_FIELDS = {"fee", "gross", "amount", "equity", "wallet", "net", "fees", "funding"}
_NAMES = {
    "at": "ts_ms",
    "qty": "lots",
    "code": "code",
    "entry_at": "entry_ms",
    "exit_at": "exit_ms",
    "position": "lots",
}
_PRICES = {"price", "trigger", "mark"}


def mismatches(case: Case, run: Run) -> list[str]:
    """Every difference between what a case expects and what ``run`` tells, one line each."""
    scenario = case.scenario()
    told = run(scenario)
    wrong: list[str] = []
    for kind, rows in case.expected.items():
        found = [event for event in told if isinstance(event, KINDS[kind])]
        if kind == "outcome":
            found = [event for event in found if event.state in OUTCOMES]
        if len(found) != len(rows):
            listed = "".join(f"\n    {event}" for event in found)
            wrong.append(f"{case.name}: {len(rows)} {kind} expected, {len(found)} told:{listed}")
            continue
        for row, event in zip(rows, found, strict=True):
            wrong.extend(
                f"{case.name}: {kind} {row}: {name} is {actual}, not {value}\n    {event}"
                for name, value in row.items()
                if (actual := _actual(event, name, scenario)) != _wanted(name, value, scenario)
            )
    return wrong


def _actual(event: ev.Event, name: str, scenario: Scenario) -> Any:
    """The field of an event that a name in a golden row stands for."""
    if name in ("entry_notional", "exit_notional") or name in _E8_FIELDS:
        return getattr(event, f"{name}_e8")
    if name == "rate":
        return getattr(event, "rate_e8")  # noqa: B009
    if name == "legs":
        return len(event.legs)  # type: ignore[union-attr]
    return getattr(event, _NAMES.get(name, name))


def _wanted(name: str, value: str, scenario: Scenario) -> Any:
    """A golden value in the units of the events."""
    if name in ("at", "entry_at", "exit_at"):
        return _ms(value, scenario)
    if name in _E8_FIELDS or name in ("entry_notional", "exit_notional", "rate"):
        return exact(value) * E8
    if name in _PRICES:
        return None if value == "none" else exact(value) * 10**scenario.decimals
    if name in ("qty", "position"):
        return exact(value) / Fraction(scenario.instrument.qty_step)
    if name == "legs":
        return int(value)
    if name == "terminal":
        return value == "true"
    return value
