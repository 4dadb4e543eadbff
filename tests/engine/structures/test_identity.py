"""Identities of zones (M9): recomputed here from their published definition."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from engine.structures import compute
from engine.structures.identity import identity, source_key

WORD = (1 << 64) - 1


def key_of(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = (value ^ byte) * 0x100000001B3 & WORD
    return value >> 16


def mix(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & WORD
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & WORD
    return x ^ (x >> 31)


def identity_of(key: int, version: int, level: float) -> int:
    (bits,) = struct.unpack("<Q", struct.pack("<d", level))
    return mix(mix((mix(key) + version) & WORD) ^ bits) >> 16


def test_fnv_1a_reference_value() -> None:
    """FNV-1a, 64 bits, of "foobar" is 0x85944171f73967e8 (the authors' test suite)."""
    assert source_key("foobar") == 0x85944171F73967E8 >> 16


@pytest.mark.parametrize("version", [0, 1, 2, 10_000_000])
@pytest.mark.parametrize("level", [0.0, 110.0, 0.00001234, 67_123.4, -3.5])
def test_identity_is_its_definition(version: int, level: float) -> None:
    found = identity(source_key("sw"), float(version), level)
    assert found == identity_of(key_of("sw"), version, level)
    assert 0 <= found < 2**48
    assert identity(source_key("sw"), float(version), -0.0 if level == 0 else level) == found


def pivots(*highs_lows: tuple[float, float]) -> dict[str, np.ndarray]:
    """A swing told by hand; every pivot is confirmed on a bar of its own."""
    highs = np.array([h for h, _ in highs_lows])
    lows = np.array([low for _, low in highs_lows])
    new_high, new_low = ~np.isnan(highs), ~np.isnan(lows)
    return {
        "new_high": new_high * 1.0,
        "new_low": new_low * 1.0,
        "high": highs,
        "low": lows,
        "version": np.cumsum(new_high * 1.0 + new_low),
    }


NAN = np.nan
BARS = {"high": np.full(4, 200.0), "low": np.full(4, 199.0), "close": np.full(4, 199.5)}


def test_m9_identity_holds_the_new_version_on_the_bar_of_change() -> None:
    """Covers M9: pair low 100 high 120 on version 2 gives level 110 the identity (sw, 2, 110) on
    that bar; the next leg 120 to 90 on version 3 gives level 105 (sw, 3, 105)."""
    swing = pivots((NAN, 100.0), (120.0, NAN), (NAN, 90.0), (NAN, NAN))
    zones = compute("derived_zone", BARS, {"swing": swing}, key="sw", levels=[0.5])
    assert zones["up[0].id"][1] == identity_of(key_of("sw"), 2, 110.0)
    assert zones["down[0].id"][2] == identity_of(key_of("sw"), 3, 105.0)
    assert zones["up[0].id"][3] == zones["up[0].id"][1], "a zone keeps its identity"


def test_m9_another_source_version_or_level_is_another_identity() -> None:
    """Covers M9: the same levels of a leg that came back on a later version are new zones."""
    swing = pivots((NAN, 100.0), (120.0, NAN), (NAN, 100.0), (120.0, NAN))
    zones = compute("derived_zone", BARS, {"swing": swing}, key="sw", levels=[0.5, 0.25])
    again = compute("derived_zone", BARS, {"swing": swing}, key="sw", levels=[0.5, 0.25])
    other = compute("derived_zone", BARS, {"swing": swing}, key="sx", levels=[0.5, 0.25])
    ids = [
        zones["up[0].id"][1], zones["up[1].id"][1], zones["up[0].id"][3], zones["up[1].id"][3],
        zones["down[0].id"][2], other["up[0].id"][1],
    ]  # fmt: skip
    assert len(set(ids)) == 6
    assert zones["up[0].id"].tobytes() == again["up[0].id"].tobytes()


def test_m9_two_pairs_on_one_bar_have_identities_of_their_own_versions() -> None:
    """Covers M9: the high of the bar is version 2, the low version 3."""
    swing = pivots((NAN, 100.0), (120.0, 80.0), (NAN, NAN), (NAN, NAN))
    zones = compute("derived_zone", BARS, {"swing": swing}, key="sw", levels=[0.5])
    assert zones["up[0].id"][1] == identity_of(key_of("sw"), 2, 110.0)
    assert zones["down[0].id"][1] == identity_of(key_of("sw"), 3, 100.0)


_DIGEST = """
import hashlib
from engine.structures import STRUCTURES, compute
from tests.engine.indicators.driving import market
from tests.engine.structures.driving import LIVELY, sources_of
bars = market(260, 12)
for name, spec in STRUCTURES.items():
    out = compute(name, bars, sources_of(spec, bars), key="id", **LIVELY.get(name, {}))
    print(name, hashlib.sha256(b"".join(c.tobytes() for c in out.values())).hexdigest())
"""


def test_m9_every_output_is_the_same_in_every_process() -> None:
    """Covers M9: two processes with different hash seeds agree on every bit of every output."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(found) == 1
    assert len(found.pop().splitlines()) == 13
