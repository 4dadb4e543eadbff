"""Whatever the bytes, loading gives a play or typed issues with places in the file."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import PlayError
from engine.play import Play, loads_play

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
