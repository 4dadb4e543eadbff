"""Typed answers of the venue's public endpoints, as its v5 documentation gives them (H15).

Amounts are Decimal, times int epoch ms. A missing or malformed field is an error where the answer
is unwrapped; fields the venue adds are ignored, so that it may add some.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1)]
#: A number as the venue writes it: text of a decimal.
Number = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$")]
Time = Annotated[str, StringConstraints(pattern=r"^[0-9]{10,16}$")]
#: Where the venue writes nothing for none.
OrZero = Annotated[Decimal, BeforeValidator(lambda value: "0" if value == "" else value)]


class VenueModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Envelope(VenueModel):
    """What every answer comes in (docs v5/guide, common response parameters)."""

    ret_code: int = Field(alias="retCode")
    ret_msg: str = Field(alias="retMsg")
    result: dict[str, object]
    time_ms: int = Field(alias="time")


class ServerTime(VenueModel):
    """GET /v5/market/time."""

    seconds: int = Field(alias="timeSecond")
    nanoseconds: int = Field(alias="timeNano")

    @property
    def ms(self) -> int:
        return self.nanoseconds // 1_000_000


#: Open time, open, high, low, close, volume (base units), turnover (USDT).
LastCandle = tuple[Time, Number, Number, Number, Number, Number, Number]
#: Open time, open, high, low, close: mark and index candles have no volume.
PriceCandle = tuple[Time, Number, Number, Number, Number]
Row = TypeVar("Row")


class Candles(VenueModel, Generic[Row]):
    """GET /v5/market/kline, mark-price-kline, index-price-kline; newest first."""

    symbol: Text
    category: Text
    rows: list[Row] = Field(alias="list")


class FundingEvent(VenueModel):
    symbol: Text
    rate: Number = Field(alias="fundingRate")
    ts: Time = Field(alias="fundingRateTimestamp")


class Funding(VenueModel):
    """GET /v5/market/funding/history; newest first."""

    category: Text
    rows: list[FundingEvent] = Field(alias="list")


class InterestValue(VenueModel):
    value: Number = Field(alias="openInterest")
    ts: Time = Field(alias="timestamp")


class OpenInterest(VenueModel):
    """GET /v5/market/open-interest; newest first."""

    symbol: Text
    category: Text
    rows: list[InterestValue] = Field(alias="list")
    cursor: str = Field(default="", alias="nextPageCursor")


class LeverageFilter(VenueModel):
    max_leverage: Decimal = Field(alias="maxLeverage")
    leverage_step: Decimal = Field(alias="leverageStep")


class PriceFilter(VenueModel):
    tick_size: Decimal = Field(alias="tickSize")


class LotSizeFilter(VenueModel):
    min_qty: Decimal = Field(alias="minOrderQty")
    max_qty: Decimal = Field(alias="maxOrderQty")
    qty_step: Decimal = Field(alias="qtyStep")
    #: Not stated in answers of before 2024.
    max_market_qty: Decimal | None = Field(default=None, alias="maxMktOrderQty")
    min_notional: Decimal | None = Field(default=None, alias="minNotionalValue")


class InstrumentInfo(VenueModel):
    """One entry of GET /v5/market/instruments-info, category linear."""

    symbol: Text
    contract_type: Text = Field(alias="contractType")
    status: Text
    quote_coin: Text = Field(alias="quoteCoin")
    launch_ms: int = Field(alias="launchTime")
    leverage: LeverageFilter = Field(alias="leverageFilter")
    price: PriceFilter = Field(alias="priceFilter")
    lot_size: LotSizeFilter = Field(alias="lotSizeFilter")
    funding_interval_min: int = Field(alias="fundingInterval", gt=0)


class Instruments(VenueModel):
    category: Literal["linear"]
    rows: list[InstrumentInfo] = Field(alias="list")
    cursor: str = Field(alias="nextPageCursor")


class RiskTier(VenueModel):
    """One tier of GET /v5/market/risk-limit, category linear.

    Holds up to ``risk_limit_usdt`` of position value; margins are fractions of that value.
    """

    tier: int = Field(alias="id")
    symbol: Text
    risk_limit_usdt: Decimal = Field(alias="riskLimitValue", gt=0)
    maintenance_margin: Decimal = Field(alias="maintenanceMargin", gt=0, lt=1)
    initial_margin: Decimal = Field(alias="initialMargin", gt=0, le=1)
    max_leverage: Decimal = Field(alias="maxLeverage", ge=1)
    maintenance_deduction_usdt: OrZero = Field(default=Decimal(0), alias="mmDeduction")


class RiskTiers(VenueModel):
    category: Literal["linear"]
    rows: list[RiskTier] = Field(alias="list")
    cursor: str = Field(default="", alias="nextPageCursor")
