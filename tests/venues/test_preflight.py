"""Is an account that is not fit for a hedge found out before the first order, and is nothing signed where the environment is in doubt?"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from adapters.ccxt_client import CcxtClient, Failed
from adapters.clock import SystemClock
from adapters.exchanges.ccxt_open import VENUES, open_venue
from adapters.exchanges.preflight import ATTENTION, CONFIGURATION, Finding, Wish, preflight, skew
from adapters.request_budget import Errand
from bot.core.model import Side
from bot.ports import Clock, Misconfigured, NotReady, NotSent, PortError, Unknown
from bot.settings import Settings, load
from bot.wiring.fit import findings as judge
from bot.wiring.fit import fit_to_hedge
from tests.contract.ccxt_driver import ENVIRONMENT, INVERSE, CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted, approved, seen
from tests.live.desk import until
from tests.venues.test_client import KEYS

NAMES = sorted(ENVIRONMENT)


@pytest.fixture(params=NAMES)
async def venue(request: pytest.FixtureRequest) -> AsyncIterator[CcxtUnderTest]:
    async with under_test(request.param, Wanted(collateral={"BTC": D(10)})) as made:
        assert isinstance(made, CcxtUnderTest)
        yield made


async def found(venue: CcxtUnderTest, **more: Any) -> tuple[Finding, ...]:
    words = {"live": True, "min_order_usd": D(100), "max_order_usd": D(1000), "max_position_usd": D(10_000), **more}
    return await preflight(venue.exchange, [INVERSE], venue.clock, Wish(**words))


async def findings(venue: CcxtUnderTest, **more: Any) -> str:
    return " | ".join(f"{finding.severity} {finding}" for finding in await found(venue, **more))


# ------------------------------------------------------------------------------------------------------------------ the account


async def test_a_fit_account_has_nothing_against_it(venue: CcxtUnderTest) -> None:
    told = await findings(venue)
    assert "error" not in told
    assert "did not tell" not in told
    assert venue.server.changes == []


async def test_hedge_mode_refuses_where_a_venue_has_one(venue: CcxtUnderTest) -> None:
    venue.core.hedge_mode = True
    assert ("error" in (told := await findings(venue))) == ("hedge mode" in told) == (venue.name in {"bybit", "okx", "binancecoinm"})


async def test_isolated_margin_refuses_where_a_venue_keeps_it_as_a_setting(venue: CcxtUnderTest) -> None:
    venue.core.margin_mode = "isolated"
    venue.core.isolated.add(INVERSE)
    told = [each.what for each in await found(venue) if each.severity == "error"]
    shown = venue.name in {"bybit", "krakenfutures", "binancecoinm"}
    assert told == ([f"{INVERSE} is on isolated margin at {venue.exchange.venue.title}"] if shown else [])


@pytest.mark.parametrize("venue", ["binancecoinm"], indirect=True)
@pytest.mark.parametrize("isolated", [True, False])
async def test_a_mode_that_only_the_position_tells_refuses_too_and_names_the_setting(venue: CcxtUnderTest, isolated: bool) -> None:
    venue.server.faults.add("status", "read-balance" if isolated else "read-account", status=500)
    venue.core.hedge_mode = not isolated
    if isolated:
        venue.core.isolated.add(INVERSE)
    (one,) = [each for each in await found(venue) if each.severity == "error"]
    assert f"does not show one position of {INVERSE} ({'the contract is on isolated' if isolated else ''}" in one.what
    assert f"set {INVERSE} to one-way (net) mode and cross margin" in one.remedy
    assert one.exit_code == CONFIGURATION


@pytest.mark.parametrize(
    ("venue", "garbled", "modes"),
    [
        ("bybit", False, {"the margin mode"}),
        ("bybit", True, {"the position mode", "the margin mode"}),
        ("okx", False, {"the position mode"}),
    ],
    indirect=["venue"],
)
async def test_what_a_venue_does_not_tell_of_account_and_key_is_asked_of_a_person(
    venue: CcxtUnderTest, garbled: bool, modes: set[str]
) -> None:
    title = venue.exchange.venue.title
    if garbled:
        venue.server.rights.extra["permissions"] = "all"

    async def untold(**more: Any) -> set[str]:
        if not garbled:
            venue.server.faults.add("status", "read-account", status=500, count=1 if venue.name == "okx" else 2)
        told = await found(venue, transfers=True, **more)
        assert {each.severity for each in told} == {"warning"}
        return {each.what for each in told}

    unknown = {f"{title} did not tell {mode}" for mode in modes}
    trade, withdraw = f"{title} does not tell whether the key may trade", f"{title} does not tell whether the key can withdraw"
    assert await untold() == {*unknown, trade}
    assert await untold(live=False) == unknown
    venue.exchange.environment = "production"
    assert await untold() == {*unknown, trade, withdraw}


async def test_an_empty_account_is_told_to_be_funded_and_is_nobodys_setting(venue: CcxtUnderTest) -> None:
    venue.core.wallets.clear()
    (one,) = [each for each in await found(venue) if "there is no BTC in the futures account" in each.what]
    assert (one.severity, one.exit_code) == ("error", ATTENTION)
    (one,) = [each for each in await found(venue, live=False) if "there is no BTC in the futures account" in each.what]
    assert one.severity == "warning"  # a plan can be looked at without


@pytest.mark.parametrize("offset_ms", [-5_000, -1_000, 1_000, 5_000])
async def test_a_clock_that_is_off_refuses_and_nothing_else_is_asked(venue: CcxtUnderTest, offset_ms: int) -> None:
    venue.core.clock_offset_ms = offset_ms
    asked = len(venue.server.log)
    (one,) = await found(venue)
    assert ("behind" if offset_ms > 0 else "ahead of") in one.what
    assert (one.severity, one.exit_code) == ("error", ATTENTION)
    assert len(venue.server.log) == asked + 1


@dataclass
class Slow:
    """This machine's clock while the venue takes `ms` to answer, its time being that of the middle."""

    real: Clock
    ms: int
    asked: int = 0

    def now_ms(self) -> int:
        self.asked += 1
        return self.real.now_ms() + (-self.ms if self.asked % 2 else self.ms) // 2

    def mono_ms(self) -> int:
        return self.real.mono_ms()

    async def sleep_ms(self, duration_ms: int) -> None:
        await self.real.sleep_ms(duration_ms)


@pytest.mark.parametrize("venue", ["okx"], indirect=True)
@pytest.mark.parametrize(("offset_ms", "good"), [(-1_300, True), (1_300, True), (-1_700, False), (1_700, False)])
async def test_a_clock_is_not_called_wrong_for_an_answer_that_took_its_time(venue: CcxtUnderTest, offset_ms: int, good: bool) -> None:
    """The venue may have read its clock at any moment of the two seconds."""
    venue.core.clock_offset_ms = offset_ms
    assert (await skew(venue.exchange, Slow(venue.clock, 2_000)) == []) is good


@pytest.mark.parametrize("venue", ["okx"], indirect=True)
async def test_a_venue_that_does_not_tell_its_time_is_nobodys_setting_and_nothing_else_is_asked(venue: CcxtUnderTest) -> None:
    venue.server.faults.add("status", "public-time", status=502, count=100)
    (one,) = await found(venue)
    assert "does not tell its time" in one.what
    assert (one.severity, one.exit_code) == ("error", ATTENTION)


@pytest.mark.parametrize("offset_ms", [-400, 400])
async def test_a_clock_within_half_a_second_is_good(venue: CcxtUnderTest, offset_ms: int) -> None:
    venue.core.clock_offset_ms = offset_ms
    assert "clock" not in await findings(venue)


async def test_a_key_that_withdraws_warns_on_a_test_and_refuses_on_production(venue: CcxtUnderTest) -> None:
    venue.server.rights.withdraw = True
    tells = venue.name not in {"krakenfutures", "binancecoinm"}  # never; and on production only
    assert ("warning the key can withdraw" in (told := await findings(venue))) == tells
    assert "allow_withdraw_key" not in told
    assert "whether the key can withdraw" not in told
    assert not any(each.on_record for each in await found(venue, allow_withdraw_key=True))
    venue.exchange.environment = "production"
    assert ("error the key can withdraw" in (told := await findings(venue))) == ("venue.allow_withdraw_key: true" in told) == tells
    assert ("does not tell whether the key can withdraw" in told) == (not tells)
    allowed = await found(venue, allow_withdraw_key=True)
    assert [each.on_record for each in allowed if each.on_record] == (["a key that can withdraw"] if tells else [])
    assert all(each.severity == "warning" for each in allowed)


async def test_a_key_without_the_right_to_trade_may_plan_and_not_hedge(venue: CcxtUnderTest) -> None:
    venue.server.rights.trade = False
    tells = venue.name not in {"krakenfutures", "binancecoinm"}
    assert ("error the key may not trade" in (told := await findings(venue))) == tells
    assert ("does not tell whether the key may trade" in told) == (not tells)
    assert "error" not in (told := await findings(venue, live=False))
    assert "does not tell" not in told


async def test_a_wrong_key_is_one_error_that_names_the_environment(venue: CcxtUnderTest) -> None:
    venue.exchange.client._api.apiKey = "another-key-altogether"
    (one,) = [each for each in await found(venue) if each.severity == "error"]
    assert ENVIRONMENT[venue.name] in one.remedy
    assert one.exit_code == CONFIGURATION
    assert "did not tell the" not in await findings(venue)  # what was not told follows from the key


@pytest.mark.parametrize("key", ["max_order_usd", "max_position_usd"])
async def test_a_limit_below_the_smallest_order_refuses_and_at_it_is_good(venue: CcxtUnderTest, key: str) -> None:
    instrument = venue.exchange.listed(INVERSE).instrument
    smallest = instrument.contract_size * instrument.min_contracts
    assert f"{key} is " in await findings(venue, **{key: smallest - D("0.01")})
    assert f"{key} is " not in await findings(venue, **{key: smallest})


async def test_a_clock_that_steps_while_running_leaves_no_price_to_trade_on_until_it_is_right_again(venue: CcxtUnderTest) -> None:
    assert (await seen(venue)).quote is not None
    venue.core.clock_offset_ms = 4_000  # less than any venue refuses a signature for
    await venue.clock.sleep_ms(2_001)
    view = await seen(venue)
    assert view.quote is None
    assert any(error.startswith("clock: ") and "NTP" in error for error in view.errors)
    assert view.position is not None
    venue.core.clock_offset_ms = 0
    await venue.clock.sleep_ms(2_001)
    assert (await seen(venue)).quote is not None


# ------------------------------------------------------------------------------------------------------------------ again, or never again


async def test_a_read_at_the_start_is_asked_three_times_and_a_placement_once(venue: CcxtUnderTest) -> None:
    venue.server.faults.add("status", "public-markets", status=502, count=2)
    before = len(venue.server.asked("public-markets"))
    await venue.exchange.connect([INVERSE])
    lists = len(venue.server.asked("public-markets")) - before
    assert lists >= 3
    venue.server.faults.add("status", "place", status=502, count=5)
    with pytest.raises(Unknown):
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
    assert len(venue.server.asked("place")) == 1


async def test_a_venue_that_stays_away_ends_the_start_and_blames_no_setting(venue: CcxtUnderTest) -> None:
    venue.server.faults.add("maintenance", "public", count=100)
    with pytest.raises(NotReady, match="under maintenance"):
        await venue.exchange.connect([INVERSE])


GATE = "<html>403 Forbidden</html>"


@pytest.mark.parametrize(
    ("status", "text", "silent_ms"),
    [
        (429, "", 1_000), (418, "", 60_000), (403, GATE, 60_000), (403, "403, Access too frequent.", 600_000),
        (403, '{"retMsg": "access too frequent"}', 600_000), (403, '{"code": "1"}', 0), (503, "", 0),
    ],
)  # fmt: skip
async def test_a_ban_that_does_not_tell_its_length_is_kept_for_as_long_as_the_venue_documents(
    venue: CcxtUnderTest, status: int, text: str, silent_ms: int
) -> None:
    venue.server.faults.add("status", "read", status=status, text=text)
    began_ms = venue.clock.now_ms()
    with pytest.raises(Failed):
        await venue.exchange.client.call(READ[venue.name], {})
    spent_ms = venue.clock.now_ms() - began_ms
    left_ms = venue.exchange.client._budget._banned_until_ms - venue.clock.mono_ms()
    assert silent_ms - spent_ms - 10 <= left_ms <= silent_ms if silent_ms else left_ms <= 0


async def test_a_gate_that_shuts_out_this_address_is_named_at_the_start_and_left_alone(venue: CcxtUnderTest) -> None:
    venue.server.faults.add("status", "any", status=403, text=GATE, count=1000)
    with pytest.raises(NotReady, match="lets nothing in from this address"):
        await venue.exchange.connect([INVERSE])
    asked = len(venue.server.log)
    assert any("shut out; silent until" in error for error in (await seen(venue)).errors)
    assert len(venue.server.log) == asked


@pytest.mark.parametrize("status", [429, 418])
async def test_a_venue_that_asks_for_silence_is_left_alone_until_it_ends(venue: CcxtUnderTest, status: int) -> None:
    venue.server.faults.add("status", "any", status=status, retry_after_s=90)
    with pytest.raises(NotReady, match="asks for silence"):
        await venue.exchange.connect([INVERSE])
    asked = len(venue.server.log)
    for _ in range(3):
        view = await seen(venue, "a1")
        assert view.position is None
        assert any("silent until" in error for error in view.errors)
        with pytest.raises(PortError):
            await venue.exchange.cancel(INVERSE, "a1")
    assert len(venue.server.log) == asked
    await venue.clock.sleep_ms(90_001)
    assert (await seen(venue)).position is not None


# ------------------------------------------------------------------------------------------------------------------ the environment

Sabotage = Callable[[CcxtClient], object]
PRODUCTION = {
    "bybit": "https://api.bybit.com", "okx": "https://www.okx.com", "deribit": "https://www.deribit.com",
    "krakenfutures": "https://futures.kraken.com/derivatives/api/", "binancecoinm": "https://dapi.binance.com/dapi/v1",
}  # fmt: skip
PLACES = [(name, place) for name in NAMES for place in VENUES[name].places if place != "production"]
READ = {
    "bybit": "privateGetV5AccountInfo", "okx": "privateGetAccountConfig", "deribit": "privateGetGetPositions",
    "krakenfutures": "privateGetAccounts", "binancecoinm": "dapiPrivateGetAccount",
}  # fmt: skip


def watched(client: CcxtClient) -> list[str]:
    """Every signature that is made from here on, and every request that would leave."""
    made: list[str] = []
    base = type(client._api).__mro__[1]

    class Watched(type(client._api)):  # type: ignore[misc]
        async def fetch(self, url: str, *rest: Any) -> Any:
            made.append(url)
            raise AssertionError(f"{url} was about to be sent")

    real = base.hmac

    def hmac(*words: Any, **more: Any) -> Any:
        made.append("signed")
        return real(*words, **more)

    client._api.__class__ = Watched
    client._api.hmac = hmac
    return made


@pytest.mark.parametrize(("name", "environment"), PLACES)
@pytest.mark.parametrize("base_url", [None, "http://127.0.0.1:9"])
async def test_a_section_of_addresses_left_at_production_signs_nothing(name: str, environment: str, base_url: str | None) -> None:
    client = open_venue(name, environment, KEYS, SystemClock(), None, base_url=base_url).client
    urls = client._api.urls["api"]
    stray = "https://my.okx.com" if name == "okx" else PRODUCTION[name]  # OKX's demo shares its host with production
    for section in urls:
        if isinstance(urls[section], str):
            urls[section] = stray
    made = watched(client)
    with pytest.raises(NotSent, match="not a host of this environment"):
        await client.call(READ[name], {"currency": "BTC"})
    assert made == []
    await client.close()


@pytest.mark.parametrize(("name", "environment"), PLACES)
async def test_a_section_without_an_address_signs_nothing(name: str, environment: str) -> None:
    client = open_venue(name, environment, KEYS, SystemClock(), None).client
    client._api.urls["api"] = {}
    made = watched(client)
    with pytest.raises(NotSent, match="nowhere"):
        await client.call(READ[name], {"currency": "BTC"})
    assert made == []
    await client.close()


@pytest.mark.parametrize("headers", [{}, {"x-simulated-trading": "0"}, None])
async def test_okx_without_its_header_signs_nothing(headers: dict[str, str] | None) -> None:
    client = open_venue("okx", "demo", KEYS, SystemClock(), None).client
    client._api.headers = headers
    made = watched(client)
    with pytest.raises(NotSent, match="this is production"):
        await client.call(READ["okx"], {})
    assert made == []
    with pytest.raises(Misconfigured, match="this is production"):
        client.prove()
    await client.close()


@pytest.mark.parametrize(("name", "environment"), PLACES)
async def test_a_client_whose_environment_is_proven_does_sign(name: str, environment: str) -> None:
    """Else the tests above could not fail."""
    client = open_venue(name, environment, KEYS, SystemClock(), None).client
    made = watched(client)
    with pytest.raises(PortError, match="about to be sent"):
        await client.call(READ[name], {"currency": "BTC"}, Errand.READ)
    assert "signed" in made
    await client.close()


async def test_no_key_leaves_the_position_unknown_and_says_so(venue: CcxtUnderTest) -> None:
    venue.exchange.client._api.apiKey = None
    venue.exchange.line.has_key = False
    view = await seen(venue)
    assert (view.position, view.margin, view.open_orders, view.fills) == (None, None, None, None)
    assert view.quote is not None
    assert any(error.startswith("position, margin, ") and ": no key is configured" in error for error in view.errors)


# ------------------------------------------------------------------------------------------------------------------ moving collateral


@pytest.mark.parametrize("venue", ["bybit"], indirect=True)
async def test_a_key_that_may_not_move_coins_is_found_out_where_it_is_to_move_them(venue: CcxtUnderTest) -> None:
    venue.server.wire.rights.transfer = False
    assert "may not move coins" not in await findings(venue)
    assert "error the key may not move coins at Bybit" in await findings(venue, transfers=True)
    assert "warning the key may not move coins" in await findings(venue, transfers=True, live=False)
    venue.server.wire.rights.transfer = True
    assert "may not move coins" not in await findings(venue, transfers=True)


# ------------------------------------------------------------------------------------------------------------------ as it is configured

BYBIT = pytest.mark.parametrize("venue", ["bybit"], indirect=True)


def configured(**said: str) -> Settings:
    """A live bot at Bybit; the sections of a key are told apart by `__`."""
    place = {"mode": "live", "venue.name": "bybit", "venue.environment": "testnet", "bag.BTC.coins": "1", "hedges.BTC.ratio": "1"}
    secrets = {"HEDGEBOT__VENUE__API_KEY": "key", "HEDGEBOT__VENUE__API_SECRET": "secret"}
    return load(None, secrets, {**place, **{key.replace("__", "."): text for key, text in said.items()}})


async def judged(venue: CcxtUnderTest, settings: Settings) -> set[str]:
    told = await judge(venue.exchange, settings, [INVERSE], venue.clock)
    return {f"{each.severity} {each.what.partition(',')[0]}" for each in told}


@BYBIT
async def test_each_limit_that_is_judged_is_the_one_of_its_name(venue: CcxtUnderTest) -> None:
    limits = {"band__min_order_usd": "0.5", "execution__max_order_usd": "0.6", "risk__max_position_usd": "0.7"}
    assert await judged(venue, configured(**limits)) == {
        "warning band.min_order_usd is 0.5",
        "error execution.max_order_usd is 0.6",
        "error risk.max_position_usd is 0.7",
    }


@BYBIT
async def test_what_a_key_lacks_refuses_where_the_configuration_needs_it(venue: CcxtUnderTest) -> None:
    venue.server.rights.trade = venue.server.rights.transfer = False
    moved = {"collateral__BTC__auto_transfer": "true", "collateral__ETH__auto_transfer": "false"}
    untraded, unmoved = "the key may not trade at Bybit", "the key may not move coins at Bybit"
    assert await judged(venue, configured()) == {f"error {untraded}"}
    assert await judged(venue, configured(**moved)) == {f"error {untraded}", f"error {unmoved}"}
    assert await judged(venue, configured(mode="dry-run", **moved)) == {f"warning {untraded}", f"warning {unmoved}"}


@BYBIT
async def test_a_start_blames_the_configuration_where_any_of_it_must_change_and_else_nobodys_setting(venue: CcxtUnderTest) -> None:
    venue.core.wallets.clear()
    with pytest.raises(NotReady, match=r"there is no BTC in the futures account at Bybit: move BTC into it.*; nothing was sent"):
        await fit_to_hedge(venue.exchange, configured(), [INVERSE], venue.clock)
    with pytest.raises(Misconfigured, match=r"(?s)risk.max_position_usd is 0.7.*there is no BTC in the futures account"):
        await fit_to_hedge(venue.exchange, configured(risk__max_position_usd="0.7"), [INVERSE], venue.clock)


# ------------------------------------------------------------------------------------------------------------------ what it costs


LOWEST_TIER = {"bybit": (D("0.0002"), D("0.00055")), "binancecoinm": (D("0.0001"), D("0.0005"))}


@pytest.mark.parametrize("name", ["bybit", "okx", "binancecoinm"])
async def test_what_the_venue_takes_in_one_order_is_known_also_when_the_list_was_read_again(name: str) -> None:
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        listings, contracts = venue.exchange.listings, venue.core.contracts
        before = venue.exchange.listed(INVERSE).instrument.max_contracts
        contracts[INVERSE] = replace(contracts[INVERSE], max_units=contracts[INVERSE].max_units // 2)
        listings._relisting.due_mono_ms = 0

        def half() -> bool:
            listings.follow()
            return before is not None and venue.exchange.listed(INVERSE).instrument.max_contracts == before // 2

        await until(half)


@pytest.mark.parametrize("name", NAMES)
async def test_the_fees_are_the_accounts_own_also_when_the_list_was_read_again_and_the_lowest_tiers_where_they_are_not_told(
    name: str,
) -> None:
    async with under_test(name, Wanted(collateral={"BTC": D(10)}, fees=True)) as venue:
        assert isinstance(venue, CcxtUnderTest)
        listings = venue.exchange.listings

        def rates() -> tuple[Decimal | None, Decimal | None]:
            instrument = venue.exchange.listed(INVERSE).instrument
            return instrument.maker_fee_rate, instrument.taker_fee_rate

        assert rates() == (D("0.0002"), D("0.0005"))
        before = listings.known[INVERSE]
        listings._relisting.due_mono_ms = 0

        def listed_anew() -> bool:
            listings.follow()
            return listings.known[INVERSE] is not before

        await until(listed_anew)
        assert rates() == (D("0.0002"), D("0.0005"))
        kinds: tuple[Literal["status", "braces"], ...] = ("status", "braces")
        for kind in kinds:
            venue.server.faults.add(kind, "read-fees", status=500, count=9)
            await venue.exchange.connect([INVERSE])
            venue.server.faults.clear()
            assert rates() == LOWEST_TIER.get(name, (D("0.0002"), D("0.0005")))
