"""The expression grammar: precedence as written in the requirement, and syntax errors."""

from pathlib import Path

import pytest

from engine.play.document import Scalar, SourceText
from engine.play.grammar import parse_expression
from engine.play.issues import Issues
from engine.play.syntax import as_text

GOLDEN = Path(__file__).parent / "golden" / "precedence.txt"


def parse(text: str):
    issues = Issues()
    node = parse_expression(Scalar(text, SourceText(text), 0, len(text), ""), "rule", issues)
    return node, issues.errors


def golden_cases() -> list[tuple[str, str]]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return [
        tuple(line.split(" => ")) for line in lines if line.strip() and not line.startswith("#")
    ]


@pytest.mark.parametrize(("expression", "tree"), golden_cases())
def test_precedence(expression: str, tree: str) -> None:
    node, errors = parse(expression)
    assert errors == ()
    assert as_text(node) == tree


@pytest.mark.parametrize(
    ("expression", "column", "hint"),
    [
        ("a == b == c", 8, "chain only"),
        ("a < b > c", 7, "chain only"),
        ("a < b != c", 7, "chain only"),
        ("a && b", 3, "'and'"),
        ("a || b", 3, "'or'"),
        ("a AND b", 3, "'and'"),
        ("!a", 1, "'not'"),
        ("a = b", 3, "'=='"),
        ("a % 2", 3, "no modulo"),
        ("a ** 2", 4, "expected"),
        ("rsi > 70 # high", 10, "comment"),
        ("(a < b", 7, "')'"),
        ("a < b)", 6, "the end"),
        ("x[1", 4, "']'"),
        ("x < .5", 5, "leading digit"),
        ("010 < x", 1, "write 10"),
        ("x > 5x", 5, "bps"),
        ("x > 3perc", 5, "allowed"),
        ("ema(fast=1, 2)", 13, "positional arguments come first"),
        ("a b", 3, "operator"),
        ("", 1, "a name"),
        ("a <", 4, "a name"),
        ("a and", 6, "a name"),
        ("'close' > 1", 1, "without quotes"),
        ("a ? b : c", 3, "if("),
        ("x[1 + 1]", 5, "']'"),
        ("x[-n]", 4, "a number"),
    ],
)
def test_syntax_error_names_the_column_and_the_cure(
    expression: str, column: int, hint: str
) -> None:
    _, (error,) = parse(expression)
    assert error.column == column
    assert hint in error.hint


@pytest.mark.parametrize(
    "text",
    ["(" * 500 + "a" + ")" * 500, "-" * 3000 + "a", "not " * 900 + "a", "a" + "+a" * 1500],
    ids=["parentheses", "signs", "negations", "sums"],
)
def test_deep_nesting_is_an_error_never_a_crash(text: str) -> None:
    _, errors = parse(text)
    assert [error.code for error in errors] in (["EXPR_LIMIT"], [])
    if "(" not in text:  # parentheses themselves leave no trace in the tree
        assert errors


def test_an_expression_has_a_length_limit() -> None:
    _, (error,) = parse("a" * 4001)
    assert error.code == "EXPR_LIMIT"
