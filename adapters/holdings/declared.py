"""How many coins lie outside the futures account? As many as the configuration declares."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.core.model import Sourced


class DeclaredBag:
    """The bag of `hedge.yaml`. An asset that was not declared is UNKNOWN, never 0."""

    def __init__(self, coins: Mapping[str, Decimal]) -> None:
        self._coins = dict(coins)

    async def coins(self, assets: Sequence[str]) -> dict[str, Decimal | None]:
        return {asset: self._coins.get(asset) for asset in assets}

    def sources(self) -> tuple[Sourced, ...]:
        return ()
