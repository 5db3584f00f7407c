"""Whatever is wrong with the configuration is refused in one line that names the place, the key and the remedy."""

import pytest

from tests.settings.conftest import BASE, Load, Refuse

NO_HEDGE = "bag: {BTC: {coins: 2}}\n"


def hedge(text: str, bag: str = "BTC: {coins: 2}") -> str:
    return f"bag: {{{bag}}}\nhedges: {{BTC: {{{text}}}}}\n"


# ------------------------------------------------------------------------------------------------------------------ keys


def test_an_unknown_key_names_its_line_and_the_nearest_known_one(refused: Refuse) -> None:
    message = refused(BASE + "risk:\n  max_levrage: 2\n")
    assert message == "hedge.yaml:4: risk.max_levrage is not a key that exists; did you mean risk.max_leverage?"


def test_a_key_in_the_wrong_section_names_the_right_one(refused: Refuse) -> None:
    assert "did you mean risk.max_leverage?" in refused(BASE + "max_leverage: 2\n")
    assert "did you mean band.cooldown_seconds?" in refused(BASE + "risk: {cooldown_seconds: 2}\n")


def test_a_key_like_no_other_is_told_what_there_is(refused: Refuse) -> None:
    assert refused(BASE + "reconcile: {zzz: 2}\n") == "hedge.yaml:3: reconcile.zzz is not a key that exists; the keys here are foreign"


def test_every_unknown_key_is_named_at_once(refused: Refuse) -> None:
    assert len(refused(BASE + "a1: 1\nb2: 2\nrisk: {c3: 1}\n").splitlines()) == 3


def test_an_unknown_variable_names_itself_and_the_nearest_known_one(refused: Refuse) -> None:
    message = refused(env={"HEDGEBOT__RISK__MAX_LEVRAGE": "2"})
    assert message == "HEDGEBOT__RISK__MAX_LEVRAGE: is not a setting that exists; did you mean HEDGEBOT__RISK__MAX_LEVERAGE?"


def test_an_unknown_flag_names_the_nearest_known_key(refused: Refuse) -> None:
    assert "command line: hedges.BTC.ration is not a key that exists; did you mean hedges.BTC.ratio?" in refused(
        flags={"hedges.BTC.ration": "1"}
    )


@pytest.mark.parametrize("name", ["HEDGEBOT__", "HEDGEBOT__RISK__", "HEDGEBOT____RISK", "HEDGEBOT__CYCLE_SECONDS__X"])
def test_a_malformed_variable_is_refused(refused: Refuse, name: str) -> None:
    assert refused(env={name: "2"}).startswith(f"{name}: ")


def test_a_section_is_not_a_value_and_a_value_is_not_a_section(refused: Refuse) -> None:
    assert "risk is '5', but has keys below it" in refused(BASE + "risk: 5\n")
    assert "cycle_seconds has keys below it, but is a single value" in refused(BASE + "cycle_seconds: {a: 1}\n")
    assert "HEDGEBOT__RISK: risk is a section, not a value" in refused(env={"HEDGEBOT__RISK": "5"})
    assert "bag is a section, not a value; name a key in it, such as bag.BTC" in refused(env={"HEDGEBOT__BAG": "5"})
    assert "bag.BTC is '2', but has keys below it; write `bag.BTC: {coins: …}`" in refused("bag: {BTC: 2}\nhedges: {BTC: {}}\n")


def test_one_setting_under_two_spellings_of_a_variable_is_refused(refused: Refuse) -> None:
    assert "is given twice" in refused(env={"HEDGEBOT__MODE": "live", "hedgebot__mode": "dry-run"})


# ------------------------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("ratio", ["0", "0.0", "0.85", "1", "1.0", "0.1234567890123456789012345678"])
def test_a_ratio_lies_between_0_and_1(loaded: Load, ratio: str) -> None:
    assert str(loaded(hedge(f"ratio: {ratio}")).hedges["BTC"].ratio) == ratio


@pytest.mark.parametrize(
    ("ratio", "says"),
    [
        ("1.000001", "is 1.000001, outside 0 … 1; write a share of the bag such as 0.85, or set risk.allow_over_hedge"),
        ("85", "is 85, outside 0 … 1; did you mean 0.85?"),
        ("100", "did you mean 1?"),
        ("850", "outside 0 … 1"),
        ("-0.0001", "is '-0.0001', but must be at least 0"),
        ("nan", "is 'nan', which is not a number"),
        (".nan", "is not a number"),
        ("inf", "is not a number"),
        ("85%", "did you mean 0.85?"),
        ("'0,85'", "did you mean 0.85?"),
        ("half", "is 'half', which is not a number"),
        ("true", "is 'true', which is not a number"),
        ("1_0", "did you mean 10?"),
        ("0x1", "is not a number"),
        ("1:30", "is not a number"),
        ("[1]", "is a list"),
        ("{a: 1}", "has keys below it, but is a single value"),
        ("1e-999999999", "is not a number"),
        ("0.12345678901234567890123456789", "has more than 28 digits; round it"),
        ("", "is empty, which is not a number"),
    ],
)
def test_a_ratio_outside_0_to_1_is_refused(refused: Refuse, ratio: str, says: str) -> None:
    message = refused(hedge(f"ratio: {ratio}"))
    assert message.startswith("hedge.yaml:2: hedges.BTC.ratio")
    assert says in message


def test_over_hedging_needs_permission_and_ends_at_twice(loaded: Load, refused: Refuse) -> None:
    allowed = "risk: {allow_over_hedge: true}\n"
    assert loaded(hedge("ratio: 2") + allowed).hedges["BTC"].ratio == 2
    assert "outside 0 … 2" in refused(hedge("ratio: 2.01") + allowed)
    assert "did you mean 0.85?" in refused(hedge("ratio: 85") + allowed)


def test_coins_are_never_negative(loaded: Load, refused: Refuse) -> None:
    assert loaded(hedge("", "BTC: {coins: 0}")).bag["BTC"].coins == 0
    assert "bag.BTC.coins is '-1', but must be at least 0" in refused(hedge("", "BTC: {coins: -1}"))
    assert "paper.collateral.BTC is '-1', but must be at least 0" in refused(BASE + "paper: {collateral: -1}\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cycle_seconds: 0", "cycle_seconds is '0', but must be more than 0"),
        ("cycle_seconds: 0.0001", "finer than a millisecond"),
        ("cycle_seconds: 5s", "is not a number"),
        ("execution: {order_ttl_seconds: -3}", "must be more than 0"),
        ("execution: {max_reprices: 2.5}", "is not a whole number"),
        ("execution: {max_reprices: 0}", "must be at least 1"),
        ("execution: {max_slippage_bps: 10000}", "must be less than 10000"),
        ("execution: {max_order_usd: 99}", "execution.max_order_usd is 99, below band.min_order_usd 100"),
        ("execution: {max_order_usd: 1e-9}\nband: {min_order_usd: 1e-8}", "is 0.000000001, below band.min_order_usd 0.00000001"),
        ("paper: {collateral: 1E+13}", "but must be at most 1000000000000"),
        ("cycle_seconds: 1e-9", "cycle_seconds is 0.000000001, finer than a millisecond"),
        ("risk: {max_orders_per_minute: 0}", "must be at least 1"),
        ("risk: {max_leverage: 0}", "must be more than 0"),
        ("risk: {max_leverage: 3.01}", "risk.max_leverage is 3.01, above hard_leverage 3"),
        ("risk: {allow_over_hedge: 1}", "neither true nor false"),
        ("band: {low: 1.001}", "band.low is 1.001, above safe_low 1"),
        ("band: {safe_high: 1.006}", "band.safe_high is 1.006, above high 1.005"),
        ("band: {safe_low: 1.001, safe_high: 1.001}", "band.safe_low is 1.001, above 1"),
        ("band: {low: 0.9, safe_low: 0.9, safe_high: 0.9, high: 0.99}", "band.high is 0.99, below 1"),
        ("band: {low: 0}", "must be more than 0"),
        ("band: {auto: true, low: 0.9, safe_low: 0.8}", "band.low is 0.9, above safe_low 0.8"),
        ("band: {risk_aversion: 0}", "must be more than 0"),
        ("collateral: {BTC: {low: 1.2, high: 1.2}}", "collateral.BTC.high is 1.2, not below low 1.2"),
        ("collateral: {BTC: {low: 3}}", "collateral.BTC.low is 3, not below risk.hard_leverage 3"),
        ("collateral: {BTC: {auto_transfer: true, max_transfer_coins: 4}}", "more than max_transfer_coins_per_day 3"),
        ("collateral: {BTC: {auto_transfer: maybe}}", "collateral.BTC.auto_transfer"),
        ("collateral: {BTC: {max_transfer_coins: -1}}", "collateral.BTC.max_transfer_coins"),
        ("execution: {schedule: vwap}", "execution.schedule"),
        ("execution: {slices: 1}", "execution.slices"),
        ("execution: {urgency: -1}", "execution.urgency"),
        ("execution: {max_depth_share: 0}", "execution.max_depth_share"),
        ("execution: {max_depth_share: 10}", "execution.max_depth_share"),
        ("execution: {schedule: twap, slices: 10, horizon_seconds: 49}", "write at least 50, or fewer slices"),
        ("execution: {reprice_after_seconds: 120}", "the bot would cross before it ever moved an order"),
        (
            "execution: {max_depth_share: 0.1}\nvenue: {name: mexc, environment: production}",
            "max_depth_share is 0.1, and the visible book of mexc is not read; write max_depth_share: null",
        ),
        ("dead_mans_switch: true", "dead_mans_switch is true, and venue paper has none that can be set over REST"),
        ("dead_mans_switch: true\nvenue: {name: bybit, environment: testnet}", "venue bybit has none"),
        ("cycle_seconds: 31\ndead_mans_switch: true\nvenue: {name: okx, environment: demo}", "cycle_seconds is 31, and the dead man's"),
        ("version: 2", "version is 2; this hedgebot reads version 1"),
        ("mode: paper", "mode is 'paper', but must be 'dry-run' or 'live'"),
        ("mode: null", "mode must be 'dry-run' or 'live'"),
        ("reconcile: {foreign: ignore}", "must be 'halt' or 'absorb'"),
        ("account: 'a b'", "account is 'a b'"),
        ("kill_file: ''", "kill_file"),
        ("api: {port: 65536}", "must be at most 65535"),
        ("api: {port: -1}", "must be at least 0"),
        ("paper: {spread_bps: -1}", "must be at least 0"),
        ("paper: {price: 0}", "paper.price.BTC is '0', but must be more than 0"),
        ("paper: {feed: prices.txt}", "write synthetic, the name of a .csv file, or live:VENUE"),
        ("paper: {feed: 'live:nowhere'}", "write synthetic"),
        ("paper: {feed: 'live:paper'}", "write synthetic"),
        ("targets: {url: 'https://x.org/t', max_age_seconds: 29}", "targets.max_age_seconds is 29, less than poll_seconds 30"),
        ("targets: {url: 'file:///etc/passwd'}", "does not begin with https:// or http://"),
        ("targets: {url: 'https:///t.json'}", "names no host"),
        ("targets: {poll_seconds: 30}", "targets.url is not given"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(refused: Refuse, text: str, says: str) -> None:
    message = refused(BASE + text + "\n")
    assert message.startswith("hedge.yaml:3: ")
    assert says in message


@pytest.mark.parametrize(
    "text",
    [
        "cycle_seconds: 0.001",
        "execution: {max_reprices: 1}",
        "execution: {max_slippage_bps: 9999}",
        "execution: {max_order_usd: 100}",
        "risk: {max_leverage: 3}",
        "band: {low: 1, safe_low: 1, safe_high: 1, high: 1}",
        "collateral: {BTC: {low: 2.99, high: 2.98}}",
        "collateral: {BTC: {auto_transfer: true, max_transfer_coins: 3}}",
        "execution: {schedule: twap, slices: 10, horizon_seconds: 50}",
        "cycle_seconds: 30\ndead_mans_switch: true\nvenue: {name: okx, environment: demo}",
        "api: {port: 0}",
        "api: {port: 65535}",
        "paper: {spread_bps: 0}",
        "paper: {feed: 'live:bybit'}",
        "paper: {feed: prices.CSV}",
        "targets: {url: 'https://x.org/t', max_age_seconds: 30}",
    ],
)
def test_the_last_value_that_makes_sense_is_taken(loaded: Load, text: str) -> None:
    loaded(BASE + text + "\n")


# ------------------------------------------------------------------------------------------------------------------ hedges


def test_nothing_to_hedge_is_refused(refused: Refuse) -> None:
    assert "hedges is empty: there is nothing to hedge; add for example" in refused(NO_HEDGE)


def test_a_missing_bag_is_never_zero(refused: Refuse) -> None:
    message = refused("hedges:\n  BTC: {ratio: 1}\n")
    assert "bag.BTC is not given, and a missing bag is never zero" in message
    assert "`bag: {BTC: {coins: 0}}`" in message


def test_a_bag_without_coins_is_refused(refused: Refuse) -> None:
    assert "hedge.yaml:1: bag.BTC.coins is not given" in refused("bag: {BTC: }\nhedges: {BTC: {}}\n")


def test_an_asset_in_lower_case_is_told_its_name(refused: Refuse) -> None:
    assert "did you mean BTC?" in refused("bag: {btc: {coins: 1}}\nhedges: {BTC: {}}\n")


@pytest.mark.parametrize("symbol", ["BTC/USD:BTC", "BTC/USDT:USDT"])
def test_a_perpetual_on_the_asset_is_taken(loaded: Load, symbol: str) -> None:
    settings = loaded(hedge(f"instrument: '{symbol}'") + "paper: {collateral: {BTC: 1, USDT: 1}}\n")
    assert settings.hedges["BTC"].instrument == symbol


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("BTC/USD:BTC-261225", "which expires"),
        ("BTC/USDT:USDT-261225", "which expires"),
        ("BTC/USD", "is not a perpetual's symbol"),
        ("BTCUSD", "is not a perpetual's symbol"),
        ("btc/usd:btc", "is not a perpetual's symbol"),
        ("ETH/USD:ETH", "a contract on ETH"),
        ("BTC/USD:ETH", "settled in ETH"),
        ("BTC/USDT:BTC", "settled in BTC and quoted in USDT"),
        ("BTC/USD:USDT", "settled in USDT and quoted in USD"),
        ("BTC/USDC:USDC", "settled in USDC"),
    ],
)
def test_what_is_no_perpetual_on_the_asset_is_refused(refused: Refuse, symbol: str, says: str) -> None:
    message = refused(hedge(f"instrument: '{symbol}'"))
    assert message.startswith("hedge.yaml:2: hedges.BTC.instrument is ")
    assert says in message
    assert "write BTC/USD:BTC (inverse) or BTC/USDT:USDT (linear)" in message


def test_paper_needs_a_price_and_collateral_for_each_hedge(refused: Refuse, loaded: Load) -> None:
    text = "bag: {ETH: {coins: 2}}\nhedges: {ETH: {}}\npaper: {%s}\n"
    assert "paper.price.ETH is not given, and hedges.ETH needs it" in refused(text % "collateral: {ETH: 1}")
    assert "paper.collateral.ETH is not given, and hedges.ETH needs it" in refused(text % "price: {ETH: 3000}")
    assert loaded(text % "price: {ETH: 3000}, collateral: {ETH: 1}").paper.price["ETH"] == 3000
    assert loaded(text % "feed: eth.csv, collateral: {ETH: 0}").paper.collateral["ETH"] == 0
    linear = "bag: {ETH: {coins: 2}}\nhedges: {ETH: {instrument: ETH/USDT:USDT}}\npaper: {price: {ETH: 1}, collateral: {ETH: 5}}\n"
    assert "paper.collateral.USDT is not given" in refused(linear)


# ------------------------------------------------------------------------------------------------------------------ venues and addresses


@pytest.mark.parametrize(
    ("venue", "says"),
    [
        ("name: paper, environment: testnet", "venue.environment is 'testnet', which paper does not have; write null"),
        ("name: bybit", "venue.environment is not given, and bybit needs one; write testnet or demo or production"),
        ("name: deribit, environment: demo", "venue.environment is 'demo', which deribit does not have; write testnet or production"),
        ("name: okx, environment: live", "venue.environment is 'live', which okx does not have; write demo or production"),
        ("name: deribit, environment: prod", "venue.environment is 'prod', which deribit does not have; write testnet or production"),
        ("name: bitmex, environment: testnet", "venue.name is 'bitmex', which this bot does not know; write one of paper, bybit"),
        ("base_url: 'ftp://x'", "does not begin with https:// or http://"),
    ],
)
def test_an_environment_that_the_venue_lacks_is_refused(refused: Refuse, venue: str, says: str) -> None:
    message = refused(BASE + f"venue: {{{venue}}}\n")
    assert message.startswith("hedge.yaml:3: ")
    assert says in message


@pytest.mark.parametrize(
    "venue", ["name: paper, environment: null", "name: bybit, environment: demo", "name: deribit, environment: testnet"]
)
def test_an_environment_that_the_venue_has_is_taken(loaded: Load, venue: str) -> None:
    loaded(BASE + f"venue: {{{venue}}}\n")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://host/db", "does not begin with sqlite:// or postgresql://"),
        ("hedgebot.db", "does not begin with sqlite://"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///x.db?mode=ro", "has options behind the file name"),
        ("postgresql://user@host", "names no database"),
        ("postgresql://user@host:port/db", "is not a URL"),
        ("postgresql://user@[host/db", "is not a URL"),
        ("sqlite:///paper.db", "paper.url is the audit database"),
        ("sqlite:///./paper.db", "paper.url is the audit database"),
    ],
)
def test_an_audit_address_that_cannot_be_used_is_refused(refused: Refuse, url: str, says: str) -> None:
    assert says in refused(BASE + f"audit: {{url: '{url}'}}\n")


@pytest.mark.parametrize("url", ["sqlite:///x.db", "sqlite:////var/lib/x.db", "postgresql://u@h/db", "postgresql+psycopg://u@h:5432/db"])
def test_an_audit_address_that_can_be_used_is_taken(loaded: Load, url: str) -> None:
    assert loaded(BASE + f"audit: {{url: '{url}'}}\n").audit.url == url
