"""Does a request leave only for the right host, signed only when it may be, once, and without a secret in any trace of it?"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from adapters.ccxt_client import CcxtClient, Failed, Keys
from adapters.clock import SystemClock
from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.exchanges.ccxt_open import VENUES, open_venue
from adapters.request_budget import Errand
from adapters.venue_sessions import Sending
from bot.core.model import Side
from bot.ports import Misconfigured, NotSent, Unknown
from tests.contract.ccxt_driver import ENVIRONMENT, INVERSE, CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted, approved, seen
from tests.venue_server import KEY, PASSPHRASE, SECRET

NAMES = sorted(ENVIRONMENT)
PLACES = [(name, environment) for name, venue in sorted(VENUES.items()) for environment in venue.places]
KEYS = Keys(KEY, SECRET, PASSPHRASE)


@pytest.fixture(params=NAMES)
async def venue(request: pytest.FixtureRequest) -> AsyncIterator[CcxtUnderTest]:
    async with under_test(request.param, Wanted(collateral={"BTC": D(10)})) as made:
        assert isinstance(made, CcxtUnderTest)
        yield made


def client(name: str, environment: str, **more: Any) -> CcxtClient:
    return open_venue(name, environment, KEYS, SystemClock(), None, **more).client


# ------------------------------------------------------------------------------------------------------------------ hosts and proofs


@pytest.mark.parametrize(("name", "environment"), PLACES)
async def test_only_the_hosts_of_the_environment_are_admitted(name: str, environment: str) -> None:
    made = client(name, environment)
    place = VENUES[name].places[environment]
    headers = dict([place.header]) if place.header else {}
    for host in place.hosts:
        made.admit(f"https://{host}/any/path", headers)
    for other in {host for each in VENUES[name].places.values() for host in each.hosts} - place.hosts | {"example.org"}:
        with pytest.raises(NotSent, match="is not a host"):
            made.admit(f"https://{other}/any/path", headers)
    await made.close()


async def test_without_okx_header_it_is_production_and_nothing_goes() -> None:
    made = client("okx", "demo")
    with pytest.raises(NotSent, match="x-simulated-trading"):
        made.admit("https://www.okx.com/api/v5/account/balance", {})
    made._api.headers = {}
    with pytest.raises(Misconfigured, match="production"):
        made.prove()
    await made.close()


@pytest.mark.parametrize(("name", "environment"), PLACES)
async def test_base_url_moves_every_address_and_keeps_its_path(name: str, environment: str) -> None:
    before = client(name, environment)
    made = client(name, environment, base_url="http://127.0.0.1:9", allow_base_url_production=True)
    for section, address in before._api.urls["api"].items():
        if isinstance(address, str):
            path = address.split("://")[1].partition("/")[2]
            assert made._api.urls["api"][section] == f"http://127.0.0.1:9{'/' if path else ''}{path}"
    for section in ("api", "test", "demo", "demotrading"):
        assert "https://" not in str(made._api.urls.get(section))
    with pytest.raises(NotSent):
        made.admit(f"https://{next(iter(VENUES[name].places[environment].hosts))}/", {"x-simulated-trading": "1"})
    await before.close()
    await made.close()


async def test_an_address_that_was_left_behind_refuses_to_start() -> None:
    made = client("bybit", "testnet", base_url="http://127.0.0.1:9")
    made._api.urls["api"]["private"] = "https://api.bybit.com"
    with pytest.raises(Misconfigured, match=r"api\.bybit\.com"):
        made.prove()
    await made.close()


def test_production_over_base_url_needs_its_own_word() -> None:
    with pytest.raises(Misconfigured, match="allow_base_url_production"):
        client("bybit", "production", base_url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("name", "environment", "offered"), [("okx", "testnet", "demo or production"), ("deribit", "demo", "testnet or production")]
)
def test_an_environment_the_venue_lacks_is_refused_with_its_own(name: str, environment: str, offered: str) -> None:
    with pytest.raises(Misconfigured, match=offered):
        client(name, environment)


# ------------------------------------------------------------------------------------------------------------------ the sign gate


async def test_a_closed_gate_lets_no_placement_leave(venue: CcxtUnderTest) -> None:
    venue.close_gate("killed")
    with pytest.raises(NotSent, match="killed"):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
    assert venue.server.changes == []


async def test_a_gate_that_refuses_an_order_is_asked_before_its_signature_is_made(
    venue: CcxtUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Sending] = []
    through = venue.exchange.client._through

    async def watched(sending: Sending, *more: Any) -> object:
        begun.append(sending)
        return await through(sending, *more)

    def killed(order: object) -> None:
        if order is not None:  # as when killed: cancels may go
            raise NotSent("killed (test)")

    monkeypatch.setattr(venue.exchange.client, "_through", watched)
    monkeypatch.setattr(venue.exchange.client._gate, "check", killed)
    with pytest.raises(NotSent, match="killed"):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
    assert [(sending.errand, sending.signed) for sending in begun if sending.order is not None] == [(Errand.PLACE, False)]


async def test_a_gate_that_closes_while_the_connection_is_made_lets_no_byte_of_a_signed_placement_leave(
    venue: CcxtUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = aiohttp.TCPConnector.connect

    async def slowly(self: Any, *given: Any, **more: Any) -> Any:
        venue.close_gate("this process slept past its lease")
        return await connect(self, *given, **more)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", slowly)
    with pytest.raises(NotSent, match="slept past its lease"):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
    assert venue.server.changes == []


async def test_an_order_past_its_deadline_is_dropped_in_the_queue(venue: CcxtUnderTest) -> None:
    venue.exchange.client._budget.hold(5_000, "silence")
    with pytest.raises(NotSent, match="silence"):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000, deadline_mono_ms=venue.clock.mono_ms() + 1_000))
    assert venue.server.changes == []


async def test_a_read_cannot_sign_a_placement(venue: CcxtUnderTest) -> None:
    exchange = venue.exchange
    asked = exchange.venue.place(exchange.listed(INVERSE), approved(venue, "a1", Side.SELL, 1, 61000))
    with pytest.raises(NotSent, match="not signed"):
        await exchange.client.call(asked.method, asked.as_dict, Errand.READ)
    assert venue.server.changes == []


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("deribit", "privateGetClosePosition"), ("deribit", "privateGetWithdraw"), ("bybit", "privatePostV5OrderCancelAll"),
        ("bybit", "privatePostV5AssetWithdrawCreate"), ("okx", "privatePostTradeClosePosition"),
        ("binancecoinm", "dapiPrivatePostMarginType"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("errand", list(Errand))
async def test_what_the_bot_has_no_use_for_is_never_signed(name: str, method: str, errand: Errand) -> None:
    made = client(name, ENVIRONMENT[name], base_url="http://127.0.0.1:9")
    with pytest.raises(NotSent, match="not among"):
        await made.call(method, {}, errand)
    await made.close()


# ------------------------------------------------------------------------------------------------------------------ once


async def until(happened: Callable[[], bool]) -> None:
    """The server runs in this loop: let it."""
    for _ in range(100_000):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


FAULTS = ["lost_ack", "drop", "reset", "html", "empty", "null", "braces", "truncate"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_order_in_doubt_was_sent_once_and_is_unknown(venue: CcxtUnderTest, fault: str) -> None:
    """Orders that are GETs included, which aiohttp would send again."""
    venue.server.faults.add(fault, "place")
    with pytest.raises(Unknown):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
    assert len(venue.server.asked("place")) == 1
    taken = venue.core.by_client_id("a1")
    assert len(taken) == (0 if fault == "drop" else 1)
    found = (await seen(venue, "a1")).found
    assert found is not None
    assert len(found) == len(taken)


@pytest.mark.parametrize("status", [502, 503, 504, 520, 307])
async def test_a_status_of_the_way_leaves_it_unknown_and_nothing_is_followed(venue: CcxtUnderTest, status: int) -> None:
    venue.server.faults.add("status", "place", status=status)
    with pytest.raises(Unknown):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
    assert len(venue.server.asked("place")) == 1


async def test_a_cancelled_task_leaves_an_order_that_is_looked_up_and_not_sent_again(venue: CcxtUnderTest) -> None:
    venue.server.faults.add("delay", "place", delay_ms=1_000)
    order = approved(venue, "a1", Side.SELL, 1, 61000)
    task = asyncio.create_task(venue.exchange.place(order))
    await until(lambda: bool(venue.server.asked("place")))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: bool(venue.core.by_client_id("a1")))
    assert (await venue.exchange.place(order)).client_id == "a1"
    assert len(venue.server.asked("place")) == 1


# ------------------------------------------------------------------------------------------------------------------ secrets


async def test_no_secret_is_in_any_log_error_or_repr(venue: CcxtUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("ccxt").setLevel(logging.DEBUG)
    exchange: CcxtExchange = venue.exchange
    told: list[str] = [repr(exchange), repr(exchange.client), repr(KEYS), str(vars(exchange))]
    for fault in ("lost_ack", "html", "truncate"):
        venue.server.faults.add(fault, "place")
        with pytest.raises(Unknown) as error:
            await exchange.place(approved(venue, f"p{fault.replace('_', '')}", Side.SELL, 1, 61000))
        chain: BaseException | None = error.value
        while chain is not None:
            told += [str(chain), repr(chain)]
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    for kind in ("html", "lost_ack", "truncate"):
        venue.server.faults.add(kind, "read", count=20)
        told += (await seen(venue, "a1")).errors
    for row in told + [record.getMessage() for record in caplog.records]:
        for secret in (KEY, SECRET, PASSPHRASE):
            assert secret not in row
        assert "signature=" not in row.replace("signature=***", "")


async def test_paper_mode_never_loads_ccxt() -> None:
    code = "import sys, bot.wiring.past, bot.cli; sys.exit(any(name == 'ccxt' or name.startswith('ccxt.') for name in sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0


async def test_an_order_that_ccxt_would_round_is_refused_before_the_signature(venue: CcxtUnderTest) -> None:
    listed = venue.exchange.listed(INVERSE)
    finer = replace(listed.instrument, tick=listed.instrument.tick / 10)
    venue.exchange.listings.known[INVERSE] = replace(listed, instrument=finer)
    with pytest.raises(Exception, match="as another order") as told:
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, "61000.01"))
    assert not isinstance(told.value, Failed)
    assert venue.server.changes == []
