"""The wallets of five exchanges through the real client, signed, against a server that answers as their documentation says."""

from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.ccxt_client import Keys
from adapters.clock import SystemClock
from adapters.holdings.wallets import ExchangeWallets
from bot.ports import PortError
from tests.venues.recorded_server import recorded

D = Decimal
KEYS = Keys("key-of-a-test", "c2VjcmV0LW9mLWEtdGVzdA==", "words-of-a-test")


def coinbase_keys() -> Keys:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return Keys("organizations/one/apiKeys/two", key.decode())


def held(currency: str, available: str, hold: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "available_balance": {"value": available, "currency": currency},
        "hold": {"value": hold, "currency": currency},
    }


ANSWERS: dict[str, dict[str, Any]] = {
    "binance": {
        "GET /api/v3/account": {
            "balances": [{"asset": "BTC", "free": "1.10000000", "locked": "0.20000000"}, {"asset": "ETH", "free": "9", "locked": "0"}]
        },
        "POST /sapi/v1/asset/get-funding-asset": [{"asset": "BTC", "free": "0.3", "locked": "0", "freeze": "0.01", "withdrawing": "0.02"}],
    },
    "bybit": {
        "GET /v5/account/wallet-balance": {
            "retCode": 0,
            "result": {"list": [{"accountType": "UNIFIED", "coin": [{"coin": "BTC", "walletBalance": "1.3", "equity": "9"}]}]},
        },
        "GET /v5/asset/transfer/query-account-coins-balance": {
            "retCode": 0,
            "result": {"accountType": "FUND", "balance": [{"coin": "BTC", "walletBalance": "0.33"}]},
        },
    },
    "okx": {
        "GET /api/v5/account/balance": {"code": "0", "data": [{"details": [{"ccy": "BTC", "cashBal": "1.3", "eq": "9"}]}]},
        "GET /api/v5/asset/balances": {"code": "0", "data": [{"ccy": "BTC", "bal": "0.33"}]},
    },
    "coinbase": {
        "GET /api/v3/brokerage/accounts": {"accounts": [held("BTC", "1.3", "0.33"), held("ETH", "9", "9")], "has_next": False, "cursor": ""}
    },
    "kraken": {"POST /0/private/Balance": {"error": [], "result": {"XXBT": "1.3000000000", "XBT.F": "0.33", "ZUSD": "9.0"}}},
}
REFUSALS: dict[str, Any] = {
    "binance": (400, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}),
    "bybit": {"retCode": 10003, "retMsg": "API key is invalid.", "result": {}},
    "okx": {"code": "50111", "msg": "Invalid OK-ACCESS-KEY", "data": []},
    "coinbase": (401, {"error": "Unauthorized"}),
    "kraken": {"error": ["EAPI:Invalid key"]},
}


def wallets(exchange: str, which: str, base_url: str) -> ExchangeWallets:
    keys = coinbase_keys() if exchange == "coinbase" else KEYS
    return ExchangeWallets(exchange, which, "BTC", keys, SystemClock(), base_url)


@pytest.mark.parametrize("exchange", sorted(ANSWERS))
async def test_spot_and_funding_wallets_are_summed(exchange: str) -> None:
    async with recorded(ANSWERS[exchange]) as served:
        source = wallets(exchange, "all", served.base_url)
        assert (await source.read()).coins == D("1.63")
        await source.close()
    assert {f"{row.method} {row.path}" for row in served.log} == set(ANSWERS[exchange])


@pytest.mark.parametrize("exchange", ["binance", "bybit", "okx"])
@pytest.mark.parametrize(("which", "coins"), [("spot", "1.3"), ("funding", "0.33")])
async def test_one_wallet_alone_can_be_read(exchange: str, which: str, coins: str) -> None:
    async with recorded(ANSWERS[exchange]) as served:
        source = wallets(exchange, which, served.base_url)
        assert (await source.read()).coins == D(coins)
        await source.close()
    assert len(served.log) == 1


@pytest.mark.parametrize("exchange", sorted(ANSWERS))
async def test_a_key_that_is_refused_is_an_error_and_never_zero(exchange: str) -> None:
    async with recorded(dict.fromkeys(ANSWERS[exchange], REFUSALS[exchange])) as served:
        source = wallets(exchange, "all", served.base_url)
        with pytest.raises(Exception, match=r"refused|HTTP 40|[Ii]nvalid") as caught:
            await source.read()
        await source.close()
    assert "key-of-a-test" not in str(caught.value)


@pytest.mark.parametrize("exchange", sorted(ANSWERS))
@pytest.mark.parametrize("answer", [{}, [], None, {"result": None}, "<html>"])
async def test_an_answer_of_another_shape_is_an_error_and_never_zero(exchange: str, answer: object) -> None:
    first = next(iter(ANSWERS[exchange]))
    async with recorded({**ANSWERS[exchange], first: answer}) as served:
        source = wallets(exchange, "all", served.base_url)
        with pytest.raises(Exception, match=r".") as caught:
            await source.read()
        await source.close()
    assert isinstance(caught.value, PortError) or type(caught.value).__name__ == "Unreadable"


@pytest.mark.parametrize("exchange", sorted(ANSWERS))
async def test_an_exchange_that_answers_with_html_is_said_to(exchange: str) -> None:
    first = next(iter(ANSWERS[exchange]))
    async with recorded({**ANSWERS[exchange], first: "<html>maintenance</html>"}) as served:
        source = wallets(exchange, "all", served.base_url)
        with pytest.raises(Exception, match="answered with HTML or XML, not JSON"):
            await source.read()
        await source.close()


async def test_pages_of_accounts_are_followed_to_their_end() -> None:
    page = {"accounts": [held("BTC", "1", "0")], "has_next": True, "cursor": "next"}
    async with recorded({"GET /api/v3/brokerage/accounts": page}) as served:
        source = wallets("coinbase", "all", served.base_url)
        with pytest.raises(Exception, match="more than 5000 accounts"):
            await source.read()
        await source.close()
    assert [row.words.get("cursor") for row in served.log[:3]] == [None, "next", "next"]
