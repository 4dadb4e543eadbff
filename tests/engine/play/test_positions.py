"""Problems inside expressions point at the source line, through folding, quoting and escapes."""

import pytest


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (["  enter_long: close > oops"], (6, 23)),
        (["  enter_long:   close > oops   # because"], (6, 25)),
        (["  enter_long: 'close > oops'"], (6, 24)),
        (['  enter_long: "close > oops"'], (6, 24)),
        (["  'enter_long': 'close > oops'"], (6, 26)),
        (['  enter_long: "\\x63lose > oops"'], (6, 27)),
        (['  enter_long: "close\\t> oops"'], (6, 25)),
        (["  enter_long: close >", "    oops"], (7, 5)),
        (["  enter_long: close > open and", "", "      close > oops"], (8, 15)),
        (["  enter_long: >", "    close >", "    oops"], (8, 5)),
        (["  enter_long: >-  # folded", "    close > open", "    and close", "    > oops"], (9, 7)),
        (["  enter_long: |", "    close > open", "      and close > oops"], (8, 19)),
        (['  enter_long: "close > \\', '    oops"'], (7, 5)),
        (['  enter_long: "close >', '    oops"'], (7, 5)),
        (["  enter_long: !!str close > oops"], (6, 29)),
        (["  enter_long: &a close > oops"], (6, 26)),
        (["  enter_long: &a 'close > oops'"], (6, 27)),
        (["  enter_long: { any: [close > open, close > oops] }"], (6, 45)),
        (["  enter_long: { any: [[close, '>', 'open + oops']] }"], (6, 44)),
    ],
)
def test_a_name_inside_an_expression(plays, lines: list[str], place: tuple[int, int]) -> None:
    issues = plays.problems(plays.text("rules:", *lines))
    unknown = next(issue for issue in issues if issue.code == "NAME_UNKNOWN")
    assert (unknown.line, unknown.column) == place


def test_windows_line_ends_and_a_byte_order_mark(plays) -> None:
    text = plays.text("rules:", "  enter_long: close > oops").replace("\n", "\r\n")
    (issue,) = plays.problems(b"\xef\xbb\xbf" + text.encode())
    assert (issue.line, issue.column) == (6, 23)


def test_characters_beyond_the_basic_plane_count_once(plays) -> None:
    text = plays.text('description: "\U0001f680"', "rules: { enter_long: close > oops }")
    (issue,) = plays.problems(text)
    assert (issue.line, issue.column) == (6, 30)


def test_paths_name_keys_and_places_in_lists(plays) -> None:
    lines = ["rules:", "  enter_long:", "    - id: a", "      when: { any: [b, not c] }"]
    issues = plays.problems(plays.text(*lines))
    assert [(i.path, i.line, i.column) for i in issues] == [
        ("rules.enter_long[0].when.any[0]", 8, 21),
        ("rules.enter_long[0].when.any[1]", 8, 28),
    ]
