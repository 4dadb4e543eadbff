"""The project of a play: ``project.yml`` in the play's own folder.

It names the Python files whose indicators the plays of that folder may use beside the built-in
ones; they are paths relative to it. No other folder is looked at: what a play means must not hang
on what lies above it, or on where the command was started.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from engine.errors import IndicatorSourceError
from engine.indicators.registry import INDICATORS
from engine.indicators.user import declared_indicators, prove
from engine.play.document import MAX_BYTES, Mapping, Node, Scalar, Sequence, compose, decode
from engine.play.functions import FUNCTIONS
from engine.play.issues import Code, Issues, Mark, refusal
from engine.play.own_indicators import IndicatorSource, UserIndicator
from engine.play.sections import Section, as_text
from engine.play.vocabulary import RESERVED_IDS
from engine.structures.registry import STRUCTURES

PROJECT_FILE = "project.yml"
SECTIONS = ("version", "indicators")
#: Most files a project may name.
MAX_FILES = 64

#: Names that no indicator of a project may have, and what each is in words.
TAKEN: dict[str, str] = {
    **dict.fromkeys(sorted(RESERVED_IDS), "a word of the language"),
    **dict.fromkeys(STRUCTURES, "a structure"),
    **dict.fromkeys(FUNCTIONS, "a function"),
    **dict.fromkeys(INDICATORS, "a built-in indicator"),
}


def project_indicators(folder: Path) -> dict[str, UserIndicator]:
    """The indicators of the project in ``folder`` by name, each proved with its default parameters
    where all have one. PlayError with every problem; also if there is no project."""
    issues = Issues()
    path = folder / PROJECT_FILE
    sources = read_project(folder, issues)
    if sources is None:
        hint = "write one: version: 1, indicators: [my_indicator.py]"
        issues.error(Code.FILE, Mark("", 1, 1), "there is no such file", hint)
    found = indicators_of(sources or (), issues)
    for own in found.values():
        params = own.spec.params
        if all(param.default is not None for param in params):
            try:
                prove(own, own.spec.resolve({}))
            except IndicatorSourceError as error:
                issues.source_error(error)
    if issues.errors:
        raise refusal(issues, str(path))
    return found


def indicators_of(sources: Collection[IndicatorSource], issues: Issues) -> dict[str, UserIndicator]:
    """The indicators that ``sources`` declare, by name; none if something is reported."""
    if issues.errors:
        return {}
    try:
        return declared_indicators(sources, TAKEN)
    except IndicatorSourceError as error:
        issues.source_error(error)
    return {}


def read_project(folder: Path, issues: Issues) -> tuple[IndicatorSource, ...] | None:
    """The files of indicators that the project in ``folder`` names, in its order; None if there is
    no project. What is wrong is reported, each with its file and place."""
    path = folder / PROJECT_FILE
    own = Issues(str(path))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        own.error(Code.FILE, Mark("", 1, 1), f"it cannot be read: {error.strerror}")
        issues.take(own)
        return ()
    text = decode(raw, own)
    root = compose(text, own) if text is not None else None
    sources: list[IndicatorSource] = []
    if isinstance(root, Mapping):
        sources = _sources(root, path.parent, own)
    elif root is not None:
        own.error(Code.SHAPE, root.mark(""), "a project is a map", "begin: version: 1")
    issues.take(own)
    return tuple(sources)


def _sources(root: Mapping, folder: Path, issues: Issues) -> list[IndicatorSource]:
    top = Section(root, "", issues, allowed=SECTIONS, whole="the project")
    version = top.text("version", hint="write version: 1")
    if version is not None and version.text != "1":
        message = f"unknown version {version.text[:40]!r} of projects"
        issues.error(Code.VALUE, version.mark("version"), message, "write version: 1")
    files = top.require("indicators", "write indicators: [my_indicator.py]")
    if files is None:
        return []
    if not isinstance(files, Sequence):
        hint = "write indicators: [my_indicator.py]"
        issues.error(Code.SHAPE, files.mark("indicators"), "'indicators' is a list of files", hint)
        return []
    if len(files.items) > MAX_FILES:
        issues.error(Code.VALUE, files.mark("indicators"), f"more than {MAX_FILES} files")
        return []
    sources: list[IndicatorSource] = []
    for at, item in enumerate(files.items):
        source = _source(item, f"indicators[{at}]", folder, issues)
        if source is not None and any(source.name == other.name for other in sources):
            issues.error(Code.VALUE, item.mark(f"indicators[{at}]"), f"{source.name} stands twice")
        elif source is not None:
            sources.append(source)
    return sources


def _source(item: Node, path: str, folder: Path, issues: Issues) -> IndicatorSource | None:
    scalar = as_text(item, path, issues)
    if scalar is None:
        return None
    name = scalar.text
    relative = PurePosixPath(name)
    if relative.is_absolute() or relative.suffix != ".py" or "\\" in name or "\0" in name:
        hint = "write its path from the project's folder: my_indicator.py"
        message = f"{name[:80]!r} is no Python file of the project"
        issues.error(Code.VALUE, scalar.mark(path), message, hint)
        return None
    return _read(scalar, path, folder / relative, str(relative), issues)


def _read(
    scalar: Scalar, path: str, file: Path, name: str, issues: Issues
) -> IndicatorSource | None:
    try:
        with file.open("rb") as handle:
            raw = handle.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            return IndicatorSource(name, str(file), raw.decode("utf-8"))
        reason = f"{file} is larger than {MAX_BYTES} bytes"
    except FileNotFoundError:
        reason = f"there is no file {file}"
    except UnicodeDecodeError as error:
        reason = f"{file} is not UTF-8: byte {error.start}"
    except OSError as error:
        reason = f"{file} cannot be read: {error.strerror}"
    issues.error(Code.INDICATOR_FILE, scalar.mark(path), reason)
    return None
