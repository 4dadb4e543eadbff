"""YAML text to a tree of nodes that know where they stand in the file.

Only composition is PyYAML's: scalars stay the text that was written (``010``, ``on``,
``2024-01-01`` and ``1_000`` mean nothing until a section of the play reads them). Refused, each
with its place: tabs, text that is not UTF-8, duplicate keys, merge keys, tags, empty values, a
second document, recursive or exploding aliases, files beyond :data:`MAX_BYTES`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import yaml

from engine.play.issues import Code, Issues, Mark

MAX_BYTES = 256 * 1024
MAX_NODES = 10_000
MAX_DEPTH = 32

FLOW_HINT = "in a flow map { ... } an expression with ',' or '[' must be quoted; or use block style"


class SourceText:
    """The text of a file and the lines of its characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        for index, char in enumerate(text):
            if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
                self._starts.append(index + 1)

    def position(self, index: int) -> tuple[int, int]:
        """1-based line and column of the character at ``index``."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as written; ``offsets[i]`` is the place in the file of ``text[i]``."""

    text: str
    source: SourceText = field(repr=False, compare=False)
    start: int
    end: int
    style: str  # "" plain, "'" and '"' quoted, "|" and ">" block
    size: int = 1

    def mark(self, path: str, offset: int = 0) -> Mark:
        """Place in the file of character ``offset`` of the text, through folding and escapes."""
        index = self.start if not offset and not self.style else self._index(offset)
        return Mark(path, *self.source.position(index))

    def _index(self, offset: int) -> int:
        if not self.style and self.end - self.start == len(self.text):
            return self.start + offset
        places = _align(self.text, self.source.text[self.start : self.end], self.style)
        return self.start + (places[min(offset, len(places) - 1)] if places else 0)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    source: SourceText = field(repr=False, compare=False)
    start: int
    size: int

    def mark(self, path: str) -> Mark:
        return Mark(path, *self.source.position(self.start))


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys (scalars, unique) and their nodes, in written order."""

    entries: tuple[tuple[Scalar, Node], ...]
    source: SourceText = field(repr=False, compare=False)
    start: int
    size: int

    def mark(self, path: str) -> Mark:
        return Mark(path, *self.source.position(self.start))

    def get(self, key: str) -> Node | None:
        return next((node for scalar, node in self.entries if scalar.text == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping

_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}


@lru_cache(maxsize=16)
def _align(value: str, raw: str, style: str) -> tuple[int, ...]:
    """Index in ``raw`` (the scalar as written) of each character of ``value``, and of its end.

    White space is what folding, indentation and line breaks may change, so only the other
    characters are matched one by one; escapes of quoted scalars count as one character.
    """
    place = 1 if style in {"'", '"'} else 0
    if style in {"|", ">"}:
        place = raw.find("\n") + 1  # the header line: indicators and a comment
    places: list[int] = []
    for char in value:
        while place < len(raw):
            escaped = style == '"' and raw[place] == "\\"
            if escaped and raw[place + 1 : place + 2] in {"\n", "\r"}:
                place += 2  # an escaped line break yields nothing
            elif escaped or char.isspace() or not raw[place].isspace():
                break
            else:
                place += 1
        places.append(place)
        if place >= len(raw):
            continue
        if style == '"' and raw[place] == "\\":
            place += _ESCAPE_LENGTHS.get(raw[place + 1 : place + 2], 2)
        elif style == "'" and raw[place] == "'":
            place += 2
        elif not char.isspace() or raw[place].isspace():
            place += 1
    places.append(min(place, len(raw)))
    return tuple(places)


class _CompositionError(Exception):
    """Composition cannot go on; the issue is already recorded."""


class _Composer:
    """Builds the node tree from PyYAML's event stream, within limits and without resolution."""

    def __init__(self, source: SourceText, issues: Issues) -> None:
        self._source = source
        self._issues = issues
        self._events = yaml.parse(source.text, Loader=yaml.SafeLoader)
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        self._next()  # stream start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return None
        if event.tags:
            self._refuse(Code.YAML_TAG, event.start_mark.index, "YAML tags are not allowed")
        node = self._node(self._next(), "", 1)
        self._next()  # document end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._refuse(
                Code.YAML_SYNTAX,
                event.start_mark.index,
                "a second YAML document",
                "one file is one play; remove the '---'",
            )
        return node

    def _next(self) -> Any:
        """The next event; each kind has attributes of its own."""
        return next(self._events)

    def _mark(self, index: int, path: str = "") -> Mark:
        return Mark(path, *self._source.position(index))

    def _refuse(self, code: Code, index: int, message: str, hint: str = "", path: str = "") -> None:
        self._issues.error(code, self._mark(index, path), message, hint)
        raise _CompositionError

    def _node(self, event: Any, path: str, depth: int) -> Node:
        start = event.start_mark.index
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event, path)
        else:
            if event.anchor is not None:
                if event.anchor in self._anchors:
                    self._refuse(
                        Code.YAML_SYNTAX, start, f"anchor {event.anchor!r} stands twice", path=path
                    )
                self._anchors[event.anchor] = None
            if event.tag is not None:
                self._issues.error(
                    Code.YAML_TAG,
                    self._mark(start, path),
                    f"the YAML tag {event.tag!r} is not allowed",
                    "write the plain value",
                )
            node = self._fresh(event, path, depth)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
        self._nodes += node.size if isinstance(event, yaml.AliasEvent) else 1
        if self._nodes > MAX_NODES:
            self._refuse(
                Code.YAML_LIMIT, start, f"more than {MAX_NODES} values, aliases expanded", path=path
            )
        return node

    def _alias(self, event: Any, path: str) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self._anchors
            what = "refers to itself" if known else "has no anchor"
            self._refuse(
                Code.YAML_SYNTAX,
                event.start_mark.index,
                f"alias {event.anchor!r} {what}",
                path=path,
            )
        assert node is not None
        return node

    def _fresh(self, event: Any, path: str, depth: int) -> Node:
        start = event.start_mark.index
        if depth > MAX_DEPTH:
            self._refuse(
                Code.YAML_LIMIT, start, f"nested more than {MAX_DEPTH} levels deep", path=path
            )
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(start, path, depth)
        return self._mapping(event, path, depth)

    def _scalar(self, event: Any, path: str) -> Scalar:
        text, start = event.value, event.start_mark.index
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._refuse(Code.ENCODING, start, "half of a surrogate pair in an escape", path=path)
        # With an anchor or tag the event starts there; the written scalar is what follows.
        if event.anchor is not None or event.tag is not None:
            start = self._skip_properties(start, event.end_mark.index)
        return Scalar(text, self._source, start, event.end_mark.index, event.style or "")

    def _skip_properties(self, start: int, end: int) -> int:
        text = self._source.text
        while start < end and (text[start] in "&!" or text[start].isspace()):
            if not text[start].isspace():
                while start < end and not text[start].isspace():
                    start += 1
            else:
                start += 1
        return start

    def _sequence(self, start: int, path: str, depth: int) -> Sequence:
        items: list[Node] = []
        event = self._next()
        while not isinstance(event, yaml.SequenceEndEvent):
            here = f"{path}[{len(items)}]"
            item = self._node(event, here, depth + 1)
            self._refuse_empty(item, here, flow=False)
            items.append(item)
            event = self._next()
        return Sequence(tuple(items), self._source, start, 1 + sum(item.size for item in items))

    def _mapping(self, start_event: Any, path: str, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Scalar] = {}
        event = self._next()
        while not isinstance(event, yaml.MappingEndEvent):
            key = self._node(event, path, depth + 1)
            if not isinstance(key, Scalar):
                self._refuse(
                    Code.SHAPE, event.start_mark.index, "a key must be plain text", path=path
                )
            assert isinstance(key, Scalar)
            here = child_path(path, key.text)
            value = self._node(self._next(), here, depth + 1)
            if self._key_is_good(key, here, seen):
                self._refuse_empty(value, here, flow=bool(start_event.flow_style))
                entries.append((key, value))
            event = self._next()
        size = 1 + sum(key.size + value.size for key, value in entries)
        return Mapping(tuple(entries), self._source, start_event.start_mark.index, size)

    def _key_is_good(self, key: Scalar, path: str, seen: dict[str, Scalar]) -> bool:
        """Records what is wrong with a key; a bad one and its value are left out."""
        if key.text == "<<" and not key.style:
            self._issues.error(
                Code.YAML_MERGE_KEY,
                key.mark(path),
                "merge keys '<<' are not allowed",
                "write the keys out",
            )
            return False
        if not key.text.strip():
            self._issues.error(Code.YAML_EMPTY, key.mark(path), "an empty key")
            return False
        first = seen.setdefault(key.text, key)
        if first is not key:
            line = first.mark(path).line
            self._issues.error(
                Code.YAML_DUPLICATE_KEY,
                key.mark(path),
                f"the key {key.text!r} stands twice (first on line {line})",
                "keep one of them",
            )
            return False
        return True

    def _refuse_empty(self, node: Node, path: str, *, flow: bool) -> None:
        if not isinstance(node, Scalar):
            return
        if not node.text.strip():
            hint = FLOW_HINT if flow else "give it a value or remove the key"
            self._issues.error(Code.YAML_EMPTY, node.mark(path), "an empty value", hint)
        elif node.text == "~" and not node.style:
            self._issues.error(
                Code.YAML_EMPTY, node.mark(path), "'~' is no value here", "write what you mean"
            )


def child_path(path: str, key: str) -> str:
    """The YAML path of ``key`` under ``path``."""
    shown = key if len(key) <= 60 else key[:57] + "..."
    return f"{path}.{shown}" if path else shown


def decode(raw: bytes, issues: Issues) -> str | None:
    """The file's text; None, with the issue recorded, when it is too large or not UTF-8."""
    if len(raw) > MAX_BYTES:
        issues.error(
            Code.TOO_LARGE,
            Mark("", 1, 1),
            f"a play has at most {MAX_BYTES // 1024} KiB",
            "this is probably not a play",
        )
        return None
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        good = SourceText(raw[: error.start].decode("utf-8"))
        mark = Mark("", *good.position(len(good.text)))
        issues.error(
            Code.ENCODING, mark, f"byte 0x{raw[error.start]:02x} is not UTF-8", "save it as UTF-8"
        )
        return None


def compose(text: str, issues: Issues) -> Node | None:
    """The node tree of ``text``; None, with the issue recorded, when it cannot be composed.

    Problems that leave the tree readable (duplicate keys, tags, empty values) are recorded and
    composition goes on, so that they are reported together with everything else.
    """
    source = SourceText(text)
    try:
        node = _Composer(source, issues).document()
    except _CompositionError:
        return None
    except yaml.MarkedYAMLError as error:
        _report_marked(error, source, issues)
        return None
    except yaml.reader.ReaderError as error:
        mark = Mark("", *source.position(error.position))
        issues.error(Code.ENCODING, mark, f"the character U+{error.character:04X} is not allowed")
        return None
    except (ValueError, OverflowError) as error:
        # PyYAML converts %YAML versions and \U escapes without checking their range.
        issues.error(Code.YAML_SYNTAX, Mark("", 1, 1), f"not readable as YAML: {error}")
        return None
    if node is None:
        issues.error(Code.YAML_EMPTY, Mark("", 1, 1), "the file is empty")
    return node


def _report_marked(error: yaml.MarkedYAMLError, source: SourceText, issues: Issues) -> None:
    mark = error.problem_mark or error.context_mark
    index = min(mark.index, len(source.text)) if mark is not None else 0
    problem = error.problem or "not readable as YAML"
    place = Mark("", *source.position(index))
    if source.text[index : index + 1] == "\t":
        issues.error(
            Code.YAML_TAB, place, "a tab where YAML wants spaces", "indent with spaces only"
        )
        return
    hint = ""
    if "mapping values are not allowed" in problem:
        hint = "quote a value that contains ': '"
    elif "expected ',' or" in problem:
        hint = FLOW_HINT
    elif "cannot start any token" in problem:
        hint = "quote a value that begins with a YAML indicator such as '@', '%' or '>'"
    issues.error(Code.YAML_SYNTAX, place, f"not readable as YAML: {problem}", hint)
