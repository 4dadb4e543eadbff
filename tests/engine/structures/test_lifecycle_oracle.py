"""The life of zones a second time, from the requirement, over fair value gaps in random markets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.structures import compute, get, typed
from tests.engine.indicators.driving import market

PROPERTY = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@dataclass
class Zone:
    side: str
    lower: float
    upper: float
    born: int
    state: str = "fresh"
    touches: int = 0
    deepest: float | None = None
    last_touch: int | None = None

    def fill(self) -> Fraction:
        """Exact, of the prices as decimals: what a person computes from the chart."""
        if self.deepest is None:
            return Fraction(0)
        lower, upper = Fraction(str(self.lower)), Fraction(str(self.upper))
        price = Fraction(str(self.deepest))
        depth = upper - price if self.side == "up" else price - lower
        return min(Fraction(1), depth / (upper - lower))


def live_through(zone: Zone, bar: int, high: float, low: float, close: float) -> set[str]:
    """One bar in the life of a zone born before it; the events."""
    events = set()
    price = low if zone.side == "up" else high
    if price <= zone.upper if zone.side == "up" else price >= zone.lower:
        if zone.last_touch != bar - 1:
            zone.touches += 1
        zone.last_touch = bar
        deeper = min if zone.side == "up" else max
        zone.deepest = price if zone.deepest is None else deeper(zone.deepest, price)
        if zone.state == "fresh":
            zone.state = "touched"
            events.add("touched")
        if zone.state == "touched" and zone.fill() >= Fraction(1, 2):
            zone.state = "mitigated"
            events.add("mitigated")
    if close < zone.lower if zone.side == "up" else close > zone.upper:
        events.add("broken")
    return events


def compare(data: st.DataObject) -> None:
    bars = data.draw(st.integers(1, 300))
    keep = data.draw(st.integers(1, 4))
    tick = data.draw(st.sampled_from([0.01, 0.25]))
    columns = market(bars, data.draw(st.integers(0, 10_000)), tick=tick)
    columns = {name: column.round(8) for name, column in columns.items()}
    high, low, close = (columns[name].tolist() for name in ("high", "low", "close"))
    out = compute("fair_value_gap", columns, keep=keep)
    spec = get("fair_value_gap")
    ours = {
        o.name: [typed(o, cell) for cell in out[o.name]]
        for o in spec.outputs(spec.resolve({"keep": keep}))
    }
    zones: dict[str, list[Zone]] = {"up": [], "down": []}
    for bar in range(bars):
        for side, alive in zones.items():
            events = set()
            for zone in list(alive):
                happened = live_through(zone, bar, high[bar], low[bar], close[bar])
                events |= happened
                if "broken" in happened:
                    alive.remove(zone)
            if bar >= 2 and side == "up" and low[bar] > high[bar - 2]:
                alive.insert(0, Zone(side, high[bar - 2], low[bar], bar))
                events.add("born")
            if bar >= 2 and side == "down" and high[bar] < low[bar - 2]:
                alive.insert(0, Zone(side, high[bar], low[bar - 2], bar))
                events.add("born")
            del alive[keep:]
            check_side(ours, side, alive, events, bar, close[bar], keep)


def check_side(
    ours: dict[str, list[object]],
    side: str,
    alive: list[Zone],
    events: set[str],
    bar: int,
    close: float,
    keep: int,
) -> None:
    for event in ("born", "touched", "mitigated", "broken"):
        assert ours[f"{side}.{event}"][bar] == (event in events), (side, event, bar)
    assert ours[f"{side}.count"][bar] == len(alive)
    slots = {f"{side}[{place}]": zone for place, zone in enumerate(alive)}
    for place in range(keep):
        check_zone(ours, f"{side}[{place}]", slots.get(f"{side}[{place}]"), bar)
    near = min(alive, key=lambda z: max(0.0, z.lower - close, close - z.upper), default=None)
    check_zone(ours, f"{side}.nearest", near, bar)


def check_zone(ours: dict[str, list[object]], name: str, zone: Zone | None, bar: int) -> None:
    assert ours[f"{name}.live"][bar] == (zone is not None)
    assert ours[f"{name}.lower"][bar] == (zone.lower if zone else None)
    assert ours[f"{name}.upper"][bar] == (zone.upper if zone else None)
    assert ours[f"{name}.state"][bar] == (zone.state if zone else None)
    assert ours[f"{name}.age"][bar] == (bar - zone.born if zone else None)
    assert ours[f"{name}.touches"][bar] == (zone.touches if zone else None)
    expected = float(100 * zone.fill()) if zone else None
    assert ours[f"{name}.fill_pct"][bar] == pytest.approx(expected, abs=1e-6)


@PROPERTY
@given(data=st.data())
def test_the_lifecycle_oracle_agrees(data: st.DataObject) -> None:
    compare(data)


@pytest.mark.full
@settings(parent=PROPERTY, max_examples=800)
@given(data=st.data())
def test_the_lifecycle_oracle_agrees_at_length(data: st.DataObject) -> None:
    compare(data)
