"""Pages staged durably before they reach the tables: a file of records, appended and synced.

A bulk insert of many pages costs a fraction of as many small transactions, yet every page must
survive a kill the moment it was taken. So a page is appended here first, in one write and one
sync; the writer brings all staged pages into the tables in one transaction and then empties the
file. A kill in between replays pages the tables already hold, which changes nothing; a kill in the
middle of an append leaves a torn record, which its checksum tells, and no page after it.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import StoreError
from tasks.store.intervals import Interval, merge
from tasks.store.rows import layout_of
from tasks.store.series import Series

JOURNAL_FILE = "pages.journal"
#: Magic, checksum of what follows the head, bytes of description and of columns.
_HEAD = struct.Struct("<4sIIQ")
_MAGIC = b"LSP1"


@dataclass(frozen=True, slots=True)
class Page:
    """Validated rows of one series and the window they were asked for."""

    series: Series
    columns: Mapping[str, npt.NDArray[Any]]
    window: Interval


class Journal:
    """The staged pages of one store, oldest first; used under its write lock only."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / JOURNAL_FILE
        self._descriptor: int | None = None
        self.pages: list[Page] = _read(self._path)
        self.rows = sum(map(_rows, self.pages))

    def meets(self, series: Series, window: Interval) -> bool:
        """Whether a staged page of the series shares time with ``window``."""
        return any(
            page.series == series and page.window[0] < window[1] and window[0] < page.window[1]
            for page in self.pages
        )

    def append(self, page: Page) -> None:
        """Stage a page: when this returns, it survives a kill and a power cut."""
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
                # Behind a torn record nothing could be read again: it is cut off.
                os.ftruncate(self._descriptor, sum(len(_record(p)) for p in self.pages))
                os.lseek(self._descriptor, 0, os.SEEK_END)
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            record = memoryview(_record(page))
            while record:
                record = record[os.write(self._descriptor, record) :]
            os.fdatasync(self._descriptor)
        except OSError as error:
            if self._descriptor is not None:
                os.ftruncate(self._descriptor, end)
                os.lseek(self._descriptor, end, os.SEEK_SET)
            raise StoreError(
                f"a page cannot be written: {error.strerror or error}",
                where=str(self._path),
                hint="what was stored before it is whole; free the disk and sync again",
                code="STORE_IO",
            ) from error
        self.pages.append(page)
        self.rows += _rows(page)

    def clear(self) -> None:
        """Forget every page: the tables hold them."""
        self.pages.clear()
        self.rows = 0
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        else:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; pages still staged are read again by the next writer."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def units(self) -> list[tuple[Series, dict[str, npt.NDArray[Any]], list[Interval]]]:
        """The staged pages as one unit a series: rows in time order, and the windows asked for."""
        found: dict[Series, list[Page]] = {}
        for page in self.pages:
            found.setdefault(page.series, []).append(page)
        units = []
        for series, pages in found.items():
            pages.sort(key=lambda page: page.window)
            names = pages[0].columns
            columns = {n: np.concatenate([page.columns[n] for page in pages]) for n in names}
            units.append((series, columns, merge(page.window for page in pages)))
        return units


def _rows(page: Page) -> int:
    return len(page.columns[layout_of(page.series.kind).time])


def _record(page: Page) -> bytes:
    layout = layout_of(page.series.kind)
    description = json.dumps(
        [
            page.series.symbol,
            page.series.kind.value,
            page.series.timeframe_text,
            _rows(page),
            *page.window,
        ]
    ).encode()
    columns = b"".join(
        np.ascontiguousarray(page.columns[name], layout.dtype(name)).tobytes()
        for name in (layout.time, *layout.values)
    )
    body = description + columns
    return _HEAD.pack(_MAGIC, zlib.crc32(body), len(description), len(columns)) + body


def _read(path: Path) -> list[Page]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    pages: list[Page] = []
    at = 0
    while at + _HEAD.size <= len(content):
        magic, checksum, described, held = _HEAD.unpack_from(content, at)
        body = content[at + _HEAD.size : at + _HEAD.size + described + held]
        if magic != _MAGIC or zlib.crc32(body) != checksum or len(body) != described + held:
            break
        symbol, kind, timeframe, rows, start, end = json.loads(body[:described])
        series = Series.of(symbol, kind, timeframe)
        layout = layout_of(series.kind)
        columns = {
            name: np.frombuffer(body, layout.dtype(name), rows, described + 8 * rows * k)
            for k, name in enumerate((layout.time, *layout.values))
        }
        pages.append(Page(series, columns, (start, end)))
        at += _HEAD.size + described + held
    return pages
