"""Which contracts does the paper exchange list?"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from bot.core.model import Instrument, Kind
from bot.ports import Misconfigured

MAKER_FEE_RATE: Final = Decimal("0.0002")
TAKER_FEE_RATE: Final = Decimal("0.0005")
MAINTENANCE_RATE: Final = Decimal("0.005")
SIZE_USD: Final = {"BTC": Decimal(100)}  # of an inverse contract; every other asset has 10
SIZE_COINS: Final = {"BTC": Decimal("0.001"), "ETH": Decimal("0.01"), "SOL": Decimal("0.1")}  # of a linear contract
TICK: Final = {"BTC": Decimal("0.1"), "ETH": Decimal("0.01"), "SOL": Decimal("0.001")}


def listed(prices: Mapping[str, Decimal], overrides: Iterable[Instrument] = ()) -> dict[str, Instrument]:
    """One inverse and one linear perpetual for each asset that has a price; `overrides` replace or add by symbol.

    An asset outside the tables gets a tick of five digits below the leading one of its price, and a linear contract worth 10 to 100 USD.
    """
    contracts: dict[str, Instrument] = {}
    for asset, price in prices.items():
        tick = TICK.get(asset, Decimal(1).scaleb(price.adjusted() - 5))
        inverse = Instrument(
            symbol=f"{asset}/USD:{asset}",
            asset=asset,
            kind=Kind.INVERSE,
            settle=asset,
            contract_size=SIZE_USD.get(asset, Decimal(10)),
            tick=tick,
            maker_fee_rate=MAKER_FEE_RATE,
            taker_fee_rate=TAKER_FEE_RATE,
            maintenance_rate=MAINTENANCE_RATE,
        )
        linear = Instrument(
            symbol=f"{asset}/USDT:USDT",
            asset=asset,
            kind=Kind.LINEAR,
            settle="USDT",
            contract_size=SIZE_COINS.get(asset, Decimal(1).scaleb(1 - price.adjusted())),
            tick=tick,
            maker_fee_rate=MAKER_FEE_RATE,
            taker_fee_rate=TAKER_FEE_RATE,
            maintenance_rate=MAINTENANCE_RATE,
        )
        contracts[inverse.symbol] = inverse
        contracts[linear.symbol] = linear
    for contract in overrides:
        if contract.asset not in prices:
            raise Misconfigured(f"paper: {contract.symbol} needs a price of {contract.asset}; add {contract.asset} to paper.price")
        contracts[contract.symbol] = contract
    return contracts


def find(contracts: Mapping[str, Instrument], symbol: str) -> Instrument:
    """The contract of `symbol`. Raise Misconfigured saying what is wrong with the symbol and which ones there are."""
    found = contracts.get(symbol)
    if found is not None:
        return found
    pair, _, settle = symbol.partition(":")
    asset, _, quote = pair.partition("/")
    if "-" in settle:
        problem = "is a dated contract and hedgebot trades perpetuals only"
    elif not quote or not settle:
        problem = "is not a perpetual contract (written ASSET/USD:ASSET or ASSET/USDT:USDT)"
    elif quote in ("USD", "USDT") and settle != (asset if quote == "USD" else "USDT"):
        problem = f"says that it settles in {settle}, but a contract in {quote} settles in {asset if quote == 'USD' else 'USDT'}"
    elif quote in ("USD", "USDT"):
        problem = f"has no price here: add {asset} to paper.price"
    else:
        problem = "is unknown"
    raise Misconfigured(f"paper: {symbol} {problem}. Listed: {', '.join(sorted(contracts))}")
