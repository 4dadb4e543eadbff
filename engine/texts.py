"""Text columns: a few words, and which of them each row has, as an Arrow array.

Arrow's own ``take`` goes value by value through builders; here lengths are added up and bytes
copied, a tenth of its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.jit import njit

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


#: Bytes copied at once: past a text's end, where the next one overwrites them.
_CHUNK = 8


@njit(cache=True)
def _ends(lengths: Int32, index: Int64, offsets: Int32) -> None:
    """Where each row's text ends, after the first cell."""
    at = np.int32(0)
    offsets[0] = at
    for i in range(np.uint64(0), np.uint64(len(index))):
        at += lengths[np.uint64(index[i])]
        offsets[i + np.uint64(1)] = at


@njit(cache=True)
def _copy(padded: UInt8, index: Int64, offsets: Int32, out: UInt8) -> None:
    # All bytes of a chunk are read before one is written: the compiler makes one move of them.
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    five, six, seven = np.uint64(5), np.uint64(6), np.uint64(7)
    for i in range(np.uint64(0), np.uint64(len(index))):
        row, at = np.uint64(index[i]), np.uint64(offsets[i])
        for k in range(np.uint64(0), np.uint64(padded.shape[1]), np.uint64(_CHUNK)):
            a, b, c, d = (
                padded[row, k], padded[row, k + one], padded[row, k + two], padded[row, k + three]
            )  # fmt: skip
            e, f, g, h = (
                padded[row, k + four], padded[row, k + five], padded[row, k + six],
                padded[row, k + seven],
            )  # fmt: skip
            to = at + k
            out[to], out[to + one], out[to + two], out[to + three] = a, b, c, d
            out[to + four], out[to + five], out[to + six], out[to + seven] = e, f, g, h


@lru_cache
def _encoded(words: tuple[str | None, ...]) -> tuple[Int32, UInt8, Bools]:
    """Lengths in bytes, the bytes filled up to whole chunks, and whether a word is there at all."""
    pieces = [b"" if word is None else word.encode() for word in words]
    lengths = np.array([len(piece) for piece in pieces], np.int32)
    width = -(-int(lengths.max(initial=0)) // _CHUNK) * _CHUNK
    padded = np.frombuffer(b"".join(piece.ljust(width) for piece in pieces), np.uint8)
    there = np.array([word is not None for word in words], np.bool_)
    return lengths, padded.reshape(len(pieces), width), there


def texts(words: Sequence[str | None], index: Int64) -> pa.Array:
    """``words[index]`` as an Arrow array of strings, null where the word is None. ``index``
    int64[n], none negative; their texts hold fewer than 2^31 bytes together."""
    lengths, padded, there = _encoded(tuple(words))
    width = padded.shape[1]
    if width * (len(index) + 1) > np.iinfo(np.int32).max:
        raise OverflowError(f"{len(index)} texts of up to {width} bytes fit no string column")
    offsets = np.empty(len(index) + 1, np.int32)
    _ends(lengths, index, offsets)
    out = np.empty(int(offsets[-1]) + width, np.uint8)
    _copy(padded, index, offsets, out)
    valid = None if there.all() else pa.py_buffer(np.packbits(there[index], bitorder="little"))
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(out[: offsets[-1]])]
    return pa.Array.from_buffers(pa.string(), len(index), buffers)
