"""Text columns hold what Arrow itself makes of the words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.texts import texts

WORDS = st.lists(st.none() | st.text(max_size=20), min_size=1, max_size=6)


@given(words=WORDS, data=st.data())
def test_a_text_column_is_its_words(words: list[str | None], data: st.DataObject):
    index = data.draw(st.lists(st.integers(0, len(words) - 1), max_size=40))
    made = texts(words, np.array(index, np.int64))
    made.validate(full=True)
    assert made.equals(pa.array([words[i] for i in index], pa.string()))


def test_texts_longer_than_what_is_copied_at_once():
    words = ["", "a", "eight by", "nine byte", "seventeen  bytes!"]
    index = np.array([4, 0, 3, 2, 1, 4, 0], np.int64)
    assert texts(words, index).to_pylist() == [words[i] for i in index]


def test_more_bytes_than_a_string_column_holds_are_refused():
    index = np.lib.stride_tricks.as_strided(np.zeros(1, np.int64), (2**30,), (0,))
    with pytest.raises(OverflowError, match="fit no string column"):
        texts(["abc"], index)
