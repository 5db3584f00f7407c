"""What is seen of an asset that is hedged with another one's contract? Its price, and how much it moves with the hedging coin.

Returns are of closed candles, as logarithms; shares are fractions. `None` is UNKNOWN.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CrossFit:
    """A regression of the asset's returns on those of the hedging coin, at the close of one candle."""

    closed_ms: int
    returns: int  # how many pairs it rests on
    beta: Decimal
    r_squared: Decimal
    volatility: Decimal  # of the asset, a year
    residual_volatility: Decimal  # what the best hedge leaves of it


@dataclass(frozen=True, slots=True)
class CrossSeen:
    """What one look showed; an input of the decision, and on record with it."""

    asset: str
    price: Decimal | None = None  # USD per coin
    at_ms: int | None = None  # of that price
    fit: CrossFit | None = None
    unpriced: str = ""  # why there is no price
    unmeasured: str = ""  # why there is no fit, or none of the newest candle
