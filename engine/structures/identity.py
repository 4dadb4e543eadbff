"""Identities of zones: integers that say what a zone was made from (M9).

``identity(key, version, level)`` folds three numbers into one 48-bit integer, which a float64
holds exactly: the key of the source, the version the source has *on the bar the zone is born*, and
the level the zone is built on. The arithmetic is on 64-bit unsigned integers modulo 2^64, so an
identity is the same on every machine, in every process and after every restart:

    mix(x):  x ^= x >> 30;  x *= 0xBF58476D1CE4E5B9;
             x ^= x >> 27;  x *= 0x94D049BB133111EB;  x ^= x >> 31
    identity = mix(mix(mix(key) + version) ^ bits(level)) >> 16

where ``bits(level)`` are the 64 bits of the float64 (of +0.0 for either zero). Source of ``mix``:
D. Stafford's variant 13 of the MurmurHash3 finaliser, as in SplitMix64.
"""

from __future__ import annotations

import numpy as np

from engine.jit import njit

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK_64 = 0xFFFFFFFFFFFFFFFF

_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_16, _27, _30, _31 = np.uint64(16), np.uint64(27), np.uint64(30), np.uint64(31)


def source_key(text: str) -> float:
    """The key of a source named ``text``: the upper 48 bits of FNV-1a over its UTF-8 bytes."""
    value = _FNV_OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * _FNV_PRIME) & _MASK_64
    return float(value >> 16)


@njit(cache=True, error_model="numpy")
def _mix(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> _30)) * _A
    x = (x ^ (x >> _27)) * _B
    return x ^ (x >> _31)


@njit(cache=True, error_model="numpy")
def identity(key: float, version: float, level: float) -> float:
    """The 48-bit identity of a zone; ``key`` and ``version`` are whole numbers from 0 to 2^53."""
    cell = np.empty(1)
    cell[0] = level + 0.0
    bits = cell.view(np.uint64)[0]
    x = _mix(_mix(np.uint64(key)) + np.uint64(version))
    return float(_mix(x ^ bits) >> _16)
