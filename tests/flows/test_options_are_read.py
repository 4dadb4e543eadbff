"""M3: no option and no run-config key exists without effect: each one is read somewhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engine.config import Fees, InstrumentOverrides, RunConfig
from engine.errors import ConfigError

#: Keys that have one legal value as yet.
ONE_VALUE = {"on_stop_beyond_liquidation"}
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted((ROOT / "flows" / "cli").glob("*.py"))


def commands() -> list[tuple[str, ast.FunctionDef]]:
    """Every function registered as a command, with the file it stands in."""
    found = []
    for file in COMMANDS:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == "command"
                for d in node.decorator_list
            ):
                found.append((file.name, node))
    return found


def read_names(node: ast.FunctionDef) -> set[str]:
    """Names the function's body loads."""
    return {
        inner.id
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }


def attributes_read(*rooms: str) -> set[str]:
    """Attribute names read anywhere in some rooms."""
    return {
        node.attr
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        if file.name != "config.py"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }


def test_there_are_commands_to_look_at():
    assert len(commands()) > 15


@pytest.mark.parametrize(
    ("file", "function"), commands(), ids=[f"{file}:{f.name}" for file, f in commands()]
)
def test_m3_every_option_of_a_command_is_read(file: str, function: ast.FunctionDef):
    arguments = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
    assert [name for name in arguments if name not in read_names(function)] == []


def test_m3_every_key_of_the_run_config_is_read_and_enters_the_identity():
    read = attributes_read("engine", "tasks")
    values = (ROOT / "engine" / "exchange" / "terms.py").read_text("utf-8")
    resolved = RunConfig().resolved()
    for key in RunConfig.model_fields:
        if key in ONE_VALUE:  # every other value is refused, see below
            continue
        entered = [name for name in resolved if name in {key, f"{key}_e7", f"{key}_e8"}]
        assert entered, key
        assert key in read or f'"{entered[0]}"' in values, key
    for section in (Fees, InstrumentOverrides):
        for key in section.model_fields:
            assert key in read or f"{key}_e7" in values, key


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("on_stop_beyond_liquidation", "ignore", "CONFIG_INVALID"),
    ],
)
def test_m3_another_value_of_a_key_with_one_is_refused(key: str, value: str, code: str):
    with pytest.raises(ConfigError) as refused:
        RunConfig(**{key: value})
    assert refused.value.code == code
