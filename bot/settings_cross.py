"""With whose contract is an asset hedged that has none of its own? The `cross` of one hedge, as it stands in hedge.yaml."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from bot.core.policy_terms import Policies
from bot.core.rules import Band, CrossRule
from bot.settings_policies import CANDLES_MS
from bot.settings_values import Asset, Number, Section, Whole, read_number, refuse, shown

LEAST_RETURNS: Final = 30  # fewer tell nothing, whatever the configuration says
MOST_RETURNS: Final = 5000
MEASURED: Final = ("method", "half_life", "candle", "lookback", "min_returns", "min_r_squared", "beta_min", "beta_max")


def read_beta(value: Any) -> Any:
    """`auto`, or a number."""
    if isinstance(value, str) and value.strip().lower() == "auto":
        return "auto"
    number = read_number(value)
    if not 0 < number <= 10:
        refuse(f"is {number}, outside 0 … 10", "write `auto` to have it measured, or how many percent it moves with one of the other")
    return number


class Cross(Section):
    """Hedge this asset along with another one's contract, β of its value: for want of one of its own."""

    with_: Asset = Field(alias="with", description="the asset whose contract is shorted")
    market: str = Field(default="", description="the market of the venue whose prices and candles count; X/USDT:USDT if it is not given")
    beta: Annotated[Decimal | Literal["auto"], BeforeValidator(read_beta)] = Field(
        default="auto", description="how many percent X moves with one of the other: a number, or auto to have it measured"
    )
    method: Literal["ols", "ewma"] = Field(default="ols", description="ols: all returns weigh alike; ewma: the newest weigh most")
    half_life: Annotated[Number, Field(gt=0, le=MOST_RETURNS)] | None = Field(
        default=None, description="of ewma, in candles; a quarter of lookback if it is not given"
    )
    candle: Literal["1h", "4h", "1d"] = Field(default="1h", description="length of the candles whose returns are measured")
    lookback: Whole = Field(default=720, ge=LEAST_RETURNS, le=MOST_RETURNS, description="the newest so many returns count")
    min_returns: Whole = Field(default=LEAST_RETURNS, ge=LEAST_RETURNS, le=MOST_RETURNS, description="with fewer of them β is refused")
    min_r_squared: Annotated[Number, Field(gt=0, lt=1)] = Field(default=Decimal("0.5"), description="below this R² β is refused")
    beta_min: Annotated[Number, Field(ge=0, le=10)] = Field(default=Decimal(0), description="a measured β below this counts as this")
    beta_max: Annotated[Number, Field(gt=0, le=10)] = Field(default=Decimal(3), description="a measured β above this counts as this")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Cross":
        if self.beta != "auto":
            for name in MEASURED:
                if name in self.model_fields_set:
                    refuse(f"is given, and beta is {self.beta}: nothing is measured", "delete it, or write `beta: auto`", name)
        if self.half_life is not None and self.method == "ols":
            refuse(
                f"is {self.half_life:f}, and method is ols, where all returns weigh alike",
                "write `method: ewma`, or delete it",
                "half_life",
            )
        if self.min_returns > self.lookback:
            refuse(f"is {self.min_returns}, above lookback {self.lookback}", "β would always be refused: lower it", "min_returns")
        if self.beta_min > self.beta_max:
            refuse(f"is {self.beta_min:f}, above beta_max {self.beta_max:f}", "keep beta_min ≤ beta_max", "beta_min")
        if self.market and ("/" not in self.market or not self.market.isprintable()):
            refuse(f"is {shown(self.market)}, which is no market", "write it as SOL/USDT:USDT (perpetual) or SOL/USDT (spot)", "market")
        return self

    def market_of(self, asset: str) -> str:
        return self.market or f"{asset}/USDT:USDT"

    def rule(self, asset: str, ratio: Decimal, band: Band, policies: Policies) -> CrossRule:
        half_life = self.half_life or Decimal(self.lookback) / 4
        return CrossRule(
            asset=asset,
            hedge=self.with_,
            ratio=ratio,
            band=band,
            market=self.market_of(asset),
            beta=None if self.beta == "auto" else self.beta,
            least_beta=self.beta_min,
            most_beta=self.beta_max,
            half_life=half_life if self.method == "ewma" else None,
            lookback=self.lookback,
            least_returns=self.min_returns,
            least_r_squared=self.min_r_squared,
            candle_ms=CANDLES_MS[self.candle],
            policies=policies,
        )
