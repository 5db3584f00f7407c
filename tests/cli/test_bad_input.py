"""What does a person read when something is wrong with the key, the account, the venue or the clock; and is really no order sent?"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.cli.forks import Forks
from tests.cli.venue_desk import ENVIRONMENT, VenueDesk, serving

VENUES: Final = sorted(ENVIRONMENT)
RUN: Final = ("run", "--live", "--until-aligned", "--timeout", "20")
TITLES: Final = {
    "bybit": "Bybit", "okx": "OKX", "deribit": "Deribit", "krakenfutures": "Kraken Futures", "binancecoinm": "Binance COIN-M",
}  # fmt: skip
FOREIGN_KEY: Final = {  # what each venue says to a key of its other environment
    "bybit": "10003", "okx": "50101", "deribit": "13004", "krakenfutures": "authenticationError", "binancecoinm": "-2015",
}  # fmt: skip


@pytest.fixture(scope="module")
def loaded() -> Iterator[Forks]:
    """The venue client is loaded once, not by every command."""
    parts = ("bot.wiring.start", "adapters.exchanges.ccxt_open", "adapters.exchanges.preflight")
    with closing(Forks("ccxt.async_support", *parts)) as process:
        yield process


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    with serving(request.param) as server:
        yield VenueDesk(tmp_path, loaded, server)


at_each_venue = pytest.mark.parametrize("desk", VENUES, indirect=True)


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("desk", names, indirect=True)


# ------------------------------------------------------------------------------------------------------------------ what goes wrong

Bend = Callable[[VenueDesk], object]


def without_key(desk: VenueDesk) -> None:
    desk.keys.clear()


def unknown_key(desk: VenueDesk) -> None:
    desk.keys["HEDGEBOT__VENUE__API_KEY"] = "a-key-of-somebody-else"


def half_a_secret(desk: VenueDesk) -> None:
    secret = desk.keys["HEDGEBOT__VENUE__API_SECRET"]
    desk.keys["HEDGEBOT__VENUE__API_SECRET"] = secret[: len(secret) // 2]


def production_key(desk: VenueDesk) -> None:
    desk.server.faults.add("error", "read", count=1000, code=FOREIGN_KEY[desk.venue])


def wrong_passphrase(desk: VenueDesk) -> None:
    desk.keys["HEDGEBOT__VENUE__PASSPHRASE"] = "not-that-one"


def read_only(desk: VenueDesk) -> None:
    desk.server.rights.trade = False


def hedge_mode(desk: VenueDesk) -> None:
    desk.server.core.hedge_mode = True


def isolated(desk: VenueDesk) -> None:
    desk.server.core.margin_mode = "isolated"
    desk.server.core.isolated.add("BTC/USD:BTC")
    if desk.venue == "okx":  # it tells the mode of a position only
        desk.server.core.hold("BTC/USD:BTC", -10, 60000)


def unknown_symbol(desk: VenueDesk) -> None:
    desk.configure(asset="DOGE", symbol="DOGE/USD:DOGE")


def delisted(desk: VenueDesk) -> None:
    desk.server.core.delist("BTC/USD:BTC")


def settling(desk: VenueDesk) -> None:
    desk.server.core.closed.add(desk.server.core.contracts["BTC/USD:BTC"].id)


def clock_off(desk: VenueDesk) -> None:
    desk.server.core.clock_offset_ms = 5_000


def clock_ahead(desk: VenueDesk) -> None:
    desk.server.core.clock_offset_ms = -5_000


def maintenance(desk: VenueDesk) -> None:
    desk.server.faults.add("maintenance", "any", count=1000)


def out_of_order(desk: VenueDesk) -> None:
    desk.server.faults.add("status", "any", count=1000, status=503)


def ban(desk: VenueDesk) -> None:
    desk.server.faults.add("status", "any", count=1000, status=418, retry_after_s=7200)


def empty_account(desk: VenueDesk) -> None:
    desk.server.core.wallets.clear()


def tiny_limits(desk: VenueDesk) -> None:
    desk.configure(max_order="0.5", min_order="0.1")


EVERYWHERE: Final = [
    (without_key, 4, ("venue.api_key is not set", "HEDGEBOT__VENUE__API_KEY_FILE")),
    (unknown_key, 4, ("{title} does not accept the key", "made for {environment}")),
    (half_a_secret, 4, ("{title} does not accept the", "the whole")),
    (production_key, 4, ("key", "{title}", "environment")),
    (unknown_symbol, 4, ("{title}: DOGE/USD:DOGE is not listed", "Inverse perpetuals there: BTC/USD:BTC, ETH/USD:ETH")),
    (delisted, 4, ("BTC/USD:BTC is not listed",)),
    (settling, 4, ("BTC/USD:BTC is not traded any more",)),
    (clock_off, 3, ("this machine's clock is ", " ms behind {title}'s", "NTP", "500 ms")),
    (clock_ahead, 3, (" ms ahead of {title}'s", "NTP")),
    (maintenance, 3, ("{title} is under maintenance or out of order", "status page")),
    (out_of_order, 3, ("{title} is under maintenance or out of order", "HTTP 503")),
    (ban, 3, ("{title} asks for silence", "418", "silent until ")),
    (empty_account, 3, ("there is no BTC in the futures account at {title}", "move BTC into it")),
]
SOMEWHERE: Final = [
    (wrong_passphrase, 4, ("OKX does not accept the passphrase", "HEDGEBOT__VENUE__PASSPHRASE"), ("okx",)),
    (read_only, 4, ("the key may not trade at {title}", "right to trade contracts"), ("bybit", "okx", "deribit")),
    (hedge_mode, 4, ("{title} is in hedge mode", "one-way (net) mode"), ("bybit", "okx", "binancecoinm")),
    (isolated, 4, ("isolated", "cross"), ("bybit", "okx", "krakenfutures", "binancecoinm")),
    (tiny_limits, 4, ("execution.max_order_usd is 0.5", "{title} takes no order of BTC/USD:BTC below "), tuple(VENUES)),
]
MATRIX: Final = [(venue, *row) for row in EVERYWHERE for venue in VENUES]
MATRIX.extend((venue, *row) for *row, venues in SOMEWHERE for venue in venues)


@pytest.mark.parametrize(
    ("desk", "bend", "code", "words"), MATRIX, indirect=["desk"], ids=[f"{venue}-{bend.__name__}" for venue, bend, *_ in MATRIX]
)
def test_what_is_wrong_is_said_with_its_remedy_and_its_exit_code_and_no_order_is_sent(
    desk: VenueDesk, bend: Bend, code: int, words: tuple[str, ...]
):
    bend(desk)
    names = {"title": TITLES[desk.venue], "environment": ENVIRONMENT[desk.venue]}
    ran, online = desk.hb(*RUN), desk.hb("check", "--online", "--json")
    assert (ran.code, online.code) == (code, code), (ran, online)
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    for one in words:
        assert one.format(**names) in "\n".join(errors)
    found = [one for one in online.json["findings"] if one["severity"] == "error"]
    told = " ".join(f"{one['key']} {one['problem']} {one['remedy']}" for one in found)
    for one in words:
        assert one.format(**names) in told
    assert "Traceback" not in ran.err
    assert desk.changed_nothing()


@only("bybit")
def test_a_ban_is_kept_and_nothing_is_tried_a_second_time(desk: VenueDesk):
    ban(desk)
    assert desk.hb(*RUN).code == 3
    assert len(desk.server.log) <= 2  # ccxt asks for two lists of contracts at once


@only("krakenfutures", "binancecoinm")
def test_a_key_whose_rights_are_not_told_is_found_out_by_its_first_orders_and_halts(desk: VenueDesk):
    read_only(desk)
    ran = desk.hb(*RUN)
    assert ran.code == 3
    assert "does not tell whether the key may trade" in ran.err
    assert "the venue refused the key 3 times in a row" in ran.err
    assert len(desk.server.changes) == 3
    assert desk.server.core.orders == {}
    assert "the venue refused the key" in desk.json("status")["legs"][0]["why"]


# ------------------------------------------------------------------------------------------------------------------ the operator's word


@pytest.fixture
def real(request: pytest.FixtureRequest, tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    """Production by the operator's word, at a server that says so too."""
    with serving(request.param, environment="production") as server:
        desk = VenueDesk(tmp_path, loaded, server)
        desk.configure(environment="production", more=", allow_base_url_production: true, untested_ok: true")
        yield desk


@pytest.mark.parametrize("real", ["bybit", "okx", "deribit", "binancecoinm"], indirect=True)
def test_on_production_a_key_that_can_withdraw_refuses_unless_allowed_on_record(real: VenueDesk):
    real.server.rights.withdraw = True
    refused = real.hb(*RUN)
    assert refused.code == 4
    assert f"the key can withdraw from {TITLES[real.venue]}" in refused.err
    assert "venue.allow_withdraw_key: true" in refused.err
    assert real.changed_nothing()
    real.configure(environment="production", more=", allow_base_url_production: true, untested_ok: true, allow_withdraw_key: true")
    assert real.hb("run", "--live", "--once", "--timeout", "20").code in (0, 3, 5)
    rows = [json.loads(line) for line in real.good("audit", "export").out.splitlines()]
    starts = [row for row in rows if "RunStarted" in json.dumps(row)]
    assert "environment via base_url" in json.dumps(starts[-1])
    assert "a key that can withdraw" in json.dumps(starts[-1])


@pytest.mark.parametrize("real", ["krakenfutures"], indirect=True)
def test_a_venue_that_does_not_tell_the_rights_says_so(real: VenueDesk):
    online = real.hb("check", "--online", "--json")
    assert online.code == 0
    assert any("does not tell whether the key can withdraw" in found["problem"] for found in online.json["findings"])


@only("bybit", "okx", "deribit")
def test_on_a_test_environment_such_a_key_only_warns(desk: VenueDesk):
    desk.server.rights.withdraw = True
    online = desk.hb("check", "--online", "--json")
    assert online.code == 0
    assert [found["severity"] for found in online.json["findings"] if "can withdraw" in found["problem"]] == ["warning"]


@only("bybit")
def test_production_over_base_url_needs_its_own_word(desk: VenueDesk):
    desk.configure(environment="production", more=", untested_ok: true")
    for command in (("check",), RUN):
        answer = desk.hb(*command)
        assert answer.code == 4
        assert "venue.allow_base_url_production: true" in " ".join((answer.out + answer.err).split())
    assert desk.server.log == []


@only("bybit")
def test_a_limit_that_is_missing_on_production_refuses_to_run(desk: VenueDesk):
    desk.configure(environment="production", more=", allow_base_url_production: true, untested_ok: true")
    path = desk.folder / "hedge.yaml"
    path.write_text(path.read_text().replace("max_leverage: 3, ", ""))
    answer = desk.hb(*RUN)
    assert answer.code == 4
    assert "risk.max_leverage does not stand in the file" in answer.err
    assert desk.server.log == []


@only("bybit")
def test_environment_via_base_url_is_shown_by_plan_status_check_and_the_start(desk: VenueDesk):
    assert desk.json("plan")["overrides"] == ["environment via base_url"]
    assert "(environment via base_url)" in desk.good("plan").out
    ran = desk.good(*RUN)
    assert '"overrides": ["environment via base_url"]' in ran.err
    assert desk.json("status")["overrides"] == ["environment via base_url"]
    assert any("environment via base_url" in found["problem"] for found in desk.json("check")["findings"])


# ------------------------------------------------------------------------------------------------------------------ dry-run and check


@only("bybit")
def test_a_read_only_key_plans_under_dry_run_and_is_only_warned_of(desk: VenueDesk):
    read_only(desk)
    desk.configure(mode="dry-run")
    online = desk.hb("check", "--online", "--json")
    assert online.code == 0
    assert any("may not trade" in found["problem"] for found in online.json["findings"])
    assert desk.json("plan")["legs"][0]["orders"]
    assert desk.changed_nothing()


@at_each_venue
def test_without_a_key_dry_run_knows_no_position_plans_nothing_and_says_why(desk: VenueDesk):
    without_key(desk)
    desk.configure(mode="dry-run")
    plan = desk.json("plan")
    assert plan["legs"][0]["orders"] == []
    assert any("no key is configured" in what and "HEDGEBOT__VENUE__API_KEY_FILE" in what for what in plan["missing"])
    assert desk.hb("run", "--until-aligned", "--timeout", "10").code == 3
    assert desk.changed_nothing()


@at_each_venue
def test_without_a_key_a_bot_that_may_trade_comes_up_dry_is_well_says_what_is_missing_and_cannot_be_armed(desk: VenueDesk):
    without_key(desk)
    for _ in range(2 if desk.venue == "bybit" else 1):  # the second start has a record, and an epoch to look for
        with desk.start() as bot:
            said = bot.until(lambda said: bool(said["missing"]))
            assert (said["mode"], said["armed"], said["legs"][0]["position_usd"]) == ("live", False, None)
            assert said["legs"][0]["orders"] == []
            assert any("no key is configured" in what for what in said["missing"])
            assert float(said["legs"][0]["mark"]) > 0
            assert desk.hb("probe").code == 0
            refused = desk.hb("dry-run", "off")
            assert refused.code == 4
            assert f"no key is configured for {desk.venue}: set HEDGEBOT__VENUE__API_KEY_FILE, " in refused.err
            assert bot.api.post("/api/v1/dry-run", json={"on": False}).status_code == 409
            assert bot.status()["armed"] is False
            assert bot.stop() == 0
    assert desk.changed_nothing()


@only("bybit")
def test_a_bot_that_was_armed_does_not_start_without_its_key(desk: VenueDesk):
    with desk.start() as bot:
        desk.good("dry-run", "off")
        bot.until(lambda said: said["legs"][0]["aligned"])
        assert bot.stop() == 0
    placed = len(desk.server.asked("place"))
    without_key(desk)
    refused = desk.hb("run", "--once")
    assert refused.code == 4
    assert "venue.api_key is not set" in refused.err
    assert len(desk.server.asked("place")) == placed


@only("bybit")
def test_check_fits_eighty_columns_and_names_the_remedy_under_each_finding(desk: VenueDesk):
    unknown_key(desk)
    out = desk.hb("check", "--online").out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "→ see that HEDGEBOT__VENUE__API_KEY" in out
    assert out.splitlines()[-1] == "1 error, 1 warning"


# ------------------------------------------------------------------------------------------------------------------ while it runs


def clock_steps(desk: VenueDesk) -> str:
    desk.server.core.clock_offset_ms = 4_000
    return "ms behind"


def venue_closes(desk: VenueDesk) -> str:
    maintenance(desk)
    return "under maintenance"


def key_revoked(desk: VenueDesk) -> str:
    desk.server.faults.add("error", "read", count=10**6, code=FOREIGN_KEY[desk.venue])
    return "key"


def banned(desk: VenueDesk) -> str:
    desk.server.faults.add("status", "any", status=418, retry_after_s=3)
    return "silent until"


@at_each_venue
def test_a_running_bot_says_what_it_cannot_see_risks_nothing_meanwhile_and_goes_on_afterwards(desk: VenueDesk):
    with desk.start("--live") as bot:
        bot.until(lambda said: said["legs"][0]["aligned"])
        placed = len(desk.server.asked("place"))
        for goes_wrong in (clock_steps, venue_closes, key_revoked, banned):
            words = goes_wrong(desk)
            blind = bot.until(lambda said, words=words: any(words in what for what in said["missing"]))
            assert blind["legs"][0]["aligned"] is False
            desk.server.core.set_price("BTC/USD:BTC", 60000)  # the world goes on
            if goes_wrong is not banned:  # which may be over before three turns are
                bot.cycles(4)
                assert any(line["event"] == "alert" and "nothing new is risked" in line["text"] for line in bot.log), words
            desk.server.faults.clear()
            desk.server.core.clock_offset_ms = 0
            bot.until(lambda said: said["legs"][0]["aligned"])
        assert len(desk.server.asked("place")) == placed
        assert bot.stop() == 0


@only("bybit")
def test_a_key_that_is_revoked_before_the_hedge_is_made_halts_or_holds_and_status_says_why(desk: VenueDesk):
    desk.server.faults.add("error", "place", count=1000, code="10003")
    ran = desk.hb(*RUN)
    assert ran.code == 3
    assert "the venue refused the key 3 times in a row" in ran.err
    assert len(desk.server.asked("place")) == 3
    assert desk.server.core.orders == {}
