"""The negative corpus: each broken play is refused with every problem, placed and with a cure.

Covers M3 (unknown keys), M4 (closed enumerations) and H10 (malformed spellings).
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.play.document import MAX_BYTES

CORPUS = Path(__file__).parent / "golden" / "broken_plays.txt"


@dataclass(frozen=True)
class Case:
    title: str
    text: str
    issues: tuple[tuple[str, str, str, str], ...]


def corpus(header: str, risk: str) -> list[Case]:
    """The cases of the corpus; the last ``---`` of a case divides the file from its issues."""
    cases = []
    for block in CORPUS.read_text(encoding="utf-8").split("\n=== ")[1:]:
        title, body = block.split("\n", 1)
        text, expected = body.rstrip("\n").rsplit("\n---\n", 1)
        text = text.replace("{header}", header).replace("{risk}", risk) + "\n"
        issues = tuple(
            tuple(part.strip() for part in line.split(" | ")) for line in expected.splitlines()
        )
        cases.append(Case(title, text, issues))
    return cases


HEADER = "version: 1\nname: case\nmarket: BTCUSDT\nclock: 15m"
RISK = "risk:\n  size: { qty: 1 }\n  stop: none"
CASES = corpus(HEADER, RISK)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_broken_play(plays, case: Case) -> None:
    found = plays.problems(case.text)
    shown = [(i.code, i.path, f"{i.line}:{i.column}") for i in found]
    assert sorted(shown) == sorted(issue[:3] for issue in case.issues)
    for code, path, place, words in case.issues:
        issue = next(
            i for i in found if (i.code, i.path, f"{i.line}:{i.column}") == (code, path, place)
        )
        assert words in f"{issue.message}; {issue.hint}"


def test_the_corpus_is_large_enough() -> None:
    assert len(CASES) >= 120
    assert len({case.title for case in CASES}) == len(CASES)
    assert len({code for case in CASES for code, *_ in case.issues}) >= 22


def test_issues_come_in_file_order(plays) -> None:
    for case in CASES:
        places = [(i.line, i.column) for i in plays.problems(case.text)]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        (b"", "YAML_EMPTY", 1),
        (b"\n\n# nothing\n", "YAML_EMPTY", 1),
        (b"version: 1\nname: \xff\n", "YAML_ENCODING", 2),
        ("version: 1\n".encode("utf-16"), "YAML_ENCODING", 1),
        (b"version: 1\nname: a\x00b\n", "YAML_ENCODING", 2),
        (b'version: 1\nname: "\\ud800"\n', "YAML_ENCODING", 2),
        (b'version: 1\nname: "\\UFFFFFFFF"\n', "YAML_SYNTAX", 1),
        (b"#" * (MAX_BYTES + 1), "PLAY_TOO_LARGE", 1),
        (b"[" * 5000, "YAML_LIMIT", 1),
        (b"a: " + b"[" * 40 + b"1" + b"]" * 40, "YAML_LIMIT", 1),
        (b"a: [" + b"1," * 11_000 + b"1]", "YAML_LIMIT", 1),
        (b"? [a, b]\n: c\n", "SHAPE", 1),
        (b"%TAG ! tag:x,2000:\n---\na: 1\n", "YAML_TAG", 1),
        (b'"": 1\n', "YAML_EMPTY", 1),
        (b"just words", "SHAPE", 1),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_unreadable_file(plays, raw: bytes, code: str, line: int) -> None:
    assert (code, line) in [(i.code, i.line) for i in plays.problems(raw)]


def test_aliases_that_explode_are_refused(plays) -> None:
    """Ten doublings of ten make 10^10 values; refused at the node limit."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{k}: &a{k} [" + ", ".join([f"*a{k - 1}"] * 10) + "]" for k in range(1, 10)]
    assert [i.code for i in plays.problems("\n".join(lines))] == ["YAML_LIMIT"]


def test_deep_aliases_are_refused_never_a_crash(plays) -> None:
    """Each alias nests the one before, so the depth of what it stands for is unbounded."""
    deep = ["anchors:", "  - &x0 close > open"]
    deep += [f"  - &x{k} {{ not: {{ not: {{ not: *x{k - 1} }} }} }}" for k in range(1, 40)]
    text = plays.text(*deep, "rules:", "  enter_long: *x39")
    codes = {i.code for i in plays.problems(text)}
    assert codes == {"KEY_UNKNOWN", "EXPR_LIMIT"}
