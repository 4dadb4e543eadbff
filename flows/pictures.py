"""The pictures of the reference: small SVG files, drawn from the kernels over one generated market.

Indicators: the first output in blue above the close in grey, each on its own scale. Structures: the
range of each bar in grey; levels as lines and live zones as areas, blue above (side up) and red
below (side down), the direction at the head and a tick at the foot of each bar with an event.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import indicators
from engine.bars import Bars
from engine.features import Features, compile_features
from engine.features.aggregate import STATE_CELLS, aggregate
from engine.indicators.spec import IndicatorSpec
from engine.play import loads_play
from engine.play.ast import Type
from engine.structures.registry import STRUCTURES
from engine.structures.spec import DIRECTIONS, SourceSpec, StructureSpec
from engine.timeframe import MINUTE_MS, Timeframe
from tasks.generate import generate_market

Column = npt.NDArray[np.float64]

WIDTH, HEIGHT, MARGIN = 360, 90, 4
_INK, _PRICE = "#2457a6", "#a3b1bf"
_SIDES = {"up": _INK, "down": "#b5473c"}
#: Bars computed for a picture, and those of them that are drawn.
_COMPUTED, _DRAWN = 700, 160
_TICK = Decimal("0.01")
_SINCE_MS = 1_767_225_600_000


@functools.cache
def market() -> Bars:
    """The 15m bars of a generated market, the same in every process."""
    minutes = _COMPUTED * 15
    until_ms = _SINCE_MS + minutes * MINUTE_MS
    made = generate_market("SOLUSDT", _SINCE_MS, until_ms, seed=5, pattern="mixed").klines
    state = np.zeros(STATE_CELLS)
    _, columns, ended_by = aggregate(made, 0, minutes, Timeframe.M1, Timeframe.M15, state)
    opens = made.open_ms[ended_by] - 14 * MINUTE_MS
    return Bars(opens, *(np.ascontiguousarray(column) for column in columns))


def picture_of_indicator(spec: IndicatorSpec) -> str:
    """The first output over the last bars of the market, above the close."""
    bars = market()
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    columns["open_ms"] = bars.open_ms.astype(np.float64)
    needs = {"close": bars.close} if spec.takes_source else columns
    defaults: dict[str, Any] = {p.name: p.default for p in spec.params if p.default is not None}
    found = indicators.compute(spec.name, needs, **defaults)[spec.outputs[0].name][-_DRAWN:]
    close = bars.close[-_DRAWN:]
    known = found[found == found]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return _svg(
        f"{spec.name}: {spec.outputs[0].name} in blue, the close in grey, each on its own scale",
        _line(close, float(close.min()), float(close.max()), _PRICE),
        _line(found, low, high, _INK),
    )


def picture_of_structure(spec: StructureSpec) -> str:
    """Zones, levels and events over the last bars of the market."""
    bars = market()
    low, high = float(bars.low[-_DRAWN:].min()), float(bars.high[-_DRAWN:].max())
    found = _outputs(spec, bars)
    marks = [
        _bar(i, float(bars.low[i - _DRAWN]), float(bars.high[i - _DRAWN]), low, high, _PRICE, 0.6)
        for i in range(_DRAWN)
    ]
    for name in found:
        if not name.endswith("].live"):
            continue
        zone = name.removesuffix(".live")
        color = _SIDES[zone[: zone.index("[")]]
        bottom, top = found[f"{zone}.lower"], found[f"{zone}.upper"]
        for i in np.flatnonzero(found[name] == 1.0).tolist():
            marks.append(_bar(i, float(bottom[i]), float(top[i]), low, high, color, 0.3))
    for output in spec.outputs(spec.resolve({})):
        if output.type is Type.FLOAT and "[" not in output.name and "nearest" not in output.name:
            values = found[output.name]
            inside = np.where((values >= low) & (values <= high), values, np.nan)
            if np.isfinite(inside).any():
                marks.append(_line(inside, low, high, _INK))
        elif output.name == "direction":
            for side, sign in (("up", 1.0), ("down", -1.0)):
                for i in np.flatnonzero(found["direction"] == sign).tolist():
                    marks.append(_tick(i, 0, _SIDES[side]))
        elif output.type is Type.EVENT:
            side = output.name.partition(".")[0]
            for i in np.flatnonzero(found[output.name] == 1.0).tolist():
                marks.append(_tick(i, HEIGHT - 5, _SIDES.get(side, _INK)))
    title = (
        f"{spec.name}: levels, live zones, direction (head) and events (foot) over each bar's range"
    )
    return _svg(title, *marks)


def _outputs(spec: StructureSpec, bars: Bars) -> dict[str, Column]:
    """Every output but zones' nearest, by name, over the last bars; truth values are 0 or 1,
    directions 1 up, -1 down, 0 none."""
    found: dict[str, str] = {}
    declared = _declared(spec, found)
    shown = {}
    for output in spec.outputs(spec.resolve({})):
        name = output.name
        if "nearest" in name:
            continue
        if output.type in (Type.BOOL, Type.EVENT):
            shown[name] = f"if(it.{name}, 1, 0)"
        elif output.members == DIRECTIONS:
            shown[name] = f"if(it.{name} == up, 1, if(it.{name} == down, -1, 0))"
        elif output.type is not Type.ENUM:
            shown[name] = f"it.{name}"
    text = [
        *("version: 1", "name: picture", "market: BTCUSDT", "clock: 15m", "series:"),
        *("  wide: atr(14)", "  price: ema(close, 1)"),
        *(f"  s{k}: {expression}" for k, expression in enumerate(shown.values())),
        "structures:",
        *(f"  {name}: {structure}" for name, structure in found.items()),
        f"  it: {declared}",
        *("rules: { enter_long: close > open }", "risk: { size: { qty: 1 }, stop: none }"),
    ]
    play = loads_play("\n".join(text) + "\n")
    features = Features(compile_features(play, Timeframe.M15, tick_size=_TICK))
    block = features.advance(bars, 0, len(bars))
    values = features.values(np.arange(len(block.close_ms)))[-_DRAWN:]
    at = {name: k for k, name in enumerate(features.plan.values)}
    return {name: values[:, at[f"s{k}"]].copy() for k, name in enumerate(shown)}


def _declared(spec: StructureSpec, found: dict[str, str]) -> str:
    """The structure as a play declares it; what it hangs on goes into ``found``, in order."""
    given = []
    for source in spec.sources:
        if not _wanted(spec, source):
            continue
        if source.structure:
            text = _declared(STRUCTURES[source.structure], found)
            found.setdefault(f"the_{source.structure}", text)
            given.append(f"{source.name}=the_{source.structure}")
        else:
            given.append(f"{source.name}={'wide' if source.name == 'atr' else 'price'}")
    return f"{spec.name}({', '.join(given)})"


def _wanted(spec: StructureSpec, source: SourceSpec) -> bool:
    return source.required or (
        source.needed is not None and source.needed(spec.resolve({})) is not None
    )


# -- drawing ------------------------------------------------------------------------------------


def _svg(title: str, *marks: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img"><title>{title}</title>'
        f"{''.join(marks)}</svg>\n"
    )


def _across(i: int) -> float:
    return MARGIN + i * (WIDTH - 2 * MARGIN) / (_DRAWN - 1)


def _down(value: float, low: float, high: float) -> float:
    return MARGIN + (HEIGHT - 2 * MARGIN) * (1 - (value - low) / ((high - low) or 1.0))


def _line(values: Iterable[float], low: float, high: float, color: str) -> str:
    """A line that breaks where values are missing."""
    points, move = [], "M"
    for i, v in enumerate(values):
        if v == v:
            points.append(f"{move}{_across(i):.1f} {_down(float(v), low, high):.1f}")
        move = "L" if v == v else "M"
    return f'<path fill="none" stroke="{color}" stroke-width="1.2" d="{"".join(points)}"/>'


def _bar(
    i: int, bottom: float, top: float, low: float, high: float, color: str, opacity: float
) -> str:
    """An upright stroke over ``[bottom, top]`` at bar ``i``, as far as it can be seen."""
    bottom, top = max(bottom, low), min(top, high)
    if bottom > top:
        return ""
    return (
        f'<path stroke="{color}" stroke-width="2.2" stroke-opacity="{opacity}" '
        f'd="M{_across(i):.1f} {_down(top, low, high):.1f}V{_down(bottom, low, high) + 0.5:.1f}"/>'
    )


def _tick(i: int, top: int, color: str) -> str:
    return f'<path stroke="{color}" stroke-width="2.2" d="M{_across(i):.1f} {top}v5"/>'
