"""A list is read whole or not at all, through the one loop over pages (H16)."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from engine.errors import VenueError
from tasks.download import Page, paginate
from tests.tasks.store.samples import ROOT


def pages_of(sizes: list[int]) -> Callable[[int | None], Page[int, int]]:
    def fetch(position: int | None) -> Page[int, int]:
        at = position or 0
        first = sum(sizes[:at])
        following = at + 1 if at + 1 < len(sizes) else None
        return Page(list(range(first, first + sizes[at])), following)

    return fetch


def test_h16_137_items_over_three_pages_are_137() -> None:
    assert paginate(pages_of([50, 50, 37]), "orders") == list(range(137))
    assert paginate(pages_of([0]), "orders") == []


def test_h16_a_cursor_that_comes_back_is_an_error() -> None:
    def circle(position: str | None) -> Page[int, str]:
        return Page([1], {None: "a", "a": "b", "b": "a"}[position])

    with pytest.raises(VenueError) as refused:
        paginate(circle, "orders")
    assert refused.value.code == "CURSOR_REPEATED"


def test_h16_a_page_that_fails_fails_the_list() -> None:
    def breaks(position: int | None) -> Page[int, int]:
        if position == 1:
            raise VenueError("page 2 failed")
        return Page([0], 1)

    with pytest.raises(VenueError, match="page 2 failed"):
        paginate(breaks, "orders")


def test_h16_more_pages_than_the_cap_is_an_error_not_a_shorter_list() -> None:
    with pytest.raises(VenueError) as refused:
        paginate(pages_of([1] * 11), "orders", pages_max=10)
    assert refused.value.code == "PAGES_TOO_MANY"
    assert len(paginate(pages_of([1] * 10), "orders", pages_max=10)) == 10


def test_h16_no_list_endpoint_is_called_outside_paginate() -> None:
    """In the gateway, only the clock is read without it: every other call stands in a function
    ``page`` that is handed to ``paginate``."""
    tree = ast.parse((ROOT / "tasks" / "download" / "gateway.py").read_text())
    (gateway,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "VenueGateway"]
    asks = {}
    for method in gateway.body:
        if not isinstance(method, ast.FunctionDef) or method.name == "_ask":
            continue
        inner = [n for n in ast.walk(method) if isinstance(n, ast.FunctionDef) and n.name == "page"]
        inside = {id(n) for page in inner for n in ast.walk(page)}
        for node in ast.walk(method):
            name = getattr(getattr(node, "func", None), "attr", "")
            if isinstance(node, ast.Call) and name == "_ask":
                asks[method.name] = asks.get(method.name, True) and id(node) in inside
    assert asks.pop("server_time") is False
    assert set(asks) == {"candles", "funding", "open_interest", "instruments", "risk_tiers"}
    assert all(asks.values())
    other = [
        path.name
        for path in (ROOT / "tasks").rglob("*.py")
        if "def paginate" in path.read_text() or "unified_trading" in path.read_text()
    ]
    assert sorted(other) == ["gateway.py", "paginate.py"]
