"""The declared bag says what was declared, and nothing about the rest."""

from decimal import Decimal

from adapters.holdings.declared import DeclaredBag


async def test_what_was_not_declared_is_unknown_and_never_zero() -> None:
    bag = DeclaredBag({"BTC": Decimal(2), "SOL": Decimal(0)})
    assert await bag.coins(["BTC", "ETH", "SOL"]) == {"BTC": 2, "ETH": None, "SOL": 0}
