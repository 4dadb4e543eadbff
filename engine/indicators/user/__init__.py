"""User-defined indicators: Python files of a play's project, declared as the built-in ones are.

``rules.py`` says what may not stand in such a file;
``loading.py`` runs it and checks its declarations; ``guard.py`` stands between the engine and the
author's functions; ``soundness.py`` proves a kernel on made-up bars before it is used. Knows
nothing of plays and projects: those give it text. Does no I/O.
"""

from engine.indicators.user.loading import declared_indicators
from engine.indicators.user.soundness import prove

__all__ = ["declared_indicators", "prove"]
