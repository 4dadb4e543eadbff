"""The ``entry`` and ``limits`` sections: how a position is entered, and how often."""

from __future__ import annotations

from decimal import Decimal

from engine.play.ast import Type
from engine.play.document import Mapping, Node
from engine.play.issues import Code, Issues
from engine.play.model import Amount, Entry, Limits, Sided
from engine.play.sections import Constants, Section
from engine.play.sided import SidedReader

HUNDRED = Decimal(100)

ORDERS = ("market", "limit", "stop")
#: Time in force, and how the venue spells it.
TIFS = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "PostOnly"}
PENDING = ("keep", "replace")
ENTRY_KEYS = (
    "order",
    "price",
    "limit",
    "offset",
    "expires",
    "tif",
    "pending",
    "cancel_when",
)
LIMIT_KEYS = ("max_trades_per_day", "cooldown", "max_bars", "daily_loss")

#: Keys that only some orders have.
_BELONGS_TO = {
    "price": ("limit", "stop"),
    "limit": ("stop",),
    "offset": ("limit", "stop"),
    "expires": ("limit", "stop"),
    "tif": ("limit", "stop"),
    "pending": ("limit", "stop"),
    "cancel_when": ("limit", "stop"),
}


class EntryReader:
    """Reads the ``entry`` section of one play."""

    def __init__(self, sided: SidedReader, constants: Constants, issues: Issues) -> None:
        self._sided, self._constants, self._issues = sided, constants, issues

    def read(self, node: Mapping, path: str) -> Entry:
        """The resolved section; what was reported stands at its default."""
        section = Section(node, path, self._issues, allowed=ENTRY_KEYS)
        written = section.text("order", hint="write order: market")
        order = self._constants.choice(written, section.path("order"), ORDERS)
        known = written is not None and written.text in ORDERS
        if known:
            self._refuse_foreign(section, order)
        price = self._price(section, order) if known else None
        expires = section.get("expires")
        cancel = section.get("cancel_when")
        tif = self._tif(section, order, expires)
        pending = section.text("pending", required=False)
        return Entry(
            order=order,
            price=price,
            limit=self._one_price(section, "limit") if order == "stop" else None,
            offset=self._offset(section),
            expires_bars=(
                self._constants.bars(expires, section.path("expires")) if expires else None
            ),
            tif=tif,
            pending=self._constants.choice(pending, section.path("pending"), PENDING),
            cancel_when=(
                self._sided.condition(cancel, section.path("cancel_when")) if cancel else None
            ),
        )

    def _refuse_foreign(self, section: Section, order: str) -> None:
        for key, orders in _BELONGS_TO.items():
            node = section.get(key)
            if node is not None and order not in orders:
                self._issues.error(
                    Code.KEY_UNKNOWN,
                    node.mark(section.path(key)),
                    f"{key!r} has no meaning for a {order} entry",
                    f"it belongs to order: {' or '.join(orders)}",
                )

    def _price(self, section: Section, order: str) -> Sided | None:
        if order == "market":
            return None
        what = "limit price" if order == "limit" else "trigger"
        if section.require("price", f"name the {what}: price: close") is None:
            return None
        return self._one_price(section, "price")

    def _one_price(self, section: Section, key: str) -> Sided | None:
        node = section.get(key)
        return self._sided.price(node, section.path(key)) if node is not None else None

    def _offset(self, section: Section) -> Amount | None:
        node = section.get("offset")
        if node is None:
            return None
        return self._constants.amount(
            node,
            section.path("offset"),
            units=("percent", "ticks"),
            words="a percent or ticks such as 5bps",
            above=-HUNDRED,
            below=HUNDRED,
        )

    def _tif(self, section: Section, order: str, expires: Node | None) -> str:
        scalar = section.text("tif", required=False)
        if scalar is None:
            return "gtc"
        path = section.path("tif")
        by_name = {spelling: name for name, spelling in TIFS.items()}
        tif = by_name.get(scalar.text) or self._constants.choice(scalar, path, tuple(TIFS))
        if order != "market" and tif in {"ioc", "fok"} and expires is not None:
            self._issues.error(
                Code.VALUE,
                expires.mark(section.path("expires")),
                f"a {tif} order never rests, so it cannot expire",
                "remove 'expires' or write tif: gtc",
            )
        if order == "stop" and tif != "gtc" and section.get("limit") is None:
            self._issues.error(
                Code.VALUE,
                scalar.mark(path),
                "a stop entry becomes a market order at its trigger",
                "remove 'tif', or give the limit price that it releases: limit: EXPR",
            )
        return tif


def read_limits(node: Mapping, path: str, constants: Constants, issues: Issues) -> Limits:
    """The ``limits`` section; what was reported stands at its default."""
    section = Section(node, path, issues, allowed=LIMIT_KEYS)

    def bars(key: str) -> int | None:
        written = section.get(key)
        return constants.bars(written, section.path(key)) if written is not None else None

    trades = section.get("max_trades_per_day")
    count = None
    if trades is not None:
        count = constants.read(
            trades,
            section.path("max_trades_per_day"),
            types=(Type.INT,),
            words="a whole number such as 3",
            above=Decimal(0),
            at_most=Decimal(100_000),
        )
    loss = section.get("daily_loss")
    share = None
    if loss is not None:
        share = constants.read(
            loss,
            section.path("daily_loss"),
            types=(Type.PERCENT,),
            words="a percent of equity such as 3%",
            above=Decimal(0),
            at_most=HUNDRED,
        )
    return Limits(
        max_trades_per_day=None if count is None else int(count),
        cooldown_bars=bars("cooldown"),
        max_bars=bars("max_bars"),
        daily_loss_pct=share,
    )
