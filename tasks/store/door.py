"""The lock guard, and what every part of the writable door shares: one connection, one thread.

A door is open while the write lock is held; afterwards each of its methods raises LockRequired
(H13). Threads of one process may share a door: their calls run one after another.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from engine.errors import LockRequired

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Door:
    """One open, writable store: statements run through here or not at all."""

    def __init__(self, env: str, directory: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.env = env
        self.directory = directory
        self.turn = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = connection

    @property
    def locked(self) -> bool:
        """Whether the lock context that made this door is still open."""
        return self._connection is not None

    def release(self) -> None:
        """End this door; called when the lock context ends."""
        self._connection = None

    def _settle(self) -> None:
        """Bring what is staged into the tables, before anything else is read or written."""

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing of what the context does."""
        self._settle()
        assert self._connection is not None
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _run(self, statement: str, parameters: list[Any]) -> None:
        assert self._connection is not None
        # Results stream: an unfetched one would block the connection's next statement.
        self._connection.execute(statement, parameters).fetchall()

    def _fetch(self, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        self._settle()
        assert self._connection is not None
        return self._connection.execute(query, parameters).fetchall()

    def _arrow(self, query: str, parameters: list[Any]) -> pa.Table:
        self._settle()
        assert self._connection is not None
        return self._connection.sql(query, params=parameters).to_arrow_table()


def under_lock(function: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Guard a function that uses a door: outside the lock context it raises LockRequired.

    The door is the function's first argument, or its second where the first is a store.
    """

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> R:
        _open_door(function, args, kwargs)
        return function(*args, **kwargs)

    return guarded


def in_turn(method: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Guard a door's own method as :func:`under_lock` does, and let one thread at a time in."""

    @functools.wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> R:
        with _open_door(method, args, kwargs).turn:
            return method(*args, **kwargs)

    return guarded


def _open_door(function: Callable[..., Any], args: Any, kwargs: Any) -> Door:
    door = next((a for a in (*args[:2], kwargs.get("writer")) if isinstance(a, Door)), None)
    if door is None or not door.locked:
        raise LockRequired(
            f"{function.__name__} needs the write lock, which is not held",
            hint="use the writer inside `with store.writer() as writer:`",
        )
    return door
