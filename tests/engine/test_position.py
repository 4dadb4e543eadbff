"""What exit rules read of a position that was told, against sums by hand."""

from __future__ import annotations

import math
from decimal import Decimal

from engine.position import Execution, Position

STEP = Decimal("0.001")


def told(*fills: tuple[str, str, str, str | None]) -> Position:
    position = Position()
    for k, (side, qty, price, stop) in enumerate(fills):
        first = None if stop is None else Decimal(stop)
        position.take(Execution(k, side, Decimal(qty), Decimal(price), first), STEP)  # type: ignore[arg-type]
    return position


def read(position: Position, close: float) -> tuple[float, ...]:
    found = position.fields(close, STEP)
    return tuple(found[name] for name in ("side", "entry_price", "pnl_pct", "r"))


def test_r_is_the_profit_over_what_the_first_stop_would_lose():
    """2 at 100 risk 4 to the stop at 98; 3 each at 103 are 6."""
    assert read(told(("buy", "2", "100", "98")), 103.0) == (0.0, 100.0, 3.0, 1.5)
    assert read(told(("sell", "2", "100", "102")), 103.0) == (1.0, 100.0, -3.0, -1.5)


def test_a_part_that_leaves_takes_its_part_of_the_risk():
    assert read(told(("buy", "2", "100", "98"), ("sell", "0.5", "101", None)), 103.0)[3] == 1.5


def test_an_add_measures_the_whole_position_by_its_own_stop():
    """1 at 100 and 1 at 104 are 2 at 102; to 101 they lose 2, at 105 they gain 6."""
    added = told(("buy", "1", "100", "98"), ("buy", "1", "104", "101"))
    assert read(added, 105.0)[1] == 102.0
    assert read(added, 105.0)[3] == 3.0
    assert math.isnan(read(told(("buy", "1", "100", "98"), ("buy", "1", "104", None)), 105.0)[3])


def test_a_flip_begins_a_position_of_its_own():
    assert read(told(("buy", "1", "100", "98"), ("sell", "3", "100", "101")), 99.0)[3] == 1.0


def test_a_price_beside_its_unit_by_a_doubles_error_is_that_price():
    """An exit must not fail, or be decided otherwise, for the last bit of a double."""
    position, close = told(("buy", "0.007", "100.1", "99.9")), math.nextafter(100.3, 101)
    assert position.fields(close, STEP) == position.fields(100.3, STEP)
