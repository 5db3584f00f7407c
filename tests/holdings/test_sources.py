"""What a source says counts while it is fresh and makes sense; whatever else it answers is UNKNOWN in words, never 0."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from adapters.clock import VirtualClock
from adapters.holdings.document import Document
from adapters.holdings.followed import Followed, Reading, SourcedBag
from adapters.holdings.watched import BitcoinAddress, EthereumAddress

D = Decimal
BTC = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
ETH = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
NOW_MS = 1_772_366_400_000  # 2026-03-01 12:00:00 UTC
URL = "https://coins.example/bag.json"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as made:
        yield made


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW_MS)


def wait(clock: VirtualClock, seconds: int) -> None:
    clock.advance_to(clock.now_ms() + seconds * 1000)


def bag_of(clock: VirtualClock, *sources: Any, declared: str = "0") -> SourcedBag:
    named = [Followed("BTC", f"s{at}", source, poll_ms=60_000, max_age_ms=900_000, clock=clock) for at, source in enumerate(sources)]
    return SourcedBag({"BTC": D(declared)}, named)


class Says:
    """A source that says what the test tells it."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.asked = list(answers), 0

    async def read(self) -> Reading:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Reading(D(str(answer)))


async def seen(bag: SourcedBag) -> tuple[Decimal | None, str]:
    held = (await bag.coins(["BTC"]))["BTC"]
    return held, "; ".join(told.error for told in bag.sources() if told.error)


# ------------------------------------------------------------------------------------------------------------------ sums and ages


async def test_declared_and_read_coins_are_summed(clock):
    assert await seen(bag_of(clock, Says("0.1"), Says("0.2"), declared="1")) == (D("1.3"), "")


async def test_one_source_that_fails_makes_the_sum_unknown_and_says_why(clock):
    held, why = await seen(bag_of(clock, Says("0.1"), Says(OSError("no route")), declared="1"))
    assert held is None
    assert why == "no route"


async def test_an_asset_that_nobody_declared_is_unknown(clock):
    assert await bag_of(clock, Says("1")).coins(["BTC", "ETH"]) == {"BTC": D(1), "ETH": None}


async def test_it_is_asked_no_more_often_than_its_poll(clock):
    source = Says("1")
    bag = bag_of(clock, source)
    for seconds, asked in ((0, 1), (59, 1), (1, 2), (60, 3)):
        wait(clock, seconds)
        await bag.coins(["BTC"])
        assert source.asked == asked


@pytest.mark.parametrize(("age", "counts"), [(900, True), (901, False)])
async def test_the_last_good_amount_counts_up_to_its_age(clock, age, counts):
    bag = bag_of(clock, Says("2", OSError("gone")))
    assert await seen(bag) == (D(2), "")
    wait(clock, age)
    held, why = await seen(bag)
    assert held == (2 if counts else None)
    assert why.startswith("gone; its amount of 2026-03-01 12:00:00 UTC")
    assert ("too old" in why) is not counts


async def test_a_source_that_answers_again_counts_again(clock):
    bag = bag_of(clock, Says("2", OSError("gone"), "2.1"))
    await seen(bag)
    wait(clock, 1000)
    assert (await seen(bag))[0] is None
    wait(clock, 60)
    assert await seen(bag) == (D("2.1"), "")


@pytest.mark.parametrize(("now", "believed"), [("0.21", True), ("0.2", False), ("0", False), ("3.79", True), ("3.8", False)])
async def test_an_amount_that_jumps_by_nine_tenths_is_held_and_told(clock, now, believed):
    bag = bag_of(clock, Says("2", now))
    await seen(bag)
    wait(clock, 60)
    held, why = await seen(bag)
    assert held == (D(now) if believed else 2)
    assert ("which is not believed; if it is true, restart the bot" in why) is not believed
    wait(clock, 900)
    assert (await seen(bag))[0] == (D(now) if believed else None)


async def test_coins_in_an_empty_wallet_are_no_jump(clock):
    bag = bag_of(clock, Says("0", "5"))
    await seen(bag)
    wait(clock, 60)
    assert await seen(bag) == (D(5), "")


async def test_a_source_that_hangs_does_not_hold_up_the_others(clock, monkeypatch):
    monkeypatch.setattr("adapters.holdings.followed.PATIENCE_SECONDS", 0.01)
    release = asyncio.Event()

    class Slow:
        async def read(self) -> Reading:
            await release.wait()
            return Reading(D(3))

    bag = bag_of(clock, Slow(), Says("1"))
    assert await seen(bag) == (None, "has not answered yet")
    release.set()
    await asyncio.sleep(0)
    assert await seen(bag) == (D(4), "")
    await bag.close()


# ------------------------------------------------------------------------------------------------------------------ bad answers

BAD = [
    (httpx.Response(200, html="<html>login</html>"), "answered with HTML, not JSON"),
    (httpx.Response(200, content=b"<html>login</html>"), "answered with HTML or XML"),
    (httpx.Response(200, content=b"{"), "what is no JSON"),
    (httpx.Response(200, content=b"\xff\xfe"), "no UTF-8 text"),
    (httpx.Response(200, content=b"[" * 60_000), "nested too deeply"),
    (httpx.Response(200, content=b" " * 65_537), "more than 64 KiB"),
    (httpx.Response(200, json={}), "has no coins in its answer"),
    (httpx.Response(200, json={"coins": {"ETH": 1}}), "has no coins.BTC in its answer"),
    (httpx.Response(200, json={"coins": {"BTC": None}}), "is no amount of coins"),
    (httpx.Response(200, json={"coins": {"BTC": -1}}), "is no amount of coins"),
    (httpx.Response(200, json={"coins": {"BTC": "1e30"}}), "is no amount of coins"),
    (httpx.Response(200, json={"coins": {"BTC": True}}), "is no amount of coins"),
    (httpx.Response(200, content=b'{"coins": {"BTC": NaN}}'), "NaN, which is no number"),
    (httpx.Response(200, json={"coins": {"BTC": 1}, "as_of": "yesterday"}), "which is no time"),
    (httpx.Response(200, json={"coins": {"BTC": 1}, "as_of": "2026-03-01T12:01:01Z"}), "has not come yet"),
    (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "redirects to https://elsewhere.example/"),
    (httpx.Response(404), "answered HTTP 404"),
    (httpx.Response(503), "answered HTTP 503"),
    (httpx.ReadTimeout("slow"), "did not answer within 8 seconds"),
    (httpx.ConnectError("refused"), r"cannot be reached \(refused\)"),
]


@pytest.mark.parametrize(("answer", "why"), BAD, ids=[why[:30] for _, why in BAD])
@respx.mock
async def test_each_bad_answer_of_a_document_is_unknown_with_its_reason(client, clock, answer, why):
    respx.get(URL).mock(**{"side_effect" if isinstance(answer, Exception) else "return_value": answer})
    held, said = await seen(bag_of(clock, Document(client, URL, "coins.BTC", clock)))
    assert held is None
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(said)


@pytest.mark.parametrize("path", ["coins.BTC", "wallets.cold.btc"])
@respx.mock
async def test_a_document_tells_coins_digit_for_digit(client, clock, path):
    respx.get(URL).respond(content=b'{"coins": {"BTC": 0.1}, "wallets": {"cold": {"btc": "0.1"}}}')
    assert await seen(bag_of(clock, Document(client, URL, path, clock))) == (D("0.1"), "")


@pytest.mark.parametrize(("stamp", "counts"), [("2026-03-01T11:45:00Z", True), ("2026-03-01T11:44:59", False)])
@respx.mock
async def test_a_document_is_as_old_as_it_says(client, clock, stamp, counts):
    respx.get(URL).respond(json={"coins": {"BTC": 1}, "as_of": stamp})
    held, why = await seen(bag_of(clock, Document(client, URL, "coins.BTC", clock)))
    assert (held is not None) is counts
    assert bool(why) is not counts


# ------------------------------------------------------------------------------------------------------------------ addresses


def esplora(**stats: int) -> dict[str, Any]:
    sums = {"funded_txo_sum": 0, "spent_txo_sum": 0}
    return {"address": BTC, "chain_stats": {**sums, **stats}, "mempool_stats": {"funded_txo_sum": 30_000_000, "spent_txo_sum": 100_000_001}}


@respx.mock
async def test_a_bitcoin_address_counts_the_mempool(client, clock):
    respx.get(f"https://chain.example/api/address/{BTC}").respond(json=esplora(funded_txo_sum=250_000_000, spent_txo_sum=50_000_000))
    assert await seen(bag_of(clock, BitcoinAddress(client, "https://chain.example/api/", BTC))) == (D("1.29999999"), "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({**esplora(), "address": "bc1qother"}, "about another address"),
        (esplora(), "more was spent than was ever paid"),
        ({"address": BTC}, "has no chain_stats in its answer"),
        ({**esplora(), "chain_stats": {"funded_txo_sum": "1.5x", "spent_txo_sum": 0}}, "is no amount of coins"),
    ],
)
@respx.mock
async def test_a_bitcoin_answer_that_makes_no_sense_is_unknown(client, clock, answer, why):
    respx.get(f"https://chain.example/api/address/{BTC}").respond(json=answer)
    held, said = await seen(bag_of(clock, BitcoinAddress(client, "https://chain.example/api", BTC)))
    assert held is None
    assert why in said


@respx.mock
async def test_an_ethereum_address_tells_its_balance(client, clock):
    route = respx.post("https://node.example/").respond(json={"jsonrpc": "2.0", "id": 1, "result": hex(12_345_678_901_234_567_890)})
    assert await seen(bag_of(clock, EthereumAddress(client, "https://node.example/", ETH))) == (D("12.345678901234567890"), "")
    asked = json.loads(route.calls.last.request.content)
    assert (asked["method"], asked["params"]) == ("eth_getBalance", [ETH, "latest"])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"error": {"code": -32000, "message": "header not found"}}, "refused: 'header not found'"),
        ({"result": None}, "is no hexadecimal number"),
        ({"result": "0x"}, "is no hexadecimal number"),
        ({"result": 12}, "is no hexadecimal number"),
        ({}, "has no result in its answer"),
    ],
)
@respx.mock
async def test_an_ethereum_answer_that_makes_no_sense_is_unknown(client, clock, answer, why):
    respx.post("https://node.example/").respond(json=answer)
    held, said = await seen(bag_of(clock, EthereumAddress(client, "https://node.example/", ETH)))
    assert held is None
    assert why in said
