"""Golden lists of trades: how they are read, and how the oracle writes them.

``python -m tests.naive.trade_lists PLAY [PATTERN SYMBOL DAYS SEED EQUITY]`` writes one play's
list; without arguments of its own the market is that of the play's golden decisions.
"""

from __future__ import annotations

import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

from engine import load_play
from engine.timeframe import DAY_MS, format_ms
from tasks.generate import GeneratedMarket, generate_market
from tests.naive import golden
from tests.naive.golden import ROOT, SINCE_MS, Market
from tests.naive.trading import Traded, oracle_instrument, trade
from tests.oracle import events as ev

GOLDEN = ROOT / "tests" / "golden" / "trades"
EQUITY = Decimal(10_000)


def whole_market(market: Market) -> GeneratedMarket:
    """The market with its mark prices and funding."""
    until_ms = SINCE_MS + market.days * DAY_MS
    return generate_market(market.symbol, SINCE_MS, until_ms, market.seed, market.pattern)


# -- lines: the same for the oracle's events and the engine's tables ---------------------------


def money(value_e8: int) -> str:
    """USDT with all eight decimals."""
    return f"{Decimal(value_e8).scaleb(-8):.8f}"


def plain(value: Decimal) -> str:
    """A price or quantity without trailing zeros."""
    return f"{value.normalize():f}"


def trade_line(
    number: int, side: str, qty: Decimal, entered_by: str, reason: str, left_by: str,
    gross_e8: int, fees_e8: int, funding_e8: int, net_e8: int,
) -> str:  # fmt: skip
    """One round trip. ``left_by``: the exit rule's id, empty where no rule left."""
    left = f"{reason}:{left_by}" if left_by else reason
    return (
        f"trade {number} {side} {plain(qty)} by {entered_by} left {left} gross {money(gross_e8)} "
        f"fees {money(fees_e8)} funding {money(funding_e8)} net {money(net_e8)}"
    )


def fill_line(
    ts_ms: int, side: str, qty: Decimal, price: Decimal, liquidity: str, reason: str,
    fee_e8: int, gross_e8: int,
) -> str:  # fmt: skip
    """One execution of a round trip."""
    return (
        f"  {format_ms(ts_ms)} {side} {plain(qty)} at {plain(price)} {liquidity} {reason} "
        f"fee {money(fee_e8)} gross {money(gross_e8)}"
    )


def end_line(status: str, equity_e8: int, refused: Counter[str]) -> str:
    """How the run ended, and how often each refusal was given."""
    codes = "".join(f" {code} {count}" for code, count in sorted(refused.items()))
    return f"end {status} equity {money(equity_e8)} refused{codes or ' none'}"


# -- the oracle's list -------------------------------------------------------------------------


def oracle_lines(file: Path, market: Market, equity: Decimal) -> list[str]:
    """The list of the play in ``file`` by the slow evaluation and the oracle's exchange."""
    traded = trade(load_play(file), whole_market(market), equity)
    lot = oracle_instrument(market.symbol).qty_step
    lines: list[str] = []
    number = 0
    for event in traded.events:
        if isinstance(event, ev.Trade):
            number += 1
            lines += _trade_lines(number, event, traded, lot)
    points = [event for event in traded.events if isinstance(event, ev.Equity)]
    status = next(event.status for event in traded.events if isinstance(event, ev.Status))
    refused = Counter(event.code for event in traded.events if isinstance(event, ev.Refusal))
    if traded.unknown:
        refused["DISTANCE_UNKNOWN"] = traded.unknown
    return [*lines, end_line(status, points[-1].equity_e8, refused)]


def _trade_lines(number: int, row: ev.Trade, traded: Traded, lot: Decimal) -> list[str]:
    def reason(fill: ev.Fill) -> tuple[str, str]:
        """As the play asked for it; else, and of brackets, as the exchange tells it."""
        return traded.asked.get(fill.order, (fill.reason, ""))

    why, left_by = reason(row.legs[-1])
    lines = [
        trade_line(
            number, row.side, row.lots * lot, reason(row.legs[0])[1], why, left_by,
            row.gross_e8, row.fees_e8, row.funding_e8, row.net_e8,
        )
    ]  # fmt: skip
    lines += [
        fill_line(
            leg.ts_ms, leg.side, leg.lots * lot, Decimal(leg.price) / traded.scale, leg.liquidity,
            reason(leg)[0], leg.fee_e8, leg.gross_e8,
        )
        for leg in row.legs
    ]  # fmt: skip
    return lines


# -- files -------------------------------------------------------------------------------------


def read_trades(path: Path) -> tuple[Market, Decimal, list[str]]:
    """The market, the account and the lines of a golden list."""
    first, second, *lines = path.read_text("utf-8").splitlines()
    _, _, pattern, symbol, days, _, _, seed = first.split()
    return Market(pattern, symbol, int(days), int(seed)), Decimal(second.split()[-1]), lines


def write_trades(file: Path, market: Market, equity: Decimal) -> int:
    """Write the play's list; the number of its lines."""
    lines = oracle_lines(file, market, equity)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    text = "\n".join([market.line(), f"# equity {equity}", *lines]) + "\n"
    (GOLDEN / f"{file.stem}.txt").write_text(text, "utf-8")
    return len(lines)


def main(arguments: list[str]) -> None:
    file = Path(arguments[0])
    market, equity = golden.read_golden(golden.GOLDEN / f"{file.stem}.txt")[0], EQUITY
    if len(arguments) > 1:
        pattern, symbol, days, seed, account = arguments[1:]
        market, equity = Market(pattern, symbol, int(days), int(seed)), Decimal(account)
    sys.stdout.write(f"{file.stem}: {write_trades(file, market, equity)} lines\n")


if __name__ == "__main__":
    main(sys.argv[1:])
