"""May orders be sent there? By venue, environment and kind of contract: `check` says it, and `run` refuses the same."""

import pytest

from adapters.exchanges.ccxt_open import VENUES
from bot.core.model import Kind
from bot.ports import Misconfigured
from bot.settings import Settings
from bot.settings_check import check
from bot.venue_offers import OFFERS, Proof, held_back
from bot.wiring.venue import open_exchange, real_time
from tests.settings.conftest import LIMITS, Load

KEYS = {"HEDGEBOT__VENUE__API_KEY": "key-of-some-length", "HEDGEBOT__VENUE__API_SECRET": "secret-of-some-length"}
INVERSE, LINEAR = "BTC: {ratio: 1, instrument: BTC/USD:BTC}", "SOL: {ratio: 1, instrument: SOL/USDT:USDT}"


def settings_of(loaded: Load, venue: str, environment: str, hedge: str, *, mode: str = "live", untested_ok: bool = False) -> Settings:
    asset = hedge.partition(":")[0]
    text = f"mode: {mode}\nvenue: {{name: {venue}, environment: {environment}, untested_ok: {str(untested_ok).lower()}}}\n"
    text += f"bag: {{{asset}: {{coins: 1}}}}\nhedges: {{{hedge}}}\n{LIMITS}"
    return loaded(text, env={**KEYS, "HEDGEBOT__VENUE__PASSPHRASE": "passphrase-of-it"} if venue in {"okx", "weex"} else KEYS)


def refusal(settings: Settings) -> str:
    return " ".join(str(finding) for finding in check(settings) if finding.key == "venue.name" and finding.severity == "error")


FREE = [
    ("bybit", "testnet", INVERSE),
    ("okx", "demo", INVERSE),
    ("deribit", "testnet", INVERSE),
    ("binancecoinm", "demo", INVERSE),
    ("bybit", "production", INVERSE),
]
ON_WORD = [
    ("bybit", "testnet", LINEAR), ("okx", "demo", LINEAR), ("binance", "demo", LINEAR), ("bingx", "production", INVERSE),
    ("bingx", "production", LINEAR), ("mexc", "production", INVERSE), ("mexc", "production", LINEAR),
]  # fmt: skip


@pytest.mark.parametrize(("venue", "environment", "hedge"), FREE)
def test_a_first_class_venue_needs_no_word(loaded: Load, venue: str, environment: str, hedge: str) -> None:
    assert refusal(settings_of(loaded, venue, environment, hedge)) == ""


@pytest.mark.parametrize(("venue", "environment", "hedge"), ON_WORD)
async def test_what_is_recorded_only_is_armed_on_the_operators_word(loaded: Load, venue: str, environment: str, hedge: str) -> None:
    settings = settings_of(loaded, venue, environment, hedge)
    assert "venue.untested_ok: true" in refusal(settings)
    with pytest.raises(Misconfigured, match="untested_ok"):
        open_exchange(settings, real_time(), None)
    settings = settings_of(loaded, venue, environment, hedge, untested_ok=True)
    assert refusal(settings) == ""
    await open_exchange(settings, real_time(), None).close()


@pytest.mark.parametrize("untested_ok", [False, True])
def test_weex_is_never_armed_and_says_why(loaded: Load, untested_ok: bool) -> None:
    settings = settings_of(loaded, "weex", "production", LINEAR, untested_ok=untested_ok)
    assert "no cancel and no list of open orders" in refusal(settings)
    assert "untested_ok" not in refusal(settings)
    with pytest.raises(Misconfigured, match="only plans"):
        open_exchange(settings, real_time(), None)


@pytest.mark.parametrize(("venue", "environment", "hedge"), [*ON_WORD, ("weex", "production", LINEAR)])
async def test_a_dry_run_needs_no_word(loaded: Load, venue: str, environment: str, hedge: str) -> None:
    settings = settings_of(loaded, venue, environment, hedge, mode="dry-run")
    assert refusal(settings) == ""
    await open_exchange(settings, real_time(), None).close()


@pytest.mark.parametrize(
    ("venue", "environment", "hedge", "why"),
    [
        ("deribit", "testnet", LINEAR, "settled in USDC"), ("krakenfutures", "demo", LINEAR, "basket"),
        ("binancecoinm", "demo", LINEAR, "at the venue binance"), ("binance", "demo", INVERSE, "binancecoinm"),
        ("weex", "production", INVERSE, "no cancel"),
    ],
)  # fmt: skip
def test_a_kind_the_venue_lacks_is_an_error_in_every_mode(loaded: Load, venue: str, environment: str, hedge: str, why: str) -> None:
    asset = hedge.partition(":")[0]
    for mode in ("dry-run", "live"):
        found = {finding.key: finding for finding in check(settings_of(loaded, venue, environment, hedge, mode=mode, untested_ok=True))}
        finding = found[f"hedges.{asset}.instrument"]
        assert finding.severity == "error"
        assert why in finding.problem
        assert f"another instrument ({asset}/{f'USD:{asset}' if hedge is LINEAR else 'USDT:USDT'})" in finding.remedy


def test_the_gravest_reason_is_told_first() -> None:
    both = held_back("weex", [Kind.LINEAR])
    assert both is not None
    assert not both.on_word
    recorded = held_back("mexc", [Kind.INVERSE])
    assert recorded is not None
    assert "recorded only" in recorded.why
    assert held_back("paper", list(Kind)) is None


def test_every_venue_says_what_is_missing() -> None:
    for name, offer in OFFERS.items():
        complete = offer.inverse is offer.linear is Proof.FIRST_CLASS
        assert bool(offer.why_not) is not complete, name


def test_whose_book_is_read_is_who_has_its_call() -> None:
    assert {name for name, offer in OFFERS.items() if offer.book} - {"paper"} == {
        name for name, one in VENUES.items() if one.depth is not None
    }


def test_who_has_a_dead_mans_switch_is_who_has_its_calls() -> None:
    assert {name for name, offer in OFFERS.items() if offer.dead_man} == {name for name, one in VENUES.items() if one.countdown is not None}
