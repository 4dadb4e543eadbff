"""Every YAML block of the how-to loads, alone or set into a small play."""

import re
from pathlib import Path

import pytest

from engine.indicators.registry import INDICATORS
from engine.play import loads_play

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


def test_the_page_has_blocks_and_names_every_indicator() -> None:
    assert len(BLOCKS) >= 6
    (named,) = re.findall(r"^Indicators: `(.*?)`", TEXT, flags=re.M)
    assert sorted(named.split()) == sorted(INDICATORS)
