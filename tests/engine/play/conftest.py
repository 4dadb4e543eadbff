"""A small good play, and ways to vary and load it."""

from __future__ import annotations

import pytest

from engine.errors import PlayError
from engine.play import Play, PlayIssue, loads_play

HEADER = ("version: 1", "name: case", "market: BTCUSDT", "clock: 15m")
RISK = ("risk:", "  size: { qty: 1 }", "  stop: none")


class Plays:
    """Loads plays from text; the header takes lines 1 to 4 of every file it writes."""

    @staticmethod
    def text(*lines: str, header: tuple[str, ...] = HEADER, risk: tuple[str, ...] = RISK) -> str:
        return "\n".join((*header, *lines, *risk)) + "\n"

    @classmethod
    def load(cls, *lines: str, **parts: tuple[str, ...]) -> Play:
        return loads_play(cls.text(*lines, **parts))

    @staticmethod
    def problems(text: str | bytes) -> tuple[PlayIssue, ...]:
        """The issues a broken play is refused with."""
        with pytest.raises(PlayError) as caught:
            loads_play(text)
        assert caught.value.issues
        return caught.value.issues

    @classmethod
    def rule(cls, expression: str, *lines: str) -> Play:
        """A play that enters long on ``expression``."""
        quoted = expression.replace("'", "''")
        return cls.load(*lines, "rules:", f"  enter_long: '{quoted}'")

    @classmethod
    def refused_rule(cls, expression: str, *lines: str) -> tuple[PlayIssue, ...]:
        quoted = expression.replace("'", "''")
        return cls.problems(cls.text(*lines, "rules:", f"  enter_long: '{quoted}'"))

    @classmethod
    def expression(cls, text: str, *lines: str):
        """The typed tree of the condition ``text``."""
        return cls.rule(text, *lines).rule("enter_long")[0].when


@pytest.fixture(scope="session")
def plays() -> type[Plays]:
    return Plays
