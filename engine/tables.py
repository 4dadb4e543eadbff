"""The result tables: the exchange's integer rows as Arrow tables with units in their schema.

Every float column is one division of two integers; its exact twin stands beside it as ``*_e8``
(1e-8 USDT) or ``*_lots``. Text columns hold the words of :mod:`engine.exchange.codes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.exchange.codes import (
    Cause,
    EventKind,
    LedgerKind,
    Liquidity,
    Moved,
    OrderKind,
    OrderState,
    OrderType,
    Reason,
    Refusal,
    TimeInForce,
)
from engine.exchange.curve import EquityCurve
from engine.exchange.instrument import Scale
from engine.exchange.layout import EventRow, FillRow, LedgerRow, OrderRow, TradeRow
from engine.rules import action_name
from engine.texts import texts

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
RuleIds = tuple[tuple[str, ...], ...]

E8 = 10**8
_SIDES = ("sell", "buy")
_POSITIONS = ("short", "long")


def _numbers(values: Any, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """An Arrow array over the memory of ``values``, null where ``missing``. ``pa.array`` would load
    pandas for it."""
    held = np.ascontiguousarray(values)
    there = None
    if missing is not None and missing.any():
        there = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    kind = pa.from_numpy_dtype(held.dtype)
    return pa.Array.from_buffers(kind, len(held), [there, pa.py_buffer(held)])


def column_values(table: pa.Table, name: str) -> npt.NDArray[Any]:
    """The memory behind a number column of a table built here: its values, NaN where a float is
    null; see :func:`_numbers`."""
    (chunk,) = table.column(name).chunks
    return np.frombuffer(chunk.buffers()[1], chunk.type.to_pandas_dtype(), len(chunk), 0)


@cache
def _field(name: str, kind: pa.DataType, unit: str) -> pa.Field:
    """Made once: of what there are a few dozen."""
    return pa.field(name, kind, metadata={"unit": unit} if unit else None)


class _Table:
    """Columns of one table in the order they are added."""

    def __init__(self) -> None:
        self._fields: list[pa.Field] = []
        self._arrays: list[pa.Array] = []

    def add(self, name: str, unit: str, values: Any) -> None:
        """A number column without a missing value."""
        self._put(name, _numbers(values), unit)

    def missing(self, name: str, unit: str, values: Float64) -> None:
        """A float column in which NaN is null: not there."""
        self._put(name, _numbers(values, np.isnan(values)), unit)

    def optional(self, name: str, unit: str, values: Int64, there: npt.NDArray[np.bool_]) -> None:
        """An integer column that is null where ``there`` is false."""
        self._put(name, _numbers(values, ~there), unit)

    def text(self, name: str, words: Sequence[str | None], index: Int64) -> None:
        """A text column: ``words[index]``."""
        self._put(name, texts(words, index), "")

    def usdt(self, name: str, e8: Int64) -> None:
        """Money as float USDT and as exact 1e-8 USDT."""
        self.add(f"{name}_usdt", "usdt", e8 / E8)
        self.add(f"{name}_e8", "usdt*1e-8", e8)

    def _put(self, name: str, array: pa.Array, unit: str) -> None:
        self._fields.append(_field(name, array.type, unit))
        self._arrays.append(array)

    def build(self) -> pa.Table:
        return pa.Table.from_arrays(self._arrays, schema=pa.schema(self._fields))


class Ledger:
    """The ledger's units of one run, as the tables need them."""

    def __init__(self, scale: Scale, qty_step: Decimal) -> None:
        self.value_e8 = scale.value_e8
        self.price_e8 = 10 ** (8 - scale.price_decimals)
        self._per_usdt = scale.units_per_usdt
        numerator, denominator = qty_step.as_integer_ratio()
        self.lot = (numerator, denominator)

    def qty(self, lots: Int64) -> Float64:
        """Base units of lots."""
        return np.asarray(lots * self.lot[0] / self.lot[1])

    def price(self, units: Int64) -> Float64:
        """USDT of price units; NaN for a negative one: no price."""
        return np.where(units < 0, np.nan, units / self._per_usdt)

    def mean_price(self, notional_e8: Int64, lots: Int64) -> Float64:
        """Average price of ``lots`` for ``notional_e8``, exact where it is a whole unit."""
        size = lots * self.value_e8
        whole, rest = np.divmod(notional_e8, size)
        return np.asarray((whole + rest / size) / self._per_usdt)


def _columns(rows: Int64) -> Int64:
    """Rows turned to columns, each in one piece."""
    return np.ascontiguousarray(rows.T)


def _words(enum: type[IntEnum]) -> list[str]:
    return [member.name.lower() for member in enum]


def _rule_words(ids: RuleIds) -> tuple[list[str | None], Int64]:
    """Every rule id in one list, and where each kind's begin; the last word is none."""
    words: list[str | None] = [id for kind in ids for id in kind]
    starts, at = [], 0
    for kind in ids:
        starts.append(at)
        at += len(kind)
    return [*words, None], np.array(starts, np.int64)


def orders_table(rows: Int64, ledger: Ledger, ids: RuleIds) -> pa.Table:
    """Every order at its end, in the order they ended."""
    table = _Table()
    column = _columns(rows)
    kind, side, rule = column[OrderRow.KIND], column[OrderRow.SIDE], column[OrderRow.RULE]
    table.add("order_id", "id", column[OrderRow.ORDER_ID])
    trade = column[OrderRow.TRADE_ID]
    table.optional("trade_id", "id", trade, trade >= 0)
    table.text("kind", _words(OrderKind), kind)
    table.text("side", _SIDES, (side > 0).astype(np.int64))
    table.add("qty", "base", ledger.qty(column[OrderRow.LOTS]))
    table.add("qty_lots", "lots", column[OrderRow.LOTS])
    for name, at in (
        ("reference_price", OrderRow.REFERENCE_UNITS),
        ("price", OrderRow.PRICE_UNITS),
    ):
        table.missing(name, "usdt", ledger.price(column[at]))
        table.optional(f"{name}_e8", "usdt*1e-8", column[at] * ledger.price_e8, column[at] >= 0)
    table.text("type", _words(OrderType), column[OrderRow.TYPE])
    table.text("tif", _words(TimeInForce), column[OrderRow.TIF])
    table.add("filled_qty", "base", ledger.qty(column[OrderRow.FILLED_LOTS]))
    table.add("filled_lots", "lots", column[OrderRow.FILLED_LOTS])
    trigger = column[OrderRow.TRIGGER_UNITS]
    table.missing("trigger_price", "usdt", ledger.price(trigger))
    table.optional("trigger_price_e8", "usdt*1e-8", trigger * ledger.price_e8, trigger >= 0)
    for name in ("new_ms", "accepted_ms", "triggered_ms", "done_ms"):
        times = column[OrderRow[name.upper()]]
        table.optional(name, "ms", times, times >= 0)
    table.text("state", _words(OrderState), column[OrderRow.STATE])
    refusals = [None, *(_words(Refusal)[1:])]
    table.text("refusal", [w and w.upper() for w in refusals], column[OrderRow.REFUSAL])
    causes = [*_words(Cause), None]
    table.text("cause", causes, column[OrderRow.CAUSE] % len(causes))
    words, starts = _rule_words(ids)
    # Entries go by their side's entry rule, exits by the rule of the side they leave.
    entering = kind == OrderKind.ENTRY
    buys = side > 0
    of_kind = np.where(entering, np.where(buys, 2, 3), np.where(buys, 1, 0))
    place = np.where(rule < 0, len(words) - 1, starts[of_kind] + rule)
    table.text("rule", words, place.astype(np.int64))
    return table.build()


def fills_table(rows: Int64, ledger: Ledger) -> pa.Table:
    """Every fill, in order. ``gross`` is what a closing fill realised, before fees; fees are
    positive when paid; ``reference_price`` is the price before slippage."""
    table = _Table()
    column = _columns(rows)
    for name in ("fill_id", "order_id", "trade_id"):
        table.add(name, "id", column[FillRow[name.upper()]])
    table.add("ts_ms", "ms", column[FillRow.TS_MS])
    table.text("side", _SIDES, (column[FillRow.SIDE] > 0).astype(np.int64))
    table.add("qty", "base", ledger.qty(column[FillRow.LOTS]))
    table.add("qty_lots", "lots", column[FillRow.LOTS])
    for name, at in (("price", FillRow.PRICE_UNITS), ("reference_price", FillRow.REFERENCE_UNITS)):
        table.add(name, "usdt", ledger.price(column[at]))
        table.add(f"{name}_e8", "usdt*1e-8", column[at] * ledger.price_e8)
    table.usdt("notional", column[FillRow.NOTIONAL_E8])
    table.usdt("fee", column[FillRow.FEE_E8])
    table.usdt("gross", column[FillRow.GROSS_E8])
    table.text("liquidity", _words(Liquidity), column[FillRow.LIQUIDITY])
    table.text("reason", _words(Reason), column[FillRow.REASON])
    return table.build()


def trades_table(rows: Int64, ledger: Ledger, symbol: str, ids: RuleIds) -> pa.Table:
    """One row per round trip. ``mae_pct`` and ``mfe_pct`` are the worst and best price while it
    was open, in percent of the entry, never below 0; ``r`` is gross over the risk at entry,
    ``r_net`` net over it, null without a stop."""
    table = _Table()
    column = _columns(rows)
    side, lots = column[TradeRow.SIDE], column[TradeRow.LOTS]
    entry_e8, exit_e8 = column[TradeRow.ENTRY_NOTIONAL_E8], column[TradeRow.EXIT_NOTIONAL_E8]
    gross, fees, funding = (
        column[at] for at in (TradeRow.GROSS_E8, TradeRow.FEES_E8, TradeRow.FUNDING_E8)
    )
    net = gross - fees + funding
    entry = ledger.mean_price(entry_e8, lots)
    table.add("trade_id", "id", column[TradeRow.TRADE_ID])
    table.text("symbol", [symbol], np.zeros(len(rows), np.int64))
    table.text("side", _POSITIONS, (side > 0).astype(np.int64))
    table.add("qty", "base", ledger.qty(lots))
    table.add("qty_lots", "lots", lots)
    table.add("entry_ms", "ms", column[TradeRow.ENTRY_MS])
    table.add("entry_price", "usdt", entry)
    table.add("entry_notional_e8", "usdt*1e-8", entry_e8)
    table.add("exit_ms", "ms", column[TradeRow.EXIT_MS])
    table.add("exit_price", "usdt", ledger.mean_price(exit_e8, lots))
    table.add("exit_notional_e8", "usdt*1e-8", exit_e8)
    table.text("exit_reason", _words(Reason), column[TradeRow.REASON])
    for name, money in (("gross", gross), ("fees", fees), ("funding", funding), ("net", net)):
        table.usdt(name, money)
    table.add("bars", "bars", column[TradeRow.BARS])
    low, high = ledger.price(column[TradeRow.LOW_UNITS]), ledger.price(column[TradeRow.HIGH_UNITS])
    against, with_us = np.where(side > 0, low, high), np.where(side > 0, high, low)
    table.add("mae_pct", "pct", np.maximum(0.0, 100.0 * side * (entry - against) / entry))
    table.add("mfe_pct", "pct", np.maximum(0.0, 100.0 * side * (with_us - entry) / entry))
    risk = column[TradeRow.RISK_E8].astype(np.float64)
    risk[risk <= 0] = np.nan
    table.missing("r", "R", gross / risk)
    table.missing("r_net", "R", net / risk)
    words, starts = _rule_words(ids)
    for name, at, kinds in (
        ("entry_rule", TradeRow.ENTRY_RULE, (2, 3)),
        ("exit_rule", TradeRow.EXIT_RULE, (0, 1)),
    ):
        of_kind = np.where(side > 0, kinds[0], kinds[1])
        rule = column[at]
        place = np.where(rule < 0, len(words) - 1, starts[of_kind] + rule)
        table.text(name, words, place.astype(np.int64))
    return table.build()


def ledger_table(rows: Int64, ledger: Ledger) -> pa.Table:
    """Every movement of the wallet and its balance after it. Funding is positive when received;
    ``rate`` is a funding row's, as a fraction."""
    table = _Table()
    column = _columns(rows)
    table.add("ledger_id", "id", column[LedgerRow.LEDGER_ID])
    table.add("ts_ms", "ms", column[LedgerRow.TS_MS])
    table.text("kind", _words(LedgerKind), column[LedgerRow.KIND])
    table.usdt("amount", column[LedgerRow.AMOUNT_E8])
    table.usdt("balance", column[LedgerRow.BALANCE_E8])
    for name in ("trade_id", "fill_id"):
        ident = column[LedgerRow[name.upper()]]
        table.optional(name, "id", ident, ident >= 0)
    table.add("qty_lots", "lots", column[LedgerRow.LOTS])
    table.missing("price", "usdt", ledger.price(column[LedgerRow.PRICE_UNITS]))
    rate = column[LedgerRow.RATE_E8]
    is_funding = column[LedgerRow.KIND] == LedgerKind.FUNDING
    table.missing("rate", "fraction", np.where(is_funding, rate / E8, np.nan))
    table.optional("rate_e8", "fraction*1e-8", rate, is_funding)
    return table.build()


def events_table(rows: Int64, ledger: Ledger) -> pa.Table:
    """The stream of events in the order in which they happened: every transition of every order,
    brackets set and moved, refusals, and where the rows of other tables stand (``row_id``)."""
    table = _Table()
    column = _columns(rows)
    kind, ident = column[EventRow.KIND], column[EventRow.ID]
    table.add("ts_ms", "ms", column[EventRow.TS_MS])
    table.text("event", _words(EventKind), kind)
    of_order = kind <= EventKind.REFUSAL
    table.optional("order_id", "id", ident, of_order)
    table.optional("row_id", "id", ident, ~of_order)
    for name, enum, at in (
        ("order", OrderKind, EventRow.ORDER_KIND),
        ("state", OrderState, EventRow.STATE),
    ):
        words = [*_words(enum), None]
        table.text(name, words, column[at] % len(words))
    level = column[EventRow.LEVEL]
    table.optional("level", "count", level, level > 0)
    table.optional("qty_lots", "lots", column[EventRow.LOTS], of_order)
    for name, at in (("price", EventRow.PRICE_UNITS), ("trigger_price", EventRow.TRIGGER_UNITS)):
        table.missing(name, "usdt", ledger.price(column[at]))
        table.optional(f"{name}_e8", "usdt*1e-8", column[at] * ledger.price_e8, column[at] >= 0)
    causes, movers = _words(Cause), _words(Moved)
    words = [*causes, *movers, None]
    cause = np.where(kind == EventKind.BRACKET, len(causes), 0) + column[EventRow.CAUSE]
    table.text("cause", words, np.where(column[EventRow.CAUSE] < 0, len(words) - 1, cause))
    refusals = [None, *(w.upper() for w in _words(Refusal)[1:])]
    table.text("refusal", refusals, column[EventRow.REFUSAL])
    return table.build()


def equity_table(curve: EquityCurve, ledger: Ledger) -> pa.Table:
    """One point per clock close and one at the end."""
    table = _Table()
    columns = curve.columns(ledger.lot)
    for name, unit in (
        ("ts_ms", "ms"),
        ("equity_usdt", "usdt"),
        ("equity_e8", "usdt*1e-8"),
        ("drawdown_pct", "pct"),
        ("position_qty", "base"),
        ("position_lots", "lots"),
    ):
        table.add(name, unit, getattr(columns, name))
    return table.build()


def decisions_table(
    times: Int64,
    actions: Int64,
    rules: tuple[Sequence[str], Int64],
    names: Sequence[str],
    values: Float64,
) -> pa.Table:
    """One row per clock close at which something was decided. ``rules``: texts, and which of them
    each row has. ``values`` float64[n, names] become one struct a row: the close, series and
    setups by name, null where missing."""
    words = [action_name(action) for action in range(32)]
    schema = pa.schema(
        [
            pa.field("ts_ms", pa.int64(), metadata={"unit": "ms"}),
            pa.field("action", pa.string()),
            pa.field("rule", pa.string()),
            pa.field("values", pa.struct([pa.field(name, pa.float64()) for name in names])),
        ]
    )
    items = [_numbers(column, np.isnan(column)) for column in values.T]
    columns = [
        _numbers(times),
        texts(words, actions),
        texts(*rules),
        pa.StructArray.from_arrays(items, fields=list(schema.field("values").type)),
    ]
    return pa.Table.from_arrays(columns, schema=schema)
