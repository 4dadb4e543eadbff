"""Plays of the predecessor's format (``features structures setups actions risk``) to version 1.

``reading.py`` takes the file apart, ``names.py`` says what things were called, ``computed.py``
converts features and structures, ``conditions.py`` conditions, ``trading.py`` actions, entry and
risk, ``writing.py`` writes the new file. Every place where the old meaning was ambiguous or broken,
or where the same words now mean something else, becomes a :class:`Note`.
"""

from engine.play.predecessor.reading import Note
from engine.play.predecessor.writing import Imported, import_play

__all__ = ["Imported", "Note", "import_play"]
