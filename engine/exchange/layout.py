"""Where everything stands in the exchange's flat arrays, all int64.

``S`` is the whole state (a copy of it is a snapshot), ``P`` the constants of a run, ``rows`` the
output: ``rows[table, row, column]``. Units are in the names: ``_MS`` epoch ms, ``_E8`` 1e-8 USDT,
``_UNITS`` price units, ``_LOTS`` lots. Sides are -1, 0, 1; -1 stands for "none" in ids and times.
"""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """Cells of the state."""

    # account: initial + gross - fees + funding == wallet, always
    INITIAL_E8 = 0
    WALLET_E8 = 1
    GROSS_E8 = 2
    FEES_E8 = 3
    FUNDING_E8 = 4
    # equity at fill-bar closes
    PEAK_E8 = 5
    PEAK_MS = 6
    TROUGH_E8 = 7
    WORST_PEAK_E8 = 8
    WORST_TROUGH_E8 = 9
    LONGEST_DRAWDOWN_MS = 10
    BARS_SEEN = 11
    BARS_HELD = 12
    # position: cost is a notional, margin one integer less funding shortfalls
    SIDE = 13
    LOTS = 14
    COST_E8 = 15
    MARGIN_E8 = 16
    # the trade (round trip) the position belongs to
    TRADE_ID = 17
    ENTRY_MS = 18
    ENTRY_LOTS = 19
    ENTRY_NOTIONAL_E8 = 20
    EXIT_NOTIONAL_E8 = 21
    TRADE_GROSS_E8 = 22
    TRADE_FEES_E8 = 23
    TRADE_FUNDING_E8 = 24
    TRADE_BARS = 25
    LOW_UNITS = 26
    HIGH_UNITS = 27
    RISK_UNITS = 28
    ENTRY_RULE = 29
    # brackets
    BRACKETS = 30
    STOP_UNITS = 31
    STOP_ORDER = 32
    TARGET_UNITS = 33
    TARGET_TRIGGER_UNITS = 34
    TARGET_ORDER = 35
    BRACKET_MS = 36
    # what the last clock close asked for, due at the next fill bar's open
    EXIT_DUE = 37
    EXIT_ORDER = 38
    EXIT_RULE = 39
    ENTRY_DUE = 40
    ENTRY_ORDER = 41
    ENTRY_DUE_LOTS = 42
    REFERENCE_UNITS = 43
    STOP_MEASURE_UNITS = 44
    TARGET_MEASURE_UNITS = 45
    ENTRY_DUE_RULE = 46
    DECIDED_MS = 47
    # counters
    NEXT_ORDER = 48
    NEXT_FILL = 49
    NEXT_TRADE = 50
    NEXT_LEDGER = 51
    NEXT_FUNDING = 52
    # rows written to the current segment, one counter for each table
    ROWS = 53
    SIZE = 58


class Table(IntEnum):
    """First index of ``rows``."""

    ORDERS = 0
    FILLS = 1
    TRADES = 2
    LEDGER = 3
    DECISIONS = 4


class Param(IntEnum):
    """Constants of a run."""

    VALUE_E8 = 0
    TICK_UNITS = 1
    MAX_LOTS = 2
    MIN_LOTS = 3
    MIN_NOTIONAL_E8 = 4
    TAKER_E7 = 5
    MAKER_E7 = 6
    SLIPPAGE_E7 = 7
    SLIPPAGE_STOP_E7 = 8
    LEVERAGE_E2 = 9
    TOUCH = 10
    PESSIMISTIC = 11
    BRACKETS_ON_ENTRY_BAR = 12
    SIZE_KIND = 13
    SIZE_VALUE = 14
    STOP_KIND = 15
    STOP_VALUE_E8 = 16
    TARGET_KIND = 17
    TARGET_VALUE_E8 = 18
    TARGET_IS_MARKET = 19
    SIZE = 20


class OrderRow(IntEnum):
    ORDER_ID = 0
    TRADE_ID = 1
    KIND = 2
    SIDE = 3
    LOTS = 4
    REFERENCE_UNITS = 5
    PRICE_UNITS = 6
    NEW_MS = 7
    ACCEPTED_MS = 8
    TRIGGERED_MS = 9
    DONE_MS = 10
    STATE = 11
    REFUSAL = 12
    CAUSE = 13
    RULE = 14


class FillRow(IntEnum):
    FILL_ID = 0
    ORDER_ID = 1
    TRADE_ID = 2
    TS_MS = 3
    SIDE = 4
    LOTS = 5
    PRICE_UNITS = 6
    REFERENCE_UNITS = 7
    NOTIONAL_E8 = 8
    FEE_E8 = 9
    GROSS_E8 = 10
    LIQUIDITY = 11
    REASON = 12


class TradeRow(IntEnum):
    TRADE_ID = 0
    SIDE = 1
    LOTS = 2
    ENTRY_MS = 3
    ENTRY_NOTIONAL_E8 = 4
    EXIT_MS = 5
    EXIT_NOTIONAL_E8 = 6
    REASON = 7
    GROSS_E8 = 8
    FEES_E8 = 9
    FUNDING_E8 = 10
    BARS = 11
    LOW_UNITS = 12
    HIGH_UNITS = 13
    RISK_UNITS = 14
    ENTRY_RULE = 15
    EXIT_RULE = 16


class LedgerRow(IntEnum):
    LEDGER_ID = 0
    TS_MS = 1
    KIND = 2
    AMOUNT_E8 = 3
    BALANCE_E8 = 4
    TRADE_ID = 5
    FILL_ID = 6
    LOTS = 7
    PRICE_UNITS = 8
    RATE_E8 = 9


class DecisionRow(IntEnum):
    TS_MS = 0
    ACTION = 1
    RULES = 2  # four cells, one for each rule kind: the alternative that fired, -1 none
    CLOCK_INDEX = 6  # row of the block's series columns


#: Columns of the widest table.
ROW_WIDTH = 17
