"""Instrument facts: tick, lot, limits. Dated snapshots, inputs of a run, never guessed.

The ledger counts in integers: prices in units of 10^-k, quantities in lots, money in 1e-8 USDT.
:meth:`Instrument.scale` fixes those units and refuses what does not fit them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.canonical import decimal_text
from engine.errors import InstrumentError
from engine.exchange.bundled import BUNDLED

#: Bounds of the ledger's integers: price units and lots, and a notional in 1e-8 USDT.
MAX_UNITS = 2**31 - 1
MAX_LOTS = 2**31 - 1
MAX_NOTIONAL_E8 = 2**62
#: Money is exact to 1e-8 USDT, so a price has at most this many decimals.
MAX_PRICE_DECIMALS = 8

OVERRIDABLE = ("tick_size", "qty_step", "min_qty", "min_notional", "max_leverage")


def decimals_of(value: Decimal) -> int:
    """Decimal places a value needs: 0.10 needs 1, 25 needs 0."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


@dataclass(frozen=True, slots=True)
class RiskTier:
    """One step of a risk ladder: for position values up to ``cap_usdt``, the maintenance margin is
    value x ``rate`` - ``deduction_usdt`` and the leverage at most ``max_leverage``."""

    cap_usdt: Decimal
    rate: Decimal
    deduction_usdt: Decimal
    max_leverage: Decimal


def ladder_problem(tiers: tuple[RiskTier, ...]) -> str:
    """Why a ladder is none: caps that do not rise, rates out of range, or a deduction other than
    d_k = d_(k-1) + cap_(k-1) x (m_k - m_(k-1)); empty when it is sound."""
    cap = rate = deduction = Decimal(0)
    for k, tier in enumerate(tiers, 1):
        if not tier.cap_usdt > cap or not rate <= tier.rate < 1 or not tier.max_leverage >= 1:
            return f"tier {k}: caps and rates must rise"
        for value, step in ((tier.rate, 8), (tier.cap_usdt, 8), (tier.max_leverage, 2)):
            if decimals_of(value) > step:
                return f"tier {k}: {value} is finer than the ledger"
        expected = deduction + cap * (tier.rate - rate)
        if tier.deduction_usdt != expected:
            return f"tier {k}: deduction {tier.deduction_usdt} is not {expected}"
        cap, rate, deduction = tier.cap_usdt, tier.rate, tier.deduction_usdt
    return ""


@dataclass(frozen=True, slots=True)
class Scale:
    """The ledger's units for one run.

    A price unit is 10^-``price_decimals`` USDT and a tick ``tick_units`` of them; one unit times
    one lot is ``value_e8`` in 1e-8 USDT. ``max_lots`` is what a single market order may hold,
    ``fitting_lots`` what the ledger can hold at all.
    """

    price_decimals: int
    tick_units: int
    value_e8: int
    max_lots: int
    fitting_lots: int
    min_lots: int
    min_notional_e8: int

    @property
    def units_per_usdt(self) -> int:
        return int(10**self.price_decimals)


def tier_row(tier: RiskTier) -> dict[str, str]:
    """A tier under the venue's names."""
    return {
        "riskLimitValue": decimal_text(tier.cap_usdt),
        "maintenanceMargin": decimal_text(tier.rate),
        "mmDeduction": decimal_text(tier.deduction_usdt),
        "maxLeverage": decimal_text(tier.max_leverage),
    }


def tier_of(row: Mapping[str, Any]) -> RiskTier:
    """A row of the venue's risk-limit answer, which writes '' for 0; InstrumentError if it is
    none."""
    try:
        values = [
            Decimal(str(row[name] or "0")).normalize() + 0
            for name in ("riskLimitValue", "maintenanceMargin", "mmDeduction", "maxLeverage")
        ]
    except (KeyError, InvalidOperation):
        raise InstrumentError(f"{dict(row)!r} is no risk tier") from None
    return RiskTier(*values)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One USDT linear perpetual as the venue described it at ``valid_from_ms``.

    Prices in USDT, quantities in base units; ``max_qty`` and ``max_market_qty`` are None where the
    source does not state them. ``source`` says where the facts come from. ``overridden`` names the
    fields a run config replaced. ``risk_tiers`` is the ladder, lowest first; empty
    where the source does not state it. Raises InstrumentError when facts contradict each other.
    """

    symbol: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal | None
    max_market_qty: Decimal | None
    min_notional: Decimal
    max_leverage: Decimal
    leverage_step: Decimal
    funding_interval_min: int
    valid_from_ms: int
    launch_ms: int | None
    source: str
    overridden: tuple[str, ...] = ()
    risk_tiers: tuple[RiskTier, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tick_size", "qty_step", "min_qty", "max_leverage", "leverage_step"):
            if not getattr(self, name) > 0:
                raise self._refuse(f"{name} {getattr(self, name)} is not positive")
        if self.min_notional < 0:
            raise self._refuse(f"min_notional {self.min_notional} is negative")
        if self.max_leverage < 1:
            raise self._refuse(f"max_leverage {self.max_leverage} is below 1")
        if self.funding_interval_min <= 0:
            raise self._refuse(f"funding_interval_min {self.funding_interval_min} is not positive")
        for name in ("min_qty", "max_qty", "max_market_qty"):
            value = getattr(self, name)
            if value is None:
                continue
            if value % self.qty_step != 0:
                raise self._refuse(f"{name} {value} is not a whole number of lots {self.qty_step}")
            if value < self.min_qty:
                raise self._refuse(f"{name} {value} is below min_qty {self.min_qty}")
        problem = ladder_problem(self.risk_tiers)
        if problem:
            raise self._refuse(f"risk ladder: {problem}")
        self.scale(decimals_of(self.tick_size), max_units=1)

    def _refuse(self, what: str, code: str = "INSTRUMENT_INVALID") -> InstrumentError:
        return InstrumentError(what, where=f"instrument {self.symbol}", code=code)

    def scale(self, price_decimals: int, max_units: int) -> Scale:
        """The ledger's units for prices with ``price_decimals`` places, none above ``max_units``.

        Raises InstrumentError ``LEDGER_RANGE`` if unit times lot is no whole number of 1e-8 USDT,
        or if prices, lots or the largest notional do not fit the ledger's integers.
        """
        unit = Decimal(1).scaleb(-price_decimals)
        value = unit * self.qty_step * 10**8
        if value != value.to_integral_value() or value < 1:
            raise self._refuse(
                f"a price step of {unit} times a lot of {self.qty_step} is not a whole number of "
                "1e-8 USDT",
                "LEDGER_RANGE",
            )
        if max_units > MAX_UNITS:
            raise self._refuse(f"prices reach beyond {MAX_UNITS} steps of {unit}", "LEDGER_RANGE")
        value_e8 = int(value)
        fitting = min(MAX_LOTS, MAX_NOTIONAL_E8 // (value_e8 * max(max_units, 1)))
        max_lots = fitting
        if self.max_market_qty is not None:
            max_lots = int(self.max_market_qty / self.qty_step)
            if max_lots > fitting:
                raise self._refuse(
                    f"max_market_qty {self.max_market_qty} does not fit the ledger", "LEDGER_RANGE"
                )
        if fitting < 1:
            raise self._refuse("a single lot does not fit the ledger", "LEDGER_RANGE")
        return Scale(
            price_decimals=price_decimals,
            tick_units=int(self.tick_size / unit),
            value_e8=value_e8,
            max_lots=max_lots,
            fitting_lots=fitting,
            min_lots=int(self.min_qty / self.qty_step),
            min_notional_e8=int((self.min_notional * 10**8).to_integral_value("ROUND_CEILING")),
        )

    @classmethod
    def default(cls, symbol: str) -> Instrument:
        """The bundled facts of ``symbol``; InstrumentError if there are none."""
        facts = BUNDLED.get(symbol)
        if facts is None:
            raise InstrumentError(
                f"no instrument facts of {symbol}",
                where="the table bundled with the project",
                hint=f"it holds {', '.join(sorted(BUNDLED))}; sync the instrument from the venue",
                code="INSTRUMENT_UNKNOWN",
            )
        return cls.from_dict({"symbol": symbol, **facts})

    @property
    def is_bundled(self) -> bool:
        return self.source.startswith("bundled")

    def with_overrides(self, changes: Mapping[str, Decimal]) -> Instrument:
        """These facts with some of ``OVERRIDABLE`` replaced, and flagged as such."""
        unknown = set(changes) - set(OVERRIDABLE)
        if unknown:
            raise self._refuse(f"{', '.join(sorted(unknown))} cannot be overridden")
        changed = {name: value for name, value in changes.items() if value != getattr(self, name)}
        if not changed:
            return self
        names = tuple(sorted({*self.overridden, *changed}))
        return replace(self, **changed, overridden=names)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """Canonical JSON-like form: decimals as shortest text, keys in field order."""
        out: dict[str, Any] = {}
        for spec in fields(self):
            value = getattr(self, spec.name)
            if isinstance(value, Decimal):
                value = decimal_text(value)
            elif spec.name == "risk_tiers":
                value = [tier_row(tier) for tier in value]
            elif isinstance(value, tuple):
                value = list(value)
            out[spec.name] = value
        return out

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Instrument:
        """The inverse of :meth:`to_dict`; unknown or missing keys raise InstrumentError."""
        known = {spec.name for spec in fields(cls)}
        required = known - {"overridden", "risk_tiers"}
        if not required <= set(facts) <= known:
            wrong = sorted((required - set(facts)) | (set(facts) - known))
            raise InstrumentError(f"instrument facts with missing or unknown {', '.join(wrong)}")
        values = dict(facts)
        for spec in fields(cls):
            value = values.get(spec.name)
            if str(spec.type).startswith("Decimal") and value is not None:
                try:
                    values[spec.name] = Decimal(str(value)).normalize() + 0
                except InvalidOperation:
                    raise InstrumentError(f"{spec.name} {value!r} is not a number") from None
        values["overridden"] = tuple(values.get("overridden", ()))
        values["risk_tiers"] = tuple(tier_of(row) for row in values.get("risk_tiers", ()))
        return cls(**values)
