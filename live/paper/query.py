"""Reading a query as the venue does: what is missing or malformed is a params error, 10001."""

from __future__ import annotations

from collections.abc import Mapping

from live.paper.replies import PARAMS_ERROR, RequestRefused

Query = Mapping[str, str]


def required(query: Query, name: str) -> str:
    """A parameter that must be there."""
    value = query.get(name, "")
    if not value:
        raise RequestRefused(PARAMS_ERROR, f"params error: {name} is required")
    return value


def whole(query: Query, name: str) -> int | None:
    """A whole number, None if it is not given."""
    text = query.get(name)
    if text is None or text == "":
        return None
    if not text.isdecimal():
        raise RequestRefused(PARAMS_ERROR, f"params error: {name} invalid")
    return int(text)


def limit_of(query: Query, usual: int, most: int) -> int:
    """How many rows a page may have."""
    limit = whole(query, "limit")
    if limit is None:
        return usual
    if not 1 <= limit <= most:
        raise RequestRefused(PARAMS_ERROR, f"params error: limit must be 1 to {most}")
    return limit


def linear(query: Query) -> None:
    """Refuse every category but the one served here."""
    if required(query, "category") != "linear":
        raise RequestRefused(PARAMS_ERROR, "params error: category invalid")
