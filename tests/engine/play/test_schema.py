"""The JSON Schema for editors: a standard one, never stricter than the loader, often as strict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from engine.play.document import MAX_BYTES
from engine.play.functions import FUNCTIONS
from engine.play.schema import REQUIRED, play_schema
from engine.structures.registry import STRUCTURES

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

ROOT = Path(__file__).parents[3]
PLAYS = sorted((ROOT / "plays").glob("*.yml"))
PAGE = (ROOT / "docs" / "how-to" / "write-a-play.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(version:.*?)^```$", PAGE, flags=re.M | re.S)
SCHEMA = play_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_json_schema_and_names_the_language() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    text = str(SCHEMA)
    assert len(text) < MAX_BYTES
    for word in (*FUNCTIONS, *STRUCTURES, *REQUIRED):
        assert word in text


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_whole_play_of_the_page_is_valid(block: str) -> None:
    VALIDATOR.validate(yaml.safe_load(block))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("sereis",), {}),
        (("clock",), "60m"),
        (("market",), "btcusdt"),
        (("rules", "entry_long"), "close > open"),
        (("rules", "enter_long"), {"when": "close > open", "close": "50%"}),
        (("rules", "enter_long"), [{"when": "close > open"}]),
        (("rules", "enter_long"), {"within": {"bars": 3}}),
        (("risk", "size"), {"qty": 1, "notional": 2}),
        (("risk", "stop"), {"price": "2%", "atr": 2}),
        (("risk", "stop"), "nnoe"),
        (("risk", "target"), [{"rr": 1, "clsoe": "50%"}]),
        (("risk", "target"), [{"rr": n, "close": "1%"} for n in range(1, 7)]),
        (("entry",), {"order": "maket"}),
        (("entry",), {"price": "close"}),
        (("limits",), {"max_trades": 3}),
        (("series",), {"9lives": "close"}),
    ],
)
def test_what_it_can_see_it_refuses(place: tuple[str, ...], value) -> None:
    document = {
        **{"version": 1, "name": "case", "market": "BTCUSDT", "clock": "15m"},
        "rules": {"enter_long": "close > open"},
        "risk": {"size": {"qty": 1}, "stop": "none"},
    }
    VALIDATOR.validate(document)
    inside = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    assert not VALIDATOR.is_valid(document)
