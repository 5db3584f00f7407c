"""What `bag.X.sources` may say; each refusal names the key and the remedy, and no secret shows."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

from bot.cli_config import accounts_from
from bot.settings import SettingsError, config_hash, load, to_rules
from bot.settings_docs import example_yaml, json_schema
from bot.settings_root import Settings

COLD = "{address: bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4}"
KEY = "HEDGEBOT__BAG__BTC__SOURCES__KRAKEN__"
KEYS = {f"{KEY}API_KEY": "key-of-a-wallet", f"{KEY}API_SECRET": "secret-of-a-wallet"}


def loaded(folder: Path, bag: str, env: dict[str, str] | None = None, more: str = "") -> Settings:
    (folder / "hedge.yaml").write_text(f"bag: {{{bag}}}\nhedges: {{{bag.split(':', maxsplit=1)[0]}: {{ratio: 1.0}}}}\n{more}")
    return load(folder / "hedge.yaml", env or {}, {})


REFUSED = [
    ("BTC: {sources: {cold: {address: bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5}}}", r"cold\.address is .*mistyped: .*copy it from"),
    ("BTC: {sources: {cold: {address: tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx}}}", "worth nothing"),
    ("SOL: {sources: {cold: {address: 7v91N7iZ9mNicL8WfG6cgSCKyRXydQjLh6UYBWwm6y1Q}}}", "only those of BTC and ETH can be watched"),
    ('ETH: {sources: {cold: {address: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}}}', r"cold\.api is not given; name an Ethereum node"),
    ("BTC: {sources: {kraken: {exchange: kraken}}}", rf"api_key is not set, .*set {KEY}API_KEY_FILE"),
    ("BTC: {sources: {x: {exchange: mtgox}}}", "'binance', 'coinbase', 'bybit', 'okx' or 'kraken'"),
    ("BTC: {sources: {x: {}}}", "says neither coins nor exchange nor address nor url"),
    ("BTC: {sources: {x: {coins: 1, url: 'http://127.0.0.1/'}}}", "gives coins and url; a source is exactly one"),
    ("BTC: {sources: {x: {url: 'http://127.0.0.1/', wallets: spot}}}", r"x\.wallets is given, and this source is no exchange"),
    ("BTC: {sources: {x: {url: 'ftp://127.0.0.1/'}}}", r"x\.url does not begin with https://"),
    ("BTC: {sources: {x: {url: 'http://127.0.0.1/', max_age_seconds: 59}}}", "less than poll_seconds 60"),
    (f"BTC: {{sources: {{a: {COLD}, b: {COLD}}}}}", r"b is what source a reads: its coins would count twice"),
    ("BTC: {sources: {x: {adress: y}}}", r"did you mean bag\.BTC\.sources\.x\.address"),
    ("BTC: {sources: {x: {url: 'http://127.0.0.1/', api_key: abc}}}", "is a secret, and secrets do not belong into this file"),
    ("BTC: {sources: {}}", r"bag\.BTC\.coins is not given"),
]


@pytest.mark.parametrize(("bag", "why"), REFUSED)
def test_what_cannot_be_read_is_refused(tmp_path: Path, bag: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        loaded(tmp_path, bag)


def test_declared_coins_lie_beside_sources_and_among_them(tmp_path: Path) -> None:
    held = loaded(tmp_path, f"BTC: {{coins: 1, sources: {{drawer: {{coins: 0.5}}, cold: {COLD}}}}}").bag["BTC"]
    assert held.declared == Decimal("1.5")
    assert list(held.read) == ["cold"]
    assert loaded(tmp_path, f"BTC: {{sources: {{cold: {COLD}}}}}").bag["BTC"].declared == 0


def test_coins_on_their_way_are_waited_for_only_where_something_is_read(tmp_path: Path) -> None:
    def transit_ms(bag: str) -> int:
        return to_rules(loaded(tmp_path, bag), version="1", absence_ms=0, absence_polls=1).legs[0].transit_ms

    assert transit_ms(f"BTC: {{sources: {{cold: {COLD}}}, transit_seconds: 90}}") == 90_000
    assert transit_ms("BTC: {coins: 1, transit_seconds: 90}") == 0


@pytest.mark.parametrize("way", ["environment", "file", "folder"])
def test_the_key_of_a_wallet_comes_from_outside_the_file(tmp_path: Path, way: str) -> None:
    env = dict(KEYS)
    if way != "environment":
        folder = tmp_path / "secrets"
        folder.mkdir()
        for name, text in KEYS.items():
            (folder / name).write_text(text + "\n")
        env = {"HEDGEBOT_SECRETS_DIR": str(folder)} if way == "folder" else {f"{name}_FILE": str(folder / name) for name in KEYS}
    settings = loaded(tmp_path, "BTC: {sources: {Kraken: {exchange: kraken}}}", env)
    (source,) = settings.bag["BTC"].read.values()
    assert source.api_key is not None
    assert source.api_key.get_secret_value() == "key-of-a-wallet"
    assert "of-a-wallet" not in repr(settings)
    assert config_hash(settings) == config_hash(
        loaded(tmp_path, "BTC: {sources: {kraken: {exchange: kraken}}}", {**KEYS, f"{KEY}API_KEY": "x"})
    )


@pytest.mark.parametrize(
    ("wallets", "key", "good"), [("all", "own", False), ("spot", "own", False), ("funding", "own", True), ("all", "other", True)]
)
def test_collateral_is_not_counted_as_a_wallet_too(tmp_path: Path, wallets: str, key: str, good: bool) -> None:
    env = {
        "HEDGEBOT__VENUE__API_KEY": "own",
        "HEDGEBOT__VENUE__API_SECRET": "s",
        "HEDGEBOT__BAG__BTC__SOURCES__SPOT__API_KEY": key,
        "HEDGEBOT__BAG__BTC__SOURCES__SPOT__API_SECRET": "s",
    }
    bag = f"BTC: {{sources: {{spot: {{exchange: bybit, wallets: {wallets}}}}}}}"

    def made() -> Settings:
        return loaded(tmp_path, bag, env, "venue: {name: bybit, environment: testnet}")

    if good:
        assert made().bag["BTC"].read["spot"].wallets == wallets
    else:
        with pytest.raises(SettingsError, match="is the collateral of the hedge: it would count twice"):
            made()


def test_the_example_of_every_kind_of_source_can_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = example_yaml().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("#     sources:"))
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("# "))
    lines[start:end] = [line.removeprefix("# ") for line in lines[start:end]]
    (tmp_path / "hedge.yaml").write_text("\n".join(lines))
    for name, text in KEYS.items():
        monkeypatch.setenv(name, text)
    (settings,) = accounts_from(tmp_path / "hedge.yaml")
    assert sorted(source.kind for source in settings.bag["BTC"].sources.values()) == ["address", "coins", "exchange", "url"]


def test_editors_take_a_bag_of_sources_alone() -> None:
    document: dict[str, Any] = {"version": 1, "bag": {"BTC": {"sources": {"cold": {"address": "x"}}}}, "hedges": {"BTC": {"ratio": 1}}}
    validate(document, json_schema())
    assert "api_key" not in json_schema()["$defs"]["Source"]["properties"]
