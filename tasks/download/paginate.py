"""Reading a list to its end: the one loop over pages (H16)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.errors import VenueError

Item = TypeVar("Item")
Position = TypeVar("Position", bound=Hashable)

#: More pages than any list of the venue has.
PAGES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Page(Generic[Item, Position]):
    """One page of a list, and where the next one begins; None: this is the last."""

    items: Sequence[Item]
    following: Position | None


def paginate(
    fetch: Callable[[Position | None], Page[Item, Position]],
    what: str,
    pages_max: int = PAGES_MAX,
) -> list[Item]:
    """Every item of a list, page by page; ``fetch(None)`` gets the first page.

    A list is returned whole or not at all: a page that fails raises, and so does VenueError
    ``CURSOR_REPEATED`` where the venue sends us round in a circle, or ``PAGES_TOO_MANY``.
    """
    items: list[Item] = []
    seen: set[Position] = set()
    position: Position | None = None
    for _ in range(pages_max):
        page = fetch(position)
        items.extend(page.items)
        if page.following is None:
            return items
        position = page.following
        if position in seen:
            raise VenueError(
                f"the list of {what} comes back to position {position}",
                hint="the venue's paging is broken; try again later",
                code="CURSOR_REPEATED",
            )
        seen.add(position)
    raise VenueError(
        f"the list of {what} has more than {pages_max} pages",
        hint="ask for a shorter window",
        code="PAGES_TOO_MANY",
    )
