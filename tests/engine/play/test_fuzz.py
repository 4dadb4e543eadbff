"""Whatever the bytes, loading gives a play or typed issues with places in the file."""

import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import PlayError
from engine.play import Play, loads_play
from engine.play.loader import SECTIONS

EXAMPLES = [p.read_bytes() for p in sorted((Path(__file__).parents[3] / "plays").glob("*.yml"))]

FRAGMENTS = st.sampled_from(
    [
        *(b"\t", b"\r", b"\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8"),
        *(b": ", b"- ", b"? ", b"{", b"}", b"[", b"]", b"'", b'"', b"|", b">", b"#", b"&a ", b"*a"),
        *(b"!!binary ", b"<<: ", b"---\n", b"...\n", b"%YAML 9.9\n", b"\\", b'"\\ud800"', b"~"),
        *(b"@1h", b"@60m", b"[1]", b"[-1]", b"[n]", b"%", b"bps", b"1e999999", b"9" * 60, b"0x1"),
        *(b" and ", b" or not ", b" == ", b"(" * 80, b")" * 80, b".upper", b"bb", b"macd(close)"),
        *(
            b"risk",
            b"stop: none",
            b"when: ",
            b"id: ",
            b"target: [",
            b"position.r",
            b"2R",
            b"5 bars",
        ),
    ]
)


def check(raw: bytes) -> None:
    play, issues = None, ()
    try:
        play = loads_play(raw, "fuzz.yml")
    except PlayError as error:
        issues = error.issues
    assert (play is None) == bool(issues)
    assert play is None or (isinstance(play, Play) and len(play.play_hash) == 64)
    lines = raw.decode("utf-8", "replace").count("\n") + raw.count(b"\r") + 1
    for issue in issues:
        assert issue.code
        assert issue.message
        assert 1 <= issue.line <= lines
        assert issue.column >= 1
        str(issue).encode()  # printable: no half surrogates


@given(st.binary(max_size=200))
@example(b"\xfe\xff\x00a")
@example(b"%YAML 1.99999999999999999999\n--- a")
def test_random_bytes(raw: bytes) -> None:
    check(raw)


@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        span = draw(st.integers(0, 20))
        change = draw(st.sampled_from(["insert", "delete", "double", "move"]))
        piece = raw[at : at + span]
        if change == "insert":
            raw = raw[:at] + draw(FRAGMENTS) + raw[at:]
        elif change == "delete":
            raw = raw[:at] + raw[at + span :]
        elif change == "double":
            raw = raw[:at] + piece + raw[at:]
        else:
            to = draw(st.integers(0, len(raw)))
            raw = raw[:to] + piece + raw[to:]
    return raw


@given(mutated())
def test_mutated_plays(raw: bytes) -> None:
    check(raw)


@given(st.lists(FRAGMENTS, max_size=12))
def test_fragments_as_an_expression(parts: list[bytes]) -> None:
    check(EXAMPLES[0].replace(b"close >= bb.middle", b"".join(parts)))


# -- the same, on purpose ----------------------------------------------------------------------

FULL = (Path(__file__).parent / "golden" / "full_play.yml").read_bytes()


@st.composite
def mutated_full(draw: st.DrawFn) -> bytes:
    raw = FULL
    for _ in range(draw(st.integers(1, 5))):
        at, span = draw(st.integers(0, len(raw))), draw(st.integers(0, 25))
        to = draw(st.integers(0, len(raw)))
        piece = draw(st.sampled_from([raw[to : to + span], b"", *(draw(FRAGMENTS),)]))
        raw = raw[:at] + piece + raw[at + draw(st.integers(0, 12)) :]
    return raw


@given(mutated_full())
@settings(max_examples=200)
def test_pieces_of_a_full_play_in_odd_places(raw: bytes) -> None:
    check(raw)


VALUES = st.recursive(
    st.one_of(
        st.integers(-(10**40), 10**40),
        st.floats(),
        st.booleans(),
        st.none(),
        st.dates(),
        st.text(max_size=12),
        st.sampled_from(["close > open", "1%", "2R", "5 bars", "none", "within(3, close > 1)"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.text(max_size=8), st.sampled_from([*SECTIONS, "when", "id", "rr", "of"])),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(SECTIONS), VALUES))
@settings(max_examples=150)
def test_random_yaml_in_every_section(document: dict) -> None:
    check(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


BOMBS = {
    "nested lists": b"[" * 100_000,
    "nested maps": b"{a: " * 50_000,
    "nested blocks": b"".join(b" " * n + b"a:\n" for n in range(500)),
    "ten megabytes": b"a: " + b"x" * 10_000_000,
    "ten megabytes of keys": b"".join(b"k%d: 1\n" % n for n in range(700_000)),
    "many keys": b"".join(b"k%d: 1\n" % n for n in range(9_000)),
    "many errors": b"rules:\n" + b"".join(b"  k%d: close >\n" % n for n in range(4_000)),
    "a long line": b"rules: { enter_long: '" + b"close > 1 and " * 10_000 + b"true' }",
    "a long sum": b"rules: { enter_long: '" + b"+".join([b"close"] * 600) + b" > 1' }",
    "parentheses": b"rules: { enter_long: '" + b"(" * 1900 + b"close" + b")" * 1900 + b" > 1' }",
    "nested calls": b"rules: { enter_long: '" + b"abs(" * 700 + b"close" + b")" * 700 + b" > 1' }",
    "nested windows": b"rules: { enter_long: '"
    + b"within(2," * 300
    + b"true"
    + b")" * 300
    + b"' }",
    "huge numbers": b"params: { a: " + b"9" * 100_000 + b", b: 1e999999999, c: 1e-999999999 }",
    "huge counts": b"rules: { enter_long: 'close[99999999999999999999] > 1' }",
    "many items": b"rules: { enter_long: 'hour in [" + b"1," * 1500 + b"1]' }",
    "many ratios": b"structures: { f: 'fibonacci(levels=[" + b"0.1," * 900 + b"0.2])' }",
    "aliases": b"a: &a [1]\n" + b"b: [" + b"*a, " * 9_999 + b"*a]",
    "tabs": b"\t" * 10_000,
    "a surrogate": b'name: "\\ud800"',
    "latin": "name: é".encode("latin-1"),
    "utf-32": "name: case".encode("utf-32"),
    "null bytes": b"\x00" * 1000,
    "structured to the bottom": b"rules: { enter_long: " + b"{ not: " * 31 + b"a" + b" }" * 32,
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_files_are_refused_in_bounded_time_and_memory(name: str) -> None:
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        check(BOMBS[name])
        seconds = time.perf_counter() - begin
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < 15, "traced, on a busy machine"
    assert peak < 150 * 2**20
