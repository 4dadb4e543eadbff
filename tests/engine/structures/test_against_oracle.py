"""Swing, trend and market structure against a second writing of the requirement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.structures import compute, get, typed
from tests.engine.indicators.driving import market
from tests.engine.structures import oracle

PROPERTY = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
LONG = settings(parent=PROPERTY, max_examples=1000)


def said(
    name: str, columns: dict[str, np.ndarray], sources: dict[str, object], **params: object
) -> tuple[dict[str, np.ndarray], dict[str, list[object]]]:
    spec = get(name)
    out = compute(name, columns, sources, **params)  # type: ignore[arg-type]
    outputs = spec.outputs(spec.resolve(params))
    return out, {o.name: [typed(o, cell) for cell in out[o.name]] for o in outputs}


def compare(data: st.DataObject) -> None:
    bars = data.draw(st.integers(1, 250))
    tick = data.draw(st.sampled_from([0.01, 0.5]))  # a coarse tick makes many equal bars
    columns = market(bars, data.draw(st.integers(0, 10_000)), tick=tick)
    high, low, close = (columns[name].tolist() for name in ("high", "low", "close"))
    left, right = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    mode = data.draw(st.sampled_from(["fractal", "zigzag"]))
    min_atr = data.draw(st.sampled_from([0, 1, 2.5]))
    min_pct = data.draw(st.sampled_from([0, 0.5]))
    alternate = data.draw(st.booleans())
    wick = data.draw(st.booleans())
    atr = np.full(bars, 0.5)
    if mode == "fractal":
        atr = atr * (1 + np.arange(bars) % 3)
        candidates = oracle.fractals(high, low, left, right)
    else:
        candidates = oracle.zigzags(high, low, 2 * 0.5)
    found = oracle.swing(candidates, atr.tolist(), min_atr, min_pct, alternate)
    swing, ours = said(
        "swing", columns, {"atr": atr}, left=left, right=right, mode=mode, atr_mult=2,
        min_move_atr=min_atr, min_move_pct=min_pct, alternate=alternate,
    )  # fmt: skip
    check_swing(ours, found, bars)
    _, trend = said("trend", {}, {"swing": swing})
    for name, expected in oracle.trend(found, bars).items():
        assert trend[name] == expected, name
    confirm = "wick" if wick else "close"
    _, structure = said("market_structure", columns, {"swing": swing}, confirm=confirm)
    for name, expected in oracle.market_structure(found, high, low, close, wick).items():
        assert structure[name] == expected, name


def check_swing(ours: dict[str, list[object]], found: oracle.Swing, bars: int) -> None:
    for bar in range(bars):
        now = [p for p in found.pivots if p.confirmed <= bar]
        for kind in ("high", "low"):
            mine = [p for p in now if p.kind == kind]
            last = mine[-1] if mine else None
            assert ours[f"new_{kind}"][bar] == any(p.confirmed == bar for p in mine)
            assert ours[kind][bar] == (last.level if last else None)
            assert ours[f"{kind}_age"][bar] == (bar - last.at if last else None)
            assert ours[f"{kind}_version"][bar] == len(mine)
            assert ours[f"{kind}_significance"][bar] == (last.significance if last else None)
            known = last is not None and last.significance is not None
            major = last.significance >= 1.5 if known else None  # type: ignore[union-attr,operator]
            assert ours[f"{kind}_is_major"][bar] == major
        assert ours["version"][bar] == len(now)
        assert ours["last_pivot"][bar] == (now[-1].kind if now else "none")
        legs = [leg for leg in found.legs if leg.confirmed <= bar]
        leg = legs[-1] if legs else None
        assert ours["pair_version"][bar] == len(legs)
        assert ours["pair_direction"][bar] == (leg.direction if leg else "none")
        assert ours["pair_high"][bar] == (leg.high.level if leg else None)
        assert ours["pair_low"][bar] == (leg.low.level if leg else None)
        assert ours["pair_high_age"][bar] == (bar - leg.high.at if leg else None)
        assert ours["pair_low_age"][bar] == (bar - leg.low.at if leg else None)


@PROPERTY
@given(data=st.data())
def test_the_oracle_agrees(data: st.DataObject) -> None:
    compare(data)


@pytest.mark.full
@LONG
@given(data=st.data())
def test_the_oracle_agrees_at_length(data: st.DataObject) -> None:
    compare(data)
