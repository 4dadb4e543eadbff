"""Where everything stands in the exchange's flat arrays, all int64.

``S`` is the whole state (a copy of it is a snapshot): the cells of :class:`State`, then the entry
orders that are not finished, one :class:`Slot` record each. ``P`` holds the constants of a run: the
cells of :class:`Param`, then the risk tiers, then one :class:`Term` record for each kind of entry,
then the fractions that exits close.
``rows`` is the output: ``rows[table, column, row]``, each column in one piece. Units are in the
names: ``_MS`` epoch ms, ``_E8`` 1e-8 USDT (of fractions: 1e-8), ``_UNITS`` price units, ``_LOTS``
lots. Sides are -1, 0, 1; -1 stands for "none" in ids and times, FAR for a price that is never
reached.
"""

from __future__ import annotations

from enum import IntEnum

#: Levels of a target ladder.
MAX_TARGETS = 5
#: A price no series reaches, units.
FAR = 1 << 40


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
    # brackets; R is RISK_E8 for ORIGINAL_LOTS, whose cost is ORIGINAL_COST_E8
    BRACKETS = 30
    STOP_UNITS = 31
    STOP_ORDER = 32
    STOP_MS = 33
    BRACKET_MS = 34
    RISK_E8 = 35
    ORIGINAL_LOTS = 36
    ORIGINAL_COST_E8 = 37
    EXTREME_UNITS = 38
    TERMS = 39
    TARGET_COUNT = 40
    TARGET_UNITS = 41
    TARGET_LOTS = 46
    TARGET_ORDER = 51
    TARGET_TRIGGER_UNITS = 56
    TARGET_IS_MARKET = 61
    TARGET_LEVEL = 66
    # bits of the exit rules that have closed their part of this position
    PARTIAL_EXITS = 71
    # counters
    NEXT_ORDER = 72
    NEXT_FILL = 73
    NEXT_TRADE = 74
    NEXT_LEDGER = 75
    NEXT_FUNDING = 76
    # margin
    INITIAL_MARGIN_E8 = 77
    SHORTFALL_E8 = 78
    LEVERAGE_E2 = 79
    LIQUIDATION_UNITS = 80
    RESERVED_E8 = 81
    # entry orders
    OPEN_ORDERS = 82
    ARRIVALS = 83
    EXITS_DUE = 84
    VOLUME_LOTS = 85
    # nearest triggers of last, mark and index: at or below, at or above
    BELOW_UNITS = 86
    ABOVE_UNITS = 89
    # the run
    STATUS = 92
    CLOCKS = 93
    TRAIL_MEASURE_E8 = 94
    # limits on trading
    DAY_END_MS = 95
    DAY_EQUITY_E8 = 96
    DAY_LOST = 97
    TRADE_DAY = 98
    DAY_TRADES = 99
    CLOSED_CLOCK = 100
    STOPPED_MS = 101
    EVENTS = 102
    # rows written to the current segment, one counter for each table
    ROWS = 103
    # sums over fills, two cells each (see ``account.grow``), and refused entries by code
    SLIPPAGE_E8 = 110
    TURNOVER_E8 = 112
    REFUSED = 114
    # where the slots end
    END = 130
    SLOTS = 131


class Slot(IntEnum):
    """An entry that is on its way or rests, or an exit that is on its way."""

    USED = 0
    ID = 1
    KIND = 2
    STATE = 3
    TYPE = 4
    SIDE = 5
    LOTS = 6
    FILLED_LOTS = 7
    LIMIT_UNITS = 8
    TRIGGER_UNITS = 9
    SOURCE = 10
    TIF = 11
    TERMS = 12
    REFERENCE_UNITS = 13
    NEW_MS = 14
    ARRIVE_MS = 15
    ACCEPTED_MS = 16
    TRIGGERED_MS = 17
    EXPIRE_CLOCK = 18
    RESERVE_E8 = 19
    RULE = 20
    UNKNOWN = 21
    CLOSE_E8 = 22
    REASON = 23
    STOP_MEASURE_E8 = 24
    TARGET_MEASURE_E8 = 25
    SIZE = 30


class Table(IntEnum):
    """First index of ``rows``."""

    ORDERS = 0
    FILLS = 1
    TRADES = 2
    LEDGER = 3
    DECISIONS = 4
    EVENTS = 5
    MARKS = 6


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
    TOUCH = 9
    PESSIMISTIC = 10
    BRACKETS_ON_ENTRY_BAR = 11
    UNIT_E8 = 12
    FITTING_LOTS = 13
    MAX_LEVERAGE_E2 = 14
    LIQUIDATION = 15
    PARTICIPATION = 16
    LATENCY_MS = 17
    MAX_DRAWDOWN_E8 = 18
    # what a play's decisions become
    SIZE_KIND = 19
    SIZE_VALUE = 20
    ENTRY_TYPE = 21
    ENTRY_TIF = 22
    ENTRY_SOURCE = 23
    EXPIRES = 24
    REPLACE = 25
    MAX_TRADES_PER_DAY = 26
    COOLDOWN = 27
    MAX_BARS = 28
    DAILY_LOSS_E8 = 29
    CANCELS = 30
    # where the fractions that exit alternatives close begin, long first, and how many of each
    EXITS = 31
    EXITS_LONG = 32
    EXITS_SHORT = 33
    TIER_COUNT = 34
    TIERS = 35


class Tier(IntEnum):
    """A risk tier: position value up to CAP, maintenance rate, deduction, largest leverage."""

    CAP_E8 = 0
    RATE_E8 = 1
    DEDUCTION_E8 = 2
    MAX_LEVERAGE_E2 = 3
    SIZE = 4


class Term(IntEnum):
    """What an entry brings to its position: leverage and the set of brackets."""

    LEVERAGE_E2 = 0
    STOP_KIND = 1
    STOP_VALUE_E8 = 2
    STOP_SOURCE = 3
    TARGET_COUNT = 4
    TARGET_KIND = 5
    TARGET_VALUE_E8 = 10
    TARGET_CLOSE_E8 = 15
    TARGET_IS_MARKET = 20
    TARGET_SOURCE = 25
    TRAIL_KIND = 30
    TRAIL_VALUE_E8 = 31
    AFTER_KIND = 32
    AFTER_VALUE_E8 = 33
    BREAK_EVEN_KIND = 34
    BREAK_EVEN_VALUE_E8 = 35
    OFFSET_KIND = 36
    OFFSET_VALUE = 37
    SIZE = 38


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
    FILLED_LOTS = 15
    TYPE = 16
    TIF = 17
    TRIGGER_UNITS = 18


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
    RISK_E8 = 17


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


class EventRow(IntEnum):
    """One event of the stream: an order's transition, a bracket set or moved, or that a row of
    another table was written (ID is its id)."""

    TS_MS = 0
    KIND = 1
    ID = 2
    ORDER_KIND = 3
    LEVEL = 4
    STATE = 5
    LOTS = 6
    PRICE_UNITS = 7
    TRIGGER_UNITS = 8
    CAUSE = 9
    REFUSAL = 10


class MarkRow(IntEnum):
    """Fill bars ``[FIRST_BAR, END_BAR)`` over which the account stands still: equity at the close
    of each is FIXED_E8 + PER_UNIT_E8 times its mark close; LOTS are signed."""

    FIRST_BAR = 0
    END_BAR = 1
    FIXED_E8 = 2
    PER_UNIT_E8 = 3
    LOTS = 4


#: Columns of each table, and of the widest.
WIDTHS = tuple(
    max(row) + 1 for row in (OrderRow, FillRow, TradeRow, LedgerRow, DecisionRow, EventRow, MarkRow)
)
ROW_WIDTH = max(WIDTHS)
