"""What the project brings along: example plays, and the small market they are tried on."""

from __future__ import annotations

from pathlib import Path

#: The example plays; they stand beside the packages in the project's checkout.
PLAYS = Path(__file__).resolve().parent.parent / "plays"
