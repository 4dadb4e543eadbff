"""Every YAML block of the how-to loads, alone or set into a small play."""

import re
from pathlib import Path

import pytest

from engine.indicators.registry import INDICATORS
from engine.play import loads_play
from engine.play.brackets import STOPS
from engine.play.entry import ENTRY_KEYS, LIMIT_KEYS, TIFS
from engine.play.functions import FUNCTIONS
from engine.play.risk import RISK_KEYS, SIZES
from engine.play.structured import WINDOWS
from engine.play.vocabulary import POSITION_FIELDS, PRICES
from engine.structures.registry import STRUCTURES

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-play.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, flags=re.M | re.S)
HEADER = "version: 1\nname: block\nmarket: BTCUSDT\nclock: 15m\n"
RISK = "risk:\n  size: { qty: 1 }\n  stop: none\n"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0])
def test_a_block_of_the_page_loads(block: str) -> None:
    text = block if block.startswith("version:") else HEADER + block
    text = text if "\nrisk:" in text else text + RISK
    play = loads_play(text)
    assert play.rules
    assert play.warnings == ()


def named(what: str) -> list[str]:
    """The names the page lists after ``what:``."""
    (names,) = re.findall(rf"^{what}: `(.*?)`", TEXT, flags=re.M | re.S)
    return sorted(names.split())


def test_the_page_has_blocks_and_names_everything_that_can_be_called() -> None:
    assert len(BLOCKS) >= 9
    assert named("Indicators") == sorted(INDICATORS)
    assert named("Structures") == sorted(STRUCTURES)
    assert [name for name in FUNCTIONS if f"`{name}" not in TEXT] == []
    assert [name for name in PRICES if name not in TEXT] == []


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (ENTRY_KEYS, "## Entry"),
        (RISK_KEYS, "## Risk"),
        (LIMIT_KEYS, "## Risk"),
        (STOPS, "## Risk"),
        (SIZES, "## Risk"),
        (tuple(TIFS), "## Entry"),
        (tuple(WINDOWS), "## Conditions"),
        (tuple(POSITION_FIELDS), "## Rules"),
    ],
)
def test_every_key_is_said(keys: tuple[str, ...], place: str) -> None:
    section = TEXT[TEXT.index(place) :].split("\n## ")[0]
    assert [key for key in keys if key not in section] == []
