"""File, environment, flags and defaults become one frozen settings object, with every number exact."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.core.model import Basis, Kind
from bot.core.policy_terms import NO_POLICIES
from bot.core.rules import AutoBand, Band, Foreign
from bot.settings import Settings, SettingsError, config_hash, defaulted_limits, load, load_all, to_rules
from bot.settings_check import check
from bot.settings_text import read_text
from tests.settings.conftest import BASE, Load, Refuse


def test_a_bag_and_a_hedge_are_all_that_must_be_written(loaded: Load) -> None:
    settings = loaded()
    assert settings.mode == "dry-run"
    assert settings.account == "main"
    assert settings.cycle_seconds == 5
    assert (settings.venue.name, settings.venue.environment, settings.venue.base_url) == ("paper", None, None)
    assert (settings.paper.feed, settings.paper.seed, settings.paper.spread_bps) == ("synthetic", 7, 2)
    assert (settings.paper.price, settings.paper.collateral, settings.paper.url) == ({"BTC": 60000}, {"BTC": 3}, "sqlite:///paper.db")
    assert settings.hedges["BTC"].policies.rules == NO_POLICIES
    assert settings.hedges["BTC"].model_dump(exclude={"policies"}) == {
        "ratio": Decimal(1),
        "basis": "coins",
        "instrument": "BTC/USD:BTC",
        "allow_linear": False,
        "cross": None,
    }
    assert list(settings.band.model_dump().values()) == [Decimal("0.995"), 1, 1, Decimal("1.005"), False, 3, 100, 10]
    assert list(settings.execution.model_dump().values()) == [30, 10, 120, 20, 100000, "none", 50000, 5, 600, Decimal("1.5"), None, None]
    assert list(settings.risk.model_dump().values()) == [2, 3, 1000000, 2000000, 20, 100, 15, False]
    assert settings.collateral == {}
    assert settings.reconcile.foreign == "halt"
    assert settings.dead_mans_switch is False
    assert settings.kill_file == "hedgebot.kill"
    assert settings.audit.url == "sqlite:///hedgebot.db"
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8080)
    assert settings.targets is None


def test_a_target_document_has_defaults_of_its_own(loaded: Load) -> None:
    targets = loaded(BASE + "targets: {url: https://example.org/t.json}\n").targets
    assert targets is not None
    assert (targets.poll_seconds, targets.max_age_seconds) == (30, 300)


def test_settings_cannot_be_changed(loaded: Load) -> None:
    with pytest.raises(ValidationError):
        loaded().mode = "live"  # type: ignore[misc]


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(loaded: Load) -> None:
    text = BASE + "cycle_seconds: 7\n"
    env = {"HEDGEBOT__CYCLE_SECONDS": "8"}
    assert loaded(BASE).cycle_seconds == 5
    assert loaded(text).cycle_seconds == 7
    assert loaded(text, env).cycle_seconds == 8
    assert loaded(text, env, {"cycle_seconds": "9"}).cycle_seconds == 9


@pytest.mark.parametrize("name", ["HEDGEBOT__HEDGES__BTC__RATIO", "hedgebot__hedges__btc__ratio", "HedgeBot__Hedges__Btc__Ratio"])
def test_the_environment_is_matched_without_case(loaded: Load, name: str) -> None:
    assert loaded(env={name: "0.5"}).hedges["BTC"].ratio == Decimal("0.5")


def test_an_asset_that_only_the_environment_names_is_taken_in_upper_case(loaded: Load) -> None:
    env = {"hedgebot__bag__eth__coins": "10", "hedgebot__hedges__eth__ratio": "0.5"}
    env |= {"hedgebot__paper__price__eth": "3000", "hedgebot__paper__collateral__eth": "8"}
    settings = loaded(BASE + "paper: {price: 60000, collateral: 3}\n", env)
    assert settings.hedges["ETH"].instrument == "ETH/USD:ETH"
    assert settings.bag["ETH"].coins == 10
    assert settings.paper.price == {"BTC": 60000, "ETH": 3000}


def test_other_variables_are_none_of_our_business(loaded: Load) -> None:
    assert loaded(env={"HEDGEBOT_TEST_DATA": "x", "PATH": "/bin", "HEDGEBOT": "1"}).mode == "dry-run"


def test_an_empty_variable_counts_as_not_set(loaded: Load) -> None:
    assert loaded(BASE + "mode: live\n", {"HEDGEBOT__MODE": ""}).mode == "live"


def test_everything_may_come_from_the_environment_without_a_file() -> None:
    settings = load(None, {"HEDGEBOT__BAG__BTC__COINS": "2", "HEDGEBOT__HEDGES__BTC__RATIO": "1"}, {})
    assert settings.bag["BTC"].coins == 2


@pytest.mark.parametrize("key", ["price", "collateral"])
def test_a_bare_number_for_a_map_of_assets_is_that_of_btc(loaded: Load, key: str) -> None:
    assert getattr(loaded(BASE + f"paper: {{{key}: 61000.5}}\n").paper, key) == {"BTC": Decimal("61000.5")}
    assert getattr(loaded(env={f"HEDGEBOT__PAPER__{key}": "61000.5"}).paper, key) == {"BTC": Decimal("61000.5")}
    both = loaded(BASE + f"paper: {{{key}: 61000.5}}\n", {f"HEDGEBOT__PAPER__{key}__ETH": "7"})
    assert getattr(both.paper, key) == {"BTC": Decimal("61000.5"), "ETH": 7}


def test_a_heading_with_nothing_under_it_says_nothing(loaded: Load) -> None:
    assert loaded(BASE + "risk:\nband: ~\ntargets:\n") == loaded()


@pytest.mark.parametrize(("text", "value"), [("true", True), ("on", True), ("YES", True), ("false", False), ("off", False), ("No", False)])
def test_a_switch_reads_the_words_people_use(loaded: Load, text: str, value: bool) -> None:
    assert loaded(BASE + f"risk: {{allow_over_hedge: {text}}}\n").risk.allow_over_hedge is value


# ------------------------------------------------------------------------------------------------------------------ numbers


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False).filter(lambda n: len(n.as_tuple().digits) <= 28))
def test_numbers_survive_from_text_to_decimal_exactly(number: Decimal) -> None:
    text = format(number, "f")
    if len(text.replace(".", "")) > 28:
        return
    flags = {"hedges.BTC.ratio": "1", "bag.BTC.coins": text}
    assert load(None, {}, flags).bag["BTC"].coins.as_tuple() == Decimal(text).as_tuple()


@given(st.integers(0, 10**6), st.integers(0, 10**9 - 1))
def test_numbers_survive_from_yaml_to_decimal_exactly(whole: int, fraction: int) -> None:
    text = f"{whole}.{fraction:09d}"
    tree = read_text(f"bag: {{BTC: {{coins: {text}}}}}", "hedge.yaml").tree
    assert tree == {"bag": {"BTC": {"coins": text}}}
    assert format(Settings.model_validate({**tree, "hedges": {"BTC": {}}}).bag["BTC"].coins, "f") == text


def test_a_tenth_is_exactly_a_tenth(loaded: Load) -> None:
    ratio = loaded("bag: {BTC: {coins: 2}}\nhedges: {BTC: {ratio: 0.1}}\n").hedges["BTC"].ratio
    assert str(ratio) == "0.1"
    assert ratio * 3 == Decimal("0.3")


def test_a_float_is_refused_even_from_code() -> None:
    with pytest.raises(ValidationError, match="not a number"):
        Settings.model_validate({"bag": {"BTC": {"coins": 0.1}}, "hedges": {"BTC": {}}})


# ------------------------------------------------------------------------------------------------------------------ accounts


ONE_ACCOUNT = """\
band: {min_order_usd: 50}
accounts:
  Desk1:
    bag: {BTC: {coins: 2}}
    hedges: {BTC: {ratio: 0.4}}
    band: {cooldown_seconds: 3}
"""


def test_one_account_of_several_is_laid_over_what_they_share(loaded: Load) -> None:
    settings = loaded(ONE_ACCOUNT)
    assert settings.account == "Desk1"
    assert (settings.band.min_order_usd, settings.band.cooldown_seconds) == (50, 3)


def test_environment_and_flags_beat_what_stands_under_the_account(loaded: Load) -> None:
    assert loaded(ONE_ACCOUNT, {"HEDGEBOT__ACCOUNTS__DESK1__HEDGES__BTC__RATIO": "0.5"}).hedges["BTC"].ratio == Decimal("0.5")
    assert loaded(ONE_ACCOUNT, {"HEDGEBOT__HEDGES__BTC__RATIO": "0.6"}).hedges["BTC"].ratio == Decimal("0.6")
    assert loaded(ONE_ACCOUNT, {}, {"hedges.BTC.ratio": "0.7"}).hedges["BTC"].ratio == Decimal("0.7")


TWO_ACCOUNTS = """\
hedges: {BTC: {ratio: 1.0}}
paper: {seed: 3}
accounts:
  alice: {bag: {BTC: {coins: 2}}}
  bob: {bag: {BTC: {coins: 5}}, hedges: {BTC: {ratio: 0.5}}, paper: {spread_bps: 9}}
"""


def both(text: str = TWO_ACCOUNTS, env: Mapping[str, str] | None = None) -> dict[str, Settings]:
    Path("hedge.yaml").write_text(text, encoding="utf-8")
    return {settings.account: settings for settings in load_all(Path("hedge.yaml"), env or {}, {})}


def test_each_of_several_accounts_has_its_own_over_what_they_share() -> None:
    found = both()
    assert {name: (one.bag["BTC"].coins, one.hedges["BTC"].ratio) for name, one in found.items()} == {
        "alice": (2, 1),
        "bob": (5, Decimal("0.5")),
    }
    assert (found["bob"].paper.seed, found["bob"].paper.spread_bps, found["alice"].paper.spread_bps) == (3, 9, 2)
    assert found["alice"].accounts == found["bob"].accounts == ("alice", "bob")


def test_each_paper_account_has_a_venue_of_its_own() -> None:
    assert {one.paper.url for one in both().values()} == {"sqlite:///paper-alice.db", "sqlite:///paper-bob.db"}
    named = both(TWO_ACCOUNTS.replace("seed: 3", "seed: 3, url: 'sqlite:////data/venue.db'"))
    assert named["alice"].paper.url == "sqlite:////data/venue-alice.db"
    with pytest.raises(SettingsError, match=r"accounts.bob.paper.url is sqlite:///x.db for account alice too"):
        both(
            TWO_ACCOUNTS.replace("}}}\n  bob", "}}, paper: {url: 'sqlite:///x.db'}}\n  bob").replace(
                "spread_bps: 9", "url: 'sqlite:///x.db'"
            )
        )


def test_one_of_several_accounts_is_chosen_by_name(refused: Refuse) -> None:
    assert (
        refused(TWO_ACCOUNTS)
        == "hedge.yaml: accounts names 2 accounts (alice, bob), and this is about one of them; say which: --account NAME"
    )
    assert load(Path("hedge.yaml"), {}, {}, "bob").account == "bob"
    with pytest.raises(SettingsError, match=r"--account carol is not in hedge.yaml; the accounts are alice, bob"):
        load(Path("hedge.yaml"), {}, {}, "carol")


def test_variables_reach_the_account_they_name_and_the_rest_reach_all() -> None:
    found = both(env={"HEDGEBOT__ACCOUNTS__BOB__HEDGES__BTC__RATIO": "0.25", "HEDGEBOT__CYCLE_SECONDS": "9"})
    assert (found["alice"].hedges["BTC"].ratio, found["bob"].hedges["BTC"].ratio) == (1, Decimal("0.25"))
    assert {one.cycle_seconds for one in found.values()} == {9}
    with pytest.raises(SettingsError, match="about another account; the configuration names alice, bob"):
        both(env={"HEDGEBOT__ACCOUNTS__CAROL__HEDGES__BTC__RATIO": "0.25"})


@pytest.mark.parametrize("spelling", ["VENUE__API_KEY", "API_KEY"])
def test_each_account_has_a_key_of_its_own(tmp_path: Path, spelling: str) -> None:
    text = TWO_ACCOUNTS + "venue: {name: bybit, environment: testnet}\n"
    (tmp_path / "key").write_text("bobs-key\n")
    found = both(
        text, {f"HEDGEBOT__ACCOUNTS__ALICE__{spelling}": "alices-key", f"HEDGEBOT__ACCOUNTS__BOB__{spelling}_FILE": str(tmp_path / "key")}
    )
    keys = {name: one.venue.api_key.get_secret_value() for name, one in found.items() if one.venue.api_key}
    assert keys == {"alice": "alices-key", "bob": "bobs-key"}


def test_flags_are_about_the_account_that_is_named_with_them() -> None:
    other = "b: {bag: {ETH: {coins: 1}}, hedges: {ETH: {}}, paper: {price: {ETH: 3000}, collateral: {ETH: 1}}}"
    Path("hedge.yaml").write_text(f"accounts:\n  a: {{bag: {{BTC: {{coins: 1}}}}, hedges: {{BTC: {{}}}}}}\n  {other}\n", encoding="utf-8")
    flags = {"hedges.BTC.ratio": "0.5", "bag.BTC.coins": "7"}
    assert load(Path("hedge.yaml"), {}, flags, "a").bag["BTC"].coins == 7
    with pytest.raises(SettingsError, match=r"paper\.price\.BTC is not given"):
        load_all(Path("hedge.yaml"), {}, flags)
    with pytest.raises(SettingsError, match="outside 0"):
        load(Path("hedge.yaml"), {}, {"accounts.b.hedges.ETH.ratio": "7"}, "a")


@pytest.mark.parametrize("given", ["variable", "folder"])
def test_what_an_account_names_in_its_own_way_is_reached_as_a_shell_and_a_folder_can_spell_it(tmp_path: Path, given: str) -> None:
    text = TWO_ACCOUNTS.replace("alice:", "my-Desk:").replace("{coins: 5}", "{coins: 5, sources: {cold-1: {exchange: kraken}}}")
    said = {
        "HEDGEBOT__ACCOUNTS__MY_DESK__API_KEY": "alices-key",
        "HEDGEBOT__ACCOUNTS__BOB__BAG__BTC__SOURCES__COLD_1__API_KEY": "bobs-wallet",
        "HEDGEBOT__ACCOUNTS__BOB__BAG__BTC__SOURCES__COLD_1__API_SECRET": "bobs-word",
    }
    if given == "folder":
        for name, secret in said.items():
            (tmp_path / name).write_text(secret + "\n")
        said = {"HEDGEBOT_SECRETS_DIR": str(tmp_path)}
    found = both(text + "venue: {name: bybit, environment: testnet}\n", said)
    desk, bob = found["my-Desk"], found["bob"]
    assert desk.venue.api_key is not None
    assert desk.venue.api_key.get_secret_value() == "alices-key"
    wallet = bob.bag["BTC"].sources["cold-1"]
    assert wallet.api_key is not None
    assert wallet.api_key.get_secret_value() == "bobs-wallet"
    lacking = [finding.remedy for finding in check(desk) if finding.key == "venue.api_secret"]
    assert lacking == ["set HEDGEBOT__ACCOUNTS__MY_DESK__VENUE__API_SECRET_FILE=/path/to/a/file that holds it"]


@pytest.mark.parametrize("other", ["Alice", "ALICE"])
def test_accounts_that_the_environment_cannot_tell_apart_are_refused(refused: Refuse, other: str) -> None:
    message = refused(TWO_ACCOUNTS.replace("bob:", f"{other}:"))
    assert f"hedge.yaml:5: accounts.{other} is alice to the environment" in message
    assert "accounts.a_1 is a-1" in refused(TWO_ACCOUNTS.replace("alice:", "a-1:").replace("bob:", "a_1:"))


def test_two_accounts_with_one_key_are_refused_without_showing_it() -> None:
    with pytest.raises(SettingsError, match=r"accounts.bob.venue.api_key is the key of account alice too") as caught:
        both(TWO_ACCOUNTS + "venue: {name: bybit, environment: testnet}\n", {"HEDGEBOT__VENUE__API_KEY": "the-only-key"})
    assert "the-only-key" not in str(caught.value)
    apart = "venue: {name: bybit}\naccounts:\n  a: {venue: {environment: testnet}}\n  b: {venue: {environment: demo}}\n"
    both("bag: {BTC: {coins: 2}}\nhedges: {BTC: {}}\n" + apart, {"HEDGEBOT__VENUE__API_KEY": "the-only-key"})


def test_what_is_wrong_with_each_account_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        both("hedges: {BTC: {}}\naccounts: {a: {bag: {ETH: {coins: 1}}}, b: {bag: {BTC: {coins: -1}}}}\n")
    assert [finding.key for finding in caught.value.findings] == ["bag.BTC", "bag.BTC.coins"]


def test_an_account_is_named_once(refused: Refuse) -> None:
    assert "account stands beside `accounts`" in refused(ONE_ACCOUNT + "account: x\n")


def test_a_variable_about_another_account_is_refused(refused: Refuse) -> None:
    assert "is about another account" in refused(ONE_ACCOUNT, {"HEDGEBOT__ACCOUNTS__OTHER__HEDGES__BTC__RATIO": "0.5"})


def test_a_key_that_no_account_may_have_is_refused(refused: Refuse) -> None:
    assert "hedge.yaml:1: accounts.a.api is not a key that exists" in refused("accounts: {a: {api: {port: 1}}}")


# ------------------------------------------------------------------------------------------------------------------ what others ask


def test_rules_speak_fractions_and_milliseconds(loaded: Load) -> None:
    text = "bag: {BTC: {coins: 2}, ADA: {coins: 5}}\nmode: live\npaper: {price: {ADA: 1}, collateral: {BTC: 1, USDT: 9}, feed: x.csv}\n"
    text += "hedges: {BTC: {ratio: 0.5, basis: value}, ADA: {instrument: ADA/USDT:USDT}}\nreconcile: {foreign: absorb}\n"
    settings = loaded(text)
    rules = to_rules(settings, version="v1", absence_ms=60000, absence_polls=3)
    assert (rules.version, rules.account, rules.venue, rules.environment, rules.live) == ("v1", "main", "paper", None, True)
    assert [(leg.asset, leg.symbol, leg.basis, leg.ratio) for leg in rules.legs] == [
        ("ADA", "ADA/USDT:USDT", Basis.COINS, 1),
        ("BTC", "BTC/USD:BTC", Basis.VALUE, Decimal("0.5")),
    ]
    assert (settings.kind("ADA"), settings.kind("BTC")) == (Kind.LINEAR, Kind.INVERSE)
    assert (rules.execution.order_ttl_ms, rules.execution.cross_after_ms, rules.execution.cooldown_ms) == (30000, 120000, 10000)
    assert (rules.execution.max_slippage, rules.execution.min_order_usd) == (Decimal("0.002"), 100)
    assert (rules.risk.price_collar, rules.risk.max_data_age_ms) == (Decimal("0.01"), 15000)
    assert (rules.absence_ms, rules.absence_polls, rules.foreign) == (60000, 3, Foreign.ABSORB)


TIGHT = Band(Decimal("0.995"), Decimal(1), Decimal(1), Decimal("1.005"))
WIDE = Band(Decimal("0.95"), Decimal("0.98"), Decimal(1), Decimal("1.03"))


@pytest.mark.parametrize(
    ("hedge", "band", "expected"),
    [
        ("basis: coins, ratio: 1", "", TIGHT),
        ("basis: coins, ratio: 0.5", "", TIGHT),
        ("basis: value, ratio: 1", "", TIGHT),
        ("basis: value, ratio: 0.99", "", WIDE),
        ("basis: value, ratio: 0.99", "min_order_usd: 5", WIDE),
        ("basis: value, ratio: 0.99", "low: 0.995", TIGHT),
        ("basis: value, ratio: 0.99", "high: 1.01", Band(Decimal("0.995"), Decimal(1), Decimal(1), Decimal("1.01"))),
    ],
)
def test_the_band_suits_basis_and_ratio_where_nobody_wrote_an_edge(loaded: Load, hedge: str, band: str, expected: Band) -> None:
    settings = loaded(f"bag: {{BTC: {{coins: 2}}}}\nhedges: {{BTC: {{{hedge}}}}}\nband: {{{band}}}\n")
    assert settings.band_of("BTC") == expected


def test_an_automatic_band_keeps_the_edges_that_were_written(loaded: Load) -> None:
    assert loaded(BASE).auto_band is None
    assert loaded(BASE + "band: {auto: true}\n").auto_band == AutoBand(Decimal(3))
    written = loaded(BASE + "band: {auto: true, safe_low: 0.98, risk_aversion: 5}\n")  # below the default of low, which does not apply
    assert written.auto_band == AutoBand(Decimal(5), safe_low=Decimal("0.98"))
    rules = to_rules(written, version="", absence_ms=0, absence_polls=1)
    assert [leg.auto for leg in rules.legs] == [written.auto_band]


def test_limits_that_nobody_wrote_are_listed_with_their_defaults(loaded: Load) -> None:
    listed = dict(defaulted_limits(loaded(BASE + "risk: {max_leverage: 2}\n", {"HEDGEBOT__BAND__LOW": "0.9"})))
    assert "risk.max_leverage" not in listed
    assert "band.low" not in listed
    assert listed["risk.hard_leverage"] == "3"
    assert listed["risk.allow_over_hedge"] == "false"
    assert len(listed) == 19 - 2


def test_the_config_hash_follows_the_values_and_not_their_spelling(loaded: Load) -> None:
    plain = config_hash(loaded())
    assert plain == config_hash(loaded("hedges: {BTC: {ratio: 1.00}}\nbag: {BTC: {coins: 2.0}}\nmode: dry-run\n"))
    assert plain == config_hash(loaded(env={"HEDGEBOT__VENUE__API_KEY": "sesame"}))
    assert plain != config_hash(loaded(env={"HEDGEBOT__HEDGES__BTC__RATIO": "0.99"}))
    assert len(plain) == 64


def test_the_config_hash_sees_a_band_that_was_written_down(loaded: Load) -> None:
    value = "bag: {BTC: {coins: 2}}\nhedges: {BTC: {basis: value, ratio: 0.5}}\n"
    assert config_hash(loaded(value)) != config_hash(loaded(value + "band: {low: 0.995}\n"))


# ------------------------------------------------------------------------------------------------------------------ production


PRODUCTION = BASE + "venue: {name: bybit, environment: production}\n"
ALL_LIMITS = """\
band: {low: 0.995, safe_low: 1.0, safe_high: 1.0, high: 1.005, min_order_usd: 100, cooldown_seconds: 10}
execution: {order_ttl_seconds: 30, max_reprices: 10, cross_after_seconds: 120, max_slippage_bps: 20, max_order_usd: 100000}
risk: {max_leverage: 2, hard_leverage: 3, max_position_usd: 1000000, max_turnover_usd_per_day: 2000000, max_orders_per_minute: 20,
  price_collar_bps: 100, max_data_age_seconds: 15, allow_over_hedge: false}
"""


def test_production_takes_a_file_with_every_limit(loaded: Load) -> None:
    assert loaded(PRODUCTION + ALL_LIMITS).venue.environment == "production"


def test_production_lists_every_limit_that_the_file_lacks(loaded: Load) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(PRODUCTION)
    assert len(caught.value.findings) == 19
    with pytest.raises(SettingsError) as caught:
        loaded(PRODUCTION + ALL_LIMITS.replace("max_leverage: 2, ", ""), {"HEDGEBOT__RISK__MAX_LEVERAGE": "2"})
    assert [finding.key for finding in caught.value.findings] == ["risk.max_leverage"]  # the environment is not the file


def test_where_collateral_moves_by_itself_its_limits_stand_in_the_file_too(loaded: Load) -> None:
    limits = {"low: 1.8", "high: 1.2", "max_transfer_coins: 1", "max_transfer_coins_per_day: 2"}
    for missing in ("", *limits):
        said = ", ".join(["auto_transfer: true", *sorted(limits - {missing})])
        text = PRODUCTION + ALL_LIMITS + f"collateral: {{BTC: {{{said}}}}}\n"
        if not missing:
            assert loaded(text).collateral["BTC"].auto_transfer
            continue
        with pytest.raises(SettingsError) as caught:
            loaded(text)
        assert [finding.key for finding in caught.value.findings] == [f"collateral.BTC.{missing.split(':')[0]}"]


def test_an_automatic_band_needs_no_edges_on_production(loaded: Load) -> None:
    text = PRODUCTION + ALL_LIMITS.replace("low: 0.995, safe_low: 1.0, safe_high: 1.0, high: 1.005", "auto: true")
    assert loaded(text).auto_band == AutoBand(Decimal(3))
    with pytest.raises(SettingsError) as caught:
        loaded(text.replace("auto: true, ", ""))
    assert sorted(finding.key for finding in caught.value.findings) == ["band.high", "band.low", "band.safe_high", "band.safe_low"]


def test_other_environments_do_without(loaded: Load) -> None:
    assert loaded(PRODUCTION.replace("production", "testnet")).venue.environment == "testnet"


def test_limits_under_an_account_stand_in_the_file(loaded: Load) -> None:
    inner = "".join(f"    {line}\n" for line in (PRODUCTION + ALL_LIMITS).splitlines())
    assert loaded("accounts:\n  desk:\n" + inner).venue.environment == "production"


def test_a_missing_file_is_told_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match=r"hedge\.yaml: does not exist; write one with `hedgebot init`"):
        load(Path("hedge.yaml"), {}, {})
