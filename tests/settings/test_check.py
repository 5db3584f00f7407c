"""`check` finds what loads but would go wrong later, says what to do, and writes nothing."""

import os
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError
from bot.settings_check import check
from bot.wiring.fit import refuse_what_check_refuses
from tests.settings.conftest import BASE, Load
from tests.settings.test_load import ALL_LIMITS, PRODUCTION


def found(settings: Settings) -> dict[str, str]:
    findings = check(settings)
    assert all(finding.remedy for finding in findings)
    return {finding.key: f"{finding.severity}: {finding}" for finding in findings}


def test_the_defaults_give_no_finding_and_no_file(loaded: Load, tmp_path: Path) -> None:
    assert found(loaded()) == {}
    assert [file.name for file in tmp_path.iterdir()] == ["hedge.yaml"]


@pytest.mark.parametrize(("posted", "enough"), [("2.0198", False), ("2.0199", True)])
def test_collateral_that_cannot_carry_the_hedge_names_what_is_missing(loaded: Load, posted: str, enough: bool) -> None:
    # 4.0198 coins at leverage 2 with a collar of 1 %: N/P per coin posted is 2 * 1.01 / 1.02
    spot = "1.9802" if enough else "1.9803"
    settings = loaded(f"bag: {{BTC: {{coins: {spot}}}}}\nhedges: {{BTC: {{}}}}\npaper: {{collateral: {posted}}}\n")
    said = found(settings).get("paper.collateral.BTC", "")
    assert bool(said) is not enough
    if not enough:
        assert (
            "is 2.0198: that carries at most a hedge of 3.9999 BTC at max_leverage 2, and 4.0001 are wanted; post 0.0001 BTC more" in said
        )


def test_posting_what_is_said_to_be_missing_is_enough(loaded: Load) -> None:
    said = found(loaded("bag: {BTC: {coins: 4}}\nhedges: {BTC: {}}\npaper: {collateral: 1}\n"))["paper.collateral.BTC"]
    assert "post 1.5248 BTC more out of the bag" in said
    assert found(loaded("bag: {BTC: {coins: 2.4752}}\nhedges: {BTC: {}}\npaper: {collateral: 2.5248}\n")) == {}


def test_below_a_leverage_of_one_no_collateral_is_ever_enough_and_none_is_asked_for(loaded: Load) -> None:
    text = "bag: {BTC: {coins: 2}}\nhedges: {BTC: {}}\npaper: {collateral: 1}\nrisk: {max_leverage: 0.5}\n"
    said = found(loaded(text))["paper.collateral.BTC"]
    assert said.endswith("raise risk.max_leverage: each coin posted needs a hedge of its own")


def test_what_is_posted_on_paper_is_of_no_account_at_a_real_venue(loaded: Load) -> None:
    keys = {"HEDGEBOT__VENUE__API_KEY": "k", "HEDGEBOT__VENUE__API_SECRET": "s"}
    text = BASE + "paper: {collateral: 0.1, wallet: {BTC: 9}}\n"
    assert set(found(loaded(text))) == {"paper.collateral.BTC", "paper.wallet.BTC"}
    assert found(loaded(text + "venue: {name: bybit, environment: testnet}\n", keys)) == {}


@pytest.mark.parametrize(("posted", "enough"), [("51499.99", False), ("51500", True)])
def test_linear_collateral_is_counted_in_usdt(loaded: Load, posted: str, enough: bool) -> None:
    text = "bag: {ETH: {coins: 100}}\nhedges: {ETH: {instrument: ETH/USDT:USDT}}\npaper: {price: {ETH: 1000}, "
    text += f"collateral: {{USDT: {posted}}}}}\n"
    assert ("paper.collateral.USDT" in found(loaded(text))) is not enough


@pytest.mark.parametrize(("posted", "enough"), [("51499.99", False), ("51500", True)])
def test_linear_contracts_share_what_is_posted(loaded: Load, posted: str, enough: bool) -> None:
    text = "bag: {ETH: {coins: 50}, SOL: {coins: 500}}\nhedges: {ETH: {instrument: ETH/USDT:USDT}, SOL: {instrument: SOL/USDT:USDT}}\n"
    text += f"paper: {{price: {{ETH: 1000, SOL: 100}}, collateral: {{USDT: {posted}}}}}\n"
    said = found(loaded(text)).get("paper.collateral.USDT", "")
    assert bool(said) is not enough
    assert enough or "the hedges of ETH and SOL together come to 100000" in said


@pytest.mark.parametrize(("limit", "enough"), [("299999", False), ("300000", True)])
def test_a_position_limit_below_the_hedge_is_found(loaded: Load, limit: str, enough: bool) -> None:
    assert ("risk.max_position_usd" in found(loaded(BASE + f"risk: {{max_position_usd: {limit}}}\n"))) is not enough


def test_a_database_in_a_folder_that_is_not_there_is_an_error(loaded: Load, tmp_path: Path) -> None:
    said = found(loaded(BASE + "audit: {url: 'sqlite:///gone/x.db'}\npaper: {url: 'sqlite:////proc/nowhere/y.db'}\nkill_file: gone/stop\n"))
    assert said["audit.url"].startswith("error: ")
    assert f"lies in {tmp_path / 'gone'}, which does not exist; make it: mkdir -p {tmp_path / 'gone'}" in said["audit.url"]
    assert "/proc/nowhere" in said["paper.url"]
    assert "does not exist" in said["kill_file"]
    (tmp_path / "folder.db").mkdir()
    assert "a folder" in found(loaded(BASE + "audit: {url: 'sqlite:///folder.db'}\n"))["audit.url"]
    assert "a folder" in found(loaded(BASE + "kill_file: folder.db\n"))["kill_file"]


def test_a_folder_where_this_user_may_not_write_is_an_error(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # permission bits would not stop root, who may run this
    assert "where this user may not write: it belongs to uid" in found(loaded())["audit.url"]
    assert (
        f"and this is uid {os.getuid()}; give the folder to the user who runs the bot: chown {os.getuid()} " in found(loaded())["audit.url"]
    )


def test_a_database_that_this_user_may_only_read_is_an_error(loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hedgebot.db").touch()
    assert "audit.url" not in found(loaded())
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path).suffix == ".db" and mode & os.W_OK))  # as above
    assert found(loaded())["audit.url"].startswith("error: ")
    assert "hedgebot.db, which this user may not read and write" in found(loaded())["audit.url"]


def test_a_kill_file_that_exists_is_a_warning(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "hedgebot.kill").touch()
    assert "warning: configuration: kill_file hedgebot.kill exists: nothing will be sent" in found(loaded())["kill_file"]


def test_a_feed_that_is_not_there_is_an_error(loaded: Load, tmp_path: Path) -> None:
    assert "cannot be read" in found(loaded(BASE + "paper: {feed: btc.csv}\n"))["paper.feed"]
    assert "cannot be read" in found(loaded(BASE + "paper: {feed: BTC.CSV}\n"))["paper.feed"]
    (tmp_path / "btc.csv").touch()
    assert found(loaded(BASE + "paper: {feed: btc.csv}\n")) == {}


@pytest.mark.parametrize(
    ("host", "open_to_others"),
    [("127.0.0.1", False), ("127.9.9.9", False), ("::1", False), ("[::1]", False), ("localhost", False), ("0.0.0.0", True), ("::", True)],
)
def test_a_server_open_to_others_needs_a_token(loaded: Load, host: str, open_to_others: bool) -> None:
    text = BASE + f"api: {{host: '{host}'}}\n"
    assert ("api.host" in found(loaded(text))) is open_to_others
    assert "api.host" not in found(loaded(text, {"HEDGEBOT__API__TOKEN": "t"}))


@pytest.mark.parametrize(("port", "odd"), [("0", False), ("1", True), ("1023", True), ("1024", False)])
def test_a_port_for_root_only_is_found(loaded: Load, port: str, odd: bool) -> None:
    assert ("api.port" in found(loaded(BASE + f"api: {{port: {port}}}\n"))) is odd


def test_a_real_venue_without_its_keys_is_found(loaded: Load) -> None:
    text = BASE + "venue: {name: okx, environment: demo}\n"
    assert {key for key in found(loaded(text)) if key.startswith("venue")} == {"venue.api_key", "venue.api_secret", "venue.passphrase"}
    assert found(loaded(text))["venue.api_key"].startswith("warning: ")
    refuse_what_check_refuses(loaded(text + "mode: live\n"))
    assert found(loaded(text + "mode: live\n"))["venue.api_key"].startswith("error: ")
    bybit = loaded(text.replace("okx", "bybit"), {"HEDGEBOT__VENUE__API_KEY": "k", "HEDGEBOT__VENUE__API_SECRET": "s"})
    assert found(bybit) == {}


@pytest.mark.parametrize(
    ("place", "severity", "remedy"),
    [
        ("environment: testnet", "warning", "see that it is yours"),
        ("environment: production", "error", "write `venue.allow_base_url_production: true` if that is meant"),
        ("environment: production, allow_base_url_production: true", "warning", "see that it is yours"),
    ],
)
def test_another_address_of_a_venue_is_told_and_on_production_needs_a_word(loaded: Load, place: str, severity: str, remedy: str) -> None:
    keys = {"HEDGEBOT__VENUE__API_KEY": "k", "HEDGEBOT__VENUE__API_SECRET": "s"}
    said = found(loaded(BASE + ALL_LIMITS + f"venue: {{name: bybit, {place}, base_url: 'https://x.org'}}\n", keys))["venue.base_url"]
    assert said.startswith(f"{severity}: ")
    assert "sends every request to https://x.org: nothing proves that this is" in said
    assert remedy in said


@pytest.mark.parametrize(
    ("given", "lacking", "half"),
    [
        ({"API_KEY": "k"}, {"venue.api_secret", "venue.passphrase"}, "venue.api_key is"),
        ({"API_KEY": "k", "API_SECRET": "s"}, {"venue.passphrase"}, "venue.api_key and venue.api_secret are"),
    ],
)
def test_half_a_key_is_an_error_also_where_nothing_is_sent(loaded: Load, given: dict[str, str], lacking: set[str], half: str) -> None:
    env = {f"HEDGEBOT__VENUE__{name}": value for name, value in given.items()}
    settings = loaded(BASE + "venue: {name: okx, environment: demo}\n", env)
    said = found(settings)
    assert set(said) == lacking
    with pytest.raises(SettingsError, match="takes no half of a key"):
        refuse_what_check_refuses(settings)  # while without any part of one it may look
    for key in lacking:
        assert said[key].startswith("error: ")
        assert f"{key} is not set, and {half}: okx takes no half of a key; set HEDGEBOT__VENUE__" in said[key]


def test_postgresql_without_a_password_is_a_warning(loaded: Load) -> None:
    text = BASE + "audit: {url: 'postgresql://u@h/db'}\n"
    assert found(loaded(text))["audit.password"].startswith("warning: ")
    assert found(loaded(text, {"HEDGEBOT__AUDIT__PASSWORD": "p"})) == {}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("execution: {max_slippage_bps: 101}", "execution.max_slippage_bps"),
        ("execution: {max_order_usd: 2000001}", "execution.max_order_usd"),
        ("cycle_seconds: 15.001", "risk.max_data_age_seconds"),
        ("collateral: {ETH: {}}", "collateral.ETH"),
        ("venue: {base_url: 'https://x.org'}", "venue.base_url"),
    ],
)
def test_limits_that_get_in_each_others_way_are_found(loaded: Load, text: str, key: str) -> None:
    assert list(found(loaded(BASE + text + "\n"))) == [key]


@pytest.mark.parametrize("text", ["execution: {max_slippage_bps: 100}", "execution: {max_order_usd: 2000000}", "cycle_seconds: 15"])
def test_limits_that_just_fit_are_no_finding(loaded: Load, text: str) -> None:
    assert found(loaded(BASE + text + "\n")) == {}


def test_an_asset_without_a_hedge_is_found(loaded: Load) -> None:
    text = "bag: {BTC: {coins: 2}, ETH: {coins: %s}}\nhedges: {BTC: {}}\n"
    assert "is declared but not hedged" in found(loaded(text % "1"))["bag.ETH"]
    assert found(loaded(text % "0")) == {}
    read = text % "0, sources: {vault: {url: 'https://example.org/bag.json', path: coins.ETH}}"
    assert "is declared but not hedged" in found(loaded(read))["bag.ETH"]


def test_a_tight_band_under_a_share_of_the_value_is_found(loaded: Load) -> None:
    text = "bag: {BTC: {coins: 2}}\nhedges: {BTC: {basis: value, ratio: 0.5}}\n"
    assert found(loaded(text)) == {}
    assert "delete the four edges" in found(loaded(text + "band: {low: 0.995, high: 1.005}\n"))["band"]
    assert found(loaded(text + "band: {low: 0.99, high: 1.01}\n")) == {}
    assert found(loaded(text.replace("0.5", "1") + "band: {low: 0.995, high: 1.005}\n")) == {}  # the whole of it moves with the price


def test_an_automatic_band_whose_edges_are_written_is_found(loaded: Load) -> None:
    assert "delete low and high" in found(loaded(BASE + "band: {auto: true, low: 0.99, high: 1.01}\n"))["band.auto"]
    assert found(loaded(BASE + "band: {auto: true, low: 0.99}\n")) == {}
    value = "bag: {BTC: {coins: 2}}\nhedges: {BTC: {basis: value, ratio: 0.5}}\n"
    assert found(loaded(value + "band: {auto: true, low: 0.999}\n")) == {}


def test_errors_come_before_warnings(loaded: Load) -> None:
    findings = check(loaded(BASE + "api: {port: 80}\nkill_file: gone/x\n"))
    assert [finding.severity for finding in findings] == ["error", "warning"]


SMALL = "bag: {{BTC: {{coins: 0.0001}}}}\nhedges: {{BTC: {{}}}}\npaper: {{collateral: 0.0003}}\nband: {{min_order_usd: {least}}}\n"


@pytest.mark.parametrize(("least", "enough"), [("24.01", False), ("24", True)])
def test_a_hedge_that_counts_as_none_because_it_is_so_small_is_found(loaded: Load, least: str, enough: bool) -> None:
    said = found(loaded(SMALL.format(least=least))).get("band.min_order_usd", "")
    assert bool(said) is not enough
    assert enough or "warning" in said
    assert enough or "is 24.01, and hedging BTC takes 24 USD" in said


WHALE = "bag: {BTC: {coins: 16000}}\nhedges: {BTC: {}}\npaper: {collateral: 24000}\n"


def test_limits_under_which_a_hedge_would_take_years_are_found(loaded: Load) -> None:
    # 40,000 coins at 60,000 are 2.4e9 USD: 1,200 days of 2e6 USD each, and 1,200 minutes of 20 orders of 1e5 USD each
    said = found(loaded(WHALE + "risk: {max_position_usd: 3e9}\n"))
    assert set(said) == {"risk.max_turnover_usd_per_day", "execution.max_order_usd"}
    assert "takes 2400000000 USD: 1,200 days" in said["risk.max_turnover_usd_per_day"]
    assert "at best 1,200 minutes" in said["execution.max_order_usd"]


def test_limits_wide_enough_for_a_large_hedge_are_let_pass(loaded: Load) -> None:
    limits = "risk: {max_position_usd: 3e9, max_turnover_usd_per_day: 2.4e9}\nexecution: {max_order_usd: 2e6}\n"
    assert found(loaded(WHALE + limits)) == {}


def test_more_than_a_whole_hedge_on_production_is_found_where_orders_are_sent(loaded: Load) -> None:
    text = PRODUCTION + ALL_LIMITS.replace("allow_over_hedge: false", "allow_over_hedge: true")
    assert "net short" in found(loaded(text + "mode: live\n"))["risk.allow_over_hedge"]
    assert "risk.allow_over_hedge" not in found(loaded(text))
    assert "risk.allow_over_hedge" not in found(loaded(text.replace("production", "testnet") + "mode: live\n"))


def test_beyond_the_position_limit_no_day_is_counted(loaded: Load) -> None:
    """What the limit leaves is all that is ever traded."""
    text = "bag: {BTC: {coins: 100}}\nhedges: {BTC: {}}\npaper: {price: 60000, collateral: 100}\n"
    said = found(loaded(text + "risk: {max_position_usd: 1000000, max_turnover_usd_per_day: 1000000}\n"))
    assert "risk.max_position_usd" in said
    assert "risk.max_turnover_usd_per_day" not in said


def test_what_is_to_be_flat_is_not_called_too_small(loaded: Load) -> None:
    assert "band.min_order_usd" not in found(loaded("bag: {BTC: {coins: 2}}\nhedges: {BTC: {ratio: 0}}\n"))
