"""A position's stop, target ladder, trail and break-even."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from tests.oracle.numbers import LONG, at_or_beyond, stop_units, target_units
from tests.oracle.scenario import BreakEven, Entry, Reach, Stop, Target, Trail


@dataclass
class TargetOrder:
    """A level of the ladder. ``takes``: it was marketable when it became active."""

    level: int
    price: int
    lots: int
    market: bool
    by: str
    takes: bool = False

    @property
    def name(self) -> str:
        return f"target{self.level}"


@dataclass
class Brackets:
    """ "Brackets belong to the position: the newest opening fill's whole set replaces the old one,
    also where it has none". ``risk`` is R in units; ``active_from`` a bar index."""

    stop: int | None = None
    stop_by: str = "last"
    targets: list[TargetOrder] = field(default_factory=list)
    trail: Trail | None = None
    break_even: BreakEven | None = None
    risk: Fraction | None = None
    active_from: int = 0


def distance(
    kind: str,
    value: Fraction,
    average: Fraction,
    leverage: Fraction,
    scale: int,
    risk: Fraction | None,
) -> Fraction:
    """A distance in units. "price %, roi, R: of the actual average fill; atr, points: taken at the
    reference and shifted with the fill"; "`roi` stops are percent of margin"; "R = first stop
    distance from the average fill" """
    if kind == "price":
        return average * value
    if kind == "roi":
        return average * value / leverage
    if kind in ("rr", "R"):
        assert risk is not None
        return risk * value
    assert kind == "points", kind
    return value * scale


def stop_price(
    stop: Stop, side: int, average: Fraction, leverage: Fraction, scale: int, tick: int
) -> int:
    """The stop of a position with this average. "`level:` stays where it is" """
    if stop.kind == "level":
        return stop_units(stop.value * scale, side, tick)
    away = distance(stop.kind, stop.value, average, leverage, scale, None)
    return stop_units(average - side * away, side, tick)


def target_price(
    target: Target,
    side: int,
    average: Fraction,
    leverage: Fraction,
    scale: int,
    tick: int,
    risk: Fraction | None,
) -> int:
    """A target of a position with this average."""
    if target.kind == "level":
        return target_units(target.value * scale, side, tick)
    away = distance(target.kind, target.value, average, leverage, scale, risk)
    return target_units(average + side * away, side, tick)


def ladder(original: int, closes: list[Fraction | None]) -> list[int]:
    """The lots of each level. "`close` in percent of the *original* quantity, floored to lots; when
    the sum is 100 the last level takes what remains; a zero-lot level's lots go to the next";
    "The lots a level floors away go, as percent, to the next before flooring (3 lots, 20/20/60:
    0, 1, 2); a zero last level below 100 % is dropped".

    Choice: what *any* level floors away goes on, so 10 lots at 25/25/25/25 make 2, 3, 2, 3.
    """
    stated = sum((close for close in closes if close is not None), Fraction(0))
    shares = [1 - stated if close is None else close for close in closes]
    lots: list[int] = []
    carried = Fraction(0)
    for index, part in enumerate(shares):
        wanted = original * part + carried
        if index == len(shares) - 1 and sum(shares) == 1:
            lots.append(original - sum(lots))
        else:
            lots.append(floor(wanted))
            carried = wanted - lots[-1]
    return lots


def bracket_set(
    entry: Entry, side: int, average: Fraction, original: int, scale: int, tick: int
) -> Brackets:
    """The whole set an opening fill brings, "from the new average"."""
    new = Brackets(trail=entry.trail, break_even=entry.break_even)
    if entry.stop is not None:
        new.stop = stop_price(entry.stop, side, average, entry.leverage, scale, tick)
        new.stop_by = entry.stop.by
        new.risk = abs(average - new.stop)
    lots = ladder(original, [target.close for target in entry.targets])
    for level, (target, closes) in enumerate(zip(entry.targets, lots, strict=True), 1):
        if closes > 0:
            price = target_price(target, side, average, entry.leverage, scale, tick, new.risk)
            market = target.order == "market"
            new.targets.append(TargetOrder(level, price, closes, market, target.by))
    return new


def scale_down(brackets: Brackets, held: int) -> list[TargetOrder]:
    """ "after a partial exit scale down from the last level". Returns the targets left without
    lots, which are removed."""
    excess = sum(target.lots for target in brackets.targets) - held
    for target in reversed(brackets.targets):
        cut = min(max(excess, 0), target.lots)
        target.lots -= cut
        excess -= cut
    emptied = [target for target in brackets.targets if target.lots == 0]
    brackets.targets = [target for target in brackets.targets if target.lots > 0]
    return emptied


def has_reached(
    reach: Reach | None,
    side: int,
    peak: Fraction,
    average: Fraction,
    leverage: Fraction,
    scale: int,
    risk: Fraction | None,
) -> bool:
    """ "`at`/`after` are tested on the peak"; Choice: reaching the level exactly counts."""
    if reach is None:
        return True
    away = distance(reach.kind, reach.value, average, leverage, scale, risk)
    return at_or_beyond(peak, average + side * away, side)


def trail_price(
    trail: Trail, side: int, peak: Fraction, atr: Fraction | None, scale: int, tick: int
) -> int | None:
    """The trailing stop below (above) the peak, "with the last closed clock ATR"; None while that
    is missing."""
    if trail.kind == "price":
        away = peak * trail.value
    elif trail.kind == "points":
        away = trail.value * scale
    else:
        assert trail.kind == "atr", trail.kind
        if atr is None:
            return None
        away = trail.value * atr * scale
    return stop_units(peak - side * away, side, tick)


def is_tighter(new: int, old: int | None, side: int) -> bool:
    """ "only tighten"; "equality changes nothing" """
    if old is None:
        return True
    return new > old if side == LONG else new < old
