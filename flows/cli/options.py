"""Options that several commands have, and the rules between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer


def _time(text: str) -> int:
    """Epoch ms of an ISO-8601 UTC text."""
    from engine.timeframe import parse_time

    return parse_time(text)


Environment = Annotated[
    str,
    typer.Option("--env", metavar="ENV", help="Which store: backtest, live or demo."),
]
Symbol = Annotated[
    str, typer.Option("--symbol", metavar="SYMBOL", help="The venue's symbol, like BTCUSDT.")
]
MaybeSymbol = Annotated[
    str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol, like BTCUSDT.")
]
Kind = Annotated[
    str,
    typer.Option("--kind", metavar="KIND", help="kline, mark, index, funding or open_interest."),
]
MaybeKind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Only rows of this kind.")
]
MaybeTimeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TF", help="Like 1m, 4h or 1D; 1m if unsaid.")
]
OnlyTimeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TF", help="Only bars of this timeframe.")
]
Since = Annotated[
    int, typer.Option("--since", metavar="TIME", parser=_time, help="First moment, UTC.")
]
Until = Annotated[
    int, typer.Option("--until", metavar="TIME", parser=_time, help="End (not included), UTC.")
]
MaybeSince = Annotated[
    int | None,
    typer.Option("--since", metavar="TIME", parser=_time, help="First moment, UTC; default: all."),
]
MaybeUntil = Annotated[
    int | None,
    typer.Option("--until", metavar="TIME", parser=_time, help="End (not included), UTC."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
ExchangeUrl = Annotated[
    str,
    typer.Option(
        "--exchange-url",
        metavar="URL",
        envvar="LOCKSTEP_EXCHANGE_URL",
        help="The exchange's address; plain http for this machine only.",
    ),
]
SyncSetting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, like sync.ban_wait_s=60."),
]
Play = Annotated[
    str, typer.Argument(metavar="PLAY", help="A play's file, or the name of one in ./plays.")
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run id, 8 or more of its first characters, or a run's folder."
    ),
]


def window_is_ordered(options: Mapping[str, Any]) -> str | None:
    since, until = options["since"], options["until"]
    if since is not None and until is not None and since >= until:
        return "--since must lie before --until"
    return None


def funding_has_no_timeframe(options: Mapping[str, Any]) -> str | None:
    if options["kind"] == "funding" and options["timeframe"] is not None:
        return "--timeframe says nothing about funding, which is a list of events"
    return None
