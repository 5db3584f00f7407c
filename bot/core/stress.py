"""What would leverage be, and how far the liquidation, if the price rose by so much?"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core import contracts
from bot.core.model import NO_LIQUIDATION, ONE, Instrument, Kind

MOVES: Final = (0, 10, 25, 50, 100)  # per cent


@dataclass(frozen=True, slots=True)
class Stressed:
    move_percent: int
    leverage: Decimal  # Infinity where equity is gone
    liquidation_distance: Decimal | None  # as a share of the moved mark; negative: liquidated on the way; None: no price liquidates it


def stressed(
    instrument: Instrument, short: int, equity: Decimal, mark: Decimal, liquidation: Decimal | None, other_usd: Decimal
) -> tuple[Stressed, ...]:
    """Of a short (positive) with this equity at this mark, and what else stands on its margin, which moves along. A short of N loses
    N*move by the move, in USD at the moved mark, whatever the contract."""
    everything = abs(contracts.notional_usd(instrument, short, mark)) + other_usd
    found = []
    for percent in MOVES:
        move = Decimal(percent) / 100
        moved = mark * (1 + move)
        used = everything * (1 + move) if instrument.kind is Kind.LINEAR else everything
        value = contracts.margin_usd(instrument, equity, moved) - (everything if short >= 0 else -everything) * move
        leverage = Decimal(0) if used == 0 else used / value if value > 0 else Decimal("Infinity")
        distance = None if liquidation is None or liquidation == NO_LIQUIDATION else liquidation / moved - ONE
        found.append(Stressed(percent, leverage, distance))
    return tuple(found)
