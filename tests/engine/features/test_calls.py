"""Speed that no result shows: how compiled kernels are called."""

from __future__ import annotations

from numba.core import types

from engine.features.memory import remember_numbers, remember_truths
from tests.engine.features.samples import make_bars, play_of, truths


def test_windows_are_called_with_plain_integers() -> None:
    """A word of an enumeration is typed by the compiler's slow path at every call: 0.1 ms a block
    of bars, and as much for every live bar."""
    truths(play_of("within(3, close > open) and highest(close, 4) > 0"), make_bars(20))
    for dispatcher in (remember_truths, remember_numbers):
        assert dispatcher.signatures
        for signature in dispatcher.signatures:
            assert not any(isinstance(word, types.IntEnumMember) for word in signature)
