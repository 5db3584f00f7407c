"""How many coins lie in the spot and funding wallets of an exchange? Read with a read-only key; nothing but these requests is signed.

Sources: developers.binance.com/docs (GET /api/v3/account, POST /sapi/v1/asset/get-funding-asset), docs.cdp.coinbase.com (List Accounts),
bybit-exchange.github.io/docs/v5 (account/wallet-balance, asset/balance/all-balance), okx.com/docs-v5 (account/balance, asset/balances),
docs.kraken.com (Get Account Balance). Coins in earn products count on Kraken only, whose balances name them beside the rest.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import Access, CcxtClient, Keys, Place
from adapters.holdings.answers import Unreadable, amount, listed, part
from adapters.holdings.followed import Reading
from adapters.request_budget import Allowance, Errand, RequestBudget
from bot.core.model import ZERO
from bot.ports import Clock

KRAKEN_NAMES: Final = {
    "BTC": ("XXBT", "XBT"),
    "ETH": ("XETH", "ETH"),
    "DOGE": ("XXDG", "XDG"),
    "LTC": ("XLTC", "LTC"),
    "XRP": ("XXRP", "XRP"),
}
KRAKEN_KINDS: Final = ("", ".F", ".B", ".M", ".S")
MOST_PAGES: Final = 20

Look = Callable[[CcxtClient, str], Awaitable[Decimal]]


@dataclass(frozen=True, slots=True)
class Wallets:
    """One exchange: whom ccxt asks, and how each wallet is read."""

    host: str
    looks: Mapping[str, Look]
    reads_by_post: tuple[str, ...] = field(default=())  # paths


async def binance_spot(client: CcxtClient, asset: str) -> Decimal:
    rows = listed(await client.call("privateGetAccount", {}, weight=20), "balances")
    found = [row for row in rows if row.get("asset") == asset]
    if not found:  # it lists every asset it knows, with 0 where nothing is
        raise Unreadable(f"does not list {asset}")
    return total(found, "free", "locked")


async def binance_funding(client: CcxtClient, asset: str) -> Decimal:
    rows = listed(await client.call("sapiPostAssetGetFundingAsset", {"asset": asset}))
    return total([row for row in rows if row.get("asset") == asset], "free", "locked", "freeze", "withdrawing")


async def bybit_spot(client: CcxtClient, asset: str) -> Decimal:
    told = granted(await client.call("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED", "coin": asset}), "retCode", "0")
    coins = [row for account in listed(told, "result", "list") for row in listed(account, "coin")]
    return total([row for row in coins if row.get("coin") == asset], "walletBalance")


async def bybit_funding(client: CcxtClient, asset: str) -> Decimal:
    asked = {"accountType": "FUND", "coin": asset}
    told = granted(await client.call("privateGetV5AssetTransferQueryAccountCoinsBalance", asked), "retCode", "0")
    return total([row for row in listed(told, "result", "balance") if row.get("coin") == asset], "walletBalance")


async def okx_spot(client: CcxtClient, asset: str) -> Decimal:
    told = granted(await client.call("privateGetAccountBalance", {"ccy": asset}), "code", "0")
    details = [row for account in listed(told, "data") for row in listed(account, "details")]
    return total([row for row in details if row.get("ccy") == asset], "cashBal")


async def okx_funding(client: CcxtClient, asset: str) -> Decimal:
    told = granted(await client.call("privateGetAssetBalances", {"ccy": asset}), "code", "0")
    return total([row for row in listed(told, "data") if row.get("ccy") == asset], "bal")


async def coinbase_all(client: CcxtClient, asset: str) -> Decimal:
    """Page by page: a wallet that is missed would be coins that are missed."""
    found, cursor = ZERO, ""
    for _ in range(MOST_PAGES):
        told = await client.call("v3PrivateGetBrokerageAccounts", {"limit": "250", **({"cursor": cursor} if cursor else {})})
        rows = [row for row in listed(told, "accounts") if row.get("currency") == asset]
        found += sum((amount(part(row, name, "value"), name) for row in rows for name in ("available_balance", "hold")), ZERO)
        if part(told, "has_next") is not True:
            return found
        cursor = str(part(told, "cursor"))
    raise Unreadable(f"lists more than {MOST_PAGES * 250} accounts")


async def kraken_all(client: CcxtClient, asset: str) -> Decimal:
    told = await client.call("privatePostBalance", {})
    if part(told, "error"):
        raise Unreadable(f"refused: {part(told, 'error')!r:.100}")
    result = part(told, "result")
    names = [name + kind for name in KRAKEN_NAMES.get(asset, (asset,)) for kind in KRAKEN_KINDS]
    return sum((amount(part(result, name), name) for name in names if name in result), ZERO)


def granted(told: object, name: str, good: str) -> object:
    """The answer, if the exchange says that it is one."""
    if str(part(told, name)) != good:
        raise Unreadable(f"refused: {told!r:.100}")
    return told


def total(rows: list[Mapping[str, Any]], *names: str) -> Decimal:
    return sum((amount(part(row, name), name) for row in rows for name in names), ZERO)


EXCHANGES: Final = {
    "binance": Wallets("api.binance.com", {"spot": binance_spot, "funding": binance_funding}, ("asset/get-funding-asset",)),
    "bybit": Wallets("api.bybit.com", {"spot": bybit_spot, "funding": bybit_funding}),
    "okx": Wallets("www.okx.com", {"spot": okx_spot, "funding": okx_funding}),
    "coinbase": Wallets("api.coinbase.com", {"spot": coinbase_all}),  # its spot wallet is its only one
    "kraken": Wallets("api.kraken.com", {"spot": kraken_all}, ("Balance",)),
}


class ExchangeWallets:
    """The wallets of one key."""

    def __init__(self, exchange: str, wallets: str, asset: str, keys: Keys, clock: Clock, base_url: str | None = None) -> None:
        """Raise Misconfigured if an address is left that leads elsewhere."""
        known = EXCHANGES[exchange]
        writes = {("POST", path): Errand.READ for path in known.reads_by_post}  # reads that these exchanges ask for by POST
        access = Access(exchange, Place("none", frozenset({known.host})), writes, base_url=base_url)
        self._client = CcxtClient(access, keys, budget=RequestBudget(clock, Allowance(100, 5)), gate=None)
        self._looks = [look for name, look in known.looks.items() if wallets in ("all", name)]
        self._asset = asset

    async def read(self) -> Reading:
        found = [await look(self._client, self._asset) for look in self._looks]
        return Reading(sum(found, ZERO))

    async def close(self) -> None:
        """Release connections. Never raises."""
        await self._client.close()
