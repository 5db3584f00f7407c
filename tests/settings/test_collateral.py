"""Where may the bot be allowed to move collateral, and what does it say where it may not?"""

from pathlib import Path

import pytest

from bot.core.rules import CollateralRule
from bot.settings import defaulted_limits, load, to_rules
from bot.settings_check import check
from bot.settings_text import SettingsError
from bot.venue_offers import OFFERS

KEYS = ("low", "high", "max_transfer_coins", "max_transfer_coins_per_day")


def flags(venue: str, environment: str | None, **more: str) -> dict[str, str]:
    place = {} if environment is None else {"venue.environment": environment}
    named = {key.replace("__", "."): value for key, value in more.items()}
    return {
        **{"venue.name": venue, **place, "bag.BTC.coins": "2", "hedges.BTC.ratio": "1"},
        **{"collateral.BTC.auto_transfer": "true", **named},
    }


@pytest.mark.parametrize(
    ("venue", "environment", "why"),
    [
        ("deribit", "testnet", "may withdraw too (wallet:read_write)"),
        ("krakenfutures", "demo", "may withdraw too (its Withdraw permission)"),
        ("binancecoinm", "demo", "not proven on the wire"),
        ("bingx", "production", "no transfer that was proven on the wire"),
        ("mexc", "production", "no transfer that was proven on the wire"),
        ("bybit", "demo", "bybit demo has no such wallet"),
    ],
)
def test_a_venue_where_the_right_would_be_too_much_or_was_never_proven_is_refused(venue: str, environment: str, why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, {}, flags(venue, environment))
    assert "collateral.BTC.auto_transfer" in str(refused.value)
    assert why in str(refused.value)
    assert "write auto_transfer: false and move coins by hand" in str(refused.value)


@pytest.mark.parametrize(("venue", "environment"), [("paper", None), ("bybit", "testnet"), ("okx", "demo")])
def test_it_is_taken_where_it_was_proven(venue: str, environment: str | None) -> None:
    settings = load(None, {}, flags(venue, environment))
    (leg,) = to_rules(settings, version="1", absence_ms=0, absence_polls=1).legs
    assert leg.collateral.auto
    assert leg.collateral.goal == CollateralRule().goal


def test_a_linear_contract_is_margined_in_usdt_and_takes_no_coins() -> None:
    with pytest.raises(SettingsError, match="is USDT, not BTC"):
        load(None, {}, {**flags("paper", None), "hedges.BTC.instrument": "BTC/USDT:USDT", "paper.collateral.USDT": "1000"})


def missing_on_production(folder: Path, written: str) -> set[str]:
    (folder / "hedge.yaml").write_text(
        "venue: {name: bybit, environment: production}\nbag: {BTC: {coins: 2}}\nhedges: {BTC: {ratio: 1}}\n"
        f"collateral: {{BTC: {{{written}}}}}\n"
    )
    with pytest.raises(SettingsError) as refused:
        load(folder / "hedge.yaml", {}, {})
    return {finding.key for finding in refused.value.findings if finding.key.startswith("collateral.")}


def test_on_production_each_of_its_limits_must_stand_in_the_file(tmp_path: Path) -> None:
    assert missing_on_production(tmp_path, "auto_transfer: true") == {f"collateral.BTC.{key}" for key in KEYS}
    assert missing_on_production(tmp_path, "auto_transfer: true, low: 1.7, max_transfer_coins: 1") == {
        "collateral.BTC.high",
        "collateral.BTC.max_transfer_coins_per_day",
    }
    assert missing_on_production(tmp_path, "auto_transfer: false") == set()


def test_limits_that_nobody_wrote_down_are_told_at_the_start() -> None:
    told = {key for key, _ in defaulted_limits(load(None, {}, flags("paper", None))) if "collateral" in key}
    assert told == {f"collateral.BTC.{key}" for key in KEYS}


def test_coins_beside_the_account_that_the_bag_does_not_declare_are_told() -> None:
    found = {finding.key: str(finding) for finding in check(load(None, {}, {**flags("paper", None), "paper.wallet.BTC": "3"}))}
    assert "paper.wallet.BTC" in found
    found = {finding.key for finding in check(load(None, {}, {**flags("paper", None), "paper.wallet.BTC": "2"}))}
    assert "paper.wallet.BTC" not in found
    assert "paper.wallet.BTC" in {finding.key for finding in check(load(None, {}, flags("paper", None)))}  # and an empty one too


def test_every_venue_says_why_it_moves_nothing() -> None:
    assert {name for name, offer in OFFERS.items() if not offer.no_transfer} == {"paper", "bybit", "okx"}
