"""Swing, trend and market structure written a second time, from the requirement, the slow way.

Plain lists over the whole history, scanned anew on every bar, no state carried but the list of
pivots; nothing is shared with the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Pivot:
    kind: str
    level: float
    at: int
    confirmed: int
    significance: float | None = None


@dataclass
class Leg:
    low: Pivot
    high: Pivot
    direction: str
    confirmed: int


@dataclass
class Swing:
    pivots: list[Pivot] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)

    def last(self, kind: str, bar: int) -> Pivot | None:
        known = [p for p in self.pivots if p.kind == kind and p.confirmed <= bar]
        return known[-1] if known else None


def fractals(high: list[float], low: list[float], left: int, right: int) -> list[Pivot]:
    """Candidates in order of confirmation, the high of a bar first."""
    found = []
    for bar in range(left + right, len(high)):
        at = bar - right
        before, after = range(at - left, at), range(at + 1, bar + 1)
        if all(high[at] > high[j] for j in before) and all(high[at] >= high[j] for j in after):
            found.append(Pivot("high", high[at], at, bar))
        if all(low[at] < low[j] for j in before) and all(low[at] <= low[j] for j in after):
            found.append(Pivot("low", low[at], at, bar))
    return found


def first_highest(values: list[float], start: int, end: int) -> int:
    """Index of the first of the highest values of ``start .. end``."""
    return max(range(start, end + 1), key=lambda j: (values[j], -j))


def zigzags(high: list[float], low: list[float], threshold: float) -> list[Pivot]:
    """Candidates for a constant threshold; a leg is looked through from its beginning each bar."""
    fall = [-x for x in low]
    found: list[Pivot] = []
    for bar in range(len(high)):
        if not found:
            top, bottom = first_highest(high, 0, bar), first_highest(fall, 0, bar)
            up = bottom != bar and high[bar] - low[bottom] > threshold
            down = top != bar and high[top] - low[bar] > threshold
            if up and not down:
                found.append(Pivot("low", low[bottom], bottom, bar))
            elif down and not up:
                found.append(Pivot("high", high[top], top, bar))
            continue
        start = found[-1].at + 1
        if found[-1].kind == "low":
            extreme = first_highest(high, start, bar)
            if extreme != bar and high[extreme] - low[bar] >= threshold:
                found.append(Pivot("high", high[extreme], extreme, bar))
        else:
            extreme = first_highest(fall, start, bar)
            if extreme != bar and high[bar] - low[extreme] >= threshold:
                found.append(Pivot("low", low[extreme], extreme, bar))
    return found


def more_extreme(a: Pivot, b: Pivot) -> bool:
    return a.level > b.level if a.kind == "high" else a.level < b.level


def swing(
    candidates: list[Pivot], atr: list[float], min_atr: float, min_pct: float, alternate: bool
) -> Swing:
    out = Swing()
    pending: Pivot | None = None
    for pivot in candidates:
        same = [p for p in out.pivots if p.kind == pivot.kind]
        if same:
            move = abs(pivot.level - same[-1].level)
            if min_atr and move < min_atr * atr[pivot.confirmed]:
                continue
            if min_pct and 100 * move < min_pct * abs(same[-1].level):
                continue
            repeats = out.pivots[-1].kind == pivot.kind
            if alternate and repeats and not more_extreme(pivot, same[-1]):
                continue
            pivot.significance = move / atr[pivot.confirmed]
        out.pivots.append(pivot)
        if pending is not None and pending.kind != pivot.kind:
            low, high = (pending, pivot) if pivot.kind == "high" else (pivot, pending)
            direction = "up" if pivot.kind == "high" else "down"
            out.legs.append(Leg(low, high, direction, pivot.confirmed))
        if pending is None or pending.kind != pivot.kind or more_extreme(pivot, pending):
            pending = pivot
    return out


def trend_classes(legs: list[Leg]) -> list[str]:
    """The class after each wave; legs share their inner pivots, so the highs and lows of the
    waves so far are those of the legs without repeats."""
    found = []
    for n in range(1, len(legs) + 1):
        highs: list[Pivot] = []
        lows: list[Pivot] = []
        for leg in legs[:n]:
            for seq, pivot, is_end in (
                (highs, leg.high, leg.direction == "up"),
                (lows, leg.low, leg.direction == "down"),
            ):
                if is_end or not seq:
                    seq.append(pivot)
                else:
                    seq[-1] = pivot  # the wave's end, as it stood when the next wave completed
        hh = len(highs) > 1 and highs[-1].level > highs[-2].level
        lh = len(highs) > 1 and highs[-1].level < highs[-2].level
        hl = len(lows) > 1 and lows[-1].level > lows[-2].level
        ll = len(lows) > 1 and lows[-1].level < lows[-2].level
        table = [
            (hh and hl, "up"), (lh and ll, "down"), (hh and not ll, "up"),
            (lh and not hl, "down"), (hl and not lh, "up"), (ll and not hh, "down"), (True, "none"),
        ]  # fmt: skip
        found.append(next(word for true, word in table if true))
    return found


def trend(found: Swing, bars: int) -> dict[str, list[object]]:
    classes = trend_classes(found.legs)
    out: dict[str, list[object]] = {"direction": [], "strength": [], "wave_count": []}
    for bar in range(bars):
        done = sum(leg.confirmed <= bar for leg in found.legs)
        word = classes[done - 1] if done else "none"
        run = 0
        while run < done and classes[done - 1 - run] == word:
            run += 1
        out["direction"].append(word)
        out["strength"].append(0 if word == "none" else min(2, run))
        out["wave_count"].append(done)
    return out


def market_structure(
    found: Swing, high: list[float], low: list[float], close: list[float], wick: bool
) -> dict[str, list[object]]:
    """Events bar by bar; levels are told from the lists of pivots and events."""
    out: dict[str, list[object]] = {"bias": [], "bos": [], "choch": [], "version": []}
    out.update({"break_high": [], "break_low": [], "last_bos_level": [], "last_choch_level": []})
    bias, bos_bar, guard = "none", 0, None
    bos_level = choch_level = None
    version = 0
    for bar in range(len(close)):
        up_price = high if wick else close
        down_price = low if wick else close
        top, bottom = found.last("high", bar), found.last("low", bar)
        high_stands = top is not None and not any(
            up_price[j] > top.level for j in range(top.confirmed, bar)
        )
        low_stands = bottom is not None and not any(
            down_price[j] < bottom.level for j in range(bottom.confirmed, bar)
        )
        broke_high = high_stands and up_price[bar] > top.level
        broke_low = low_stands and down_price[bar] < bottom.level
        event = ""
        if bias == "up" and guard is not None and down_price[bar] < guard:
            event, choch_level, bias = "choch", guard, "down"
            guard = max(high[bos_bar : bar + 1])
        elif bias == "down" and guard is not None and up_price[bar] > guard:
            event, choch_level, bias = "choch", guard, "up"
            guard = min(low[bos_bar : bar + 1])
        else:
            up = broke_high and bias in ("up", "none")
            down = broke_low and bias in ("down", "none")
            if up and down:
                up = close[bar] - bottom.level >= top.level - close[bar]
                down = not up
            if up:
                event, bias, bos_bar, bos_level = "bos", "up", bar, top.level
                guard = min(low[top.at : bar + 1])
            elif down:
                event, bias, bos_bar, bos_level = "bos", "down", bar, bottom.level
                guard = max(high[bottom.at : bar + 1])
        version += event != ""
        above = top.level if high_stands and not broke_high else None
        below = bottom.level if low_stands and not broke_low else None
        out["bias"].append(bias)
        out["bos"].append(event == "bos")
        out["choch"].append(event == "choch")
        out["version"].append(version)
        out["break_high"].append(guard if bias == "down" else above)
        out["break_low"].append(guard if bias == "up" else below)
        out["last_bos_level"].append(bos_level)
        out["last_choch_level"].append(choch_level)
    return out
