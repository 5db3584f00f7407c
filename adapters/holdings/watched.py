"""How many coins lie at an address? Asked of an Esplora API (Bitcoin) or of a JSON-RPC node (Ethereum); no key, nothing is signed."""

import re
from decimal import Decimal
from typing import Final

import httpx

from adapters.holdings.answers import Unreadable, amount, asked, part
from adapters.holdings.followed import Reading

SATOSHI: Final = Decimal("1e-8")
WEI: Final = Decimal("1e-18")
HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class BitcoinAddress:
    """What was paid to it less what was spent, what waits in the mempool counted in (esplora: GET /address/:address)."""

    def __init__(self, client: httpx.AsyncClient, api: str, address: str) -> None:
        self._client, self._url, self._address = client, f"{api.rstrip('/')}/address/{address}", address

    async def read(self) -> Reading:
        told = await asked(self._client, "GET", self._url)
        if part(told, "address") != self._address:
            raise Unreadable("answered about another address")
        sums = {
            name: [amount(part(told, stats, name), f"{stats}.{name}") for stats in ("chain_stats", "mempool_stats")]
            for name in ("funded_txo_sum", "spent_txo_sum")
        }
        satoshi = sum(sums["funded_txo_sum"]) - sum(sums["spent_txo_sum"])
        if satoshi < 0:
            raise Unreadable("says that more was spent than was ever paid to the address")
        return Reading(satoshi * SATOSHI)


class EthereumAddress:
    """The balance at the newest block (eth_getBalance)."""

    def __init__(self, client: httpx.AsyncClient, api: str, address: str) -> None:
        self._client, self._url, self._address = client, api, address

    async def read(self) -> Reading:
        question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": [self._address, "latest"]}
        told = await asked(self._client, "POST", self._url, question)
        if isinstance(told, dict) and told.get("error") is not None:
            said = told["error"].get("message") if isinstance(told["error"], dict) else told["error"]
            raise Unreadable(f"refused: {said!r:.100}")
        balance = part(told, "result")
        if not isinstance(balance, str) or not HEX.fullmatch(balance):
            raise Unreadable(f"says the balance is {balance!r:.60}, which is no hexadecimal number")
        return Reading(amount(f"{int(balance, 16) * WEI:f}", "the balance"))
