"""The run config: everything a backtest assumes that is not strategy.

One pydantic model, from a YAML file and ``--set key=value``. Unknown keys and
values are errors: nothing is accepted and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.canonical import decimal_text
from engine.errors import ConfigError
from engine.exchange.instrument import OVERRIDABLE, Instrument
from engine.timeframe import Timeframe

E7 = 10**7
E8 = 10**8
#: Largest account the ledger's integers hold, USDT.
MAX_EQUITY = Decimal(10**10)

_RATE = re.compile(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(bps|%)")
_RATE_UNITS = {"bps": Decimal("0.0001"), "%": Decimal("0.01")}


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return number


def parse_rate(value: Any) -> Decimal:
    """A rate as a fraction: ``5.5bps`` and ``0.055%`` are 0.00055; a bare number has no unit and
    is refused, unless it is 0 or already a Decimal fraction."""
    if isinstance(value, Decimal):
        rate = value
    else:
        text = str(value).strip()
        match = _RATE.fullmatch(text)
        if match is not None:
            rate = Decimal(match[1]) * _RATE_UNITS[match[2]]
        elif text in {"0", "0.0"}:
            rate = Decimal(0)
        else:
            raise ValueError(f"{value!r} is not a rate; write 5.5bps or 0.055%")
    if not 0 <= rate < 1:
        raise ValueError(f"a rate lies between 0 and 100%, not at {value}")
    if rate * E7 != (rate * E7).to_integral_value():
        raise ValueError(f"{value} is finer than 0.001bps")
    return rate.normalize() + 0


def _equity(value: Any) -> Decimal:
    amount = _decimal(value)
    if not 0 < amount <= MAX_EQUITY:
        raise ValueError(f"equity lies above 0 and up to {MAX_EQUITY} USDT")
    if amount * E8 != (amount * E8).to_integral_value():
        raise ValueError(f"{value} USDT is finer than 1e-8")
    return amount.normalize() + 0


def _weight(value: Any) -> Decimal:
    weight = _decimal(value)
    if not 0 < weight < 1:
        raise ValueError("warmup_weight lies between 0 and 1")
    return weight.normalize() + 0


def _positive(value: Any) -> Decimal:
    number = _decimal(value)
    if number <= 0:
        raise ValueError(f"{value} is not positive")
    return number.normalize() + 0


def _switch(value: Any) -> Any:
    """YAML's booleans for on and off, as some readers resolve them."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _flag(value: Any) -> Any:
    words = {"true": True, "false": False}
    return words.get(value, value) if isinstance(value, str) else value


def _participation(value: Any) -> Decimal | None:
    """A part of each bar's volume, such as 10%; ``none`` for no cap."""
    if value is None or value == "none":
        return None
    text = str(value).strip()
    share = Decimal(1) if text == "100%" else parse_rate(value)
    if not share > 0:
        raise ValueError("participation is none, or lies above 0 and up to 100%")
    return share


def _latency(value: Any) -> Any:
    number = _decimal(value)
    if number < 0 or number != number.to_integral_value():
        raise ValueError("latency_ms is a whole number of milliseconds, at least 0")
    return int(number)


Rate = Annotated[Decimal, BeforeValidator(parse_rate)]
Positive = Annotated[Decimal, BeforeValidator(_positive)]
Switch = Annotated[Literal["on", "off"], BeforeValidator(_switch)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _key(default: str, meaning: str) -> Any:
    return Field(Decimal(default), description=meaning)


class Fees(_Section):
    """Fee rates as fractions of the filled notional."""

    taker: Rate = _key("0.00055", "rate of fills that take, as a fraction of their notional")
    maker: Rate = _key("0.0002", "rate of fills that rested")


class InstrumentOverrides(_Section):
    """Facts that replace the snapshot's; None keeps it."""

    tick_size: Positive | None = Field(default=None, description="price step, USDT")
    qty_step: Positive | None = Field(default=None, description="quantity step, base units")
    min_qty: Positive | None = Field(
        default=None, description="least quantity of an order, base units"
    )
    min_notional: Annotated[Decimal, BeforeValidator(_decimal)] | None = Field(
        default=None, description="least value of an order, USDT"
    )
    max_leverage: Positive | None = Field(default=None, description="largest leverage")


class RunConfig(_Section):
    """What a backtest assumes; the defaults are those of the outside contract.

    Rates are fractions (5.5bps is ``Decimal("0.00055")``), money is USDT.
    """

    equity: Annotated[Decimal, BeforeValidator(_equity)] = _key(
        "10000", "wallet at the start, USDT"
    )
    fees: Fees = Field(default_factory=Fees)
    slippage: Rate = _key(
        "0.0002", "by how much worse than the price a taker fills, as a fraction of it"
    )
    slippage_stop: Rate = _key("0.0005", "the same for a stop that fires where it rests")
    latency_ms: Annotated[int, BeforeValidator(_latency)] = Field(
        0, description="from a decision to the arrival of its orders, ms"
    )
    warmup_weight: Annotated[Decimal, BeforeValidator(_weight)] = _key(
        "0.001", "weight the start of history may still have in an average when trading begins"
    )
    fill_timeframe: Annotated[str, BeforeValidator(str)] = Field(
        Timeframe.M1.value, description="bars that orders fill on; held in the store"
    )
    fill: Literal["through", "touch"] = Field(
        "through", description="a resting limit fills when price goes a tick beyond it, or meets it"
    )
    path: Literal["pessimistic", "ohlc"] = Field(
        "pessimistic",
        description="how price moves within a bar: the worse of the two ways for the account, or "
        "the nearer extreme first",
    )
    brackets_on_entry_bar: Annotated[bool, BeforeValidator(_flag)] = Field(
        True, description="false: stops and targets wait until the bar after the entry's"
    )
    participation: Annotated[Decimal | None, BeforeValidator(_participation)] = Field(
        default=None, description="largest share of a fill bar's volume that may fill, or none"
    )
    funding: Switch = Field("on", description="whether funding is paid; needs its history")
    mark: Literal["series", "last"] = Field(
        "series", description="prices that liquidate and value: the mark's, or the last's"
    )
    trigger_by: Literal["last", "mark", "index"] = Field(
        "last", description="prices that trigger stops, targets and conditional entries"
    )
    liquidation: Switch = Field("on", description="whether the venue closes a lost position")
    gaps: Literal["refuse", "skip", "flat"] = Field(
        "refuse",
        description="bars missing from a series: no run; only the bars that all series have, one "
        "after the other; or bars that stand still",
    )
    on_stop_beyond_liquidation: Literal["reject"] = Field(
        "reject", description="an entry whose stop lies beyond its liquidation is refused"
    )
    end: Literal["close", "mark"] = Field(
        "close", description="what is open at the end is closed, or only valued"
    )
    instrument: InstrumentOverrides = Field(default_factory=InstrumentOverrides)

    def __init__(self, **values: Any) -> None:
        _refuse_unknown(values)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _config_error(error) from None
        if self.fill_timeframe not in {t.value for t in Timeframe}:
            allowed = ", ".join(t.value for t in Timeframe)
            raise ConfigError(
                f"unknown timeframe {self.fill_timeframe!r}",
                where="fill_timeframe",
                hint=f"one of {allowed}",
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunConfig:
        """The config of nested or dotted keys; raises ConfigError naming the key."""
        return cls(**_nested(values))

    @property
    def overrides(self) -> dict[str, Decimal]:
        """Instrument facts this config replaces, by name."""
        found = {name: getattr(self.instrument, name) for name in OVERRIDABLE}
        return {name: value for name, value in found.items() if value is not None}

    def instrument_for(self, snapshot: Instrument) -> Instrument:
        """The snapshot's facts with this config's overrides applied."""
        return snapshot.with_overrides(self.overrides)

    def resolved(self) -> dict[str, Any]:
        """Every value, exact and with its unit in the name: what enters a run's identity."""
        return {
            "equity_e8": int(self.equity * E8),
            "fees": {
                "taker_e7": int(self.fees.taker * E7),
                "maker_e7": int(self.fees.maker * E7),
            },
            "slippage_e7": int(self.slippage * E7),
            "slippage_stop_e7": int(self.slippage_stop * E7),
            "latency_ms": self.latency_ms,
            "warmup_weight": decimal_text(self.warmup_weight),
            "fill_timeframe": self.fill_timeframe,
            "fill": self.fill,
            "path": self.path,
            "brackets_on_entry_bar": self.brackets_on_entry_bar,
            "participation": (
                "none"
                if self.participation is None
                else f"{decimal_text(self.participation * 100)}%"
            ),
            "funding": self.funding,
            "mark": self.mark,
            "trigger_by": self.trigger_by,
            "liquidation": self.liquidation,
            "gaps": self.gaps,
            "on_stop_beyond_liquidation": self.on_stop_beyond_liquidation,
            "end": self.end,
            "instrument": {name: decimal_text(value) for name, value in self.overrides.items()},
        }

    @classmethod
    def from_resolved(cls, values: Mapping[str, Any]) -> RunConfig:
        """The inverse of :meth:`resolved`, independent of any default (M19)."""
        given = dict(values)
        fees = {name: Decimal(given["fees"][f"{name}_e7"]) / E7 for name in ("taker", "maker")}
        plain = {
            "equity": Decimal(given.pop("equity_e8")) / E8,
            "slippage": Decimal(given.pop("slippage_e7")) / E7,
            "slippage_stop": Decimal(given.pop("slippage_stop_e7")) / E7,
        }
        return cls(**{**given, **plain, "fees": fees})


def parse_set(assignments: Iterable[str]) -> dict[str, Any]:
    """Nested values of ``key=value`` texts; a key given twice or without value raises ConfigError.

    >>> parse_set(["fees.taker=5.5bps", "end=mark"])
    {'fees': {'taker': '5.5bps'}, 'end': 'mark'}
    """
    flat: dict[str, Any] = {}
    for text in assignments:
        key, sign, value = text.partition("=")
        key, value = key.strip(), value.strip()
        if not sign or not key or not value:
            raise ConfigError(f"{text!r} is not key=value", where="--set", hint="--set end=mark")
        if key in flat:
            raise ConfigError(f"{key} is set twice", where="--set")
        flat[key] = value
    return _nested(flat)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys opened up; a mapping as value is kept and merged."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise ConfigError(f"{key!r} is not a key", where="run config")
        section, dot, name = key.partition(".")
        part = {name: value} if dot else value
        held = out.get(section)
        if isinstance(held, dict) and isinstance(part, Mapping):
            out[section] = {**held, **part}
        elif section in out:
            raise ConfigError(f"{section} is given twice", where=section)
        else:
            out[section] = dict(part) if isinstance(part, Mapping) else part
    return out


def _keys() -> list[str]:
    nested: dict[str, type[BaseModel]] = {"fees": Fees, "instrument": InstrumentOverrides}
    names: list[str] = []
    for key in RunConfig.model_fields:
        section = nested.get(key)
        names += [f"{key}.{name}" for name in section.model_fields] if section else [key]
    return names


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    known = _keys()
    sections = {name.partition(".")[0] for name in known if "." in name}
    for key, value in values.items():
        names = [key]
        if key in sections and isinstance(value, Mapping):
            names = [f"{key}.{name}" for name in value]
        for name in names:
            if name in known or (name in sections and isinstance(value, BaseModel)):
                continue
            if name in sections:
                hint = "write " + ", ".join(k for k in known if k.startswith(f"{name}."))
                raise ConfigError(f"{name} is a section", where=name, hint=hint)
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(known)
            raise ConfigError(f"unknown key {name!r}", where=name, hint=hint, code="CONFIG_UNKNOWN")


def _config_error(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ValueError):
        return ConfigError(str(cause), where=where)
    expected = first.get("ctx", {}).get("expected")
    hint = f"one of {expected}" if expected else ""
    return ConfigError(f"{where}: {first['msg']}", where=where, hint=hint)
